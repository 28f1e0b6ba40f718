//! What is ready to run.
//!
//! In: fibers that were woken, tasks that were spawned. Out: each once, to some worker. Order of search: the fiber that was
//! just woken here, the own queue (youngest first), the global queue, the queues of others (oldest first); now and then
//! the old ones first, so that nothing waits for ever.

use crate::sync::Mutex;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::VecDeque;

use super::fiber::FullFiber;
use super::stacks::Depth;
use super::worker::{self, Worker};
use super::{barrier, idle};
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
        if before != 0 && !(*worker).deque.push(before) {
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
    let count = worker::started();
    if count < 2 {
        return None;
    }
    let first = this.random() % count;
    for step in 0..count {
        let victim = worker::nth((first + step) % count);
        if victim.is_null() || core::ptr::eq(victim, this) {
            continue;
        }
        // SAFETY: workers live for ever; queue and slot are shared.
        let victim = unsafe { &*victim };
        if let Some(word) = victim.deque.steal() {
            return Some(word);
        }
        if victim.next.load(Ordering::Relaxed) != 0 {
            let word = victim.next.swap(0, Ordering::AcqRel);
            if word != 0 {
                return Some(word);
            }
        }
    }
    None
}

/// Whether anybody has anything to do; exact when all who push have passed a barrier.
pub(crate) fn is_anything_ready() -> bool {
    GLOBAL_LEN.load(Ordering::SeqCst) != 0
        || worker::all().any(|worker| {
            // SAFETY: workers live for ever.
            let worker = unsafe { &*worker };
            !worker.deque.is_empty() || worker.next.load(Ordering::SeqCst) != 0
        })
}
