//! Inference variables and their solutions.
//!
//! In: types of a body. Out: equations solved, or a mismatch. Deliberately not here: conversions (`convert`).

use super::body::Body;
use super::types::map_parts;
use crate::source::Span;
use crate::types::{self, Type, TypeId};

pub(crate) struct Variable {
    pub(crate) solution: Option<TypeId>,
    /// The expression that brought it.
    pub(crate) span: Span,
    /// As E0303 names it.
    pub(crate) what: Origin,
}

#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A literal or a call, in the words of the source.
    Expression(String),
    /// The error side of a `Result`: string when open (3.3).
    ErrorSide,
    /// A type parameter of a function or type: E0809.
    TypeArgument { param: String, of: String },
}

impl Body<'_, '_> {
    pub(crate) fn fresh(&mut self, span: Span, what: Origin) -> TypeId {
        let id = self.vars.len() as u32;
        self.vars.push(Variable { solution: None, span, what });
        self.c.types.intern(Type::Variable(id))
    }

    pub(crate) fn fresh_for(&mut self, span: Span, what: &str) -> TypeId {
        self.fresh(span, Origin::Expression(what.to_owned()))
    }

    /// The type with solved variables followed at the outside only.
    pub(crate) fn shallow(&self, mut ty: TypeId) -> TypeId {
        while let Type::Variable(id) = self.c.types.get(ty) {
            match self.vars[*id as usize].solution {
                Some(solution) => ty = solution,
                None => return ty,
            }
        }
        ty
    }

    pub(crate) fn shape(&self, ty: TypeId) -> &Type {
        self.c.types.get(self.shallow(ty))
    }

    pub(crate) fn is_open(&self, ty: TypeId) -> bool {
        matches!(self.shape(ty), Type::Variable(_))
    }

    /// The type with all solved variables replaced.
    pub(crate) fn resolve(&mut self, ty: TypeId) -> TypeId {
        if !self.c.has_variable(ty) {
            return ty;
        }
        let ty = self.shallow(ty);
        match self.c.types.get(ty).clone() {
            Type::Variable(_) => ty,
            other => {
                let mapped = map_parts(other, |part| self.resolve(part));
                self.c.make(mapped)
            }
        }
    }

    /// Makes two types equal if they can be.
    pub(crate) fn unify(&mut self, left: TypeId, right: TypeId) -> bool {
        let (left, right) = (self.shallow(left), self.shallow(right));
        if left == right {
            return true;
        }
        match (self.c.types.get(left).clone(), self.c.types.get(right).clone()) {
            (Type::Variable(id), _) => self.solve(id, right),
            (_, Type::Variable(id)) => self.solve(id, left),
            (Type::Unknown, _) => {
                self.silence(right);
                true
            }
            (_, Type::Unknown) => {
                self.silence(left);
                true
            }
            // Each instantiation answers.
            (Type::Param(_), _) | (_, Type::Param(_)) => self.generic,
            (Type::List(a), Type::List(b))
            | (Type::Array(a), Type::Array(b))
            | (Type::Set(a), Type::Set(b))
            | (Type::Channel(a), Type::Channel(b))
            | (Type::AtomicRef(a), Type::AtomicRef(b))
            | (Type::Optional(a), Type::Optional(b)) => self.unify(a, b),
            (Type::Map(a, b), Type::Map(c, d)) | (Type::Result(a, b), Type::Result(c, d)) => {
                self.unify(a, c) && self.unify(b, d)
            }
            (Type::Tuple(a), Type::Tuple(b)) => {
                a.len() == b.len()
                    && a.iter().zip(&b).all(|(a, b)| {
                        let names = a.name.is_none() || b.name.is_none() || a.name == b.name;
                        names && self.unify(a.ty, b.ty)
                    })
            }
            (Type::Function { kind: a, params: ps, result: r }, Type::Function { kind: b, params: qs, result: s }) => {
                a == b && self.unify_signatures((&ps, r), (&qs, s))
            }
            (Type::User { decl: a, args: xs, .. }, Type::User { decl: b, args: ys, .. }) => {
                a == b && xs.iter().zip(&ys).all(|(x, y)| self.unify(*x, *y))
            }
            _ => false,
        }
    }

    pub(crate) fn unify_signatures(
        &mut self,
        (params, result): (&[TypeId], Option<TypeId>),
        (others, other): (&[TypeId], Option<TypeId>),
    ) -> bool {
        params.len() == others.len()
            && params.iter().zip(others).all(|(a, b)| self.unify(*a, *b))
            && match (result, other) {
                (Some(a), Some(b)) => self.unify(a, b),
                (None, None) => true,
                _ => false,
            }
    }

    fn solve(&mut self, id: u32, ty: TypeId) -> bool {
        if self.occurs(id, ty) {
            return false;
        }
        self.vars[id as usize].solution = Some(ty);
        true
    }

    fn occurs(&mut self, id: u32, ty: TypeId) -> bool {
        if !self.c.has_variable(ty) {
            return false;
        }
        match self.shape(ty).clone() {
            Type::Variable(other) => other == id,
            other => super::types::parts(&other).into_iter().any(|part| self.occurs(id, part)),
        }
    }

    /// After a fault: what this type leaves open is unknown, so that nothing more is said about it.
    pub(crate) fn silence(&mut self, ty: TypeId) {
        let ty = self.resolve(ty);
        if !self.c.has_variable(ty) {
            return;
        }
        match self.c.types.get(ty).clone() {
            Type::Variable(id) => self.vars[id as usize].solution = Some(types::UNKNOWN),
            other => super::types::parts(&other).into_iter().for_each(|part| self.silence(part)),
        }
    }

    /// After a fault in a call: the variables it brought are unknown.
    pub(crate) fn silence_since(&mut self, first: usize) {
        for variable in &mut self.vars[first..] {
            variable.solution.get_or_insert(types::UNKNOWN);
        }
    }

    /// The common type of elements, map values or ternary branches (3.4); they are converted to it afterwards.
    pub(crate) fn join(&mut self, left: TypeId, right: TypeId) -> Option<TypeId> {
        let (left, right) = (self.shallow(left), self.shallow(right));
        if left == right {
            return Some(left);
        }
        match (self.c.types.get(left).clone(), self.c.types.get(right).clone()) {
            (Type::Unknown, _) | (_, Type::Unknown) => Some(types::UNKNOWN),
            (Type::Optional(a), Type::Optional(b)) => {
                let inner = self.join(a, b)?;
                Some(self.c.types.optional(inner))
            }
            (Type::Variable(_), _) | (_, Type::Variable(_)) => self.unify(left, right).then_some(left),
            (Type::Optional(inner), _) => {
                let inner = self.join(inner, right)?;
                Some(self.c.types.optional(inner))
            }
            (_, Type::Optional(inner)) => {
                let inner = self.join(left, inner)?;
                Some(self.c.types.optional(inner))
            }
            (a, b) => match (numeric_rank(&a), numeric_rank(&b)) {
                (Some(a), Some(b)) => Some(if a.max(b) == 2 { types::FLOAT } else { types::INT }),
                _ => self.unify(left, right).then_some(left),
            },
        }
    }
}

/// byte and char 0, int 1, float 2.
pub(crate) fn numeric_rank(ty: &Type) -> Option<u8> {
    match ty {
        Type::Byte | Type::Char => Some(0),
        Type::Int => Some(1),
        Type::Float => Some(2),
        _ => None,
    }
}
