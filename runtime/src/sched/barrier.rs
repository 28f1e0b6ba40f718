//! The expensive side of one-sided barriers: `membarrier(2)`.
//!
//! In: nothing. Out: every thread of the process has passed a full barrier. The cheap side (entering and leaving foreign code,
//! pushing work) then needs a compiler fence only. Where the kernel has no membarrier, [`is_missing`] tells the cheap
//! sides to fence themselves.

use core::sync::atomic::{AtomicBool, Ordering, fence};

use super::thread;

const QUERY_REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;
const PRIVATE_EXPEDITED: i32 = 1 << 3;

static MISSING: AtomicBool = AtomicBool::new(false);

/// Before the second thread starts.
pub(crate) fn register() {
    // SAFETY: a system call without memory arguments.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, QUERY_REGISTER_PRIVATE_EXPEDITED, 0, 0) };
    if result != 0 {
        MISSING.store(true, Ordering::SeqCst);
        for thread in thread::all() {
            // SAFETY: threads live for ever.
            unsafe { (*thread).slots.poll.fetch_or(thread::poll::BARRIER, Ordering::SeqCst) };
        }
    }
}

pub(crate) fn is_missing() -> bool {
    MISSING.load(Ordering::Relaxed)
}

/// What other threads wrote before their last barrier is visible here, and what was written here is visible to them.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    if !is_missing() {
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_membarrier, PRIVATE_EXPEDITED, 0, 0) };
    }
}

/// The cheap side.
#[inline]
pub(crate) fn light() {
    if is_missing() {
        fence(Ordering::SeqCst);
    } else {
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
    }
}
