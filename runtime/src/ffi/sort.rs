//! `qsort`, with its scratch memory in the instance: the C library's would be lost when the code is stopped in a comparison.
//!
//! In: calls of C code. Out: the elements in order; equal ones keep theirs. A merge sort that asks for the same comparisons as
//! glibc's, since C code may count them. Deliberately not here: other functions that call back.

use core::ffi::{c_int, c_void};

use super::shims::private;

type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
type CompareWith = unsafe extern "C" fn(*const c_void, *const c_void, *mut c_void) -> c_int;

unsafe extern "C" {
    fn qsort_r(base: *mut c_void, count: usize, size: usize, compare: CompareWith, argument: *mut c_void);
}

/// # Safety
/// As C's `qsort`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_qsort(base: *mut c_void, count: usize, size: usize, compare: Option<Compare>) {
    let Some(compare) = compare else { return };
    // SAFETY: forwarded.
    unsafe {
        if !sort(base.cast(), count, size, |left, right| compare(left.cast(), right.cast())) {
            libc::qsort(base, count, size, Some(compare));
        }
    }
}

/// # Safety
/// As glibc's `qsort_r`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_qsort_r(
    base: *mut c_void,
    count: usize,
    size: usize,
    compare: CompareWith,
    argument: *mut c_void,
) {
    // SAFETY: forwarded.
    unsafe {
        if !sort(base.cast(), count, size, |left, right| compare(left.cast(), right.cast(), argument)) {
            qsort_r(base, count, size, compare, argument);
        }
    }
}

/// False: there is no instance, or no memory.
unsafe fn sort(base: *mut u8, count: usize, size: usize, compare: impl Fn(*const u8, *const u8) -> c_int) -> bool {
    let instance = private();
    let Some(bytes) = count.checked_mul(size).filter(|_| !instance.is_null()) else { return false };
    if bytes == 0 || count < 2 {
        return true;
    }
    // SAFETY: the caller's promise; the scratch memory has room for all.
    unsafe {
        let scratch = (*instance).heap.allocate(bytes);
        if scratch.is_null() {
            return false;
        }
        match size {
            4 => merge_sort::<4>(base, scratch, count, 4, &compare),
            8 => merge_sort::<8>(base, scratch, count, 8, &compare),
            16 => merge_sort::<16>(base, scratch, count, 16, &compare),
            _ => merge_sort::<0>(base, scratch, count, size, &compare),
        }
        (*instance).heap.free(scratch);
    }
    true
}

/// `SIZE` is the size when it is known, so that copies are moves.
unsafe fn merge_sort<const SIZE: usize>(
    base: *mut u8,
    scratch: *mut u8,
    count: usize,
    size: usize,
    compare: &impl Fn(*const u8, *const u8) -> c_int,
) {
    if count <= 1 {
        return;
    }
    let size = if SIZE == 0 { size } else { SIZE };
    let (mut first, mut second) = (count / 2, count - count / 2);
    // SAFETY: the caller's promise.
    unsafe {
        let (mut left, mut right) = (base, base.add(first * size));
        merge_sort::<SIZE>(left, scratch, first, size, compare);
        merge_sort::<SIZE>(right, scratch, second, size, compare);
        let mut to = scratch;
        while first > 0 && second > 0 {
            let is_left = compare(left, right) <= 0;
            let from = if is_left { left } else { right };
            to.copy_from_nonoverlapping(from, size);
            to = to.add(size);
            if is_left {
                left = left.add(size);
                first -= 1;
            } else {
                right = right.add(size);
                second -= 1;
            }
        }
        // What is left of the second half is in its place.
        to.copy_from_nonoverlapping(left, first * size);
        base.copy_from_nonoverlapping(scratch, (count - second) * size);
    }
}
