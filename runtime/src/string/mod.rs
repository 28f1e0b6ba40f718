//! Strings: construction, views, positions, comparison.
//!
//! In: [`StringObject`]s. Out: new ones and their properties. Text is UTF-8 always; `chars == len` marks pure ASCII,
//! for which code-point positions are byte positions. Submodules hold the methods of 9.6.
//! Deliberately not here: the text of other values, see `text`.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

pub mod change;
pub mod foreign;
pub mod parse;
pub mod search;
pub mod split;
pub mod to_c;

pub use parse::{parse_float, parse_int, valid_json};
pub use split::join;

use crate::abi::{ELEMENTS_OFFSET, Elements, Fiber, HEADER_OLD, Site, StringObject, header, type_id};
use crate::list::slots;
use crate::slot::{allocate, aux, claim, fail, fail_index, resolve_index, resolve_slice, type_id_of};
use core::cmp::Ordering;
use core::ptr;

/// A shared constant object.
struct Constant(StringObject);

// SAFETY: never written.
unsafe impl Sync for Constant {}

static EMPTY: Constant = Constant(StringObject {
    header: header(type_id::STRING, 0) | HEADER_OLD,
    owner: 0,
    len: 0,
    chars: 0,
    data: c"".as_ptr().cast(),
    base: ptr::null_mut(),
});

/// Texts up to this length are copied by a slice: a view would cost as much and keep the whole base.
const COPY_LIMIT: usize = 32;

pub fn empty() -> *mut StringObject {
    (&raw const EMPTY.0).cast_mut()
}

/// The text; it lives as long as the object.
#[inline]
pub unsafe fn bytes<'a>(string: *const StringObject) -> &'a [u8] {
    core::slice::from_raw_parts((*string).data, (*string).len as usize)
}

#[inline]
pub unsafe fn text<'a>(string: *const StringObject) -> &'a str {
    core::str::from_utf8_unchecked(bytes(string))
}

#[inline]
pub unsafe fn is_ascii(string: *const StringObject) -> bool {
    (*string).len == (*string).chars
}

/// A flat string with room for `len` bytes, to be filled at once by the caller; the NUL is there.
pub unsafe fn allocate_flat(fiber: *mut Fiber, len: usize, chars: usize) -> *mut StringObject {
    let object =
        allocate(fiber, size_of::<StringObject>() + len + 1, header(type_id::STRING, 0)).cast::<StringObject>();
    let data = object.add(1).cast::<u8>();
    (*object).owner = 0;
    (*object).len = len as i64;
    (*object).chars = chars as i64;
    (*object).data = data;
    (*object).base = ptr::null_mut();
    *data.add(len) = 0;
    object
}

/// Number of code points in UTF-8 text.
pub fn count_chars(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| (byte as i8) >= -0x40).count()
}

/// A string of valid UTF-8. The bytes must not lie in an object that only they keep alive.
pub unsafe fn from_bytes(fiber: *mut Fiber, bytes: &[u8]) -> *mut StringObject {
    from_counted(fiber, bytes, count_chars(bytes))
}

pub unsafe fn from_counted(fiber: *mut Fiber, bytes: &[u8], chars: usize) -> *mut StringObject {
    if bytes.is_empty() {
        return empty();
    }
    let object = allocate_flat(fiber, bytes.len(), chars);
    ptr::copy_nonoverlapping(bytes.as_ptr(), (*object).data.cast_mut(), bytes.len());
    object
}

/// A string of any bytes: what is not UTF-8 becomes U+FFFD, one for each maximal bad sequence.
pub unsafe fn from_bytes_lossy(fiber: *mut Fiber, bytes: &[u8]) -> *mut StringObject {
    from_bytes(fiber, String::from_utf8_lossy(bytes).as_bytes())
}

/// The bytes `start..end` of a string, as a view if that saves anything.
pub unsafe fn view(fiber: *mut Fiber, string: *mut StringObject, start: usize, end: usize) -> *mut StringObject {
    let len = end - start;
    if len == (*string).len as usize {
        return string;
    }
    if len == 0 {
        return empty();
    }
    let chars = if is_ascii(string) { len } else { count_chars(&bytes(string)[start..end]) };
    if len <= COPY_LIMIT {
        let object = allocate_flat(fiber, len, chars);
        ptr::copy_nonoverlapping((*string).data.add(start), (*object).data.cast_mut(), len);
        return object;
    }
    let object = allocate(fiber, size_of::<StringObject>(), header(type_id::STRING, 0)).cast::<StringObject>();
    let base = if (*string).base.is_null() { string.cast() } else { (*string).base };
    object.write(StringObject {
        header: (*object).header,
        owner: 0,
        len: len as i64,
        chars: chars as i64,
        data: (*string).data.add(start),
        base,
    });
    object
}

/// Byte position of the code point at `index`, which is at most the number of code points.
pub unsafe fn byte_position(string: *const StringObject, index: usize) -> usize {
    if is_ascii(string) {
        return index;
    }
    if index == (*string).chars as usize {
        return (*string).len as usize;
    }
    let mut left = index;
    for (position, &byte) in bytes(string).iter().enumerate() {
        if (byte as i8) >= -0x40 {
            if left == 0 {
                return position;
            }
            left -= 1;
        }
    }
    (*string).len as usize
}

/// Code-point index of a byte position.
pub unsafe fn char_position(string: *const StringObject, position: usize) -> usize {
    if is_ascii(string) { position } else { count_chars(&bytes(string)[..position]) }
}

/// The code point at `position` and the bytes it takes; `position` is inside the text and at a boundary.
#[inline]
unsafe fn decode(data: *const u8, position: usize) -> (u32, usize) {
    let at = |offset: usize| (*data.add(position + offset)) as u32;
    let first = at(0);
    match first {
        0..0x80 => (first, 1),
        0x80..0xE0 => ((first & 0x1F) << 6 | (at(1) & 0x3F), 2),
        0xE0..0xF0 => ((first & 0x0F) << 12 | (at(1) & 0x3F) << 6 | (at(2) & 0x3F), 3),
        _ => ((first & 0x07) << 18 | (at(1) & 0x3F) << 12 | (at(2) & 0x3F) << 6 | (at(3) & 0x3F), 4),
    }
}

#[inline]
pub unsafe fn equal(left: *const StringObject, right: *const StringObject) -> bool {
    left == right || ((*left).len == (*right).len && bytes(left) == bytes(right))
}

/// Byte-wise order, which is code-point order.
#[inline]
pub unsafe fn compare(left: *const StringObject, right: *const StringObject) -> Ordering {
    bytes(left).cmp(bytes(right))
}

/// The `owner` of a string that a concatenation made without a token. Joining more to such a one, or to one with a token,
/// is taken as the sign of a loop.
const JOINED: u64 = 1;
/// Shorter results are copied anew each time.
const ROOM_FROM: usize = 128;

/// `left + right`. Results of repeated concatenation lie in a buffer with room behind them; as with the tails of lists,
/// the string that ends at the last byte taken may take the next ones. So `s = s + t` in a loop is linear in all.
pub unsafe fn concat(fiber: *mut Fiber, left: *mut StringObject, right: *mut StringObject) -> *mut StringObject {
    joined(fiber, left, right, JOINED)
}

/// As [`concat()`]; the result carries `owner`. A string with a token has the end of its buffer for itself: it is lengthened.
unsafe fn joined(
    fiber: *mut Fiber,
    left: *mut StringObject,
    right: *mut StringObject,
    owner: u64,
) -> *mut StringObject {
    if (*left).len == 0 {
        return right;
    }
    if (*right).len == 0 {
        return left;
    }
    let (left_len, right_len) = ((*left).len as usize, (*right).len as usize);
    let len = left_len + right_len;
    let base = (*left).base.cast::<Elements>();
    if !base.is_null() && type_id_of(base.cast()) == type_id::BYTES {
        let end = (*left).data as usize - slots(base) as usize + left_len;
        let fits = end + right_len <= aux(base.cast()) as usize;
        if fits && owner != JOINED && (*left).owner == owner && (*base).owner == end as u64 {
            ptr::copy_nonoverlapping((*right).data, slots(base).add(end), right_len);
            (*base).owner = (end + right_len) as u64;
            (*left).len = len as i64;
            (*left).chars += (*right).chars;
            return left;
        }
        if fits && claim(&raw mut (*base).owner, end as u64, (end + right_len) as u64) {
            ptr::copy_nonoverlapping((*right).data, slots(base).add(end), right_len);
            return joined_view(fiber, base, (*left).data, left, right, owner);
        }
    }
    let again = (*left).owner == owner && (owner != JOINED || len >= ROOM_FROM);
    if again && 2 * len <= u32::MAX as usize {
        let header = header(type_id::BYTES, 2 * len as u32);
        let base = allocate(fiber, ELEMENTS_OFFSET as usize + 2 * len, header).cast::<Elements>();
        (*base).owner = len as u64;
        ptr::copy_nonoverlapping((*left).data, slots(base), left_len);
        ptr::copy_nonoverlapping((*right).data, slots(base).add(left_len), right_len);
        return joined_view(fiber, base, slots(base), left, right, owner);
    }
    let object = allocate_flat(fiber, len, ((*left).chars + (*right).chars) as usize);
    (*object).owner = owner;
    let data = (*object).data.cast_mut();
    ptr::copy_nonoverlapping((*left).data, data, left_len);
    ptr::copy_nonoverlapping((*right).data, data.add(left_len), right_len);
    object
}

/// The string of both texts, which lie in a row at `data`.
unsafe fn joined_view(
    fiber: *mut Fiber,
    base: *mut Elements,
    data: *const u8,
    left: *const StringObject,
    right: *const StringObject,
    owner: u64,
) -> *mut StringObject {
    let header = header(type_id::STRING, 0);
    let (len, chars) = ((*left).len + (*right).len, (*left).chars + (*right).chars);
    let object = allocate(fiber, size_of::<StringObject>(), header).cast::<StringObject>();
    object.write(StringObject { header, owner, len, chars, data, base: base.cast() });
    object
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_len(string: *const StringObject) -> i64 {
    (*string).chars
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_get(
    fiber: *mut Fiber,
    string: *const StringObject,
    index: i64,
    site: *const Site,
) -> i64 {
    let Some(position) = resolve_index(index, (*string).chars) else { fail_index(fiber, site, index, (*string).chars) };
    decode((*string).data, byte_position(string, position)).0 as i64
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_equal(left: *const StringObject, right: *const StringObject) -> bool {
    equal(left, right)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_compare(left: *const StringObject, right: *const StringObject) -> i64 {
    compare(left, right) as i64
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_concat(
    fiber: *mut Fiber,
    left: *mut StringObject,
    right: *mut StringObject,
) -> *mut StringObject {
    concat(fiber, left, right)
}

/// `left` becomes the joined text if it carries the token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_concat_owned(
    fiber: *mut Fiber,
    left: *mut StringObject,
    right: *mut StringObject,
    token: i64,
) -> *mut StringObject {
    joined(fiber, left, right, token as u64)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_slice(
    fiber: *mut Fiber,
    string: *mut StringObject,
    start: i64,
    end: i64,
) -> *mut StringObject {
    let (start, end) = slice_bytes(string, start, end);
    view(fiber, string, start, end)
}

/// Byte bounds of a slice given in code points.
unsafe fn slice_bytes(string: *const StringObject, start: i64, end: i64) -> (usize, usize) {
    let (start, end) = resolve_slice(start, end, (*string).chars);
    let first = byte_position(string, start);
    let last = if start == end { first } else { byte_position(string, end) };
    (first, last)
}

/// Slice assignment: the slice is replaced, the length may change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_set_slice(
    fiber: *mut Fiber,
    string: *mut StringObject,
    start: i64,
    end: i64,
    replacement: *mut StringObject,
) -> *mut StringObject {
    let (start, end) = slice_bytes(string, start, end);
    let whole = text(string);
    let result = [&whole[..start], text(replacement), &whole[end..]].concat();
    from_bytes(fiber, result.as_bytes())
}

/// Iteration: the code point at the byte position, which moves on; -1 at the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_next(string: *const StringObject, position: *mut i64) -> i64 {
    let at = *position;
    if at >= (*string).len {
        return -1;
    }
    let (code, width) = decode((*string).data, at as usize);
    *position = at + width as i64;
    code as i64
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_from_char(fiber: *mut Fiber, code: i64, site: *const Site) -> *mut StringObject {
    match u32::try_from(code).ok().and_then(char::from_u32) {
        Some(character) => from_char(fiber, character),
        None => fail(fiber, site, "invalid code point"),
    }
}

pub unsafe fn from_char(fiber: *mut Fiber, character: char) -> *mut StringObject {
    from_counted(fiber, character.encode_utf8(&mut [0; 4]).as_bytes(), 1)
}

#[cfg(test)]
mod tests;
