//! What is ready to run.
//!
//! In: fibers that were woken, tasks that were spawned. Out: each once, to some worker. Order of search: the fiber that was
//! just woken here, the own queue (youngest first), the global queue, the queues of others (oldest first); now and then
//! the old ones first, so that nothing waits for ever. What was woken last on another worker comes last of all, when it has
//! waited there for a while: two fibers that talk to each other stay together.

use crate::sync::Mutex;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::VecDeque;

use super::fiber::FullFiber;
use super::stacks::Depth;
use super::worker::{self, Worker};
use super::{barrier, clock, idle};
use crate::task::record::{self, FullTask};

/// A ready fiber or a task that has not begun; both are 8-aligned addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Fiber(*mut FullFiber),
    Task(*mut FullTask),
}

impl Work {
    fn word(self) -> usize {
        match self {
            Work::Fiber(fiber) => fiber as usize | 1,
            Work::Task(task) => task as usize,
        }
    }

    fn of(word: usize) -> Work {
        if word & 1 == 1 { Work::Fiber((word - 1) as *mut FullFiber) } else { Work::Task(word as *mut FullTask) }
    }
}

static GLOBAL: Mutex<VecDeque<usize>> = Mutex::new(VecDeque::new());
static GLOBAL_LEN: AtomicUsize = AtomicUsize::new(0);

/// How often the oldest work comes first.
const FAIR_EVERY: u32 = 61;

fn global() -> crate::sync::MutexGuard<'static, VecDeque<usize>> {
    GLOBAL.lock()
}

/// Behind everything that waits.
pub(crate) fn push_global(work: Work) {
    {
        let mut queue = global();
        queue.push_back(work.word());
        GLOBAL_LEN.store(queue.len(), Ordering::Release);
    }
    idle::notify();
}

/// A fiber that makes room: whoever waited longest in the global queue runs next here, before tasks that have not begun.
pub(crate) fn push_yielded(worker: *mut Worker, fiber: *mut FullFiber) {
    let longest = pop_global();
    push_global(Work::Fiber(fiber));
    if let Some(word) = longest {
        // SAFETY: the caller's own worker.
        let before = unsafe { (*worker).next.swap(word, Ordering::AcqRel) };
        if before != 0 {
            push_global(Work::of(before));
        }
    }
}

fn pop_global() -> Option<usize> {
    if GLOBAL_LEN.load(Ordering::Acquire) == 0 {
        return None;
    }
    let mut queue = global();
    let word = queue.pop_front();
    GLOBAL_LEN.store(queue.len(), Ordering::Release);
    word
}

/// A task that the worker's fiber has spawned.
///
/// # Safety
/// The worker is the calling thread's.
#[inline]
pub(crate) unsafe fn push_task(worker: *mut Worker, task: *mut FullTask) {
    // SAFETY: the caller's promise.
    if unsafe { (*worker).deque.push(Work::Task(task).word()) } {
        barrier::light();
        idle::notify();
    } else {
        push_global(Work::Task(task));
    }
}

/// Takes this task back if it is among the youngest of the queue: the caller is its only runner then.
///
/// # Safety
/// The worker is the calling thread's.
#[inline]
pub(crate) unsafe fn take_back(worker: *mut Worker, task: *mut FullTask) -> bool {
    // SAFETY: the caller's promise.
    unsafe { (*worker).deque.take(Work::Task(task).word()) }
}

/// A fiber that may go on; next on this worker, if the caller has one.
pub(crate) fn push_ready(worker: *mut Worker, fiber: *mut FullFiber) {
    if worker.is_null() {
        push_global(Work::Fiber(fiber));
        return;
    }
    // SAFETY: the caller's own worker.
    unsafe {
        let (next, word) = (&(*worker).next, Work::Fiber(fiber).word());
        let before = match next.load(Ordering::Relaxed) {
            // Thieves only empty it.
            0 => {
                next.store(word, Ordering::Release);
                0
            }
            _ => next.swap(word, Ordering::AcqRel),
        };
        if before == 0 {
            barrier::light();
            return idle::notify_next();
        }
        if !(*worker).deque.push(before) {
            push_global(Work::of(before));
        }
    }
    barrier::light();
    idle::notify();
}

/// The next work without waiting.
///
/// # Safety
/// The worker is the calling thread's.
pub(crate) unsafe fn find(worker: *mut Worker) -> Option<Work> {
    // SAFETY: the caller's promise.
    unsafe {
        let this = &mut *worker;
        this.tick = this.tick.wrapping_add(1);
        if this.tick.is_multiple_of(FAIR_EVERY)
            && let Some(word) = pop_global().or_else(|| this.deque.steal())
        {
            return Some(Work::of(word));
        }
        if this.next.load(Ordering::Relaxed) != 0 {
            let word = this.next.swap(0, Ordering::AcqRel);
            if word != 0 {
                return Some(Work::of(word));
            }
        }
        this.deque.pop().or_else(pop_global).or_else(|| steal(this)).map(Work::of)
    }
}

/// Empties the slot of the own worker. False: a thief was there.
#[inline]
fn empty(next: &AtomicUsize) -> bool {
    if worker::is_alone() {
        next.store(0, Ordering::Relaxed);
        return true;
    }
    next.swap(0, Ordering::AcqRel) != 0
}

/// The fiber that was woken here last, if it is its turn.
///
/// # Safety
/// The worker is the calling thread's.
#[inline]
pub(crate) unsafe fn take_next(worker: *mut Worker) -> Option<*mut FullFiber> {
    // SAFETY: the caller's promise.
    unsafe {
        let next = &(*worker).next;
        let word = next.load(Ordering::Relaxed);
        let tick = (*worker).tick.wrapping_add(1);
        // Thieves only empty it.
        if word & 1 == 0 || tick.is_multiple_of(FAIR_EVERY) || !empty(next) {
            return None;
        }
        (*worker).tick = tick;
        match Work::of(word) {
            Work::Fiber(fiber) => Some(fiber),
            Work::Task(_) => None,
        }
    }
}

/// The youngest task of the own queue, claimed, when a fiber of this depth may run it next.
///
/// # Safety
/// The worker is the calling thread's.
pub(crate) unsafe fn next_task(worker: *mut Worker, depth: Depth) -> Option<*mut FullTask> {
    // SAFETY: the caller's promise; queues hold records.
    unsafe {
        let this = &mut *worker;
        this.tick = this.tick.wrapping_add(1);
        if this.tick.is_multiple_of(FAIR_EVERY) || this.next.load(Ordering::Relaxed) != 0 {
            return None;
        }
        while let Some(word) = this.deque.pop() {
            match Work::of(word) {
                Work::Task(task) if record::depth(task) == depth => {
                    if record::claim(task) {
                        return Some(task);
                    }
                }
                _ => {
                    if !this.deque.push(word) {
                        push_global(Work::of(word));
                    }
                    return None;
                }
            }
        }
        None
    }
}

fn steal(this: &mut Worker) -> Option<usize> {
    others(this).find_map(|victim| victim.deque.steal())
}

/// The other workers, beginning anywhere.
fn others(this: &mut Worker) -> impl Iterator<Item = &'static Worker> {
    let count = worker::started();
    let first = if count < 2 { 0 } else { this.random() % count };
    let own = core::ptr::from_ref(this);
    // SAFETY: workers live for ever; queue and slot are shared.
    let at = move |step| unsafe { worker::nth((first + step) % count).as_ref() };
    (0..count).filter_map(at).filter(move |&victim| !core::ptr::eq(victim, own))
}

/// How long a fiber is left to the worker that woke it. Mostly its turn comes sooner, and there it finds the other's cache.
const RESTS_NS: u64 = 5_000;

/// A fiber that is next somewhere else.
struct Resting {
    at: &'static Worker,
    word: usize,
    switches: u64,
    since: u64,
}

/// Watches one fiber that is next somewhere else, until its turn has come or it has waited long enough.
#[derive(Default)]
pub(crate) struct Patience(Option<Resting>);

impl Patience {
    /// True: the watched fiber has waited long enough.
    fn look(&mut self, this: &mut Worker, now: u64) -> bool {
        let Some(resting) = &self.0 else {
            let mut seen =
                others(this).map(|at| (at, at.switches.load(Ordering::Relaxed), at.next.load(Ordering::Relaxed)));
            let found = seen.find(|&(_, _, word)| word != 0);
            self.0 = found.map(|(at, switches, word)| Resting { at, word, switches, since: now });
            return false;
        };
        let (next, switches) = (&resting.at.next, &resting.at.switches);
        if next.load(Ordering::Relaxed) == resting.word && switches.load(Ordering::Relaxed) == resting.switches {
            return now - resting.since >= RESTS_NS;
        }
        self.0 = None;
        false
    }

    /// Some fiber has waited long enough: the caller runs it.
    ///
    /// # Safety
    /// The worker is the calling thread's.
    pub(crate) unsafe fn take(&mut self, worker: *mut Worker, now: u64) -> Option<Work> {
        // SAFETY: the caller's promise.
        if !self.look(unsafe { &mut *worker }, now) {
            return None;
        }
        let Resting { at, word, .. } = self.0.take()?;
        at.next.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed).ok().map(Work::of)
    }

    /// The watched fiber may still turn out to wait.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

/// Whether a fiber waits although it is next somewhere else: looks for some microseconds, if there is one.
///
/// # Safety
/// The worker is the calling thread's.
pub(crate) unsafe fn is_any_resting(worker: *mut Worker) -> bool {
    let mut patience = Patience::default();
    loop {
        // SAFETY: the caller's promise.
        if patience.look(unsafe { &mut *worker }, clock::now()) {
            return true;
        }
        if !patience.is_open() {
            return false;
        }
        core::hint::spin_loop();
    }
}

/// Whether there is anything for others, beside what is next on a worker; exact when all who push have passed a barrier.
pub(crate) fn is_anything_queued() -> bool {
    // SAFETY: workers live for ever.
    GLOBAL_LEN.load(Ordering::SeqCst) != 0 || worker::all().any(|worker| unsafe { !(*worker).deque.is_empty() })
}

/// Whether anybody has anything to do; exact when all who push have passed a barrier.
pub(crate) fn is_anything_ready() -> bool {
    // SAFETY: workers live for ever.
    is_anything_queued() || worker::all().any(|worker| unsafe { (*worker).next.load(Ordering::SeqCst) != 0 })
}
