//! What the runtime's functions do with the collections they are given.
//!
//! In: a function. Out: its form that changes in place, if there is one; whether it only looks. A function that is not named
//! here counts as one that keeps a reference.

use crate::ir::RuntimeFunction;

/// The function that changes in place what this one copies.
pub(super) fn owned_form(function: RuntimeFunction) -> Option<RuntimeFunction> {
    Some(match function {
        RuntimeFunction::ListAppend => RuntimeFunction::ListAppendOwned,
        RuntimeFunction::ListSet => RuntimeFunction::ListSetOwned,
        RuntimeFunction::ArrayAppend => RuntimeFunction::ArrayAppendOwned,
        RuntimeFunction::ArraySet => RuntimeFunction::ArraySetOwned,
        RuntimeFunction::MapSet => RuntimeFunction::MapSetOwned,
        RuntimeFunction::MapRemove => RuntimeFunction::MapRemoveOwned,
        RuntimeFunction::SetAdd => RuntimeFunction::SetAddOwned,
        RuntimeFunction::SetRemove => RuntimeFunction::SetRemoveOwned,
        RuntimeFunction::ListConcat => RuntimeFunction::ListConcatOwned,
        RuntimeFunction::ArrayConcat => RuntimeFunction::ArrayConcatOwned,
        RuntimeFunction::StringConcat => RuntimeFunction::StringConcatOwned,
        _ => return None,
    })
}

/// Functions after whose return nothing refers to the collections they were given, or to parts of them. What they yield
/// of the elements is a copy.
pub(super) fn only_reads(function: RuntimeFunction) -> bool {
    matches!(
        function,
        RuntimeFunction::ListLen
            | RuntimeFunction::ListGet
            | RuntimeFunction::ListContains
            | RuntimeFunction::ListIndexOf
            | RuntimeFunction::ListCount
            | RuntimeFunction::ListReverse
            | RuntimeFunction::ListJoin
            | RuntimeFunction::ListToArray
            | RuntimeFunction::ListToSet
            | RuntimeFunction::ArrayLen
            | RuntimeFunction::ArrayGet
            | RuntimeFunction::ArrayContains
            | RuntimeFunction::ArrayIndexOf
            | RuntimeFunction::ArrayReverse
            | RuntimeFunction::ArrayJoin
            | RuntimeFunction::ArrayToList
            | RuntimeFunction::ArrayToSet
            | RuntimeFunction::MapLen
            | RuntimeFunction::MapGet
            | RuntimeFunction::MapIndex
            | RuntimeFunction::MapHas
            | RuntimeFunction::MapKeys
            | RuntimeFunction::MapValues
            | RuntimeFunction::SetHas
            | RuntimeFunction::SetIsSubset
            | RuntimeFunction::SetToList
            | RuntimeFunction::SetToArray
            | RuntimeFunction::StringLen
            | RuntimeFunction::StringGet
            | RuntimeFunction::StringEqual
            | RuntimeFunction::StringCompare
            | RuntimeFunction::StringContains
            | RuntimeFunction::StringStartsWith
            | RuntimeFunction::StringEndsWith
            | RuntimeFunction::StringFind
            | RuntimeFunction::StringFindLast
            | RuntimeFunction::StringCount
            | RuntimeFunction::StringChars
            | RuntimeFunction::StringBytes
            | RuntimeFunction::StringToInt
            | RuntimeFunction::StringToIntHex
            | RuntimeFunction::StringToFloat
            | RuntimeFunction::StringValidJson
            | RuntimeFunction::ValueEqual
            | RuntimeFunction::ValueCompare
            | RuntimeFunction::Print
            | RuntimeFunction::Debug
            | RuntimeFunction::ValueToString
    )
}
