//! Where variables are assigned, read and bound.
//!
//! In: a function or a part of it. Out: counts for each variable. Deliberately not here: what follows from them.

use super::functions::{only_reads, owned_form};
use crate::ir::visit::{Visitor, expr_parts, stmt_parts};
use crate::ir::{Expr, ExprKind, ExternArg, LocalId, Stmt, StmtKind};
use std::collections::{BTreeMap, BTreeSet};

/// The variable of an update: `x = Set(x, …)`, also nested inside of an expression.
pub(super) fn updated_local(stmt: &Stmt) -> Option<LocalId> {
    let StmtKind::Assign { local, value } = &stmt.kind else { return None };
    let ExprKind::Runtime { function, args } = &value.kind else { return None };
    let receiver = args.first().and_then(as_local);
    (owned_form(*function).is_some() && receiver == Some(*local)).then_some(*local)
}

pub(super) fn as_local(expr: &Expr) -> Option<LocalId> {
    match expr.kind {
        ExprKind::Local(local) => Some(local),
        _ => None,
    }
}

/// The operands of an expression that it looks at and forgets.
pub(super) fn looked_at(expr: &mut Expr) -> Vec<&mut Expr> {
    match &mut expr.kind {
        ExprKind::Runtime { function, args } if only_reads(*function) => args.iter_mut().collect(),
        ExprKind::Equal { left, right, .. } | ExprKind::Compare { left, right, .. } => vec![left, right],
        ExprKind::GridCell { matrix, index } => vec![matrix, index],
        _ => Vec::new(),
    }
}

/// Which variables are updated, and which are bound by something else than an assignment: those are left alone.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) updated: BTreeSet<LocalId>,
    pub(super) bound: BTreeSet<LocalId>,
}

impl Visitor for Candidates {
    fn stmt(&mut self, stmt: &mut Stmt) {
        self.updated.extend(updated_local(stmt));
        if let StmtKind::For { iteration, .. } = &stmt.kind {
            self.bound.extend(iteration.locals());
        }
        stmt_parts(stmt, self);
    }

    fn expr(&mut self, expr: &mut Expr) {
        if let ExprKind::CallExtern { args, .. } = &expr.kind {
            self.bound.extend(args.iter().filter_map(|arg| match arg {
                ExternArg::Out(local) => Some(*local),
                ExternArg::Value(_) => None,
            }));
        }
        if let ExprKind::Collect { iteration, .. } = &expr.kind {
            self.bound.extend(iteration.locals());
        }
        if let ExprKind::Select { cases, .. } = &expr.kind {
            self.bound.extend(cases.iter().filter_map(|case| case.out));
        }
        expr_parts(expr, self);
    }
}

/// How often each variable is assigned and used, in a function or a part of it.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) assigned: BTreeMap<LocalId, usize>,
    pub(super) used: BTreeMap<LocalId, usize>,
    /// Of the uses, those as an argument of a function that only reads.
    pub(super) read: BTreeMap<LocalId, usize>,
}

impl Visitor for Uses {
    fn stmt(&mut self, stmt: &mut Stmt) {
        if let StmtKind::Assign { local, .. } = &stmt.kind {
            *self.assigned.entry(*local).or_default() += 1;
        }
        stmt_parts(stmt, self);
    }

    fn expr(&mut self, expr: &mut Expr) {
        if let ExprKind::Local(local) = expr.kind {
            *self.used.entry(local).or_default() += 1;
        }
        for local in looked_at(expr).into_iter().filter_map(|operand| as_local(operand)) {
            *self.read.entry(local).or_default() += 1;
        }
        expr_parts(expr, self);
    }
}

pub(super) fn count(counts: &BTreeMap<LocalId, usize>, local: LocalId) -> usize {
    counts.get(&local).copied().unwrap_or(0)
}

impl Uses {
    /// How often the variable occurs.
    pub(super) fn mentions(&self, local: LocalId) -> usize {
        count(&self.assigned, local) + count(&self.used, local)
    }
}
