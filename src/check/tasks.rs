//! Calls of tasks: spawned where they stand, joined where their value is consumed (language reference 7.4, 7.5).
//!
//! In: elaborated calls. Out: spawns inside of joins, and pending bindings. What consumes at once is marked here: a block
//! without statements around the call, which the pass `tasks` leaves alone.
//! Deliberately not here: the joins themselves (pass `tasks`), what may be sent (`handles`).

use super::body::{Body, assign};
use crate::ast;
use crate::ir::{self, Expr, ExprKind, FuncId, LocalId, Stmt, StmtKind};
use crate::types::{Type, TypeId};

impl<'a> Body<'_, 'a> {
    /// A call of a task, still without its arguments.
    pub(crate) fn spawn(&mut self, func: FuncId, result: Option<TypeId>, span: crate::source::Span) -> Expr {
        self.joined(ExprKind::Spawn { func, args: Vec::new() }, result, span)
    }

    /// A call of a task through a value.
    pub(crate) fn spawn_value(&mut self, callee: Expr, args: Vec<Expr>, result: Option<TypeId>) -> Expr {
        let span = callee.span;
        self.joined(ExprKind::SpawnValue { callee: Box::new(callee), args }, result, span)
    }

    fn joined(&mut self, spawn: ExprKind, result: Option<TypeId>, span: crate::source::Span) -> Expr {
        let pending = self.c.types.intern(Type::Task(result));
        let spawn = Expr { kind: spawn, ty: Some(pending), span };
        Expr { kind: ExprKind::Join(Box::new(spawn)), ty: result, span }
    }

    /// An operand whose operator, receiver or subscript consumes it before anything else is evaluated.
    pub(crate) fn consumed(&mut self, ast: &'a ast::Expr, expected: Option<TypeId>) -> Expr {
        let value = self.expr(ast, expected);
        at_once(value)
    }

    /// A temporary for an argument that is evaluated before its turn: a task call is joined when the call takes it.
    pub(crate) fn argument_temp(&mut self, value: Expr, out: &mut ir::Block) -> Expr {
        let (true, Some(ty)) = (value.pending_call().is_some(), value.ty) else { return self.to_temp(value, out) };
        let span = value.span;
        let local = self.temp(ty, span);
        out.push(store(local, value, true));
        self.local_expr(local, span)
    }
}

/// Whether this is a task call as written, before conversions.
pub(crate) fn is_task_call(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Join(_) => true,
        ExprKind::Block { stmts, value: Some(value) } => !stmts.is_empty() && is_task_call(value),
        _ => false,
    }
}

/// The value, joined where it stands.
pub(crate) fn at_once(value: Expr) -> Expr {
    if value.pending_call().is_none() {
        return value;
    }
    let (ty, span) = (value.ty, value.span);
    Expr { kind: ExprKind::Block { stmts: Vec::new(), value: Some(Box::new(value)) }, ty, span }
}

/// Binds a local, to a pending call if this is one.
pub(crate) fn store(local: LocalId, value: Expr, pending: bool) -> Stmt {
    if !pending || value.pending_call().is_none() {
        return assign(local, value);
    }
    let span = value.span;
    Stmt { kind: StmtKind::Pend { local, value }, span }
}
