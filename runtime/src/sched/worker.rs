//! A worker: the right to run Coex code, with a queue and an allocation buffer. As many as the machine has cores.
//!
//! In: `COEX_WORKERS` and the machine. Out: the table of workers. Deliberately not here: the threads that hold them.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::deque::Deque;
use super::fiber::FullFiber;
use super::stacks::DEPTHS;
use super::thread::Thread;
use crate::task::record::{FullTask, SIZES};

pub(crate) const MOST_WORKERS: usize = 256;
/// What a worker's queue holds; more goes to the global queue.
const QUEUED: usize = 1024;

pub(crate) struct Worker {
    /// Who holds it.
    pub(crate) thread: AtomicPtr<Thread>,
    pub(crate) deque: Deque<QUEUED>,
    /// Woken by the running fiber: runs next. Thieves may take it as well.
    pub(crate) next: AtomicUsize,
    /// Counts switches: the watcher sees that the same fiber still runs.
    pub(crate) switches: AtomicU64,
    // The rest belongs to the thread that holds the worker.
    /// Free run for allocation while no fiber runs here.
    pub(crate) cursor: *mut u8,
    pub(crate) limit: *mut u8,
    pub(crate) free_tasks: [*mut FullTask; SIZES],
    pub(crate) free_fibers: [*mut FullFiber; DEPTHS],
    pub(crate) free_fiber_count: usize,
    pub(crate) random: u64,
    pub(crate) tick: u32,
}

/// Set once each, by the thread that starts a worker.
static WORKERS: [AtomicPtr<Worker>; MOST_WORKERS] = [const { AtomicPtr::new(null_mut()) }; MOST_WORKERS];
static STARTED: AtomicUsize = AtomicUsize::new(0);
static ALONE: AtomicBool = AtomicBool::new(false);

/// How many may run: `COEX_WORKERS`, else the processors that this process may use.
pub(crate) fn wanted() -> usize {
    static WANTED: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *WANTED.get_or_init(|| {
        let asked = std::env::var("COEX_WORKERS").ok().and_then(|text| text.parse::<usize>().ok());
        let count = match asked {
            Some(count) if count > 0 => count,
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        };
        ALONE.store(count == 1, Ordering::Relaxed);
        count.min(MOST_WORKERS)
    })
}

/// It is known that there will never be a second worker: two pieces of Coex code never run at the same time.
#[inline]
pub(crate) fn is_alone() -> bool {
    ALONE.load(Ordering::Relaxed)
}

pub(crate) fn started() -> usize {
    STARTED.load(Ordering::Acquire)
}

/// One more worker, when there may be one.
pub(crate) fn start_one() -> Option<*mut Worker> {
    let index = STARTED.load(Ordering::Relaxed);
    // The system is asked for its processors when there is work for a second one.
    if index > 0 && index >= wanted() {
        return None;
    }
    STARTED.compare_exchange(index, index + 1, Ordering::SeqCst, Ordering::Relaxed).ok()?;
    let worker = Box::into_raw(Box::new(Worker {
        thread: AtomicPtr::new(null_mut()),
        deque: Deque::new(),
        next: AtomicUsize::new(0),
        switches: AtomicU64::new(0),
        cursor: null_mut(),
        limit: null_mut(),
        free_tasks: [null_mut(); SIZES],
        free_fibers: [null_mut(); DEPTHS],
        free_fiber_count: 0,
        random: 0x9E37_79B9_7F4A_7C15 ^ ((index as u64 + 1) << 17),
        tick: 0,
    }));
    WORKERS[index].store(worker, Ordering::Release);
    Some(worker)
}

/// The worker of main's thread.
pub(crate) fn first() -> *mut Worker {
    if started() == 0 {
        start_one();
    }
    nth(0)
}

/// All workers that were started; one that is being started may be missing.
pub(crate) fn all() -> impl Iterator<Item = *mut Worker> {
    WORKERS[..started()].iter().map(|slot| slot.load(Ordering::Acquire)).filter(|worker| !worker.is_null())
}

pub(crate) fn nth(index: usize) -> *mut Worker {
    WORKERS[index].load(Ordering::Acquire)
}

impl Worker {
    /// xorshift64; only for the choice of a victim.
    pub(crate) fn random(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random as usize
    }
}
