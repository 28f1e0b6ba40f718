//! How large types are: what they consist of when they are written out, and what their values hold in place.
//!
//! In: the types of a program. Out: E0812 for type arguments, E0001 for types that no phase behind could go through in
//! reasonable time: a few lines can double a type forty times.
//! Deliberately not here: types that contain themselves (`decls`), and how deep instantiations are (`functions`).

use super::Checker;
use super::types::parts;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::Definition;
use crate::types::{Type, TypeId};
use std::collections::{BTreeMap, HashMap};

/// Parts that a type may have.
const MOST: u64 = 1 << 14;

/// Whether these types, written out, have too many parts. Looks at no more than that many.
pub(crate) fn too_large(checker: &Checker, types: &[TypeId]) -> bool {
    let mut open = types.to_vec();
    let mut seen = 0;
    while let Some(ty) = open.pop() {
        seen += 1;
        if seen > MOST {
            return true;
        }
        open.extend(parts(checker.types.get(ty)));
    }
    false
}

/// Reports the first type that is too large, once all are known.
pub(crate) fn report(checker: &mut Checker, definitions: &BTreeMap<TypeId, Definition>) {
    let mut trees: Vec<u64> = Vec::new();
    let mut in_place = HashMap::new();
    for index in 0..checker.types.len() {
        let id = TypeId(index as u32);
        // Parts were known before what consists of them.
        let tree = parts(checker.types.get(id)).iter().map(|part| trees[part.0 as usize]).fold(1, u64::saturating_add);
        trees.push(tree);
        if tree <= MOST && held(checker, definitions, id, &mut in_place) <= MOST {
            continue;
        }
        let message = format!("Not supported by this version: a type with more than {MOST} parts");
        let place = match checker.types.get(id) {
            Type::User { decl, .. } => checker.decls.types[decl.0 as usize].ast.map(|ast| ast.name.span),
            _ => None,
        };
        let help = "let a list hold parts of one kind; a list, map or optional record is one part";
        let diagnostic = match place {
            Some(span) => Diagnostic::new(Code::E0001, span, message),
            None => Diagnostic::without_place(Code::E0001, message),
        };
        return checker.report(diagnostic.help(help));
    }
}

/// Parts that a value of this type holds in place: those of tuples and records, all others are references or words.
fn held(
    checker: &Checker,
    definitions: &BTreeMap<TypeId, Definition>,
    ty: TypeId,
    known: &mut HashMap<TypeId, u64>,
) -> u64 {
    if let Some(&count) = known.get(&ty) {
        return count;
    }
    let inside: Vec<TypeId> = match (checker.types.get(ty), definitions.get(&ty)) {
        (Type::Tuple(_), _) => parts(checker.types.get(ty)),
        (_, Some(Definition::Record { fields, .. })) => fields.iter().map(|field| field.ty).collect(),
        _ => Vec::new(),
    };
    // None contains itself in place (E0803).
    let count = inside.iter().map(|&part| held(checker, definitions, part, known)).fold(1, u64::saturating_add);
    known.insert(ty, count);
    count
}
