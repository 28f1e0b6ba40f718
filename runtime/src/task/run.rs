//! One task, from its start to its end.
//!
//! In: a record whose state is RUNNING, claimed by the caller. Out: DONE with a result, or ENDED; a joiner is woken. Runs on a fresh
//! fiber, or on the stack of the parent that joins it. Deliberately not here: how an activation ends early (`cancel`).

use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use super::landing::{self, FullLanding, Kind};
use super::record::{FullTask, bits};
use crate::abi::{Fiber, entered, task_state};
use crate::arch;
use crate::sched::fiber::full;
use crate::sched::thread::{self, After};
use crate::sched::wait::{self, Ticket};
use crate::sched::{queue, run};

/// What a fresh fiber runs: its first task, then others of the same worker's queue, as long as there are some.
pub(crate) unsafe extern "C" fn fiber_main(fiber: *mut Fiber) -> ! {
    // SAFETY: the fiber is the running one, and fresh.
    unsafe {
        let this = full(fiber);
        let mut task = core::mem::replace(&mut (*this).first, null_mut());
        loop {
            (*fiber).scope = null_mut();
            (*fiber).landing = null_mut();
            (*fiber).root = (*task).root;
            (*fiber).entered = entered::NOTHING;
            (*fiber).deadline.store(0, Ordering::Relaxed);
            (*fiber).poll.store(0, Ordering::Relaxed);
            // A swap: either this fiber sees that the task was cancelled, or the canceller sees the fiber.
            (*task).fiber.swap(this, Ordering::SeqCst);
            if (*task).public.state.load(Ordering::SeqCst) & bits::CANCELLED != 0 {
                crate::sched::fiber::ask(fiber);
            }
            let phase = run(fiber, task);
            publish(task, phase);
            match queue::next_task((*thread::of(fiber)).worker.load(Ordering::Relaxed), (*this).depth) {
                Some(next) => task = next,
                None => break,
            }
        }
        run::leave(fiber, After::Recycle);
        unreachable!("an ended fiber goes on")
    }
}

/// Runs a claimed task here, to its end; the result is its new phase, which the caller stores.
///
/// # Safety
/// `fiber` is the running fiber; the task is RUNNING, claimed by the caller.
pub(crate) unsafe fn run(fiber: *mut Fiber, task: *mut FullTask) -> u32 {
    // SAFETY: the caller's promise; compiled code reads its arguments from the payload.
    unsafe {
        let this = full(fiber);
        let outer = core::mem::replace(&mut (*this).task, task);
        let root = (*fiber).root;
        if !(*task).root.is_null() {
            (*fiber).root = (*task).root;
            (*fiber).entered = entered::NOTHING;
        }
        let mut frame = MaybeUninit::<FullLanding>::uninit();
        let landing = frame.as_mut_ptr();
        landing::open(fiber, landing, Kind::Task(task));
        arch::coex_land(fiber, landing.cast(), (*(*task).public.info).code, task.cast(), null_mut());
        let landed = (*landing).has_landed;
        if !landed {
            landing::close(fiber, landing);
        }
        if (*fiber).root != root {
            (*fiber).root = root;
            (*fiber).entered = entered::NOTHING;
        }
        (*this).task = outer;
        if !landed {
            return task_state::DONE;
        }
        let failure = (*task).failure.load(Ordering::Relaxed);
        if !failure.is_null() {
            super::failure::report((*task).scope, failure);
        }
        task_state::ENDED
    }
}

/// Publishes the end to a parent that runs elsewhere.
unsafe fn publish(task: *mut FullTask, phase: u32) {
    // SAFETY: the caller has run the task. The record may be gone as soon as its phase is seen; its words stay readable, and a
    // wrong wake makes the joiner look once more.
    unsafe {
        let before = (*task).public.state.fetch_add(phase - task_state::RUNNING, Ordering::AcqRel);
        if before & bits::WAITED != 0 {
            let waiter = (*task).waiter.load(Ordering::Acquire);
            let ticket = Ticket::of((*task).ticket.load(Ordering::Acquire));
            wait::wake(waiter, ticket, wait::Reason::Woken);
        }
    }
}
