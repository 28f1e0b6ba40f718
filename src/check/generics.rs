//! Calls of functions that may be generic (language reference 8.7).
//!
//! In: a declaration, explicit type arguments, arguments. Out: a call whose target is known now or at the end of the
//! body; E0506, E0809. Deliberately not here: bounds (`traits`), argument order (`args`).

use super::args::Called;
use super::body::{Body, DEFERRED, Deferred, make, unknown};
use super::decls::FnId;
use super::types::TypeEnv;
use super::unify::Origin;
use crate::ast;
use crate::diagnostics::Code;
use crate::ir::{self, Expr, ExprKind, FuncId, StmtKind};
use crate::source::Span;
use crate::types::{FunctionKind, Type, TypeId};

impl<'a> Body<'_, 'a> {
    /// The function of a declaration with these type arguments.
    pub(crate) fn target(&mut self, function: FnId, args: Vec<TypeId>, span: Span) -> FuncId {
        if self.generic {
            return FuncId(DEFERRED);
        }
        if args.is_empty() {
            return self.c.instances.get(function, args, 0, span);
        }
        self.deferred.push(Deferred { function, args, span });
        FuncId(DEFERRED + self.deferred.len() as u32 - 1)
    }

    /// Type parameters of a declaration with explicit arguments or fresh variables.
    pub(crate) fn type_args(
        &mut self,
        function: FnId,
        mut known: Vec<TypeId>,
        explicit: &[ast::TypeExpr],
        span: Span,
    ) -> Option<Vec<TypeId>> {
        let declared = &self.c.decls.functions[function.0 as usize];
        let (params, name) = (declared.type_params.clone(), declared.name());
        if !explicit.is_empty() {
            if known.len() + explicit.len() != params.len() {
                let (wanted, found) = (params.len() - known.len(), explicit.len());
                let message = format!("Wrong arguments for '{name}': expected {wanted} type arguments, found {found}");
                self.error(Code::E0506, span, message);
                return None;
            }
            known.extend(self.lower_types(explicit));
        }
        for param in params.iter().skip(known.len()) {
            let what = Origin::TypeArgument { param: param.name.to_string(), of: name.to_string() };
            known.push(self.fresh(span, what));
        }
        Some(known)
    }

    /// A call of a declared function or method; `known` are the type arguments of its owner.
    pub(crate) fn call_function(&mut self, function: FnId, known: Vec<TypeId>, call: FunctionCall<'a>) -> Expr {
        let FunctionCall { receiver, explicit, args, name_span, span, expected } = call;
        let declared = &self.c.decls.functions[function.0 as usize];
        let (kind, name, result) = (declared.kind(), declared.name(), declared.result);
        let (params, isolated) = (declared.params.clone(), declared.isolated);
        let type_params = declared.type_params.clone();
        self.check_call_kind(kind, name.as_str(), name_span);
        let first_variable = self.vars.len();
        let Some(type_args) = self.type_args(function, known, explicit, name_span) else {
            args.iter().for_each(|arg| drop(self.expr_or_nothing(&arg.value, None)));
            return unknown(span);
        };
        let env: TypeEnv = type_params.iter().map(|param| param.name).zip(type_args.iter().copied()).collect();
        let substituted: Vec<TypeId> = params.iter().map(|param| self.c.substitute(param.ty, &env)).collect();
        let result = result.map(|result| self.c.substitute(result, &env));
        let called = Called {
            name: name.as_str(),
            params: params.iter().map(|param| (param.name, param.positional)).collect(),
            types: &substituted,
            optional: 0,
            cells: false,
            span: name_span,
        };
        // An expected type with known parts decides type arguments that the arguments leave open.
        let hint = result.filter(|_| !type_params.is_empty()).zip(expected);
        let Some((before, mut values)) = self.arguments(&called, args, hint) else {
            self.set_last_call(kind, name);
            self.silence_since(first_variable);
            return result.map_or_else(|| Expr { kind: ExprKind::Zero, ty: None, span }, |_| unknown(span));
        };
        if kind == FunctionKind::Task || isolated {
            self.check_sent(function, receiver.as_ref(), &values, args, (result, name_span));
        }
        let mut all: Vec<Expr> = receiver.into_iter().collect();
        let receiver_count = all.len();
        all.append(&mut values);
        let func = self.target(function, type_args, name_span);
        self.set_last_call(kind, name);
        let call = match kind {
            FunctionKind::Task => self.spawn(func, result, span),
            _ => Expr { kind: ExprKind::Call { func, args: Vec::new() }, ty: result, span },
        };
        self.with_arguments(call, all, receiver_count, before)
    }

    /// An argument may fix what the result leaves open.
    pub(crate) fn expect_result(&mut self, result: TypeId, expected: TypeId) {
        let expected = self.shallow(expected);
        if matches!(self.shape(expected), Type::Variable(_)) {
            // Nothing is known yet: the value decides, whose type may be another (`m.get(k, d)` is no optional).
            return;
        }
        let (result, expected) = match (self.shape(result).clone(), self.shape(expected).clone()) {
            (Type::Optional(_), Type::Optional(_)) => (result, expected),
            (_, Type::Optional(inner)) => (result, inner),
            _ => (result, expected),
        };
        if self.unifiable(result, expected) {
            self.unify(result, expected);
        }
    }

    /// Whether the outer shapes agree, so that a hint cannot produce a mismatch of its own.
    fn unifiable(&mut self, left: TypeId, right: TypeId) -> bool {
        let (left, right) = (self.shallow(left), self.shallow(right));
        if left == right {
            return true;
        }
        match (self.c.types.get(left).clone(), self.c.types.get(right).clone()) {
            (Type::Variable(_), _) | (_, Type::Variable(_)) => true,
            (Type::User { decl: a, .. }, Type::User { decl: b, .. }) if a != b => false,
            (a, b) => {
                let (xs, ys) = (super::types::parts(&a), super::types::parts(&b));
                std::mem::discriminant(&a) == std::mem::discriminant(&b)
                    && xs.len() == ys.len()
                    && !xs.is_empty()
                    && xs.into_iter().zip(ys).all(|(x, y)| self.unifiable(x, y))
            }
        }
    }

    /// Puts the arguments into a call, with the temporaries that named arguments need before it.
    pub(crate) fn with_arguments(
        &mut self,
        mut call: Expr,
        mut values: Vec<Expr>,
        receiver_count: usize,
        mut before: Vec<crate::ir::Stmt>,
    ) -> Expr {
        if !before.is_empty() {
            // The receiver comes first.
            let mut first = Vec::new();
            for value in values.iter_mut().take(receiver_count) {
                let taken = std::mem::replace(value, unknown(call.span));
                *value = self.to_temp(taken, &mut first);
            }
            first.append(&mut before);
            before = first;
        }
        match &mut call.kind {
            ExprKind::Call { args, .. } | ExprKind::CallValue { args, .. } | ExprKind::Case { args, .. } => {
                *args = values;
            }
            ExprKind::Aggregate(items) => *items = values,
            ExprKind::Join(task) => match &mut task.kind {
                ExprKind::Spawn { args, .. } => *args = values,
                _ => crate::bug!("arguments for a task that has them"),
            },
            _ => crate::bug!("arguments for an expression that takes none"),
        }
        if before.is_empty() {
            return call;
        }
        let (ty, span) = (call.ty, call.span);
        if ty.is_some() || matches!(call.kind, ExprKind::Join(_)) {
            return Expr { kind: ExprKind::Block { stmts: before, value: Some(Box::new(call)) }, ty, span };
        }
        before.push(crate::ir::Stmt { kind: crate::ir::StmtKind::Expr(call), span });
        Expr { kind: ExprKind::Block { stmts: before, value: None }, ty, span }
    }

    /// A local read or a fresh call for indexing protocols: positional arguments that are already elaborated.
    pub(crate) fn call_method(
        &mut self,
        function: FnId,
        receiver: Expr,
        args: Vec<(Expr, Span)>,
        span: Span,
    ) -> Option<Expr> {
        let declared = &self.c.decls.functions[function.0 as usize];
        let (kind, name, result) = (declared.kind(), declared.name(), declared.result);
        let params = declared.params.clone();
        let is_instance = declared.is_instance;
        if params.len() != args.len() {
            let message = format!("Wrong arguments for '{name}': expected {}, found {}", params.len(), args.len());
            self.error(Code::E0506, span, message);
            return None;
        }
        let Type::User { args: known, .. } = self.shape(receiver.ty?).clone() else { return None };
        self.check_call_kind(kind, name.as_str(), span);
        let type_args = self.type_args(function, known, &[], span)?;
        let type_params = self.c.decls.functions[function.0 as usize].type_params.clone();
        let env: TypeEnv = type_params.iter().map(|param| param.name).zip(type_args.iter().copied()).collect();
        // A static method takes no receiver: it is evaluated and dropped (8.2).
        let (mut values, dropped) = if is_instance { (vec![receiver], None) } else { (Vec::new(), Some(receiver)) };
        for (param, (value, span)) in params.iter().zip(args) {
            let ty = self.c.substitute(param.ty, &env);
            values.push(self.convert(value, ty, span));
        }
        let result = result.map(|result| self.c.substitute(result, &env));
        let func = self.target(function, type_args, span);
        let call = match kind {
            FunctionKind::Task => self.spawn(func, result, span),
            _ => Expr { kind: ExprKind::Call { func, args: Vec::new() }, ty: result, span },
        };
        let call = self.with_arguments(call, values, 0, Vec::new());
        let Some(dropped) = dropped else { return Some(call) };
        let before = ir::Stmt { span: dropped.span, kind: StmtKind::Expr(dropped) };
        Some(Expr { kind: ExprKind::Block { stmts: vec![before], value: Some(Box::new(call)) }, ty: result, span })
    }

    pub(crate) fn zero(&self, ty: TypeId, span: Span) -> Expr {
        make(ExprKind::Zero, ty, span)
    }
}

/// What is written at a call of a declared function.
pub(crate) struct FunctionCall<'a> {
    pub(crate) receiver: Option<Expr>,
    pub(crate) explicit: &'a [ast::TypeExpr],
    pub(crate) args: &'a [ast::Arg],
    pub(crate) name_span: Span,
    pub(crate) span: Span,
    pub(crate) expected: Option<TypeId>,
}
