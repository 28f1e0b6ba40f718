//! The statement `match` (language reference 6.9).
//!
//! In: a scrutinee and arms. Out: a temporary and a chain of tests; W0603, W0604.
//! Deliberately not here: patterns themselves, and which values are left over (`pattern_cover`).

use super::body::{Body, assign, make};
use super::patterns::Pat;
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, ExprKind, Stmt, StmtKind};
use crate::source::Span;
use crate::types;

impl<'a> Body<'_, 'a> {
    /// Whether control can reach the statement after it.
    pub(crate) fn match_stmt(
        &mut self,
        scrutinee: &'a ast::Expr,
        arms: &'a [ast::MatchArm],
        span: Span,
        out: &mut ir::Block,
    ) -> bool {
        let value = self.expr(scrutinee, None);
        let ty = value.ty.unwrap_or(types::UNKNOWN);
        let local = self.temp(ty, value.span);
        out.push(assign(local, value));
        let mut rows: Vec<Pat> = Vec::new();
        let mut lowered = Vec::new();
        let mut otherwise = Vec::new();
        let mut ends = Vec::new();
        let mut falls = false;
        let mut after_nil = false;
        let (mut done, mut faulty) = (false, false);
        let before = self.moved.clone();
        for arm in arms {
            let pat = self.pattern(&arm.pattern, ty, after_nil);
            after_nil |= matches!(pat, Pat::Nil);
            let fits = !pat.is_faulty();
            faulty |= !fits;
            if fits && !self.is_useful(&rows, &pat, ty) {
                self.error(Code::W0604, arm.pattern.span, "Case is never reached");
            }
            let mark = self.enter_block();
            let (mut tests, mut binds) = (Vec::new(), Vec::new());
            let subject = self.local_expr(local, arm.pattern.span);
            self.test(&pat, subject, arm.pattern.span, &mut tests, &mut binds);
            let mut stmts = Vec::new();
            for (name, value) in binds {
                let ty = value.ty.unwrap_or(types::UNKNOWN);
                let is_const = self.in_formula();
                let bound = self.in_region(arm.body.span, |this| this.declare(name, ty, is_const));
                stmts.push(assign(bound, value));
            }
            self.moved.clone_from(&before);
            if self.block(&arm.body, &mut stmts) {
                falls = true;
                ends.push(std::mem::take(&mut self.moved));
            }
            self.leave_block(mark);
            if fits {
                rows.push(pat);
            }
            let test = tests.into_iter().reduce(|left, right| {
                make(ExprKind::And(Box::new(left), Box::new(right)), types::BOOL, arm.pattern.span)
            });
            match test {
                _ if done => {}
                Some(test) => lowered.push((test, stmts)),
                None => {
                    otherwise = stmts;
                    done = true;
                }
            }
        }
        let exhaustive = faulty || self.check_cover(&rows, ty, scrutinee.span);
        self.moved.clear();
        if !exhaustive {
            self.moved = before;
            falls = true;
        }
        ends.into_iter().for_each(|end| self.merge_moved(end));
        if lowered.is_empty() {
            out.append(&mut otherwise);
        } else {
            // A chain that covers everything ends in its last arm without a test.
            if exhaustive
                && !done
                && let Some((_, last)) = lowered.pop()
            {
                otherwise = last;
            }
            if lowered.is_empty() {
                out.append(&mut otherwise);
            } else {
                out.push(Stmt { kind: StmtKind::If { arms: lowered, otherwise }, span });
            }
        }
        falls
    }

    /// Says which cases are missing; true when none is.
    fn check_cover(&mut self, rows: &[Pat], ty: types::TypeId, span: Span) -> bool {
        if !self.is_useful(rows, &Pat::Any, ty) {
            return true;
        }
        let missing = self.missing_cases(rows, ty);
        if !missing.is_empty() {
            let message = format!("match does not cover: {}", missing.join(", "));
            self.report(Diagnostic::new(Code::W0603, span, message).help("add the cases, or 'case _'"));
        }
        false
    }
}
