//! `longjmp` stays within its foreign call: the place it names must be a frame of C code that is still there.
//!
//! In: calls of C code. Out: the jump, or the end of the call as a crash. A frame that has returned may be on another
//! thread's stack, or on this one below what runs now; a jump there would take the runtime with it. Deliberately not
//! here: a frame that has returned and whose place another frame of the same call has taken, which C leaves undefined too.

use core::ffi::{c_int, c_void};

use super::lock::Section;
use super::{abandon, crash, instance};
use crate::arch;
use crate::program;

unsafe extern "C" {
    fn longjmp(place: *mut c_void, value: c_int) -> !;
}

/// # Safety
/// As C's `longjmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_longjmp(place: *mut c_void, value: c_int) -> ! {
    // SAFETY: forwarded; this frame has nothing to drop.
    unsafe {
        if !is_within_call(place) {
            crash::leave_call(b"longjmp out of the call");
        }
        longjmp(place, value)
    }
}

/// # Safety
/// As POSIX' `siglongjmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_siglongjmp(place: *mut c_void, value: c_int) -> ! {
    // SAFETY: glibc has one function for both; the buffer says whether there is a mask.
    unsafe { coex_shim_longjmp(place, value) }
}

/// True also where no call of Coex runs: in threads that the library has made.
unsafe fn is_within_call(place: *mut c_void) -> bool {
    let thread = program::running_thread();
    if thread.is_null() || instance::current().is_null() {
        return true;
    }
    let here = 0u8;
    // SAFETY: `setjmp` has filled the buffer; the section keeps the fiber from being taken away.
    unsafe {
        let _section = Section::enter();
        let target = arch::saved_stack_pointer(place.cast());
        target > (&raw const here) as usize && target < abandon::system_stack(thread) as usize
    }
}
