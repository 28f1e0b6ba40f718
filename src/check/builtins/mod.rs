//! The built-in members and functions of the language (reference chapters 9 and 13): one table row each.
//!
//! In: a receiver's type and a member's name. Out: the row, which says its parameters and how it becomes typed IR: a call
//! of a runtime function, or loops and tests made of ordinary IR.
//! Deliberately not here: argument conversion and kind rules (the checker's), user-defined methods, constructors.

mod array;
mod atomic;
pub mod build;
mod channel;
mod functions;
mod json;
mod list;
mod map;
mod number;
mod option;
mod sequence;
mod set;
mod statics;
mod string;
pub mod text;

pub use functions::function;
pub use option::result_field;
pub use statics::{constant, static_member};

use crate::diagnostics::Diagnostic;
use crate::ir::{Expr, ExprKind, LocalId, RuntimeFunction};
use crate::source::Span;
use crate::types::{self, AtomicKind, Type, TypeId, TypeTable};
use build::runtime;

/// What lowering needs of the checker.
pub trait Lowering {
    fn types(&mut self) -> &mut TypeTable;
    /// The type with a solved outer variable replaced.
    fn shallow(&self, ty: TypeId) -> TypeId;
    fn new_local(&mut self, name: &str, ty: TypeId) -> LocalId;
    fn error(&mut self, diagnostic: Diagnostic);
}

/// A call whose arguments are elaborated and converted to the parameter types.
pub struct LowerCall {
    /// Absent for free functions and static members.
    pub receiver: Option<Expr>,
    pub receiver_ty: TypeId,
    pub args: Vec<Expr>,
    pub result: Option<TypeId>,
    pub span: Span,
}

pub struct Method {
    pub name: &'static str,
    /// Name and type text, see [`text`].
    pub params: &'static [(&'static str, &'static str)],
    /// How many of the last parameters may be left out.
    pub optional_params: usize,
    pub result: Option<&'static str>,
    /// Usable in formulas (as far as its function arguments are formulas).
    pub pure_: bool,
    /// Returns a changed copy of the receiver; ignoring that is W0601.
    pub changes: bool,
    pub how: How,
}

/// How a row becomes IR.
pub enum How {
    /// The receiver, then the arguments.
    Runtime(RuntimeFunction),
    Custom(fn(&mut dyn Lowering, LowerCall) -> Expr),
}

impl Method {
    /// The call as IR; its type is that of the returned expression (`map.get(k, default)` is narrower than the row says).
    pub fn lower(&self, lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
        if let Some(receiver) = call.receiver.take() {
            call.receiver = Some(widened(lowering, receiver));
        }
        match self.how {
            How::Custom(lower) => lower(lowering, call),
            How::Runtime(function) => {
                let args = call.receiver.into_iter().chain(call.args).collect();
                runtime(function, args, call.result, call.span)
            }
        }
    }
}

/// `byte` and `char` have the methods of int on the widened value (9.7).
fn widened(lowering: &mut dyn Lowering, receiver: Expr) -> Expr {
    match receiver.ty.map(|ty| lowering.shallow(ty)) {
        Some(types::BYTE | types::CHAR) => {
            let span = receiver.span;
            let conversion = crate::ir::Conversion::WidenToInt;
            Expr { kind: ExprKind::Convert { conversion, operand: Box::new(receiver) }, ty: Some(types::INT), span }
        }
        _ => receiver,
    }
}

/// The built-in method of that name on a value of that type (its outer part must be known).
pub fn method(table: &TypeTable, receiver: TypeId, name: &str) -> Option<&'static Method> {
    rows(table, receiver).iter().find(|row| row.name == name)
}

/// All built-in method names of a type, for hints.
pub fn method_names(table: &TypeTable, receiver: TypeId) -> impl Iterator<Item = &'static str> {
    rows(table, receiver).iter().map(|row| row.name)
}

fn rows(table: &TypeTable, receiver: TypeId) -> &'static [Method] {
    match table.get(receiver) {
        Type::List(_) => list::METHODS,
        Type::Array(_) => array::METHODS,
        Type::Map(..) => map::METHODS,
        Type::Set(_) => set::METHODS,
        Type::String => string::METHODS,
        Type::Int | Type::Byte | Type::Char => number::INT,
        Type::Float => number::FLOAT,
        Type::Bool => number::BOOL,
        Type::Optional(_) => option::OPTIONAL,
        Type::Result(..) => option::RESULT,
        Type::Json => json::METHODS,
        Type::Posix => statics::POSIX,
        Type::Channel(_) => channel::METHODS,
        Type::Atomic(AtomicKind::Int) => atomic::INT,
        Type::Atomic(AtomicKind::Float) => atomic::FLOAT,
        Type::Atomic(AtomicKind::Bool) => atomic::BOOL,
        Type::AtomicRef(_) => atomic::REFERENCE,
        _ => &[],
    }
}

/// A row that is a runtime call.
const fn plain(
    name: &'static str,
    params: &'static [(&'static str, &'static str)],
    result: &'static str,
    function: RuntimeFunction,
) -> Method {
    Method {
        name,
        params,
        optional_params: 0,
        result: Some(result),
        pure_: true,
        changes: false,
        how: How::Runtime(function),
    }
}

/// A row that is lowered by a function of its own.
const fn custom(
    name: &'static str,
    params: &'static [(&'static str, &'static str)],
    result: &'static str,
    lower: fn(&mut dyn Lowering, LowerCall) -> Expr,
) -> Method {
    Method {
        name,
        params,
        optional_params: 0,
        result: Some(result),
        pure_: true,
        changes: false,
        how: How::Custom(lower),
    }
}

impl Method {
    /// The row returns a changed copy.
    const fn changing(mut self) -> Method {
        self.changes = true;
        self
    }

    /// The row has effects.
    const fn effect(mut self) -> Method {
        self.pure_ = false;
        self
    }

    const fn optional(mut self, count: usize) -> Method {
        self.optional_params = count;
        self
    }

    const fn without_result(mut self) -> Method {
        self.result = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::text::{Bindings, instantiate};
    use super::*;

    /// A type of each kind that has methods, and the word for it in the index of the documentation.
    const RECEIVERS: &[(&str, Type)] = &[
        ("List", Type::List(types::INT)),
        ("Array", Type::Array(types::INT)),
        ("Map", Type::Map(types::INT, types::STRING)),
        ("Set", Type::Set(types::INT)),
        ("string", Type::String),
        ("int", Type::Int),
        ("float", Type::Float),
        ("bool", Type::Bool),
        ("T?", Type::Optional(types::INT)),
        ("Result", Type::Result(types::INT, types::STRING)),
        ("json", Type::Json),
        ("posix", Type::Posix),
        ("Channel", Type::Channel(types::INT)),
        ("atomic_int", Type::Atomic(AtomicKind::Int)),
        ("atomic_float", Type::Atomic(AtomicKind::Float)),
        ("atomic_bool", Type::Atomic(AtomicKind::Bool)),
        ("atomic_ref", Type::AtomicRef(types::STRING)),
    ];

    /// Every type text of every table reads as a type, and every plain row agrees with the runtime's table.
    #[test]
    fn every_row_is_well_formed() {
        let mut table = TypeTable::default();
        for (_, receiver) in RECEIVERS {
            let receiver = table.intern(receiver.clone());
            for row in rows(&table, receiver) {
                let mut count = 0;
                let bindings = Bindings::new(row, Some(receiver), &mut table, &mut |table| {
                    count += 1;
                    table.intern(Type::Variable(count))
                });
                for text in row.params.iter().map(|(_, text)| *text).chain(row.result) {
                    instantiate(text, &bindings, &mut table);
                }
                if let How::Runtime(function) = row.how {
                    use coex_runtime::exports::Pass;
                    let passed =
                        |pass: &&Pass| !matches!(pass, Pass::Fiber | Pass::Type | Pass::ResultType | Pass::Site);
                    let expected = function.params().iter().filter(passed).count();
                    assert_eq!(expected, 1 + row.params.len(), "{} and {function:?}", row.name);
                }
            }
        }
    }

    /// The rows of the tables behind a heading of the index: the words in backticks, and the words in brackets behind them.
    fn index(heading: &str) -> Vec<(&'static str, &'static str)> {
        let text = include_str!("../../../docs/language/index.md");
        let (_, section) = text.split_once(heading).expect("the heading");
        let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        rows.flat_map(|(name, rest)| {
            let of = rest.split(" | ").next().unwrap_or_default();
            let labels = of.split('[').skip(1).filter_map(|label| Some(label.split_once(']')?.0));
            std::iter::once("").chain(labels).map(move |label| (name, label))
        })
        .collect()
    }

    /// The index of the documentation names all methods and functions, and no others.
    #[test]
    fn the_index_is_complete() {
        let mut table = TypeTable::default();
        let mut methods = Vec::new();
        for (label, receiver) in RECEIVERS {
            let receiver = table.intern(receiver.clone());
            methods.extend(method_names(&table, receiver).map(|name| (name, *label)));
        }
        let mut listed = index("\n## Methods\n");
        listed.retain(|(_, label)| !label.is_empty());
        methods.sort_unstable();
        listed.sort_unstable();
        assert_eq!(methods, listed);

        // `len` is made by the checker, since it calls the method of its argument.
        let mut functions: Vec<_> = functions::FUNCTIONS.iter().map(|row| row.name).chain(["len"]).collect();
        functions.sort_unstable();
        let listed: Vec<_> = index("\n## Built-in functions\n").into_iter().map(|(name, _)| name).collect();
        assert_eq!(functions, listed);
    }
}
