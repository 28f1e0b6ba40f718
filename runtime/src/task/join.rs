//! Joining: the parent waits for a child.
//!
//! In: a child. Out: its payload; or the child's panic goes on in the parent. A child that has not begun runs at once, on the
//! parent's stack, when the stack has room: the parent needs it anyway. Never anything else runs there, since the
//! parent would be stuck behind it.

use core::sync::atomic::Ordering;

use super::landing::{FullLanding, Kind};
use super::record::{self, FullTask, bits};
use super::{cancel, failure, run};
use crate::abi::{Fiber, Site, Task, task_state};
use crate::sched::fiber::{What, full};
use crate::sched::stacks::Depth;
use crate::sched::{queue, thread, wait};

/// # Safety
/// `fiber` is the running fiber, `task` a child of one of its scopes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_task_join(fiber: *mut Fiber, task: *mut Task, site: *const Site) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let task = task.cast::<FullTask>();
        wait_for(fiber, task, site);
        record::payload(task)
    }
}

/// Returns when the task is DONE; a child that ended otherwise ends its parent.
///
/// # Safety
/// As [`coex_task_join`].
pub(crate) unsafe fn wait_for(fiber: *mut Fiber, task: *mut FullTask, site: *const Site) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*fiber).poll.load(Ordering::Relaxed) != 0 {
            cancel::look(fiber);
        }
        loop {
            match record::phase((*task).public.state.load(Ordering::Acquire)) {
                task_state::DONE => return,
                task_state::ENDED => {
                    failure::raise_child(fiber, task);
                    return;
                }
                task_state::NEW if run_here(fiber, task, site) => {}
                _ => park(fiber, task, site),
            }
        }
    }
}

/// Returns when the task has ended in whatever way. Its parent's activation ends early, and cannot be cancelled again.
///
/// # Safety
/// As [`coex_task_join`].
pub(crate) unsafe fn wait_for_end(fiber: *mut Fiber, task: *mut FullTask) {
    // SAFETY: the caller's promise.
    unsafe {
        while !matches!(
            record::phase((*task).public.state.load(Ordering::Acquire)),
            task_state::DONE | task_state::ENDED
        ) {
            park(fiber, task, core::ptr::null());
        }
    }
}

/// Runs a child that has not begun. False: somebody else runs it, or the stack is too full.
unsafe fn run_here(fiber: *mut Fiber, task: *mut FullTask, site: *const Site) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if !has_room(fiber, task) || outlives_deadline(fiber, task) {
            return false;
        }
        let worker = (*thread::of(fiber)).worker.load(Ordering::Relaxed);
        if queue::take_back(worker, task) {
            (*task).public.state.store(task_state::RUNNING, Ordering::Relaxed);
        } else if !record::claim_past_queue(task, task_state::RUNNING) {
            return false;
        }
        if (*full(fiber)).task.is_null() {
            (*full(fiber)).main_site = site;
        }
        let phase = run::run(fiber, task);
        // Only this fiber looks at the phase of a child that ran here.
        let state = &(*task).public.state;
        if state.load(Ordering::Relaxed) == task_state::RUNNING {
            state.store(phase, Ordering::Relaxed);
        } else {
            // Whoever finds the entry of an orphan in a queue writes here too.
            state.fetch_add(phase - task_state::RUNNING, Ordering::AcqRel);
        }
        true
    }
}

/// The child of a scope around the innermost `within`: its body may be left while the child must go on.
unsafe fn outlives_deadline(fiber: *mut Fiber, task: *mut FullTask) -> bool {
    // SAFETY: the landing is the running fiber's; scopes of the body lie below the stack pointer that it landed with.
    unsafe {
        let landing = (*fiber).landing.cast::<FullLanding>();
        !landing.is_null()
            && matches!((*landing).kind, Kind::Within(_))
            && (*task).scope as usize > (*landing).sp as usize
    }
}

/// A child finds at least half of what its own stack would give it.
unsafe fn has_room(fiber: *mut Fiber, task: *mut FullTask) -> bool {
    let here = core::ptr::from_ref(&fiber) as usize;
    // SAFETY: the caller's promise.
    unsafe {
        let wanted = match record::depth(task) {
            Depth::Bounded => Depth::Bounded.stack_bytes() / 4,
            Depth::Recursive => Depth::Recursive.stack_bytes() / 2,
        };
        here > (*fiber).stack_limit as usize + wanted
    }
}

/// Until the child ends.
unsafe fn park(fiber: *mut Fiber, task: *mut FullTask, site: *const Site) {
    // SAFETY: the caller's promise; the task's words are read by whoever ends it, after WAITED is seen.
    unsafe {
        let ticket = wait::begin(fiber);
        (*task).waiter.store(full(fiber), Ordering::Relaxed);
        (*task).ticket.store(ticket.number(), Ordering::Relaxed);
        let before = (*task).public.state.fetch_or(bits::WAITED, Ordering::AcqRel);
        if matches!(record::phase(before), task_state::DONE | task_state::ENDED) {
            // Ended before it could see the joiner.
            wait::withdraw(fiber, ticket);
            return;
        }
        if wait::park(fiber, ticket, What::Child, site) == wait::Reason::Cancelled {
            cancel::take(fiber, site);
        }
    }
}
