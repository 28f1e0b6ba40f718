//! The watcher: a thread that looks at the others.
//!
//! In: timers, deadlines, running fibers, foreign calls. Out: timers fire; a fiber that has run for a while makes room when
//! others wait; running code learns that its deadline has passed; a long foreign call loses its worker to those that wait; a
//! call that nobody waits for any more is abandoned, and its thread interrupted until it is back. Started with the second worker, the first task or the first timer;
//! while all sleep and nothing is due, it sleeps too. Deliberately not here: what a cancellation does (`task::cancel`).

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::fiber::full;
use super::queue::{self, Work};
use super::thread::{self, Thread, poll};
use super::{clock, deadlock, idle, timer, worker, world};
use crate::abi::{self, Fiber, state};
use crate::ffi::{abandon, claim, reaper};
use crate::task::{cancel, deadline};

/// A fiber runs for this long before others that wait come first.
const SLICE_NS: u64 = 10_000_000;
const SLICE_OF_WATCHER_NS: u64 = 100_000;
/// Between two looks at running threads.
const TICK_NS: u64 = 500_000;
/// A foreign call that lasts longer loses its worker when others wait.
const RETAKE_NS: u64 = 50_000;

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
    thread::ask_for_slices(SLICE_OF_WATCHER_NS);
    loop {
        let word = FUTEX.load(Ordering::Acquire);
        clock::calibrate();
        let now = clock::now();
        let timer = timer::fire(now);
        let mut seen = Seen { next: u64::MAX, has_foreign: false };
        for thread in thread::all() {
            // SAFETY: threads live for ever.
            unsafe { look_at(thread, now, &mut seen) };
        }
        seen.next = seen.next.min(reaper::interrupt_due(now));
        IS_IDLE.store(true, Ordering::SeqCst);
        let everybody_sleeps = idle::sleeping() == worker::started() && !seen.has_foreign;
        if !everybody_sleeps {
            IS_IDLE.store(false, Ordering::SeqCst);
            idle::look_again();
            let tick = if seen.has_foreign && queue::is_anything_ready() { RETAKE_NS } else { TICK_NS };
            seen.next = seen.next.min(now + tick);
        }
        if everybody_sleeps && timer == 0 {
            // The last worker that went to sleep may have seen a timer that was just being fired.
            deadlock::check();
        }
        let next = if timer == 0 { seen.next } else { seen.next.min(timer) };
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

/// What one look has found.
struct Seen {
    /// When to look again at the latest.
    next: u64,
    /// Some fiber is in a foreign call.
    has_foreign: bool,
}

/// # Safety
/// A record of a thread.
unsafe fn look_at(thread: *mut Thread, now: u64, seen: &mut Seen) {
    // SAFETY: threads, workers and fibers live for ever; what is read may be old, and only hints are written.
    unsafe {
        let fiber = thread::fiber_on(&raw mut (*thread).slots);
        if fiber.is_null() {
            return;
        }
        let deadline = deadline::settled(&(*fiber).deadline);
        if deadline != 0 && deadline <= now {
            crate::sched::fiber::ask(fiber);
        } else if deadline != 0 {
            seen.next = seen.next.min(deadline);
        }
        let worker = (*thread).worker.load(Ordering::Acquire);
        let switches = if worker.is_null() { 0 } else { (*worker).switches.load(Ordering::Relaxed) };
        if (*thread).seen_switches != switches {
            (*thread).seen_switches = switches;
            (*thread).seen_since = now;
        } else if !worker.is_null() && (*worker).next.load(Ordering::Relaxed) != 0 && idle::sleeping() > 0 {
            idle::notify_late();
        }
        match (*thread).slots.state.load(Ordering::Relaxed) {
            state::FOREIGN => {
                seen.has_foreign = true;
                look_at_call(thread, fiber, now);
            }
            state::MANAGED => {
                let is_long = now - (*thread).seen_since > SLICE_NS && !worker.is_null();
                if is_long && queue::is_anything_ready() {
                    (*thread).seen_since = now;
                    (*full(fiber)).preempt.store(true, Ordering::Relaxed);
                    crate::sched::fiber::ask(fiber);
                }
            }
            _ => {}
        }
    }
}

/// A thread is in a foreign call. The first look marks the call, so that a later one knows it again: one that returns
/// meanwhile counts its claim word up.
unsafe fn look_at_call(thread: *mut Thread, fiber: *mut Fiber, now: u64) {
    // SAFETY: as in `look_at`.
    unsafe {
        let slots = &raw mut (*thread).slots;
        let word = (*slots).claim.load(Ordering::Acquire);
        let is_marked = (*slots).poll.load(Ordering::Relaxed) & poll::CLAIM != 0;
        if !is_marked || (*thread).foreign_claim != word {
            (*slots).poll.fetch_or(poll::CLAIM, Ordering::SeqCst);
            (*thread).foreign_claim = word;
            (*thread).foreign_since = now;
        }
        let is_wanted = (*fiber).poll.load(Ordering::Relaxed) != 0;
        let has_worker = !(*thread).worker.load(Ordering::Acquire).is_null();
        let is_long = now - (*thread).foreign_since >= RETAKE_NS && has_worker && queue::is_anything_ready();
        if (is_wanted || is_long) && world::hold_off() {
            settle_call(thread, is_long);
            world::allow();
        }
    }
}

/// Nobody collects: a foreign call loses its worker, or its fiber, if it is still there.
unsafe fn settle_call(thread: *mut Thread, is_long: bool) {
    // SAFETY: a held call stands still.
    unsafe {
        let slots = &raw mut (*thread).slots;
        let Some(kind) = claim::hold(slots) else { return };
        let fiber = thread::fiber_on(slots);
        let is_over = cancel::is_wanted(fiber);
        let may_lose_worker = is_long && kind == abi::claim::NONE;
        if !is_over && !may_lose_worker {
            claim::release(slots, kind);
            return;
        }
        // First: the worker may find nothing to do, while the fiber is in no queue.
        if kind == abi::claim::NONE {
            deadlock::outside(true);
            if !take_worker(thread, fiber) {
                deadlock::outside(false);
                claim::release(slots, kind);
                return;
            }
        }
        if !is_over || !abandon::abandon(slots) {
            claim::release(slots, abi::claim::RETAKEN);
            return;
        }
        claim::release(slots, abi::claim::ABANDONED);
        (*full(fiber)).public.thread = core::ptr::null_mut();
        queue::push_global(Work::Fiber(full(fiber)));
        deadlock::outside(false);
    }
}

/// Gives the thread's worker, if it still has it, to another thread. False: the system has no thread.
unsafe fn take_worker(thread: *mut Thread, fiber: *mut Fiber) -> bool {
    // SAFETY: the call on the thread is held, and nobody collects.
    unsafe {
        thread::step_back(thread);
        let worker = (*thread).worker.swap(core::ptr::null_mut(), Ordering::AcqRel);
        (*worker).cursor = core::mem::replace(&mut (*fiber).cursor, core::ptr::null_mut());
        (*worker).limit = core::mem::replace(&mut (*fiber).limit, core::ptr::null_mut());
        if thread::give(worker) {
            return true;
        }
        (*fiber).cursor = core::mem::replace(&mut (*worker).cursor, core::ptr::null_mut());
        (*fiber).limit = core::mem::replace(&mut (*worker).limit, core::ptr::null_mut());
        (*worker).thread.store(thread, Ordering::Release);
        (*thread).worker.store(worker, Ordering::Release);
        false
    }
}
