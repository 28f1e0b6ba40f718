//! Statements.
//!
//! In: statements of the typed IR. Out: instructions and blocks. After a statement that leaves, lowering goes on in a
//! block that nothing reaches. Deliberately not here: `for`, see `loops`.

use super::function::Body;
use crate::bug;
use crate::ir::{Block, Expr, Stmt, StmtKind};

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn block(&mut self, block: &[Stmt]) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        self.at_place(stmt.span);
        match &stmt.kind {
            StmtKind::Assign { local, value } => {
                if !self.window_assign(*local, value) {
                    let result = self.value(value);
                    self.set_local(*local, result);
                }
            }
            StmtKind::Expr(expr) => {
                self.expr(expr);
            }
            StmtKind::If { arms, otherwise } => self.if_stmt(arms, otherwise),
            StmtKind::While { .. } | StmtKind::For { .. } => self.looping(stmt),
            StmtKind::Return(value) => {
                let value = value.as_ref().and_then(|value| self.expr_or_poison(value));
                self.leave(value.filter(|_| self.ir.result.is_some()));
                self.start_dead_code();
            }
            StmtKind::Break | StmtKind::Continue => {
                self.leave_loop(matches!(stmt.kind, StmtKind::Break));
                self.start_dead_code();
            }
            StmtKind::Within { duration, body, otherwise, shared } => {
                self.within(duration, body, otherwise, shared, stmt.span);
            }
            StmtKind::Scope(body) => self.scope(body, stmt.span),
            StmtKind::Pend { .. } => bug!("a pending binding after the passes"),
        }
    }

    fn if_stmt(&mut self, arms: &[(Expr, Block)], otherwise: &Block) {
        let end = self.new_block();
        for (condition, block) in arms {
            self.at_place(condition.span);
            let condition = self.int_value(condition);
            let (then, next) = (self.new_block(), self.new_block());
            self.emit.branch(condition, then, next);
            self.emit.at(then);
            self.block(block);
            self.emit.jump(end);
            self.emit.at(next);
        }
        self.block(otherwise);
        self.emit.jump(end);
        self.emit.at(end);
    }
}
