//! What the foreign side keeps for a fiber, and for a thread that runs C.
//!
//! In: fibers. Out: records that are made when they are first needed. C code never touches the fiber: what a call leaves
//! behind (a failure, a crashed instance, scratch memory) is noted at the thread and handed to the fiber when the call
//! returns, so that a call that was abandoned cannot disturb what the fiber does by then.
//! Deliberately not here: what the records mean (`failure`, `handles`, `root`).

use core::cell::UnsafeCell;
use core::ptr::{null, null_mut};
use core::sync::atomic::Ordering;

use super::blocking::Owned;
use super::descriptors;
use super::failure::Failure;
use super::instance::{self, FullInstance};
use super::limits;
use super::process::Changed;
use super::serial;
use crate::abi::{Fiber, Root, ThreadSlots, entered};
use crate::program;
use crate::sched::thread::poll;

/// Of one fiber, for as long as it exists.
pub(crate) struct Side {
    pub(crate) failure: Failure,
    /// Stands for the instance of externs that the program itself declares; null until the first that needs memory.
    pub(crate) program: *mut FullInstance,
    /// Instances whose code crashed, to be freed when none of their calls is active.
    dead: *mut FullInstance,
    /// Of a call that has returned on another thread.
    pub(crate) errno: i32,
    /// The call is one of the runtime itself, whose system calls may end early.
    pub(crate) is_own_call: bool,
}

impl Side {
    /// Keeps a dead instance until none of its calls is active.
    ///
    /// # Safety
    /// The instance is in no root's table, and nobody else's.
    pub(crate) unsafe fn bury(&mut self, instance: *mut FullInstance) {
        // SAFETY: forwarded.
        unsafe { (*instance).next = self.dead };
        self.dead = instance;
    }
}

/// The fiber's record; `None` when there is no memory.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn of(fiber: *mut Fiber) -> Option<&'static mut Side> {
    // SAFETY: the record is this fiber's alone.
    unsafe {
        if (*fiber).foreign.is_null() {
            let side =
                Side { failure: Failure::new(), program: null_mut(), dead: null_mut(), errno: 0, is_own_call: false };
            (*fiber).foreign = allocate(side)?.cast();
        }
        Some(&mut *(*fiber).foreign.cast::<Side>())
    }
}

/// A value on the C library's heap, which may refuse.
pub(crate) fn allocate<T>(value: T) -> Option<*mut T> {
    if limits::injected_failure() {
        return None;
    }
    // SAFETY: `malloc` aligns to 16, which is enough for these records.
    unsafe {
        let memory = libc::malloc(size_of::<T>()).cast::<T>();
        if memory.is_null() {
            return None;
        }
        memory.write(value);
        Some(memory)
    }
}

/// The instance, or for null the fiber's stand-in; null when there is no memory for one.
///
/// # Safety
/// `fiber` is the running fiber; `instance` is null or live.
#[inline]
pub(crate) unsafe fn instance_or_program(fiber: *mut Fiber, instance: *mut crate::abi::Instance) -> *mut FullInstance {
    if !instance.is_null() {
        return instance.cast();
    }
    // SAFETY: forwarded.
    unsafe { program(fiber) }
}

#[inline(never)]
unsafe fn program(fiber: *mut Fiber) -> *mut FullInstance {
    // SAFETY: forwarded.
    unsafe {
        let Some(side) = of(fiber) else { return null_mut() };
        if side.program.is_null() {
            side.program = allocate(FullInstance::new(null(), 0, null_mut::<Root>())).unwrap_or(null_mut());
        }
        side.program
    }
}

/// Ends the stand-in: an activation with a context of its own is over, or its call was abandoned.
///
/// # Safety
/// Nobody uses the stand-in any more.
pub(crate) unsafe fn free_program(program: *mut FullInstance) {
    if !program.is_null() {
        // SAFETY: from `allocate`.
        unsafe {
            (*program).free_memory();
            libc::free(program.cast());
        }
    }
}

/// Frees the fiber's dead instances. Called where none of their calls is active.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn reap(fiber: *mut Fiber) {
    // SAFETY: buried instances, which nobody else knows.
    unsafe {
        if (*fiber).foreign.is_null() {
            return;
        }
        let side = &mut *(*fiber).foreign.cast::<Side>();
        let mut next = core::mem::replace(&mut side.dead, null_mut());
        while !next.is_null() {
            let instance = next;
            next = (*instance).next;
            descriptors::close_all(instance);
            instance::recycle(instance);
        }
    }
}

// ------------------------------------------------------------------------------------------------ the thread's notes

/// What the running call has left behind. Also written by signal handlers on this thread.
pub(crate) struct Notes {
    /// [`crate::abi::ffi_failure`]
    pub(crate) failed: u32,
    pub(crate) failure: Failure,
    pub(crate) dead: *mut FullInstance,
    pub(crate) used_scratch: bool,
    pub(crate) changed: Changed,
    /// What the thread frees if the call is abandoned.
    pub(crate) owned: Option<Owned>,
    /// The library whose turn this thread has, plus 1.
    pub(crate) turn: usize,
}

thread_local! {
    static NOTES: UnsafeCell<Notes> = const {
        UnsafeCell::new(Notes {
            failed: 0,
            failure: Failure::new(),
            dead: null_mut(),
            used_scratch: false,
            changed: Changed::new(),
            owned: None,
            turn: 0,
        })
    };
}

/// This thread's notes. References must not live across another call of this function.
pub(crate) fn notes() -> *mut Notes {
    NOTES.with(UnsafeCell::get)
}

/// Makes the thunk report the end of the running call.
pub(crate) fn report_end_of_call() {
    let thread = program::running_thread();
    if !thread.is_null() {
        // SAFETY: the slots live as long as their thread.
        unsafe { (*thread).poll.fetch_or(poll::FOREIGN, Ordering::Relaxed) };
    }
}

/// Hands the notes of a call that has returned to its fiber.
///
/// # Safety
/// The thread is this one; its call is over and nobody abandoned it.
pub(crate) unsafe fn deliver(thread: *mut ThreadSlots) {
    // SAFETY: the fiber is this thread's again.
    unsafe {
        let fiber = (*thread).fiber;
        // C may have installed another instance, or this one is dead.
        (*fiber).entered = entered::NOTHING;
        let notes = &mut *notes();
        notes.changed.undo();
        notes.owned = None;
        end_turn(notes);
        if notes.used_scratch {
            notes.used_scratch = false;
            super::api::scratch_becomes_stale();
        }
        if notes.failed == 0 {
            return;
        }
        (*fiber).ffi_failed = core::mem::take(&mut notes.failed);
        let dead = core::mem::replace(&mut notes.dead, null_mut());
        // A fiber that has an instance has its record.
        if let Some(side) = of(fiber) {
            side.failure.copy(&notes.failure);
            if !dead.is_null() {
                side.bury(dead);
            }
        }
    }
}

fn end_turn(notes: &mut Notes) {
    let turn = core::mem::take(&mut notes.turn);
    if turn != 0 {
        serial::unlock(turn - 1);
    }
}

/// Forgets what an abandoned call has left behind.
pub(crate) fn drop_notes() {
    // SAFETY: this thread's record.
    unsafe {
        let notes = &mut *notes();
        notes.changed.undo();
        if let Some(owned) = notes.owned.take() {
            owned.free();
        }
        end_turn(notes);
        (notes.failed, notes.dead, notes.used_scratch) = (0, null_mut(), false);
    }
}
