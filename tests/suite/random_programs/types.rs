//! The types that generated programs use, what holds of them, and the choice of one.

use super::random::Random;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ty {
    Int,
    Float,
    Bool,
    Byte,
    Char,
    Str,
    List(Box<Ty>),
    Array(Box<Ty>),
    Set(Box<Ty>),
    Map(Box<Ty>, Box<Ty>),
    Tuple(Vec<Ty>),
    Opt(Box<Ty>),
    /// The error side is a string.
    Res(Box<Ty>),
    /// The generic types of the prelude.
    Pair(Box<Ty>, Box<Ty>),
    Tree(Box<Ty>),
    Record(usize),
    Enum(usize),
    /// Of kind `func`; a formula is accepted.
    Func(Vec<Ty>, Box<Ty>),
}

pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) fields: Vec<(String, Ty)>,
}

pub(crate) struct Enum {
    pub(crate) name: String,
    pub(crate) cases: Vec<(String, Vec<Ty>)>,
}

/// The user types of one program.
#[derive(Default)]
pub(crate) struct Types {
    pub(crate) records: Vec<Record>,
    pub(crate) enums: Vec<Enum>,
}

pub(crate) fn list(element: Ty) -> Ty {
    Ty::List(Box::new(element))
}

pub(crate) fn opt(inner: Ty) -> Ty {
    Ty::Opt(Box::new(inner))
}

pub(crate) fn map(key: Ty, value: Ty) -> Ty {
    Ty::Map(Box::new(key), Box::new(value))
}

impl Types {
    pub(crate) fn text(&self, ty: &Ty) -> String {
        match ty {
            Ty::Int => "int".to_owned(),
            Ty::Float => "float".to_owned(),
            Ty::Bool => "bool".to_owned(),
            Ty::Byte => "byte".to_owned(),
            Ty::Char => "char".to_owned(),
            Ty::Str => "string".to_owned(),
            Ty::List(element) => format!("[{}]", self.text(element)),
            Ty::Array(element) => format!("Array<{}>", self.text(element)),
            Ty::Set(element) => format!("Set<{}>", self.text(element)),
            Ty::Map(key, value) => format!("Map<{}, {}>", self.text(key), self.text(value)),
            Ty::Tuple(items) => format!("({})", self.texts(items)),
            Ty::Opt(inner) if matches!(**inner, Ty::Func(..)) => format!("({})?", self.text(inner)),
            Ty::Opt(inner) => format!("{}?", self.text(inner)),
            Ty::Res(value) => format!("Result<{}, string>", self.text(value)),
            Ty::Pair(a, b) => format!("Pair<{}, {}>", self.text(a), self.text(b)),
            Ty::Tree(element) => format!("Tree<{}>", self.text(element)),
            Ty::Record(index) => self.records[*index].name.clone(),
            Ty::Enum(index) => self.enums[*index].name.clone(),
            Ty::Func(params, result) => format!("func({}) -> {}", self.texts(params), self.text(result)),
        }
    }

    fn texts(&self, types: &[Ty]) -> String {
        types.iter().map(|ty| self.text(ty)).collect::<Vec<_>>().join(", ")
    }

    /// Whether the property holds of this type and of all that its values contain.
    fn whole(&self, ty: &Ty, holds: &dyn Fn(&Ty) -> bool) -> bool {
        let inside = |ty: &Ty| self.whole(ty, holds);
        holds(ty)
            && match ty {
                Ty::List(a) | Ty::Array(a) | Ty::Set(a) | Ty::Opt(a) | Ty::Res(a) | Ty::Tree(a) => inside(a),
                Ty::Map(a, b) | Ty::Pair(a, b) => inside(a) && inside(b),
                Ty::Tuple(items) => items.iter().all(inside),
                Ty::Record(index) => self.records[*index].fields.iter().all(|(_, ty)| inside(ty)),
                Ty::Enum(index) => self.enums[*index].cases.iter().flat_map(|(_, payload)| payload).all(inside),
                _ => true,
            }
    }

    pub(crate) fn has_functions(&self, ty: &Ty) -> bool {
        !self.whole(ty, &|ty| !matches!(ty, Ty::Func(..)))
    }

    /// May be a key of a map or an element of a set.
    pub(crate) fn is_key(&self, ty: &Ty) -> bool {
        self.whole(ty, &|ty| !matches!(ty, Ty::Func(..) | Ty::Map(..) | Ty::Set(..)))
    }

    /// Has a canonical order; the elements of sets and the keys of maps have one too.
    pub(crate) fn is_sortable(&self, ty: &Ty) -> bool {
        self.is_key(ty)
    }

    /// Has `<` and `min`.
    pub(crate) fn is_ordered(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Int | Ty::Float | Ty::Bool | Ty::Byte | Ty::Char | Ty::Str => true,
            Ty::Tuple(items) => items.iter().all(|item| self.is_ordered(item)),
            _ => false,
        }
    }

    pub(crate) fn to_json(&self, ty: &Ty) -> bool {
        self.whole(ty, &|ty| match ty {
            Ty::Func(..) => false,
            Ty::Map(key, _) => **key == Ty::Str,
            _ => true,
        })
    }

    /// Whether json tells apart all values: what is not a number between floats is null there.
    pub(crate) fn back_from_json(&self, ty: &Ty) -> bool {
        let plain = |ty: &Ty| matches!(ty, Ty::Int | Ty::Bool | Ty::Str | Ty::List(_) | Ty::Map(..) | Ty::Record(_));
        self.to_json(ty) && self.whole(ty, &plain)
    }

    pub(crate) fn has_zero(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Res(_) | Ty::Enum(_) | Ty::Tree(_) | Ty::Func(..) => false,
            Ty::Tuple(items) => items.iter().all(|item| self.has_zero(item)),
            Ty::Record(index) => self.records[*index].fields.iter().all(|(_, ty)| self.has_zero(ty)),
            Ty::Pair(a, b) => self.has_zero(a) && self.has_zero(b),
            _ => true,
        }
    }

    pub(crate) fn scalar(&self, random: &mut Random) -> Ty {
        match random.below(12) {
            0..=4 => Ty::Int,
            5 | 6 => Ty::Float,
            7 => Ty::Bool,
            8 => Ty::Byte,
            9 => Ty::Char,
            _ => Ty::Str,
        }
    }

    pub(crate) fn key(&self, random: &mut Random) -> Ty {
        match random.below(10) {
            0..=3 => Ty::Int,
            4..=6 => Ty::Str,
            7 => Ty::Tuple(vec![Ty::Int, Ty::Str]),
            8 => Ty::Float,
            _ => {
                let index = random.below(self.enums.len());
                let ty = if self.enums.is_empty() { Ty::Char } else { Ty::Enum(index) };
                if self.is_key(&ty) { ty } else { Ty::Int }
            }
        }
    }

    /// Any type whose values can be copied, compared and printed.
    pub(crate) fn any(&self, random: &mut Random, depth: usize) -> Ty {
        if depth == 0 || random.chance(35) {
            return self.scalar(random);
        }
        let first = Box::new(self.any(random, depth - 1));
        match random.below(16) {
            0 => Ty::Array(first),
            1 => Ty::Set(Box::new(self.key(random))),
            2 | 3 => Ty::Map(Box::new(self.key(random)), first),
            4 => Ty::Tuple(vec![*first, self.any(random, depth - 1)]),
            5 => Ty::Tuple(vec![self.scalar(random), *first, self.scalar(random)]),
            6 if !matches!(*first, Ty::Opt(_)) => Ty::Opt(first),
            7 => Ty::Res(first),
            8 => Ty::Pair(first, Box::new(self.scalar(random))),
            9 | 10 if !self.records.is_empty() => Ty::Record(random.below(self.records.len())),
            11 | 12 if !self.enums.is_empty() => Ty::Enum(random.below(self.enums.len())),
            13 if self.is_ordered(&first) => Ty::Tree(first),
            _ => Ty::List(first),
        }
    }
}
