//! What types contain, and what may therefore be done with them.
//!
//! In: types. Out: answers. Deliberately not here: diagnostics about them.

use super::Checker;
use super::types::parts;
use crate::types::{Type, TypeId};
use std::collections::HashSet;

/// A type has fewer user types inside; one that grows without end is not followed further.
const MOST_USER_TYPES: usize = 1000;

const VARIABLE: u8 = 1;
const PARAM: u8 = 2;
const UNKNOWN: u8 = 4;

/// A question about a type that its parts answer, through the members of user types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contains {
    Function,
    Handle,
    /// Anything that cannot be a Map key (3.7).
    NotKey,
    /// Anything that cannot be printed (13.1).
    NotPrintable,
}

impl Checker<'_> {
    fn flags(&mut self, ty: TypeId) -> u8 {
        // Parts are interned before the types they are part of, so one pass in order suffices.
        while self.flags.len() < self.types.len() {
            let id = TypeId(self.flags.len() as u32);
            let flags = match self.types.get(id) {
                Type::Variable(_) => VARIABLE,
                Type::Param(_) => PARAM,
                Type::Unknown => UNKNOWN,
                Type::List(part) | Type::Array(part) | Type::Set(part) | Type::Optional(part) => {
                    self.flags[part.0 as usize]
                }
                other => parts(other).iter().fold(0, |flags, part| flags | self.flags[part.0 as usize]),
            };
            self.flags.push(flags);
        }
        self.flags[ty.0 as usize]
    }

    pub(crate) fn has_variable(&mut self, ty: TypeId) -> bool {
        self.flags(ty) & VARIABLE != 0
    }

    pub(crate) fn has_param(&mut self, ty: TypeId) -> bool {
        self.flags(ty) & PARAM != 0
    }

    pub(crate) fn has_unknown(&mut self, ty: TypeId) -> bool {
        self.flags(ty) & UNKNOWN != 0
    }

    /// Only what a finished program may mention.
    pub(crate) fn is_concrete(&mut self, ty: TypeId) -> bool {
        self.flags(ty) == 0
    }

    pub(crate) fn contains(&mut self, ty: TypeId, what: Contains) -> bool {
        let is_it = |checker: &Checker<'_>, ty| match checker.types.get(ty) {
            Type::Function { .. } => what != Contains::Handle,
            Type::Handle(_) => what != Contains::Function,
            Type::Posix | Type::Channel(_) | Type::Atomic(_) | Type::AtomicRef(_) => {
                matches!(what, Contains::NotKey | Contains::NotPrintable)
            }
            Type::Json | Type::Map(..) | Type::Set(_) => what == Contains::NotKey,
            _ => false,
        };
        self.reaches(ty, is_it, |checker, ty| match checker.types.get(ty).clone() {
            Type::Function { .. } => Vec::new(),
            // Compared by identity.
            Type::Channel(_) | Type::AtomicRef(_) if what == Contains::Function => Vec::new(),
            Type::User { .. } => checker.member_types(ty),
            other => parts(&other),
        })
    }

    /// Whether the type, or one `inside` it, is what is looked for. Asks once about each type: a few lines can double a type
    /// forty times.
    fn reaches(
        &mut self,
        ty: TypeId,
        is_it: impl Fn(&Checker<'_>, TypeId) -> bool,
        inside: impl Fn(&mut Self, TypeId) -> Vec<TypeId>,
    ) -> bool {
        let mut open = vec![ty];
        let mut seen = HashSet::new();
        let mut user_types = 0;
        while let Some(ty) = open.pop() {
            if !seen.insert(ty) {
                continue;
            }
            if is_it(self, ty) {
                return true;
            }
            user_types += usize::from(matches!(self.types.get(ty), Type::User { .. }));
            // Types that grow without end are reported elsewhere.
            if user_types <= MOST_USER_TYPES {
                open.extend(inside(self, ty));
            }
        }
        false
    }

    /// Field and payload types of a user type with its arguments put in.
    pub(crate) fn member_types(&mut self, ty: TypeId) -> Vec<TypeId> {
        let Type::User { decl, args, .. } = self.types.get(ty).clone() else { return Vec::new() };
        let env = self.owner_env(decl, &args);
        let declared = &self.decls.types[decl.0 as usize];
        let payloads = declared.cases.iter().flat_map(|case| &case.fields);
        let cell = declared.matrix.as_ref().map(|matrix| matrix.cell);
        let members: Vec<TypeId> = declared.fields.iter().chain(payloads).map(|field| field.ty).chain(cell).collect();
        members.into_iter().map(|member| self.substitute(member, &env)).collect()
    }

    /// Whether `T.new()` can fill it (3.1).
    pub(crate) fn has_zero(&mut self, ty: TypeId) -> bool {
        !self.holds(ty, |checker, ty| match checker.types.get(ty) {
            Type::Result(..) | Type::Channel(_) | Type::Function { .. } | Type::Posix => true,
            Type::User { decl, .. } => checker.decls.types[decl.0 as usize].is_enum(),
            _ => false,
        })
    }

    /// Whether a matrix is to be filled in it.
    pub(crate) fn has_grid(&mut self, ty: TypeId) -> bool {
        self.holds(ty, |checker, ty| checker.is_grid(ty))
    }

    fn is_grid(&self, ty: TypeId) -> bool {
        matches!(self.types.get(ty), Type::User { decl, .. } if self.decls.types[decl.0 as usize].matrix.is_some())
    }

    /// Whether the type, or one that its zero value holds as an item of a tuple or a field, is what is looked for.
    fn holds(&mut self, ty: TypeId, is_it: impl Fn(&Checker<'_>, TypeId) -> bool) -> bool {
        self.reaches(ty, is_it, |checker, ty| match checker.types.get(ty) {
            Type::Tuple(items) => items.iter().map(|item| item.ty).collect(),
            Type::User { decl, .. } if !checker.decls.types[decl.0 as usize].is_enum() && !checker.is_grid(ty) => {
                checker.member_types(ty)
            }
            _ => Vec::new(),
        })
    }

    /// Whether `<` is defined (3.7), for the canonical order use [`Contains::NotKey`].
    pub(crate) fn is_ordered(&mut self, ty: TypeId) -> bool {
        let has_no_order = |checker: &Checker<'_>, ty| {
            use Type::{Bool, Byte, Char, Float, Int, String, Tuple, Unknown};
            !matches!(checker.types.get(ty), Int | Float | Byte | Char | String | Bool | Unknown | Tuple(_))
        };
        !self.holds(ty, has_no_order)
    }
}
