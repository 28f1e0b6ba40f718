//! Panics: one line to standard error, then the end of the process with status 101 (language.md 14).
//!
//! In: texts and sites. Out: nothing comes back. The panic of a task goes to its parent first (`task::failure`). Deliberately not here: unwinding; nothing of the program runs again
//! except release functions of foreign handles.

use crate::abi::{Fiber, Site, StringObject, Text, TypeDesc};
use crate::ffi::worker::serve;
use crate::program;
use crate::task::{cancel, failure};

/// Exit status of a panic.
pub const STATUS: i32 = 101;

/// A line under construction; longer text is cut. No allocation: panics happen when memory is gone.
pub struct Line {
    bytes: [u8; 4096],
    len: usize,
}

impl Line {
    pub fn new() -> Line {
        Line { bytes: [0; 4096], len: 0 }
    }

    pub fn push(&mut self, text: &[u8]) -> &mut Line {
        let room = self.bytes.len() - self.len;
        let text = &text[..text.len().min(room)];
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
        self
    }

    pub fn push_text(&mut self, text: Text) -> &mut Line {
        if text.data.is_null() {
            return self;
        }
        // SAFETY: a `Text` describes constant bytes.
        self.push(unsafe { core::slice::from_raw_parts(text.data, text.len as usize) })
    }

    pub fn push_int(&mut self, value: i64) -> &mut Line {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = value.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            self.push(b"-");
        }
        self.push(&digits[at..])
    }

    pub fn push_hex(&mut self, value: usize) -> &mut Line {
        let mut digits = *b"0x0000000000000000";
        for (index, digit) in digits[2..].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(value >> (60 - 4 * index)) & 15];
        }
        self.push(&digits)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Default for Line {
    fn default() -> Line {
        Line::new()
    }
}

/// Bytes of a string object.
///
/// # Safety
/// `string` is null or a live string, and is not collected while the result is used.
pub unsafe fn string_bytes<'a>(string: *const StringObject) -> &'a [u8] {
    if string.is_null() {
        return b"";
    }
    // SAFETY: data and length of a string describe its text.
    unsafe { core::slice::from_raw_parts((*string).data, (*string).len as usize) }
}

/// Writes all of it, without buffers and locks: also called in signal handlers.
pub(crate) fn write_stderr(mut text: &[u8]) {
    while !text.is_empty() {
        // SAFETY: the slice is readable.
        let written = unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        if written <= 0 {
            return;
        }
        text = &text[written as usize..];
    }
}

/// Ends the process with `panic: <what> at <file>:<line>:<col>`; `site` may be null.
///
/// # Safety
/// `fiber` is the running fiber; `site` is null or a site.
pub unsafe fn raise(fiber: *mut Fiber, what: &[u8], site: *const Site) -> ! {
    // SAFETY: forwarded.
    unsafe { raise_with_notes(fiber, what, site, b"") }
}

/// As [`raise`], with explanatory lines behind the first. All panics come here, under a name for debuggers.
///
/// # Safety
/// As [`raise`].
#[inline(never)]
#[unsafe(export_name = "coex_raise")]
pub unsafe fn raise_with_notes(fiber: *mut Fiber, what: &[u8], site: *const Site, notes: &[u8]) -> ! {
    // SAFETY: forwarded.
    unsafe {
        if !fiber.is_null() && serve::is_worker() {
            serve::panicked(fiber, what, notes);
        }
        if !fiber.is_null() {
            failure::travel(fiber, what, site, notes);
        }
        end_program(fiber, what, site, notes)
    }
}

/// The panic has reached main: its children are cancelled, the line is written, the process ends.
///
/// # Safety
/// `fiber` is null or main, running.
pub(crate) unsafe fn end_program(fiber: *mut Fiber, what: &[u8], site: *const Site, notes: &[u8]) -> ! {
    // SAFETY: forwarded; the C library's streams are flushed by the C library.
    unsafe {
        if !fiber.is_null() {
            cancel::end_everything(fiber);
        }
        flush_output(fiber);
        let mut head = Line::new();
        head.push(b"panic: ");
        let mut tail = Line::new();
        push_site(&mut tail, site);
        tail.push(b"\n");
        if what.len() + tail.bytes().len() < 3000 {
            // One write, so that lines of several processes do not mix.
            head.push(what).push(tail.bytes());
            write_stderr(head.bytes());
        } else {
            write_stderr(head.bytes());
            write_stderr(what);
            write_stderr(tail.bytes());
        }
        write_stderr(notes);
        crate::ffi::tear_down_all(fiber);
        libc::fflush(core::ptr::null_mut());
        libc::_exit(STATUS)
    }
}

/// ` at <file>:<line>:<col>`, nothing for null.
///
/// # Safety
/// `site` is null or a site.
pub(crate) unsafe fn push_site(line: &mut Line, site: *const Site) {
    if !site.is_null() {
        // SAFETY: constant data.
        unsafe {
            line.push(b" at ").push_text((*site).file);
            line.push(b":").push_int(i64::from((*site).line)).push(b":").push_int(i64::from((*site).column));
        }
    }
}

unsafe fn flush_output(fiber: *mut Fiber) {
    // SAFETY: the fiber is the running one.
    unsafe {
        if !fiber.is_null() {
            program::flush(fiber);
        }
        libc::fflush(core::ptr::null_mut());
    }
}

/// `panic(text)`.
///
/// # Safety
/// `fiber` is the running fiber, `text` a string, `site` null or a site.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic(fiber: *mut Fiber, text: *const StringObject, site: *const Site) -> ! {
    // SAFETY: forwarded.
    unsafe { raise(fiber, string_bytes(text), site) }
}

macro_rules! fixed_panics {
    ($($symbol:ident $text:literal)*) => {
        $(
            /// # Safety
            /// `fiber` is the running fiber, `site` null or a site.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $symbol(fiber: *mut Fiber, site: *const Site) -> ! {
                // SAFETY: forwarded.
                unsafe { raise(fiber, $text, site) }
            }
        )*
    };
}

fixed_panics! {
    coex_panic_division b"division by zero"
    coex_panic_float_to_int b"float out of int range"
    coex_panic_byte_range b"value out of range for byte"
    coex_panic_char_range b"value out of range for char"
    coex_panic_range_step b"range step is zero"
    coex_panic_exit_ok b"exit value is Ok"
    coex_panic_unwrap_ok b"unwrap_err of Ok"
    coex_panic_string_nul b"string contains NUL"
}

/// # Safety
/// As [`coex_panic`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic_index(fiber: *mut Fiber, index: i64, len: i64, site: *const Site) -> ! {
    // SAFETY: the caller's promise.
    unsafe { crate::slot::fail_index(fiber, site, index, len) }
}

/// `nil value used where T is required`; `optional` is the type `T?`.
///
/// # Safety
/// As [`coex_panic`]; `optional` is a type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic_nil(fiber: *mut Fiber, optional: *const TypeDesc, site: *const Site) -> ! {
    let mut line = Line::new();
    // SAFETY: `args[0]` of an optional is its T.
    unsafe {
        let inner = if (*optional).args.is_null() { optional } else { *(*optional).args };
        line.push(b"nil value used where ").push_text((*inner).name).push(b" is required");
        raise(fiber, line.bytes(), site)
    }
}

/// `cannot convert "…" to T`.
///
/// # Safety
/// As [`coex_panic`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic_convert(
    fiber: *mut Fiber,
    text: *const StringObject,
    target: *const StringObject,
    site: *const Site,
) -> ! {
    let mut line = Line::new();
    // SAFETY: both are strings.
    unsafe {
        line.push(b"cannot convert \"").push(string_bytes(text)).push(b"\" to ").push(string_bytes(target));
        raise(fiber, line.bytes(), site)
    }
}

/// `argument 'P' out of range for C`.
///
/// # Safety
/// As [`coex_panic`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic_argument_range(
    fiber: *mut Fiber,
    parameter: *const StringObject,
    c_type: *const StringObject,
    site: *const Site,
) -> ! {
    let mut line = Line::new();
    // SAFETY: both are strings.
    unsafe {
        line.push(b"argument '").push(string_bytes(parameter)).push(b"' out of range for ").push(string_bytes(c_type));
        raise(fiber, line.bytes(), site)
    }
}

/// `NULL string from 'F'`.
///
/// # Safety
/// As [`coex_panic`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic_null_string(
    fiber: *mut Fiber,
    function: *const StringObject,
    site: *const Site,
) -> ! {
    let mut line = Line::new();
    // SAFETY: a string.
    unsafe {
        line.push(b"NULL string from '").push(string_bytes(function)).push(b"'");
        raise(fiber, line.bytes(), site)
    }
}
