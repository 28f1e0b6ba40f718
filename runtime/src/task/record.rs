//! The record of a task.
//!
//! ```text
//!   | FullTask (TASK_PAYLOAD bytes) | arguments, result |
//! ```
//!
//! A record is owned by its parent's activation, and may stand in one queue. Who starts it claims it: its state goes from NEW to
//! RUNNING. A parent that claims it past the queue leaves an entry there; such a record is free when both are done with
//! it. Records are reused and never unmapped, so a late look at one is harmless.
//! In: sizes. Out: records, and their payloads for the collector. Deliberately not here: what the states lead to.

use crate::sync::Mutex;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::failure::Failure;
use super::scope::FullScope;
use crate::abi::{Fiber, Root, Site, TASK_PAYLOAD, Task, TaskInfo, task_flags, task_state};
use crate::sched::fiber::FullFiber;
use crate::sched::stacks::Depth;
use crate::sched::thread;

/// Bits of `Task::state` above the phase.
pub(crate) mod bits {
    /// A joiner is registered.
    pub(crate) const WAITED: u32 = 1 << 8;
    /// Was claimed past its entry in a queue.
    pub(crate) const ORPHAN: u32 = 1 << 9;
    /// The entry has been found since.
    pub(crate) const ENTRY_GONE: u32 = 1 << 10;
    /// The parent is done with the record.
    pub(crate) const RELEASED: u32 = 1 << 11;
    /// Nobody wants the result.
    pub(crate) const CANCELLED: u32 = 1 << 12;
}

#[repr(C)]
pub(crate) struct FullTask {
    pub(crate) public: Task,
    pub(crate) scope: *mut FullScope,
    /// Older child of the scope, and younger one.
    pub(crate) next: *mut FullTask,
    pub(crate) previous: *mut FullTask,
    pub(crate) site: *const Site,
    /// Who joins, and its ticket; valid with WAITED.
    pub(crate) waiter: AtomicPtr<FullFiber>,
    pub(crate) ticket: AtomicU64,
    /// Where it runs.
    pub(crate) fiber: AtomicPtr<FullFiber>,
    /// Why it ended without a result; null when it was cancelled.
    pub(crate) failure: AtomicPtr<Failure>,
    /// Root of foreign calls when the task has none of its own.
    pub(crate) root: *mut Root,
    /// Index of its size; `IS_LIVE` while it is in use.
    size: u32,
    is_live: u32,
    /// The parent gave the value up.
    pub(crate) is_dropped: bool,
}

const _: () = assert!(size_of::<FullTask>() <= TASK_PAYLOAD as usize);

/// Payloads of 64, 128, … bytes.
pub(crate) const SIZES: usize = 10;
const SMALLEST: usize = 64;
const SLAB_BYTES: usize = 64 << 10;

struct Slab {
    start: usize,
    count: usize,
    stride: usize,
}

static SLABS: Mutex<Vec<Slab>> = Mutex::new(Vec::new());

fn lock() -> crate::sync::MutexGuard<'static, Vec<Slab>> {
    SLABS.lock()
}

#[inline]
fn size_index(bytes: u32) -> usize {
    if bytes as usize <= SMALLEST {
        return 0;
    }
    let units = (bytes as usize).div_ceil(SMALLEST).max(1).next_power_of_two();
    units.trailing_zeros() as usize
}

/// A new record with a zeroed payload; null when there is no memory or the payload is too large.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn take(fiber: *mut Fiber, info: *const TaskInfo, site: *const Site) -> *mut FullTask {
    // SAFETY: the caller's promise; a worker belongs to its thread.
    unsafe {
        let index = size_index((*info).payload_bytes);
        if index >= SIZES {
            return null_mut();
        }
        let worker = (*thread::of(fiber)).worker.load(Ordering::Relaxed);
        let list = &mut (*worker).free_tasks[index];
        if list.is_null() && !map_slab(list, index) {
            return null_mut();
        }
        let task = *list;
        *list = (*task).next;
        (*task).public.info = info;
        (*task).public.state.store(task_state::NEW, Ordering::Relaxed);
        (*task).site = site;
        (*task).root = null_mut();
        (*task).failure.store(null_mut(), Ordering::Relaxed);
        (*task).fiber.store(null_mut(), Ordering::Relaxed);
        (*task).is_dropped = false;
        (*task).is_live = 1;
        clear(payload(task), (*info).payload_bytes as usize);
        task
    }
}

/// Zeroes a payload; the smallest records have room for the two words.
#[inline]
unsafe fn clear(payload: *mut u8, bytes: usize) {
    // SAFETY: within the record.
    unsafe {
        if bytes <= 16 {
            payload.cast::<[u64; 2]>().write([0; 2]);
        } else {
            payload.write_bytes(0, bytes);
        }
    }
}

fn map_slab(list: &mut *mut FullTask, index: usize) -> bool {
    let stride = TASK_PAYLOAD as usize + (SMALLEST << index);
    let count = (SLAB_BYTES / stride).max(4);
    // SAFETY: zeroed memory is a valid unused record; it is never freed.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let bytes = stride * count;
        let start = libc::mmap(null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return false;
        }
        for number in (0..count).rev() {
            let task = start.cast::<u8>().add(number * stride).cast::<FullTask>();
            (*task).size = index as u32;
            (*task).next = *list;
            *list = task;
        }
        lock().push(Slab { start: start as usize, count, stride });
    }
    true
}

#[inline]
pub(crate) fn payload(task: *mut FullTask) -> *mut u8 {
    task.cast::<u8>().wrapping_add(TASK_PAYLOAD as usize)
}

/// The parent needs the record no more; it has ended, or never began.
///
/// # Safety
/// `fiber` is the running fiber, of the activation that owns the record.
#[inline]
pub(crate) unsafe fn release(fiber: *mut Fiber, task: *mut FullTask) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*task).public.state.load(Ordering::Acquire) & bits::ORPHAN != 0 {
            let before = (*task).public.state.fetch_or(bits::RELEASED, Ordering::AcqRel);
            if before & bits::ENTRY_GONE == 0 {
                return;
            }
        }
        free(fiber, task);
    }
}

unsafe fn free(fiber: *mut Fiber, task: *mut FullTask) {
    // SAFETY: nobody uses the record.
    unsafe {
        let worker = (*thread::of(fiber)).worker.load(Ordering::Relaxed);
        (*task).is_live = 0;
        (*task).next = (*worker).free_tasks[(*task).size as usize];
        (*worker).free_tasks[(*task).size as usize] = task;
    }
}

/// Makes the caller, who has the record from a queue, its only runner. False: somebody else has it.
///
/// # Safety
/// The record's entry was taken from a queue, by this thread.
pub(crate) unsafe fn claim(task: *mut FullTask) -> bool {
    // SAFETY: records are never unmapped.
    unsafe {
        let state = &(*task).public.state;
        if begin(state, task_state::RUNNING) {
            return true;
        }
        let before = state.fetch_or(bits::ENTRY_GONE, Ordering::AcqRel);
        if before & bits::RELEASED != 0 {
            let thread = thread::current();
            let worker = (*thread).worker.load(Ordering::Relaxed);
            (*task).is_live = 0;
            (*task).next = (*worker).free_tasks[(*task).size as usize];
            (*worker).free_tasks[(*task).size as usize] = task;
        }
        false
    }
}

/// Takes a record that stands in somebody's queue; the new phase is RUNNING or ENDED. False: it has begun.
///
/// # Safety
/// The caller's activation owns the record.
pub(crate) unsafe fn claim_past_queue(task: *mut FullTask, phase: u32) -> bool {
    // SAFETY: the caller's promise.
    unsafe { begin(&(*task).public.state, phase | bits::ORPHAN) }
}

/// Adds the bits to a state that is NEW; a joiner may have registered already.
fn begin(state: &AtomicU32, with: u32) -> bool {
    let next = |state| (phase(state) == task_state::NEW).then_some(state | with);
    state.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
}

pub(crate) fn phase(state: u32) -> u32 {
    state & task_state::MASK
}

/// The stack that the task needs.
///
/// # Safety
/// A record in use.
pub(crate) unsafe fn depth(task: *mut FullTask) -> Depth {
    // SAFETY: the caller's promise.
    let flags = unsafe { (*(*task).public.info).flags };
    if flags & task_flags::RECURSIVE != 0 { Depth::Recursive } else { Depth::Bounded }
}

/// Payloads of all records in use. The world is stopped.
pub(crate) fn for_each_range(mut visit: impl FnMut(usize, usize)) {
    for slab in &*lock() {
        for number in 0..slab.count {
            let task = (slab.start + number * slab.stride) as *mut FullTask;
            // SAFETY: records are never unmapped.
            unsafe {
                if (*task).is_live != 0 {
                    let low = payload(task) as usize;
                    visit(low, low + ((*(*task).public.info).payload_bytes as usize).next_multiple_of(8));
                }
            }
        }
    }
    super::range::for_each_result(visit);
}
