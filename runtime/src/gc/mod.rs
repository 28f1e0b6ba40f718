//! The collector.

use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use crate::abi::{Fiber, ProgramInfo};
use crate::panic;

pub(crate) unsafe fn initialise(_info: *const ProgramInfo) {}

pub(crate) unsafe fn allocate_slowly(fiber: *mut Fiber, size: usize, header: u64) -> *mut u8 {
    // SAFETY: a fresh private mapping.
    unsafe {
        let bytes = size.max(1 << 20);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let run = libc::mmap(null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if run == libc::MAP_FAILED {
            panic::raise(fiber, b"out of memory", core::ptr::null());
        }
        let run = run.cast::<u8>();
        run.cast::<u64>().write(header);
        if bytes > size {
            (*fiber).cursor = run.add(size);
            (*fiber).limit = run.add(bytes);
        }
        run
    }
}

pub(crate) unsafe fn poll(fiber: *mut Fiber) {
    // SAFETY: the running fiber.
    unsafe { (*fiber).poll.store(0, Ordering::Relaxed) }
}
