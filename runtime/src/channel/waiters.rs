//! Who waits at a channel: a queue of nodes in the waiters' frames.
//!
//! In: nodes. Out: the oldest one. All of it under the channel's lock. Deliberately not here: waking.

use crate::abi::Fiber;
use core::ptr::null_mut;

/// What a waker has done for a waiter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Nothing,
    /// The value is in the slot, or was taken from it.
    Moved,
    Closed,
    /// Something is ready, perhaps; it tries again.
    Look,
}

/// A waiter. The owner reads `outcome` after it was woken; all else belongs to who holds the lock.
#[derive(Clone, Copy)]
pub(super) struct Waiter {
    pub(super) fiber: *mut Fiber,
    pub(super) ticket: u64,
    /// Room for a T, or the T to send.
    pub(super) slot: *mut u8,
    pub(super) outcome: Outcome,
    /// It receives, and chooses only when it runs: nothing is put into its slot while it waits.
    pub(super) looks: bool,
    is_queued: bool,
    next: *mut Waiter,
    previous: *mut Waiter,
}

impl Waiter {
    pub(super) fn new(fiber: *mut Fiber, slot: *mut u8) -> Waiter {
        Waiter {
            fiber,
            ticket: 0,
            slot,
            outcome: Outcome::Nothing,
            looks: false,
            is_queued: false,
            next: null_mut(),
            previous: null_mut(),
        }
    }
}

/// First and last, as the channel object holds them.
type Ends = [*mut u8; 2];

pub(super) unsafe fn push(ends: &mut Ends, waiter: *mut Waiter) {
    let last = ends[1].cast::<Waiter>();
    (*waiter).previous = last;
    (*waiter).next = null_mut();
    (*waiter).is_queued = true;
    match last.is_null() {
        true => ends[0] = waiter.cast(),
        false => (*last).next = waiter,
    }
    ends[1] = waiter.cast();
}

/// The oldest one, which is no longer in the queue; null when nobody waits.
pub(super) unsafe fn pop(ends: &mut Ends) -> *mut Waiter {
    let first = ends[0].cast::<Waiter>();
    if !first.is_null() {
        remove(ends, first);
    }
    first
}

/// Takes the waiter out, if it is still there.
pub(super) unsafe fn remove(ends: &mut Ends, waiter: *mut Waiter) {
    if !(*waiter).is_queued {
        return;
    }
    (*waiter).is_queued = false;
    let (next, previous) = ((*waiter).next, (*waiter).previous);
    match previous.is_null() {
        true => ends[0] = next.cast(),
        false => (*previous).next = next,
    }
    match next.is_null() {
        true => ends[1] = previous.cast(),
        false => (*next).previous = previous,
    }
}
