//! The deadline word of a fiber: the earliest deadline of its open `within` statements.
//!
//! ```text
//!   0                                       none
//!   1 | number (23 bits) | units (40 bits)  fresh: that long after somebody reads the clock
//!   0 | nanoseconds of the clock            settled
//! ```
//!
//! Reading the clock costs more than all the rest of a `within`, so the outermost one leaves it to the watcher, which looks
//! at running fibers twice a millisecond, or to the first wait. The number tells one fresh deadline from the next, so that
//! a late settlement misses. In: durations. Out: the time at which something expires. Deliberately not here: what then happens.

use core::sync::atomic::{AtomicU64, Ordering};

use super::landing::{self, Kind};
use crate::abi::Fiber;
use crate::sched::clock;

const FRESH: u64 = 1 << 63;
const UNIT_BITS: u32 = 40;
const UNITS: u64 = (1 << UNIT_BITS) - 1;
const NUMBERS: u64 = (1 << 23) - 1;
const UNIT_NS: u64 = 256;

/// The word of a fresh deadline `ns` from now; none when it is too far away.
#[inline]
pub(crate) fn fresh(ns: i64, number: u64) -> Option<u64> {
    let units = (ns as u64).div_ceil(UNIT_NS);
    (units <= UNITS).then_some(FRESH | (number & NUMBERS) << UNIT_BITS | units)
}

#[inline]
pub(crate) fn is_fresh(word: u64) -> bool {
    word & FRESH != 0
}

/// When the deadline of this word passes; 0 for none. From any thread.
pub(crate) fn settled(word: &AtomicU64) -> u64 {
    loop {
        let deadline = word.load(Ordering::Acquire);
        if !is_fresh(deadline) {
            return deadline;
        }
        let settled = clock::now() + (deadline & UNITS) * UNIT_NS;
        if word.compare_exchange(deadline, settled, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return settled;
        }
    }
}

/// Settles the fiber's deadline, in its word and in the landing that it belongs to: only the innermost can be fresh.
///
/// # Safety
/// `fiber` is the running fiber, or stands still.
#[inline]
pub(crate) unsafe fn settle(fiber: *mut Fiber) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        if (*fiber).deadline.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        settle_some(fiber)
    }
}

#[inline(never)]
unsafe fn settle_some(fiber: *mut Fiber) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let deadline = settled(&(*fiber).deadline);
        for landing in landing::chain(fiber) {
            if let Kind::Within(within) = &mut (*landing).kind {
                if is_fresh(*within) {
                    *within = deadline;
                }
                break;
            }
        }
        deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_deadline_is_settled_once() {
        let word = AtomicU64::new(fresh(1_000_000, 7).unwrap_or_default());
        let before = clock::now();
        let deadline = settled(&word);
        assert!((before + 1_000_000..clock::now() + 1_000_000 + UNIT_NS).contains(&deadline));
        assert_eq!(settled(&word), deadline);
        assert_eq!(settled(&AtomicU64::new(0)), 0);
        assert_eq!(fresh(i64::MAX, 0), None);
        assert_ne!(fresh(5, 1), fresh(5, 2));
    }
}
