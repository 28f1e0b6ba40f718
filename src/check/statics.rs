//! Members of modules, types and built-in names (language reference 5.7, 8.2, 12.3).
//!
//! In: a base that is no value, and a member. Out: calls, cases, constants; E0504, E0505, E0805, E1203.
//! Deliberately not here: members of values (`members`).

use super::body::{Body, make, unknown};
use super::builtins;
use super::call::Written;
use super::decls::Entity;
use super::scope::Found;
use crate::ast::{self, ExprKind as Ast, Ident};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind};
use crate::resolve::UnitId;
use crate::source::{Span, Symbol};
use crate::types::{self, DeclId, TypeId};

/// What stands before a dot.
pub(crate) enum Base<'a> {
    Value,
    Module(UnitId, Symbol),
    Type(DeclId, &'a [ast::TypeExpr]),
    /// `List`, `Result`, `String`, `posix`, `time` and the like.
    Builtin(&'static str, &'a [ast::TypeExpr]),
    /// A module without that member: E1203 has been said.
    Missing,
}

impl<'a> Body<'_, 'a> {
    /// Locals and fields win over types, types over modules.
    pub(crate) fn base(&mut self, base: &'a ast::Expr) -> Base<'a> {
        let (name, type_args, span): (Symbol, &'a [ast::TypeExpr], Span) = match &base.kind {
            Ast::Name(name) => (*name, &[], base.span),
            Ast::Generic { name, type_args } => (name.name, type_args, name.span),
            Ast::Member { base, name, type_args } => return self.nested_base(base, *name, type_args),
            _ => return Base::Value,
        };
        if self.names.contains_key(&name) {
            return Base::Value;
        }
        if let Some(owner) = self.owner
            && self.c.decls.types[owner.0 as usize].field_index.contains_key(&name)
        {
            return Base::Value;
        }
        match self.c.value_entity(self.scope, name) {
            Found::One(Entity::Type(decl)) => return Base::Type(decl, type_args),
            Found::One(_) => return Base::Value,
            Found::Ambiguous(names) => {
                self.error(Code::E1204, span, format!("'{name}' is ambiguous: {}", names.join(", ")));
                return Base::Missing;
            }
            Found::None => {}
        }
        if let Some(unit) = self.c.module(self.scope, name) {
            return Base::Module(unit, name);
        }
        match name.as_str() {
            "List" | "Array" | "Map" | "Set" | "Result" | "String" | "posix" | "time" | "Channel" | "atomic_ref" => {
                Base::Builtin(name.as_str(), type_args)
            }
            _ => Base::Value,
        }
    }

    /// `module.Type` before another dot.
    fn nested_base(&mut self, base: &'a ast::Expr, name: Ident, type_args: &'a [ast::TypeExpr]) -> Base<'a> {
        let Ast::Name(module) = base.kind else { return Base::Value };
        if self.names.contains_key(&module) {
            return Base::Value;
        }
        let Some(unit) = self.c.module(self.scope, module) else { return Base::Value };
        if let Found::One(_) = self.c.value_entity(self.scope, module) {
            return Base::Value;
        }
        match self.c.decls.units[unit.0 as usize].values.get(&name.name).map(|(entity, _)| *entity) {
            Some(Entity::Type(decl)) => Base::Type(decl, type_args),
            Some(_) => Base::Value,
            None => {
                super::imports::no_member(self.c, unit, module.as_str(), name);
                Base::Missing
            }
        }
    }

    /// `owner.name` without a call.
    pub(crate) fn static_value(
        &mut self,
        owner: Base<'a>,
        name: Ident,
        member_args: &'a [ast::TypeExpr],
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        match owner {
            Base::Module(unit, module) => {
                match self.c.decls.units[unit.0 as usize].values.get(&name.name).map(|(entity, _)| *entity) {
                    Some(Entity::Function(id)) => {
                        let args = self.lower_types(member_args);
                        self.function_value(id, args, span)
                    }
                    Some(Entity::Extern(_)) => {
                        let message = format!("Extern function '{}' is not a value", name.name);
                        self.error(Code::E0509, name.span, message);
                        unknown(span)
                    }
                    Some(Entity::Type(_) | Entity::Trait(_)) => {
                        let message = format!("Undeclared identifier '{}'", name.name);
                        let diagnostic = Diagnostic::new(Code::E0407, name.span, message);
                        self.report(diagnostic.label("this is a type, not a value"));
                        unknown(span)
                    }
                    None => {
                        super::imports::no_member(self.c, unit, module.as_str(), name);
                        unknown(span)
                    }
                }
            }
            Base::Type(decl, type_args) => match self.c.decls.types[decl.0 as usize].case_index(name.name) {
                Some(case) => {
                    let written = Written { args: &[], type_args, name_span: name.span, span, expected };
                    self.make_case(decl, case, written)
                }
                None => self.static_method_value(decl, name, span),
            },
            Base::Builtin(owner, _) => match builtins::constant(owner, name.name.as_str()) {
                Some(value) => make(ExprKind::Int(value), types::INT, span),
                None if builtins::static_member(owner, name.name.as_str()).is_some() => {
                    let message = format!("Built-in '{owner}.{}' is not a value; write a lambda", name.name);
                    self.error(Code::E0512, name.span, message);
                    unknown(span)
                }
                None => {
                    self.no_builtin_member(owner, name, Code::E0505);
                    unknown(span)
                }
            },
            Base::Missing | Base::Value => unknown(span),
        }
    }

    /// A static method as a value, when its type has no parameters.
    fn static_method_value(&mut self, decl: DeclId, name: Ident, span: Span) -> Expr {
        let declared = &self.c.decls.types[decl.0 as usize];
        if let Some(&method) = declared.methods.get(&name.name) {
            if !self.c.decls.functions[method.0 as usize].is_instance {
                return self.function_value(method, Vec::new(), span);
            }
            return self.instance_through_type(decl, name);
        }
        let message = format!("Undefined field '{}' on type '{}'", name.name, declared.name);
        self.error(Code::E0505, name.span, message);
        unknown(span)
    }

    fn instance_through_type(&mut self, decl: DeclId, name: Ident) -> Expr {
        let owner = self.c.decls.types[decl.0 as usize].name;
        let message = format!("'{}' is an instance method of '{owner}'", name.name);
        let diagnostic = Diagnostic::new(Code::E0805, name.span, message).help("call it on a value of the type");
        self.report(diagnostic);
        unknown(name.span)
    }

    /// `owner.name(args)`.
    pub(crate) fn call_static(&mut self, owner: Base<'a>, name: Ident, written: Written<'a>) -> Expr {
        match owner {
            Base::Module(unit, module) => {
                match self.c.decls.units[unit.0 as usize].values.get(&name.name).map(|(entity, _)| *entity) {
                    Some(entity) => self.call_entity(entity, name.name, written),
                    None => {
                        super::imports::no_member(self.c, unit, module.as_str(), name);
                        self.drop_args(written)
                    }
                }
            }
            Base::Type(decl, type_args) => self.call_type_member(decl, type_args, name, written),
            Base::Builtin(owner, type_args) => self.call_builtin_static(owner, type_args, name, written),
            Base::Missing | Base::Value => self.drop_args(written),
        }
    }

    fn call_type_member(
        &mut self,
        decl: DeclId,
        type_args: &'a [ast::TypeExpr],
        name: Ident,
        written: Written<'a>,
    ) -> Expr {
        let declared = &self.c.decls.types[decl.0 as usize];
        if declared.matrix.is_some() && !declared.methods.contains_key(&name.name) {
            return self.matrix_static(decl, name, written);
        }
        let owner = Written { type_args, ..written };
        if let Some(case) = declared.case_index(name.name) {
            return self.make_case(decl, case, owner);
        }
        if let Some(&method) = declared.methods.get(&name.name) {
            if self.c.decls.functions[method.0 as usize].is_instance {
                self.instance_through_type(decl, name);
                return self.drop_args(written);
            }
            let Some(known) = self.user_args(decl, &owner) else { return self.drop_args(written) };
            return self.call_declared(method, known, None, written);
        }
        if name.name.as_str() == "new" && !declared.is_enum() {
            let Some(args) = self.user_args(decl, &owner) else { return self.drop_args(written) };
            return self.fill_fields(decl, args, written, true);
        }
        let message = format!("Undefined method '{}' on type '{}'", name.name, declared.name);
        self.error(Code::E0504, name.span, message);
        self.drop_args(written)
    }

    fn call_builtin_static(
        &mut self,
        owner: &'static str,
        type_args: &'a [ast::TypeExpr],
        name: Ident,
        written: Written<'a>,
    ) -> Expr {
        match (owner, name.name.as_str()) {
            ("Channel" | "atomic_ref", _) => return self.call_shared_static(owner, type_args, name, written),
            ("Result", "ok" | "err") => {
                let mut written = written;
                if let [_, _] = type_args {
                    let args = self.lower_types(type_args);
                    written.expected = Some(self.c.types.intern(types::Type::Result(args[0], args[1])));
                }
                let ok = name.name.as_str() == "ok";
                return self.make_result(u32::from(!ok), if ok { "Result.ok" } else { "Result.err" }, written);
            }
            ("List" | "Array" | "Map" | "Set", "new") => {
                return self.construct_collection(Symbol::new(owner), Written { type_args, ..written });
            }
            _ => {}
        }
        match builtins::static_member(owner, name.name.as_str()) {
            Some(method) => {
                let shown = if matches!(owner, "posix" | "time") {
                    format!("{owner}.{}", name.name)
                } else {
                    name.name.to_string()
                };
                self.call_builtin(method, None, types::UNKNOWN, Symbol::new(&shown).as_str(), written)
            }
            None if builtins::constant(owner, name.name.as_str()).is_some() => {
                self.error(Code::E0305, name.span, "Type mismatch: expected a function, found int");
                self.drop_args(written)
            }
            None => {
                self.no_builtin_member(owner, name, Code::E0504);
                self.drop_args(written)
            }
        }
    }

    /// `time` is a module; of the others, `code` says what is missing.
    fn no_builtin_member(&mut self, owner: &str, name: Ident, code: Code) {
        let name_text = name.name;
        let (code, message) = match (owner, code) {
            ("time", _) => (Code::E1203, format!("Module 'time' has no member '{name_text}'")),
            (_, Code::E0504) => (code, format!("Undefined method '{name_text}' on type '{owner}'")),
            _ => (code, format!("Undefined field '{name_text}' on type '{owner}'")),
        };
        self.error(code, name.span, message);
    }
}
