//! Says which variables the bodies that become functions of their own share with the function around them.
//!
//! In: a program after the passes that make variables. Out: `shared` of each `within` and each collecting loop: the
//! variables that occur both inside and outside. Deliberately not here: how they are shared (codegen).

use super::mentions::{Mentions, concerns_outlining};
use crate::ir::visit::{Visitor, expr_parts, stmt_parts};
use crate::ir::{Expr, ExprKind, Function, LocalId, Program, Stmt, StmtKind};

pub(super) fn run(mut program: Program) -> Program {
    program.functions.iter_mut().for_each(fill);
    program
}

fn fill(function: &mut Function) {
    if !concerns_outlining(&mut function.body) {
        return;
    }
    let mut total = Mentions::default();
    total.block(&mut function.body);
    function.params.iter().chain(&function.captures).for_each(|local| total.add(*local));
    Filler { total }.block(&mut function.body);
}

struct Filler {
    /// In the whole function.
    total: Mentions,
}

impl Filler {
    fn shared(&self, inside: &Mentions) -> Vec<LocalId> {
        inside.locals().filter(|local| self.total.beyond(inside, *local)).collect()
    }
}

impl Visitor for Filler {
    fn stmt(&mut self, stmt: &mut Stmt) {
        if let StmtKind::Within { body, shared, .. } = &mut stmt.kind {
            let mut inside = Mentions::default();
            inside.block(body);
            *shared = self.shared(&inside);
        }
        stmt_parts(stmt, self);
    }

    fn expr(&mut self, expr: &mut Expr) {
        if let ExprKind::Collect { iteration, body, value, shared } = &mut expr.kind {
            let mut inside = Mentions::default();
            iteration.locals().into_iter().for_each(|local| inside.add(local));
            inside.block(body);
            inside.expr(value);
            *shared = self.shared(&inside);
        }
        expr_parts(expr, self);
    }
}
