//! Errors that LLVM cannot return from become reports of ours instead of its own exit status 1.
//!
//! In: LLVM's text. Out: nothing; the process ends. Deliberately not here: LLVM's diagnostics, which are `object`'s.

use std::ffi::{CStr, c_char};

use inkwell::llvm_sys::error_handling::LLVMInstallFatalErrorHandler;

use crate::crash;

/// From now on; asking again changes nothing. Starts nothing of LLVM.
pub fn watch() {
    // SAFETY: the handler has the form that is asked for, and never returns.
    unsafe { LLVMInstallFatalErrorHandler(Some(on_error)) };
    #[cfg(debug_assertions)]
    if crash::rehearsal::wants_llvm(crash::stage()) {
        // SAFETY: the text ends with NUL. LLVM takes a layout that it cannot read for the end of everything.
        unsafe { inkwell::llvm_sys::target::LLVMCreateTargetData(c"no layout".as_ptr()) };
    }
}

extern "C" fn on_error(reason: *const c_char) {
    // SAFETY: LLVM passes a text that lives as long as the call.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy();
    crash::die(&format!("LLVM: {reason}"))
}
