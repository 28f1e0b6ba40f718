//! What a program means: the typed IR.
//!
//! In: `check` builds it from the syntax tree, one function per instantiation, so it is monomorphic from the start.
//! Out: `passes` transform it, `codegen` lowers it. Structured, every node typed, every conversion explicit; evaluation
//! order is the order of the fields, left to right.
//! Deliberately not here: layout, control-flow graphs, anything of LLVM.

mod ids;
mod pending;
pub mod print;
pub mod verify;
pub mod visit;

pub use coex_runtime::exports::RuntimeFunction;
pub use ids::{ExternId, FuncId, InlineId, LocalId};

use crate::source::{Span, Symbol};
use crate::types::{FunctionKind, LibraryId, TypeId, TypeTable};
use std::collections::BTreeMap;

/// A whole program.
#[derive(Debug)]
pub struct Program {
    pub types: TypeTable,
    /// Members of every `Type::User` and `Type::Result` that occurs.
    pub definitions: BTreeMap<TypeId, Definition>,
    /// Indexed by [`FuncId`].
    pub functions: Vec<Function>,
    /// Indexed by [`ExternId`].
    pub externs: Vec<Extern>,
    /// Indexed by [`LibraryId`].
    pub libraries: Vec<Symbol>,
    /// Indexed by [`InlineId`].
    pub inline_blocks: Vec<InlineBlock>,
    /// Made by `check`: no parameters, calls `main` with what it asks for, yields the exit status as int.
    pub entry: FuncId,
}

/// An `llvm_ir` block.
#[derive(Clone, Debug)]
pub struct InlineBlock {
    /// Registers, without `%`, with their types.
    pub params: Vec<(String, InlineType)>,
    pub result: InlineType,
    pub text: String,
    /// Of the text with its quotes.
    pub span: Span,
}

/// What a block can take and yield.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InlineType {
    Void,
    /// Bits: 1, 8, 16, 32 or 64.
    Int(u32),
    Float,
    Double,
}

/// Members of a user type. `Result` is an enum with cases `Ok` (0) and `Err` (1).
#[derive(Clone, Debug)]
pub enum Definition {
    Record {
        fields: Vec<Field>,
        c_layout: Option<CLayout>,
    },
    Enum {
        cases: Vec<Case>,
    },
    /// Cells row by row; laid out as an Array of them.
    Matrix {
        cell: TypeId,
        size: GridSize,
    },
}

/// Cells in a row, and rows; both at least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GridSize {
    pub width: i64,
    pub height: i64,
}

impl GridSize {
    pub fn cells(self) -> i64 {
        self.width * self.height
    }
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: Symbol,
    pub ty: TypeId,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub name: Symbol,
    pub fields: Vec<Field>,
}

/// `@c_layout`: the C type of each field where `@c` names one.
#[derive(Clone, Debug)]
pub struct CLayout {
    pub field_types: Vec<Option<String>>,
}

#[derive(Debug)]
pub struct Function {
    /// For reports and debug information: `Vec2.dot`, `heavier<int>`, `main`.
    pub name: String,
    /// A call of a `Task` runs under a root of its own.
    pub kind: FunctionKind,
    /// `@isolated`: likewise.
    pub isolated: bool,
    /// The first locals, in order.
    pub params: Vec<LocalId>,
    /// Lambdas: locals that hold the captured values; filled from the closure at entry.
    pub captures: Vec<LocalId>,
    /// Indexed by [`LocalId`]. Each is a variable of the whole function.
    pub locals: Vec<Local>,
    pub result: Option<TypeId>,
    pub body: Block,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Local {
    /// As written; temporaries have names that begin with `$`.
    pub name: Symbol,
    pub ty: TypeId,
    /// Where its name means this variable, for debug information; `None` for temporaries.
    pub scope: Option<Span>,
}

pub type Block = Vec<Stmt>;

#[derive(Clone, Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum StmtKind {
    Assign {
        local: LocalId,
        value: Expr,
    },
    /// `x = work(1)`: the variable has the value when it is next evaluated. The value is a [`ExprKind::Join`] of a spawn
    /// inside of conversions, which happen after the join. The pass `tasks` replaces it.
    Pend {
        local: LocalId,
        value: Expr,
    },
    /// The value, if there is one, is dropped.
    Expr(Expr),
    /// Conditions (of type bool) in order.
    If {
        arms: Vec<(Expr, Block)>,
        otherwise: Block,
    },
    While {
        condition: Expr,
        body: Block,
    },
    For {
        iteration: Iteration,
        body: Block,
    },
    /// The body with a deadline, in nanoseconds from its start; a scope of its own for spawned tasks. When it is cancelled,
    /// the other block.
    Within {
        duration: Expr,
        body: Block,
        otherwise: Block,
        /// Variables that occur in the body and outside of it; the pass `outlined` fills it in.
        shared: Vec<LocalId>,
    },
    /// Tasks spawned in these statements are joined before they end, however they end; made by the pass `tasks`.
    Scope(Block),
    Return(Option<Expr>),
    /// Innermost loop.
    Break,
    Continue,
}

/// What a `for` walks over. The iterable is evaluated once; the locals are assigned before each round.
#[derive(Clone, Debug)]
pub enum Iteration {
    /// Half-open; with a negative step it counts down to above `end`. Step 0 panics; absent means 1.
    Range {
        local: LocalId,
        start: Expr,
        end: Expr,
        step: Option<Expr>,
    },
    List {
        local: LocalId,
        list: Expr,
    },
    Array {
        local: LocalId,
        array: Expr,
    },
    Set {
        local: LocalId,
        set: Expr,
    },
    MapKeys {
        local: LocalId,
        map: Expr,
    },
    MapEntries {
        key: LocalId,
        value: LocalId,
        map: Expr,
    },
    /// Code points as int.
    String {
        local: LocalId,
        string: Expr,
    },
    /// Until nil is received, each time into `received`.
    Channel {
        received: LocalId,
        local: LocalId,
        channel: Expr,
    },
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    /// `None`: the expression has no value (a call of a function without result, a panic).
    pub ty: Option<TypeId>,
    /// The operator, call or subscript that a panic names.
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// int, byte or char.
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    /// nil of an optional, or the nil handle.
    Nil,
    /// The type's zero value (language reference 3.1).
    Zero,
    Local(LocalId),
    /// A named function as a value; the type says its signature.
    FunctionValue(FuncId),
    /// A lambda with the values of its `captures`.
    Closure {
        func: FuncId,
        captures: Vec<Expr>,
    },

    /// Both operands int, or both float. Division and remainder of int check for zero at `span`.
    Arithmetic {
        op: ArithmeticOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// int or float.
    Negate(Box<Expr>),
    /// int only.
    Bits {
        op: BitOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// Both operands of one type among int, float, byte, char, bool (others go through `ValueCompare`).
    Compare {
        op: CompareOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// Structural equality of two values of one type.
    Equal {
        left: Box<Expr>,
        right: Box<Expr>,
        negate: bool,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// Statements, then the value (absent when the expression has none).
    Block {
        stmts: Block,
        value: Option<Box<Expr>>,
    },
    Math {
        op: MathOp,
        operand: Box<Expr>,
    },

    Call {
        func: FuncId,
        args: Vec<Expr>,
    },
    /// Through a function value.
    CallValue {
        callee: Box<Expr>,
        args: Vec<Expr>,
    },
    CallExtern {
        callee: ExternId,
        args: Vec<ExternArg>,
    },
    /// Starts a task. The value is the pending call, of type `Type::Task`; the zero of that type is none.
    Spawn {
        func: FuncId,
        args: Vec<Expr>,
    },
    /// Through a value of a task type.
    SpawnValue {
        callee: Box<Expr>,
        args: Vec<Expr>,
    },
    /// Waits for a pending call and takes its result; the call is over then.
    Join(Box<Expr>),
    /// Nobody asks for the result of a pending call any more.
    DropTask(Box<Expr>),
    /// The list of the values, one for each round: what `check` makes has a [`ExprKind::Join`] of a spawn inside of
    /// conversions as its value, and joins after all rounds. The pass `tasks` leaves only those whose rounds may run side by
    /// side, and in any order: there the value calls the task, and the statements only assign locals of the round.
    Collect {
        iteration: Box<Iteration>,
        body: Block,
        value: Box<Expr>,
        /// Variables that occur in a round and outside of it; the pass `outlined` fills it in.
        shared: Vec<LocalId>,
    },
    /// A runtime function; arguments as its table row says, without the parameters that codegen adds.
    Runtime {
        function: RuntimeFunction,
        args: Vec<Expr>,
    },

    /// Tuple or record in field order.
    Aggregate(Vec<Expr>),
    /// Enum or Result value.
    Case {
        case: u32,
        args: Vec<Expr>,
    },
    /// Tuple or record.
    Field {
        base: Box<Expr>,
        index: u32,
    },
    /// Copy of a tuple or record with one field replaced.
    WithField {
        base: Box<Expr>,
        index: u32,
        value: Box<Expr>,
    },
    /// Case index of an enum or Result, as int.
    Tag(Box<Expr>),
    /// Payload field; the tag has been tested.
    Payload {
        base: Box<Expr>,
        case: u32,
        field: u32,
    },
    /// T to `T?`.
    Some(Box<Expr>),
    /// `T?` to bool; also for handles and pending calls.
    IsSome(Box<Expr>),
    /// `T?` to T; panics when nil.
    Unwrap(Box<Expr>),
    /// `T?` to T where presence has been tested.
    UnwrapUnchecked(Box<Expr>),

    ListLiteral(Vec<Expr>),
    ArrayLiteral(Vec<Expr>),
    SetLiteral(Vec<Expr>),
    MapLiteral(Vec<(Expr, Expr)>),

    Convert {
        conversion: Conversion,
        operand: Box<Expr>,
    },

    /// An `llvm_ir` block; arguments are int, byte, char, bool or float.
    Inline {
        block: InlineId,
        args: Vec<Expr>,
    },

    /// Whether a position lies in a grid.
    InGrid {
        x: Box<Expr>,
        y: Box<Expr>,
        size: GridSize,
    },
    /// A cell of a matrix by its number, row by row; there is one.
    GridCell {
        matrix: Box<Expr>,
        index: Box<Expr>,
    },
    /// A matrix whose cells are the results of a formula that takes the old matrix, x, y, and these arguments.
    NextGrid {
        matrix: Box<Expr>,
        cell: FuncId,
        args: Vec<Expr>,
        /// Cells may be computed in any order; the pass `grids` says so.
        parallel: bool,
    },

    /// A fresh cell of an `atomic_int`, `atomic_float` or `atomic_bool` that holds the value.
    Cell(Box<Expr>),
    /// On such a cell; sequentially consistent.
    Atomic {
        op: AtomicOp,
        cell: Box<Expr>,
        operands: Vec<Expr>,
    },
    /// Waits until a case is ready: its number as int, or -1. The `out` of that case is written, others hold anything.
    Select {
        cases: Vec<SelectCase>,
        strategy: SelectStrategy,
        /// Nanoseconds: below 0 as long as it takes, 0 not at all.
        timeout: Box<Expr>,
        /// `Fair`: an int, 0 at first, that the statement keeps between its executions.
        memory: Option<LocalId>,
    },
}

#[derive(Clone, Debug)]
pub struct SelectCase {
    pub source: SelectSource,
    /// Written when the case is chosen.
    pub out: Option<LocalId>,
}

#[derive(Clone, Debug)]
pub enum SelectSource {
    /// A value is received; `out` is of type `T?`.
    Channel(Expr),
    /// A `CallExtern`, which is made beside the waiting when no channel has anything; its arguments are evaluated before.
    Call(Expr),
    /// A call finds no resources.
    Exhausted,
}

impl SelectCase {
    pub fn expr(&self) -> Option<&Expr> {
        match &self.source {
            SelectSource::Channel(expr) | SelectSource::Call(expr) => Some(expr),
            SelectSource::Exhausted => None,
        }
    }

    pub fn expr_mut(&mut self) -> Option<&mut Expr> {
        match &mut self.source {
            SelectSource::Channel(expr) | SelectSource::Call(expr) => Some(expr),
            SelectSource::Exhausted => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelectStrategy {
    Order,
    Priority,
    Fair,
    Random,
}

/// Those with a result yield the old value, `CompareAndSwap` whether it stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtomicOp {
    Load,
    Store,
    Swap,
    /// Expected, new.
    CompareAndSwap,
    Add,
    Subtract,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArithmeticOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BitOp {
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    ShiftRightUnsigned,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompareOp {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MathOp {
    /// int or float.
    Abs,
    Sqrt,
    Floor,
    Ceil,
    Trunc,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conversion {
    /// byte or char to int: zero-extends.
    WidenToInt,
    IntToFloat,
    /// Truncates; NaN and out of range panic.
    FloatToInt,
    /// Panics when it does not fit.
    IntToByte,
    /// Panics unless it is a Unicode scalar value.
    IntToChar,
    BoolToInt,
    IntToBool,
    /// Formula value used as func value: no change of representation.
    Identity,
}

#[derive(Clone, Debug)]
pub enum ExternArg {
    Value(Expr),
    /// The variable is read (buffers) and rebound after the call.
    Out(LocalId),
}

/// A C function. How its C types look is known after the library has been built (`native`).
#[derive(Debug)]
pub struct Extern {
    /// The C symbol.
    pub name: Symbol,
    /// `None`: declared in the program; resolved by the linker in the C library.
    pub library: Option<LibraryId>,
    pub params: Vec<ExternParam>,
    pub result: Option<TypeId>,
    /// Text of `@c("…")` or of the manifest's `c`.
    pub c_declaration: Option<String>,
    pub rules: ExternRules,
    pub span: Span,
}

#[derive(Debug)]
pub struct ExternParam {
    pub name: Symbol,
    pub ty: TypeId,
    pub out: bool,
}

/// What the manifest says about a symbol (language reference 11.3 to 11.6).
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ExternRules {
    pub owns: Ownership,
    pub error: Option<ErrorRule>,
    /// C function `const char *f(int64_t)`.
    pub error_text: Option<String>,
    pub len_result: bool,
    /// C function that releases handles this symbol returned.
    pub release: Option<String>,
}

#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Ownership {
    #[default]
    Borrowed,
    Free,
    /// C function that takes the pointer.
    Function(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorRule {
    Negative,
    Nonzero,
    Null,
    Errno,
    Fail,
}

impl Iteration {
    /// The variables that each round begins with.
    pub fn locals(&self) -> Vec<LocalId> {
        match self {
            Iteration::Range { local, .. }
            | Iteration::List { local, .. }
            | Iteration::Array { local, .. }
            | Iteration::Set { local, .. }
            | Iteration::MapKeys { local, .. }
            | Iteration::String { local, .. } => vec![*local],
            Iteration::MapEntries { key, value, .. } => vec![*key, *value],
            Iteration::Channel { received, local, .. } => vec![*received, *local],
        }
    }
}

impl Program {
    pub fn function(&self, id: FuncId) -> &Function {
        &self.functions[id.0 as usize]
    }

    pub fn external(&self, id: ExternId) -> &Extern {
        &self.externs[id.0 as usize]
    }
}
