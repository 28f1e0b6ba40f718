//! Wakes at a time.
//!
//! In: a time, a fiber's ticket, the reason. Out: the watcher wakes the ticket then. Removed when the wait ends otherwise, so that
//! short waits with long timeouts leave nothing behind.

use crate::sync::Mutex;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::collections::BTreeMap;

use super::fiber::FullFiber;
use super::wait::{self, Reason, Ticket};
use super::watcher;

/// Names a timer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Entry {
    at: u64,
    number: u64,
}

struct Target {
    fiber: *mut FullFiber,
    ticket: Ticket,
    reason: Reason,
}

// SAFETY: fibers are never unmapped and may be woken from any thread.
unsafe impl Send for Target {}

static TIMERS: Mutex<BTreeMap<Entry, Target>> = Mutex::new(BTreeMap::new());
static NUMBER: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// The watcher wakes what was due.
static FIRING: AtomicBool = AtomicBool::new(false);

fn timers() -> crate::sync::MutexGuard<'static, BTreeMap<Entry, Target>> {
    TIMERS.lock()
}

/// Wakes the ticket at `at` (nanoseconds of `clock`).
pub(crate) fn add(at: u64, fiber: *mut FullFiber, ticket: Ticket, reason: Reason) -> Entry {
    let entry = Entry { at, number: NUMBER.fetch_add(1, Ordering::Relaxed) };
    let is_first = {
        let mut timers = timers();
        timers.insert(entry, Target { fiber, ticket, reason });
        COUNT.store(timers.len(), Ordering::SeqCst);
        timers.first_key_value().is_some_and(|(first, _)| *first == entry)
    };
    watcher::ensure_started();
    if is_first {
        watcher::wake_at(at);
    }
    entry
}

pub(crate) fn remove(entry: Entry) {
    let mut timers = timers();
    timers.remove(&entry);
    COUNT.store(timers.len(), Ordering::SeqCst);
}

/// Timers that may still wake somebody.
pub(crate) fn count() -> usize {
    COUNT.load(Ordering::SeqCst) + usize::from(FIRING.load(Ordering::SeqCst))
}

/// Wakes what is due; the result is the time of the next timer, 0 for none.
pub(crate) fn fire(now: u64) -> u64 {
    // Counted until the woken fibers are in queues: otherwise a deadlock might be seen here.
    FIRING.store(true, Ordering::SeqCst);
    let next = loop {
        let due = {
            let mut timers = timers();
            let Some(first) = timers.first_entry() else { break 0 };
            if first.key().at > now {
                break first.key().at;
            }
            let due = first.remove();
            COUNT.store(timers.len(), Ordering::SeqCst);
            due
        };
        // SAFETY: a registered fiber.
        unsafe { wait::wake(due.fiber, due.ticket, due.reason) };
    };
    FIRING.store(false, Ordering::SeqCst);
    next
}

/// The time of the first timer.
pub(crate) fn next() -> Option<u64> {
    if count() == 0 {
        return None;
    }
    timers().first_key_value().map(|(entry, _)| entry.at)
}
