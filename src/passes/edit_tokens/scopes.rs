//! Blocks inside of expressions, each with the variables that occur in it alone.
//!
//! In: the statements of a block and the variables that they may update. Out: the same; what belongs to an inner block is
//! updated there in place, and forgotten outside. Deliberately not here: what is done with a block's own statements.

use super::Rewriter;
use super::uses::Uses;
use crate::ir::visit::{Visitor, expr_parts, stmt_parts};
use crate::ir::{Block, Expr, ExprKind, LocalId, Stmt, StmtKind};
use crate::source::Span;
use std::collections::BTreeSet;

impl Rewriter<'_> {
    /// A block whose updated variables nobody has seen before it.
    pub(super) fn rewrite_scope(mut self, mut body: Block, span: Span) -> Block {
        let mut inner = Inner { outer: &self, own: BTreeSet::new() };
        inner.block(&mut body);
        let own = inner.own;
        self.scope.retain(|local| !own.contains(local));
        let mut result = self.resets(&self.scope, span);
        result.append(&mut self.rewrite_block(body));
        result
    }
}

/// Rewrites the outermost blocks inside of expressions.
struct Inner<'a> {
    outer: &'a Rewriter<'a>,
    /// What belongs to them.
    own: BTreeSet<LocalId>,
}

impl Visitor for Inner<'_> {
    fn stmt(&mut self, stmt: &mut Stmt) {
        match &mut stmt.kind {
            // As good as statements of the block around, see `rewrite_tail`.
            StmtKind::Assign { value: Expr { kind: ExprKind::Block { stmts, value }, .. }, .. }
            | StmtKind::Expr(Expr { kind: ExprKind::Block { stmts, value }, .. })
            | StmtKind::Return(Some(Expr { kind: ExprKind::Block { stmts, value }, .. })) => {
                self.block(stmts);
                value.iter_mut().for_each(|value| self.expr(value));
            }
            _ => stmt_parts(stmt, self),
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        let ExprKind::Block { stmts, value } = &mut expr.kind else { return expr_parts(expr, self) };
        let mut inside = Uses::default();
        inside.block(stmts);
        value.iter_mut().for_each(|value| inside.expr(value));
        let whole = self.outer.uses;
        let is_inside = |local: &&LocalId| inside.mentions(**local) == whole.mentions(**local);
        let scope: BTreeSet<LocalId> = self.outer.scope.iter().filter(is_inside).copied().collect();
        self.own.extend(&scope);
        let rewriter = Rewriter { tokens: self.outer.tokens, uses: whole, scope };
        *stmts = rewriter.rewrite_scope(std::mem::take(stmts), expr.span);
        // The value is evaluated last, but blocks in it would be scopes of their own.
        value.iter_mut().for_each(|value| self.expr(value));
    }
}
