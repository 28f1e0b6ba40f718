//! Whether an `extern` and the manifest's entry of its symbol agree (language reference 11.3).
//!
//! In: a lowered extern and what the manifest says of it. Out: E1103, showing both places.
//! Deliberately not here: C declarations (`bind`). The manifest speaks of Coex types, compared by number and by class, the
//! classes being integer (any width or sign, and bool), floating, pointer, buffer, struct and none.

use super::Checker;
use super::decls::ScopeId;
use super::externs::{manifest_param, manifest_type};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir;
use crate::resolve::SymbolFacts;
use crate::types::{self, Type, TypeId};

/// An entry that lists neither parameters nor a result says nothing of types.
pub(super) fn compare(checker: &mut Checker, external: &ir::Extern, facts: &SymbolFacts, scope: ScopeId) {
    let Some(difference) = difference(checker, external, facts, scope) else { return };
    let message = format!("Extern '{}' does not match its C declaration: {difference}", external.name);
    let diagnostic = Diagnostic::new(Code::E1103, external.span, message)
        .secondary(facts.span, "the manifest's entry of this symbol")
        .help("an entry may leave out 'params' and 'returns': the extern says it all");
    checker.report(diagnostic);
}

fn difference(checker: &mut Checker, external: &ir::Extern, facts: &SymbolFacts, scope: ScopeId) -> Option<String> {
    if let Some(params) = &facts.params {
        if params.len() != external.params.len() {
            let (listed, declared) = (params.len(), external.params.len());
            return Some(format!("the manifest lists {listed} parameters, the extern has {declared}"));
        }
        for (text, param) in params.iter().zip(&external.params) {
            let (out, text) = manifest_param(text);
            let listed = manifest_type(checker, text, scope);
            if out != param.out || !alike(checker, listed, param.ty) {
                let kind = if out { "out " } else { "" };
                return Some(format!("the manifest says '{kind}{text}' for parameter '{}'", param.name));
            }
        }
    }
    if facts.params.is_none() && facts.returns.is_none() {
        return None;
    }
    let listed = facts.returns.as_ref().map(|text| manifest_type(checker, text, scope));
    match (listed, external.result) {
        (None, None) => None,
        (Some(listed), Some(result)) if alike(checker, listed, result) => None,
        // Ok of a Result carries no C value under some rules.
        (None, Some(result)) if matches!(checker.types.get(result), Type::Result(types::BOOL, _)) => None,
        (None, Some(_)) => Some("the manifest names no result".to_owned()),
        (Some(_), _) => {
            Some(format!("the manifest says '{}' for the result", facts.returns.as_deref().unwrap_or_default().trim()))
        }
    }
}

#[derive(PartialEq, Eq)]
enum Class {
    Integer,
    Floating,
    Pointer,
    Buffer,
    Struct,
    /// Reported elsewhere.
    Unknown,
}

fn alike(checker: &Checker, first: TypeId, second: TypeId) -> bool {
    let (first, second) = (class(checker, first), class(checker, second));
    first == second || first == Class::Unknown || second == Class::Unknown
}

fn class(checker: &Checker, ty: TypeId) -> Class {
    match *checker.types.get(ty) {
        Type::Int | Type::Bool | Type::Byte | Type::Char => Class::Integer,
        Type::Float => Class::Floating,
        Type::String | Type::Handle(_) => Class::Pointer,
        Type::List(_) | Type::Array(_) => Class::Buffer,
        Type::User { .. } => Class::Struct,
        Type::Optional(inner) | Type::Result(inner, _) => class(checker, inner),
        _ => Class::Unknown,
    }
}
