//! Patterns of `match` (language reference 6.9): what they mean for the type they stand at.
//!
//! In: a pattern's syntax tree and a type. Out: a [`Pat`]; tests and bindings for a value; E0608.
//! Deliberately not here: coverage (`pattern_cover`), the statement (`match_`).

use super::body::{Body, copy, make};
use super::decls::Entity;
use super::scope::Found;
use crate::ast::{self, Ident, PatternKind as Ast};
use crate::diagnostics::Code;
use crate::ir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{self, DeclId, Type, TypeId};

/// A pattern that fits its type.
#[derive(Clone, Debug)]
pub(crate) enum Pat {
    Any,
    Bind(Ident),
    Int(i64),
    Float(f64),
    Str(String),
    Bool(bool),
    Nil,
    /// The contents of an optional that is present.
    Present(Box<Pat>),
    /// A case of an enum or Result.
    Case(u32, Vec<Pat>),
    Tuple(Vec<Pat>),
    /// After a diagnostic, or where the type is not known; names in it are bound.
    Unknown(Vec<Ident>),
}

impl Pat {
    /// After a diagnostic in it; what it would match is not known.
    pub(crate) fn is_faulty(&self) -> bool {
        match self {
            Pat::Unknown(_) => true,
            Pat::Present(inner) => inner.is_faulty(),
            Pat::Tuple(parts) | Pat::Case(_, parts) => parts.iter().any(Pat::is_faulty),
            _ => false,
        }
    }
}

impl<'a> Body<'_, 'a> {
    /// `after_nil`: a case for nil stands before, so names bind the contents of an optional.
    pub(crate) fn pattern(&mut self, pattern: &'a ast::Pattern, ty: TypeId, after_nil: bool) -> Pat {
        let shape = self.shape(ty).clone();
        let optional = match shape {
            Type::Optional(inner) => Some(inner),
            _ => None,
        };
        if let Ast::Any = pattern.kind {
            return Pat::Any;
        }
        if matches!(shape, Type::Unknown | Type::Variable(_) | Type::Param(_)) {
            if let Some(name) = plain_name(pattern) {
                // In an unknown type this may be a case, which does not cover the others.
                let unknown = matches!(shape, Type::Unknown);
                return if unknown { Pat::Unknown(vec![name]) } else { Pat::Bind(name) };
            }
            if let (Type::Variable(_), Some(literal)) = (&shape, literal_type(&pattern.kind)) {
                self.unify(ty, literal);
                return self.pattern(pattern, ty, after_nil);
            }
            let quiet = matches!(shape, Type::Unknown) || self.generic;
            if !quiet {
                self.misfit(pattern, ty);
            }
            return unknown_pattern(pattern);
        }
        if let Some(inner) = optional {
            if matches!(pattern.kind, Ast::Nil) {
                return Pat::Nil;
            }
            let binds = plain_name(pattern).filter(|name| self.case_of(inner, &[*name]).is_none());
            if let (Some(name), false) = (binds, after_nil) {
                return Pat::Bind(name);
            }
            return Pat::Present(Box::new(self.pattern(pattern, inner, false)));
        }
        self.plain_pattern(pattern, ty, &shape)
    }

    fn plain_pattern(&mut self, pattern: &'a ast::Pattern, ty: TypeId, shape: &Type) -> Pat {
        match (&pattern.kind, shape) {
            (Ast::Int { value, negative }, Type::Int | Type::Byte | Type::Char | Type::Float) => {
                let Some(number) = super::literal::literal_value(*value, *negative) else {
                    self.error(Code::E0104, pattern.span, "Number literal out of range");
                    return Pat::Unknown(Vec::new());
                };
                match shape {
                    Type::Float => Pat::Float(number as f64),
                    Type::Int => Pat::Int(number),
                    _ => {
                        let literal = make(ExprKind::Int(number), types::INT, pattern.span);
                        match self.convert(literal, ty, pattern.span).kind {
                            ExprKind::Int(number) => Pat::Int(number),
                            _ => Pat::Unknown(Vec::new()),
                        }
                    }
                }
            }
            (Ast::Float { value, negative }, Type::Float) => Pat::Float(if *negative { -value } else { *value }),
            (Ast::Str(text), Type::String) => Pat::Str(text.clone()),
            (Ast::Bool(value), Type::Bool) => Pat::Bool(*value),
            (Ast::Nil, Type::Handle(_)) => Pat::Nil,
            (Ast::Tuple(parts), Type::Tuple(items)) if parts.len() == items.len() => {
                let items: Vec<TypeId> = items.iter().map(|item| item.ty).collect();
                Pat::Tuple(parts.iter().zip(items).map(|(part, item)| self.pattern(part, item, false)).collect())
            }
            (Ast::Path { path, args }, _) => self.path_pattern(pattern, path, args.as_deref(), ty),
            _ => self.misfit(pattern, ty),
        }
    }

    fn path_pattern(
        &mut self,
        pattern: &'a ast::Pattern,
        path: &'a [Ident],
        args: Option<&'a [ast::Pattern]>,
        ty: TypeId,
    ) -> Pat {
        let Some((case, payload)) = self.case_of(ty, path) else {
            if let Some(name) = plain_name(pattern) {
                return Pat::Bind(name);
            }
            return self.misfit(pattern, ty);
        };
        let args = args.unwrap_or_default();
        // A bare name stands for the case with any payload.
        if args.is_empty() && !payload.is_empty() && !matches!(&pattern.kind, Ast::Path { args: Some(_), .. }) {
            return Pat::Case(case, payload.iter().map(|_| Pat::Any).collect());
        }
        if args.len() != payload.len() {
            return self.misfit(pattern, ty);
        }
        let parts = args.iter().zip(payload).map(|(arg, ty)| self.pattern(arg, ty, false)).collect();
        Pat::Case(case, parts)
    }

    /// The case of the type that the path names, with its payload types.
    pub(crate) fn case_of(&mut self, ty: TypeId, path: &[Ident]) -> Option<(u32, Vec<TypeId>)> {
        let (name, qualifiers) = path.split_last()?;
        match self.shape(ty).clone() {
            Type::User { decl, args, .. } => {
                if !qualifiers.is_empty() && !self.names_type(qualifiers, decl) {
                    return None;
                }
                let case = self.c.decls.types[decl.0 as usize].case_index(name.name)?;
                let fields = self.c.decls.types[decl.0 as usize].cases.get(case as usize)?.fields.clone();
                let env = self.c.owner_env(decl, &args);
                let payload = fields.iter().map(|field| self.c.substitute(field.ty, &env)).collect();
                Some((case, payload))
            }
            Type::Result(value, error) => {
                let qualified = qualifiers.iter().all(|qualifier| qualifier.name.as_str() == "Result");
                match name.name.as_str() {
                    "Ok" if qualified => Some((0, vec![value])),
                    "Err" if qualified => Some((1, vec![error])),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// `Type` or `module.Type` before a case.
    fn names_type(&mut self, path: &[Ident], decl: DeclId) -> bool {
        let found = match path {
            [name] => match self.c.type_entity(self.scope, name.name) {
                Found::One(entity) => Some(entity),
                _ => None,
            },
            [module, name] => self
                .c
                .module(self.scope, module.name)
                .and_then(|unit| self.c.decls.units[unit.0 as usize].types.get(&name.name).map(|(entity, _)| *entity)),
            _ => None,
        };
        found == Some(Entity::Type(decl))
    }

    fn misfit(&mut self, pattern: &'a ast::Pattern, ty: TypeId) -> Pat {
        let name = self.short_name(ty);
        let message = format!("Pattern '{}' does not fit type '{name}'", text(pattern));
        self.error(Code::E0608, pattern.span, message);
        unknown_pattern(pattern)
    }

    /// Conditions for a value to match, in order, and the values of the names.
    pub(crate) fn test(
        &mut self,
        pat: &Pat,
        value: Expr,
        span: Span,
        tests: &mut Vec<Expr>,
        binds: &mut Vec<(Ident, Expr)>,
    ) {
        let ty = value.ty.unwrap_or(types::UNKNOWN);
        let equals = |value: Expr, literal: ExprKind| {
            let right = Box::new(make(literal, ty, span));
            make(ExprKind::Equal { left: Box::new(value), right, negate: false }, types::BOOL, span)
        };
        match pat {
            Pat::Any => {}
            Pat::Bind(name) => binds.push((*name, value)),
            Pat::Unknown(names) => {
                binds.extend(names.iter().map(|name| (*name, super::body::unknown(name.span))));
            }
            Pat::Int(number) => tests.push(equals(value, ExprKind::Int(*number))),
            Pat::Float(number) => tests.push(equals(value, ExprKind::Float(*number))),
            Pat::Str(text) => tests.push(equals(value, ExprKind::Str(text.clone()))),
            Pat::Bool(true) => tests.push(value),
            Pat::Bool(false) => tests.push(make(ExprKind::Not(Box::new(value)), types::BOOL, span)),
            Pat::Nil => {
                let present = make(ExprKind::IsSome(Box::new(value)), types::BOOL, span);
                tests.push(make(ExprKind::Not(Box::new(present)), types::BOOL, span));
            }
            Pat::Present(inner) => {
                tests.push(make(ExprKind::IsSome(Box::new(copy(&value))), types::BOOL, span));
                let Type::Optional(held) = *self.shape(ty) else { return };
                let contents = make(ExprKind::UnwrapUnchecked(Box::new(value)), held, span);
                self.test(inner, contents, span, tests, binds);
            }
            Pat::Case(case, parts) => {
                let tag = make(ExprKind::Tag(Box::new(copy(&value))), types::INT, span);
                let wanted = Box::new(self.int(i64::from(*case), span));
                let left = Box::new(tag);
                tests.push(make(ExprKind::Equal { left, right: wanted, negate: false }, types::BOOL, span));
                let payload = self.payload_types(ty, *case);
                for (field, (part, ty)) in parts.iter().zip(payload).enumerate() {
                    let base = Box::new(copy(&value));
                    let kind = ExprKind::Payload { base, case: *case, field: field as u32 };
                    self.test(part, make(kind, ty, span), span, tests, binds);
                }
            }
            Pat::Tuple(parts) => {
                let Type::Tuple(items) = self.shape(ty).clone() else { return };
                for (index, (part, item)) in parts.iter().zip(items).enumerate() {
                    let base = Box::new(copy(&value));
                    let kind = ExprKind::Field { base, index: index as u32 };
                    self.test(part, make(kind, item.ty, span), span, tests, binds);
                }
            }
        }
    }

    pub(crate) fn payload_types(&mut self, ty: TypeId, case: u32) -> Vec<TypeId> {
        match self.shape(ty).clone() {
            Type::Result(value, error) => vec![if case == 0 { value } else { error }],
            Type::User { decl, args, .. } => {
                let env = self.c.owner_env(decl, &args);
                let fields = self.c.decls.types[decl.0 as usize].cases[case as usize].fields.clone();
                fields.iter().map(|field| self.c.substitute(field.ty, &env)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn plain_name(pattern: &ast::Pattern) -> Option<Ident> {
    match &pattern.kind {
        Ast::Path { path, args: None } if path.len() == 1 => Some(path[0]),
        _ => None,
    }
}

fn literal_type(kind: &Ast) -> Option<TypeId> {
    match kind {
        Ast::Int { .. } => Some(types::INT),
        Ast::Float { .. } => Some(types::FLOAT),
        Ast::Str(_) => Some(types::STRING),
        Ast::Bool(_) => Some(types::BOOL),
        _ => None,
    }
}

/// Binds the names of a pattern that was reported, so that its body says nothing more.
fn unknown_pattern(pattern: &ast::Pattern) -> Pat {
    let mut names = Vec::new();
    collect_names(pattern, &mut names);
    Pat::Unknown(names)
}

fn collect_names(pattern: &ast::Pattern, names: &mut Vec<Ident>) {
    match &pattern.kind {
        Ast::Path { path, args: None } if path.len() == 1 => names.push(path[0]),
        Ast::Path { args: Some(args), .. } => args.iter().for_each(|arg| collect_names(arg, names)),
        Ast::Tuple(parts) => parts.iter().for_each(|part| collect_names(part, names)),
        _ => {}
    }
}

/// A pattern as written.
fn text(pattern: &ast::Pattern) -> String {
    let list = |parts: &[ast::Pattern]| parts.iter().map(text).collect::<Vec<_>>().join(", ");
    match &pattern.kind {
        Ast::Any => "_".into(),
        Ast::Int { value: ast::IntLiteral::Decimal(value), negative } => {
            format!("{}{value}", if *negative { "-" } else { "" })
        }
        Ast::Int { value: ast::IntLiteral::Pattern(bits), .. } => format!("{bits:#x}"),
        Ast::Float { value, negative } => format!("{}{value:?}", if *negative { "-" } else { "" }),
        Ast::Str(text) => format!("{text:?}"),
        Ast::Bool(value) => value.to_string(),
        Ast::Nil => "nil".into(),
        Ast::Path { path, args } => {
            let path = path.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".");
            match args {
                Some(args) => format!("{path}({})", list(args)),
                None => path,
            }
        }
        Ast::Tuple(parts) => format!("({})", list(parts)),
    }
}
