//! Monotonic time for deadlines and timers.
//!
//! In: nothing. Out: nanoseconds. The system's clock, until the process is old enough to know how fast the processor's counter
//! runs; then the counter, where the system itself trusts it: a `within` reads the time each time it is entered.
//! Deliberately not here: what expires.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::arch;

/// Nanoseconds per tick, as a fraction of 2^32; 0: not known.
static RATE: AtomicU64 = AtomicU64::new(0);
/// Ticks and nanoseconds of one moment.
static BASE_TICKS: AtomicU64 = AtomicU64::new(0);
static BASE_NS: AtomicU64 = AtomicU64::new(0);

/// A span over which the rate is measured to about a hundred thousandth.
const MEASURED_NS: u64 = 10_000_000;
/// Rates outside are not those of a processor.
const RATES: core::ops::Range<u64> = (1 << 32) / 20..(1 << 32) * 20;

/// Nanoseconds since some moment; never 0.
#[inline]
pub(crate) fn now() -> u64 {
    let rate = RATE.load(Ordering::Acquire);
    if rate == 0 {
        return system() | 1;
    }
    let ticks = arch::ticks().wrapping_sub(BASE_TICKS.load(Ordering::Relaxed));
    BASE_NS.load(Ordering::Relaxed) + ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
}

/// `ns` from now, far in the future at most.
#[inline]
pub(crate) fn after(ns: i64) -> u64 {
    now().saturating_add(ns.max(0) as u64).min(u64::MAX >> 1)
}

fn system() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Measures the processor's counter; called by the watcher each time it looks, until the rate is known.
pub(crate) fn calibrate() {
    if RATE.load(Ordering::Relaxed) != 0 || !is_trusted() {
        return;
    }
    let (ticks, ns) = (arch::ticks(), system());
    let (first_ticks, first_ns) = (BASE_TICKS.load(Ordering::Relaxed), BASE_NS.load(Ordering::Relaxed));
    if first_ticks == 0 {
        BASE_TICKS.store(ticks, Ordering::Relaxed);
        BASE_NS.store(ns, Ordering::Relaxed);
    } else if ns - first_ns > MEASURED_NS {
        let rate = (u128::from(ns - first_ns) << 32) / u128::from((ticks - first_ticks).max(1));
        if let Some(rate) = u64::try_from(rate).ok().filter(|rate| RATES.contains(rate)) {
            RATE.store(rate, Ordering::Release);
        }
    }
}

/// Whether the system keeps its own time with the counter: then it runs evenly, and alike on all processors.
fn is_trusted() -> bool {
    static TRUSTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *TRUSTED.get_or_init(|| {
        let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        std::fs::read_to_string(source).is_ok_and(|name| name.trim() == arch::TRUSTED_CLOCK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_as_the_system_says() {
        calibrate();
        std::thread::sleep(std::time::Duration::from_millis(15));
        calibrate();
        let (ours, system_time) = (now(), system());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (ours, system_time) = (now() - ours, system() - system_time);
        assert!(ours.abs_diff(system_time) < 2_000_000, "{ours} and {system_time}");
    }
}
