//! Which values a list of patterns leaves over.
//!
//! In: patterns and the type they stand at. Out: whether another pattern can still match (usefulness, after Maranget),
//! and the names of missing cases. Deliberately not here: diagnostics.

use super::body::Body;
use super::patterns::Pat;
use crate::types::{self, Type, TypeId};

/// The outermost form of a value.
#[derive(Clone, PartialEq, Debug)]
enum Constructor {
    Case(u32),
    Bool(bool),
    Nil,
    Present,
    Tuple,
    Int(i64),
    Float(u64),
    Str(String),
}

impl Body<'_, '_> {
    pub(crate) fn is_useful(&mut self, rows: &[Pat], pat: &Pat, ty: TypeId) -> bool {
        let rows: Vec<Vec<Pat>> = rows.iter().map(|row| vec![row.clone()]).collect();
        self.useful(&rows, std::slice::from_ref(pat), &[ty])
    }

    fn useful(&mut self, rows: &[Vec<Pat>], query: &[Pat], tys: &[TypeId]) -> bool {
        let (Some((head, rest)), Some((&ty, _))) = (query.split_first(), tys.split_first()) else {
            return rows.is_empty();
        };
        if let Some((constructor, _)) = split(head) {
            let (rows, tys) = self.specialise(rows, &constructor, ty, tys);
            let mut query = self.arguments_of(head, &constructor, ty);
            query.extend_from_slice(rest);
            return self.useful(&rows, &query, &tys);
        }
        let all = self.constructors(ty);
        let complete = all.as_ref().is_some_and(|all| {
            all.iter().all(|wanted| {
                rows.iter().any(|row| split(&row[0]).is_some_and(|(constructor, _)| constructor == *wanted))
            })
        });
        if let (true, Some(all)) = (complete, all) {
            return all.into_iter().any(|constructor| {
                let (rows, tys) = self.specialise(rows, &constructor, ty, tys);
                let count = self.fields(&constructor, ty).len();
                let mut query: Vec<Pat> = std::iter::repeat_n(Pat::Any, count).collect();
                query.extend_from_slice(rest);
                self.useful(&rows, &query, &tys)
            });
        }
        let default: Vec<Vec<Pat>> =
            rows.iter().filter(|row| split(&row[0]).is_none()).map(|row| row[1..].to_vec()).collect();
        self.useful(&default, rest, &tys[1..])
    }

    /// All constructors of the type, where there are finitely many.
    fn constructors(&mut self, ty: TypeId) -> Option<Vec<Constructor>> {
        match self.shape(ty).clone() {
            Type::Bool => Some(vec![Constructor::Bool(true), Constructor::Bool(false)]),
            Type::Optional(_) => Some(vec![Constructor::Nil, Constructor::Present]),
            Type::Result(..) => Some(vec![Constructor::Case(0), Constructor::Case(1)]),
            Type::Tuple(_) => Some(vec![Constructor::Tuple]),
            Type::User { decl, .. } if self.c.decls.types[decl.0 as usize].is_enum() => {
                let count = self.c.decls.types[decl.0 as usize].cases.len() as u32;
                Some((0..count).map(Constructor::Case).collect())
            }
            _ => None,
        }
    }

    fn fields(&mut self, constructor: &Constructor, ty: TypeId) -> Vec<TypeId> {
        match (constructor, self.shape(ty).clone()) {
            (Constructor::Case(case), _) => self.payload_types(ty, *case),
            (Constructor::Present, Type::Optional(inner)) => vec![inner],
            (Constructor::Tuple, Type::Tuple(items)) => items.iter().map(|item| item.ty).collect(),
            _ => Vec::new(),
        }
    }

    fn arguments_of(&mut self, pat: &Pat, constructor: &Constructor, ty: TypeId) -> Vec<Pat> {
        match split(pat) {
            Some((_, arguments)) => arguments,
            None => {
                let count = self.fields(constructor, ty).len();
                std::iter::repeat_n(Pat::Any, count).collect()
            }
        }
    }

    /// The rows that can match the constructor, with its fields as columns.
    fn specialise(
        &mut self,
        rows: &[Vec<Pat>],
        constructor: &Constructor,
        ty: TypeId,
        tys: &[TypeId],
    ) -> (Vec<Vec<Pat>>, Vec<TypeId>) {
        let mut special = Vec::new();
        for row in rows {
            if split(&row[0]).is_some_and(|(other, _)| other != *constructor) {
                continue;
            }
            let mut columns = self.arguments_of(&row[0], constructor, ty);
            columns.extend_from_slice(&row[1..]);
            special.push(columns);
        }
        let mut columns = self.fields(constructor, ty);
        columns.extend_from_slice(&tys[1..]);
        (special, columns)
    }

    /// Names of the cases of an enum, Result, bool or optional that some value of is left over.
    pub(crate) fn missing_cases(&mut self, rows: &[Pat], ty: TypeId) -> Vec<String> {
        if matches!(self.shape(ty), Type::Tuple(_)) {
            return Vec::new();
        }
        let mut missing = Vec::new();
        for constructor in self.constructors(ty).unwrap_or_default() {
            let any = std::iter::repeat_n(Pat::Any, self.fields(&constructor, ty).len()).collect();
            let (pat, name) = match &constructor {
                Constructor::Case(case) => (Pat::Case(*case, any), self.case_name(ty, *case)),
                Constructor::Bool(value) => (Pat::Bool(*value), value.to_string()),
                Constructor::Nil => (Pat::Nil, "nil".to_owned()),
                _ => (Pat::Present(Box::new(Pat::Any)), String::new()),
            };
            if !self.is_useful(rows, &pat, ty) {
                continue;
            }
            if !matches!(constructor, Constructor::Present) {
                missing.push(name);
                continue;
            }
            let Type::Optional(inner) = *self.shape(ty) else { continue };
            let held: Vec<Pat> = rows.iter().filter_map(contents).collect();
            let names = self.missing_cases(&held, inner);
            if names.is_empty() {
                missing.push(self.type_name(inner));
            }
            missing.extend(names);
        }
        missing
    }

    fn case_name(&mut self, ty: TypeId, case: u32) -> String {
        match self.shape(ty) {
            Type::Result(..) => if case == 0 { "Ok" } else { "Err" }.to_owned(),
            Type::User { decl, .. } => self.c.decls.types[decl.0 as usize].cases[case as usize].name.to_string(),
            _ => types::display::type_name(&self.c.types, ty),
        }
    }
}

/// What a pattern of an optional says about its contents.
fn contents(pat: &Pat) -> Option<Pat> {
    match pat {
        Pat::Present(inner) => Some((**inner).clone()),
        Pat::Any | Pat::Bind(_) | Pat::Unknown(_) => Some(Pat::Any),
        _ => None,
    }
}

/// The constructor of a pattern and its parts; nothing for one that matches everything.
fn split(pat: &Pat) -> Option<(Constructor, Vec<Pat>)> {
    Some(match pat {
        Pat::Any | Pat::Bind(_) | Pat::Unknown(_) => return None,
        Pat::Int(value) => (Constructor::Int(*value), Vec::new()),
        Pat::Float(value) => (Constructor::Float(value.to_bits()), Vec::new()),
        Pat::Str(text) => (Constructor::Str(text.clone()), Vec::new()),
        Pat::Bool(value) => (Constructor::Bool(*value), Vec::new()),
        Pat::Nil => (Constructor::Nil, Vec::new()),
        Pat::Present(inner) => (Constructor::Present, vec![(**inner).clone()]),
        Pat::Case(case, parts) => (Constructor::Case(*case), parts.clone()),
        Pat::Tuple(parts) => (Constructor::Tuple, parts.clone()),
    })
}
