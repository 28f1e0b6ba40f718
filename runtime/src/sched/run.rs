//! The loop of a thread: take work, switch to it, look what it left.
//!
//! In: a thread, mostly with a worker. Out: does not end, except main's thread when main ends. On the system stack, PARKED:
//! nothing here touches the heap.

use core::ptr::null_mut;
use core::sync::atomic::{Ordering, compiler_fence};

use super::fiber::{FullFiber, full, park};
use super::queue::{self, Work};
use super::stacks::{self, Depth};
use super::thread::{self, After, Thread, poll};
use super::worker::Worker;
use super::{idle, wait, world};
use crate::abi::{Fiber, entered, state};
use crate::program::PROCESS;
use crate::task::{self, record::FullTask};
use crate::{arch, panic};

/// Unused fibers that a worker keeps.
const FIBERS_KEPT: usize = 64;

/// What a thread does all its life, which ends when there are too many of them.
///
/// # Safety
/// The thread is the calling one; no fiber runs on it.
pub(crate) unsafe fn run(thread: *mut Thread) {
    // SAFETY: forwarded; main's fiber has left for good.
    unsafe {
        loop {
            let outcome = step(thread);
            if outcome == Step::Unneeded {
                return;
            }
            if outcome == Step::MainEnded {
                let status = (*PROCESS.get()).fiber.public.returned[0];
                #[cfg(test)]
                crate::start::for_tests::end(status);
                #[cfg(not(test))]
                libc::exit((status & 0xff) as i32);
            }
        }
    }
}

/// On the thread where main began: behind the first switch.
///
/// # Safety
/// As [`run`].
pub(crate) unsafe fn run_until_exit(thread: *mut Thread) {
    // SAFETY: forwarded.
    unsafe {
        let mut is_over = settle(thread);
        while !is_over {
            is_over = step(thread) == Step::MainEnded;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Done,
    MainEnded,
    /// The thread shall end.
    Unneeded,
}

/// One switch.
unsafe fn step(thread: *mut Thread) -> Step {
    // SAFETY: the caller's promise; a worker belongs to one thread.
    unsafe {
        let worker = (*thread).worker.load(Ordering::Acquire);
        if worker.is_null() {
            // The record may be another thread's already.
            return if thread::wait_for_worker(thread) { Step::Done } else { Step::Unneeded };
        }
        let fiber = match idle::wait_for_work(thread, worker) {
            Work::Fiber(fiber) => fiber,
            Work::Task(task) => match prepare(worker, task) {
                Some(fiber) => fiber,
                None => return Step::Done,
            },
        };
        switch(thread, worker, fiber);
        if settle(thread) { Step::MainEnded } else { Step::Done }
    }
}

/// Switches to a fiber, and comes back when it leaves this thread.
///
/// # Safety
/// The thread is the calling one and holds the worker; nobody else runs the fiber.
pub(crate) unsafe fn switch(thread: *mut Thread, worker: *mut Worker, fiber: *mut FullFiber) {
    // SAFETY: the caller's promise.
    unsafe {
        let public = &raw mut (*fiber).public;
        (*public).thread = thread.cast();
        (*public).entered = entered::NOTHING;
        thread::set_fiber(&raw mut (*thread).slots, public);
        (*worker).switches.store((*worker).switches.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        become_managed(thread);
        // Only now: a collection looks at the flags, and retires the buffers of workers and of running fibers.
        (*fiber).has_run.store(true, Ordering::Relaxed);
        (*public).cursor = core::mem::replace(&mut (*worker).cursor, null_mut());
        (*public).limit = core::mem::replace(&mut (*worker).limit, null_mut());
        arch::coex_switch_to(public, thread.cast());
    }
}

/// MANAGED, once no collection runs.
///
/// # Safety
/// The thread is the calling one.
pub(crate) unsafe fn become_managed(thread: *mut Thread) {
    // SAFETY: the caller's promise.
    unsafe {
        let slots = &(*thread).slots;
        loop {
            slots.state.store(state::MANAGED, Ordering::Release);
            super::barrier::light();
            // Acquire: what a collection that is over has moved is seen here.
            if slots.poll.load(Ordering::Acquire) & poll::WORLD == 0 && !world::is_requested() {
                return;
            }
            slots.state.store(state::PARKED, Ordering::Release);
            world::wait_until_resumed();
        }
    }
}

/// The running fiber leaves its thread. The result is `returned[0]` when it goes on.
///
/// # Safety
/// `fiber` is the running fiber.
#[inline(never)]
pub(crate) unsafe fn leave(fiber: *mut Fiber, after: After) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let thread = thread::of(fiber);
        (*thread).after = after;
        (*thread).left = full(fiber);
        let worker = (*thread).worker.load(Ordering::Relaxed);
        (*worker).cursor = core::mem::replace(&mut (*fiber).cursor, null_mut());
        (*worker).limit = core::mem::replace(&mut (*fiber).limit, null_mut());
        compiler_fence(Ordering::SeqCst);
        arch::coex_leave_fiber(fiber)
    }
}

/// The running fiber parks. Another one that was woken here goes on at once, without the loop in between. The result is
/// `returned[0]` when the fiber goes on.
///
/// # Safety
/// `fiber` is the running fiber, in an open wait.
#[inline]
pub(crate) unsafe fn leave_parked(fiber: *mut Fiber) -> u64 {
    // SAFETY: the caller's promise; a worker belongs to one thread, and what is taken from it nobody else runs. The thread
    // stays MANAGED: no collection sees the moment between.
    unsafe {
        let thread = thread::of(fiber);
        let worker = (*thread).worker.load(Ordering::Relaxed);
        if (*thread).slots.poll.load(Ordering::Relaxed) & poll::WORLD != 0 {
            return leave(fiber, After::Park);
        }
        let Some(next) = queue::take_next(worker) else { return leave(fiber, After::Park) };
        let to = &raw mut (*next).public;
        (*to).thread = thread.cast();
        (*to).entered = entered::NOTHING;
        thread::set_fiber(&raw mut (*thread).slots, to);
        (*worker).switches.store((*worker).switches.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        (*next).has_run.store(true, Ordering::Relaxed);
        (*to).cursor = core::mem::replace(&mut (*fiber).cursor, null_mut());
        (*to).limit = core::mem::replace(&mut (*fiber).limit, null_mut());
        compiler_fence(Ordering::SeqCst);
        arch::coex_hand_over(fiber, to)
    }
}

/// The thread is off the stack of a fiber that parks, and about to go on with the next one.
pub(crate) unsafe extern "C" fn handed_over(left: *mut Fiber) {
    // SAFETY: nobody else has the fiber yet, so its thread is still this one, which holds a worker.
    unsafe { settle_parked(full(left), thread::of(left)) }
}

/// A fiber is off its thread: from now on whoever ends its wait puts it into a queue.
#[inline]
unsafe fn settle_parked(fiber: *mut FullFiber, thread: *mut Thread) {
    // SAFETY: the caller's promise.
    unsafe {
        let park = &(*fiber).park;
        if park.compare_exchange(park::RUNNING, park::PARKED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // Woken already.
            park.store(park::RUNNING, Ordering::Relaxed);
            queue::push_ready((*thread).worker.load(Ordering::Relaxed), fiber);
        }
    }
}

/// What the fiber that was just left wants. True: the program ends.
unsafe fn settle(thread: *mut Thread) -> bool {
    // SAFETY: the thread is the calling one; the fiber left it.
    unsafe {
        thread::set_fiber(&raw mut (*thread).slots, null_mut());
        let fiber = core::mem::replace(&mut (*thread).left, null_mut());
        match core::mem::replace(&mut (*thread).after, After::Nothing) {
            After::Nothing => {}
            After::Park => settle_parked(fiber, thread),
            After::Yield => queue::push_yielded((*thread).worker.load(Ordering::Relaxed), fiber),
            After::Recycle => recycle((*thread).worker.load(Ordering::Relaxed), fiber),
            After::Exit => return true,
        }
        false
    }
}

/// A fiber that will run this task; none when the task is another's, or waits for memory.
unsafe fn prepare(worker: *mut Worker, task: *mut FullTask) -> Option<*mut FullFiber> {
    // SAFETY: queues hold records; the worker is the caller's.
    unsafe {
        if !task::record::claim(task) {
            return None;
        }
        let depth = task::record::depth(task);
        let fiber = take_fiber(worker, depth);
        if fiber.is_null() {
            panic::raise(null_mut(), b"out of memory", core::ptr::null());
        }
        (*fiber).first = task;
        FullFiber::begin_at(fiber, task::run::fiber_main);
        (*fiber).in_use = true;
        Some(fiber)
    }
}

unsafe fn take_fiber(worker: *mut Worker, depth: Depth) -> *mut FullFiber {
    // SAFETY: the worker is the caller's.
    unsafe {
        let list = &mut (*worker).free_fibers[depth as usize];
        let fiber = *list;
        if fiber.is_null() {
            return stacks::take(depth);
        }
        *list = (*fiber).next;
        (*worker).free_fiber_count -= 1;
        (*fiber).next = null_mut();
        fiber
    }
}

unsafe fn recycle(worker: *mut Worker, fiber: *mut FullFiber) {
    // SAFETY: the fiber has ended; the worker is the caller's.
    unsafe {
        (*fiber).in_use = false;
        // Whoever still knows an old ticket misses.
        wait::retire(fiber);
        if (*worker).free_fiber_count >= FIBERS_KEPT {
            stacks::give(fiber);
            return;
        }
        let depth = (*fiber).depth as usize;
        (*fiber).next = (*worker).free_fibers[depth];
        (*worker).free_fibers[depth] = fiber;
        (*worker).free_fiber_count += 1;
    }
}
