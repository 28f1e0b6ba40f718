//! Descriptors that C code has opened, so that those of an instance that cannot close them any more are closed for it.
//!
//! In: calls of C code that open and close. Out: what the C library does, noted in the instance. An instance that ends in
//! order keeps what it leaves open: that may have been its purpose. Deliberately not here: reading and writing.

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr::null_mut;

use super::instance::FullInstance;
use super::lock::Section;
use super::shims::private;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Descriptor(c_int),
    Stream(*mut libc::FILE),
    Directory(*mut libc::DIR),
}

/// A table in the instance's heap.
#[repr(C)]
pub(crate) struct Opened {
    rows: *mut Open,
    len: usize,
    capacity: usize,
}

impl Opened {
    pub(crate) const fn new() -> Opened {
        Opened { rows: null_mut(), len: 0, capacity: 0 }
    }

    fn rows(&mut self) -> &mut [Open] {
        if self.rows.is_null() {
            return &mut [];
        }
        // SAFETY: `len` rows are filled.
        unsafe { core::slice::from_raw_parts_mut(self.rows, self.len) }
    }
}

/// Without memory for the table the descriptor stays unknown.
unsafe fn note(open: Open) {
    let instance = private();
    if instance.is_null() {
        return;
    }
    // SAFETY: the installed instance is live; the table is part of its heap.
    unsafe {
        let FullInstance { heap, opened, .. } = &mut *instance;
        if opened.len == opened.capacity {
            let capacity = (opened.capacity * 2).max(8);
            let bytes = capacity * size_of::<Open>();
            let rows =
                if opened.rows.is_null() { heap.allocate(bytes) } else { heap.reallocate(opened.rows.cast(), bytes) };
            if rows.is_null() {
                return;
            }
            (opened.rows, opened.capacity) = (rows.cast(), capacity);
        }
        *opened.rows.add(opened.len) = open;
        opened.len += 1;
    }
}

unsafe fn forget(open: Open) {
    let instance = private();
    if instance.is_null() {
        return;
    }
    // SAFETY: the installed instance is live.
    let opened = unsafe { &mut (*instance).opened };
    if let Some(at) = opened.rows().iter().position(|row| *row == open) {
        let last = opened.len - 1;
        opened.rows().swap(at, last);
        opened.len = last;
    }
}

/// Closes what an instance has open whose code never runs again. What its streams had not written is dropped.
///
/// # Safety
/// The instance is dead, or its call was abandoned and is over.
pub(crate) unsafe fn close_all(instance: *mut FullInstance) {
    unsafe extern "C" {
        fn __fpurge(stream: *mut libc::FILE);
    }
    let _section = Section::enter();
    // SAFETY: they are open, as far as the process knows.
    unsafe {
        for open in (*instance).opened.rows() {
            match *open {
                Open::Descriptor(descriptor) => {
                    libc::close(descriptor);
                }
                Open::Stream(stream) => {
                    __fpurge(stream);
                    libc::fclose(stream);
                }
                Open::Directory(directory) => {
                    libc::closedir(directory);
                }
            }
        }
        (*instance).opened = Opened::new();
    }
}

/// Functions whose result is a descriptor, or negative.
macro_rules! openers {
    ($($shim:ident $function:ident ($($argument:ident: $ty:ty),*))*) => {
        $(
            /// # Safety
            /// As the function of the C library.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $shim($($argument: $ty),*) -> c_int {
                // SAFETY: forwarded.
                unsafe {
                    let descriptor = libc::$function($($argument),*);
                    if descriptor >= 0 {
                        note(Open::Descriptor(descriptor));
                    }
                    descriptor
                }
            }
        )*
    };
}

// A mode that the caller has not passed is not read either.
openers! {
    coex_shim_open open (path: *const c_char, flags: c_int, mode: c_uint)
    coex_shim_open64 open64 (path: *const c_char, flags: c_int, mode: c_uint)
    coex_shim_openat openat (directory: c_int, path: *const c_char, flags: c_int, mode: c_uint)
    coex_shim_openat64 openat64 (directory: c_int, path: *const c_char, flags: c_int, mode: c_uint)
    coex_shim_creat creat (path: *const c_char, mode: c_uint)
    coex_shim_creat64 creat64 (path: *const c_char, mode: c_uint)
    coex_shim_socket socket (domain: c_int, kind: c_int, protocol: c_int)
    coex_shim_accept accept (socket: c_int, address: *mut libc::sockaddr, bytes: *mut libc::socklen_t)
    coex_shim_dup dup (descriptor: c_int)
    coex_shim_mkstemp mkstemp (template: *mut c_char)
    coex_shim_eventfd eventfd (value: c_uint, flags: c_int)
    coex_shim_epoll_create1 epoll_create1 (flags: c_int)
}

/// # Safety
/// As POSIX' `dup2`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_dup2(from: c_int, to: c_int) -> c_int {
    // SAFETY: forwarded.
    unsafe {
        let descriptor = libc::dup2(from, to);
        if descriptor > 2 && from != to {
            forget(Open::Descriptor(descriptor));
            note(Open::Descriptor(descriptor));
        }
        descriptor
    }
}

/// # Safety
/// As POSIX' `pipe`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_pipe(ends: *mut c_int) -> c_int {
    // SAFETY: forwarded.
    unsafe { coex_shim_pipe2(ends, 0) }
}

/// # Safety
/// As Linux' `pipe2`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_pipe2(ends: *mut c_int, flags: c_int) -> c_int {
    // SAFETY: forwarded; two descriptors come back.
    unsafe {
        let result = libc::pipe2(ends, flags);
        if result == 0 {
            note(Open::Descriptor(*ends));
            note(Open::Descriptor(*ends.add(1)));
        }
        result
    }
}

/// # Safety
/// As POSIX' `close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_close(descriptor: c_int) -> c_int {
    // SAFETY: forwarded.
    unsafe {
        forget(Open::Descriptor(descriptor));
        libc::close(descriptor)
    }
}

unsafe fn noted_stream(stream: *mut libc::FILE) -> *mut libc::FILE {
    if !stream.is_null() {
        // SAFETY: forwarded.
        unsafe { note(Open::Stream(stream)) };
    }
    stream
}

/// # Safety
/// As C's `fopen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_fopen(path: *const c_char, mode: *const c_char) -> *mut libc::FILE {
    // SAFETY: forwarded.
    unsafe { noted_stream(libc::fopen(path, mode)) }
}

/// # Safety
/// As glibc's `fopen64`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_fopen64(path: *const c_char, mode: *const c_char) -> *mut libc::FILE {
    // SAFETY: forwarded.
    unsafe { noted_stream(libc::fopen64(path, mode)) }
}

/// # Safety
/// As C's `tmpfile`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_tmpfile() -> *mut libc::FILE {
    // SAFETY: forwarded.
    unsafe { noted_stream(libc::tmpfile()) }
}

/// # Safety
/// As POSIX' `fdopen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_fdopen(descriptor: c_int, mode: *const c_char) -> *mut libc::FILE {
    // SAFETY: forwarded; the stream owns the descriptor now.
    unsafe {
        let stream = noted_stream(libc::fdopen(descriptor, mode));
        if !stream.is_null() {
            forget(Open::Descriptor(descriptor));
        }
        stream
    }
}

/// # Safety
/// As C's `fclose`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_fclose(stream: *mut libc::FILE) -> c_int {
    // SAFETY: forwarded.
    unsafe {
        forget(Open::Stream(stream));
        libc::fclose(stream)
    }
}

/// # Safety
/// As POSIX' `opendir`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_opendir(path: *const c_char) -> *mut c_void {
    // SAFETY: forwarded.
    unsafe {
        let directory = libc::opendir(path);
        if !directory.is_null() {
            note(Open::Directory(directory));
        }
        directory.cast()
    }
}

/// # Safety
/// As POSIX' `closedir`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_closedir(directory: *mut c_void) -> c_int {
    // SAFETY: forwarded.
    unsafe {
        forget(Open::Directory(directory.cast()));
        libc::closedir(directory.cast())
    }
}
