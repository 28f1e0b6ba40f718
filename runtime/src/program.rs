//! What the whole process shares: the program's tables, its arguments, the main fiber, the print hook.
//!
//! In: what `start` stores. Out: accessors. Deliberately not here: anything per task. One thread mutates all of this in
//! stage 1, so plain statics behind raw pointers suffice.

use core::cell::UnsafeCell;
use core::ffi::c_char;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::abi::{Fiber, ProgramInfo, ThreadSlots};

/// A static that only the one mutator thread touches.
pub(crate) struct Global<T>(UnsafeCell<T>);

// SAFETY: stage 1 has one mutator thread; a signal handler runs on that thread as well.
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
    /// The main task's stack: lowest usable address and one past the highest.
    pub(crate) stack_low: *mut u8,
    pub(crate) stack_high: *mut u8,
    pub(crate) fiber: Fiber,
    pub(crate) thread: ThreadSlots,
}

pub(crate) static PROCESS: Global<Process> = Global::new(Process {
    info: core::ptr::null(),
    argc: 0,
    argv: core::ptr::null(),
    stack_low: null_mut(),
    stack_high: null_mut(),
    fiber: Fiber {
        cursor: null_mut(),
        limit: null_mut(),
        poll: AtomicU32::new(0),
        ffi_failed: 0,
        scope: null_mut(),
        sp: null_mut(),
        sys: null_mut(),
        stack_limit: null_mut(),
        thread: null_mut(),
        root: null_mut(),
        ffi_roots: null_mut(),
        deadline: AtomicU64::new(0),
        stack_base: null_mut(),
        print_pending: 0,
        ffi_site: core::ptr::null(),
        landing: null_mut(),
        range: null_mut(),
        returned: [0; 6],
    },
    thread: ThreadSlots {
        base: null_mut(),
        errno: null_mut(),
        fiber: null_mut(),
        shim_depth: 0,
        state: AtomicU32::new(0),
        poll: AtomicU32::new(0),
        reserved: 0,
        claim: AtomicU64::new(0),
    },
});

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

/// The main fiber, fresh.
#[cfg(test)]
pub(crate) fn test_fiber() -> *mut Fiber {
    // SAFETY: the caller holds the lock of the tests; all-zero is a valid fiber.
    unsafe {
        let fiber = &raw mut (*PROCESS.get()).fiber;
        fiber.write_bytes(0, 1);
        fiber
    }
}

/// `argc` and `argv` of the process.
pub fn arguments() -> (i32, *const *const c_char) {
    // SAFETY: as above.
    unsafe { ((*PROCESS.get()).argc, (*PROCESS.get()).argv) }
}

/// The fiber that runs on this thread.
#[inline]
pub(crate) fn running_fiber() -> *mut Fiber {
    // SAFETY: an address; stage 1 has one fiber.
    unsafe { &raw mut (*PROCESS.get()).fiber }
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
