//! Collecting loops whose element is a task call (6.7, 7.5).
//!
//! In: the loop as `check` made it. Out: rounds that may run side by side, where what they evaluate cannot be told from
//! evaluating it in order; else a loop that spawns and a loop that joins. Deliberately not here: how rounds run (codegen).

use super::{Rewriter, assign, read, wrap};
use crate::ir::visit::{Visitor, iteration_parts};
use crate::ir::{Block, CompareOp, Expr, ExprKind, Iteration, LocalId, RuntimeFunction, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{BOOL, INT, Type, TypeId};

impl Rewriter<'_> {
    pub(super) fn collect(&mut self, expr: &mut Expr) {
        let (ty, span) = (expr.ty, expr.span);
        let kind = std::mem::replace(&mut expr.kind, ExprKind::Zero);
        let (ExprKind::Collect { mut iteration, body, value, shared }, Some(ty)) = (kind, ty) else { return };
        iteration_parts(&mut iteration, self);
        if !self.may_run_side_by_side(&mut iteration, &body, &value) {
            return self.spawn_each(expr, *iteration, body, *value, ty);
        }
        let mut used = self.mentions();
        used.block(&mut body.clone());
        used.expr(&mut value.clone());
        let pending: Vec<LocalId> = used.locals().filter(|local| self.companions.contains_key(local)).collect();
        let mut before = Vec::new();
        if !pending.is_empty() {
            let condition = self.any_round(&mut iteration, &mut before, span);
            let joins = pending.into_iter().flat_map(|local| self.joins(local, span)).collect();
            before.push(Stmt { kind: StmtKind::If { arms: vec![(condition, joins)], otherwise: Vec::new() }, span });
        }
        let mut value = value;
        call_in_place(&mut value);
        expr.kind = ExprKind::Collect { iteration, body, value, shared };
        if !before.is_empty() {
            wrap(expr, before);
        }
    }

    /// Whether there is a round; afterwards the iteration reads variables.
    fn any_round(&mut self, iteration: &mut Iteration, before: &mut Block, span: Span) -> Expr {
        let mut keep = |this: &mut Self, value: &mut Expr| {
            let Some(ty) = value.ty else { return };
            let local = this.local("$t", ty);
            before.push(assign(local, std::mem::replace(value, read(local, ty, span))));
        };
        let int = |kind| Expr { kind, ty: Some(INT), span };
        let (low, high) = match iteration {
            Iteration::Range { start, end, .. } => {
                keep(self, start);
                keep(self, end);
                (start.clone(), end.clone())
            }
            Iteration::List { list: over, .. } | Iteration::Array { array: over, .. } => {
                keep(self, over);
                let is_list = matches!(over.ty.map(|ty| self.types.get(ty)), Some(Type::List(_)));
                let function = if is_list { RuntimeFunction::ListLen } else { RuntimeFunction::ArrayLen };
                (int(ExprKind::Int(0)), int(ExprKind::Runtime { function, args: vec![over.clone()] }))
            }
            _ => crate::bug!("rounds side by side over something else"),
        };
        let kind = ExprKind::Compare { op: CompareOp::Less, left: Box::new(low), right: Box::new(high) };
        Expr { kind, ty: Some(BOOL), span }
    }

    fn may_run_side_by_side(&self, iteration: &mut Iteration, body: &Block, value: &Expr) -> bool {
        let counted =
            matches!(iteration, Iteration::Range { step: None, .. } | Iteration::List { .. } | Iteration::Array { .. });
        let Some(Expr { kind: ExprKind::Spawn { args, .. }, .. }) = value.pending_call() else { return false };
        if !counted || !is_direct(value) || !args.iter().all(|arg| self.is_pure(arg)) {
            return false;
        }
        let mut assigned = iteration.locals();
        let plain = body.iter().all(|stmt| match &stmt.kind {
            StmtKind::Assign { local, value } => {
                assigned.push(*local);
                self.is_pure(value)
            }
            _ => false,
        });
        let mut inside = self.mentions();
        iteration.locals().into_iter().for_each(|local| inside.add(local));
        inside.block(&mut body.clone());
        inside.expr(&mut value.clone());
        plain
            && assigned.iter().all(|local| !self.total.beyond(&inside, *local) && !self.companions.contains_key(local))
    }

    /// Evaluating it has no effect and gives the same value at any time of the loop. It may panic, as the child might.
    fn is_pure(&self, expr: &Expr) -> bool {
        let all = |list: &[Expr]| list.iter().all(|item| self.is_pure(item));
        match &expr.kind {
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Nil
            | ExprKind::Zero
            | ExprKind::Local(_)
            | ExprKind::FunctionValue(_) => true,
            ExprKind::Arithmetic { left, right, .. }
            | ExprKind::Bits { left, right, .. }
            | ExprKind::Compare { left, right, .. }
            | ExprKind::Equal { left, right, .. }
            | ExprKind::And(left, right)
            | ExprKind::Or(left, right)
            | ExprKind::WithField { base: left, value: right, .. }
            | ExprKind::InGrid { x: left, y: right, .. }
            | ExprKind::GridCell { matrix: left, index: right } => self.is_pure(left) && self.is_pure(right),
            ExprKind::If { condition, then, otherwise } => {
                self.is_pure(condition) && self.is_pure(then) && self.is_pure(otherwise)
            }
            ExprKind::Negate(operand)
            | ExprKind::Not(operand)
            | ExprKind::Math { operand, .. }
            | ExprKind::Field { base: operand, .. }
            | ExprKind::Tag(operand)
            | ExprKind::Payload { base: operand, .. }
            | ExprKind::Some(operand)
            | ExprKind::IsSome(operand)
            | ExprKind::Unwrap(operand)
            | ExprKind::UnwrapUnchecked(operand)
            | ExprKind::Convert { operand, .. } => self.is_pure(operand),
            ExprKind::Call { func, args } => self.formulas[func.0 as usize] && all(args),
            ExprKind::Runtime { function, args } => only_looks(*function) && all(args),
            ExprKind::Closure { captures: items, .. }
            | ExprKind::Aggregate(items)
            | ExprKind::Case { args: items, .. }
            | ExprKind::ListLiteral(items)
            | ExprKind::ArrayLiteral(items)
            | ExprKind::SetLiteral(items) => all(items),
            _ => false,
        }
    }

    /// Spawns all children, then joins them in order.
    fn spawn_each(&mut self, expr: &mut Expr, iteration: Iteration, body: Block, value: Expr, ty: TypeId) {
        let span = expr.span;
        let mut value = value;
        let Some(pending) = value.pending_call().and_then(|call| call.ty) else {
            crate::bug!("a collecting loop of tasks without a task call")
        };
        let list_type = self.types.list(pending);
        let (tasks, task) = (self.local("$tasks", list_type), self.local("$task", pending));
        let result = self.local("$t", ty);
        let Some(spawn) = value.take_pending_call(read(task, pending, span)) else { return };
        let empty = |ty| Expr { kind: ExprKind::ListLiteral(Vec::new()), ty: Some(ty), span };
        let append = |list, ty, item| {
            let kind =
                ExprKind::Runtime { function: RuntimeFunction::ListAppend, args: vec![read(list, ty, span), item] };
            assign(list, Expr { kind, ty: Some(ty), span })
        };
        let mut rounds = body;
        rounds.push(append(tasks, list_type, spawn));
        let mut iteration = iteration;
        let fresh = iteration.locals().into_iter().flat_map(|local| self.drops(local, span)).collect();
        let rounds = self.rewrite_loop(rounds, fresh);
        let each = Iteration::List { local: task, list: read(tasks, list_type, span) };
        let stmts = vec![
            assign(tasks, empty(list_type)),
            Stmt {
                kind: StmtKind::For { iteration: std::mem::replace(&mut iteration, each.clone()), body: rounds },
                span,
            },
            assign(result, empty(ty)),
            Stmt { kind: StmtKind::For { iteration: each, body: vec![append(result, ty, value)] }, span },
        ];
        let value = Some(Box::new(read(result, ty, span)));
        *expr = Expr { kind: ExprKind::Block { stmts, value }, ty: Some(ty), span };
    }
}

/// Conversions around the call alone.
fn is_direct(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Join(task) => matches!(task.kind, ExprKind::Spawn { .. }),
        ExprKind::Block { .. } => false,
        ExprKind::Convert { operand, .. }
        | ExprKind::Some(operand)
        | ExprKind::Unwrap(operand)
        | ExprKind::UnwrapUnchecked(operand) => is_direct(operand),
        ExprKind::Runtime { args, .. } => args.first().is_some_and(is_direct),
        _ => false,
    }
}

/// The call instead of the spawn and the join.
fn call_in_place(value: &mut Expr) {
    match &mut value.kind {
        ExprKind::Join(task) => {
            if let ExprKind::Spawn { func, args } = &mut task.kind {
                value.kind = ExprKind::Call { func: *func, args: std::mem::take(args) };
            }
        }
        ExprKind::Convert { operand, .. }
        | ExprKind::Some(operand)
        | ExprKind::Unwrap(operand)
        | ExprKind::UnwrapUnchecked(operand) => call_in_place(operand),
        ExprKind::Runtime { args, .. } => args.iter_mut().for_each(call_in_place),
        _ => {}
    }
}

/// Runtime functions that yield a value of their arguments and do nothing else.
fn only_looks(function: RuntimeFunction) -> bool {
    matches!(
        function,
        RuntimeFunction::ListLen
            | RuntimeFunction::ListGet
            | RuntimeFunction::ListContains
            | RuntimeFunction::ListIndexOf
            | RuntimeFunction::ListConcat
            | RuntimeFunction::ListSlice
            | RuntimeFunction::ArrayLen
            | RuntimeFunction::ArrayGet
            | RuntimeFunction::ArraySlice
            | RuntimeFunction::MapLen
            | RuntimeFunction::MapIndex
            | RuntimeFunction::MapHas
            | RuntimeFunction::SetHas
            | RuntimeFunction::StringLen
            | RuntimeFunction::StringGet
            | RuntimeFunction::StringConcat
            | RuntimeFunction::StringSlice
            | RuntimeFunction::StringCompare
            | RuntimeFunction::ValueCompare
            | RuntimeFunction::ValueToString
            | RuntimeFunction::IntPow
            | RuntimeFunction::FloatPow
            | RuntimeFunction::FloatRemainder
    )
}
