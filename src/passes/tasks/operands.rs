//! Operands that are task calls: all operands are evaluated before the operation consumes the first (7.5, 16.1).
//!
//! In: an operation. Out: `fib(n - 1) + fib(n - 2)` as a spawn, a call and a join: the parent would wait for the last child
//! at once, so it runs that one itself. So it does wherever a spawn would be joined in its place: a task runs under a root of its own
//! however it is called, and cancellations and panics look at all scopes of a fiber. Deliberately not here: forms that
//! consume at once.

use super::{Rewriter, assign, read, wrap};
use crate::ir::visit::{Visitor, expr_parts};
use crate::ir::{Block, Expr, ExprKind, ExternArg, LocalId};
use crate::source::Span;

impl Rewriter<'_> {
    pub(super) fn run_side_by_side(&mut self, expr: &mut Expr, span: Span) {
        let mut before: Block = Vec::new();
        let writes = writes_variables(expr);
        let is_plain = |part: &Expr| is_constant(part) || (!writes && matches!(part.kind, ExprKind::Local(_)));
        let mut parts = operands(expr);
        let first = parts.iter().position(|part| part.pending_call().is_some());
        let last = parts.iter().rposition(|part| !is_plain(part));
        let (Some(first), Some(last)) = (first, last) else { return };
        if first >= last || parts.iter().any(|part| part.ty.is_none()) {
            return;
        }
        for (index, part) in parts.iter_mut().enumerate().take(last + 1) {
            if is_plain(part) {
                continue;
            }
            if index == last
                && let Some(mut call) = self.take_call(part)
            {
                call_directly(&mut call.1);
                before.push(assign(call.0, call.1));
            } else if let Some(pending) = part.pending_call().and_then(|call| call.ty) {
                let task = self.local("$task", pending);
                if let Some(spawn) = part.take_pending_call(read(task, pending, part.span)) {
                    before.push(assign(task, spawn));
                }
            } else if let Some(ty) = part.ty {
                let local = self.local("$t", ty);
                let value = std::mem::replace(&mut **part, read(local, ty, span));
                before.push(assign(local, value));
            }
        }
        wrap(expr, before);
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Nil
            | ExprKind::Zero
            | ExprKind::FunctionValue(_)
    )
}

/// Whether an operand may give a variable another value: only a C function with an `out` parameter does.
fn writes_variables(expr: &mut Expr) -> bool {
    let mut finder = Outs { found: false };
    expr_parts(expr, &mut finder);
    finder.found
}

struct Outs {
    found: bool,
}

impl Visitor for Outs {
    fn expr(&mut self, expr: &mut Expr) {
        if let ExprKind::CallExtern { args, .. } = &expr.kind {
            self.found |= args.iter().any(|arg| matches!(arg, ExternArg::Out(_)));
        }
        expr_parts(expr, self);
    }
}

impl Rewriter<'_> {
    /// The join of a task call without the conversions around it, and the variable that stands in its place.
    fn take_call(&mut self, part: &mut Expr) -> Option<(LocalId, Expr)> {
        let join = part.pending_join()?;
        let (ty, span) = (join.ty?, join.span);
        let local = self.local("$t", ty);
        Some((local, std::mem::replace(join, read(local, ty, span))))
    }
}

/// Calls the task instead of spawning it and waiting for it.
pub(super) fn call_directly(expr: &mut Expr) {
    let ExprKind::Join(task) = &mut expr.kind else { return };
    if !task.is_spawn() {
        return;
    }
    let (ty, task) = (expr.ty, (**task).clone());
    let span = expr.span;
    expr.kind = match task.kind {
        ExprKind::Spawn { func, args } => ExprKind::Call { func, args },
        ExprKind::SpawnValue { callee, args } => ExprKind::CallValue { callee, args },
        ExprKind::Block { stmts, value: Some(spawn) } => {
            let mut call = Expr { kind: ExprKind::Join(spawn), ty, span };
            call_directly(&mut call);
            ExprKind::Block { stmts, value: Some(Box::new(call)) }
        }
        _ => crate::bug!("a spawn that is none"),
    };
}

/// [`call_directly`] for all that is left.
pub(super) struct DirectCalls;

impl Visitor for DirectCalls {
    fn expr(&mut self, expr: &mut Expr) {
        call_directly(expr);
        expr_parts(expr, self);
    }
}

/// What an operation consumes together, in order of evaluation.
fn operands(expr: &mut Expr) -> Vec<&mut Expr> {
    match &mut expr.kind {
        ExprKind::Arithmetic { left, right, .. }
        | ExprKind::Bits { left, right, .. }
        | ExprKind::Compare { left, right, .. }
        | ExprKind::Equal { left, right, .. }
        | ExprKind::InGrid { x: left, y: right, .. }
        | ExprKind::GridCell { matrix: left, index: right } => vec![&mut **left, &mut **right],
        ExprKind::Call { args: items, .. }
        | ExprKind::Spawn { args: items, .. }
        | ExprKind::Runtime { args: items, .. }
        | ExprKind::Inline { args: items, .. }
        | ExprKind::Aggregate(items)
        | ExprKind::Case { args: items, .. }
        | ExprKind::ListLiteral(items)
        | ExprKind::ArrayLiteral(items)
        | ExprKind::SetLiteral(items) => items.iter_mut().collect(),
        ExprKind::CallValue { callee, args }
        | ExprKind::SpawnValue { callee, args }
        | ExprKind::NextGrid { matrix: callee, args, .. } => std::iter::once(&mut **callee).chain(args).collect(),
        ExprKind::CallExtern { args, .. } => {
            let values = args.iter_mut().filter_map(|arg| match arg {
                ExternArg::Value(value) => Some(value),
                ExternArg::Out(_) => None,
            });
            values.collect()
        }
        ExprKind::MapLiteral(entries) => entries.iter_mut().flat_map(|(key, value)| [key, value]).collect(),
        _ => Vec::new(),
    }
}
