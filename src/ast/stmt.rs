//! Statements.

use super::{BinaryOp, Expr, Ident, LlvmIr, Pattern, TypeExpr};
use crate::source::Span;

#[derive(Debug)]
pub struct Block {
    pub stmts: Vec<Stmt>,
    /// From the opener to the closer.
    pub span: Span,
}

#[derive(Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum StmtKind {
    /// `x = e`, `x: T = e`, `const x = e`, and the same with `:=`.
    Bind {
        is_const: bool,
        name: Ident,
        ty: Option<TypeExpr>,
        moves: bool,
        value: RightSide,
    },
    /// `(a, _) = e`, `const (a, b) = e`.
    Unpack {
        is_const: bool,
        target: Unpack,
        value: Expr,
    },
    /// `v.f[i] = e`; `base` begins with a name.
    AssignPlace {
        place: Expr,
        op_span: Span,
        value: RightSide,
    },
    /// `p += e`; `place` is a name or begins with one.
    Compound {
        place: Expr,
        op: BinaryOp,
        op_span: Span,
        value: Expr,
    },
    Expr(Expr),
    If {
        arms: Vec<(Expr, Block)>,
        otherwise: Option<Block>,
    },
    For {
        binder: Binder,
        iterable: Expr,
        body: Block,
    },
    While {
        condition: Expr,
        cycle: bool,
        body: Block,
    },
    Match {
        scrutinee: Expr,
        arms: Vec<MatchArm>,
    },
    Select(Box<Select>),
    Within {
        duration: Expr,
        body: Block,
        otherwise: Option<Block>,
    },
    Return(Option<Expr>),
    Break,
    Continue,
    LlvmIr(Box<LlvmIr>),
}

#[derive(Debug)]
pub enum RightSide {
    Expr(Expr),
    /// `x = for p in it … ~`.
    Collect {
        binder: Binder,
        iterable: Expr,
        body: Block,
        span: Span,
    },
}

/// Target of a destructuring assignment.
#[derive(Debug)]
pub enum Unpack {
    Name(Ident),
    Skip(Span),
    Nested(Vec<Unpack>, Span),
}

/// Names of a `for` or a comprehension clause.
#[derive(Debug)]
pub enum Binder {
    Name(Ident),
    Skip(Span),
    Nested(Vec<Binder>, Span),
}

#[derive(Debug)]
pub struct MatchArm {
    pub pattern: Pattern,
    pub body: Block,
    pub span: Span,
}

#[derive(Debug)]
pub struct Select {
    pub strategy: Option<Strategy>,
    pub timeout: Option<Expr>,
    pub arms: Vec<SelectArm>,
    pub otherwise: Option<Block>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    Fair,
    Random,
    Priority,
}

#[derive(Debug)]
pub enum SelectArm {
    /// `case v <- ch`; no name for `_`.
    Receive {
        name: Option<Ident>,
        channel: Expr,
        body: Block,
        span: Span,
    },
    /// `case r = f(args)`.
    Foreign {
        name: Option<Ident>,
        call: Expr,
        body: Block,
        span: Span,
    },
    ResourceExhausted {
        body: Block,
        span: Span,
    },
}
