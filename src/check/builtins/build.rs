//! Small constructors for typed IR, used where the checker makes code that nobody wrote.

use super::Lowering;
use crate::ir::{ArithmeticOp, Block, CompareOp, Expr, ExprKind, Iteration, LocalId, RuntimeFunction, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

pub fn expr(kind: ExprKind, ty: TypeId, span: Span) -> Expr {
    Expr { kind, ty: Some(ty), span }
}

pub fn stmt(kind: StmtKind, span: Span) -> Stmt {
    Stmt { kind, span }
}

pub fn int(value: i64, span: Span) -> Expr {
    expr(ExprKind::Int(value), types::INT, span)
}

pub fn boolean(value: bool, span: Span) -> Expr {
    expr(ExprKind::Bool(value), types::BOOL, span)
}

pub fn runtime(function: RuntimeFunction, args: Vec<Expr>, ty: Option<TypeId>, span: Span) -> Expr {
    Expr { kind: ExprKind::Runtime { function, args }, ty, span }
}

/// A runtime call with a result.
pub fn runtime_value(function: RuntimeFunction, args: Vec<Expr>, ty: TypeId, span: Span) -> Expr {
    runtime(function, args, Some(ty), span)
}

pub fn conditional(condition: Expr, then: Expr, otherwise: Expr, ty: TypeId, span: Span) -> Expr {
    let (condition, then, otherwise) = (Box::new(condition), Box::new(then), Box::new(otherwise));
    expr(ExprKind::If { condition, then, otherwise }, ty, span)
}

pub fn compare(op: CompareOp, left: Expr, right: Expr, span: Span) -> Expr {
    expr(ExprKind::Compare { op, left: Box::new(left), right: Box::new(right) }, types::BOOL, span)
}

pub fn equal(left: Expr, right: Expr, span: Span) -> Expr {
    expr(ExprKind::Equal { left: Box::new(left), right: Box::new(right), negate: false }, types::BOOL, span)
}

pub fn arithmetic(op: ArithmeticOp, left: Expr, right: Expr, ty: TypeId, span: Span) -> Expr {
    expr(ExprKind::Arithmetic { op, left: Box::new(left), right: Box::new(right) }, ty, span)
}

pub fn negate(condition: Expr, span: Span) -> Expr {
    expr(ExprKind::Not(Box::new(condition)), types::BOOL, span)
}

pub fn nil(ty: TypeId, span: Span) -> Expr {
    expr(ExprKind::Nil, ty, span)
}

/// `value` as `ty`, an optional. Where the value is an optional of that type already, it stays.
pub fn some(value: Expr, ty: TypeId, span: Span) -> Expr {
    if value.ty == Some(ty) { value } else { expr(ExprKind::Some(Box::new(value)), ty, span) }
}

/// A call of a function value; `ty` is the result's type.
pub fn call_value(callee: Expr, args: Vec<Expr>, ty: Option<TypeId>, span: Span) -> Expr {
    Expr { kind: ExprKind::CallValue { callee: Box::new(callee), args }, ty, span }
}

/// A local variable that the checker made.
#[derive(Clone, Copy)]
pub struct Temp {
    pub local: LocalId,
    pub ty: TypeId,
    pub span: Span,
}

impl Temp {
    pub fn new(lowering: &mut dyn Lowering, ty: TypeId, span: Span) -> Temp {
        Temp { local: lowering.new_local("$t", ty), ty, span }
    }

    pub fn get(self) -> Expr {
        expr(ExprKind::Local(self.local), self.ty, self.span)
    }

    pub fn set(self, value: Expr) -> Stmt {
        stmt(StmtKind::Assign { local: self.local, value }, self.span)
    }
}

/// Statements that are collected, then closed by a value.
pub struct Builder {
    pub stmts: Block,
    pub span: Span,
}

impl Builder {
    pub fn new(span: Span) -> Builder {
        Builder { stmts: Vec::new(), span }
    }

    /// Evaluates `value` now, and lets it be read often.
    pub fn keep(&mut self, lowering: &mut dyn Lowering, value: Expr) -> Temp {
        let Some(ty) = value.ty else { crate::bug!("a value without type is kept") };
        let temp = Temp::new(lowering, ty, self.span);
        self.stmts.push(temp.set(value));
        temp
    }

    pub fn push(&mut self, stmt: Stmt) {
        self.stmts.push(stmt);
    }

    pub fn value(self, value: Expr) -> Expr {
        let ty = value.ty;
        Expr { kind: ExprKind::Block { stmts: self.stmts, value: Some(Box::new(value)) }, ty, span: self.span }
    }

    pub fn nothing(self) -> Expr {
        Expr { kind: ExprKind::Block { stmts: self.stmts, value: None }, ty: None, span: self.span }
    }
}

pub fn when(condition: Expr, then: Block, span: Span) -> Stmt {
    stmt(StmtKind::If { arms: vec![(condition, then)], otherwise: Vec::new() }, span)
}

pub fn each(iteration: Iteration, body: Block, span: Span) -> Stmt {
    stmt(StmtKind::For { iteration, body }, span)
}

/// `a < b` in the language's order, for any ordered type (reference 3.7).
pub fn less(lowering: &mut dyn Lowering, left: Expr, right: Expr, span: Span) -> Expr {
    let ty = left.ty.map(|ty| lowering.shallow(ty));
    match ty.map(|ty| lowering.types().get(ty).clone()) {
        Some(Type::Int | Type::Float | Type::Byte | Type::Char | Type::Bool) => {
            compare(CompareOp::Less, left, right, span)
        }
        _ => {
            let order = runtime_value(RuntimeFunction::ValueCompare, vec![left, right], types::INT, span);
            compare(CompareOp::Less, order, int(0, span), span)
        }
    }
}

/// The type of the function result of a function-typed expression.
pub fn function_result(lowering: &mut dyn Lowering, callee: &Expr) -> Option<TypeId> {
    let ty = lowering.shallow(callee.ty?);
    match lowering.types().get(ty) {
        Type::Function { result, .. } => *result,
        _ => None,
    }
}
