//! Expressions.

use super::{Binder, FunctionKind, Ident, Param, TypeExpr};
use crate::source::{Span, Symbol};

#[derive(Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum ExprKind {
    /// Decimal digits as written; the value is checked where the sign is known. See [`IntLiteral`].
    Int(IntLiteral),
    Float(f64),
    Bool(bool),
    /// Escapes resolved.
    Str(String),
    Nil,
    Name(Symbol),
    /// `name<int, string>`.
    Generic {
        name: Ident,
        type_args: Vec<TypeExpr>,
    },
    SelfValue,
    Cell,
    /// Parentheses around one expression; kept, since some rules speak of them.
    Group(Box<Expr>),
    Tuple(Vec<TupleItem>),
    List(Vec<Expr>),
    /// `{a, b}`; never empty.
    Set(Vec<Expr>),
    /// `{k: v}` with at least one key that is not a bare name, or all quoted.
    Map(Vec<(Expr, Expr)>),
    /// `{name: v}`.
    Json(Vec<(Ident, Expr)>),
    /// `{}`.
    EmptyBraces,
    ListComprehension {
        element: Box<Expr>,
        clauses: Vec<Clause>,
    },
    SetComprehension {
        element: Box<Expr>,
        clauses: Vec<Clause>,
    },
    MapComprehension {
        key: Box<Expr>,
        value: Box<Expr>,
        clauses: Vec<Clause>,
    },
    Unary {
        op: UnaryOp,
        op_span: Span,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `a..b`.
    Range {
        start: Box<Expr>,
        end: Box<Expr>,
    },
    /// `c ? a : b`, or with `exit` `c ? a ! b`.
    Ternary {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
        exit: bool,
    },
    /// `e.name`, with type arguments as in `e.name<int>`.
    Member {
        base: Box<Expr>,
        name: Ident,
        type_args: Vec<TypeExpr>,
    },
    /// `e.0`.
    Position {
        base: Box<Expr>,
        position: u32,
        position_span: Span,
    },
    Index {
        base: Box<Expr>,
        indices: Vec<Expr>,
    },
    /// `e[a:b]`, `e[a..b]` stays an `Index` with a `Range`.
    Slice {
        base: Box<Expr>,
        start: Option<Box<Expr>>,
        end: Option<Box<Expr>>,
    },
    Call {
        callee: Box<Expr>,
        args: Vec<Arg>,
        args_span: Span,
    },
    /// `e as T`.
    Cast {
        operand: Box<Expr>,
        ty: TypeExpr,
    },
    /// `int(e)` and the other primitive names, `atomic_int(e)` included.
    PrimitiveCall {
        ty: TypeExpr,
        arg: Box<Expr>,
    },
    /// `json.parse(…)`: a static call on the reserved word.
    JsonCall {
        name: Ident,
        args: Vec<Arg>,
    },
    Lambda(Box<Lambda>),
    LlvmIr(Box<LlvmIr>),
    /// Stands where a syntax error was reported.
    Error,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntLiteral {
    /// Magnitude of a decimal literal; at most 2^63 (2^63 itself is legal only under a minus sign).
    Decimal(u64),
    /// Hexadecimal or binary: a 64-bit pattern.
    Pattern(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    Negate,
    Not,
    Await,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    And,
    Or,
    Coalesce,
}

impl BinaryOp {
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::Greater => ">",
            BinaryOp::LessEqual => "<=",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Coalesce => "??",
        }
    }
}

#[derive(Debug)]
pub struct TupleItem {
    pub name: Option<Ident>,
    pub value: Expr,
}

#[derive(Debug)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Expr,
}

/// `for p in xs if c`.
#[derive(Debug)]
pub struct Clause {
    pub binder: Binder,
    pub iterable: Expr,
    pub filter: Option<Expr>,
}

#[derive(Debug)]
pub struct Lambda {
    pub kind: FunctionKind,
    pub params: Vec<Param>,
    pub body: Expr,
}

/// `llvm_ir (x -> %a: i64) -> %r: i64 """…"""`.
#[derive(Debug)]
pub struct LlvmIr {
    pub inputs: Vec<LlvmInput>,
    /// Register and type hint of the expression form.
    pub output: Option<(Symbol, Ident)>,
    pub text: String,
    pub text_span: Span,
}

#[derive(Debug)]
pub struct LlvmInput {
    pub variable: Ident,
    pub register: Symbol,
    pub hint: Option<Ident>,
}
