//! Lists to and from other things: joined text, arrays, bytes of C.
//!
//! In: lists, raw bytes. Out: strings, arrays, lists.

use super::{build::from_run, for_each_run};
use crate::abi::{ArrayObject, Fiber, ListObject, StringObject, TypeDesc};
use crate::slot::{argument, keep};
use core::ptr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_join(
    fiber: *mut Fiber,
    list: *mut ListObject,
    separator: *mut StringObject,
) -> *mut StringObject {
    let joined = crate::string::join(fiber, separator, |visit| {
        for_each_run(list, size_of::<usize>(), 0, (*list).len as usize, visit);
    });
    keep(list);
    joined
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_to_array(
    fiber: *mut Fiber,
    list: *mut ListObject,
    ty: *const TypeDesc,
) -> *mut ArrayObject {
    let element = argument(ty, 0);
    let (size, len) = ((*element).size as usize, (*list).len as usize);
    let array = crate::array::with_len(fiber, element, len);
    let mut to = (*array).data;
    for_each_run(list, size, 0, len, |run, count| {
        ptr::copy_nonoverlapping(run, to, count * size);
        to = to.add(count * size);
    });
    keep(list);
    array
}

/// Bytes that C returned; they do not lie in the heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_from_bytes(
    fiber: *mut Fiber,
    bytes: *const u8,
    len: i64,
    ty: *const TypeDesc,
) -> *mut ListObject {
    from_run(fiber, argument(ty, 0), bytes, len as usize)
}

/// Copies a list of byte to memory of as many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_copy_bytes(list: *const ListObject, mut to: *mut u8) {
    for_each_run(list, 1, 0, (*list).len as usize, |run, count| {
        ptr::copy_nonoverlapping(run, to, count);
        to = to.add(count);
    });
}
