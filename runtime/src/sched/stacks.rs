//! Memory of task stacks.
//!
//! In: how deep a task may call. Out: stacks with a fiber record at their top, reused for ever and never unmapped, so that
//! a late wake of a fiber that has ended is harmless. Where the kernel can guard pages without splitting mappings
//! each stack has a guard; elsewhere the first ones have.

use crate::sync::Mutex;
use core::ptr::null_mut;

use super::fiber::FullFiber;

/// How deep the tasks of a stack may call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Depth {
    /// No recursion: frames of ordinary functions and of the runtime.
    Bounded = 0,
    /// At least 10,000 ordinary frames.
    Recursive = 1,
}

pub(crate) const DEPTHS: usize = 2;

impl Depth {
    pub(crate) const fn stack_bytes(self) -> usize {
        match self {
            Depth::Bounded => 128 << 10,
            Depth::Recursive => 8 << 20,
        }
    }

    const fn stacks_in_slab(self) -> usize {
        match self {
            Depth::Bounded => 32,
            Depth::Recursive => 4,
        }
    }
}

/// Unusable memory below each stack.
pub(crate) const GUARD_BYTES: usize = 16 << 10;
/// Below `stack_limit`: for the runtime's frames and for functions that do not check.
pub(crate) const RESERVE_BYTES: usize = 64 << 10;
/// `MADV_GUARD_INSTALL` of Linux 6.13.
const GUARD_INSTALL: i32 = 102;
/// Guards by `mprotect` split mappings, of which a process may have about 65,000.
const MOST_SPLITS: usize = 16_000;

struct Slabs {
    /// First address and depth of each mapping.
    all: Vec<(usize, Depth)>,
    free: [*mut FullFiber; DEPTHS],
    splits: usize,
}

// SAFETY: the pointers are to fibers that nobody uses; the lock guards the lists.
unsafe impl Send for Slabs {}

static SLABS: Mutex<Slabs> = Mutex::new(Slabs { all: Vec::new(), free: [null_mut(); DEPTHS], splits: 0 });

fn lock() -> crate::sync::MutexGuard<'static, Slabs> {
    SLABS.lock()
}

/// A fiber on a stack of its own; null when the system has no memory.
pub(crate) fn take(depth: Depth) -> *mut FullFiber {
    let mut slabs = lock();
    if slabs.free[depth as usize].is_null() && !map_slab(&mut slabs, depth) {
        return null_mut();
    }
    let fiber = slabs.free[depth as usize];
    // SAFETY: fibers of the list are initialised and unused.
    unsafe {
        slabs.free[depth as usize] = (*fiber).next;
        (*fiber).next = null_mut();
    }
    fiber
}

/// Back to the pool.
///
/// # Safety
/// Nobody runs on the stack.
pub(crate) unsafe fn give(fiber: *mut FullFiber) {
    let mut slabs = lock();
    // SAFETY: the caller's promise.
    unsafe {
        let depth = (*fiber).depth as usize;
        (*fiber).next = slabs.free[depth];
        slabs.free[depth] = fiber;
    }
}

fn map_slab(slabs: &mut Slabs, depth: Depth) -> bool {
    let bytes = depth.stack_bytes() * depth.stacks_in_slab();
    // SAFETY: a fresh private mapping, of which the lowest pages of each stack are made unusable.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let low = libc::mmap(null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if low == libc::MAP_FAILED {
            return false;
        }
        libc::madvise(low, bytes, libc::MADV_NOHUGEPAGE);
        slabs.all.push((low as usize, depth));
        for index in (0..depth.stacks_in_slab()).rev() {
            let low = low.cast::<u8>().add(index * depth.stack_bytes());
            guard(slabs, low);
            let fiber = FullFiber::place(low, low.add(depth.stack_bytes()), depth);
            (*fiber).next = slabs.free[depth as usize];
            slabs.free[depth as usize] = fiber;
        }
    }
    true
}

unsafe fn guard(slabs: &mut Slabs, low: *mut u8) {
    // SAFETY: pages of our own mapping that nobody uses.
    unsafe {
        if libc::madvise(low.cast(), GUARD_BYTES, GUARD_INSTALL) == 0 || slabs.splits >= MOST_SPLITS {
            return;
        }
        slabs.splits += 1;
        libc::mprotect(low.cast(), GUARD_BYTES, libc::PROT_NONE);
    }
}

/// Every fiber that was ever made, but main's.
pub(crate) fn for_each(mut visit: impl FnMut(*mut FullFiber)) {
    for &(low, depth) in &lock().all {
        for index in 0..depth.stacks_in_slab() {
            visit(FullFiber::at((low + (index + 1) * depth.stack_bytes()) as *mut u8));
        }
    }
}
