//! Workers without work sleep; new work wakes one of them, or starts one more.
//!
//! In: searches without result, pushes. Out: a worker sleeps only when there is nothing to do: it registers, makes
//! everybody pass a barrier, and looks once more, so that a push needs no barrier of its own. While somebody searches,
//! nobody else is woken: who finds work wakes the next one.
//!
//! A fiber that is next on a worker (`queue`) is help for others only if the running one goes on for a while. So when a
//! worker was woken for such a fiber in vain, nobody is for some milliseconds, the longer the more often; the watcher
//! ends that time ([`look_again`]), and sees fibers that wait nevertheless ([`notify_late`]).

use crate::sync::Mutex;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::queue::{self, Patience, Work};
use super::thread::{self, Thread};
use super::worker::{self, Worker};
use super::{barrier, clock, deadlock, watcher};

struct Sleepers(Vec<*mut Worker>);

// SAFETY: workers live for ever.
unsafe impl Send for Sleepers {}

static SLEEPERS: Mutex<Sleepers> = Mutex::new(Sleepers(Vec::new()));
static SLEEPING: AtomicUsize = AtomicUsize::new(0);
static SEARCHING: AtomicUsize = AtomicUsize::new(0);
/// Counts workers that stopped sleeping.
static WAKES: AtomicU64 = AtomicU64::new(0);

/// A worker was woken for what is next on another one.
static WOKEN_FOR_NEXT: AtomicBool = AtomicBool::new(false);
/// Nobody is woken for that, for so many looks of the watcher.
static QUIET: AtomicU32 = AtomicU32::new(0);
/// How many the next time.
static QUIET_NEXT: AtomicU32 = AtomicU32::new(1);
const QUIET_MOST: u32 = 16;

/// How long a worker searches before it sleeps.
const SEARCH_NS: u64 = 10_000;

fn sleepers() -> crate::sync::MutexGuard<'static, Sleepers> {
    SLEEPERS.lock()
}

pub(crate) fn sleeping() -> usize {
    SLEEPING.load(Ordering::SeqCst)
}

/// How often a worker has stopped sleeping.
pub(crate) fn wakes() -> u64 {
    WAKES.load(Ordering::SeqCst)
}

/// There is new work.
#[inline]
pub(crate) fn notify() {
    let can_help = SLEEPING.load(Ordering::Relaxed) > 0 || worker::started() < worker::wanted();
    if can_help && SEARCHING.load(Ordering::Relaxed) == 0 {
        wake_one();
    }
}

/// There is new work, next on this worker.
#[inline]
pub(crate) fn notify_next() {
    if QUIET.load(Ordering::Relaxed) != 0 {
        return;
    }
    let can_help = SLEEPING.load(Ordering::Relaxed) > 0 || worker::started() < worker::wanted();
    if can_help && SEARCHING.load(Ordering::Relaxed) == 0 {
        WOKEN_FOR_NEXT.store(true, Ordering::Relaxed);
        wake_one();
    }
}

/// The watcher has seen a fiber that has waited for long to be next, and somebody who could run it.
pub(crate) fn notify_late() {
    QUIET.store(0, Ordering::Relaxed);
    QUIET_NEXT.store(1, Ordering::Relaxed);
    notify();
}

/// The watcher looks, as it does at fixed times while somebody works.
pub(crate) fn look_again() {
    let quiet = QUIET.load(Ordering::Relaxed);
    if quiet != 0 {
        QUIET.store(quiet - 1, Ordering::Relaxed);
    }
}

/// A search has ended with a fiber that was next elsewhere (`true`), or with nothing.
fn learn(has_helped: bool) {
    if has_helped {
        QUIET_NEXT.store(1, Ordering::Relaxed);
    } else if WOKEN_FOR_NEXT.swap(false, Ordering::Relaxed) {
        let quiet = QUIET_NEXT.load(Ordering::Relaxed);
        QUIET.store(quiet, Ordering::Relaxed);
        QUIET_NEXT.store((quiet * 2).min(QUIET_MOST), Ordering::Relaxed);
    }
}

#[cold]
#[inline(never)]
fn wake_one() {
    if SEARCHING.compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed).is_err() {
        return;
    }
    let sleeper = {
        let mut sleepers = sleepers();
        let sleeper = sleepers.0.pop();
        WAKES.fetch_add(1, Ordering::SeqCst);
        SLEEPING.store(sleepers.0.len(), Ordering::SeqCst);
        sleeper
    };
    if let Some(sleeper) = sleeper {
        // SAFETY: workers and threads live for ever; a sleeping worker has its thread.
        unsafe { thread::wake((*sleeper).thread.load(Ordering::Acquire)) };
        watcher::wake_from_idle();
        return;
    }
    if let Some(worker) = worker::start_one() {
        watcher::ensure_started();
        // Without a thread the work stays with those that are there.
        thread::give(worker);
    }
    SEARCHING.fetch_sub(1, Ordering::SeqCst);
}

/// The next work of this thread's worker; sleeps while there is none.
///
/// # Safety
/// The thread is the calling one, the worker is its own.
pub(crate) unsafe fn wait_for_work(thread: *mut Thread, worker: *mut Worker) -> Work {
    let mut is_searching = false;
    // SAFETY: the caller's promise.
    unsafe {
        loop {
            if let Some(work) = queue::find(worker) {
                found(is_searching);
                return work;
            }
            if !is_searching {
                SEARCHING.fetch_add(1, Ordering::SeqCst);
                is_searching = true;
            }
            if let Some(work) = search(worker) {
                found(is_searching);
                return work;
            }
            learn(false);
            let word = (*thread).futex.load(Ordering::Acquire);
            {
                let mut sleepers = sleepers();
                sleepers.0.push(worker);
                SLEEPING.store(sleepers.0.len(), Ordering::SeqCst);
            }
            SEARCHING.fetch_sub(1, Ordering::SeqCst);
            is_searching = false;
            barrier::heavy();
            if (queue::is_anything_queued() || queue::is_any_resting(worker)) && awake(worker) {
                continue;
            }
            deadlock::check();
            while is_asleep(worker) {
                thread::futex_wait(&(*thread).futex, word, None);
                if (*thread).futex.load(Ordering::Acquire) != word {
                    break;
                }
            }
            // Who woke this worker has counted it as searching, unless it was nobody.
            is_searching = !awake(worker);
        }
    }
}

/// Looks around for a while.
///
/// # Safety
/// The worker is the calling thread's.
unsafe fn search(worker: *mut Worker) -> Option<Work> {
    let began = clock::now();
    let mut patience = Patience::default();
    loop {
        core::hint::spin_loop();
        // SAFETY: forwarded.
        if let Some(work) = unsafe { queue::find(worker) } {
            return Some(work);
        }
        let now = clock::now();
        // SAFETY: forwarded.
        if let Some(work) = unsafe { patience.take(worker, now) } {
            learn(true);
            return Some(work);
        }
        if now - began > SEARCH_NS && !patience.is_open() {
            return None;
        }
    }
}

/// Takes a worker out of the sleepers; false: somebody has woken it.
fn awake(worker: *mut Worker) -> bool {
    let mut sleepers = sleepers();
    let Some(at) = sleepers.0.iter().position(|&sleeper| sleeper == worker) else { return false };
    sleepers.0.swap_remove(at);
    WAKES.fetch_add(1, Ordering::SeqCst);
    SLEEPING.store(sleepers.0.len(), Ordering::SeqCst);
    true
}

fn is_asleep(worker: *mut Worker) -> bool {
    sleepers().0.contains(&worker)
}

/// The end of a search: there may be more work for others.
fn found(is_searching: bool) {
    if is_searching && SEARCHING.fetch_sub(1, Ordering::SeqCst) == 1 && queue::is_anything_queued() {
        notify();
    }
}
