//! Says which grids may be computed by several workers.
//!
//! In: a program. Out: `parallel` set where the formula of a cell always returns and cannot panic, so that no order of
//! the cells can be told from another (language reference 7.2), and where there is work enough for more than one.
//! Deliberately not here: how the work is divided (codegen, runtime).

use crate::ir::visit::{Visitor, expr_parts, stmt_parts};
use crate::ir::{ArithmeticOp, Conversion, Definition, Expr, ExprKind, FuncId, Program, Stmt, StmtKind};
use coex_runtime::exports::Pass;
use std::collections::BTreeMap;

/// Expressions evaluated, from where on waking another worker pays.
const WORTH: u64 = 500_000;

pub(super) fn run(mut program: Program) -> Program {
    let mut facts = Vec::with_capacity(program.functions.len());
    for function in &mut program.functions {
        let mut finder = Finder { facts: Facts::default(), sizes: &program.definitions };
        finder.block(&mut function.body);
        facts.push(finder.facts);
    }
    if facts.iter().all(|facts| !facts.has_grids) {
        return program;
    }
    let total = total(&facts);
    let mut marker = Marker { total, facts: &facts, definitions: &program.definitions };
    for (function, _) in program.functions.iter_mut().zip(&facts).filter(|(_, facts)| facts.has_grids) {
        marker.block(&mut function.body);
    }
    program
}

#[derive(Default)]
struct Facts {
    /// Something in it may panic, wait, or run for ever; calls apart.
    partial: bool,
    calls: Vec<FuncId>,
    weight: u64,
    has_grids: bool,
}

struct Finder<'p> {
    facts: Facts,
    sizes: &'p BTreeMap<crate::types::TypeId, Definition>,
}

impl Visitor for Finder<'_> {
    fn stmt(&mut self, stmt: &mut Stmt) {
        // Other iterations end.
        self.facts.partial |= match &stmt.kind {
            StmtKind::While { .. } | StmtKind::Within { .. } | StmtKind::Scope(_) | StmtKind::Pend { .. } => true,
            StmtKind::For { iteration, .. } => match iteration {
                crate::ir::Iteration::Channel { .. } => true,
                crate::ir::Iteration::Range { step, .. } => step.is_some(),
                _ => false,
            },
            _ => false,
        };
        stmt_parts(stmt, self);
    }

    fn expr(&mut self, expr: &mut Expr) {
        self.facts.weight += 1;
        self.facts.partial |= match &expr.kind {
            ExprKind::Call { func, .. } => {
                self.facts.calls.push(*func);
                false
            }
            ExprKind::NextGrid { cell, matrix, .. } => {
                self.facts.calls.push(*cell);
                self.facts.has_grids = true;
                let size = matrix.ty.and_then(|ty| self.sizes.get(&ty));
                if let Some(Definition::Matrix { size, .. }) = size {
                    self.facts.weight = self.facts.weight.saturating_add(size.cells() as u64);
                }
                false
            }
            ExprKind::Arithmetic { op: ArithmeticOp::Divide | ArithmeticOp::Remainder, right, .. } => {
                right.ty == Some(crate::types::INT) && !matches!(right.kind, ExprKind::Int(divisor) if divisor != 0)
            }
            ExprKind::Runtime { function, .. } => function.params().contains(&Pass::Site),
            ExprKind::Convert { conversion, .. } => {
                matches!(conversion, Conversion::FloatToInt | Conversion::IntToByte | Conversion::IntToChar)
            }
            ExprKind::Unwrap(_)
            | ExprKind::CallValue { .. }
            | ExprKind::CallExtern { .. }
            | ExprKind::Inline { .. }
            | ExprKind::Spawn { .. }
            | ExprKind::SpawnValue { .. }
            | ExprKind::Join(_)
            | ExprKind::Collect { .. }
            | ExprKind::Select { .. } => true,
            _ => false,
        };
        expr_parts(expr, self);
    }
}

/// Functions that call only such functions, without coming back to themselves: a recursion may be endless, or too deep.
fn total(facts: &[Facts]) -> Vec<bool> {
    let mut total = vec![false; facts.len()];
    loop {
        let mut changed = false;
        for (index, facts) in facts.iter().enumerate() {
            let now = !facts.partial && facts.calls.iter().all(|callee| total[callee.0 as usize]);
            changed |= now != total[index];
            total[index] = now;
        }
        if !changed {
            return total;
        }
    }
}

struct Marker<'p> {
    total: Vec<bool>,
    facts: &'p [Facts],
    definitions: &'p BTreeMap<crate::types::TypeId, Definition>,
}

impl Visitor for Marker<'_> {
    fn expr(&mut self, expr: &mut Expr) {
        if let ExprKind::NextGrid { matrix, cell, parallel, .. } = &mut expr.kind
            && let Some(Definition::Matrix { size, .. }) = matrix.ty.and_then(|ty| self.definitions.get(&ty))
        {
            let work = (size.cells() as u64).saturating_mul(self.facts[cell.0 as usize].weight);
            *parallel = self.total[cell.0 as usize] && work >= WORTH;
        }
        expr_parts(expr, self);
    }
}
