//! Searching in strings.
//!
//! In: a string and a needle. Out: answers and code-point positions. No allocation of objects here except `replace`.

use super::{bytes, char_position, from_bytes, text};
use crate::abi::{Fiber, StringObject};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_contains(string: *const StringObject, needle: *const StringObject) -> bool {
    text(string).contains(text(needle))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_starts_with(string: *const StringObject, start: *const StringObject) -> bool {
    bytes(string).starts_with(bytes(start))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_ends_with(string: *const StringObject, end: *const StringObject) -> bool {
    bytes(string).ends_with(bytes(end))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_find(string: *const StringObject, needle: *const StringObject) -> i64 {
    text(string).find(text(needle)).map_or(-1, |position| char_position(string, position) as i64)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_find_last(string: *const StringObject, needle: *const StringObject) -> i64 {
    text(string).rfind(text(needle)).map_or(-1, |position| char_position(string, position) as i64)
}

/// Occurrences that do not overlap; the empty text counts 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_count(string: *const StringObject, needle: *const StringObject) -> i64 {
    if (*needle).len == 0 {
        return 0;
    }
    text(string).matches(text(needle)).count() as i64
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_replace(
    fiber: *mut Fiber,
    string: *mut StringObject,
    old: *mut StringObject,
    new: *mut StringObject,
) -> *mut StringObject {
    if (*old).len == 0 || !text(string).contains(text(old)) {
        return string;
    }
    from_bytes(fiber, text(string).replace(text(old), text(new)).as_bytes())
}
