//! Calls of C beside a `select`: each is a task of the statement, and uses the instances of the statement's root.
//!
//! In: the foreign cases. Out: calls that run, and wake the select when they end; at its end those that have not are
//! cancelled, which abandons their C code. The fiber of the statement makes no foreign call meanwhile, so its root has room for
//! one call of each library. Deliberately not here: which case is chosen (`select`).

use super::select::{Case, Chosen, Wish};
use crate::abi::{Fiber, select_kind, task_state};
use crate::ffi::{limits, root};
use crate::sched::fiber::full;
use crate::sched::wait::{self, Ticket};
use crate::task::record::{self, FullTask, bits};
use crate::task::{cancel, failure, scope, spawn};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// The calls as children; in the frame of the statement.
pub(super) use crate::abi::Scope;

/// No call has begun yet. False: there are none.
pub(super) fn prepare(cases: &mut [Case]) -> bool {
    let mut has_some = false;
    for case in cases {
        case.task = null_mut();
        has_some |= case.kind == select_kind::FOREIGN;
    }
    has_some
}

unsafe fn phase(case: &Case) -> u32 {
    if case.task.is_null() {
        return task_state::NEW;
    }
    record::phase((*case.task).public.state.load(Acquire))
}

/// Whether the case is a call with a result.
pub(super) fn has_returned(case: &Case) -> bool {
    // SAFETY: the task is a child of the statement's scope, which holds it until the end.
    unsafe { phase(case) == task_state::DONE }
}

/// Starts all calls, in order. When there are no resources for one: the number of the case for that, or the panic.
pub(super) unsafe fn begin(fiber: *mut Fiber, cases: &mut [Case], wish: &Wish) -> Option<usize> {
    for case in cases.iter().filter(|case| case.kind == select_kind::FOREIGN && case.library != select_kind::NO_LIBRARY)
    {
        let library = case.library as usize;
        let Err(reason) = root::get(fiber, library) else {
            // A constructor that crashes does so again in the call, whose result tells of it.
            (*fiber).ffi_failed = 0;
            continue;
        };
        let exhausted = cases.iter().position(|case| case.kind == select_kind::EXHAUSTED);
        if exhausted.is_none() {
            limits::raise(fiber, root::library(library), reason, case.site());
        }
        return exhausted;
    }
    scope::coex_scope_enter(fiber, wish.scope);
    for case in cases.iter_mut().filter(|case| case.kind == select_kind::FOREIGN) {
        let task = spawn::coex_task_new(fiber, case.info(), case.site()).cast::<FullTask>();
        record::payload(task).copy_from_nonoverlapping(case.out, (*case.info()).payload_bytes as usize);
        (*task).root = (*fiber).root;
        spawn::coex_task_start(fiber, task.cast());
        case.task = task;
    }
    None
}

/// The end of a call wakes the ticket. False: one has ended, and the ticket is closed.
pub(super) unsafe fn enqueue(fiber: *mut Fiber, cases: &[Case], ticket: u64) -> bool {
    for case in cases.iter().filter(|case| !case.task.is_null()) {
        (*case.task).waiter.store(full(fiber), Relaxed);
        (*case.task).ticket.store(ticket, Relaxed);
        let before = (*case.task).public.state.fetch_or(bits::WAITED, AcqRel);
        if matches!(record::phase(before), task_state::DONE | task_state::ENDED) {
            wait::withdraw(fiber, Ticket::of(ticket));
            return false;
        }
    }
    true
}

/// A call has ended without a result: its panic goes on here. No lock is held.
pub(super) unsafe fn raise_failure(fiber: *mut Fiber, cases: &[Case]) {
    for case in cases {
        if phase(case) == task_state::ENDED {
            failure::raise_child(fiber, case.task);
        }
    }
}

/// The result of the chosen call goes where its arguments came from; the others are abandoned.
pub(super) unsafe fn end(fiber: *mut Fiber, cases: &[Case], chosen: Option<Chosen>, scope: *mut Scope) {
    if (*fiber).scope != scope {
        // None has begun.
        return;
    }
    if let Some(case) = chosen.map(|chosen| &cases[chosen.index])
        && case.kind == select_kind::FOREIGN
    {
        let payload = record::payload(case.task);
        payload.copy_to_nonoverlapping(case.out, (*case.info()).payload_bytes as usize);
    }
    cancel::end_children(fiber, (*scope).parent.cast());
}
