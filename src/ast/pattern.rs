//! Patterns of `match`.

use super::{Ident, IntLiteral};
use crate::source::Span;

#[derive(Debug)]
pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum PatternKind {
    /// `_`
    Any,
    Int {
        value: IntLiteral,
        negative: bool,
    },
    Float {
        value: f64,
        negative: bool,
    },
    Str(String),
    Bool(bool),
    Nil,
    /// `x`, `Some`, `Option.Some(p)`: `path` has at least one name; `args` is absent without parentheses.
    Path {
        path: Vec<Ident>,
        args: Option<Vec<Pattern>>,
    },
    Tuple(Vec<Pattern>),
}
