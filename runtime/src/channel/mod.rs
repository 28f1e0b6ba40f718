//! Channels and `select` (language.md 10.3, 10.4).
//!
//! In: channel objects, values, what to wait for. Out: values in sending order; whoever waits is served in the order of
//! arrival. A value goes straight from a sender to a waiting receiver, else through the ring, else the sender waits with it.
//! Deliberately not here: how a fiber waits and wakes (`sched`), of which this knows six functions ([`Waiting`]).
//!
//! Map, bottom up: `lock` → `waiters` (queues of who waits) → `state` (what happens under the lock) → `exchange` (send and
//! receive, with waiting), `foreign` (calls of C beside a select), `select` → `fibers` (the same for fibers: the functions that programs call).
//!
//! Rules. Nothing is allocated on the heap, and no poll is looked at, while a lock is held. A waiter's node lies in its frame and
//! is taken out of the queue under the lock, by its waker or by itself, before the frame ends; so a waker may write into
//! the waiter's slot before it knows whether it wins the wait.

#![allow(
    unsafe_op_in_unsafe_fn,
    reason = "each function works under the contract stated in `slot` and the rules above"
)]

mod exchange;

pub mod fibers;
mod foreign;
mod lock;
#[cfg(test)]
mod model;
mod select;
mod state;
#[cfg(test)]
mod tests;
mod waiters;

use crate::abi::{Fiber, Site};

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Woken,
    Timeout,
    /// Perhaps a false alarm.
    Cancelled,
}

/// What a waiting fiber says about itself in a deadlock's report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    Send,
    Receive,
    Select,
}

/// How to wait; the tests bring another one.
trait Waiting {
    /// Opens a wait: from now on its ticket can be woken.
    unsafe fn begin(fiber: *mut Fiber) -> u64;
    /// Until the ticket is woken, or the time has come (0: never).
    unsafe fn park(fiber: *mut Fiber, ticket: u64, until: u64, purpose: Purpose, site: *const Site) -> Ended;
    /// Ends a wait of another fiber; false: it had ended.
    unsafe fn wake(fiber: *mut Fiber, ticket: u64) -> bool;
    /// The wait ended as cancelled and nothing is registered any more. Returns when it was a false alarm.
    unsafe fn cancelled(fiber: *mut Fiber, site: *const Site);
    /// Nobody else can be at a channel: locks are for nothing.
    fn is_alone() -> bool;
    /// Somebody else holds a lock.
    fn relax(round: u32);
}
