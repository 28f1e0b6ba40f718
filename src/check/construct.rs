//! Values of user types, enum cases, Result and empty collections (language reference 8.1, 8.3, 8.5, 5.9).
//!
//! In: constructor calls. Out: aggregates and cases; E0801, E0802, E0807. Deliberately not here: patterns.

use super::args::Called;
use super::body::{Body, make, unknown};
use super::call::Written;
use super::decls::FieldSig;
use super::types::TypeEnv;
use super::unify::Origin;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind, RuntimeFunction};
use crate::source::{Span, Symbol};
use crate::types::{self, DeclId, Type, TypeId};

impl<'a> Body<'_, 'a> {
    /// Type arguments of a user type: written, or open.
    pub(crate) fn user_args(&mut self, decl: DeclId, written: &Written<'a>) -> Option<Vec<TypeId>> {
        let declared = &self.c.decls.types[decl.0 as usize];
        let (name, params) = (declared.name, declared.type_params.clone());
        if !written.type_args.is_empty() {
            if written.type_args.len() != params.len() {
                let (wanted, found) = (params.len(), written.type_args.len());
                let message = format!("Wrong arguments for '{name}': expected {wanted} type arguments, found {found}");
                self.error(Code::E0506, written.name_span, message);
                return None;
            }
            let args = self.lower_types(written.type_args);
            self.bound_checks.push((decl, args.clone(), written.name_span));
            return Some(args);
        }
        let open = |param: &super::decls::TypeParam| Origin::TypeArgument {
            param: param.name.to_string(),
            of: name.to_string(),
        };
        let origins: Vec<Origin> = params.iter().map(open).collect();
        let args: Vec<TypeId> = origins.into_iter().map(|origin| self.fresh(written.name_span, origin)).collect();
        if !args.is_empty() {
            self.bound_checks.push((decl, args.clone(), written.name_span));
        }
        Some(args)
    }

    /// `Vec2(1.0, 2.0)`.
    pub(crate) fn construct(&mut self, decl: DeclId, written: Written<'a>) -> Expr {
        let declared = &self.c.decls.types[decl.0 as usize];
        if declared.matrix.is_some() {
            let name = declared.name;
            let message = format!("Wrong arguments for '{name}': a matrix is made by '{name}.new()'");
            self.error(Code::E0506, written.name_span, message);
            return self.drop_args(written);
        }
        if declared.is_enum() {
            let name = declared.name;
            let message = format!("Wrong arguments for '{name}': an enum is made by one of its cases");
            self.error(Code::E0506, written.name_span, message);
            return self.drop_args(written);
        }
        let Some(args) = self.user_args(decl, &written) else { return self.drop_args(written) };
        self.fill_fields(decl, args, written, false)
    }

    /// Arguments to fields; `zero` fills missing ones (`T.new`).
    pub(crate) fn fill_fields(&mut self, decl: DeclId, args: Vec<TypeId>, written: Written<'a>, zero: bool) -> Expr {
        let span = written.span;
        let name = self.c.decls.types[decl.0 as usize].name;
        let fields = self.c.decls.types[decl.0 as usize].fields.clone();
        let env = self.c.owner_env(decl, &args);
        let tys: Vec<TypeId> = fields.iter().map(|field| self.c.substitute(field.ty, &env)).collect();
        let ty = self.c.user_type(decl, args);
        let called = Called {
            name: name.as_str(),
            params: fields.iter().map(|field| (field.name, false)).collect(),
            types: &tys,
            optional: fields.len(),
            cells: true,
            span: written.name_span,
        };
        let Some(slots) = self.match_arguments(&called, written.args) else {
            self.silence(ty);
            return self.drop_args(written);
        };
        let hint = (!env.is_empty()).then_some(ty).zip(written.expected);
        let (before, values) = self.evaluate(&called, written.args, &slots, hint);
        let mut filled = Vec::new();
        for ((value, field), field_ty) in values.into_iter().zip(&fields).zip(&tys) {
            filled.push(match value {
                Some(value) => value,
                None => self.missing_field(field, *field_ty, name, zero, written.name_span, span),
            });
        }
        self.last_call = super::stmt::LastCall::Pure { name, changes: false };
        let call = make(ExprKind::Aggregate(Vec::new()), ty, span);
        self.with_arguments(call, filled, 0, before)
    }

    fn missing_field(
        &mut self,
        field: &FieldSig,
        ty: TypeId,
        owner: Symbol,
        zero: bool,
        name_span: Span,
        span: Span,
    ) -> Expr {
        if matches!(self.shape(ty), Type::Optional(_)) {
            return make(ExprKind::Nil, ty, span);
        }
        if self.has_unknown_shape(ty) {
            return unknown(span);
        }
        if zero {
            let resolved = self.resolve(ty);
            if self.c.has_zero(resolved) {
                return self.zero(ty, span);
            }
            let message = format!("Field '{}' of '{owner}' has no zero value", field.name);
            self.report(Diagnostic::new(Code::E0802, name_span, message).secondary(field.span, "this field"));
            return unknown(span);
        }
        let message = format!("Missing field '{}' for '{owner}'", field.name);
        self.report(Diagnostic::new(Code::E0801, name_span, message).secondary(field.span, "declared here"));
        unknown(span)
    }

    pub(crate) fn has_unknown_shape(&self, ty: TypeId) -> bool {
        matches!(self.shape(ty), Type::Unknown)
    }

    /// The enum of an unqualified case name: the expected type decides, else it must be the only one.
    fn case_owner(&mut self, name: Symbol, span: Span, expected: Option<TypeId>) -> Option<(DeclId, u32)> {
        if let Some(Type::User { decl, .. }) = self.expected_shape(expected)
            && let Some(case) = self.c.decls.types[decl.0 as usize].case_index(name)
        {
            return Some((decl, case));
        }
        let visible = self.c.visible_cases(self.scope, name);
        match visible.as_slice() {
            [] => None,
            [one] => Some(*one),
            several => {
                let owner = |(decl, _): &(DeclId, u32)| self.c.decls.types[decl.0 as usize].name;
                let names: Vec<String> = several.iter().map(|case| format!("{}.{name}", owner(case))).collect();
                self.error(Code::E0807, span, format!("'{name}' is ambiguous: {}", names.join(", ")));
                Some(several[0])
            }
        }
    }

    /// A bare name that is a case without payload.
    pub(crate) fn unqualified_case(&mut self, name: Symbol, span: Span, expected: Option<TypeId>) -> Option<Expr> {
        let (decl, case) = self.case_owner(name, span, expected)?;
        let written = Written { args: &[], type_args: &[], name_span: span, span, expected };
        Some(self.make_case(decl, case, written))
    }

    /// `Some(3)`, `Ok(1)`, by the bare name.
    pub(crate) fn call_case(&mut self, name: Symbol, written: Written<'a>) -> Option<Expr> {
        if let Some((decl, case)) = self.case_owner(name, written.name_span, written.expected) {
            return Some(self.make_case(decl, case, written));
        }
        match name.as_str() {
            "Ok" => Some(self.make_result(0, "Ok", written)),
            "Err" => Some(self.make_result(1, "Err", written)),
            _ => None,
        }
    }

    pub(crate) fn make_case(&mut self, decl: DeclId, case: u32, written: Written<'a>) -> Expr {
        let span = written.span;
        let declared = &self.c.decls.types[decl.0 as usize];
        let Some(sig) = declared.cases.get(case as usize).cloned() else { return self.drop_args(written) };
        let Some(args) = self.user_args(decl, &written) else { return self.drop_args(written) };
        let env: TypeEnv = self.c.owner_env(decl, &args);
        let ty = self.c.user_type(decl, args);
        // The expected type comes first here: a payload literal follows it.
        if let Some(expected) = written.expected.filter(|_| !env.is_empty()) {
            self.expect_result(ty, expected);
        }
        let tys: Vec<TypeId> = sig.fields.iter().map(|field| self.c.substitute(field.ty, &env)).collect();
        let called = Called {
            name: sig.name.as_str(),
            params: sig.fields.iter().map(|field| (field.name, false)).collect(),
            types: &tys,
            optional: 0,
            cells: true,
            span: written.name_span,
        };
        let Some((before, values)) = self.arguments(&called, written.args, None) else {
            self.silence(ty);
            return unknown(span);
        };
        self.last_call = super::stmt::LastCall::Pure { name: sig.name, changes: false };
        let call = make(ExprKind::Case { case, args: Vec::new() }, ty, span);
        self.with_arguments(call, values, 0, before)
    }

    /// `Result.ok(v)` and `Ok(v)`; the other side of the type comes from the context.
    pub(crate) fn make_result(&mut self, case: u32, name: &str, written: Written<'a>) -> Expr {
        let span = written.span;
        let value = self.fresh_for(span, name);
        let error = self.fresh(span, Origin::ErrorSide);
        let ty = self.c.types.intern(Type::Result(value, error));
        if let Some(expected) = written.expected {
            self.expect_result(ty, expected);
        }
        let payload = [if case == 0 { value } else { error }];
        let field = if case == 0 { "value" } else { "error" };
        let called = Called {
            name,
            params: vec![(Symbol::new(field), false)],
            types: &payload,
            optional: 0,
            cells: false,
            span: written.name_span,
        };
        let Some((_, values)) = self.arguments(&called, written.args, None) else {
            self.silence(ty);
            return unknown(span);
        };
        self.last_call = super::stmt::LastCall::Pure { name: Symbol::new(name), changes: false };
        make(ExprKind::Case { case, args: values }, ty, span)
    }

    /// `List<T>()`, `Map<K, V>()`, `Array(n, v)`.
    pub(crate) fn construct_collection(&mut self, name: Symbol, written: Written<'a>) -> Expr {
        let span = written.span;
        let text = name.as_str();
        if matches!(text, "Channel" | "atomic_ref") {
            let diagnostic = Diagnostic::new(Code::E0407, written.name_span, format!("Undeclared identifier '{text}'"));
            let form = if text == "Channel" { "Channel<T>.new()" } else { "atomic_ref.new(v)" };
            self.report(diagnostic.label("this is a type, not a function").help(format!("write '{form}'")));
            return self.drop_args(written);
        }
        self.last_call = super::stmt::LastCall::Pure { name, changes: false };
        let wanted = if text == "Map" { 2 } else { 1 };
        let args = match written.type_args.len() {
            0 => (0..wanted).map(|_| self.fresh_for(written.name_span, text)).collect(),
            count if count == wanted => self.lower_types(written.type_args),
            count => {
                let message = format!("Wrong arguments for '{text}': expected {wanted} type arguments, found {count}");
                self.error(Code::E0506, written.name_span, message);
                return self.drop_args(written);
            }
        };
        let (ty, literal) = match text {
            "List" => (Type::List(args[0]), ExprKind::ListLiteral(Vec::new())),
            "Array" => (Type::Array(args[0]), ExprKind::ArrayLiteral(Vec::new())),
            "Set" => (Type::Set(args[0]), ExprKind::SetLiteral(Vec::new())),
            _ => (Type::Map(args[0], args[1]), ExprKind::MapLiteral(Vec::new())),
        };
        if matches!(text, "Set" | "Map") {
            self.key_checks.push((args[0], written.name_span));
        }
        let ty = self.c.types.intern(ty);
        if text == "Array" && !written.args.is_empty() {
            return self.filled_array(ty, args[0], written);
        }
        if !written.args.is_empty() {
            let message = format!("Wrong arguments for '{text}': expected 0, found {}", written.args.len());
            self.error(Code::E0506, written.name_span, message);
            return self.drop_args(written);
        }
        if let Some(expected) = written.expected {
            self.expect_result(ty, expected);
        }
        make(literal, ty, span)
    }

    fn filled_array(&mut self, ty: TypeId, element: TypeId, written: Written<'a>) -> Expr {
        let params = [types::INT, element];
        let called = Called {
            name: "Array",
            params: vec![(Symbol::new("n"), false), (Symbol::new("v"), false)],
            types: &params,
            optional: 0,
            cells: false,
            span: written.name_span,
        };
        if let Some(expected) = written.expected {
            self.expect_result(ty, expected);
        }
        let Some((before, values)) = self.arguments(&called, written.args, None) else {
            self.silence(ty);
            return unknown(written.span);
        };
        let function = RuntimeFunction::ArrayFill;
        let call = make(ExprKind::Runtime { function, args: values }, ty, written.span);
        if before.is_empty() {
            return call;
        }
        let kind = ExprKind::Block { stmts: before, value: Some(Box::new(call)) };
        make(kind, ty, written.span)
    }
}
