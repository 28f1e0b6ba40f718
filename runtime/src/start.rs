//! A program begins and ends: `main` of the executable calls [`coex_start`].
//!
//! In: arguments and the program's tables. Out: the exit status. Everything is lazy: address space is reserved, nothing is
//! touched that the program does not need. Deliberately not here: flushing of C streams at a normal end, which returning
//! from C's `main` does.

use core::ffi::{c_char, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use crate::abi::{ABI_VERSION, Fiber, ProgramInfo, Root, state};
use crate::program::{self, PROCESS};
use crate::{arch, ffi, gc, panic, signals};

/// Reserved for the main task's stack, of which the system backs what is touched.
const STACK_BYTES: usize = 1 << 30;
/// The least that is tried when the system refuses more.
const STACK_BYTES_MIN: usize = 8 << 20;
/// Below `stack_limit`, for the runtime's own frames and for functions that do not check.
const STACK_RESERVE: usize = 256 << 10;
/// Unmapped pages below the stack: more than any frame.
pub(crate) const GUARD_BYTES: usize = 1 << 20;

/// Runs the program; the result is the exit status.
///
/// # Safety
/// Called once, by C's `main`, with its arguments and the tables of the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_start(argc: i32, argv: *const *const c_char, info: *const ProgramInfo) -> i32 {
    // SAFETY: the caller's promise; `PROCESS` belongs to this thread.
    unsafe {
        if (*info).abi_version != ABI_VERSION {
            panic::write_stderr(b"coex: this program was built for another version of the runtime\n");
            return 70;
        }
        let process = PROCESS.get();
        (*process).info = info;
        (*process).argc = argc;
        (*process).argv = argv;
        gc::initialise(info);

        let Some((low, high)) = map_stack() else {
            panic::raise(null_mut(), b"out of memory", core::ptr::null());
        };
        (*process).stack_low = low;
        (*process).stack_high = high;
        let fiber = &raw mut (*process).fiber;
        let top = prepare_fiber(fiber, low, high, (*info).library_count as usize);
        signals::install();
        stacks_entry(fiber, top, run_main);
        arch::coex_switch_to(fiber, (*fiber).thread);
        ((*fiber).returned[0] & 0xff) as i32
    }
}

/// Fills the fiber and places the main root at the top of the stack, which the system delivers zeroed.
/// The result is where the stack begins.
///
/// # Safety
/// `low..high` is mapped, unused and zero.
pub(crate) unsafe fn prepare_fiber(fiber: *mut Fiber, low: *mut u8, high: *mut u8, libraries: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let thread = &raw mut (*PROCESS.get()).thread;
        (*thread).base = arch::coex_tls_base_address();
        (*thread).errno = libc::__errno_location();
        (*thread).fiber = fiber;
        let root = high.sub((size_of::<Root>() + libraries * 8 + 63) & !63).cast::<Root>();
        (*root).parent = null_mut();
        (*root).library_count = libraries as u64;
        (*fiber).stack_base = high;
        (*fiber).stack_limit = low.add(STACK_RESERVE);
        (*fiber).thread = thread;
        (*fiber).root = root;
        (*thread).state.store(state::MANAGED, Ordering::Release);
        root.cast()
    }
}

/// On the task stack.
unsafe extern "C" fn run_main(fiber: *mut Fiber) -> ! {
    // SAFETY: the entry is compiled code that expects the fiber.
    unsafe {
        let status = arch::coex_call_entry(fiber, (*program::info()).entry);
        program::flush(fiber);
        ffi::tear_down_all(fiber);
        (*fiber).returned[0] = status as u64;
        arch::coex_leave_fiber(fiber);
        unreachable!("the main fiber has ended")
    }
}

/// The first frame of a fiber: `coex_switch_to` begins `body` there.
///
/// # Safety
/// `top` is the 16-aligned end of the free part of the fiber's stack.
pub(crate) unsafe fn stacks_entry(fiber: *mut Fiber, top: *mut u8, body: unsafe extern "C" fn(*mut Fiber) -> !) {
    // SAFETY: the caller's promise; the order is that of `coex_resume`.
    unsafe {
        let frame = top.cast::<u64>().sub(9);
        let words = [0, fiber as u64, 0, 0, 0, body as *const () as u64, arch::coex_fiber_start as *const () as u64, 0];
        frame.copy_from_nonoverlapping(words.as_ptr(), words.len());
        (*fiber).sp = frame.cast();
    }
}

/// A stack with unmapped pages below it: lowest usable address and one past the highest.
pub(crate) fn map_stack() -> Option<(*mut u8, *mut u8)> {
    let mut bytes = STACK_BYTES;
    while bytes >= STACK_BYTES_MIN {
        // SAFETY: a fresh private mapping; only its own lowest pages are protected.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
            let low = libc::mmap(null_mut::<c_void>(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if low != libc::MAP_FAILED {
                if libc::mprotect(low, GUARD_BYTES, libc::PROT_NONE) != 0 {
                    return None;
                }
                // A huge page would cost every program more than all else at its start.
                libc::madvise(low, bytes, libc::MADV_NOHUGEPAGE);
                let low = low.cast::<u8>();
                return Some((low.add(GUARD_BYTES), low.add(bytes)));
            }
        }
        bytes /= 2;
    }
    None
}

#[cfg(test)]
pub(crate) unsafe fn unmap_stack(low: *mut u8, high: *mut u8) {
    // SAFETY: the caller names the result of `map_stack`.
    unsafe { libc::munmap(low.sub(GUARD_BYTES).cast(), high as usize - low as usize + GUARD_BYTES) };
}
