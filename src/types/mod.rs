//! Semantic types, interned: equal types have equal ids.
//!
//! In: `check` makes them. Out: typed IR and codegen refer to them by [`TypeId`].
//! Deliberately not here: layout (codegen), the members of user types (the typed IR's definitions).

pub mod display;

use crate::source::Symbol;
use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TypeId(pub u32);

/// A declaration of a user type, enum, or matrix; numbered by `resolve`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DeclId(pub u32);

/// A `.cxz` library of this compilation, numbered in the order of first import.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LibraryId(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FunctionKind {
    Formula,
    Task,
    Func,
}

impl FunctionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            FunctionKind::Formula => "formula",
            FunctionKind::Task => "task",
            FunctionKind::Func => "func",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum AtomicKind {
    Int,
    Float,
    Bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    Int,
    Float,
    Bool,
    Byte,
    Char,
    String,
    List(TypeId),
    Array(TypeId),
    Map(TypeId, TypeId),
    Set(TypeId),
    /// Two or more items.
    Tuple(Vec<TupleItem>),
    Optional(TypeId),
    Result(TypeId, TypeId),
    Function {
        kind: FunctionKind,
        params: Vec<TypeId>,
        result: Option<TypeId>,
    },
    /// A user type, enum or matrix with its type arguments.
    User {
        decl: DeclId,
        name: Symbol,
        args: Vec<TypeId>,
    },
    /// Of a library, or of the program's own externs.
    Handle(Option<LibraryId>),
    Posix,
    Json,
    Channel(TypeId),
    Atomic(AtomicKind),
    AtomicRef(TypeId),
    /// A pending call of a task with this result: never a type of the program. A word that is not a reference.
    Task(Option<TypeId>),

    // Only inside `check`; the verifier of the typed IR refuses them.
    /// A type parameter in the generic check of a body.
    Param(Symbol),
    /// An inference variable.
    Variable(u32),
    /// Takes part in no further diagnostics.
    Unknown,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TupleItem {
    pub name: Option<Symbol>,
    pub ty: TypeId,
}

/// The interner. Ids of the types without parts are constants of this module.
#[derive(Debug)]
pub struct TypeTable {
    types: Vec<Type>,
    ids: HashMap<Type, TypeId>,
}

pub const INT: TypeId = TypeId(0);
pub const FLOAT: TypeId = TypeId(1);
pub const BOOL: TypeId = TypeId(2);
pub const BYTE: TypeId = TypeId(3);
pub const CHAR: TypeId = TypeId(4);
pub const STRING: TypeId = TypeId(5);
pub const POSIX: TypeId = TypeId(6);
pub const JSON: TypeId = TypeId(7);
pub const UNKNOWN: TypeId = TypeId(8);

impl Default for TypeTable {
    fn default() -> TypeTable {
        let mut table = TypeTable { types: Vec::new(), ids: HashMap::new() };
        // In the order of the constants above.
        for ty in [
            Type::Int,
            Type::Float,
            Type::Bool,
            Type::Byte,
            Type::Char,
            Type::String,
            Type::Posix,
            Type::Json,
            Type::Unknown,
        ] {
            table.intern(ty);
        }
        table
    }
}

impl TypeTable {
    pub fn intern(&mut self, ty: Type) -> TypeId {
        if let Some(&id) = self.ids.get(&ty) {
            return id;
        }
        let id = TypeId(self.types.len() as u32);
        self.types.push(ty.clone());
        self.ids.insert(ty, id);
        id
    }

    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    pub fn len(&self) -> usize {
        self.types.len()
    }

    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    pub fn list(&mut self, element: TypeId) -> TypeId {
        self.intern(Type::List(element))
    }

    pub fn array(&mut self, element: TypeId) -> TypeId {
        self.intern(Type::Array(element))
    }

    /// `T?`; `T??` collapses.
    pub fn optional(&mut self, inner: TypeId) -> TypeId {
        if matches!(self.get(inner), Type::Optional(_)) { inner } else { self.intern(Type::Optional(inner)) }
    }
}
