//! Strings to lists of strings or bytes, and back.
//!
//! In: strings, separators, lists. Out: lists built leaf by leaf, strings. Pieces are views where that saves a copy.

use super::{bytes, empty, from_bytes, from_bytes_lossy, from_char, text, view};
use crate::abi::{Fiber, ListObject, StringObject, TypeDesc};
use crate::list::{Builder, for_each_run};
use crate::slot::argument;

unsafe fn push(builder: &mut Builder, string: *mut StringObject) {
    builder.push((&raw const string).cast());
}

/// Where `wanted`, which is not empty, begins at or behind `from`.
#[inline]
unsafe fn position(text: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let (start, len) = (text.as_ptr().add(from), text.len() - from);
    // The system's own search: no other one is faster.
    let found = match wanted {
        [byte] => libc::memchr(start.cast(), *byte as i32, len),
        _ => libc::memmem(start.cast(), len, wanted.as_ptr().cast(), wanted.len()),
    };
    (!found.is_null()).then(|| found as usize - text.as_ptr() as usize)
}

/// The bytes `start..end` as a string, also the whole or nothing.
#[inline]
unsafe fn part(fiber: *mut Fiber, string: *mut StringObject, start: usize, end: usize) -> *mut StringObject {
    if start == end { empty() } else { view(fiber, string, start, end) }
}

/// Keeps empty pieces; an empty separator gives the receiver as the one piece.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_split(
    fiber: *mut Fiber,
    string: *mut StringObject,
    separator: *mut StringObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, argument(ty, 0));
    if (*separator).len == 0 {
        push(&mut builder, string);
        return builder.finish();
    }
    // Positions, not slices: the text may move.
    let (len, width) = ((*string).len as usize, (*separator).len as usize);
    let mut start = 0;
    while let Some(found) = position(bytes(string), start, bytes(separator)) {
        let piece = part(fiber, string, start, found);
        push(&mut builder, piece);
        start = found + width;
    }
    let piece = part(fiber, string, start, len);
    push(&mut builder, piece);
    crate::slot::keep(separator);
    builder.finish()
}

/// At LF or CRLF, without a trailing empty piece.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_lines(
    fiber: *mut Fiber,
    string: *mut StringObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, argument(ty, 0));
    let len = (*string).len as usize;
    let mut start = 0;
    while start < len {
        let found = position(bytes(string), start, b"\n");
        let end = found.unwrap_or(len);
        let is_crlf = found.is_some() && end > start && bytes(string)[end - 1] == b'\r';
        let line = part(fiber, string, start, end - is_crlf as usize);
        push(&mut builder, line);
        start = end + 1;
    }
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_chars(
    fiber: *mut Fiber,
    string: *mut StringObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, argument(ty, 0));
    for character in text(string).chars() {
        let piece = from_char(fiber, character);
        push(&mut builder, piece);
    }
    crate::slot::keep(string);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_bytes(
    fiber: *mut Fiber,
    string: *mut StringObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, argument(ty, 0));
    builder.extend((*string).data, (*string).len as usize);
    crate::slot::keep(string);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_from_bytes(fiber: *mut Fiber, list: *mut ListObject) -> *mut StringObject {
    let mut all = Vec::with_capacity((*list).len as usize);
    for_each_run(list, 1, 0, (*list).len as usize, |run, count| {
        all.extend_from_slice(core::slice::from_raw_parts(run, count));
    });
    from_bytes_lossy(fiber, &all)
}

/// Joins the strings of the runs that `each_run` yields.
pub unsafe fn join(
    fiber: *mut Fiber,
    separator: *const StringObject,
    each_run: impl FnOnce(&mut dyn FnMut(*const u8, usize)),
) -> *mut StringObject {
    let mut joined: Vec<u8> = Vec::new();
    let mut first = true;
    each_run(&mut |run, count| {
        for index in 0..count {
            if !core::mem::take(&mut first) {
                joined.extend_from_slice(bytes(separator));
            }
            joined.extend_from_slice(bytes(*run.cast::<*const StringObject>().add(index)));
        }
    });
    if joined.is_empty() { empty() } else { from_bytes(fiber, &joined) }
}
