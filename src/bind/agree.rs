//! Whether two C declarations of one function say the same.

use super::declaration::is_tagged;
use crate::native::{CSignature, CType};

/// The first difference between two declarations, in words; `None` if they agree.
pub(super) fn difference(first: &CSignature, second: &CSignature) -> Option<String> {
    if first.params.len() != second.params.len() {
        return Some(format!("{} parameters against {}", first.params.len(), second.params.len()));
    }
    if first.variadic != second.variadic {
        return Some("only one of the declarations is variadic".to_owned());
    }
    if !first.result.agrees_with(&second.result) || !same_target(&first.result, &second.result) {
        return Some(format!("result '{}' against '{}'", first.result, second.result));
    }
    let pairs = first.params.iter().zip(&second.params).enumerate();
    for (index, (left, right)) in pairs {
        if !left.agrees_with(right) || !same_target(left, right) {
            return Some(format!("parameter {}: '{left}' against '{right}'", index + 1));
        }
    }
    None
}

/// Pointers must not point to things that are known to differ: numbers of two sizes, a number and a record.
fn same_target(left: &CType, right: &CType) -> bool {
    match (left, right) {
        (CType::Pointer { to: left, .. }, CType::Pointer { to: right, .. }) => match (target(left), target(right)) {
            (Some(left), Some(right)) => left == right,
            _ => true,
        },
        _ => true,
    }
}

#[derive(PartialEq)]
enum Target {
    Int { bits: u32 },
    Float { bits: u32 },
    Pointer,
    Record,
}

/// `None`: `void`, or a name behind which anything may be. Signedness is left out: texts are kept in any kind of `char`.
fn target(ty: &CType) -> Option<Target> {
    match ty {
        CType::Int { bits, .. } => Some(Target::Int { bits: *bits }),
        CType::Float { bits, .. } => Some(Target::Float { bits: *bits }),
        CType::Pointer { .. } => Some(Target::Pointer),
        CType::Struct { .. } => Some(Target::Record),
        CType::Opaque(name) if is_tagged(name) => Some(Target::Record),
        _ => None,
    }
}
