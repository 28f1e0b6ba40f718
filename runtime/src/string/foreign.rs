//! Texts that come from C.
//!
//! In: C strings and error numbers. Out: strings; what is not UTF-8 becomes U+FFFD.

use super::{from_bytes, from_bytes_lossy};
use crate::abi::{Fiber, StringObject};
use core::ffi::{CStr, c_char};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_from_c(fiber: *mut Fiber, text: *const c_char) -> *mut StringObject {
    from_bytes_lossy(fiber, CStr::from_ptr(text).to_bytes())
}

/// The system's text of an errno value; for 0, where C gave no reason, that is not "Success".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_errno_text(fiber: *mut Fiber, code: i64) -> *mut StringObject {
    if code == 0 {
        return coex_error_code_text(fiber, code);
    }
    coex_string_from_c(fiber, libc::strerror(code as i32))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_error_code_text(fiber: *mut Fiber, code: i64) -> *mut StringObject {
    from_bytes(fiber, format!("error {code}").as_bytes())
}
