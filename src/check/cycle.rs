//! Double-buffered loops, `while c cycle` (language reference 6.8).
//!
//! In: blocks inside of a cycle, assignments to its variables. Out: two locals for each variable, one that the body reads
//! and one that it writes, and the copies between generations; E0607.
//! Deliberately not here: conditions and other loops (`loops`).

use super::body::{Body, assign, make};
use crate::ast::{self, Ident, RightSide, StmtKind as AstStmt, TypeExpr, Unpack};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, ExprKind, LocalId};
use crate::source::{Span, Symbol};
use crate::types::TypeId;

/// A cycle that is open at this point.
pub(crate) struct OpenCycle {
    /// Loops that are open in its body.
    loops: usize,
    /// In the order of their declarations.
    variables: Vec<CycleVariable>,
}

#[derive(Clone, Copy)]
struct CycleVariable {
    read: LocalId,
    written: LocalId,
}

/// The names that a block declares by plain or typed bindings, each at its first one, with the type written there.
pub(crate) fn bound_names(stmts: &[ast::Stmt]) -> Vec<(Ident, Option<&TypeExpr>)> {
    let mut found: Vec<(Ident, Option<&TypeExpr>)> = Vec::new();
    let mut others: Vec<Symbol> = Vec::new();
    for stmt in stmts {
        match &stmt.kind {
            AstStmt::Bind { is_const: false, name, ty, value: RightSide::Expr(_), .. }
                if !others.contains(&name.name) && !found.iter().any(|(known, _)| known.name == name.name) =>
            {
                found.push((*name, ty.as_ref()));
            }
            AstStmt::Bind { name, .. } => others.push(name.name),
            AstStmt::Unpack { target, .. } => unpacked(target, &mut others),
            _ => {}
        }
    }
    found
}

fn unpacked(target: &Unpack, names: &mut Vec<Symbol>) {
    match target {
        Unpack::Name(name) => names.push(name.name),
        Unpack::Skip(_) => {}
        Unpack::Nested(parts, _) => parts.iter().for_each(|part| unpacked(part, names)),
    }
}

impl<'a> Body<'_, 'a> {
    /// The body of a cycle, and before it (in `out`) the zeros that its variables start with.
    pub(crate) fn cycle_body(&mut self, body: &'a ast::Block, out: &mut ir::Block, stmts: &mut ir::Block) {
        let loops = self.frame().loops.len();
        self.frame().cycles.push(OpenCycle { loops, variables: Vec::new() });
        if self.block(body, stmts) {
            stmts.append(&mut self.next_generation(body.span));
        }
        let Some(cycle) = self.frame().cycles.pop() else { crate::bug!("no cycle is open") };
        for variable in cycle.variables {
            let (span, ty) = (body.span, self.local_type(variable.read));
            // Two zeros: cells of their own where the type is an atomic.
            out.push(assign(variable.read, make(ExprKind::Zero, ty, span)));
            out.push(assign(variable.written, make(ExprKind::Zero, ty, span)));
        }
    }

    /// At the begin of a block: the variables of the innermost cycle that belong to it are visible from here on.
    pub(crate) fn declare_cycle_variables(&mut self, stmts: &'a [ast::Stmt]) {
        if self.frame().cycles.is_empty() {
            return;
        }
        for (name, ty) in bound_names(stmts) {
            if self.rebindable(name.name).is_some() {
                continue;
            }
            let ty = match ty {
                Some(ty) => self.lower_type(ty),
                None => self.fresh_for(name.span, name.name.as_str()),
            };
            let read = self.declare(name, ty, false);
            let written = self.temp(ty, name.span);
            if let Some(cycle) = self.frame().cycles.last_mut() {
                cycle.variables.push(CycleVariable { read, written });
            }
            self.cycle_checks.push((ty, name));
        }
    }

    /// Where assignments to the variable are stored.
    pub(crate) fn written(&mut self, local: LocalId) -> LocalId {
        self.cycle_variable(local).map_or(local, |variable| variable.written)
    }

    pub(crate) fn is_cycle_variable(&mut self, local: LocalId) -> bool {
        self.cycle_variable(local).is_some()
    }

    /// Where a cycle variable is read, of which this is the local that assignments to it are stored in.
    pub(crate) fn read_buffer(&mut self, local: LocalId) -> Option<LocalId> {
        let mut variables = self.frame().cycles.iter().flat_map(|cycle| &cycle.variables);
        variables.find(|variable| variable.written == local).map(|variable| variable.read)
    }

    /// Whether a statement only lets an assignment to a part build on the old value.
    pub(crate) fn copies_read_buffer(&mut self, stmt: &ir::Stmt) -> bool {
        match stmt.kind {
            ir::StmtKind::Assign { local, value: ir::Expr { kind: ExprKind::Local(read), .. } } => {
                self.read_buffer(local) == Some(read)
            }
            _ => false,
        }
    }

    fn cycle_variable(&mut self, local: LocalId) -> Option<CycleVariable> {
        self.frame().cycles.iter().flat_map(|cycle| &cycle.variables).find(|variable| variable.read == local).copied()
    }

    /// Copies write buffers to read buffers; variables that are declared further on cannot have been assigned.
    fn next_generation(&mut self, span: Span) -> ir::Block {
        let Some(cycle) = self.frame().cycles.last() else { return Vec::new() };
        let variables = cycle.variables.clone();
        variables.iter().map(|variable| assign(variable.read, self.local_expr(variable.written, span))).collect()
    }

    /// What `continue` does first, when it acts on a cycle.
    pub(crate) fn generation_at_continue(&mut self, span: Span, out: &mut ir::Block) {
        let loops = self.frame().loops.len();
        if self.frame().cycles.last().is_some_and(|cycle| cycle.loops == loops) {
            out.append(&mut self.next_generation(span));
        }
    }

    /// E0607, once all types are known.
    pub(crate) fn finish_cycle_checks(&mut self) {
        let checks: Vec<(TypeId, Ident)> = std::mem::take(&mut self.cycle_checks);
        for (ty, name) in checks {
            let ty = self.resolve(ty);
            if !self.c.has_unknown(ty) && !self.c.has_zero(ty) {
                let shown = self.type_name(ty);
                let message = format!("Cycle variable '{}' has no zero value", name.name);
                let diagnostic = Diagnostic::new(Code::E0607, name.span, message)
                    .label(format!("in the first generation it would be the zero value of {shown}"))
                    .help("declare it before the loop, or make its type optional");
                self.report(diagnostic);
            }
        }
    }
}
