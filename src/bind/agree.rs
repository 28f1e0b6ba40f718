//! Whether two C declarations of one function say the same.

use crate::native::{CSignature, CType};

/// The first difference between two declarations, in words; `None` if they agree.
pub(super) fn difference(first: &CSignature, second: &CSignature) -> Option<String> {
    if first.params.len() != second.params.len() {
        return Some(format!("{} parameters against {}", first.params.len(), second.params.len()));
    }
    if first.variadic != second.variadic {
        return Some("only one of the declarations is variadic".to_owned());
    }
    if !first.result.agrees_with(&second.result) {
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

/// Pointers to numbers must point to equal numbers; other targets are opaque to a caller.
fn same_target(left: &CType, right: &CType) -> bool {
    match (left, right) {
        (CType::Pointer { to: left, .. }, CType::Pointer { to: right, .. }) => match (&**left, &**right) {
            (CType::Int { bits, .. }, CType::Int { bits: other, .. }) => bits == other,
            (CType::Float { bits, .. }, CType::Float { bits: other, .. }) => bits == other,
            _ => true,
        },
        _ => true,
    }
}
