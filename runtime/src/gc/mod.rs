//! The collector: generational, mark-region, conservative stacks, precise heap.
//!
//! In: slow allocations, and what the stopped world's stacks and roots are. Out: memory. The states of a block:
//!
//! ```text
//!   unused/free --take_young--> young --minor--> free          (everything live in it has moved)
//!                                     --minor--> recyclable    (stacks point at some objects: they stay, and are old)
//!   free --take_old--> small --full--> free, recyclable (some free lines: filled with objects that become old)
//!   free --take_large--> large young, bodies --minor--> large head --full--> free
//! ```
//!
//! A minor collection makes all live young objects old; it starts when the young ones fill the nursery. A full one follows
//! when as much has become old as was live, at least 32 MiB: it marks, moves the objects of sparse blocks, and sweeps.
//! What a word of a stack points at never moves. Deliberately not here: how the world stops.

pub(crate) mod find;
pub(crate) mod full;
pub(crate) mod heap;
pub(crate) mod minor;
pub(crate) mod object;
pub(crate) mod parallel;
pub(crate) mod remember;
pub mod report;
pub(crate) mod stress;
pub(crate) mod sweep;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod verify;

use crate::sync::{Mutex, MutexGuard};
use core::sync::atomic::Ordering;

use crate::abi::{Fiber, LARGE_OBJECT_BYTES, ProgramInfo};
use crate::sched::{fiber, thread, worker, world};
use crate::{arch, panic};
use full::Full;
use heap::{Heap, LINE_BYTES, Run};
use minor::Minor;
pub use remember::barrier;

/// Bytes of young objects between two collections, for each worker.
pub(crate) const NURSERY_MIN: usize = 4 << 20;
/// The same when many objects survive.
pub(crate) const NURSERY_MAX: usize = 32 << 20;
/// Deep stacks are scanned at every collection: as much is allocated between two of them, up to this.
const NURSERY_FOR_STACKS: usize = 512 << 20;
/// Large objects allocated between two collections take at most so many bytes.
const YOUNG_LARGE_BYTES: usize = 32 << 20;
/// Objects that become old between two full collections take at least this much.
pub(crate) const BUDGET_MIN: usize = 32 << 20;

/// After marking more objects the memory of the mark stack goes back to the system.
const MARK_STACK_KEPT: u64 = 1 << 20;

/// No holder of these locks allocates objects or looks for polls.
static HEAP: Mutex<Heap> = Mutex::new(Heap::new());
/// Addresses of words outside stacks and heap that hold references.
static ROOTS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The heap, for as long as the result lives. A collection takes it for itself.
pub(crate) fn heap() -> MutexGuard<'static, Heap> {
    HEAP.lock()
}

fn roots() -> MutexGuard<'static, Vec<usize>> {
    ROOTS.lock()
}

/// Takes the type table; the heap itself is reserved by the first allocation.
///
/// # Safety
/// `info` is the program's, constant for the rest of the process.
pub(crate) unsafe fn initialise(info: *const ProgramInfo) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut heap = heap();
        heap.rows = (*info).types;
        heap.row_count = (*info).type_count;
    }
    stress::read_environment();
}

/// An empty heap and default settings, for the next test.
#[cfg(test)]
pub(crate) unsafe fn coex_test_reset(info: &'static ProgramInfo) {
    // SAFETY: the caller holds the lock of the tests; the table is static.
    unsafe {
        world::forget_buffers();
        heap().unmap();
        *heap() = Heap::new();
        remember::remembered().clear();
        roots().clear();
        initialise(info);
        stress::set_every(0);
        stress::set_verify(false);
        crate::program::set_info(info);
    }
}

/// Registers a word that holds a reference, or null, for the rest of the process.
pub fn add_root(word: *mut *mut u8) {
    roots().push(word as usize);
}

/// What a collection is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Free memory; a full collection when enough has become old.
    Young,
    /// Everything.
    Full,
}

/// The slow side of allocation: a new run, a large object, a collection.
///
/// # Safety
/// `fiber` is the running fiber; `size` is a multiple of 8.
pub(crate) unsafe fn allocate_slowly(fiber: *mut Fiber, size: usize, header: u64) -> *mut u8 {
    // SAFETY: the fiber is the running one; the heap hands out memory that nobody uses.
    unsafe {
        if world::is_requested() {
            world::stop_here(fiber);
        } else if let Some(wanted) = stress::is_due() {
            collect(fiber, wanted);
        }
        for wanted in [Some(Wanted::Young), Some(Wanted::Full), None] {
            if let Some(object) = try_allocate(fiber, size, header, wanted == Some(Wanted::Young)) {
                (object as *mut u64).write(header);
                return object as *mut u8;
            }
            if let Some(wanted) = wanted {
                collect(fiber, wanted);
            }
        }
        out_of_memory(fiber)
    }
}

/// None: the heap is full, or, when `within_budget`, a collection is due.
unsafe fn try_allocate(fiber: *mut Fiber, size: usize, header: u64, within_budget: bool) -> Option<usize> {
    let heap = &mut *heap();
    if heap.base == 0 && !heap.reserve() {
        return None;
    }
    let due = heap.young.len() << heap::BLOCK_SHIFT >= heap.nursery || heap.young_large_bytes >= YOUNG_LARGE_BYTES;
    if within_budget && due {
        return None;
    }
    if size > LARGE_OBJECT_BYTES as usize {
        return heap.take_large(size, header);
    }
    // SAFETY: cursor and limit of the fiber bound its run.
    unsafe {
        let room = (*fiber).limit as usize - (*fiber).cursor as usize;
        if size > room {
            if size > LINE_BYTES {
                return allocate_medium(heap, fiber, size);
            }
            let (start, end) = if stress::enabled() { take_short_run(heap)? } else { heap.take_young()? };
            (*fiber).cursor = start as *mut u8;
            (*fiber).limit = end as *mut u8;
        }
        let object = (*fiber).cursor;
        (*fiber).cursor = object.add(size);
        Some(object as usize)
    }
}

/// An object longer than a line does not end a run that has room for small ones: it goes to a second run. The longer of the
/// two is then the fiber's, so that a program which only makes such objects stays on the inline path.
unsafe fn allocate_medium(heap: &mut Heap, fiber: *mut Fiber, size: usize) -> Option<usize> {
    let (mut cursor, mut end) = heap.overflow;
    if size > end - cursor {
        (cursor, end) = heap.take_young()?;
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
fn take_short_run(heap: &mut Heap) -> Option<Run> {
    let (start, end) = heap.pending;
    let (start, end) = if start < end { (start, end) } else { heap.take_young()? };
    let middle = (start + stress::RUN_BYTES).min(end);
    heap.pending = (middle, end);
    Some((start, middle))
}

struct Request {
    fiber: *mut Fiber,
    wanted: Wanted,
}

/// A collection, unless another thread makes one meanwhile.
///
/// # Safety
/// `fiber` is the running fiber, and this runs on its stack.
#[inline(never)]
pub(crate) unsafe fn collect(fiber: *mut Fiber, wanted: Wanted) {
    let mut request = Request { fiber, wanted };
    // SAFETY: forwarded; the spilled registers lie above the stack pointer that `collect_from` gets.
    unsafe { arch::coex_with_spilled_registers((&raw mut request).cast(), collect_from) }
}

unsafe extern "C" fn collect_from(request: *mut u8, stack_pointer: *mut u8) {
    // SAFETY: the request of `collect`; the world's stacks are readable while it stands.
    unsafe {
        let Request { fiber, wanted } = *request.cast::<Request>();
        if !world::stop(fiber) {
            return;
        }
        let heap = &mut *heap();
        if heap.base != 0 {
            Stopped { fiber, stack_pointer }.collect(heap, wanted);
        }
        world::resume();
    }
}

/// The stopped world, seen by the fiber that collects.
struct Stopped {
    fiber: *mut Fiber,
    stack_pointer: *mut u8,
}

impl Stopped {
    unsafe fn collect(&self, heap: &mut Heap, wanted: Wanted) {
        let mut unused = 0;
        world::for_each_buffer(self.fiber, |cursor, limit| {
            unused += *limit as usize - *cursor as usize;
            *cursor = core::ptr::null_mut();
            *limit = core::ptr::null_mut();
        });
        heap.overflow = (0, 0);
        heap.pending = (0, 0);
        if stress::verifies() {
            check(heap.verify(heap.starts));
        }
        let mut stack_bytes = 0;
        let mut minor = Minor::new(heap);
        // SAFETY: stacks and ranges of the stopped world are readable, registered words live as long as the process.
        unsafe {
            self.for_each_range(Wanted::Young, |low, high| {
                stack_bytes += high - low;
                minor.pin_range(low, high);
            });
            for &word in roots().iter() {
                minor.forward(word as *mut usize);
            }
        }
        minor.finish();
        heap.statistics.total_bytes -= unused as u64;
        let workers = worker::all().count();
        heap.nursery = heap.nursery.max(workers * NURSERY_MIN).max(stack_bytes.min(NURSERY_FOR_STACKS));
        if wanted == Wanted::Full || heap.old_bytes >= heap.budget {
            // SAFETY: forwarded; nothing is young.
            unsafe { self.collect_old(heap) };
        }
        stress::collected((heap.frontier << heap::BLOCK_SHIFT) + 128 * stack_bytes);
    }

    unsafe fn collect_old(&self, heap: &mut Heap) {
        let mut full = Full::new(heap);
        // SAFETY: as in `collect`.
        unsafe {
            self.for_each_range(Wanted::Full, |low, high| full.mark_range(low, high));
            for &word in roots().iter() {
                full.forward(word as *mut usize);
            }
        }
        let objects = full.finish();
        if stress::verifies() {
            check(heap.verify(heap.marks));
        }
        let live = heap.sweep();
        heap.statistics.live_bytes = live as u64;
        heap.statistics.live_objects = objects;
        if objects > MARK_STACK_KEPT {
            let bytes = (objects as usize * 8).min(heap.bytes / 2);
            // SAFETY: the mark stack is empty.
            unsafe { libc::madvise(heap.mark_stack.cast(), bytes, libc::MADV_DONTNEED) };
        }
        heap.old_bytes = 0;
        heap.budget = BUDGET_MIN.max(live);
        heap.release();
    }

    /// All memory whose words may be anything. The stack of a fiber that has not run since the last collection refers to old
    /// objects only.
    fn for_each_range(&self, wanted: Wanted, mut visit: impl FnMut(usize, usize)) {
        world::for_each_stack(self.fiber, self.stack_pointer, |fiber, low, high| {
            // SAFETY: fibers live for ever, and nobody runs.
            let has_run = unsafe { (*fiber).has_run.swap(false, Ordering::Relaxed) };
            if has_run || wanted == Wanted::Full {
                visit(low, high);
            }
        });
        for thread in thread::all() {
            // SAFETY: threads live for ever. Their fibers go on without a switch that would set the flag.
            unsafe {
                let fiber = thread::fiber_on(&raw mut (*thread).slots);
                if !fiber.is_null() {
                    (*fiber::full(fiber)).has_run.store(true, Ordering::Relaxed);
                }
            }
        }
        world::for_each_range(visit);
    }
}

fn check(faults: u64) {
    if faults != 0 {
        panic::write_stderr(b"coex: the heap is inconsistent\n");
        // SAFETY: ends the process.
        unsafe { libc::abort() }
    }
}

/// Somebody set `poll`.
///
/// # Safety
/// `fiber` is the running fiber.
pub(crate) unsafe fn poll(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe {
        if world::is_requested() {
            world::stop_here(fiber);
        }
        crate::task::cancel::look(fiber);
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
