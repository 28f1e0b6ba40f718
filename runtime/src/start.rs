//! A program begins and ends: `main` of the executable calls [`coex_start`].
//!
//! In: arguments and the program's tables. Out: the exit status. Everything is lazy: address space is reserved, nothing is
//! touched that the program does not need. Deliberately not here: flushing of C streams at a normal end, which returning
//! from C's `main` does.

use core::ffi::c_char;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use crate::abi::{ABI_VERSION, Fiber, ProgramInfo, Root};
use crate::program::{self, PROCESS};
use crate::sched::fiber::FullFiber;
use crate::sched::stacks::Depth;
use crate::sched::thread::{self, After};
use crate::sched::{run, worker};
use crate::space::{self, Wish};
use crate::{arch, ffi, gc, io, panic, signals};

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

        signals::install();
        let body = if ffi::worker::serve::recognise() { ffi::worker::serve::run } else { run_main };
        match run_main_fiber(body) {
            Some(status) => (status & 0xff) as i32,
            None => panic::raise(null_mut(), b"out of memory", core::ptr::null()),
        }
    }
}

/// Runs main's fiber and whatever it spawns, until it leaves for good; the result is its `returned[0]`. None: the system
/// has no memory.
///
/// # Safety
/// No other fiber runs; the tables of the program are known.
pub(crate) unsafe fn run_main_fiber(body: unsafe extern "C" fn(*mut Fiber) -> !) -> Option<u64> {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = map_stack()?;
        let thread = thread::adopt()?;
        let worker = worker::first();
        (*thread).worker.store(worker, Ordering::Release);
        (*worker).thread.store(thread, Ordering::Release);
        let fiber = &raw mut (*PROCESS.get()).fiber;
        prepare(fiber, low, high, (*program::info()).library_count as usize);
        FullFiber::begin_at(fiber, body);
        run::switch(thread, worker, fiber);
        run::run_until_exit(thread);
        Some((*fiber).public.returned[0])
    }
}

/// Fills the fiber and places the main root at the top of the stack, which the system delivers zeroed.
///
/// # Safety
/// `low..high` is mapped, unused and zero.
unsafe fn prepare(fiber: *mut FullFiber, low: *mut u8, high: *mut u8, libraries: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        fiber.write(FullFiber::new());
        let root = high.sub((size_of::<Root>() + libraries * 8 + 63) & !63).cast::<Root>();
        (*root).parent = null_mut();
        (*root).library_count = libraries as u64;
        (*fiber).depth = Depth::Recursive;
        (*fiber).in_use = true;
        (*fiber).stack_low = low;
        (*fiber).public.stack_base = root.cast();
        (*fiber).limit_stack(low.add(STACK_RESERVE));
        (*fiber).public.root = root;
    }
}

/// On the task stack.
unsafe extern "C" fn run_main(fiber: *mut Fiber) -> ! {
    // SAFETY: the entry is compiled code that expects the fiber.
    unsafe {
        let status = arch::coex_call_entry(fiber, (*program::info()).entry);
        program::flush(fiber);
        ffi::tear_down_all(fiber);
        (*fiber).returned[0] = io::settle(status) as u64;
        run::leave(fiber, After::Exit);
        unreachable!("the main fiber has ended")
    }
}

/// A stack with unmapped pages below it: lowest usable address and one past the highest.
fn map_stack() -> Option<(*mut u8, *mut u8)> {
    let wish = Wish { bytes: STACK_BYTES, bytes_min: STACK_BYTES_MIN, share: 4, flags: libc::MAP_STACK, hint: 0 };
    let (low, bytes) = space::reserve(&wish, |bytes| bytes)?;
    // SAFETY: of our own mapping, only the lowest pages are protected.
    unsafe {
        if libc::mprotect(low as *mut _, GUARD_BYTES, libc::PROT_NONE) != 0 {
            return None;
        }
        // A huge page would cost every program more than all else at its start.
        libc::madvise(low as *mut _, bytes, libc::MADV_NOHUGEPAGE);
    }
    Some(((low + GUARD_BYTES) as *mut u8, (low + bytes) as *mut u8))
}

#[cfg(test)]
unsafe fn unmap_stack(low: *mut u8, high: *mut u8) {
    // SAFETY: the caller names the result of `map_stack`.
    unsafe { libc::munmap(low.sub(GUARD_BYTES).cast(), high as usize - low as usize + GUARD_BYTES) };
}

/// The main fiber of a test: the threads of the scheduler stay from test to test.
#[cfg(test)]
pub(crate) mod for_tests {
    use super::*;
    use crate::sched::queue::{self, Work};
    use std::sync::{Condvar, Mutex, Once};

    static ENDED: (Mutex<Option<u64>>, Condvar) = (Mutex::new(None), Condvar::new());

    /// As [`run_main_fiber`], on a thread of the scheduler.
    ///
    /// # Safety
    /// The caller holds the lock of the tests.
    pub(crate) unsafe fn run(body: unsafe extern "C" fn(*mut Fiber) -> !) -> u64 {
        static START: Once = Once::new();
        START.call_once(|| assert!(thread::give(worker::first())));
        let (low, high) = map_stack().expect("address space");
        // SAFETY: no test's fiber runs.
        unsafe {
            let fiber = &raw mut (*PROCESS.get()).fiber;
            let wait = (*fiber).wait.load(Ordering::Relaxed);
            prepare(fiber, low, high, (*program::info()).library_count as usize);
            // Old tickets stay old.
            (*fiber).wait.store(wait, Ordering::Relaxed);
            FullFiber::begin_at(fiber, body);
            queue::push_global(Work::Fiber(fiber));
            let mut ended = ENDED.0.lock().expect("not poisoned");
            let status = loop {
                if let Some(status) = ended.take() {
                    break status;
                }
                ended = ENDED.1.wait(ended).expect("not poisoned");
            };
            (*fiber).in_use = false;
            unmap_stack(low, high);
            status
        }
    }

    /// The main fiber has left its thread for good.
    pub(crate) fn end(status: u64) {
        *ENDED.0.lock().expect("not poisoned") = Some(status);
        ENDED.1.notify_all();
    }
}
