//! Allocation: the slow side of the inline bump allocation, and the entry for the runtime's own objects.
//!
//! In: a size and a header word. Out: an object whose other words are zero, but for large ones without references. Deliberately not here: where memory comes from
//! (`gc`). Rule A: all fields first, allocate last, store, and only then anything that can collect; since fresh
//! memory is zero, a violation makes a collection see null references, never stale ones.

use crate::abi::{Fiber, LARGE_OBJECT_BYTES, MIN_OBJECT_BYTES, Site};
use crate::gc;
use core::sync::atomic::{Ordering, fence};

/// Allocates `size` bytes (rounded up to a multiple of 8, at least 16) with this header; the rest is zero.
/// May collect: reference that live only outside stack and heap are not seen.
///
/// # Safety
/// `fiber` is the running fiber; `size` is what the header's type and aux say.
#[inline]
pub unsafe fn alloc(fiber: *mut Fiber, size: usize, header: u64) -> *mut u8 {
    let size = size.wrapping_add(7) & !7;
    // SAFETY: cursor and limit bound the free run.
    unsafe {
        let object = (*fiber).cursor;
        let room = (*fiber).limit as usize - object as usize;
        if size > room || size > LARGE_OBJECT_BYTES as usize || size < MIN_OBJECT_BYTES as usize {
            return coex_alloc_slow(fiber, size as i64, header as i64);
        }
        (*fiber).cursor = object.add(size);
        object.cast::<u64>().write(header);
        object
    }
}

/// The free run is too short, or the object is large.
///
/// # Safety
/// As [`alloc`].
#[unsafe(no_mangle)]
#[cold]
#[inline(never)]
pub unsafe extern "C" fn coex_alloc_slow(fiber: *mut Fiber, size: i64, header: i64) -> *mut u8 {
    // SAFETY: forwarded.
    unsafe {
        let size = (size as u64).max(MIN_OBJECT_BYTES).wrapping_add(7) & !7;
        gc::allocate_slowly(fiber, size as usize, header as u64)
    }
}

/// Recursion has come near the end of the stack, or somebody set `poll`.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
#[cold]
#[inline(never)]
pub unsafe extern "C" fn coex_stack_slow(fiber: *mut Fiber, site: *const Site) {
    let here = core::ptr::from_ref(&fiber) as usize;
    // SAFETY: the caller's promise.
    unsafe {
        let limit = (*fiber).stack_limit as usize;
        (*fiber).stack_check.store(limit as u64, Ordering::Relaxed);
        // As with `poll`: first this, then a look at what is wanted.
        fence(Ordering::SeqCst);
        if here < limit {
            crate::panic::raise(fiber, b"stack overflow", site);
        }
        if (*fiber).poll.load(Ordering::Relaxed) != 0 {
            gc::poll(fiber);
        }
    }
}

/// Somebody set `poll`.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
#[cold]
#[inline(never)]
pub unsafe extern "C" fn coex_poll_slow(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe { gc::poll(fiber) }
}
