//! Activations that end early: deadlines, cancelled tasks, and the way out.
//!
//! In: the wish (a passed deadline, a cancelled task, the panic of a child), noticed at polls and waits. Out: the children inside
//! are cancelled and waited for, instances inside are destroyed, and the fiber goes on at the landing. If several
//! landings are wanted, the outermost counts. Deliberately not here: foreign calls in progress, see `ffi`.

use core::ptr::null_mut;
use core::sync::atomic::{Ordering, fence};

use super::landing::{self, FullLanding, Kind};
use super::record::{self, FullTask, bits};
use super::scope::{self, FullScope};
use super::{deadline, failure, join, range};
use crate::abi::{Fiber, LANDED, Site, entered, task_state};
use crate::program::PROCESS;
use crate::sched::fiber::{FullFiber, full};
use crate::sched::thread::After;
use crate::sched::{barrier, clock, deadlock, queue, run, wait};
use crate::{arch, ffi};

/// Somebody set `poll`, and it was not for a collection. Returns unless an activation of the fiber ends.
///
/// # Safety
/// `fiber` is the running fiber, on its own stack, where it may be cancelled.
#[cold]
pub(crate) unsafe fn look(fiber: *mut Fiber) {
    // SAFETY: the caller's promise.
    unsafe {
        let this = full(fiber);
        (*fiber).poll.store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if (*this).is_unwinding {
            return;
        }
        if let Some(landing) = wanted(fiber) {
            unwind(fiber, landing);
        }
        if let Some(failure) = failure::of_children(fiber) {
            failure::raise(fiber, failure);
        }
        if (*this).preempt.swap(false, Ordering::Relaxed) && queue::is_anything_ready() {
            range::give_rest_away(fiber);
            run::leave(fiber, After::Yield);
        }
    }
}

/// After a wait that ended as cancelled, with the registrations taken back. Returns when it was a false alarm: the caller tries
/// again.
///
/// # Safety
/// As [`look`]; `site` is where the fiber waited.
pub(crate) unsafe fn take(fiber: *mut Fiber, site: *const Site) {
    // SAFETY: forwarded.
    unsafe {
        if deadlock::is_found() && full(fiber) == &raw mut (*PROCESS.get()).fiber {
            deadlock::raise(full(fiber), site);
        }
        look(fiber);
    }
}

/// Whether the fiber has a reason not to wait.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn is_wanted(fiber: *mut Fiber) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        (*fiber).poll.load(Ordering::SeqCst) != 0
            && !(*full(fiber)).is_unwinding
            && (wanted(fiber).is_some() || failure::of_children(fiber).is_some())
    }
}

/// The outermost landing that the fiber must go to.
unsafe fn wanted(fiber: *mut Fiber) -> Option<*mut FullLanding> {
    // SAFETY: the caller's promise; scopes and tasks outlive what runs in them.
    unsafe {
        let now = if deadline::settle(fiber) == 0 { 0 } else { clock::now() };
        landing::chain(fiber)
            .filter(|&landing| match (*landing).kind {
                Kind::Within(deadline) => deadline <= now,
                Kind::Task(task) => {
                    let is_cancelled = (*task).public.state.load(Ordering::Acquire) & bits::CANCELLED != 0;
                    // A child that runs on its parent's stack ends with its siblings.
                    let outer = (*landing).scope;
                    is_cancelled || (!outer.is_null() && !(*outer).failure.load(Ordering::Acquire).is_null())
                }
            })
            .last()
    }
}

/// Ends everything inside a landing and goes on there.
///
/// # Safety
/// `fiber` is the running fiber, the landing in its chain.
pub(crate) unsafe fn unwind(fiber: *mut Fiber, landing: *mut FullLanding) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        let this = full(fiber);
        (*this).is_unwinding = true;
        end_inline_tasks(fiber, landing);
        end_scopes(fiber, (*landing).scope);
        ffi::tear_down_until(fiber, (*landing).root);
        landing::close(fiber, landing);
        (*landing).has_landed = true;
        (*this).is_unwinding = false;
        // Whatever else is wanted is looked for at the next poll.
        crate::sched::fiber::ask(fiber);
        arch::coex_land_at(landing.cast(), LANDED)
    }
}

/// Nobody wants what the scopes inside `outer` are still doing; the fiber goes on when it has stopped.
///
/// # Safety
/// `fiber` is the running fiber, `outer` null or in its chain of scopes; the roots of the children are not torn down.
pub(crate) unsafe fn end_children(fiber: *mut Fiber, outer: *mut FullScope) {
    // SAFETY: forwarded.
    unsafe {
        (*full(fiber)).is_unwinding = true;
        end_scopes(fiber, outer);
        (*full(fiber)).is_unwinding = false;
        // Whatever else is wanted is looked for at the next poll.
        crate::sched::fiber::ask(fiber);
    }
}

/// Main has panicked: all its children end.
///
/// # Safety
/// `fiber` is main, running.
pub(crate) unsafe fn end_everything(fiber: *mut Fiber) {
    // SAFETY: the caller's promise.
    unsafe {
        (*full(fiber)).is_unwinding = true;
        // A deadlock is found inside children that run on main's stack.
        end_inline_tasks(fiber, null_mut());
        end_scopes(fiber, null_mut());
    }
}

/// Cancels the children of all scopes inside `outer`, and waits for them.
///
/// # Safety
/// `fiber` is the running fiber, `outer` null or in its chain of scopes; nothing inside goes on.
pub(crate) unsafe fn end_scopes(fiber: *mut Fiber, outer: *mut FullScope) {
    // SAFETY: the caller's promise.
    unsafe {
        let first = (*fiber).scope.cast::<FullScope>();
        let mut scope = first;
        while scope != outer {
            cancel_children(scope);
            scope = (*scope).parent;
        }
        scope = first;
        while scope != outer {
            let mut task = (*scope).last;
            while !task.is_null() {
                join::wait_for_end(fiber, task);
                task = (*task).next;
            }
            scope::free_all(fiber, scope);
            range::free_results(scope);
            scope = (*scope).parent;
        }
        (*fiber).scope = outer.cast();
        // Calls beside a `select` use the instances of this fiber's root, and may have lost them.
        (*fiber).entered = entered::NOTHING;
    }
}

/// Tasks that run on this very stack, inside the landing, have ended.
unsafe fn end_inline_tasks(fiber: *mut Fiber, last: *mut FullLanding) {
    // SAFETY: the caller's promise.
    unsafe {
        for landing in landing::chain(fiber) {
            if landing == last {
                return;
            }
            if let Kind::Task(task) = (*landing).kind {
                (*task).public.state.fetch_add(task_state::ENDED - task_state::RUNNING, Ordering::AcqRel);
            }
        }
    }
}

/// Nobody wants the results of the scope's children.
unsafe fn cancel_children(scope: *mut FullScope) {
    // SAFETY: the list and its records are the running activation's; fibers live for ever.
    unsafe {
        let children = || {
            let mut next = (*scope).last;
            core::iter::from_fn(move || {
                let task = next;
                if task.is_null() {
                    return None;
                }
                next = (*task).next;
                Some(task)
            })
        };
        let mut is_any_running = false;
        for task in children() {
            let fiber = cancel(task);
            if !fiber.is_null() {
                crate::sched::fiber::ask(&raw mut (*fiber).public);
                is_any_running = true;
            }
        }
        if !is_any_running {
            return;
        }
        barrier::heavy();
        for task in children() {
            let state = (*task).public.state.load(Ordering::Acquire);
            let fiber = (*task).fiber.load(Ordering::SeqCst);
            if record::phase(state) == task_state::RUNNING && !fiber.is_null() {
                wait::interrupt(fiber);
            }
        }
    }
}

/// Nobody wants the task's result. One that has not begun never does; the fiber of one that runs must be poked.
unsafe fn cancel(task: *mut FullTask) -> *mut FullFiber {
    // SAFETY: the caller's activation owns the record.
    unsafe {
        if record::claim_past_queue(task, task_state::ENDED) {
            return null_mut();
        }
        let before = (*task).public.state.fetch_or(bits::CANCELLED, Ordering::SeqCst);
        if record::phase(before) != task_state::RUNNING {
            return null_mut();
        }
        (*task).fiber.load(Ordering::SeqCst)
    }
}

/// Makes a fiber look for what is wanted of it, wherever it is; a false alarm does no harm.
///
/// # Safety
/// Null, or what is or was a fiber.
pub(crate) unsafe fn poke(fiber: *mut FullFiber) {
    // SAFETY: fibers are never unmapped.
    unsafe {
        if fiber.is_null() {
            return;
        }
        crate::sched::fiber::ask(&raw mut (*fiber).public);
        // Either the fiber sees this before it parks, or its wait is seen here.
        barrier::heavy();
        wait::interrupt(fiber);
    }
}
