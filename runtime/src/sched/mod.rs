//! The scheduler: fibers on worker threads.
//!
//! In: tasks that are ready to run, waits and wakes of running code. Out: every ready fiber and task runs on some worker;
//! an idle one takes work from the others. Deliberately not here: what a task is and who waits for whom (`task`), channels
//! (`channel`), collections (`gc`).
//!
//! ```text
//!   thread (OS)  --holds-->  worker (queue, allocation buffer)
//!      | runs its loop on the system stack, switches to
//!      v
//!   fiber (task stack)  --parks: `wait`-->  woken: back into a queue
//! ```
//!
//! A fiber that parks switches straight to the one that it has woken, if there is one; the loop is for all else. Such a
//! pair stays on its worker: others take a fiber that is next there only when its turn does not come for a while (`queue`).
//!
//! Map, bottom up: `clock`, `stacks` → `fiber` → `deque`, `worker`, `thread` → `queue` (who runs what), `idle` →
//! `wait`, `timer`, `watcher`; `world` stops them all for a collection; `deadlock` finds that nothing can go on.

/// Under another name, so that models of the same source can replace them.
pub(crate) mod atomics {
    pub(crate) use crate::arch::full_fence;
    pub(crate) use core::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
}
pub(crate) mod barrier;
pub(crate) mod clock;
pub(crate) mod deadlock;
pub(crate) mod deque;
pub(crate) mod fiber;
pub(crate) mod idle;
pub(crate) mod queue;
pub(crate) mod run;
pub(crate) mod stacks;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod thread;
pub(crate) mod timer;
pub(crate) mod wait;
pub(crate) mod watcher;
pub(crate) mod worker;
pub(crate) mod world;
