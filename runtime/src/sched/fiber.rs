//! A fiber: a task stack and what the scheduler keeps about it.
//!
//! ```text
//!   low                                                              high
//!   | guard | … free …            frames | first frame | FullFiber |
//!                                 ^ fiber.sp           ^ stack_base
//! ```
//!
//! In: stacks. Out: fibers that can be switched to. Deliberately not here: when.

use core::mem::offset_of;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::stacks::{Depth, GUARD_BYTES, RESERVE_BYTES};
use crate::abi::{Fiber, Site, entered};
use crate::arch;
use crate::task::record::FullTask;

/// `FullFiber::park`
pub(crate) mod park {
    pub(crate) const RUNNING: u32 = 0;
    /// Off its thread; whoever wins the wait puts it into a queue.
    pub(crate) const PARKED: u32 = 1;
    /// Woken before it was off its thread.
    pub(crate) const NOTIFIED: u32 = 2;
}

/// What a parked fiber waits for: the text of a deadlock's report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Nothing,
    Child,
    Send,
    Receive,
    Select,
    Sleep,
    Lock,
}

#[repr(C)]
pub(crate) struct FullFiber {
    pub(crate) public: Fiber,
    /// Ticket of the current wait, shifted by 2, and how it ended; see `wait`.
    pub(crate) wait: AtomicU64,
    /// [`park`]
    pub(crate) park: AtomicU32,
    /// The watcher wants somebody else to run.
    pub(crate) preempt: AtomicBool,
    /// A cancellation is under way: waits are not cut short, polls do not start another one.
    pub(crate) is_unwinding: bool,
    /// Holds a stack that the collector must look at.
    pub(crate) in_use: bool,
    /// Counts `within` statements.
    pub(crate) withins: u64,
    /// Ran, or was woken by somebody who may have written to its stack, since the collector cleared this: only then can its
    /// stack refer to young objects.
    pub(crate) has_run: AtomicBool,
    pub(crate) what: What,
    pub(crate) site: *const Site,
    /// Where main waits for a child that runs on its stack, or for the rounds of a parallel `for`.
    pub(crate) main_site: *const Site,
    pub(crate) depth: Depth,
    /// Lowest usable address.
    pub(crate) stack_low: *mut u8,
    /// What a fresh fiber begins with.
    pub(crate) first: *mut FullTask,
    /// The task that the fiber runs, the innermost one; null in main.
    pub(crate) task: *mut FullTask,
    /// List of unused fibers.
    pub(crate) next: *mut FullFiber,
}

/// The fiber shall look in the slow path; what is wanted has been written before.
///
/// # Safety
/// `fiber` is or was a fiber.
pub(crate) unsafe fn ask(fiber: *mut Fiber) {
    // SAFETY: fibers are never unmapped.
    unsafe {
        (*fiber).poll.store(1, Ordering::SeqCst);
        (*fiber).stack_check.store(u64::MAX, Ordering::SeqCst);
    }
}

/// Bytes at the top of a stack.
const RECORD_BYTES: usize = (size_of::<FullFiber>() + 63) & !63;

const _: () = assert!(offset_of!(FullFiber, public) == 0);

impl FullFiber {
    pub(crate) const fn new() -> FullFiber {
        FullFiber {
            public: Fiber {
                cursor: null_mut(),
                limit: null_mut(),
                poll: AtomicU32::new(0),
                ffi_failed: 0,
                scope: null_mut(),
                sp: null_mut(),
                sys: null_mut(),
                entered: entered::NOTHING,
                reserved: 0,
                thread: null_mut(),
                root: null_mut(),
                ffi_roots: null_mut(),
                deadline: AtomicU64::new(0),
                stack_limit: null_mut(),
                stack_base: null_mut(),
                print_pending: 0,
                ffi_site: null(),
                landing: null_mut(),
                range: null_mut(),
                returned: [0; 6],
                foreign: null_mut(),
                stack_check: AtomicU64::new(0),
            },
            wait: AtomicU64::new(0),
            park: AtomicU32::new(park::RUNNING),
            preempt: AtomicBool::new(false),
            is_unwinding: false,
            in_use: false,
            withins: 0,
            has_run: AtomicBool::new(false),
            what: What::Nothing,
            site: null(),
            main_site: null(),
            depth: Depth::Bounded,
            stack_low: null_mut(),
            first: null_mut(),
            task: null_mut(),
            next: null_mut(),
        }
    }

    /// Recursion ends at this address.
    pub(crate) fn limit_stack(&mut self, limit: *mut u8) {
        self.public.stack_limit = limit;
        *self.public.stack_check.get_mut() = limit as u64;
    }

    /// Where the record of the stack that ends at `high` lies.
    pub(crate) fn at(high: *mut u8) -> *mut FullFiber {
        high.wrapping_sub(RECORD_BYTES).cast()
    }

    /// A fresh record at the top of `low..high`.
    ///
    /// # Safety
    /// The memory is mapped and unused.
    pub(crate) unsafe fn place(low: *mut u8, high: *mut u8, depth: Depth) -> *mut FullFiber {
        let fiber = FullFiber::at(high);
        // SAFETY: the caller's promise.
        unsafe {
            fiber.write(FullFiber::new());
            (*fiber).depth = depth;
            (*fiber).stack_low = low.add(GUARD_BYTES);
            (*fiber).public.stack_base = fiber.cast();
            (*fiber).limit_stack(low.add(GUARD_BYTES + RESERVE_BYTES));
        }
        fiber
    }

    /// Makes `coex_switch_to` begin `body`.
    ///
    /// # Safety
    /// Nothing on the stack is used any more.
    pub(crate) unsafe fn begin_at(this: *mut FullFiber, body: unsafe extern "C" fn(*mut Fiber) -> !) {
        // SAFETY: the caller's promise; the order of the words is that of `coex_switch_to`.
        unsafe {
            let top = ((*this).public.stack_base as usize & !15) as *mut u64;
            let frame = top.sub(4);
            let start = arch::coex_fiber_start as *const () as u64;
            let words = [body as *const () as u64, start, 0, 0];
            frame.copy_from_nonoverlapping(words.as_ptr(), words.len());
            (*this).public.sp = frame.cast();
        }
    }
}

/// The whole record of a fiber.
#[inline]
pub(crate) fn full(fiber: *mut Fiber) -> *mut FullFiber {
    fiber.cast()
}
