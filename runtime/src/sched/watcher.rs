//! The watcher: a thread that looks at the others.
//!
//! In: timers, deadlines, running fibers. Out: timers fire; a fiber that has run for a while makes room when others wait;
//! running code learns that its deadline has passed. Started with the second worker, the first task or the first timer;
//! while all sleep and nothing is due, it sleeps too. Deliberately not here: what a cancellation does (`task::cancel`).

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::fiber::full;
use super::thread::{self, Thread};
use super::{clock, idle, queue, timer, worker};
use crate::abi::state;

/// A fiber runs for this long before others that wait come first.
const SLICE_NS: u64 = 10_000_000;
/// Between two looks at running threads.
const TICK_NS: u64 = 500_000;

static STARTED: AtomicBool = AtomicBool::new(false);
static FUTEX: AtomicU32 = AtomicU32::new(0);
/// When the watcher will look next; 0: it does not sleep.
static WAKES_AT: AtomicU64 = AtomicU64::new(0);
/// Sleeps until somebody has work.
static IS_IDLE: AtomicBool = AtomicBool::new(false);

/// Starts the watcher, once.
#[inline]
pub(crate) fn ensure_started() {
    if !STARTED.load(Ordering::Relaxed) {
        start();
    }
}

#[cold]
fn start() {
    if STARTED.swap(true, Ordering::SeqCst) {
        return;
    }
    super::barrier::register();
    if std::thread::Builder::new().stack_size(256 << 10).spawn(watch).is_err() {
        STARTED.store(false, Ordering::SeqCst);
    }
}

/// Something is due at this time.
#[inline]
pub(crate) fn wake_at(at: u64) {
    if at < WAKES_AT.load(Ordering::Relaxed) {
        wake();
    }
}

/// A worker begins to work.
#[inline]
pub(crate) fn wake_from_idle() {
    if IS_IDLE.load(Ordering::Relaxed) {
        wake();
    }
}

#[cold]
pub(crate) fn wake() {
    FUTEX.fetch_add(1, Ordering::Release);
    thread::futex_wake(&FUTEX, 1);
}

fn watch() {
    loop {
        let word = FUTEX.load(Ordering::Acquire);
        let now = clock::now();
        let timer = timer::fire(now);
        for thread in thread::all() {
            // SAFETY: threads live for ever.
            unsafe { look_at(thread, now) };
        }
        IS_IDLE.store(true, Ordering::SeqCst);
        let everybody_sleeps = idle::sleeping() == worker::started() && thread::count() == worker::started();
        if !everybody_sleeps {
            IS_IDLE.store(false, Ordering::SeqCst);
        }
        let tick = if everybody_sleeps { u64::MAX } else { now + TICK_NS };
        let next = if timer == 0 { tick } else { tick.min(timer) };
        WAKES_AT.store(next, Ordering::SeqCst);
        // A timer that was added before the store above did not wake anybody.
        let next = next.min(timer::next().unwrap_or(u64::MAX));
        let rest = (next != u64::MAX).then(|| next.saturating_sub(clock::now()));
        if rest != Some(0) {
            thread::futex_wait(&FUTEX, word, rest);
        }
        WAKES_AT.store(0, Ordering::SeqCst);
        IS_IDLE.store(false, Ordering::SeqCst);
    }
}

/// # Safety
/// A record of a thread.
unsafe fn look_at(thread: *mut Thread, now: u64) {
    // SAFETY: threads, workers and fibers live for ever; what is read may be old, and only hints are written.
    unsafe {
        let fiber = (*thread).slots.fiber;
        let worker = (*thread).worker.load(Ordering::Acquire);
        if fiber.is_null() || worker.is_null() {
            return;
        }
        let deadline = (*fiber).deadline.load(Ordering::Relaxed);
        if deadline != 0 && deadline <= now {
            (*fiber).poll.store(1, Ordering::Release);
        }
        if (*thread).slots.state.load(Ordering::Relaxed) != state::MANAGED {
            return;
        }
        let switches = (*worker).switches.load(Ordering::Relaxed);
        if (*thread).seen_switches != switches {
            (*thread).seen_switches = switches;
            (*thread).seen_since = now;
        } else if now - (*thread).seen_since > SLICE_NS && queue::is_anything_ready() {
            (*thread).seen_since = now;
            (*full(fiber)).preempt.store(true, Ordering::Relaxed);
            (*fiber).poll.store(1, Ordering::Release);
        }
    }
}
