//! Panics on their way to main (language.md 7.5).
//!
//! In: the panic of an activation. Out: its children are cancelled, its task ends, the parent hears of it, cancels its other
//! children, and panics likewise; in main the program ends. The first panic among siblings wins. A panic ends the
//! program, so its text is never freed.

use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use super::cancel;
use super::landing::{self, FullLanding, Kind};
use super::record::FullTask;
use super::scope::FullScope;
use crate::abi::{Fiber, Site};
use crate::panic;

pub(crate) struct Failure {
    what: Vec<u8>,
    site: *const Site,
    notes: Vec<u8>,
}

/// The task that the running code belongs to has panicked. Returns when it is main.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn travel(fiber: *mut Fiber, what: &[u8], site: *const Site, notes: &[u8]) {
    // SAFETY: the caller's promise.
    unsafe {
        if innermost_task(fiber).is_some() {
            let failure = Failure { what: what.to_vec(), site, notes: notes.to_vec() };
            raise(fiber, Box::into_raw(Box::new(failure)));
        }
    }
}

/// Ends the innermost task of the fiber with this panic, or the program.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn raise(fiber: *mut Fiber, failure: *mut Failure) -> ! {
    // SAFETY: the caller's promise; failures are never freed.
    unsafe {
        let Some((landing, task)) = innermost_task(fiber) else {
            panic::end_program(fiber, &(*failure).what, (*failure).site, &(*failure).notes);
        };
        (*task).failure.store(failure, Ordering::Relaxed);
        cancel::unwind(fiber, landing)
    }
}

unsafe fn innermost_task(fiber: *mut Fiber) -> Option<(*mut FullLanding, *mut FullTask)> {
    // SAFETY: the caller's promise.
    unsafe {
        landing::chain(fiber).find_map(|landing| match (*landing).kind {
            Kind::Task(task) => Some((landing, task)),
            Kind::Within(_) => None,
        })
    }
}

/// A child has panicked: its parent shall look.
///
/// # Safety
/// The scope waits for the child that calls this.
pub(crate) unsafe fn report(scope: *mut FullScope, failure: *mut Failure) {
    // SAFETY: the caller's promise.
    unsafe {
        let first = (*scope).failure.compare_exchange(null_mut(), failure, Ordering::AcqRel, Ordering::Relaxed);
        if first.is_ok() {
            cancel::poke((*scope).fiber);
        }
    }
}

/// The panic of a child of the innermost task's activations.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn of_children(fiber: *mut Fiber) -> Option<*mut Failure> {
    // SAFETY: the caller's promise.
    unsafe {
        let outer = innermost_task(fiber).map_or(null_mut(), |(landing, _)| (*landing).scope);
        let mut scope = (*fiber).scope.cast::<FullScope>();
        while scope != outer {
            let failure = (*scope).failure.load(Ordering::Acquire);
            if !failure.is_null() {
                return Some(failure);
            }
            scope = (*scope).parent;
        }
        None
    }
}

/// A joined child has no result: its panic goes on here. Returns when the child was cancelled and the reason is not seen yet.
///
/// # Safety
/// `fiber` is the running fiber, `task` its ended child.
pub(crate) unsafe fn raise_child(fiber: *mut Fiber, task: *mut FullTask) {
    // SAFETY: the caller's promise.
    unsafe {
        let failure = (*(*task).scope).failure.load(Ordering::Acquire);
        if !failure.is_null() {
            raise(fiber, failure);
        }
        cancel::look(fiber);
    }
}
