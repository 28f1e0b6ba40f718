//! json: literals, conversions in and out, access (language reference 9.8).
//!
//! In: elaborated values and types. Out: calls of the runtime; E0901, E1106. Objects are made of an array of their members.
//! Deliberately not here: methods (`builtins::json`), place assignment (`place`).

use super::body::{Body, make, unknown};
use super::call::Written;
use super::properties::Contains;
use super::types::parts;
use crate::ast::{self, ExprKind as Ast, Ident};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind, RuntimeFunction};
use crate::source::Span;
use crate::types::{self, TupleItem, Type, TypeId};

/// A runtime call that yields json.
pub(crate) fn json_call(function: RuntimeFunction, args: Vec<Expr>, span: Span) -> Expr {
    make(ExprKind::Runtime { function, args }, types::JSON, span)
}

impl<'a> Body<'_, 'a> {
    pub(crate) fn expects_json(&self, expected: Option<TypeId>) -> bool {
        matches!(self.expected_shape(expected), Some(Type::Json))
    }

    /// `{name: v}`.
    pub(crate) fn json_object(&mut self, entries: &'a [(Ident, ast::Expr)], span: Span) -> Expr {
        let members = entries.iter().map(|(name, value)| {
            let key = make(ExprKind::Str(name.name.to_string()), types::STRING, name.span);
            (key, self.expr_to(value, types::JSON))
        });
        let members = members.collect();
        self.json_of_members(members, span)
    }

    /// `{"name": v}` where json is expected: an object if all keys are quoted.
    pub(crate) fn quoted_object(&mut self, entries: &'a [(ast::Expr, ast::Expr)], span: Span) -> Option<Expr> {
        let quoted = entries.iter().all(|(key, _)| matches!(key.kind, Ast::Str(_)));
        if !quoted {
            return None;
        }
        let members =
            entries.iter().map(|(key, value)| (self.expr_to(key, types::STRING), self.expr_to(value, types::JSON)));
        let members = members.collect();
        Some(self.json_of_members(members, span))
    }

    fn json_of_members(&mut self, members: Vec<(Expr, Expr)>, span: Span) -> Expr {
        let items = [types::STRING, types::JSON].map(|ty| TupleItem { name: None, ty });
        let member = self.c.types.intern(Type::Tuple(items.into()));
        let array = self.c.types.array(member);
        let pairs = members.into_iter().map(|(key, value)| make(ExprKind::Aggregate(vec![key, value]), member, span));
        let pairs = make(ExprKind::ArrayLiteral(pairs.collect()), array, span);
        json_call(RuntimeFunction::JsonFromMembers, vec![pairs], span)
    }

    /// `[a, b]` where json is expected.
    pub(crate) fn json_array(&mut self, items: &'a [ast::Expr], span: Span) -> Expr {
        let items = items.iter().map(|item| self.expr_to(item, types::JSON)).collect();
        let array = self.c.types.array(types::JSON);
        json_call(RuntimeFunction::JsonFrom, vec![make(ExprKind::ArrayLiteral(items), array, span)], span)
    }

    pub(crate) fn json_empty(&self, span: Span) -> Expr {
        json_call(RuntimeFunction::JsonEmpty, Vec::new(), span)
    }

    /// `json.parse(…)`.
    pub(crate) fn json_static(
        &mut self,
        name: Ident,
        args: &'a [ast::Arg],
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let written = Written { args, type_args: &[], name_span: name.span, span, expected };
        match super::builtins::static_member("json", name.name.as_str()) {
            Some(method) => self.call_builtin(method, None, types::UNKNOWN, name.name.as_str(), written),
            None => {
                let message = format!("Undefined method '{}' on type 'json'", name.name);
                self.error(Code::E0504, name.span, message);
                self.drop_args(written)
            }
        }
    }

    /// The value as json, or the value itself if its type has no json form.
    pub(crate) fn to_json(&mut self, value: Expr) -> Result<Expr, Expr> {
        let Some(ty) = value.ty else { return Err(value) };
        let span = value.span;
        if matches!(value.kind, ExprKind::Nil) {
            if let Type::Optional(inner) = *self.shape(ty) {
                self.unify(inner, types::JSON);
            }
            return Ok(make(ExprKind::Zero, types::JSON, span));
        }
        let ty = self.resolve(ty);
        if self.c.has_variable(ty) {
            self.json_checks.push((ty, span));
        } else if self.without_json(ty, &mut Vec::new()).is_some() {
            return Err(value);
        }
        Ok(json_call(RuntimeFunction::JsonFrom, vec![value], span))
    }

    /// The part of a type that has no json form.
    fn without_json(&mut self, ty: TypeId, seen: &mut Vec<TypeId>) -> Option<TypeId> {
        let kind = self.c.types.get(ty).clone();
        match &kind {
            Type::Function { .. }
            | Type::Channel(_)
            | Type::Atomic(_)
            | Type::AtomicRef(_)
            | Type::Posix
            | Type::Handle(_) => Some(ty),
            Type::User { decl, .. } if self.c.decls.types[decl.0 as usize].matrix.is_some() => Some(ty),
            Type::Map(key, _) if !matches!(self.c.types.get(*key), Type::String | Type::Unknown | Type::Param(_)) => {
                Some(ty)
            }
            Type::User { decl, .. } if self.c.decls.types[decl.0 as usize].matrix.is_some() => Some(ty),
            Type::User { .. } => {
                // Types that grow without end are reported elsewhere.
                if seen.contains(&ty) || seen.len() > 1000 {
                    return None;
                }
                seen.push(ty);
                self.c.member_types(ty).into_iter().find_map(|member| self.without_json(member, seen))
            }
            _ => parts(&kind).into_iter().find_map(|part| self.without_json(part, seen)),
        }
    }

    /// E0901 or E1106 for a type that has no json form.
    pub(crate) fn no_json(&mut self, ty: TypeId, span: Span) {
        let whole = self.resolve(ty);
        let Some(part) = self.without_json(whole, &mut Vec::new()) else { return };
        if self.c.contains(part, Contains::Handle) && matches!(self.c.types.get(part), Type::Handle(_)) {
            self.error(Code::E1106, span, "Handles cannot be converted");
            return;
        }
        let name = self.type_name(part);
        let mut diagnostic = Diagnostic::new(Code::E0901, span, format!("Type '{name}' cannot be converted to json"));
        if part != whole {
            let whole = self.type_name(whole);
            diagnostic = diagnostic.label(format!("it is a part of {whole}"));
        } else if matches!(self.c.types.get(part), Type::Map(..)) {
            diagnostic = diagnostic.help("the keys of a json object are strings");
        }
        self.report(diagnostic);
    }

    /// What could not be said while types were open.
    pub(crate) fn finish_json_checks(&mut self) {
        for (ty, span) in std::mem::take(&mut self.json_checks) {
            self.no_json(ty, span);
        }
    }

    /// `j as T`; nothing if T cannot be read from json.
    pub(crate) fn from_json(&mut self, value: Expr, to: TypeId, span: Span) -> Option<Expr> {
        let runtime = |function, args, ty| make(ExprKind::Runtime { function, args }, ty, span);
        if to == types::STRING {
            return Some(runtime(RuntimeFunction::JsonToString, vec![value], to));
        }
        let to = self.resolve(to);
        let plain = match *self.c.types.get(to) {
            Type::Optional(inner) => inner,
            _ => to,
        };
        if let Type::Handle(_) = self.c.types.get(plain) {
            self.error(Code::E1106, span, "Handles cannot be converted");
            return Some(unknown(span));
        }
        // What json cannot be made of cannot be read from it either.
        if self.without_json(plain, &mut Vec::new()).is_some() {
            return None;
        }
        if plain == to {
            return Some(runtime(RuntimeFunction::JsonTo, vec![value], to));
        }
        if plain != types::STRING {
            return Some(runtime(RuntimeFunction::JsonToOptional, vec![value], to));
        }
        // Only null has no text.
        let mut stmts = Vec::new();
        let local = self.temp(types::JSON, span);
        stmts.push(super::body::assign(local, value));
        let read = self.local_expr(local, span);
        let kind = runtime(RuntimeFunction::JsonKind, vec![super::body::copy(&read)], types::INT);
        let null = Box::new(self.int(0, span));
        let condition = ExprKind::Equal { left: Box::new(kind), right: null, negate: false };
        let text = runtime(RuntimeFunction::JsonToString, vec![read], types::STRING);
        let choice = ExprKind::If {
            condition: Box::new(make(condition, types::BOOL, span)),
            then: Box::new(make(ExprKind::Nil, to, span)),
            otherwise: Box::new(make(ExprKind::Some(Box::new(text)), to, span)),
        };
        let choice = Some(Box::new(make(choice, to, span)));
        Some(make(ExprKind::Block { stmts, value: choice }, to, span))
    }

    /// `j.name`.
    pub(crate) fn json_member(&self, base: Expr, name: Ident, span: Span) -> Expr {
        let key = make(ExprKind::Str(name.name.to_string()), types::STRING, name.span);
        json_call(RuntimeFunction::JsonGet, vec![base, key], span)
    }

    /// `j[k]`: by int, string, or json.
    pub(crate) fn json_element(&mut self, base: Expr, (key, at): (Expr, Span), span: Span) -> Expr {
        let (function, key) = self.json_key(key, at);
        let function = match function {
            KeyKind::Name => RuntimeFunction::JsonGet,
            KeyKind::Index => RuntimeFunction::JsonAt,
            KeyKind::Json => RuntimeFunction::JsonLookup,
        };
        json_call(function, vec![base, key], span)
    }

    /// The key of an access, converted; E0305 for one that is neither string nor int.
    pub(crate) fn json_key(&mut self, key: Expr, at: Span) -> (KeyKind, Expr) {
        let key = self.unwrapped(key);
        match self.shape(key.ty.unwrap_or(types::UNKNOWN)) {
            Type::Int | Type::Byte | Type::Char => (KeyKind::Index, self.convert(key, types::INT, at)),
            Type::Json => (KeyKind::Json, key),
            _ => (KeyKind::Name, self.convert(key, types::STRING, at)),
        }
    }
}

/// What a member or element is asked for by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Name,
    Index,
    Json,
}
