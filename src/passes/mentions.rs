//! Where variables and spawns occur.
//!
//! In: blocks. Out: counts and sets. Deliberately not here: changes.

use crate::ir::visit::{Visitor, expr_parts, stmt_parts};
use crate::ir::{Block, Expr, ExprKind, ExternArg, LocalId, Stmt, StmtKind};
use std::collections::{BTreeMap, BTreeSet};

/// How often each variable occurs: read, assigned, or bound.
#[derive(Default)]
pub(super) struct Mentions {
    counts: BTreeMap<LocalId, usize>,
    /// A binding of one of these, companions of pending variables, is one of its variable.
    owners: BTreeMap<LocalId, LocalId>,
}

impl Mentions {
    pub(super) fn with_owners(owners: BTreeMap<LocalId, LocalId>) -> Mentions {
        Mentions { counts: BTreeMap::new(), owners }
    }

    pub(super) fn add(&mut self, local: LocalId) {
        *self.counts.entry(local).or_default() += 1;
    }

    pub(super) fn locals(&self) -> impl Iterator<Item = LocalId> + '_ {
        self.counts.keys().copied()
    }

    fn count(&self, local: LocalId) -> usize {
        self.counts.get(&local).copied().unwrap_or(0)
    }

    /// The variable occurs here also outside of that part.
    pub(super) fn beyond(&self, part: &Mentions, local: LocalId) -> bool {
        self.count(local) > part.count(local)
    }
}

impl Visitor for Mentions {
    fn stmt(&mut self, stmt: &mut Stmt) {
        match &stmt.kind {
            StmtKind::Assign { local, .. } => self.add(*local),
            StmtKind::Pend { local, .. } => self.add(self.owners.get(local).copied().unwrap_or(*local)),
            StmtKind::For { iteration, .. } => iteration.locals().into_iter().for_each(|local| self.add(local)),
            _ => {}
        }
        stmt_parts(stmt, self);
    }

    fn expr(&mut self, expr: &mut Expr) {
        match &expr.kind {
            ExprKind::Local(local) => self.add(*local),
            ExprKind::Collect { iteration, .. } => iteration.locals().into_iter().for_each(|local| self.add(local)),
            ExprKind::CallExtern { args, .. } => args.iter().for_each(|arg| match arg {
                ExternArg::Out(local) => self.add(*local),
                ExternArg::Value(_) => {}
            }),
            ExprKind::Select { cases, memory, .. } => {
                cases.iter().filter_map(|case| case.out).chain(*memory).for_each(|local| self.add(local));
            }
            _ => {}
        }
        expr_parts(expr, self);
    }
}

/// The companions that are bound to calls.
#[derive(Default)]
pub(super) struct Bound {
    pub(super) tasks: BTreeSet<LocalId>,
}

impl Visitor for Bound {
    fn stmt(&mut self, stmt: &mut Stmt) {
        if let StmtKind::Pend { local, .. } = &stmt.kind {
            self.tasks.insert(*local);
        }
        stmt_parts(stmt, self);
    }

    fn expr(&mut self, expr: &mut Expr) {
        expr_parts(expr, self);
    }
}

/// Whether tasks are spawned here, or a `within` stands here.
pub(super) fn concerns_tasks(body: &mut Block) -> bool {
    let mut finder = Finder::default();
    finder.block(body);
    finder.spawns || finder.withins
}

/// Whether there are bodies that become functions of their own.
pub(super) fn concerns_outlining(body: &mut Block) -> bool {
    let mut finder = Finder::default();
    finder.block(body);
    finder.withins || finder.collects
}

/// Whether tasks are spawned whose scope this is: not those of a `within` in it.
pub(super) fn spawns(stmt: &mut Stmt) -> bool {
    let mut finder = Finder::default();
    finder.stmt(stmt);
    finder.spawns
}

/// Looks everywhere but into the bodies of `within`.
#[derive(Default)]
struct Finder {
    spawns: bool,
    collects: bool,
    withins: bool,
}

impl Visitor for Finder {
    fn stmt(&mut self, stmt: &mut Stmt) {
        match &mut stmt.kind {
            StmtKind::Within { duration, otherwise, .. } => {
                self.withins = true;
                self.expr(duration);
                self.block(otherwise);
            }
            _ => stmt_parts(stmt, self),
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        self.spawns |= matches!(expr.kind, ExprKind::Spawn { .. } | ExprKind::SpawnValue { .. });
        self.collects |= matches!(expr.kind, ExprKind::Collect { .. });
        expr_parts(expr, self);
    }
}
