//! Workers without work sleep; new work wakes one of them, or starts one more.
//!
//! In: searches without result, pushes. Out: a worker sleeps only when there is nothing to do: it registers, makes
//! everybody pass a barrier, and looks once more, so that a push needs no barrier of its own. While somebody searches,
//! nobody else is woken: who finds work wakes the next one.

use crate::sync::Mutex;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::queue::{self, Work};
use super::thread::{self, Thread};
use super::worker::{self, Worker};
use super::{barrier, deadlock, watcher};

struct Sleepers(Vec<*mut Worker>);

// SAFETY: workers live for ever.
unsafe impl Send for Sleepers {}

static SLEEPERS: Mutex<Sleepers> = Mutex::new(Sleepers(Vec::new()));
static SLEEPING: AtomicUsize = AtomicUsize::new(0);
static SEARCHING: AtomicUsize = AtomicUsize::new(0);
/// Counts workers that stopped sleeping.
static WAKES: AtomicU64 = AtomicU64::new(0);

/// Rounds of search before a worker sleeps.
const ROUNDS: usize = 64;

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
            for _ in 0..ROUNDS {
                core::hint::spin_loop();
                if let Some(work) = queue::find(worker) {
                    found(is_searching);
                    return work;
                }
            }
            let word = (*thread).futex.load(Ordering::Acquire);
            {
                let mut sleepers = sleepers();
                sleepers.0.push(worker);
                SLEEPING.store(sleepers.0.len(), Ordering::SeqCst);
            }
            SEARCHING.fetch_sub(1, Ordering::SeqCst);
            is_searching = false;
            barrier::heavy();
            if queue::is_anything_ready() && awake(worker) {
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
    if is_searching && SEARCHING.fetch_sub(1, Ordering::SeqCst) == 1 && queue::is_anything_ready() {
        notify();
    }
}
