//! Drops functions that the entry never reaches: most of an imported module.
//!
//! In: a program. Out: the same with fewer functions, renumbered. Externs stay: all of them are compared with C.

use crate::ir::visit::{Visitor, expr_parts};
use crate::ir::{Expr, ExprKind, FuncId, Program};

pub(super) fn run(mut program: Program) -> Program {
    let mut finder = Finder { reached: vec![false; program.functions.len()], open: vec![program.entry] };
    finder.reached[program.entry.0 as usize] = true;
    while let Some(next) = finder.open.pop() {
        finder.block(&mut program.functions[next.0 as usize].body);
    }
    let mut renamed = Renamer { ids: Vec::with_capacity(finder.reached.len()) };
    let mut next = 0;
    for reached in &finder.reached {
        renamed.ids.push(FuncId(next));
        next += u32::from(*reached);
    }
    let mut reached = finder.reached.iter();
    program.functions.retain(|_| reached.next().copied().unwrap_or(false));
    program.functions.iter_mut().for_each(|function| renamed.block(&mut function.body));
    program.entry = renamed.ids[program.entry.0 as usize];
    program
}

fn target(expr: &mut Expr) -> Option<&mut FuncId> {
    match &mut expr.kind {
        ExprKind::Call { func, .. }
        | ExprKind::Spawn { func, .. }
        | ExprKind::FunctionValue(func)
        | ExprKind::NextGrid { cell: func, .. }
        | ExprKind::Closure { func, .. } => Some(func),
        _ => None,
    }
}

struct Finder {
    reached: Vec<bool>,
    open: Vec<FuncId>,
}

impl Visitor for Finder {
    fn expr(&mut self, expr: &mut Expr) {
        if let Some(func) = target(expr)
            && !std::mem::replace(&mut self.reached[func.0 as usize], true)
        {
            self.open.push(*func);
        }
        expr_parts(expr, self);
    }
}

struct Renamer {
    ids: Vec<FuncId>,
}

impl Visitor for Renamer {
    fn expr(&mut self, expr: &mut Expr) {
        if let Some(func) = target(expr) {
            *func = self.ids[func.0 as usize];
        }
        expr_parts(expr, self);
    }
}
