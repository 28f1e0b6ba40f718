//! Faults of foreign code.

use core::ffi::c_int;

use crate::abi::Fiber;

/// # Safety
/// In a signal handler, while the fiber runs foreign code.
pub(crate) unsafe fn on_signal(_fiber: *mut Fiber, signal: c_int, _context: *mut libc::ucontext_t) {
    // SAFETY: the fault happens again and ends the process.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
    }
}
