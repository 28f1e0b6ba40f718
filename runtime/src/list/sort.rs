//! Sorting in canonical order, stable.
//!
//! In: elements in runs. Out: their slots in order, in plain memory; the caller keeps the original alive until they are
//! in an object again. Integers and texts have ways of their own.

use super::{Builder, for_each_run};
use crate::abi::{Fiber, Kind, ListObject, TypeDesc};
use crate::slot::{argument, keep};
use crate::value::compare;
use core::ptr;

/// The elements at `slots` (`count` in a row) in canonical order.
pub unsafe fn sorted(slots: *const u8, count: usize, element: *const TypeDesc) -> Vec<u8> {
    let size = (*element).size as usize;
    let mut result = Vec::<u8>::with_capacity(count * size + 8);
    if (*element).kind == Kind::Int {
        let mut numbers = Vec::<i64>::with_capacity(count);
        ptr::copy_nonoverlapping(slots, numbers.as_mut_ptr().cast(), count * size);
        numbers.set_len(count);
        // Equal integers cannot be told apart, so stability is free.
        numbers.sort_unstable();
        result.extend_from_slice(core::slice::from_raw_parts(numbers.as_ptr().cast(), count * size));
        return result;
    }
    let mut order: Vec<*const u8> = (0..count).map(|index| slots.add(index * size)).collect();
    order.sort_by(|&left, &right| compare(left, right, element));
    for slot in order {
        result.extend_from_slice(core::slice::from_raw_parts(slot, size));
    }
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_sort(
    fiber: *mut Fiber,
    list: *mut ListObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let element = argument(ty, 0);
    let (size, len) = ((*element).size as usize, (*list).len as usize);
    if len < 2 || size == 0 {
        return list;
    }
    let mut flat = Vec::<u8>::with_capacity(len * size);
    for_each_run(list, size, 0, len, |run, count| {
        flat.extend_from_slice(core::slice::from_raw_parts(run, count * size));
    });
    let sorted = sorted(flat.as_ptr(), len, element);
    let mut builder = Builder::new(fiber, element);
    builder.extend(sorted.as_ptr(), len);
    keep(list);
    builder.finish()
}
