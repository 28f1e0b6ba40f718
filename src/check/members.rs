//! Members of values: fields, tuple items, methods (language reference 5.7).
//!
//! In: a base and a name. Out: projections and calls; E0303, E0503 to E0505, E0811.
//! Deliberately not here: bases that are modules or types (`statics`).

use super::body::{Body, make, unknown};
use super::builtins;
use super::call::Written;
use super::statics::Base;
use crate::ast::{self, Ident};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

impl<'a> Body<'_, 'a> {
    /// `base.name` without a call.
    pub(crate) fn member(
        &mut self,
        base: &'a ast::Expr,
        name: Ident,
        type_args: &'a [ast::TypeExpr],
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        match self.base(base) {
            Base::Value => {
                if let Some(position) = self.own_position(base, name, span) {
                    return position;
                }
                let value = self.consumed(base, None);
                self.field(value, name, span)
            }
            owner => self.static_value(owner, name, type_args, span, expected),
        }
    }

    /// A field, a named tuple item, or a field of Result.
    pub(crate) fn field(&mut self, base: Expr, name: Ident, span: Span) -> Expr {
        let base = self.unwrapped(base);
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        match self.shape(ty).clone() {
            Type::Unknown => unknown(span),
            Type::Param(_) if self.generic => unknown(span),
            Type::Variable(_) => self.still_open(&base, base.span),
            Type::User { decl, .. } => match self.c.decls.types[decl.0 as usize].field_index.get(&name.name) {
                Some(&index) => self.field_at(base, index, span),
                None => self.no_field(ty, name),
            },
            Type::Tuple(items) => match items.iter().position(|item| item.name == Some(name.name)) {
                Some(index) => {
                    let kind = ExprKind::Field { base: Box::new(base), index: index as u32 };
                    make(kind, items[index].ty, span)
                }
                None => self.no_field(ty, name),
            },
            Type::Json => self.json_member(base, name, span),
            Type::Result(..) => match builtins::result_field(name.name.as_str()) {
                Some(method) => {
                    let written = Written { args: &[], type_args: &[], name_span: name.span, span, expected: None };
                    let shallow = self.shallow(ty);
                    self.call_builtin(method, Some(base), shallow, name.name.as_str(), written)
                }
                None => self.no_field(ty, name),
            },
            _ => self.no_field(ty, name),
        }
    }

    /// A field of a user type by its index.
    pub(crate) fn field_at(&mut self, base: Expr, index: u32, span: Span) -> Expr {
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        let Type::User { decl, args, .. } = self.shape(ty).clone() else { return unknown(span) };
        let env = self.c.owner_env(decl, &args);
        let declared = self.c.decls.types[decl.0 as usize].fields[index as usize].ty;
        let field = self.c.substitute(declared, &env);
        make(ExprKind::Field { base: Box::new(base), index }, field, span)
    }

    fn no_field(&mut self, ty: TypeId, name: Ident) -> Expr {
        let owner = self.short_name(ty);
        let message = format!("Undefined field '{}' on type '{owner}'", name.name);
        let mut diagnostic = Diagnostic::new(Code::E0505, name.span, message);
        let mut methods = Vec::new();
        if let Type::User { decl, .. } = self.shape(ty).clone() {
            let declared = &self.c.decls.types[decl.0 as usize];
            methods.extend(declared.methods.keys().map(|method| method.as_str()));
            methods.extend(declared.matrix.iter().flat_map(|_| super::matrix::METHODS));
            let fields = declared.field_index.keys().map(|field| field.as_str());
            if let Some(near) = crate::diagnostics::nearest(name.name.as_str(), fields) {
                diagnostic = diagnostic.help(format!("a field named '{near}' exists"));
            }
        } else {
            let shallow = self.shallow(ty);
            methods.extend(builtins::method_names(&self.c.types, shallow));
        }
        if methods.contains(&name.name.as_str()) {
            diagnostic = diagnostic.help(format!("'{0}' is a method; call it: '.{0}()'", name.name));
        }
        self.report(diagnostic);
        unknown(name.span)
    }

    /// The type name without arguments, as E0504 and E0505 say it.
    pub(crate) fn short_name(&mut self, ty: TypeId) -> String {
        match self.shape(ty).clone() {
            Type::String => "String".into(),
            Type::List(_) => "List".into(),
            Type::Array(_) => "Array".into(),
            Type::Map(..) => "Map".into(),
            Type::Set(_) => "Set".into(),
            Type::Result(..) => "Result".into(),
            Type::Channel(_) => "Channel".into(),
            Type::AtomicRef(_) => "atomic_ref".into(),
            Type::User { name, .. } => name.to_string(),
            _ => self.type_name(ty),
        }
    }

    /// `e.0`.
    pub(crate) fn position(&mut self, base: &'a ast::Expr, position: u32, at: Span, span: Span) -> Expr {
        let base = self.consumed(base, None);
        self.position_of(base, position, at, span)
    }

    pub(crate) fn position_of(&mut self, base: Expr, position: u32, at: Span, span: Span) -> Expr {
        let base = self.unwrapped(base);
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        match self.shape(ty).clone() {
            Type::Unknown => unknown(span),
            Type::Param(_) if self.generic => unknown(span),
            Type::Variable(_) => self.still_open(&base, base.span),
            Type::Tuple(items) if (position as usize) < items.len() => {
                let kind = ExprKind::Field { base: Box::new(base), index: position };
                make(kind, items[position as usize].ty, span)
            }
            Type::Tuple(items) => {
                let diagnostic = Diagnostic::new(Code::E0503, at, format!("Tuple has no item '{position}'"))
                    .label(format!("it has the items 0 to {}", items.len() - 1));
                self.report(diagnostic);
                unknown(span)
            }
            _ => {
                let owner = self.short_name(ty);
                self.error(Code::E0505, at, format!("Undefined field '{position}' on type '{owner}'"));
                unknown(span)
            }
        }
    }

    /// `base.name(args)`.
    pub(crate) fn call_member(&mut self, base: &'a ast::Expr, name: Ident, written: Written<'a>) -> Expr {
        match self.base(base) {
            Base::Value => {
                let receiver = self.consumed(base, None);
                self.call_on_value(receiver, name, written)
            }
            owner => self.call_static(owner, name, written),
        }
    }

    pub(crate) fn call_on_value(&mut self, receiver: Expr, name: Ident, written: Written<'a>) -> Expr {
        let ty = receiver.ty.unwrap_or(types::UNKNOWN);
        let shallow = self.shallow(ty);
        // Members of the optional itself come before those of its contents.
        if matches!(self.c.types.get(shallow), Type::Optional(_)) {
            if let Some(method) = builtins::method(&self.c.types, shallow, name.name.as_str()) {
                return self.call_builtin(method, Some(receiver), shallow, name.name.as_str(), written);
            }
            let receiver = self.unwrapped(receiver);
            return self.call_on_value(receiver, name, written);
        }
        match self.c.types.get(shallow).clone() {
            Type::Unknown => self.drop_args(written),
            Type::Param(param) if self.generic => self.call_bound_method(receiver, param, name, written),
            Type::Variable(_) => {
                self.still_open(&receiver, receiver.span);
                self.drop_args(written)
            }
            Type::User { decl, args, .. } => match self.matrix_method(receiver, decl, name, written) {
                Ok(value) => value,
                Err(receiver) => self.call_user_method(receiver, decl, args, name, written),
            },
            Type::Tuple(items) if items.iter().any(|item| item.name == Some(name.name)) => {
                let callee = self.field(receiver, name, written.span);
                self.call_value(callee, name.name.as_str(), written)
            }
            _ if self.is_shared_in_formula(shallow, name.span) => self.drop_args(written),
            _ => match builtins::method(&self.c.types, shallow, name.name.as_str()) {
                Some(method) => self.call_builtin(method, Some(receiver), shallow, name.name.as_str(), written),
                None => self.no_method(shallow, name, written),
            },
        }
    }

    fn call_user_method(
        &mut self,
        receiver: Expr,
        decl: types::DeclId,
        args: Vec<TypeId>,
        name: Ident,
        written: Written<'a>,
    ) -> Expr {
        let declared = &self.c.decls.types[decl.0 as usize];
        if let Some(&method) = declared.methods.get(&name.name) {
            if self.c.decls.functions[method.0 as usize].is_instance {
                return self.call_declared(method, args, Some(receiver), written);
            }
            // Through an instance: the receiver is evaluated and dropped.
            let call = self.call_declared(method, args, None, written);
            if matches!(receiver.kind, ExprKind::Local(_)) {
                return call;
            }
            let (ty, span) = (call.ty, call.span);
            let drop = crate::ir::Stmt { kind: crate::ir::StmtKind::Expr(receiver), span };
            return Expr { kind: ExprKind::Block { stmts: vec![drop], value: Some(Box::new(call)) }, ty, span };
        }
        let ty = receiver.ty.unwrap_or(types::UNKNOWN);
        if let Some(&index) = declared.field_index.get(&name.name) {
            let callee = self.field_at(receiver, index, name.span);
            let callable = matches!(
                self.shape(callee.ty.unwrap_or(types::UNKNOWN)),
                Type::Function { .. } | Type::Optional(_) | Type::Unknown | Type::Param(_)
            );
            if callable {
                return self.call_value(callee, name.name.as_str(), written);
            }
        }
        self.no_method(ty, name, written)
    }

    fn no_method(&mut self, ty: TypeId, name: Ident, written: Written<'a>) -> Expr {
        let owner = self.short_name(ty);
        let message = format!("Undefined method '{}' on type '{owner}'", name.name);
        let mut diagnostic = Diagnostic::new(Code::E0504, name.span, message);
        let text = name.name.as_str();
        let known: Vec<&'static str> = match self.shape(ty) {
            Type::User { decl, .. } => {
                let declared = &self.c.decls.types[decl.0 as usize];
                let built_in = declared.matrix.iter().flat_map(|_| super::matrix::METHODS);
                declared.methods.keys().map(|method| method.as_str()).chain(built_in).collect()
            }
            _ => {
                let shallow = self.shallow(ty);
                builtins::method_names(&self.c.types, shallow).collect()
            }
        };
        let renamed = match text {
            "push" | "push_back" => Some("append"),
            "length" | "count" => Some("len"),
            _ => None,
        };
        let near = renamed
            .filter(|renamed| known.contains(renamed))
            .or_else(|| crate::diagnostics::nearest(text, known.iter().copied()));
        if let Some(near) = near {
            diagnostic = diagnostic.help(format!("a method named '{near}' exists"));
        }
        self.report(diagnostic);
        self.drop_args(written)
    }
}
