//! Foreign calls that the runtime itself makes: constructors, destructors, release functions.
//!
//! In: a C function and up to two words. Out: its result. The same steps as in compiled code: base and errno installed,
//! the thunk, and back. Deliberately not here: the calls of externs, which the compiler emits inline.

use super::instance::FullInstance;
use super::serial;
use crate::abi::{Fiber, entered, library_flags};
use crate::arch;

/// Calls `target(first, second)` with the instance installed; null for a function of the program.
///
/// # Safety
/// The fiber is the running one, on its own stack; `target` is a C function with at most two word arguments.
pub(crate) unsafe fn in_instance(
    fiber: *mut Fiber,
    instance: *mut FullInstance,
    target: *const u8,
    first: usize,
    second: usize,
) -> usize {
    // SAFETY: forwarded; the thread's slots are valid while the fiber runs.
    unsafe {
        let thread = (*fiber).thread;
        let previous = *(*thread).base;
        if !instance.is_null() && (*(*instance).public.library).flags & library_flags::SERIAL != 0 {
            serial::coex_library_lock(fiber, i64::from((*instance).library_index));
        }
        let thread = (*fiber).thread;
        (*fiber).entered = entered::NOTHING;
        if !instance.is_null() {
            *(*thread).base = (*instance).public.base;
            *(*thread).errno = (*instance).public.errno;
        }
        let result = arch::coex_call_foreign(fiber, target, first, second);
        // A long call may have come back on another thread.
        let is_same = (*fiber).thread == thread;
        let thread = (*fiber).thread;
        if !instance.is_null() {
            (*instance).public.errno = *(*thread).errno;
        }
        if is_same {
            *(*thread).base = previous;
        }
        result
    }
}
