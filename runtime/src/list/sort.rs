//! Sorting in canonical order, stable.
//!
//! In: elements in runs. Out: their slots in order, in plain memory, where the collector does not see them: the caller
//! stores them into an object before anything is allocated. Integers have a way of their own.

use super::{Builder, for_each_run};
use crate::abi::{ELEMENTS_OFFSET, Fiber, Kind, ListObject, TypeDesc};
use crate::gc;
use crate::slot::argument;
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
    let mut builder = Builder::new(fiber, element);
    builder.extend_list(list, 0, len);
    let result = builder.finish();
    // From here on nothing is allocated.
    let mut flat = Vec::<u8>::with_capacity(len * size);
    for_each_run(result, size, 0, len, |run, count| {
        flat.extend_from_slice(core::slice::from_raw_parts(run, count * size));
    });
    let sorted = sorted(flat.as_ptr(), len, element);
    let mut from = sorted.as_ptr();
    for_each_run(result, size, 0, len, |run, count| {
        let leaf = run.sub(ELEMENTS_OFFSET as usize).cast_mut();
        gc::barrier(fiber, leaf);
        ptr::copy_nonoverlapping(from, run.cast_mut(), count * size);
        from = from.add(count * size);
    });
    result
}
