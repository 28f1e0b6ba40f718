//! System calls of the runtime that may block, made where C code runs: a collection does not wait for them, a long one loses
//! its worker, and `within` can leave it.
//!
//! In: closures that touch no Coex values. Out: their results, on the fiber. An abandoned one owns what it works on until it
//! ends; its system calls end with EINTR then, and it asks [`is_abandoned`], unless it shall run to its end. Deliberately not
//! here: what they do.

use core::ptr::null_mut;

use super::{claim, side};
use crate::abi::{Fiber, entered};
use crate::arch;
use crate::program;

struct Request<F, T> {
    act: Option<F>,
    result: Option<T>,
}

/// What the thread of an abandoned request frees.
#[derive(Clone, Copy)]
pub(crate) struct Owned {
    request: *mut u8,
    free: unsafe fn(*mut u8),
}

impl Owned {
    /// # Safety
    /// The request is over, and its fiber has gone on without it.
    pub(crate) unsafe fn free(self) {
        // SAFETY: the function that belongs to the request.
        unsafe { (self.free)(self.request) }
    }
}

/// Runs `act` on the system stack. Does not return when the fiber's activation is cancelled meanwhile.
///
/// # Safety
/// `fiber` is the running fiber, or null in tests; nothing in the caller's frames must be dropped.
pub(crate) unsafe fn run<T, F: FnOnce() -> T>(fiber: *mut Fiber, act: F) -> T {
    // SAFETY: forwarded.
    unsafe { run_on_system_stack(fiber, act, true) }
}

/// As [`run`]; but when it is abandoned, its system calls go on until they are done.
///
/// # Safety
/// As [`run`].
pub(crate) unsafe fn run_to_end<T, F: FnOnce() -> T>(fiber: *mut Fiber, act: F) -> T {
    // SAFETY: forwarded.
    unsafe { run_on_system_stack(fiber, act, false) }
}

unsafe fn run_on_system_stack<T, F: FnOnce() -> T>(fiber: *mut Fiber, act: F, may_be_interrupted: bool) -> T {
    // SAFETY: the caller's promise; the request is this fiber's, unless it never goes on here.
    unsafe {
        let side = if fiber.is_null() { None } else { side::of(fiber) };
        let Some(side) = side else { return act() };
        side.is_own_call = may_be_interrupted;
        let request = Box::into_raw(Box::new(Request { act: Some(act), result: None::<T> }));
        *(*(*fiber).thread).base = null_mut();
        (*fiber).entered = entered::NOTHING;
        arch::coex_call_foreign(fiber, perform::<F, T> as *const u8, request as usize, 0);
        if let Some(side) = side::of(fiber) {
            side.is_own_call = false;
        }
        match Box::from_raw(request).result {
            Some(result) => result,
            None => unreachable!("the request has run"),
        }
    }
}

unsafe extern "C" fn perform<F: FnOnce() -> T, T>(request: *mut Request<F, T>) {
    unsafe fn free<F, T>(request: *mut u8) {
        // SAFETY: from `run`.
        drop(unsafe { Box::from_raw(request.cast::<Request<F, T>>()) });
    }
    // SAFETY: the request lives until the call is delivered or dropped.
    unsafe {
        (*side::notes()).owned = Some(Owned { request: request.cast(), free: free::<F, T> });
        side::report_end_of_call();
        if let Some(act) = (*request).act.take() {
            (*request).result = Some(act());
        }
    }
}

/// Nobody waits for the request that runs on this thread.
pub(crate) fn is_abandoned() -> bool {
    let thread = program::running_thread();
    // SAFETY: the slots live as long as their thread.
    !thread.is_null() && unsafe { claim::is_abandoned(thread) }
}
