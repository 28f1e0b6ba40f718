//! What a program asks of the system besides files: time, environment, entropy, its arguments, its end.
//!
//! In: names and numbers. Out: numbers, strings, lists.

use crate::abi::{Fiber, ListObject, Site, StringObject, TypeDesc};
use crate::list::{Builder, from_run};
use crate::slot::{argument, check_size, fail, write_nil, write_some};
use crate::string;
use core::ffi::CStr;
use std::ffi::CString;

fn clock(id: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists, the result is written to a local.
    unsafe { libc::clock_gettime(id, &mut time) };
    time
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_posix_time() -> i64 {
    clock(libc::CLOCK_REALTIME).tv_sec
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_posix_time_ns() -> i64 {
    let time = clock(libc::CLOCK_MONOTONIC);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_getenv(
    fiber: *mut Fiber,
    name: *const StringObject,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    let value = match CString::new(string::bytes(name)) {
        Ok(name) => libc::getenv(name.as_ptr()),
        Err(_) => core::ptr::null_mut(),
    };
    if value.is_null() {
        return write_nil(ty, out);
    }
    let text = string::from_bytes_lossy(fiber, CStr::from_ptr(value).to_bytes());
    write_some(fiber, ty, (&raw const text).cast(), out);
}

/// Bytes from the system's entropy source.
fn fill_random(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: the pointer and the length are those of a slice.
        let count = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        filled += usize::try_from(count).unwrap_or(0);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_posix_random_seed() -> i64 {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    i64::from_ne_bytes(bytes)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_urandom(
    fiber: *mut Fiber,
    count: i64,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ListObject {
    let Ok(count) = usize::try_from(count) else { fail(fiber, site, "negative array size") };
    check_size(fiber, count);
    let mut bytes = vec![0; count];
    fill_random(&mut bytes);
    from_run(fiber, argument(ty, 0), bytes.as_ptr(), count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_exit(fiber: *mut Fiber, status: i64) -> ! {
    crate::io::coex_flush(fiber);
    crate::ffi::tear_down_all(fiber);
    libc::exit((crate::io::settle(status) & 0xFF) as i32)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_program_args(fiber: *mut Fiber, ty: *const TypeDesc) -> *mut ListObject {
    let (count, arguments) = crate::program::arguments();
    let mut builder = Builder::new(fiber, argument(ty, 0));
    for index in 0..count as usize {
        let text = string::from_bytes_lossy(fiber, CStr::from_ptr(*arguments.add(index)).to_bytes());
        builder.push((&raw const text).cast());
    }
    builder.finish()
}
