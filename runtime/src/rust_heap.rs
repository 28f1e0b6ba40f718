//! The memory of the runtime's own Rust code: text being joined, lists being sorted, tables.
//!
//! In: requests of Rust's collections. Out: memory of the C library, or the panic `out of memory`, where Rust by itself
//! would abort the process. Deliberately not here: objects of programs (`alloc`, `gc`).

#![cfg_attr(
    not(any(test, panic = "abort")),
    allow(dead_code, reason = "only programs allocate here, and their runtime aborts")
)]

use core::cell::Cell;
use std::alloc::{GlobalAlloc, Layout, System};

thread_local! {
    static MAY_FAIL: Cell<bool> = const { Cell::new(false) };
}

/// For `try_reserve`: a request that fails is said to be so, and does not end the program.
pub(crate) fn may_fail<T>(request: impl FnOnce() -> T) -> T {
    let outer = MAY_FAIL.replace(true);
    let outcome = request();
    MAY_FAIL.set(outer);
    outcome
}

struct OrPanic;

// Only in the archive that programs are linked with: the compiler, which reads this crate's layouts, has memory of its own.
#[cfg(all(panic = "abort", not(test)))]
#[global_allocator]
static HEAP: OrPanic = OrPanic;

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for OrPanic {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: forwarded.
        checked(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: forwarded.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: forwarded.
        checked(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: forwarded.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[inline]
fn checked(memory: *mut u8) -> *mut u8 {
    if memory.is_null() && !MAY_FAIL.get() {
        exhausted();
    }
    memory
}

/// Ends the process at once: whoever asked may hold any lock, so that the panic cannot travel.
#[cold]
fn exhausted() -> ! {
    crate::io::flush_if_free();
    // SAFETY: without a fiber nothing of the program is touched.
    unsafe { crate::panic::end_program(core::ptr::null_mut(), b"out of memory", core::ptr::null(), b"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_may_fail_fails() {
        let layout = Layout::from_size_align(isize::MAX as usize - 4096, 1).expect("a layout");
        // SAFETY: a layout with a size; what fails is not freed.
        let memory = may_fail(|| unsafe { OrPanic.alloc(layout) });
        assert!(memory.is_null());
        assert!(!MAY_FAIL.get());
        let small = Layout::from_size_align(64, 8).expect("a layout");
        // SAFETY: allocated, grown and freed with the same layout.
        unsafe {
            let memory = OrPanic.alloc(small);
            *memory = 7;
            let memory = OrPanic.realloc(memory, small, 128);
            assert_eq!(*memory, 7);
            OrPanic.dealloc(memory, Layout::from_size_align(128, 8).expect("a layout"));
            let zeroed = OrPanic.alloc_zeroed(small);
            assert_eq!(*zeroed, 0);
            OrPanic.dealloc(zeroed, small);
        }
    }
}
