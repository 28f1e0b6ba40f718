//! What the whole process shares: the program's tables, its arguments, the main fiber, the print hook.
//!
//! In: what `start` stores. Out: accessors. Deliberately not here: anything per task.

use core::cell::UnsafeCell;
use core::ffi::c_char;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::{Fiber, ProgramInfo, ThreadSlots};
use crate::sched::fiber::FullFiber;
use crate::sched::thread;

/// A static whose users make sure that one thread at a time changes it.
pub(crate) struct Global<T>(UnsafeCell<T>);

// SAFETY: the users' promise.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    pub(crate) const fn new(value: T) -> Global<T> {
        Global(UnsafeCell::new(value))
    }

    pub(crate) const fn get(&self) -> *mut T {
        self.0.get()
    }
}

pub(crate) struct Process {
    pub(crate) info: *const ProgramInfo,
    pub(crate) argc: i32,
    pub(crate) argv: *const *const c_char,
    /// Main's.
    pub(crate) fiber: FullFiber,
}

pub(crate) static PROCESS: Global<Process> =
    Global::new(Process { info: core::ptr::null(), argc: 0, argv: core::ptr::null(), fiber: FullFiber::new() });

/// The tables of the running program; null before `coex_start`.
pub fn info() -> *const ProgramInfo {
    // SAFETY: a plain read of a word that is written once at start-up.
    unsafe { (*PROCESS.get()).info }
}

#[cfg(test)]
pub(crate) fn set_info(info: *const ProgramInfo) {
    // SAFETY: the caller holds the lock of the tests.
    unsafe { (*PROCESS.get()).info = info }
}

/// `argc` and `argv` of the process.
pub fn arguments() -> (i32, *const *const c_char) {
    // SAFETY: as above.
    unsafe { ((*PROCESS.get()).argc, (*PROCESS.get()).argv) }
}

/// The fiber that runs on this thread; null when there is none.
#[inline]
pub(crate) fn running_fiber() -> *mut Fiber {
    let thread = thread::current();
    // SAFETY: threads live for ever.
    if thread.is_null() { null_mut() } else { unsafe { (*thread).slots.fiber } }
}

/// The slots of this thread; null on threads that the scheduler did not start.
#[inline]
pub(crate) fn running_thread() -> *mut ThreadSlots {
    thread::current().cast()
}

type FlushHook = unsafe extern "C" fn(*mut Fiber);

static FLUSH: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Called by the first print: how unwritten text gets out before panics, exits and foreign calls.
pub fn set_flush_hook(hook: FlushHook) {
    FLUSH.store(hook as *mut (), Ordering::Relaxed);
}

/// Writes the print buffer when there is something in it.
///
/// # Safety
/// `fiber` is the running fiber.
pub unsafe fn flush(fiber: *mut Fiber) {
    let hook = FLUSH.load(Ordering::Relaxed);
    if !hook.is_null() {
        // SAFETY: only `set_flush_hook` stores here.
        unsafe { core::mem::transmute::<*mut (), FlushHook>(hook)(fiber) }
    }
}
