//! Settings that make faults of the collector, or of its users, show early.
//!
//! In: the environment. `COEX_GC_STRESS=n`: runs of two lines, a collection at every n-th slow allocation, full collections
//! move all they may, freed memory is poisoned. `COEX_GC_VERIFY=1`: the heap is checked at every collection. Out: questions
//! for the collector.

use super::Wanted;
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

/// Bytes of a run in stress mode.
pub(crate) const RUN_BYTES: usize = 256;
const POISON: u8 = 0xDB;
/// So many collections are one full one and minor ones.
const FULL_EVERY: u32 = 4;
/// So many bytes of heap double the time between two collections.
const DOUBLING: usize = 512 << 10;
/// So many collections do so too.
const ROUNDS: usize = 500;

static EVERY: AtomicU32 = AtomicU32::new(0);
/// Slow allocations until the next collection.
static LEFT: AtomicI32 = AtomicI32::new(0);
static ROUND: AtomicU32 = AtomicU32::new(0);
static VERIFY: AtomicBool = AtomicBool::new(false);

pub(crate) fn read_environment() {
    if let Some(value) = variable(c"COEX_GC_STRESS") {
        set_every(value);
    }
    if let Some(value) = variable(c"COEX_GC_VERIFY") {
        VERIFY.store(value != 0, Ordering::Relaxed);
    }
}

fn variable(name: &CStr) -> Option<u32> {
    // SAFETY: the result is null or NUL-terminated.
    let value = unsafe {
        let value = libc::getenv(name.as_ptr());
        if value.is_null() {
            return None;
        }
        CStr::from_ptr(value)
    };
    value.to_str().ok()?.parse().ok()
}

pub(crate) fn set_every(every: u32) {
    EVERY.store(every, Ordering::Relaxed);
    LEFT.store(every as i32, Ordering::Relaxed);
}

#[cfg(test)]
pub(crate) fn set_verify(verify: bool) {
    VERIFY.store(verify, Ordering::Relaxed);
}

#[inline]
pub(crate) fn enabled() -> bool {
    EVERY.load(Ordering::Relaxed) != 0
}

pub(crate) fn poisons() -> bool {
    enabled()
}

pub(crate) fn verifies() -> bool {
    VERIFY.load(Ordering::Relaxed)
}

/// Counts a slow allocation; what it shall collect, if anything.
pub(crate) fn is_due() -> Option<Wanted> {
    let every = EVERY.load(Ordering::Relaxed);
    if every == 0 || LEFT.fetch_sub(1, Ordering::Relaxed) > 1 {
        return None;
    }
    LEFT.store(every as i32, Ordering::Relaxed);
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    Some(if round % FULL_EVERY == FULL_EVERY - 1 { Wanted::Full } else { Wanted::Young })
}

/// After a collection that had to look at so many bytes. The more they are, and the more collections there were, the later
/// comes the next one, or programs would not end.
pub(crate) fn collected(bytes: usize) {
    let every = EVERY.load(Ordering::Relaxed) as usize;
    let patience = 1 + ROUND.load(Ordering::Relaxed) as usize / ROUNDS;
    LEFT.store((every * (1 + bytes / DOUBLING) * patience).min(1 << 30) as i32, Ordering::Relaxed);
}

pub(crate) fn poison(address: usize, bytes: usize) {
    // SAFETY: the caller names free memory of the heap.
    unsafe { (address as *mut u8).write_bytes(POISON, bytes) }
}
