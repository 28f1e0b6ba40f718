//! The environment of an instance: the process' own, with the changes that its C code has made.
//!
//! In: calls of C code. Out: texts. The process' environment never changes. Deliberately not here: C code that
//! names the variable `environ`, which has a list of its own (`native::companions`).

use core::ffi::{CStr, c_char, c_int};
use core::ptr::null_mut;

use super::instance::FullInstance;
use super::shims::{private, set_errno};

/// Changes, newest first, in the instance's heap.
#[repr(C)]
pub(crate) struct Environment {
    changes: *mut Change,
    /// `clearenv` was called: what the process has is hidden.
    is_cleared: bool,
}

#[repr(C)]
struct Change {
    next: *mut Change,
    /// `NAME=value`; `NAME` alone for a variable that was removed.
    text: *mut c_char,
    name_len: usize,
}

impl Environment {
    pub(crate) const fn new() -> Environment {
        Environment { changes: null_mut(), is_cleared: false }
    }

    unsafe fn find(&self, name: &[u8]) -> *mut Change {
        let mut change = self.changes;
        // SAFETY: records of the instance's heap.
        unsafe {
            while !change.is_null() {
                if core::slice::from_raw_parts((*change).text.cast::<u8>(), (*change).name_len) == name {
                    return change;
                }
                change = (*change).next;
            }
        }
        null_mut()
    }
}

/// # Safety
/// As C's `getenv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_getenv(name: *const c_char) -> *mut c_char {
    let instance = private();
    // SAFETY: forwarded.
    unsafe {
        if instance.is_null() {
            return libc::getenv(name);
        }
        let environment = &(*instance).hidden.environment;
        let change = environment.find(CStr::from_ptr(name).to_bytes());
        if change.is_null() {
            return if environment.is_cleared { null_mut() } else { libc::getenv(name) };
        }
        let behind = (*change).text.add((*change).name_len);
        if *behind == 0 { null_mut() } else { behind.add(1) }
    }
}

/// # Safety
/// As glibc's `secure_getenv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_secure_getenv(name: *const c_char) -> *mut c_char {
    // SAFETY: forwarded.
    unsafe { coex_shim_getenv(name) }
}

/// `text` becomes the variable's; without memory the result is -1.
unsafe fn put(instance: *mut FullInstance, text: *mut c_char, name_len: usize) -> c_int {
    // SAFETY: the instance is live.
    unsafe {
        let name = core::slice::from_raw_parts(text.cast::<u8>(), name_len);
        let mut change = (*instance).hidden.environment.find(name);
        if change.is_null() {
            change = (*instance).heap.allocate(size_of::<Change>()).cast();
            if change.is_null() {
                set_errno(libc::ENOMEM);
                return -1;
            }
            *change = Change { next: (*instance).hidden.environment.changes, text, name_len };
            (*instance).hidden.environment.changes = change;
        }
        (*change).text = text;
        0
    }
}

unsafe fn name_of<'a>(name: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: null or NUL-terminated.
    unsafe {
        let name = if name.is_null() { b"" } else { CStr::from_ptr(name).to_bytes() };
        if name.is_empty() || name.contains(&b'=') {
            set_errno(libc::EINVAL);
            return None;
        }
        Some(name)
    }
}

/// # Safety
/// As POSIX' `setenv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int {
    let instance = private();
    // SAFETY: forwarded.
    unsafe {
        if instance.is_null() {
            return libc::setenv(name, value, overwrite);
        }
        let Some(bytes) = name_of(name) else { return -1 };
        if overwrite == 0 && !coex_shim_getenv(name).is_null() {
            return 0;
        }
        let value = CStr::from_ptr(value).to_bytes_with_nul();
        let text = (*instance).heap.allocate(bytes.len() + 1 + value.len());
        if text.is_null() {
            set_errno(libc::ENOMEM);
            return -1;
        }
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), text, bytes.len());
        *text.add(bytes.len()) = b'=';
        core::ptr::copy_nonoverlapping(value.as_ptr(), text.add(bytes.len() + 1), value.len());
        put(instance, text.cast(), bytes.len())
    }
}

/// # Safety
/// As POSIX' `unsetenv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_unsetenv(name: *const c_char) -> c_int {
    let instance = private();
    // SAFETY: forwarded.
    unsafe {
        if instance.is_null() {
            return libc::unsetenv(name);
        }
        let Some(bytes) = name_of(name) else { return -1 };
        let text = (*instance).heap.allocate(bytes.len() + 1);
        if text.is_null() {
            set_errno(libc::ENOMEM);
            return -1;
        }
        core::ptr::copy_nonoverlapping(name.cast(), text, bytes.len() + 1);
        put(instance, text.cast(), bytes.len())
    }
}

/// The text itself becomes part of the environment.
///
/// # Safety
/// As POSIX' `putenv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_putenv(text: *mut c_char) -> c_int {
    let instance = private();
    // SAFETY: forwarded.
    unsafe {
        if instance.is_null() {
            return libc::putenv(text);
        }
        match CStr::from_ptr(text).to_bytes().iter().position(|&byte| byte == b'=') {
            Some(name_len) => put(instance, text, name_len),
            None => coex_shim_unsetenv(text),
        }
    }
}

/// # Safety
/// As glibc's `clearenv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_clearenv() -> c_int {
    let instance = private();
    // SAFETY: forwarded.
    unsafe {
        if instance.is_null() {
            return libc::clearenv();
        }
        (*instance).hidden.environment = Environment { changes: null_mut(), is_cleared: true };
    }
    0
}

/// What `environ` is in the process: the beginning of an instance's own list.
///
/// # Safety
/// Nobody changes the list; the result is read at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_process_environment() -> *mut *mut c_char {
    unsafe extern "C" {
        static mut environ: *mut *mut c_char;
    }
    // SAFETY: a word of the C library.
    unsafe { environ }
}
