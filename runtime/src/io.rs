//! Standard output and standard error.
//!
//! In: values to print. Out: bytes on descriptors 1 and 2. `print` collects in one buffer a process, one print being
//! one unit; it is written when large, per print on a terminal, and by [`flush_all`]. Text for a closed
//! output is dropped. Deliberately not here: how values read as text, see `text`; open files, see `posix`.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

use crate::abi::{Fiber, TypeDesc};
use crate::text::{self, Style};
use std::sync::{Mutex, Once, PoisonError, TryLockError};

/// The buffer is written when it holds this much.
const WRITE_AT: usize = 64 * 1024;

unsafe extern "C" {
    static stdout: *mut libc::FILE;
}

struct Output {
    pending: Vec<u8>,
    /// Whether descriptor 1 is a terminal; asked for at the first print.
    terminal: Option<bool>,
    /// Nobody reads any more.
    closed: bool,
}

static OUTPUT: Mutex<Output> = Mutex::new(Output { pending: Vec::new(), terminal: None, closed: false });

impl Output {
    fn write_out(&mut self) {
        // What C code left in its stream was printed before this text: calls that can print flush ours first.
        // SAFETY: the C library's own stream.
        unsafe { libc::fflush(stdout) };
        if !self.closed && write_all(1, &self.pending).is_err() {
            self.closed = true;
        }
        self.pending.clear();
    }

    fn finish_print(&mut self) {
        let terminal = *self.terminal.get_or_insert_with(|| {
            crate::program::set_flush_hook(coex_flush);
            // SAFETY: asking about a descriptor has no precondition.
            unsafe { libc::isatty(1) == 1 }
        });
        if terminal || self.pending.len() >= WRITE_AT {
            self.write_out();
        }
    }
}

/// A reader that goes away is an error of the write, not the end of the program.
pub fn ignore_broken_pipes() {
    static ONCE: Once = Once::new();
    // SAFETY: SIG_IGN is a valid disposition.
    ONCE.call_once(|| unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    });
}

/// Writes all of it; the error is an errno value.
pub fn write_all(descriptor: i32, mut bytes: &[u8]) -> Result<(), i32> {
    ignore_broken_pipes();
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of a slice.
        let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
        if written >= 0 {
            bytes = &bytes[written as usize..];
            continue;
        }
        match errno() {
            libc::EINTR if crate::ffi::blocking::is_abandoned() => return Err(libc::ECANCELED),
            libc::EINTR => {}
            libc::EAGAIN if !wait_for(descriptor, libc::POLLOUT) => return Err(libc::ECANCELED),
            libc::EAGAIN => {}
            error => return Err(error),
        }
    }
    Ok(())
}

pub fn errno() -> i32 {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() }
}

/// Waits until a descriptor is ready; false: nobody waits for the answer any more.
pub fn wait_for(descriptor: i32, events: i16) -> bool {
    let mut request = libc::pollfd { fd: descriptor, events, revents: 0 };
    loop {
        // SAFETY: one request, which outlives the call.
        let ready = unsafe { libc::poll(&mut request, 1, -1) };
        if crate::ffi::blocking::is_abandoned() {
            return false;
        }
        if ready >= 0 || errno() != libc::EINTR {
            return true;
        }
    }
}

fn with_output(fiber: *mut Fiber, act: impl FnOnce(&mut Output)) {
    let mut output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    act(&mut output);
    if !fiber.is_null() {
        // SAFETY: the running fiber.
        unsafe { (*fiber).print_pending = output.pending.len() as u64 };
    }
}

/// Writes what is printed so far. Also called when the process ends in the middle of a print, whose text stays away.
pub fn flush_all() {
    match OUTPUT.try_lock() {
        Ok(mut output) => output.write_out(),
        Err(TryLockError::Poisoned(output)) => output.into_inner().write_out(),
        Err(TryLockError::WouldBlock) => {}
    }
}

/// Descriptor 1 is closed: what is printed from now on must not reach a file that gets its number.
pub fn close_output() {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
}

/// Adds text to standard output as one unit.
pub unsafe fn print_bytes(fiber: *mut Fiber, bytes: &[u8]) {
    with_output(fiber, |output| {
        output.pending.extend_from_slice(bytes);
        output.finish_print();
    });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_print(fiber: *mut Fiber, value: *const u8, ty: *const TypeDesc) {
    with_output(fiber, |output| {
        text::write(&mut output.pending, value, ty, Style::Print);
        output.pending.push(b'\n');
        output.finish_print();
    });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_debug(_fiber: *mut Fiber, value: *const u8, ty: *const TypeDesc) {
    let mut line = Vec::new();
    text::write(&mut line, value, ty, Style::Print);
    line.push(b'\n');
    // Nothing can be done about a closed standard error.
    let _ = write_all(2, &line);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_flush(fiber: *mut Fiber) {
    flush_all();
    if !fiber.is_null() {
        (*fiber).print_pending = 0;
    }
}
