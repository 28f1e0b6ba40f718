//! What was written: the syntax tree of one source file.
//!
//! In: `parse` builds it. Out: `resolve` and `check` read it; nothing changes it.
//! Deliberately not here: meaning. Names are not resolved, and no node has a type.

pub mod decl;
pub mod expr;
pub mod pattern;
pub mod print;
pub mod stmt;
pub mod ty;

pub use decl::*;
pub use expr::*;
pub use pattern::*;
pub use stmt::*;
pub use ty::*;

use crate::source::{FileId, Span, Symbol};

/// A source file.
#[derive(Debug)]
pub struct Module {
    pub file: FileId,
    pub headers: Vec<Header>,
    pub items: Vec<Item>,
}

/// A name where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ident {
    pub name: Symbol,
    pub span: Span,
}
