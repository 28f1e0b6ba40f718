//! Open files: the methods of `posix` values (13.4).
//!
//! In: tokens of the descriptor table, strings, bytes. Out: `Result`s, whose errors are the system's texts.
//! Submodules: `table` (descriptors and their input buffers), `system` (time, environment, entropy, exit).

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

pub mod system;
mod table;

use self::table::{File, open, with_file, with_file_now};
use crate::abi::{Fiber, ListObject, StringObject, TypeDesc};
use crate::list::{for_each_run, from_run};
use crate::slot::{argument, keep, write_err, write_ok};
use crate::string;
use core::ffi::CStr;
use std::ffi::CString;

/// The system's text of an errno value.
fn error_text(code: i32) -> String {
    // SAFETY: the text is copied before the next call can change it.
    let text = unsafe { CStr::from_ptr(libc::strerror(code)) };
    text.to_string_lossy().into_owned()
}

unsafe fn answer(fiber: *mut Fiber, ty: *const TypeDesc, result: Result<u64, i32>, out: *mut u8) {
    match result {
        Ok(payload) => write_ok(ty, payload, out),
        Err(code) => write_err(fiber, ty, &error_text(code), out),
    }
}

/// Text printed before must come first when the program itself writes to, or asks, the same terminal.
unsafe fn flush_before(fiber: *mut Fiber, file: i64, descriptors: &[i64]) {
    if descriptors.contains(&file) {
        crate::io::coex_flush(fiber);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_standard(descriptor: i64) -> i64 {
    descriptor
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_open(
    fiber: *mut Fiber,
    path: *const StringObject,
    mode: *const StringObject,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    let result = match CString::new(string::bytes(path)) {
        Ok(path) => open(fiber, path, string::bytes(mode)),
        Err(_) => Err(libc::EINVAL),
    };
    answer(fiber, ty, result.map(|token| token as u64), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_read(fiber: *mut Fiber, file: i64, count: i64, ty: *const TypeDesc, out: *mut u8) {
    flush_before(fiber, file, &[0]);
    let result = match usize::try_from(count) {
        Ok(count) => with_file(fiber, file, move |file| file.read_for(count)),
        Err(_) => Err(libc::EINVAL),
    };
    let bytes_type = (*(*(*ty).cases).fields).desc;
    let list = |bytes: Vec<u8>| from_run(fiber, argument(bytes_type, 0), bytes.as_ptr(), bytes.len()) as u64;
    answer(fiber, ty, result.map(list), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_read_all(fiber: *mut Fiber, file: i64, ty: *const TypeDesc, out: *mut u8) {
    flush_before(fiber, file, &[0]);
    let result = with_file(fiber, file, File::read_all);
    answer(fiber, ty, result.map(|bytes| string::from_bytes_lossy(fiber, &bytes) as u64), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_read_line(fiber: *mut Fiber, file: i64, ty: *const TypeDesc, out: *mut u8) {
    flush_before(fiber, file, &[0]);
    let result = match with_file_now(file, File::line_at_hand).flatten() {
        Some(line) => Ok(Some(line)),
        None => with_file(fiber, file, File::read_line),
    };
    // `string?` is the reference, null for nil.
    let text = |line: Option<Vec<u8>>| line.map_or(0, |line| string::from_bytes_lossy(fiber, &line) as u64);
    answer(fiber, ty, result.map(text), out);
}

unsafe fn write(fiber: *mut Fiber, file: i64, bytes: Vec<u8>, ty: *const TypeDesc, out: *mut u8) {
    flush_before(fiber, file, &[1, 2]);
    let len = bytes.len() as u64;
    let result = with_file(fiber, file, move |file| file.write(&bytes));
    answer(fiber, ty, result.map(|()| len), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_write(
    fiber: *mut Fiber,
    file: i64,
    data: *const ListObject,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    let mut bytes = Vec::with_capacity((*data).len as usize);
    for_each_run(data, 1, 0, (*data).len as usize, |run, count| {
        bytes.extend_from_slice(core::slice::from_raw_parts(run, count));
    });
    keep(data);
    write(fiber, file, bytes, ty, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_writeln(
    fiber: *mut Fiber,
    file: i64,
    text: *const StringObject,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    let line = [string::bytes(text), b"\n"].concat();
    write(fiber, file, line, ty, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_seek(
    fiber: *mut Fiber,
    file: i64,
    offset: i64,
    whence: i64,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    let result = with_file(fiber, file, move |file| file.seek(offset, whence));
    answer(fiber, ty, result.map(|position| position as u64), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_posix_close(fiber: *mut Fiber, file: i64, ty: *const TypeDesc, out: *mut u8) {
    flush_before(fiber, file, &[1, 2]);
    if file == 1 {
        crate::io::close_output();
    }
    answer(fiber, ty, table::close(file).map(|()| 1), out);
}

#[cfg(test)]
mod tests;
