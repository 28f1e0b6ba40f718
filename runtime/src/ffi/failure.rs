//! How a foreign call tells that it failed: `coex_ffi_fail`, and crashes.
//!
//! In: a code and a text from C, or what a signal meant, noted at the thread (`side`). Out: `fiber.ffi_failed`, which compiled
//! code looks at after every call, and the exports that it then asks. One failure at a time: it is consumed before the next.

use core::ffi::{CStr, c_char};

use super::side;
pub(crate) use crate::abi::ffi_failure::{CRASHED, FAILED};
use crate::abi::{Fiber, Site, StringObject, header, type_id};
use crate::panic;

const TEXT_BYTES: usize = 4096;

/// Code and text.
pub(crate) struct Failure {
    code: i64,
    len: usize,
    text: [u8; TEXT_BYTES],
}

impl Failure {
    pub(crate) const fn new() -> Failure {
        Failure { code: 0, len: 0, text: [0; TEXT_BYTES] }
    }

    pub(crate) fn set(&mut self, code: i64, parts: &[&[u8]]) {
        self.code = code;
        self.len = 0;
        for part in parts {
            let count = part.len().min(TEXT_BYTES - self.len);
            self.text[self.len..self.len + count].copy_from_slice(&part[..count]);
            self.len += count;
        }
    }

    pub(crate) fn copy(&mut self, other: &Failure) {
        self.set(other.code, &[other.text()]);
    }

    fn text(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

/// Notes the failure of the running call. Also called in signal handlers: no allocation.
pub(crate) fn record(kind: u32, code: i64, parts: &[&[u8]]) {
    // SAFETY: this thread's record.
    unsafe {
        let notes = &mut *side::notes();
        notes.failure.set(code, parts);
        notes.failed = kind;
    }
    side::report_end_of_call();
}

/// The failure that the fiber's last call has left, which is over.
unsafe fn taken<'a>(fiber: *mut Fiber) -> (i64, &'a [u8]) {
    // SAFETY: the running fiber and its record.
    unsafe {
        (*fiber).ffi_failed = 0;
        match side::of(fiber) {
            Some(side) => (side.failure.code, side.failure.text()),
            None => (0, b"foreign code failed, and there is no memory to say why"),
        }
    }
}

/// The call that runs fails with this code and text.
///
/// # Safety
/// `text` is null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_ffi_fail_text(code: i64, text: *const c_char) {
    // SAFETY: the caller's promise.
    let text = if text.is_null() { b"".as_slice() } else { unsafe { CStr::from_ptr(text).to_bytes() } };
    record(FAILED, code, &[text]);
}

/// The code of the failure, which is over. A crash has none: it is a panic where the program takes no text.
///
/// # Safety
/// `fiber` is the running fiber, whose last foreign call failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_ffi_failure_code(fiber: *mut Fiber) -> i64 {
    // SAFETY: forwarded.
    unsafe {
        if (*fiber).ffi_failed == CRASHED {
            coex_panic_ffi_failure(fiber, (*fiber).ffi_site);
        }
        taken(fiber).0
    }
}

/// The text of the failure, as a string; the failure is over.
///
/// # Safety
/// As [`coex_ffi_failure_code`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_ffi_failure_text(fiber: *mut Fiber) -> *mut StringObject {
    // SAFETY: forwarded.
    unsafe {
        let (_, text) = taken(fiber);
        new_string(fiber, text)
    }
}

/// Panics with the text of the failure.
///
/// # Safety
/// As [`coex_ffi_failure_code`]; `site` is the call's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic_ffi_failure(fiber: *mut Fiber, site: *const Site) -> ! {
    // SAFETY: forwarded.
    unsafe {
        let (_, text) = taken(fiber);
        panic::raise(fiber, text, site)
    }
}

/// Flat text from bytes; invalid UTF-8 becomes U+FFFD.
unsafe fn new_string(fiber: *mut Fiber, bytes: &[u8]) -> *mut StringObject {
    let text = String::from_utf8_lossy(bytes);
    // SAFETY: a fresh object with room for the text and a NUL.
    unsafe {
        let size = size_of::<StringObject>() + text.len() + 1;
        let object = crate::alloc::alloc(fiber, size, header(type_id::STRING, 0)).cast::<StringObject>();
        let data = object.cast::<u8>().add(size_of::<StringObject>());
        (*object).len = text.len() as i64;
        (*object).chars = text.chars().count() as i64;
        (*object).data = data;
        core::ptr::copy_nonoverlapping(text.as_ptr(), data, text.len());
        object
    }
}
