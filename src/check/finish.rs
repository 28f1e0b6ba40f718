//! The end of a body: every type is known, every call has its target.
//!
//! In: an elaborated body with variables in its types. Out: functions of the typed IR; E0303, E0809, E0311.
//! Deliberately not here: solving (`unify`).

use super::body::{Body, DEFERRED, assign, make};
use super::unify::Origin;
use crate::diagnostics::Code;
use crate::ir::visit::{Visitor, expr_parts};
use crate::ir::{self, Expr, ExprKind, FuncId, LocalId, RuntimeFunction};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

impl Body<'_, '_> {
    pub(crate) fn finish(mut self, mut body: ir::Block, span: Span) -> (ir::Function, Vec<(FuncId, ir::Function)>) {
        let Some(frame) = self.frames.pop() else { crate::bug!("a body without frame") };
        let zero = |local: &LocalId| assign(*local, make(ExprKind::Int(0), types::INT, span));
        body.splice(..0, frame.select_memories.iter().map(zero));
        self.default_error_sides();
        self.report_open_locals(&frame.locals, &frame.infos);
        self.report_open_variables();
        self.finish_key_checks();
        self.finish_send_checks();
        self.finish_shared_checks();
        self.finish_cycle_checks();
        self.finish_json_checks();
        for (decl, args, span) in std::mem::take(&mut self.bound_checks) {
            let args: Vec<TypeId> = args.into_iter().map(|arg| self.resolve(arg)).collect();
            if args.iter().all(|arg| self.c.is_concrete(*arg)) {
                super::traits::check_type_bounds(self.c, decl, &args, span);
            }
        }
        let targets = self.targets();
        let declared = &self.c.decls.functions[self.function.0 as usize];
        let isolated = declared.isolated;
        let mut function = ir::Function {
            name: declared.name().to_string(),
            kind: frame.kind,
            isolated,
            params: frame.params,
            captures: Vec::new(),
            locals: frame.locals,
            result: frame.result,
            body,
            span,
        };
        let mut lambdas = std::mem::take(&mut self.lambdas);
        if !self.generic && !self.c.diagnostics.has_errors() {
            let mut finisher = Finisher { body: &mut self, targets };
            finisher.function(&mut function);
            lambdas.iter_mut().for_each(|(_, lambda)| finisher.function(lambda));
        }
        (function, lambdas)
    }

    fn default_error_sides(&mut self) {
        for index in 0..self.vars.len() {
            if matches!(self.vars[index].what, Origin::ErrorSide) && self.vars[index].solution.is_none() {
                self.vars[index].solution = Some(types::STRING);
            }
        }
    }

    /// The first variable of a type that has no solution.
    fn open_variable(&mut self, ty: TypeId) -> Option<u32> {
        let ty = self.resolve(ty);
        if !self.c.has_variable(ty) {
            return None;
        }
        match self.c.types.get(ty).clone() {
            Type::Variable(id) => Some(id),
            other => super::types::parts(&other).into_iter().find_map(|part| self.open_variable(part)),
        }
    }

    fn report_open_locals(&mut self, locals: &[ir::Local], infos: &[super::body::LocalInfo]) {
        for (local, info) in locals.iter().zip(infos) {
            if local.name.as_str().starts_with('$') || !self.c.has_variable(local.ty) {
                continue;
            }
            let Some(first) = self.open_variable(local.ty) else { continue };
            if !matches!(self.vars[first as usize].what, Origin::TypeArgument { .. }) {
                let message = format!("Cannot infer the type of '{}'; add an annotation", local.name);
                self.error(Code::E0303, info.span, message);
            } else {
                self.report_variable(first);
            }
            let mut open = Some(first);
            while let Some(id) = open {
                self.vars[id as usize].solution = Some(types::UNKNOWN);
                open = self.open_variable(local.ty);
            }
        }
    }

    fn report_open_variables(&mut self) {
        for index in 0..self.vars.len() {
            let open = self.vars[index].solution.is_none();
            if open {
                self.report_variable(index as u32);
                self.vars[index].solution = Some(types::UNKNOWN);
            }
        }
    }

    fn report_variable(&mut self, id: u32) {
        let variable = &self.vars[id as usize];
        let span = variable.span;
        match variable.what.clone() {
            Origin::Expression(what) => {
                self.error(Code::E0303, span, format!("Cannot infer the type of '{what}'; add an annotation"));
            }
            Origin::TypeArgument { param, of } => {
                self.error(Code::E0809, span, format!("Cannot infer type argument '{param}' of '{of}'"));
            }
            Origin::ErrorSide => {}
        }
    }

    /// One message a type: an annotation and the literal behind it are one mistake.
    fn finish_key_checks(&mut self) {
        let mut checks = std::mem::take(&mut self.key_checks);
        checks.sort_by_key(|(_, span)| span.start);
        let mut reported = Vec::new();
        for (ty, span) in checks {
            let ty = self.resolve(ty);
            if self.c.contains(ty, super::properties::Contains::NotKey) && !reported.contains(&ty) {
                reported.push(ty);
                let name = self.type_name(ty);
                self.error(Code::E0311, span, format!("Type '{name}' cannot be a Map key or Set element"));
            }
        }
    }

    /// The functions of the calls that waited for their type arguments.
    fn targets(&mut self) -> Vec<FuncId> {
        let mut targets = Vec::new();
        for deferred in std::mem::take(&mut self.deferred) {
            let args: Vec<TypeId> = deferred.args.iter().map(|arg| self.resolve(*arg)).collect();
            if args.iter().any(|arg| !self.c.is_concrete(*arg)) {
                targets.push(FuncId(0));
                continue;
            }
            // Only instances with growing types nest without end.
            targets.push(self.c.instances.get(deferred.function, args, self.depth + 1, deferred.span));
        }
        targets
    }
}

struct Finisher<'b, 'c, 'a> {
    body: &'b mut Body<'c, 'a>,
    targets: Vec<FuncId>,
}

impl Finisher<'_, '_, '_> {
    fn function(&mut self, function: &mut ir::Function) {
        for local in &mut function.locals {
            local.ty = self.body.resolve(local.ty);
        }
        function.result = function.result.map(|result| self.body.resolve(result));
        self.block(&mut function.body);
    }

    /// The zero value of a type with a matrix in it; of other types codegen knows it.
    fn fresh_grid(&mut self, ty: TypeId, span: Span) -> Option<ExprKind> {
        let zero = |ty| make(ExprKind::Zero, ty, span);
        let members = match self.body.c.types.get(ty).clone() {
            Type::Tuple(items) => items.iter().map(|item| item.ty).collect(),
            Type::User { decl, .. } => {
                let declared = &self.body.c.decls.types[decl.0 as usize];
                if let Some(matrix) = &declared.matrix {
                    let (cells, cell, init) = (matrix.size.cells(), matrix.cell, matrix.init);
                    let mut first = zero(cell);
                    match init {
                        Some(init) => {
                            let func = self.body.c.instances.get(init, Vec::new(), 0, span);
                            first.kind = ExprKind::Call { func, args: Vec::new() };
                        }
                        None => self.expr(&mut first),
                    }
                    let args = vec![make(ExprKind::Int(cells), types::INT, span), first];
                    return Some(ExprKind::Runtime { function: RuntimeFunction::ArrayFill, args });
                }
                if declared.is_enum() {
                    return None;
                }
                self.body.c.member_types(ty)
            }
            _ => return None,
        };
        if !members.iter().any(|member| self.body.c.has_grid(*member)) {
            return None;
        }
        let mut parts: Vec<Expr> = members.into_iter().map(zero).collect();
        parts.iter_mut().for_each(|part| self.expr(part));
        Some(ExprKind::Aggregate(parts))
    }

    fn target(&self, func: &mut FuncId) {
        if func.0 >= DEFERRED {
            *func = self.targets[(func.0 - DEFERRED) as usize];
        }
    }
}

impl Visitor for Finisher<'_, '_, '_> {
    fn expr(&mut self, expr: &mut Expr) {
        if let Some(ty) = expr.ty {
            expr.ty = Some(self.body.resolve(ty));
        }
        match &mut expr.kind {
            ExprKind::Call { func, .. } | ExprKind::Spawn { func, .. } | ExprKind::FunctionValue(func) => {
                self.target(func);
            }
            _ => {}
        }
        expr_parts(expr, self);
        if matches!(expr.kind, ExprKind::Zero)
            && let Some(ty) = expr.ty
            && let Some(kind) = self.fresh_grid(ty, expr.span)
        {
            expr.kind = kind;
        }
        // An optional of what turned out to be an optional collapses.
        if let ExprKind::Some(inner) | ExprKind::UnwrapUnchecked(inner) | ExprKind::Unwrap(inner) = &mut expr.kind
            && inner.ty == expr.ty
        {
            let inner = std::mem::replace(&mut **inner, super::body::unknown(expr.span));
            *expr = inner;
        }
    }
}
