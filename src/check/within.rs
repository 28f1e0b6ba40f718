//! `within d body else alt ~` (language reference 10.5).
//!
//! In: the statement. Out: its IR, and whether control can reach the point behind it.
//! Deliberately not here: joins and scopes (pass `tasks`), deadlines (runtime).

use super::body::Body;
use crate::ast;
use crate::ir::{self, Stmt, StmtKind};
use crate::source::Span;
use crate::types;

impl<'a> Body<'_, 'a> {
    pub(crate) fn within(
        &mut self,
        duration: &'a ast::Expr,
        body: &'a ast::Block,
        otherwise: Option<&'a ast::Block>,
        span: Span,
        out: &mut ir::Block,
    ) -> bool {
        let duration = self.expr_to(duration, types::INT);
        let before = self.moved.clone();
        self.frame().withins.push(Vec::new());
        let mut stmts = Vec::new();
        let in_time = self.block(body, &mut stmts);
        let moved_inside = self.frame().withins.pop().unwrap_or_default();
        // The deadline may pass anywhere in the body.
        let after = std::mem::replace(&mut self.moved, before);
        self.merge_moved(moved_inside);
        let mut rest = Vec::new();
        let late = otherwise.is_none_or(|block| self.block(block, &mut rest));
        if !late {
            self.moved.clear();
        }
        if in_time {
            self.merge_moved(after);
        }
        let kind = StmtKind::Within { duration, body: stmts, otherwise: rest, shared: Vec::new() };
        out.push(Stmt { kind, span });
        in_time || late
    }
}
