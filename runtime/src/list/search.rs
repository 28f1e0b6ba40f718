//! Finding elements of lists by `==`.
//!
//! In: a list and a value. Out: positions and counts.

use super::for_each_run;
use crate::abi::{ListObject, TypeDesc};
use crate::slot::argument;
use crate::value::equal;

/// Position of the first element equal to `value`, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_index_of(list: *const ListObject, value: *const u8, ty: *const TypeDesc) -> i64 {
    let element = argument(ty, 0);
    let size = (*element).size as usize;
    let (mut found, mut base) = (None, 0);
    for_each_run(list, size, 0, (*list).len as usize, |run, count| {
        if found.is_none() {
            found = position_in_run(run, count, value, element).map(|inside| base + inside);
        }
        base += count;
    });
    found.map_or(-1, |position| position as i64)
}

/// Position, within `count` elements in a row, of the first one equal to `value`.
pub unsafe fn position_in_run(
    run: *const u8,
    count: usize,
    value: *const u8,
    element: *const TypeDesc,
) -> Option<usize> {
    let size = (*element).size as usize;
    (0..count).find(|index| equal(run.add(index * size), value, element))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_contains(list: *const ListObject, value: *const u8, ty: *const TypeDesc) -> bool {
    coex_list_index_of(list, value, ty) >= 0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_count(list: *const ListObject, value: *const u8, ty: *const TypeDesc) -> i64 {
    let element = argument(ty, 0);
    let size = (*element).size as usize;
    let mut total = 0;
    for_each_run(list, size, 0, (*list).len as usize, |run, count| {
        total += (0..count).filter(|index| equal(run.add(index * size), value, element)).count();
    });
    total as i64
}
