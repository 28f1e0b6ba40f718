//! Places where activations that end early go on.
//!
//! In: the start of a task, a `within`. Out: a chain in the fiber, innermost first. What lies on the stack below a landing is
//! dropped as it is: frames of Coex code have nothing to clean up that scopes and roots do not name.

use core::sync::atomic::Ordering;

use super::deadline;
use super::record::FullTask;
use super::scope::FullScope;
use crate::abi::{Fiber, Landing, RangeRunner, Root};

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Task(*mut FullTask),
    /// Until this time, in nanoseconds of the clock.
    Within(u64),
}

#[repr(C)]
pub(crate) struct FullLanding {
    pub(crate) previous: *mut FullLanding,
    pub(crate) sp: *mut u8,
    pub(crate) kind: Kind,
    /// What was innermost when the landing was opened.
    pub(crate) scope: *mut FullScope,
    pub(crate) root: *mut Root,
    range: *mut RangeRunner,
    deadline: u64,
    pub(crate) has_landed: bool,
}

const _: () = assert!(size_of::<FullLanding>() <= size_of::<Landing>());

/// Fills a landing for the current activation and makes it the innermost.
///
/// # Safety
/// `fiber` is the running fiber; the landing stays where it is until [`close`].
#[inline]
pub(crate) unsafe fn open(fiber: *mut Fiber, landing: *mut FullLanding, kind: Kind) {
    // SAFETY: the caller's promise.
    unsafe {
        if deadline::is_fresh((*fiber).deadline.load(Ordering::Relaxed)) {
            // What the landing restores must not count anew.
            deadline::settle(fiber);
        }
        (*landing).previous = (*fiber).landing.cast();
        (*landing).kind = kind;
        (*landing).scope = (*fiber).scope.cast();
        (*landing).root = (*fiber).root;
        (*landing).range = (*fiber).range;
        (*landing).deadline = (*fiber).deadline.load(Ordering::Relaxed);
        (*landing).has_landed = false;
        (*fiber).landing = landing.cast();
    }
}

/// The fiber is as it was when the landing was opened.
///
/// # Safety
/// `fiber` is the running fiber, the landing in its chain.
pub(crate) unsafe fn close(fiber: *mut Fiber, landing: *mut FullLanding) {
    // SAFETY: the caller's promise.
    unsafe {
        (*fiber).landing = (*landing).previous.cast();
        (*fiber).scope = (*landing).scope.cast();
        (*fiber).root = (*landing).root;
        (*fiber).range = (*landing).range;
        (*fiber).deadline.store((*landing).deadline, Ordering::Relaxed);
    }
}

/// The landings of a fiber, innermost first.
///
/// # Safety
/// `fiber` is the running fiber, and its chain does not change meanwhile.
pub(crate) unsafe fn chain(fiber: *mut Fiber) -> impl Iterator<Item = *mut FullLanding> {
    // SAFETY: the caller's promise.
    let mut next = unsafe { (*fiber).landing }.cast::<FullLanding>();
    core::iter::from_fn(move || {
        let landing = next;
        if landing.is_null() {
            return None;
        }
        // SAFETY: as above.
        next = unsafe { (*landing).previous };
        Some(landing)
    })
}
