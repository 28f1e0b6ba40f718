//! Stopping the world for a collection.
//!
//! In: a fiber that wants to collect. Out: no other thread runs Coex code until `resume`; threads in C and in the scheduler
//! count as stopped, and stop when they come back. One collector at a time: whoever comes second stops like the
//! others, and tries its allocation again. The order of the handshake: request, barrier, look at the states; a thread stores its state,
//! then looks at the request (`run::become_managed`, the thunk).

use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::fiber::{FullFiber, full};
use super::stacks;
use super::thread::{self, poll};
use super::{barrier, run, worker};
use crate::abi::{Fiber, state};
use crate::program::PROCESS;
use crate::{arch, gc, task};

static BUSY: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Changes with each resume.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// Looks at a running thread between two naps of this length.
const NAP_NS: u64 = 20_000;
const SPINS: usize = 2_000;

#[inline]
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Stops everybody else. False: another thread has collected meanwhile.
///
/// # Safety
/// `fiber` is the running fiber; references that only registers hold are on its stack (spilled) when this returns false.
pub(crate) unsafe fn stop(fiber: *mut Fiber) -> bool {
    if BUSY.compare_exchange(false, true, Ordering::SeqCst, Ordering::Relaxed).is_err() {
        // SAFETY: forwarded.
        unsafe { stop_here(fiber) };
        return false;
    }
    REQUESTED.store(true, Ordering::SeqCst);
    // SAFETY: the running fiber has a thread, or there are none (unit tests).
    let own = unsafe { thread::of(fiber) };
    let others = || thread::all().filter(move |&thread| thread != own);
    if thread::count() > 1 {
        for other in others() {
            // SAFETY: threads live for ever.
            unsafe { (*other).slots.poll.fetch_or(poll::WORLD, Ordering::SeqCst) };
        }
        barrier::heavy();
        for other in others() {
            // SAFETY: as above.
            unsafe { wait_for(other) };
        }
    }
    true
}

/// Keeps others from collecting for a moment, from outside Coex code. False: a collection is under way.
pub(crate) fn hold_off() -> bool {
    BUSY.compare_exchange(false, true, Ordering::SeqCst, Ordering::Relaxed).is_ok()
}

/// After [`hold_off`].
pub(crate) fn allow() {
    BUSY.store(false, Ordering::SeqCst);
}

/// Until a thread runs no Coex code.
unsafe fn wait_for(thread: *mut thread::Thread) {
    let mut rounds = 0;
    // SAFETY: threads and fibers live for ever.
    unsafe {
        while (*thread).slots.state.load(Ordering::SeqCst) == state::MANAGED {
            let fiber = thread::fiber_on(&raw mut (*thread).slots);
            if !fiber.is_null() {
                crate::sched::fiber::ask(fiber);
            }
            rounds += 1;
            if rounds < SPINS {
                core::hint::spin_loop();
            } else {
                let time = libc::timespec { tv_sec: 0, tv_nsec: NAP_NS as i64 };
                libc::nanosleep(&raw const time, null_mut());
            }
        }
    }
}

/// The world goes on.
pub(crate) fn resume() {
    REQUESTED.store(false, Ordering::SeqCst);
    if thread::count() > 1 {
        for thread in thread::all() {
            // SAFETY: threads live for ever.
            unsafe { (*thread).slots.poll.fetch_and(!poll::WORLD, Ordering::SeqCst) };
        }
        EPOCH.fetch_add(1, Ordering::SeqCst);
        thread::futex_wake(&EPOCH, i32::MAX);
    }
    BUSY.store(false, Ordering::SeqCst);
}

/// Those that wait for the end of the collection look whether they can help.
pub(crate) fn wake_stopped() {
    EPOCH.fetch_add(1, Ordering::SeqCst);
    thread::futex_wake(&EPOCH, i32::MAX);
}

/// Sleeps, or helps, while a collection runs. Not MANAGED.
pub(crate) fn wait_until_resumed() {
    loop {
        let epoch = EPOCH.load(Ordering::SeqCst);
        if !is_requested() {
            return;
        }
        if !gc::parallel::help() {
            thread::futex_wait(&EPOCH, epoch, None);
        }
    }
}

/// Stops the running fiber while a collection runs.
///
/// # Safety
/// `fiber` is the running fiber, on its own stack.
pub(crate) unsafe fn stop_here(fiber: *mut Fiber) {
    // SAFETY: the registers are on the stack above `sp` while others scan it.
    unsafe { arch::coex_with_spilled_registers(fiber.cast(), stopped) }
}

unsafe extern "C" fn stopped(fiber: *mut u8, stack_pointer: *mut u8) {
    let fiber = fiber.cast::<Fiber>();
    // SAFETY: the running fiber; it stays on this thread.
    unsafe {
        let thread = thread::of(fiber);
        (*fiber).sp = stack_pointer;
        (*thread).slots.state.store(state::PARKED, Ordering::SeqCst);
        wait_until_resumed();
        run::become_managed(thread);
    }
}

/// Calls `visit` with each fiber that holds a stack, and the part of the stack in use. `own_pointer` is the stack pointer of the
/// collecting fiber. The world is stopped.
pub(crate) fn for_each_stack(
    own: *mut Fiber,
    own_pointer: *mut u8,
    mut visit: impl FnMut(*mut FullFiber, usize, usize),
) {
    let mut one = |fiber: *mut FullFiber| {
        // SAFETY: fibers live for ever; the stopped ones have published their stack pointers.
        unsafe {
            if (*fiber).in_use {
                let low = if fiber == full(own) { own_pointer } else { (*fiber).public.sp };
                visit(fiber, low as usize, (*fiber).public.stack_base as usize);
            }
        }
    };
    // SAFETY: an address.
    one(unsafe { &raw mut (*PROCESS.get()).fiber });
    stacks::for_each(one);
}

/// Calls `visit` with each buffer that allocation takes from. The world is stopped.
pub(crate) fn for_each_buffer(own: *mut Fiber, mut visit: impl FnMut(&mut *mut u8, &mut *mut u8)) {
    // SAFETY: workers, threads and fibers live for ever, and nobody allocates.
    unsafe {
        visit(&mut (*own).cursor, &mut (*own).limit);
        for worker in worker::all() {
            visit(&mut (*worker).cursor, &mut (*worker).limit);
        }
        for thread in thread::all() {
            let fiber = thread::fiber_on(&raw mut (*thread).slots);
            if !fiber.is_null() && fiber != own {
                visit(&mut (*fiber).cursor, &mut (*fiber).limit);
            }
        }
    }
}

/// The heap of the last test goes away, and with it what workers could allocate from. Tasks that are done may still be on
/// their way off their threads.
#[cfg(test)]
pub(crate) fn forget_buffers() {
    for thread in thread::all() {
        // SAFETY: threads live for ever.
        while unsafe { (*thread).slots.state.load(Ordering::SeqCst) } == state::MANAGED {
            std::thread::yield_now();
        }
    }
    for worker in worker::all() {
        // SAFETY: no fiber of a test runs.
        unsafe {
            (*worker).cursor = null_mut();
            (*worker).limit = null_mut();
        }
    }
}

/// Calls `visit` with memory outside of heap and stacks whose words may be references. The world is stopped.
pub(crate) fn for_each_range(visit: impl FnMut(usize, usize)) {
    task::record::for_each_range(visit);
}
