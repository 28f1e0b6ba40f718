//! Calls: what stands before the parentheses (language reference 5.7).
//!
//! In: a callee and arguments. Out: calls of functions, externs, function values and built-ins.
//! Deliberately not here: constructors and cases (`construct`), members (`members`), arguments (`args`).

use super::args::Called;
use super::body::{Body, OutParts, unknown};
use super::builtins::{self, LowerCall, Lowering, Method, text::Bindings, text::instantiate};
use super::decls::{Entity, FnId};
use super::generics::FunctionCall;
use super::scope::Found;
use super::stmt::LastCall;
use crate::ast::{self, ExprKind as Ast, Ident};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Expr, ExprKind, ExternArg, ExternId, LocalId};
use crate::source::{Span, Symbol};
use crate::types::{self, FunctionKind, Type, TypeId, TypeTable};

/// A call as written, without its callee.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) args: &'a [ast::Arg],
    pub(crate) type_args: &'a [ast::TypeExpr],
    pub(crate) name_span: Span,
    pub(crate) span: Span,
    pub(crate) expected: Option<TypeId>,
}

impl<'a> Body<'_, 'a> {
    pub(crate) fn call(
        &mut self,
        callee: &'a ast::Expr,
        args: &'a [ast::Arg],
        _args_span: Span,
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let written = Written { args, type_args: &[], name_span: callee.span, span, expected };
        match &callee.kind {
            Ast::Name(name) => self.call_name(*name, written),
            Ast::Generic { name, type_args } => {
                self.call_name(name.name, Written { type_args, name_span: name.span, ..written })
            }
            Ast::Member { base, name, type_args } => {
                self.call_member(base, *name, Written { type_args, name_span: name.span, ..written })
            }
            _ => {
                let callee = self.expr(callee, None);
                self.call_value(callee, "function value", written)
            }
        }
    }

    fn call_name(&mut self, name: Symbol, written: Written<'a>) -> Expr {
        if let Some(local) = self.lookup(name) {
            self.check_moved(name, local, written.name_span);
            let callee = self.local_expr(local, written.name_span);
            return self.call_value(callee, name.as_str(), written);
        }
        if let Some(call) = self.call_sibling(name, written) {
            return call;
        }
        match self.c.value_entity(self.scope, name) {
            Found::One(entity) => return self.call_entity(entity, name, written),
            Found::Ambiguous(names) => {
                let message = format!("'{name}' is ambiguous: {}", names.join(", "));
                self.error(Code::E1204, written.name_span, message);
                return self.drop_args(written);
            }
            Found::None => {}
        }
        if let Some(case) = self.call_case(name, written) {
            return case;
        }
        if let Some(method) = builtins::function(name.as_str()) {
            return self.call_builtin(method, None, types::UNKNOWN, name.as_str(), written);
        }
        match name.as_str() {
            "len" => self.call_len(written),
            "List" | "Array" | "Map" | "Set" | "Channel" | "atomic_ref" => self.construct_collection(name, written),
            _ => {
                self.undeclared(name, written.name_span);
                self.drop_args(written)
            }
        }
    }

    /// A field of function type or a method of the own type, by its bare name.
    fn call_sibling(&mut self, name: Symbol, written: Written<'a>) -> Option<Expr> {
        let owner = self.owner?;
        let declared = &self.c.decls.types[owner.0 as usize];
        if declared.field_index.contains_key(&name) {
            let callee = self.own_field(name, written.name_span)?;
            return Some(self.call_value(callee, name.as_str(), written));
        }
        let method = *declared.methods.get(&name)?;
        let count = declared.type_params.len();
        let known: Vec<TypeId> = self.env.iter().take(count).map(|(_, ty)| *ty).collect();
        let receiver = if self.c.decls.functions[method.0 as usize].is_instance {
            let local = self.lookup(self.c.names.self_name)?;
            Some(self.local_expr(local, written.name_span))
        } else {
            None
        };
        Some(self.call_declared(method, known, receiver, written))
    }

    pub(crate) fn call_declared(
        &mut self,
        function: FnId,
        known: Vec<TypeId>,
        receiver: Option<Expr>,
        written: Written<'a>,
    ) -> Expr {
        let Written { args, type_args, name_span, span, expected } = written;
        let call = FunctionCall { receiver, explicit: type_args, args, name_span, span, expected };
        self.call_function(function, known, call)
    }

    pub(crate) fn call_entity(&mut self, entity: Entity, name: Symbol, written: Written<'a>) -> Expr {
        match entity {
            Entity::Function(id) => self.call_declared(id, Vec::new(), None, written),
            Entity::Extern(id) => self.call_extern(id, written),
            Entity::Type(decl) => {
                if self.c.decls.types[decl.0 as usize].is_enum()
                    && let Some(case) = self.call_case(name, written)
                {
                    return case;
                }
                self.construct(decl, written)
            }
            Entity::Trait(_) => {
                self.error(Code::E0808, written.name_span, format!("Trait '{name}' is not a type"));
                self.drop_args(written)
            }
        }
    }

    /// Elaborates arguments for their own faults only.
    pub(crate) fn drop_args(&mut self, written: Written<'a>) -> Expr {
        for arg in written.args {
            let value = self.expr_or_nothing(&arg.value, None);
            // The parameter would have told what is still open in it.
            value.ty.into_iter().for_each(|ty| self.silence(ty));
        }
        unknown(written.span)
    }

    /// Function values and externs are not generic.
    fn without_type_args(&mut self, name: &str, written: Written<'a>) {
        let found = written.type_args.len();
        if found > 0 {
            let message = format!("Wrong arguments for '{name}': expected 0 type arguments, found {found}");
            self.error(Code::E0506, written.name_span, message);
        }
    }

    /// A call through a function value; positional arguments only.
    pub(crate) fn call_value(&mut self, callee: Expr, name: &str, written: Written<'a>) -> Expr {
        let callee = self.unwrapped(callee);
        let ty = callee.ty.unwrap_or(types::UNKNOWN);
        let (kind, params, result) = match self.shape(ty).clone() {
            Type::Function { kind, params, result } => (kind, params, result),
            Type::Unknown => return self.drop_args(written),
            Type::Param(_) if self.generic => return self.drop_args(written),
            Type::Variable(_) => {
                self.still_open(&callee, written.name_span);
                return self.drop_args(written);
            }
            _ => {
                let found = self.type_name(ty);
                let message = format!("Type mismatch: expected a function, found {found}");
                self.error(Code::E0305, written.name_span, message);
                return self.drop_args(written);
            }
        };
        self.check_call_kind(kind, name, written.name_span);
        self.without_type_args(name, written);
        if let Some(label) = written.args.iter().find_map(|arg| arg.name) {
            let message = format!("Wrong arguments for '{name}': unknown name '{}'", label.name);
            let diagnostic =
                Diagnostic::new(Code::E0506, label.span, message).note("arguments of a function value are positional");
            self.report(diagnostic);
            return self.drop_args(written);
        }
        let blank = Symbol::new("");
        let called = Called {
            name,
            params: params.iter().map(|_| (blank, false)).collect(),
            types: &params,
            optional: 0,
            cells: false,
            span: written.name_span,
        };
        let arguments = self.arguments(&called, written.args, None);
        self.last_call = LastCall::of_kind(kind, Symbol::new(name));
        let Some((_, values)) = arguments else {
            return Expr { kind: ExprKind::Zero, ty: result.map(|_| types::UNKNOWN), span: written.span };
        };
        if kind == FunctionKind::Task {
            self.check_sent_values(&values, written.args);
            return Expr { span: written.span, ..self.spawn_value(callee, values, result) };
        }
        let kind = ExprKind::CallValue { callee: Box::new(callee), args: values };
        Expr { kind, ty: result, span: written.span }
    }

    /// `len(x)` is `x.len()`.
    fn call_len(&mut self, written: Written<'a>) -> Expr {
        let [arg] = written.args else {
            let message = format!("Wrong arguments for 'len': expected 1, found {}", written.args.len());
            self.error(Code::E0506, written.name_span, message);
            return self.drop_args(written);
        };
        let receiver = self.expr(&arg.value, None);
        let name = Ident { name: Symbol::new("len"), span: written.name_span };
        self.call_on_value(receiver, name, Written { args: &[], ..written })
    }

    /// A row of the built-in tables.
    pub(crate) fn call_builtin(
        &mut self,
        method: &'static Method,
        receiver: Option<Expr>,
        receiver_ty: TypeId,
        name: &str,
        written: Written<'a>,
    ) -> Expr {
        let span = written.span;
        if !method.pure_ && self.in_formula() {
            let formula = self.frame().name;
            self.error(Code::E0704, written.name_span, format!("Formula '{formula}' cannot use '{name}'"));
        }
        if receiver.is_some() {
            self.check_elements(receiver_ty, name, written.name_span);
        }
        let first_variable = self.vars.len();
        let (types, result) = self.instantiate_row(method, receiver_ty, receiver.is_some(), written.name_span);
        let called = Called {
            name,
            params: method.params.iter().map(|(name, _)| (Symbol::new(name), false)).collect(),
            types: &types,
            optional: method.optional_params,
            cells: false,
            span: written.name_span,
        };
        let hint = result.zip(written.expected);
        let Some((before, mut values)) = self.arguments(&called, written.args, hint) else {
            self.last_call = LastCall::Effect;
            self.silence_since(first_variable);
            return Expr { kind: ExprKind::Zero, ty: result.map(|_| types::UNKNOWN), span };
        };
        self.check_function_arguments(&values, written.args);
        self.check_sent_to_shared(receiver_ty, name, &values, written);
        self.last_call = match () {
            () if !method.pure_ => LastCall::Builtin(Symbol::new(name)),
            // Methods that look at their receiver may run a function with effects.
            () if result.is_none() || (receiver.is_some() && !method.changes) => LastCall::Effect,
            () => LastCall::Pure { name: Symbol::new(name), changes: method.changes },
        };
        let mut receiver = receiver;
        let mut first = Vec::new();
        if !before.is_empty()
            && let Some(value) = receiver.take()
        {
            receiver = Some(self.to_temp(value, &mut first));
        }
        first.extend(before);
        if matches!(name, "print" | "debug") && receiver.is_none() {
            if let Some(disabled) = self.disabled_print(name, &values, span) {
                return disabled;
            }
            self.check_printable(&mut values, written.args);
        }
        let call = LowerCall { receiver, receiver_ty, args: values, result, span: written.span };
        let lowered = method.lower(self, call);
        if first.is_empty() {
            return lowered;
        }
        let ty = lowered.ty;
        if ty.is_none() {
            first.push(ir::Stmt { kind: ir::StmtKind::Expr(lowered), span });
            return Expr { kind: ExprKind::Block { stmts: first, value: None }, ty, span };
        }
        Expr { kind: ExprKind::Block { stmts: first, value: Some(Box::new(lowered)) }, ty, span }
    }

    fn instantiate_row(
        &mut self,
        method: &Method,
        receiver_ty: TypeId,
        has_receiver: bool,
        span: Span,
    ) -> (Vec<TypeId>, Option<TypeId>) {
        let mut fresh = Vec::new();
        let start = self.vars.len() as u32;
        let bindings = Bindings::new(
            method,
            has_receiver.then_some(receiver_ty),
            &mut self.c.types,
            &mut |table: &mut TypeTable| {
                let id = start + fresh.len() as u32;
                fresh.push(id);
                table.intern(Type::Variable(id))
            },
        );
        for _ in fresh {
            self.fresh_for(span, method.name);
        }
        let types = method.params.iter().map(|(_, text)| instantiate(text, &bindings, &mut self.c.types)).collect();
        let result = method.result.map(|text| instantiate(text, &bindings, &mut self.c.types));
        (types, result)
    }

    /// In a formula, function arguments of built-ins must be formulas (9.1).
    fn check_function_arguments(&mut self, values: &[Expr], args: &'a [ast::Arg]) {
        if !self.in_formula() {
            return;
        }
        for (value, arg) in values.iter().zip(args) {
            let inner = match &value.kind {
                ExprKind::Convert { operand, .. } => operand,
                _ => value,
            };
            if let Some(ty) = inner.ty
                && let Type::Function { kind, .. } = *self.shape(ty)
            {
                let name = match &arg.value.kind {
                    Ast::Name(name) => name.to_string(),
                    _ => "function value".to_owned(),
                };
                self.check_call_kind(kind, &name, arg.value.span);
            }
        }
    }

    /// A switched-off `print` is checked and makes no code (12.5).
    fn disabled_print(&mut self, name: &str, values: &[Expr], span: Span) -> Option<Expr> {
        let on = if name == "print" { self.c.printing } else { self.c.debugging };
        if on {
            return None;
        }
        for value in values {
            if let Some(ty) = value.ty {
                self.require_printable(ty, value.span);
            }
        }
        Some(Expr { kind: ExprKind::Block { stmts: Vec::new(), value: None }, ty: None, span })
    }

    fn check_printable(&mut self, values: &mut [Expr], args: &'a [ast::Arg]) {
        for (value, arg) in values.iter_mut().zip(args) {
            let Some(ty) = value.ty else { continue };
            if !self.require_printable(ty, arg.value.span) {
                *value = unknown(arg.value.span);
            }
        }
    }

    /// E1301.
    fn require_printable(&mut self, ty: TypeId, span: Span) -> bool {
        let ty = self.resolve(ty);
        if !self.c.contains(ty, super::properties::Contains::NotPrintable) {
            return true;
        }
        let name = self.type_name(ty);
        self.error(Code::E1301, span, format!("Cannot print value of type '{name}'"));
        false
    }

    fn call_extern(&mut self, id: ExternId, written: Written<'a>) -> Expr {
        let external = self.c.external(id);
        let (name, result) = (external.name, external.result);
        let params: Vec<(Symbol, TypeId, bool)> =
            external.params.iter().map(|param| (param.name, param.ty, param.out)).collect();
        if self.in_formula() {
            let formula = self.frame().name;
            let message = format!("Cannot call extern function '{name}' from formula function '{formula}'");
            let diagnostic = Diagnostic::new(Code::E0703, written.name_span, message).body(
                "Extern functions operate outside Coex's safety guarantees and can only\nbe called from 'func' or 'task' functions.",
            );
            self.report(diagnostic);
        }
        self.without_type_args(name.as_str(), written);
        let types: Vec<TypeId> = params.iter().map(|(_, ty, _)| *ty).collect();
        let called = Called {
            name: name.as_str(),
            params: params.iter().map(|(name, _, _)| (*name, false)).collect(),
            types: &types,
            optional: 0,
            cells: false,
            span: written.name_span,
        };
        let Some(slots) = self.match_arguments(&called, written.args) else {
            self.drop_args(written);
            return Expr { kind: ExprKind::Zero, ty: result.map(|_| types::UNKNOWN), span: written.span };
        };
        let in_order = slots.is_sorted();
        let is_case = self.case_parts.take().is_some();
        let mut before = Vec::new();
        let mut parts: OutParts<'a> = Vec::new();
        let mut values: Vec<Option<ExternArg>> = params.iter().map(|_| None).collect();
        for (arg, slot) in written.args.iter().zip(&slots) {
            let (_, ty, out) = params[*slot];
            values[*slot] = Some(if out {
                match self.out_part(&arg.value, ty, &mut before) {
                    Some(copy) => {
                        parts.push((&arg.value, copy));
                        ExternArg::Out(copy)
                    }
                    None => ExternArg::Out(self.out_variable(&arg.value, ty, &mut before)),
                }
            } else {
                let value = self.expr(&arg.value, Some(ty));
                let mut value = self.convert(value, ty, arg.value.span);
                if !in_order {
                    value = self.argument_temp(value, &mut before);
                }
                ExternArg::Value(value)
            });
        }
        if is_case {
            self.case_parts = Some(std::mem::take(&mut parts));
        }
        self.last_call = LastCall::Other(name);
        let kind = ExprKind::CallExtern { callee: id, args: values.into_iter().flatten().collect() };
        let mut call = Expr { kind, ty: result, span: written.span };
        if before.is_empty() {
            return call;
        }
        let (ty, span) = (call.ty, call.span);
        if !parts.is_empty() && ty.is_some() {
            let kept = self.temp(ty.unwrap_or(types::UNKNOWN), span);
            before.push(super::body::assign(kept, call));
            call = self.local_expr(kept, span);
        } else if ty.is_none() {
            before.push(ir::Stmt { kind: ir::StmtKind::Expr(call), span });
            self.store_parts(parts, &mut before);
            return Expr { kind: ExprKind::Block { stmts: before, value: None }, ty, span };
        }
        self.store_parts(parts, &mut before);
        Expr { kind: ExprKind::Block { stmts: before, value: Some(Box::new(call)) }, ty, span }
    }

    /// An `out` argument that is a part of a variable: C writes into a copy of it.
    fn out_part(&mut self, arg: &'a ast::Expr, ty: TypeId, before: &mut ir::Block) -> Option<LocalId> {
        let (base, steps) = self.part_of_variable(arg)?;
        let copy = self.temp(ty, arg.span);
        if let Some(old) = self.read_part(base, &steps, before) {
            let found = old.ty.unwrap_or(types::UNKNOWN);
            if self.unify(found, ty) {
                before.push(super::body::assign(copy, old));
            } else {
                self.mismatch(&old, ty, arg.span);
            }
        }
        Some(copy)
    }

    /// Each store reads its variable anew: two parts of one variable may be written by one call.
    pub(crate) fn store_parts(&mut self, parts: OutParts<'a>, out: &mut ir::Block) {
        for (arg, copy) in parts {
            if let Some((base, steps)) = self.part_of_variable(arg) {
                let value = self.local_expr(copy, arg.span);
                self.store_part(base, &steps, value, out);
            }
        }
    }

    /// The variable that an `out` argument rebinds.
    fn out_variable(&mut self, arg: &'a ast::Expr, ty: TypeId, before: &mut ir::Block) -> LocalId {
        let local = self.out_argument(arg, ty);
        let written = self.written(local);
        if written != local {
            // The call builds on the read buffer.
            before.push(super::body::assign(written, self.local_expr(local, arg.span)));
        }
        written
    }

    /// An `out` argument: a rebindable variable of exactly the type.
    fn out_argument(&mut self, arg: &'a ast::Expr, ty: TypeId) -> LocalId {
        if let Ast::Name(name) = arg.kind
            && let Some(local) = self.rebindable(name)
        {
            self.check_moved(name, local, arg.span);
            let ident = Ident { name, span: arg.span };
            if self.check_rebind(local, ident) {
                let found = self.local_type(local);
                if !self.unify(found, ty) {
                    let value = self.local_expr(local, arg.span);
                    self.mismatch(&value, ty, arg.span);
                }
            }
            return local;
        }
        let value = self.expr(arg, None);
        if value.ty != Some(types::UNKNOWN) {
            self.error(Code::E1104, arg.span, "An 'out' argument must be a variable");
        }
        value.ty.into_iter().for_each(|ty| self.silence(ty));
        self.temp(types::UNKNOWN, arg.span)
    }
}

impl Lowering for Body<'_, '_> {
    fn types(&mut self) -> &mut TypeTable {
        &mut self.c.types
    }

    fn shallow(&self, ty: TypeId) -> TypeId {
        Body::shallow(self, ty)
    }

    fn new_local(&mut self, name: &str, ty: TypeId) -> LocalId {
        let span = self.c.decls.functions[self.function.0 as usize].ast.span;
        self.add_local(Symbol::new(name), ty, span, true)
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.report(diagnostic);
    }
}
