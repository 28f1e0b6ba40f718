//! Waiting and waking.
//!
//! In: a fiber that needs something that others bring. Out: it goes on with the reason. Each wait has a ticket; the first
//! who claims it decides how the wait ends, all later ones miss. A ticket may be registered in several places, and
//! may outlive its wait, since fibers are never unmapped.
//!
//! ```text
//!   begin → ticket → register it → park ──────────→ reason
//!                        └→ others: wake(fiber, ticket, reason), any thread, even before the park
//! ```
//!
//! Deliberately not here: where tickets are registered.

use core::sync::atomic::Ordering;

use super::fiber::{FullFiber, What, full, park};
use super::thread;
use super::{barrier, queue, run, timer};
use crate::abi::{Fiber, Site};
use crate::task::{cancel, deadline, range};

/// Number of a wait of one fiber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket(u64);

impl Ticket {
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn of(number: u64) -> Ticket {
        Ticket(number)
    }
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub(crate) enum Reason {
    Woken = 1,
    Timeout = 2,
    Cancelled = 3,
}

const REASON_BITS: u32 = 2;

/// Opens a wait: from now on it can be woken.
///
/// # Safety
/// `fiber` is the running fiber.
#[inline]
pub(crate) unsafe fn begin(fiber: *mut Fiber) -> Ticket {
    // SAFETY: the caller's promise.
    unsafe {
        let word = &(*full(fiber)).wait;
        let ticket = (word.load(Ordering::Relaxed) >> REASON_BITS) + 1;
        // Whoever wants to cancel the fiber makes all pass a barrier (`task::cancel`) and sees the wait, or is seen before
        // the park.
        word.store(ticket << REASON_BITS, Ordering::Release);
        barrier::light();
        Ticket(ticket)
    }
}

/// Ends a wait without parking. False: somebody has woken it, and the caller must take what was brought.
///
/// # Safety
/// `fiber` is the running fiber, the ticket its last one.
pub(crate) unsafe fn withdraw(fiber: *mut Fiber, ticket: Ticket) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if claim(full(fiber), ticket, Reason::Cancelled) {
            return true;
        }
        // The waker's second half: it must not reach the next wait.
        while (*full(fiber)).park.swap(park::RUNNING, Ordering::AcqRel) != park::NOTIFIED {
            core::hint::spin_loop();
        }
        false
    }
}

#[inline]
unsafe fn claim(fiber: *mut FullFiber, ticket: Ticket, reason: Reason) -> bool {
    let open = ticket.0 << REASON_BITS;
    // SAFETY: fibers are never unmapped.
    unsafe { (*fiber).wait.compare_exchange(open, open | reason as u64, Ordering::AcqRel, Ordering::Relaxed).is_ok() }
}

/// Leaves the thread until somebody wakes the ticket, or the fiber's deadline passes or its task is cancelled
/// ([`Reason::Cancelled`]; the caller takes its registrations back, then calls `task::cancel::take`).
///
/// # Safety
/// `fiber` is the running fiber, the ticket its last one; `site` is null or a site.
pub(crate) unsafe fn park(fiber: *mut Fiber, ticket: Ticket, what: What, site: *const Site) -> Reason {
    // SAFETY: the caller's promise.
    unsafe {
        let this = full(fiber);
        let deadline = if (*this).is_unwinding { 0 } else { deadline::settle(fiber) };
        let entry = (deadline != 0).then(|| timer::add(deadline, this, ticket, Reason::Cancelled));
        // A cancellation that came before the wait ends it here, unless somebody was faster.
        if !cancel::is_wanted(fiber) || !claim(this, ticket, Reason::Cancelled) {
            (*this).what = what;
            (*this).site = site;
            range::give_rest_away(fiber);
            run::leave_parked(fiber);
            (*this).what = What::Nothing;
        }
        if let Some(entry) = entry {
            timer::remove(entry);
        }
        match (*this).wait.load(Ordering::Acquire) & ((1 << REASON_BITS) - 1) {
            1 => Reason::Woken,
            2 => Reason::Timeout,
            _ => Reason::Cancelled,
        }
    }
}

/// Ends a wait; true: this call did. From any thread.
///
/// # Safety
/// `fiber` is or was a fiber.
pub(crate) unsafe fn wake(fiber: *mut FullFiber, ticket: Ticket, reason: Reason) -> bool {
    // SAFETY: fibers are never unmapped; the winner of the claim is alone.
    unsafe {
        if !claim(fiber, ticket, reason) {
            return false;
        }
        unpark(fiber);
        true
    }
}

unsafe fn unpark(fiber: *mut FullFiber) {
    // SAFETY: the caller has won the fiber's wait.
    unsafe {
        (*fiber).has_run.store(true, Ordering::Relaxed);
        // Off its thread, it stays so until the winner of its wait, which is the caller, has put it into a queue.
        if (*fiber).park.load(Ordering::Acquire) == park::PARKED
            || (*fiber).park.swap(park::NOTIFIED, Ordering::AcqRel) == park::PARKED
        {
            (*fiber).park.store(park::RUNNING, Ordering::Release);
            let thread = thread::current();
            let worker =
                if thread.is_null() { core::ptr::null_mut() } else { (*thread).worker.load(Ordering::Relaxed) };
            queue::push_ready(worker, fiber);
        }
    }
}

/// Ends whatever the fiber waits for, as cancelled. From any thread, behind a heavy barrier; nothing happens when it does
/// not wait.
///
/// # Safety
/// `fiber` is or was a fiber.
pub(crate) unsafe fn interrupt(fiber: *mut FullFiber) {
    // SAFETY: fibers are never unmapped; a cancellation wake of a fiber that needs none is allowed for by `park`'s callers.
    unsafe {
        let word = (*fiber).wait.load(Ordering::Acquire);
        if word & ((1 << REASON_BITS) - 1) == 0 && !(*fiber).is_unwinding {
            wake(fiber, Ticket(word >> REASON_BITS), Reason::Cancelled);
        }
    }
}

/// No ticket of the past is valid any more.
///
/// # Safety
/// Nobody runs the fiber.
pub(crate) unsafe fn retire(fiber: *mut FullFiber) {
    // SAFETY: the caller's promise.
    unsafe {
        (*fiber).park.store(park::RUNNING, Ordering::Relaxed);
    }
}
