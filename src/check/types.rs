//! Types as written, to semantic types.
//!
//! In: a type expression, the file it stands in and its type parameters. Out: a [`TypeId`]; E0301, E0311, E0808,
//! E1001, E1203. Deliberately not here: inference.

use super::Checker;
use super::decls::{Entity, ScopeId, TypeParam};
use super::scope::Found;
use crate::ast::{Ident, TypeExpr, TypeExprKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::resolve::UnitKind;
use crate::source::Symbol;
use crate::types::{self, AtomicKind, DeclId, LibraryId, TupleItem, Type, TypeId};

/// What type parameters stand for.
pub(crate) type TypeEnv = Vec<(Symbol, TypeId)>;

impl Checker<'_> {
    /// Each type parameter as itself.
    pub(crate) fn identity_env(&mut self, params: &[TypeParam]) -> TypeEnv {
        params.iter().map(|param| (param.name, self.types.intern(Type::Param(param.name)))).collect()
    }

    pub(crate) fn lower_type(&mut self, ty: &TypeExpr, scope: ScopeId, env: &TypeEnv) -> TypeId {
        match &ty.kind {
            TypeExprKind::Int => types::INT,
            TypeExprKind::Float => types::FLOAT,
            TypeExprKind::Bool => types::BOOL,
            TypeExprKind::String => types::STRING,
            TypeExprKind::Byte => types::BYTE,
            TypeExprKind::Char => types::CHAR,
            TypeExprKind::Json => types::JSON,
            TypeExprKind::AtomicInt => self.types.intern(Type::Atomic(AtomicKind::Int)),
            TypeExprKind::AtomicFloat => self.types.intern(Type::Atomic(AtomicKind::Float)),
            TypeExprKind::AtomicBool => self.types.intern(Type::Atomic(AtomicKind::Bool)),
            TypeExprKind::List(element) => {
                let element = self.lower_type(element, scope, env);
                self.types.list(element)
            }
            TypeExprKind::Optional(inner) => {
                let inner = self.lower_type(inner, scope, env);
                if inner == types::UNKNOWN { inner } else { self.types.optional(inner) }
            }
            TypeExprKind::Tuple(items) => {
                let lower = |(name, item): &(Option<Ident>, TypeExpr)| TupleItem {
                    name: name.map(|name| name.name),
                    ty: self.lower_type(item, scope, env),
                };
                let items = items.iter().map(lower).collect();
                self.types.intern(Type::Tuple(items))
            }
            TypeExprKind::Function { kind, params, result } => {
                let params = params.iter().map(|param| self.lower_type(param, scope, env)).collect();
                let result = result.as_ref().map(|result| self.lower_type(result, scope, env));
                self.types.intern(Type::Function { kind: *kind, params, result })
            }
            TypeExprKind::Named { module: Some(module), name, args } => {
                self.lower_member_type(ty, *module, *name, args, scope, env)
            }
            TypeExprKind::Named { module: None, name, args } => self.lower_named_type(ty, *name, args, scope, env),
        }
    }

    fn lower_member_type(
        &mut self,
        ty: &TypeExpr,
        module: Ident,
        name: Ident,
        args: &[TypeExpr],
        scope: ScopeId,
        env: &TypeEnv,
    ) -> TypeId {
        let Some(unit) = self.module(scope, module.name) else {
            self.unknown_type(module, scope, env);
            return types::UNKNOWN;
        };
        if name.name.as_str() == "handle"
            && let UnitKind::Library(library) = self.sources.units[unit.0 as usize].kind
        {
            return self.types.intern(Type::Handle(Some(library)));
        }
        match self.decls.units[unit.0 as usize].types.get(&name.name).map(|(entity, _)| *entity) {
            Some(entity) => self.entity_type(entity, ty, name, args, scope, env),
            None => {
                super::imports::no_member(self, unit, module.name.as_str(), name);
                types::UNKNOWN
            }
        }
    }

    fn lower_named_type(
        &mut self,
        ty: &TypeExpr,
        name: Ident,
        args: &[TypeExpr],
        scope: ScopeId,
        env: &TypeEnv,
    ) -> TypeId {
        if let Some((_, known)) = env.iter().rev().find(|(param, _)| *param == name.name) {
            return *known;
        }
        match self.type_entity(scope, name.name) {
            Found::One(entity) => return self.entity_type(entity, ty, name, args, scope, env),
            Found::Ambiguous(names) => {
                let message = format!("'{}' is ambiguous: {}", name.name, names.join(", "));
                self.error(Code::E1204, name.span, message);
                return types::UNKNOWN;
            }
            Found::None => {}
        }
        self.lower_builtin_type(name, args, scope, env)
    }

    fn lower_builtin_type(&mut self, name: Ident, args: &[TypeExpr], scope: ScopeId, env: &TypeEnv) -> TypeId {
        let wanted = match name.name.as_str() {
            "String" => return types::STRING,
            "posix" => return types::POSIX,
            "handle" => {
                let library = self.library_of(scope);
                return self.types.intern(Type::Handle(library));
            }
            "List" | "Array" | "Set" | "Channel" | "atomic_ref" => 1,
            "Map" | "Result" => 2,
            _ => {
                self.unknown_type(name, scope, env);
                return types::UNKNOWN;
            }
        };
        if !self.type_arg_count(name, wanted, args.len()) {
            return types::UNKNOWN;
        }
        let lowered: Vec<TypeId> = args.iter().map(|arg| self.lower_type(arg, scope, env)).collect();
        let made = match name.name.as_str() {
            "List" => Type::List(lowered[0]),
            "Array" => Type::Array(lowered[0]),
            "Set" => Type::Set(lowered[0]),
            "Map" => Type::Map(lowered[0], lowered[1]),
            "Channel" => Type::Channel(lowered[0]),
            "atomic_ref" => Type::AtomicRef(lowered[0]),
            _ => Type::Result(lowered[0], lowered[1]),
        };
        if matches!(made, Type::Set(_) | Type::Map(..)) {
            self.decls.key_checks.push((lowered[0], args[0].span));
        }
        let holds = matches!(made, Type::Channel(_) | Type::AtomicRef(_));
        let made = self.types.intern(made);
        if holds {
            self.decls.shared_checks.push((made, args[0].span));
        }
        made
    }

    /// The library whose sources the file belongs to.
    pub(crate) fn library_of(&self, scope: ScopeId) -> Option<LibraryId> {
        match self.sources.units[self.unit_of(scope).0 as usize].kind {
            UnitKind::Library(library) => Some(library),
            UnitKind::Program | UnitKind::Module | UnitKind::Missing => None,
        }
    }

    fn entity_type(
        &mut self,
        entity: Entity,
        ty: &TypeExpr,
        name: Ident,
        args: &[TypeExpr],
        scope: ScopeId,
        env: &TypeEnv,
    ) -> TypeId {
        let decl = match entity {
            Entity::Type(decl) => decl,
            Entity::Trait(_) => {
                let diagnostic = Diagnostic::new(Code::E0808, ty.span, format!("Trait '{}' is not a type", name.name))
                    .help(format!("bound a type parameter by it: <T: {}>", name.name));
                self.report(diagnostic);
                return types::UNKNOWN;
            }
            Entity::Function(_) | Entity::Extern(_) => return types::UNKNOWN,
        };
        let declared = &self.decls.types[decl.0 as usize];
        let params = declared.ast.map_or(0, |ast| ast.type_params.len());
        if !self.type_arg_count(name, params, args.len()) {
            return types::UNKNOWN;
        }
        let args = args.iter().map(|arg| self.lower_type(arg, scope, env)).collect();
        self.user_type(decl, args)
    }

    pub(crate) fn user_type(&mut self, decl: DeclId, args: Vec<TypeId>) -> TypeId {
        let name = self.decls.types[decl.0 as usize].name;
        self.types.intern(Type::User { decl, name, args })
    }

    fn type_arg_count(&mut self, name: Ident, wanted: usize, found: usize) -> bool {
        if wanted == found {
            return true;
        }
        let message = format!("Wrong arguments for '{}': expected {wanted} type arguments, found {found}", name.name);
        self.error(Code::E0506, name.span, message);
        false
    }

    fn unknown_type(&mut self, name: Ident, scope: ScopeId, env: &TypeEnv) {
        if self.names_incomplete(scope) {
            return;
        }
        let unit = self.unit_of(scope);
        let own = self.decls.units[unit.0 as usize].types.keys().map(|name| name.as_str());
        let builtin = ["String", "List", "Array", "Map", "Set", "Result", "Channel", "int", "float", "bool", "string"];
        let params = env.iter().map(|(name, _)| name.as_str());
        let near = crate::diagnostics::nearest(name.name.as_str(), own.chain(builtin).chain(params));
        let mut diagnostic = Diagnostic::new(Code::E0301, name.span, format!("Unknown type '{}'", name.name));
        let elsewhere = match name.name.as_str() {
            "str" => Some("string"),
            "boolean" => Some("bool"),
            "double" | "number" => Some("float"),
            "integer" | "long" => Some("int"),
            _ => None,
        };
        if let Some(near) = elsewhere.or(near) {
            diagnostic = diagnostic.help(format!("a type named '{near}' exists"));
        }
        self.report(diagnostic);
    }

    /// Replaces type parameters.
    pub(crate) fn substitute(&mut self, ty: TypeId, env: &TypeEnv) -> TypeId {
        if env.is_empty() || !self.has_param(ty) {
            return ty;
        }
        match self.types.get(ty).clone() {
            Type::Param(name) => env.iter().rev().find(|(param, _)| *param == name).map_or(ty, |(_, known)| *known),
            other => {
                let mapped = map_parts(other, |part| self.substitute(part, env));
                self.make(mapped)
            }
        }
    }

    /// Interns; `T??` collapses.
    pub(crate) fn make(&mut self, ty: Type) -> TypeId {
        match ty {
            Type::Optional(inner) => self.types.optional(inner),
            other => self.types.intern(other),
        }
    }
}

/// The type with each of its parts replaced.
pub(crate) fn map_parts(ty: Type, mut map: impl FnMut(TypeId) -> TypeId) -> Type {
    match ty {
        Type::List(part) => Type::List(map(part)),
        Type::Array(part) => Type::Array(map(part)),
        Type::Set(part) => Type::Set(map(part)),
        Type::Optional(part) => Type::Optional(map(part)),
        Type::Channel(part) => Type::Channel(map(part)),
        Type::AtomicRef(part) => Type::AtomicRef(map(part)),
        Type::Task(result) => Type::Task(result.map(map)),
        Type::Map(key, value) => {
            let key = map(key);
            Type::Map(key, map(value))
        }
        Type::Result(value, error) => {
            let value = map(value);
            Type::Result(value, map(error))
        }
        Type::Tuple(items) => {
            Type::Tuple(items.into_iter().map(|item| TupleItem { name: item.name, ty: map(item.ty) }).collect())
        }
        Type::Function { kind, params, result } => {
            Type::Function { kind, params: params.into_iter().map(&mut map).collect(), result: result.map(&mut map) }
        }
        Type::User { decl, name, args } => Type::User { decl, name, args: args.into_iter().map(map).collect() },
        plain => plain,
    }
}

/// The parts of a type, in order.
pub(crate) fn parts(ty: &Type) -> Vec<TypeId> {
    match ty {
        Type::List(part)
        | Type::Array(part)
        | Type::Set(part)
        | Type::Optional(part)
        | Type::Channel(part)
        | Type::AtomicRef(part) => vec![*part],
        Type::Map(first, second) | Type::Result(first, second) => vec![*first, *second],
        Type::Tuple(items) => items.iter().map(|item| item.ty).collect(),
        Type::Function { params, result, .. } => params.iter().chain(result).copied().collect(),
        Type::User { args, .. } => args.clone(),
        Type::Task(result) => result.iter().copied().collect(),
        _ => Vec::new(),
    }
}
