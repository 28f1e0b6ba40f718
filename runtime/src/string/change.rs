//! Methods that make a changed copy of a string: case, white space, repetition, padding, hexadecimal text.
//!
//! In: strings. Out: strings; the receiver itself when nothing changes. Case mapping is the simple one: a character
//! whose full mapping has several characters stays as it is.

use super::{bytes, empty, from_bytes, from_counted, is_ascii, text, view};
use crate::abi::{Fiber, StringObject};
use crate::slot::check_size;

/// The only character of a mapping, or the character itself.
fn single(mut mapped: impl Iterator<Item = char>, original: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(character), None) => character,
        _ => original,
    }
}

/// Simple upper case. Unicode gives some characters with a longer full mapping a simple one too.
fn simple_upper(character: char) -> char {
    match character {
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => offset(character, 8),
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => offset(character, 9),
        _ => single(character.to_uppercase(), character),
    }
}

/// Simple lower case: only U+0130 has a longer full mapping.
fn simple_lower(character: char) -> char {
    match character {
        '\u{130}' => 'i',
        _ => single(character.to_lowercase(), character),
    }
}

fn offset(character: char, by: u32) -> char {
    char::from_u32(character as u32 + by).unwrap_or(character)
}

unsafe fn map_chars(fiber: *mut Fiber, string: *mut StringObject, map: fn(char) -> char) -> *mut StringObject {
    let mapped: String = text(string).chars().map(map).collect();
    from_counted(fiber, mapped.as_bytes(), (*string).chars as usize)
}

unsafe fn map_ascii(fiber: *mut Fiber, string: *mut StringObject, map: fn(&u8) -> u8) -> *mut StringObject {
    if bytes(string).iter().all(|byte| map(byte) == *byte) {
        return string;
    }
    let object = super::allocate_flat(fiber, (*string).len as usize, (*string).len as usize);
    let data = (*object).data.cast_mut();
    for (position, byte) in bytes(string).iter().enumerate() {
        *data.add(position) = map(byte);
    }
    object
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_upper(fiber: *mut Fiber, string: *mut StringObject) -> *mut StringObject {
    match is_ascii(string) {
        true => map_ascii(fiber, string, u8::to_ascii_uppercase),
        false => map_chars(fiber, string, simple_upper),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_lower(fiber: *mut Fiber, string: *mut StringObject) -> *mut StringObject {
    match is_ascii(string) {
        true => map_ascii(fiber, string, u8::to_ascii_lowercase),
        false => map_chars(fiber, string, simple_lower),
    }
}

/// The part of the text of `string`, as a view.
pub(super) unsafe fn subview(fiber: *mut Fiber, string: *mut StringObject, part: &str) -> *mut StringObject {
    if part.is_empty() {
        return empty();
    }
    let start = part.as_ptr().offset_from((*string).data) as usize;
    view(fiber, string, start, start + part.len())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_trim(fiber: *mut Fiber, string: *mut StringObject) -> *mut StringObject {
    subview(fiber, string, text(string).trim())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_trim_start(fiber: *mut Fiber, string: *mut StringObject) -> *mut StringObject {
    subview(fiber, string, text(string).trim_start())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_trim_end(fiber: *mut Fiber, string: *mut StringObject) -> *mut StringObject {
    subview(fiber, string, text(string).trim_end())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_repeat(
    fiber: *mut Fiber,
    string: *mut StringObject,
    times: i64,
) -> *mut StringObject {
    if times <= 0 || (*string).len == 0 {
        return empty();
    }
    let times = times as usize;
    let bytes = bytes(string);
    check_size(fiber, bytes.len().saturating_mul(times));
    let object = super::allocate_flat(fiber, bytes.len() * times, (*string).chars as usize * times);
    let data = (*object).data.cast_mut();
    for turn in 0..times {
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), data.add(turn * bytes.len()), bytes.len());
    }
    object
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_reverse(fiber: *mut Fiber, string: *mut StringObject) -> *mut StringObject {
    let reversed: String = text(string).chars().rev().collect();
    from_counted(fiber, reversed.as_bytes(), (*string).chars as usize)
}

/// The missing fill; the filler's first character counts, and nothing is filled with an empty one.
unsafe fn fill(fiber: *mut Fiber, string: *const StringObject, width: i64, filler: *const StringObject) -> String {
    let missing = width.saturating_sub((*string).chars).max(0) as usize;
    check_size(fiber, missing);
    match text(filler).chars().next() {
        Some(character) => core::iter::repeat_n(character, missing).collect(),
        None => String::new(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_pad_left(
    fiber: *mut Fiber,
    string: *mut StringObject,
    width: i64,
    filler: *mut StringObject,
) -> *mut StringObject {
    let fill = fill(fiber, string, width, filler);
    if fill.is_empty() {
        return string;
    }
    from_bytes(fiber, [fill.as_str(), text(string)].concat().as_bytes())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_pad_right(
    fiber: *mut Fiber,
    string: *mut StringObject,
    width: i64,
    filler: *mut StringObject,
) -> *mut StringObject {
    let fill = fill(fiber, string, width, filler);
    if fill.is_empty() {
        return string;
    }
    from_bytes(fiber, [text(string), fill.as_str()].concat().as_bytes())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_from_hex(fiber: *mut Fiber, value: i64) -> *mut StringObject {
    from_bytes(fiber, format!("{value:x}").as_bytes())
}
