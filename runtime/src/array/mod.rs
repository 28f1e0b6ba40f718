//! Arrays: contiguous elements, seen through views.
//!
//! In: [`ArrayObject`]s. Out: elements and changed copies. A buffer is an `Elements` object; its `owner` word counts the
//! slots taken, and the array that ends at the last taken slot may take the next ones in place, as lists do with tails.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

use crate::abi::{ArrayObject, Fiber, HEADER_OLD, ListObject, Site, StringObject, TypeDesc, header, type_id};
use crate::gc;
use crate::list::{from_run, new_elements, position_in_run, slots, sorted};
use crate::slot::{allocate, argument, aux, claim, copy, fail, fail_index, keep, resolve_index, resolve_slice};
use core::ptr;

struct Constant(ArrayObject);

// SAFETY: never written.
unsafe impl Sync for Constant {}

static EMPTY: Constant = Constant(ArrayObject {
    header: header(type_id::ARRAY, 0) | HEADER_OLD,
    owner: 0,
    len: 0,
    // Not null, so that it may start a slice of no elements.
    data: 16 as *mut u8,
    base: ptr::null_mut(),
});

pub fn empty() -> *mut ArrayObject {
    (&raw const EMPTY.0).cast_mut()
}

unsafe fn new_view(fiber: *mut Fiber, of: *const ArrayObject, data: *mut u8, len: usize) -> *mut ArrayObject {
    if len == 0 {
        return empty();
    }
    let header = header(type_id::ARRAY, 0);
    let array = allocate(fiber, size_of::<ArrayObject>(), header).cast::<ArrayObject>();
    array.write(ArrayObject { header, owner: 0, len: len as i64, data, base: (*of).base });
    array
}

/// An array of `len` elements with room for `capacity`; the elements are for the caller to fill at once.
unsafe fn with_capacity(fiber: *mut Fiber, element: *const TypeDesc, len: usize, capacity: usize) -> *mut ArrayObject {
    if len == 0 {
        return empty();
    }
    let header = header(type_id::ARRAY, 0);
    // The view first: it is complete, and the buffer must not be incomplete at the next allocation.
    let array = allocate(fiber, size_of::<ArrayObject>(), header).cast::<ArrayObject>();
    array.write(ArrayObject { header, owner: 0, len: 0, data: ptr::null_mut(), base: ptr::null_mut() });
    let base = new_elements(fiber, element, capacity, len);
    (*array).len = len as i64;
    (*array).data = slots(base);
    (*array).base = base;
    array
}

/// An array of `len` elements, which are for the caller to fill at once.
pub unsafe fn with_len(fiber: *mut Fiber, element: *const TypeDesc, len: usize) -> *mut ArrayObject {
    with_capacity(fiber, element, len, len)
}

pub unsafe fn from_slots(
    fiber: *mut Fiber,
    element: *const TypeDesc,
    elements: *const u8,
    count: usize,
) -> *mut ArrayObject {
    let array = with_len(fiber, element, count);
    ptr::copy_nonoverlapping(elements, (*array).data, count * (*element).size as usize);
    array
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_from(
    fiber: *mut Fiber,
    elements: *const u8,
    count: i64,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    from_slots(fiber, argument(ty, 0), elements, count as usize)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_fill(
    fiber: *mut Fiber,
    count: i64,
    value: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ArrayObject {
    if count < 0 {
        fail(fiber, site, "negative array size");
    }
    let element = argument(ty, 0);
    let size = (*element).size as usize;
    let array = with_len(fiber, element, count as usize);
    for index in 0..count as usize {
        copy(size, value, (*array).data.add(index * size));
    }
    array
}

/// Cells that may hold references are null, so that the collector may see them before they are stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_matrix_new(fiber: *mut Fiber, count: i64, ty: *const TypeDesc) -> *mut ArrayObject {
    let cell = argument(ty, 0);
    let array = with_len(fiber, cell, count as usize);
    if (*cell).pointer_count > 0 {
        ptr::write_bytes((*array).data, 0, count as usize * (*cell).size as usize);
    }
    array
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_matrix_barrier(fiber: *mut Fiber, array: *const ArrayObject) {
    gc::barrier(fiber, (*array).base);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_len(array: *const ArrayObject) -> i64 {
    (*array).len
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_get(
    fiber: *mut Fiber,
    array: *const ArrayObject,
    index: i64,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    let Some(position) = resolve_index(index, (*array).len) else { fail_index(fiber, site, index, (*array).len) };
    let size = (*argument(ty, 0)).size as usize;
    copy(size, (*array).data.add(position * size), out);
}

/// A copy with a buffer of its own.
unsafe fn copied(fiber: *mut Fiber, array: *mut ArrayObject, element: *const TypeDesc) -> *mut ArrayObject {
    let copy = from_slots(fiber, element, (*array).data, (*array).len as usize);
    keep(array);
    copy
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_set(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    index: i64,
    value: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ArrayObject {
    coex_array_set_owned(fiber, array, index, value, 0, ty, site)
}

/// The array, or a copy, that carries the token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_own(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    token: i64,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    if token != 0 && (*array).owner == token as u64 {
        return array;
    }
    let own = copied(fiber, array, argument(ty, 0));
    (*own).owner = token as u64;
    own
}

/// An array that carries the token has its buffer for itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_set_owned(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    index: i64,
    value: *const u8,
    token: i64,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ArrayObject {
    let Some(position) = resolve_index(index, (*array).len) else { fail_index(fiber, site, index, (*array).len) };
    let element = argument(ty, 0);
    let size = (*element).size as usize;
    let owned = token != 0 && (*array).owner == token as u64;
    let changed = if owned { array } else { copied(fiber, array, element) };
    (*changed).owner = token as u64;
    gc::barrier(fiber, (*changed).base);
    copy(size, value, (*changed).data.add(position * size));
    changed
}

/// `array` with `count` more elements, in its own buffer if that has room behind it.
unsafe fn extended(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    values: *const u8,
    count: usize,
    element: *const TypeDesc,
) -> *mut ArrayObject {
    let (size, len) = ((*element).size as usize, (*array).len as usize);
    let base = (*array).base;
    if !base.is_null() && size > 0 {
        let end = ((*array).data as usize - slots(base) as usize) / size + len;
        let fits = end + count <= aux(base.cast()) as usize;
        if fits && claim(&raw mut (*base).owner, end as u64, (end + count) as u64) {
            gc::barrier(fiber, base);
            ptr::copy_nonoverlapping(values, (*array).data.add(len * size), count * size);
            return new_view(fiber, array, (*array).data, len + count);
        }
    }
    let longer = with_capacity(fiber, element, len + count, (len + count).max(len * 2).max(4));
    ptr::copy_nonoverlapping((*array).data, (*longer).data, len * size);
    ptr::copy_nonoverlapping(values, (*longer).data.add(len * size), count * size);
    keep(array);
    longer
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_append(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    value: *const u8,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    extended(fiber, array, value, 1, argument(ty, 0))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_append_owned(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    value: *const u8,
    token: i64,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    extended_owned(fiber, array, value, 1, argument(ty, 0), token as u64)
}

/// As [`extended`]; an array that carries the token becomes the longer one, and a new buffer carries it.
unsafe fn extended_owned(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    values: *const u8,
    count: usize,
    element: *const TypeDesc,
    token: u64,
) -> *mut ArrayObject {
    let base = (*array).base;
    let size = (*element).size as usize;
    let owned = token != 0 && (*array).owner == token && !base.is_null();
    if owned && (*base).owner as usize + count <= aux(base.cast()) as usize {
        // The buffer is this array's alone, so it begins with it and ends at the last slot taken.
        gc::barrier(fiber, base);
        ptr::copy_nonoverlapping(values, (*array).data.add((*array).len as usize * size), count * size);
        (*base).owner += count as u64;
        (*array).len += count as i64;
        return array;
    }
    let longer = extended(fiber, array, values, count, element);
    if (*longer).base != base {
        (*longer).owner = token;
    }
    longer
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_concat(
    fiber: *mut Fiber,
    left: *mut ArrayObject,
    right: *mut ArrayObject,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    if (*left).len == 0 {
        return right;
    }
    if (*right).len == 0 {
        return left;
    }
    let joined = extended(fiber, left, (*right).data, (*right).len as usize, argument(ty, 0));
    keep(right);
    joined
}

/// `left` becomes the joined array if it carries the token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_concat_owned(
    fiber: *mut Fiber,
    left: *mut ArrayObject,
    right: *mut ArrayObject,
    token: i64,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    if (*left).len == 0 {
        return right;
    }
    if (*right).len == 0 {
        return left;
    }
    let (values, count) = ((*right).data, (*right).len as usize);
    let joined = extended_owned(fiber, left, values, count, argument(ty, 0), token as u64);
    keep(right);
    joined
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_index_of(array: *const ArrayObject, value: *const u8, ty: *const TypeDesc) -> i64 {
    let found = position_in_run((*array).data, (*array).len as usize, value, argument(ty, 0));
    found.map_or(-1, |position| position as i64)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_contains(array: *const ArrayObject, value: *const u8, ty: *const TypeDesc) -> bool {
    coex_array_index_of(array, value, ty) >= 0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_reverse(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    let element = argument(ty, 0);
    let (size, len) = ((*element).size as usize, (*array).len as usize);
    let reversed = with_len(fiber, element, len);
    for index in 0..len {
        copy(size, (*array).data.add((len - 1 - index) * size), (*reversed).data.add(index * size));
    }
    keep(array);
    reversed
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_sort(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    let len = (*array).len as usize;
    if len < 2 {
        return array;
    }
    let element = argument(ty, 0);
    // The copy comes first: references must not lie in plain memory while something is allocated.
    let result = copied(fiber, array, element);
    let sorted = sorted((*result).data, len, element);
    ptr::copy_nonoverlapping(sorted.as_ptr(), (*result).data, len * (*element).size as usize);
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_slice(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    start: i64,
    end: i64,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    let (start, end) = resolve_slice(start, end, (*array).len);
    if end - start == (*array).len as usize {
        return array;
    }
    new_view(fiber, array, (*array).data.add(start * (*argument(ty, 0)).size as usize), end - start)
}

/// The positions `start..end` are overwritten from the source as far as it goes; the length stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_set_slice(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    start: i64,
    end: i64,
    source: *mut ArrayObject,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    let element = argument(ty, 0);
    let size = (*element).size as usize;
    let (start, end) = resolve_slice(start, end, (*array).len);
    let count = (end - start).min((*source).len as usize);
    if count == 0 {
        return array;
    }
    let changed = copied(fiber, array, element);
    ptr::copy_nonoverlapping((*source).data, (*changed).data.add(start * size), count * size);
    keep(source);
    changed
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_join(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    separator: *mut StringObject,
) -> *mut StringObject {
    let joined = crate::string::join(fiber, separator, |visit| visit((*array).data, (*array).len as usize));
    keep(array);
    joined
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_to_list(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let list = from_run(fiber, argument(ty, 0), (*array).data, (*array).len as usize);
    keep(array);
    list
}

/// Bytes that C returned; they do not lie in the heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_from_bytes(
    fiber: *mut Fiber,
    bytes: *const u8,
    len: i64,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    from_slots(fiber, argument(ty, 0), bytes, len as usize)
}

#[cfg(test)]
mod tests;
