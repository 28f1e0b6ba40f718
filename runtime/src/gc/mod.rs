//! The collector, stage 1: stop-the-world, mark-region, non-moving, conservative stacks, precise heap.
//!
//! In: slow allocations and polls of the one running fiber. Out: memory. A cycle of a block's states:
//!
//! ```text
//!   unused/free --take_block--> small --sweep--> free        (no live line)
//!                                       --sweep--> recyclable  (some free lines: handed out as holes)
//!                                       --sweep--> small       (nearly full)
//!   free --take_large--> large head, bodies --sweep--> free
//! ```
//!
//! A collection: retire the runs of the fiber, clear marks, scan roots (stack with spilled registers, registered words),
//! mark, sweep, release memory. It starts when as much has been handed out as was live, at least 32 MiB.
//! Deliberately not here: moving, generations, several threads.

pub(crate) mod find;
pub(crate) mod heap;
pub(crate) mod mark;
pub(crate) mod object;
pub(crate) mod remember;
pub mod report;
pub(crate) mod stress;
pub(crate) mod sweep;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod verify;

use core::ptr::null_mut;

use crate::abi::{Fiber, LARGE_OBJECT_BYTES, ProgramInfo};
use crate::program::Global;
use crate::{arch, panic};
use heap::{BLOCK_BYTES, Heap, LINE_BYTES};
use mark::Marker;
pub use remember::barrier;

/// Allocation between two collections is at least this much.
pub(crate) const BUDGET_MIN: usize = 32 << 20;

/// After marking more objects the memory of the mark stack goes back to the system.
const MARK_STACK_KEPT: u64 = 1 << 20;

static HEAP: Global<Heap> = Global::new(Heap::new());
/// Words outside stack and heap that hold references.
static ROOTS: Global<Vec<*mut *mut u8>> = Global::new(Vec::new());

/// The heap. References to it must not live across another call of this function.
pub(crate) fn heap() -> &'static mut Heap {
    // SAFETY: stage 1 has one mutator thread.
    unsafe { &mut *HEAP.get() }
}

/// Takes the type table; the heap itself is reserved by the first allocation.
///
/// # Safety
/// `info` is the program's, constant for the rest of the process.
pub(crate) unsafe fn initialise(info: *const ProgramInfo) {
    // SAFETY: the caller's promise.
    unsafe {
        heap().types = (*info).types;
        heap().type_count = (*info).type_count;
    }
    stress::read_environment();
}

/// An empty heap and default settings, for the next test.
#[cfg(test)]
pub(crate) unsafe fn coex_test_reset(info: &'static ProgramInfo) {
    // SAFETY: the caller holds the lock of the tests; the table is static.
    unsafe {
        heap().unmap();
        *heap() = Heap::new();
        crate::sched::world::forget_buffers();
        initialise(info);
        stress::set_every(0);
        stress::set_verify(false);
        crate::program::set_info(info);
    }
}

/// Registers a word that holds a reference, or null, for the rest of the process.
pub fn add_root(word: *mut *mut u8) {
    // SAFETY: one mutator thread.
    unsafe { (*ROOTS.get()).push(word) }
}

/// The slow side of allocation: a new run, an object between the holes, a large object, a collection.
///
/// # Safety
/// `fiber` is the running fiber; `size` is a multiple of 8.
pub(crate) unsafe fn allocate_slowly(fiber: *mut Fiber, size: usize, header: u64) -> *mut u8 {
    // SAFETY: the fiber is the running one; the heap hands out memory that nobody uses.
    unsafe {
        if heap().base == 0 && !heap().reserve() {
            out_of_memory(fiber);
        }
        if heap().allocated >= heap().budget || stress::is_due() {
            collect(fiber);
        }
        let object = match allocate(fiber, size) {
            Some(object) => object,
            None => {
                collect(fiber);
                match allocate(fiber, size) {
                    Some(object) => object,
                    None => out_of_memory(fiber),
                }
            }
        };
        (object as *mut u64).write(header);
        object as *mut u8
    }
}

unsafe fn allocate(fiber: *mut Fiber, size: usize) -> Option<usize> {
    if size > LARGE_OBJECT_BYTES as usize {
        return heap().take_large(size);
    }
    // SAFETY: cursor and limit of the fiber bound its run.
    unsafe {
        if size > LINE_BYTES {
            return allocate_medium(fiber, size);
        }
        let room = (*fiber).limit as usize - (*fiber).cursor as usize;
        if size > room {
            let (start, end) = if stress::enabled() { take_short_run()? } else { heap().take_run()? };
            (*fiber).cursor = start as *mut u8;
            (*fiber).limit = end as *mut u8;
        }
        let object = (*fiber).cursor;
        (*fiber).cursor = object.add(size);
        Some(object as usize)
    }
}

/// Objects longer than a line do not fit into every hole: they go to a second run, a wide hole or a block. The longer of the two
/// is then the fiber's, so that a program which only makes such objects stays on the inline path.
unsafe fn allocate_medium(fiber: *mut Fiber, size: usize) -> Option<usize> {
    let heap = heap();
    let (mut cursor, mut end) = heap.overflow;
    if size > end - cursor {
        (cursor, end) = heap.take_wide_hole(size).or_else(|| heap.take_block())?;
    }
    let object = cursor;
    heap.overflow = (cursor + size, end);
    // SAFETY: the running fiber.
    unsafe {
        let room = (*fiber).limit as usize - (*fiber).cursor as usize;
        if end - heap.overflow.0 > room && !stress::enabled() {
            let run = ((*fiber).cursor as usize, (*fiber).limit as usize);
            (*fiber).cursor = heap.overflow.0 as *mut u8;
            (*fiber).limit = heap.overflow.1 as *mut u8;
            heap.overflow = run;
        }
    }
    Some(object)
}

/// Two lines at a time, so that slow allocations, and collections, are frequent.
fn take_short_run() -> Option<(usize, usize)> {
    let heap = heap();
    let (start, end) = heap.pending;
    let (start, end) = if start < end { (start, end) } else { heap.take_run()? };
    let middle = (start + stress::RUN_BYTES).min(end);
    heap.pending = (middle, end);
    Some((start, middle))
}

/// A full collection.
///
/// # Safety
/// `fiber` is the running fiber, and this runs on its stack.
#[inline(never)]
pub(crate) unsafe fn collect(fiber: *mut Fiber) {
    // SAFETY: forwarded; the spilled registers lie above the stack pointer that `collect_from` gets.
    unsafe { arch::coex_with_spilled_registers(fiber.cast(), collect_from) }
}

unsafe extern "C" fn collect_from(fiber: *mut u8, stack_pointer: *mut u8) {
    let fiber = fiber.cast::<Fiber>();
    let heap = heap();
    if heap.base == 0 {
        return;
    }
    // SAFETY: the stack is readable from its pointer to its base; registered words live as long as the process.
    unsafe {
        let unused = (*fiber).limit as usize - (*fiber).cursor as usize;
        (*fiber).cursor = null_mut();
        (*fiber).limit = null_mut();
        heap.overflow = (0, 0);
        heap.pending = (0, 0);
        heap.make_plans();
        heap.prepare_marking();

        let mut marker = Marker::new(heap);
        marker.mark_range(stack_pointer as usize, (*fiber).stack_base as usize);
        for &word in &*ROOTS.get() {
            marker.mark_word(*word as usize);
        }
        marker.drain();
        let objects = marker.objects;

        if stress::verifies() && heap.verify(heap.marks) != 0 {
            panic::write_stderr(b"coex: the heap is inconsistent\n");
            libc::abort();
        }
        let live = heap.sweep();
        let stack_bytes = (*fiber).stack_base as usize - stack_pointer as usize;
        heap.statistics.collections += 1;
        heap.statistics.total_bytes += (heap.allocated - unused.min(heap.allocated)) as u64;
        heap.statistics.live_bytes = live as u64;
        heap.statistics.live_objects = objects;
        if objects > MARK_STACK_KEPT {
            let bytes = (objects as usize * 8).min(heap.bytes / 2);
            libc::madvise(heap.mark_stack.cast(), bytes, libc::MADV_DONTNEED);
        }
        heap.allocated = 0;
        heap.budget = BUDGET_MIN.max(live) + 4 * stack_bytes;
        heap.release();
    }
}

/// Somebody set `poll`: stage 1 has nobody who would wait.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn poll(fiber: *mut Fiber) {
    // SAFETY: the running fiber, on its stack.
    unsafe {
        crate::task::cancel::look(fiber);
        if heap().allocated + BLOCK_BYTES >= heap().budget {
            collect(fiber);
        }
    }
}

#[cold]
unsafe fn out_of_memory(fiber: *mut Fiber) -> ! {
    // SAFETY: the running fiber.
    unsafe { panic::raise(fiber, b"out of memory", core::ptr::null()) }
}

/// A header that no object has: the process cannot go on.
#[cold]
pub(crate) fn corrupted(object: usize) -> ! {
    let mut line = panic::Line::new();
    line.push(b"coex: the heap is damaged at ").push_hex(object).push(b"\n");
    panic::write_stderr(line.bytes());
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}
