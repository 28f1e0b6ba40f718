//! Monotonic time for deadlines and timers.
//!
//! In: nothing. Out: nanoseconds. Deliberately not here: what expires.

/// Nanoseconds of the system's monotonic clock; never 0.
#[inline]
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64) | 1
}

/// `ns` from now, far in the future at most.
pub(crate) fn after(ns: i64) -> u64 {
    now().saturating_add(ns.max(0) as u64).min(u64::MAX >> 1)
}
