//! Type texts of the built-in tables: `List<T>`, `(T, int)?`, `fn(A, T) -> A`.
//!
//! In: a text and what its letters stand for. Out: an interned type.
//! Letters: `T` element or contained type, `K` and `V` key and value, `E` error side, `Self` the receiver; every other
//! single capital letter is a type variable of the method, fresh for each call. `fn(…)` accepts func and formula values.

use super::Method;
use crate::types::{self, FunctionKind, TupleItem, Type, TypeId, TypeTable};

/// What the letters of a row stand for in one call.
#[derive(Default)]
pub struct Bindings {
    letters: Vec<(String, TypeId)>,
}

impl Bindings {
    /// For a call of `method` on a receiver; `fresh` makes an inference variable.
    pub fn new(
        method: &Method,
        receiver: Option<TypeId>,
        table: &mut TypeTable,
        fresh: &mut dyn FnMut(&mut TypeTable) -> TypeId,
    ) -> Bindings {
        let mut bindings = Bindings::default();
        if let Some(receiver) = receiver {
            bindings.bind("Self", receiver);
            match table.get(receiver).clone() {
                Type::List(t)
                | Type::Array(t)
                | Type::Set(t)
                | Type::Optional(t)
                | Type::Channel(t)
                | Type::AtomicRef(t) => bindings.bind("T", t),
                Type::Map(key, value) => {
                    bindings.bind("K", key);
                    bindings.bind("V", value);
                }
                Type::Result(value, error) => {
                    bindings.bind("T", value);
                    bindings.bind("E", error);
                }
                _ => {}
            }
        }
        let texts = method.params.iter().map(|(_, text)| *text).chain(method.result);
        for text in texts {
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| is_letter(word)) {
                if bindings.get(word).is_none() {
                    let variable = fresh(table);
                    bindings.bind(word, variable);
                }
            }
        }
        bindings
    }

    fn bind(&mut self, letter: &str, ty: TypeId) {
        self.letters.push((letter.to_owned(), ty));
    }

    fn get(&self, letter: &str) -> Option<TypeId> {
        self.letters.iter().find(|(known, _)| known == letter).map(|(_, ty)| *ty)
    }
}

fn is_letter(word: &str) -> bool {
    word.len() == 1 && word.chars().all(|c| c.is_ascii_uppercase())
}

/// The type a text of the tables means.
pub fn instantiate(text: &str, bindings: &Bindings, table: &mut TypeTable) -> TypeId {
    let mut reader = Reader { rest: text, bindings, table };
    let ty = reader.ty();
    if !reader.rest.trim().is_empty() {
        crate::bug!("type text `{text}` of a built-in has a rest `{}`", reader.rest);
    }
    ty
}

struct Reader<'a> {
    rest: &'a str,
    bindings: &'a Bindings,
    table: &'a mut TypeTable,
}

impl Reader<'_> {
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(token) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        self.rest = after;
        word
    }

    /// Types up to the closing token.
    fn types_until(&mut self, close: &str) -> Vec<TypeId> {
        let mut list = Vec::new();
        while !self.take(close) {
            list.push(self.ty());
            self.take(",");
        }
        list
    }

    fn ty(&mut self) -> TypeId {
        let mut ty = if self.take("(") {
            let items = self.types_until(")");
            let items = items.into_iter().map(|ty| TupleItem { name: None, ty }).collect();
            self.table.intern(Type::Tuple(items))
        } else {
            self.named()
        };
        while self.take("?") {
            ty = self.table.optional(ty);
        }
        ty
    }

    fn named(&mut self) -> TypeId {
        let word = self.word().to_owned();
        if word == "fn" {
            self.take("(");
            let params = self.types_until(")");
            let result = if self.take("->") { Some(self.ty()) } else { None };
            return self.table.intern(Type::Function { kind: FunctionKind::Func, params, result });
        }
        if let Some(bound) = self.bindings.get(&word) {
            return bound;
        }
        let args = if self.take("<") { self.types_until(">") } else { Vec::new() };
        let ty = match (word.as_str(), args.as_slice()) {
            ("int", []) => return types::INT,
            ("float", []) => return types::FLOAT,
            ("bool", []) => return types::BOOL,
            ("byte", []) => return types::BYTE,
            ("char", []) => return types::CHAR,
            ("string", []) => return types::STRING,
            ("json", []) => return types::JSON,
            ("posix", []) => return types::POSIX,
            ("List", [t]) => Type::List(*t),
            ("Array", [t]) => Type::Array(*t),
            ("Set", [t]) => Type::Set(*t),
            ("Map", [k, v]) => Type::Map(*k, *v),
            ("Result", [t, e]) => Type::Result(*t, *e),
            _ => crate::bug!("unknown type `{word}` in a built-in's row"),
        };
        self.table.intern(ty)
    }
}
