//! Settings that make faults of the collector, or of its users, show early.
//!
//! In: the environment. `COEX_GC_STRESS=n`: runs of two lines, a collection at every n-th slow allocation, full collections
//! move all they may, freed memory is poisoned. `COEX_GC_VERIFY=1`: the heap is checked at every collection. Out: questions
//! for the collector.

use super::Wanted;
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Bytes of a run in stress mode.
pub(crate) const RUN_BYTES: usize = 256;
const POISON: u8 = 0xDB;
/// So many collections are one full one and minor ones.
const FULL_EVERY: u32 = 4;

static EVERY: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU32 = AtomicU32::new(0);
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
    if every == 0 {
        return None;
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    let round = count / every;
    let wanted = if round.is_multiple_of(FULL_EVERY) { Wanted::Full } else { Wanted::Young };
    count.is_multiple_of(every).then_some(wanted)
}

pub(crate) fn poison(address: usize, bytes: usize) {
    // SAFETY: the caller names free memory of the heap.
    unsafe { (address as *mut u8).write_bytes(POISON, bytes) }
}
