//! A lock for a few instructions.
//!
//! In: a word. Out: mutual exclusion. Whoever holds it neither waits nor allocates, so others spin; a holder that the
//! system has taken off its processor gets it back. Deliberately not here: fairness.

use super::Waiting;
use core::sync::atomic::{AtomicU32, Ordering};

#[inline]
pub(super) fn lock<W: Waiting>(word: &AtomicU32) {
    if W::is_alone() {
        return;
    }
    let mut round = 0;
    while word.swap(1, Ordering::Acquire) != 0 {
        while word.load(Ordering::Relaxed) != 0 {
            W::relax(round);
            round += 1;
        }
    }
}

#[inline]
pub(super) fn unlock(word: &AtomicU32) {
    word.store(0, Ordering::Release);
}
