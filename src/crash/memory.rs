//! Remembers that memory has run out, so that the abort which follows is not taken for a defect.
//!
//! In: requests for memory. Out: memory of the system's allocator. C++ has its own; [`is_short`] asks the kernel.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// What C++ asks for at a time seldom exceeds this.
const PROBE_BYTES: usize = 32 << 20;

pub struct Allocator;

fn noticed(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        HAS_FAILED.store(true, Ordering::Relaxed);
    }
    memory
}

// SAFETY: every request goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one that is asked for.
        noticed(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        noticed(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        noticed(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Ends the process; nothing is wrong with the compiler. Calls nothing that a signal handler may not call.
pub fn give_up() -> ! {
    let text = b"error: Out of memory: the system or a limit (ulimit -v) gives the compiler no more\n";
    // SAFETY: the text is readable; the process ends at once, with the status of something that is missing.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        libc::_exit(3)
    }
}

/// Whether an abort was for want of memory. Calls nothing that a signal handler may not call.
pub(super) fn is_short() -> bool {
    if HAS_FAILED.load(Ordering::Relaxed) {
        return true;
    }
    // SAFETY: a private mapping at a place of the kernel's choice disturbs nobody, and is taken away again.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let probe = libc::mmap(ptr::null_mut(), PROBE_BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        probe == libc::MAP_FAILED || libc::munmap(probe, PROBE_BYTES) != 0
    }
}
