//! Abandoned calls: the fiber has gone on, the C code is still there (language.md 11.8).
//!
//! In: a claimed call (`claim`), and the thread that runs it. Out: the instance leaves its root at once; when the C code
//! returns, crashes or is stopped, the thread frees what the call had and joins the idle threads. What the C code does
//! meanwhile concerns nobody: results, failures and scratch memory are dropped. A call that only lost its worker (retaken)
//! hands its fiber over when it returns.
//! Deliberately not here: who decides (`sched::watcher`), and how endless loops are stopped (`reaper`).

use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};

use super::instance::{self, FullInstance};
use super::lock::{Lock, Section};
use super::side::{self, Side};
use super::{claim, descriptors, root, shims};
use crate::abi::{Fiber, ThreadSlots, instance_state, state};
use crate::arch;
use crate::sched::fiber::full;
use crate::sched::queue::{self, Work};
use crate::sched::thread::{self as threads, After, poll};
use crate::sched::{barrier, deadlock, run};
use crate::task::cancel;

/// What an abandoned call still has. Lives from the claim until the thread has cleaned up.
pub(crate) struct Stuck {
    pub(crate) thread: *mut ThreadSlots,
    /// Where the thread's scheduler goes on.
    sys: *mut u8,
    /// The private instance, or the view of a shared one; null for functions of the process.
    instance: *mut FullInstance,
    /// The stand-in of the fiber, which holds copies of arguments.
    program: *mut FullInstance,
    /// The C code belongs to an instance, whose state nobody else sees.
    is_private: bool,
    /// Signals may end system calls of it: the same, or a system call of the runtime itself.
    pub(crate) may_be_interrupted: bool,
    /// Release functions and destructors run, or have run.
    is_ending: bool,
    /// When the thread is interrupted next, and how long it is left alone then.
    pub(crate) interrupt_at: u64,
    pub(crate) interval: u64,
    next: *mut Stuck,
}

struct Calls(*mut Stuck);
// SAFETY: the records are changed under the lock.
unsafe impl Send for Calls {}

/// All of them.
static CALLS: Lock<Calls> = Lock::new(Calls(null_mut()));

/// A record for the call that runs on a thread, or `None` without memory. Its values hold if the claim succeeds.
///
/// # Safety
/// `thread` runs `fiber` and is FOREIGN.
unsafe fn prepare(thread: *mut ThreadSlots, fiber: *mut Fiber) -> Option<*mut Stuck> {
    // SAFETY: the caller's promise.
    unsafe {
        side::allocate(Stuck {
            thread,
            sys: (*fiber).sys,
            instance: null_mut(),
            program: null_mut(),
            is_private: false,
            may_be_interrupted: false,
            is_ending: false,
            interrupt_at: 0,
            interval: 0,
            next: null_mut(),
        })
    }
}

/// Separates a fiber from its call, which is held: instance and arguments stay with the thread.
///
/// # Safety
/// From [`prepare`]; the call is held.
unsafe fn detach(stuck: *mut Stuck, fiber: *mut Fiber) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut installed = of_base(*(*(*stuck).thread).base);
        // A wrapper may have installed another one for a while.
        while !installed.is_null() && !(*installed).entered_from.is_null() {
            installed = of_base((*installed).entered_from);
        }
        (*stuck).is_private = !installed.is_null() && !(*installed).is_shared;
        (*stuck).may_be_interrupted = (*stuck).is_private;
        if !installed.is_null() && (*installed).is_shared {
            let slot = root::slot((*fiber).root, (*installed).library_index as usize);
            installed = (*slot).cast();
        }
        if !installed.is_null() && instance::bury(installed, instance_state::ABANDONED) {
            (*stuck).instance = installed;
        }
        if !(*fiber).foreign.is_null() {
            let side = (*fiber).foreign.cast::<Side>();
            (*stuck).program = core::mem::replace(&mut (*side).program, null_mut());
            (*stuck).may_be_interrupted |= core::mem::replace(&mut (*side).is_own_call, false);
        }
        let mut calls = CALLS.hold();
        (*stuck).next = calls.0;
        calls.0 = stuck;
    }
}

/// Abandons a held call whose fiber is wanted elsewhere; the thread has no worker any more. False: there is no memory.
///
/// # Safety
/// The call is held; nobody collects.
pub(crate) unsafe fn abandon(thread: *mut ThreadSlots) -> bool {
    // SAFETY: the caller's promise: fiber, root and instances stand still.
    unsafe {
        let fiber = (*thread).fiber;
        let Some(stuck) = prepare(thread, fiber) else { return false };
        detach(stuck, fiber);
        threads::set_fiber(thread, null_mut());
        barrier::heavy();
        // C code in the middle of one of our functions may still have read the fiber.
        let depth = AtomicU32::from_ptr(&raw mut (*thread).shim_depth);
        while depth.load(Ordering::Acquire) != 0 {
            std::thread::yield_now();
        }
        (*fiber).ffi_failed = 0;
        divert(fiber, go_on);
        true
    }
}

/// Where the fiber of an abandoned call goes on.
unsafe extern "C" fn go_on(fiber: *mut Fiber) -> ! {
    loop {
        // SAFETY: the running fiber; what made the watcher abandon the call holds still.
        unsafe {
            cancel::look(fiber);
            crate::sched::fiber::ask(fiber);
            run::leave(fiber, After::Yield);
        }
    }
}

/// A call whose worker went to another thread has returned: the fiber goes on wherever there is one, this thread rests.
///
/// # Safety
/// On the system stack of this thread, behind the call; `results` are those of the call.
pub(crate) unsafe fn hand_over(thread: *mut ThreadSlots, results: *mut u64) -> ! {
    // SAFETY: the fiber is this thread's until it is in the queue.
    unsafe {
        // Not FOREIGN: the call is over, and the watcher must not abandon it now.
        (*thread).state.store(state::PARKED, Ordering::Release);
        side::deliver(thread);
        let fiber = (*thread).fiber;
        let sys = (*fiber).sys;
        if let Some(side) = side::of(fiber) {
            side.errno = *(*thread).errno;
            // One more frame, which takes errno to the next thread.
            let frame = (*fiber).sp.cast::<u64>().sub(2);
            let words = [0, arch::coex_arrived as *const () as u64];
            frame.copy_from_nonoverlapping(words.as_ptr(), words.len());
            (*fiber).sp = frame.cast();
        }
        (&raw mut (*fiber).returned).cast::<u64>().copy_from_nonoverlapping(results, 6);
        threads::set_fiber(thread, null_mut());
        queue::push_global(Work::Fiber(full(fiber)));
        deadlock::outside(false);
        arch::coex_to_scheduler(sys)
    }
}

/// On the thread where the fiber goes on.
pub(crate) unsafe extern "C" fn arrived(fiber: *mut Fiber) {
    // SAFETY: the running fiber, with the record that `hand_over` has made.
    unsafe {
        if let Some(side) = side::of(fiber) {
            *(*(*fiber).thread).errno = side.errno;
        }
    }
}

fn of_base(base: *mut u8) -> *mut FullInstance {
    if base.is_null() { null_mut() } else { base.wrapping_sub(instance::DATA_OFFSET).cast() }
}

/// Goes through the abandoned calls.
pub(crate) fn for_each(mut act: impl FnMut(*mut Stuck)) {
    let calls = CALLS.hold();
    let mut next = calls.0;
    while !next.is_null() {
        act(next);
        // SAFETY: records leave the list under the lock.
        next = unsafe { (*next).next };
    }
}

/// The call of this thread, which was abandoned.
unsafe fn own(thread: *mut ThreadSlots) -> *mut Stuck {
    let mut found = null_mut();
    // SAFETY: as above.
    for_each(|stuck| unsafe {
        if (*stuck).thread == thread {
            found = stuck;
        }
    });
    found
}

/// The C code has returned: orderly ends of what it held, then the thread is free.
///
/// # Safety
/// On the system stack of this thread, whose call was abandoned.
pub(crate) unsafe fn returned(thread: *mut ThreadSlots) -> ! {
    // SAFETY: the caller's promise; the functions are the instance's own and run where its call ran.
    unsafe {
        (*thread).state.store(state::FOREIGN, Ordering::Release);
        let stuck = own(thread);
        let instance = (*stuck).instance;
        let is_here = (*stuck).is_private && !instance.is_null() && (*instance).worker.is_null();
        if is_here && !core::mem::replace(&mut (*stuck).is_ending, true) {
            arch::install_base((*instance).public.base);
            (*instance).handles.release_here();
            shims::run_atexit_here(instance);
            let library = &*(*instance).public.library;
            for index in 0..library.destructor_count as usize {
                (*library.destructors.add(index))();
            }
        }
        stopped(thread)
    }
}

/// The C code will not go on: memory, descriptors and slot are freed, and the thread joins the idle ones.
///
/// # Safety
/// As [`returned`]; nothing below on the stack is used again.
pub(crate) unsafe extern "C" fn stopped(thread: *mut ThreadSlots) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        (*thread).state.store(state::PARKED, Ordering::Release);
        let stuck = own(thread);
        let sys = (*stuck).sys;
        {
            let _section = Section::enter();
            remove(stuck);
            arch::install_base(null_mut());
            let instance = (*stuck).instance;
            if !instance.is_null() {
                descriptors::close_all(instance);
                instance::recycle(instance);
            }
            side::free_program((*stuck).program);
            side::drop_notes();
            libc::free(stuck.cast());
            (*thread).poll.fetch_and(!(poll::CLAIM | poll::FOREIGN), Ordering::Relaxed);
            claim::reset(thread);
        }
        arch::coex_to_scheduler(sys)
    }
}

unsafe fn remove(stuck: *mut Stuck) {
    let mut calls = CALLS.hold();
    let mut link = &raw mut calls.0;
    // SAFETY: the record is in the list.
    unsafe {
        while *link != stuck {
            link = &raw mut (**link).next;
        }
        *link = (*stuck).next;
    }
}

/// Where the system stack of this thread was when its call began: C code is below.
///
/// # Safety
/// This thread's slots, in a foreign call and in a section.
pub(crate) unsafe fn system_stack(thread: *mut ThreadSlots) -> *mut u8 {
    // SAFETY: the caller's promise; the watcher waits for the section before it gives the fiber away.
    unsafe {
        let fiber = threads::fiber_on(thread);
        if fiber.is_null() { (*own(thread)).sys } else { (*fiber).sys }
    }
}

/// The stack pointer with which a handler lets [`stopped`] begin: that of a function just called, above all that C has used.
///
/// # Safety
/// In a signal handler on this thread, whose call was abandoned and which holds no lock.
pub(crate) unsafe fn entry_stack(thread: *mut ThreadSlots) -> usize {
    // SAFETY: the caller's promise.
    unsafe { ((*own(thread)).sys as usize & !15) - 8 }
}

/// Makes a fiber that waits behind a foreign call, or is about to return from one, go on in `body` instead.
///
/// # Safety
/// The fiber lies as `coex_foreign_thunk` leaves it, and is the caller's.
pub(crate) unsafe fn divert(fiber: *mut Fiber, body: unsafe extern "C" fn(*mut Fiber) -> !) {
    // SAFETY: the frame's words are rbp and the return address.
    unsafe {
        let frame = (*fiber).sp.cast::<u64>();
        *frame = body as *const () as u64;
        *frame.add(1) = arch::coex_fiber_start as *const () as u64;
    }
}
