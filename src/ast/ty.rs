//! Types as written.

use super::{FunctionKind, Ident};
use crate::source::Span;

#[derive(Debug)]
pub struct TypeExpr {
    pub kind: TypeExprKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum TypeExprKind {
    Int,
    Float,
    Bool,
    String,
    Byte,
    Char,
    Json,
    AtomicInt,
    AtomicFloat,
    AtomicBool,
    /// `Name`, `module.Name`, `Name<T>`.
    Named {
        module: Option<Ident>,
        name: Ident,
        args: Vec<TypeExpr>,
    },
    /// `[T]`
    List(Box<TypeExpr>),
    /// `T?`
    Optional(Box<TypeExpr>),
    Tuple(Vec<(Option<Ident>, TypeExpr)>),
    Function {
        kind: FunctionKind,
        params: Vec<TypeExpr>,
        result: Option<Box<TypeExpr>>,
    },
}
