//! Standard output and standard error.
//!
//! In: values to print. Out: bytes on descriptors 1 and 2. `print` collects in one buffer a process, one print being
//! one unit; it is written when large, per print on a terminal, and by [`flush_all`]. Who writes does so like a foreign call:
//! a pipe that nobody reads holds up its writer and those that fill the buffer meanwhile, but no collection. Text for a
//! closed output is dropped; where text is lost otherwise, as on a full disk, that is said once, and the process does not
//! end with 0. Deliberately not here: how values read as text, see `text`; open files, see `posix`.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

use crate::abi::{Fiber, TypeDesc};
use crate::ffi::blocking;
use crate::panic::{Line, write_stderr};
use crate::text::{self, Style};
use std::cell::Cell;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

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

/// Held for moments.
static OUTPUT: Mutex<Output> = Mutex::new(Output { pending: Vec::new(), terminal: None, closed: false });

/// Held while text is on its way, so that it arrives in the order of the prints. Comes before [`OUTPUT`].
static WRITER: Mutex<()> = Mutex::new(());
/// The thread that holds [`WRITER`].
static WRITING: AtomicI32 = AtomicI32::new(0);

/// Text of this program is lost; what the system said of it.
static LOST: AtomicI32 = AtomicI32::new(0);
/// No errno value: the C library has failed while C code ran, and has kept to itself why.
const UNKNOWN: i32 = 255;
/// Of a process that has lost output and would have ended with 0: `EX_IOERR` of sysexits.h.
const STATUS_LOST: i64 = 74;

thread_local! {
    /// Room for the text of one print: whoever fails in the middle of it holds no lock, and the text stays away.
    static TEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Larger room is given back.
const TEXT_KEPT: usize = 4096;

fn output() -> MutexGuard<'static, Output> {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Output {
    /// Adds the text of one print. True: it is time to write.
    fn add(&mut self, text: &[u8]) -> bool {
        self.pending.extend_from_slice(text);
        let terminal = *self.terminal.get_or_insert_with(|| {
            crate::program::set_flush_hook(coex_flush);
            // SAFETY: asking about a descriptor has no precondition.
            unsafe { libc::isatty(1) == 1 }
        });
        terminal || self.pending.len() >= WRITE_AT
    }
}

/// Writes what is printed so far, and waits for whoever writes already. Takes as long as the reader lets it.
pub fn flush_all() {
    // SAFETY: asking for the thread's number has no precondition.
    let own = unsafe { libc::gettid() };
    if WRITING.load(Ordering::Relaxed) == own {
        // The C library's stream has crashed below.
        return;
    }
    let _writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    WRITING.store(own, Ordering::Relaxed);
    // What C code left there was printed before this text: calls that can print flush ours first.
    flush_stream();
    let (pending, is_closed) = {
        let mut output = output();
        (core::mem::take(&mut output.pending), output.closed)
    };
    let written = if is_closed { Ok(()) } else { write_to_end(1, &pending) };
    let is_written = written.map_err(lose).is_ok();
    {
        let mut output = output();
        output.closed |= !is_written;
        if output.pending.capacity() == 0 {
            output.pending = pending;
            output.pending.clear();
        }
    }
    WRITING.store(0, Ordering::Relaxed);
}

/// What C code has printed.
fn flush_stream() {
    if let Some(error) = stream_fault() {
        lose(error);
    }
}

/// Writes what C code has printed; the errno value where that fails, or has failed before.
pub(crate) fn stream_fault() -> Option<i32> {
    // SAFETY: the C library's own stream; one request, which outlives the call.
    unsafe {
        if libc::fflush(stdout) != 0 {
            return Some(errno());
        }
        if libc::ferror(stdout) == 0 {
            return None;
        }
        libc::clearerr(stdout);
        let mut request = libc::pollfd { fd: 1, events: libc::POLLOUT, revents: 0 };
        let is_known = libc::poll(&mut request, 1, 0) == 1;
        let is_gone = is_known && request.revents & (libc::POLLERR | libc::POLLNVAL) != 0;
        Some(if is_gone { libc::EPIPE } else { UNKNOWN })
    }
}

/// A reader that has gone away wants no more, and whoever closed the output never did: neither is a loss.
pub(crate) fn lose(error: i32) {
    if matches!(error, libc::EPIPE | libc::EBADF) {
        return;
    }
    if LOST.swap(error, Ordering::Relaxed) == 0 {
        let mut line = Line::new();
        line.push(b"coex: cannot write to standard output");
        if error != UNKNOWN {
            // SAFETY: the text of the C library is constant for all errors of a write.
            let why = unsafe { core::ffi::CStr::from_ptr(libc::strerror(error)) };
            line.push(b": ").push(why.to_bytes());
        }
        write_stderr(line.push(b"\n").bytes());
    }
}

/// The status of a process that ends with nothing left to print. Whoever reads its output must learn that some is missing.
pub(crate) fn settle(status: i64) -> i64 {
    flush_stream();
    let is_lost = LOST.load(Ordering::Relaxed) != 0;
    if is_lost && status & 0xff == 0 { STATUS_LOST } else { status }
}

/// As [`flush_all`], where this thread may hold what that needs: then the text stays away.
pub(crate) fn flush_if_free() {
    let is_free = WRITER.try_lock().is_ok() && OUTPUT.try_lock().is_ok();
    if is_free {
        flush_all();
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

/// Writes all of it; the error is an errno value. Ends early when nobody waits for it any more.
pub fn write_all(descriptor: i32, bytes: &[u8]) -> Result<(), i32> {
    write(descriptor, bytes, blocking::is_abandoned)
}

/// Writes all of it, also when the activation that wants it ends meanwhile.
fn write_to_end(descriptor: i32, bytes: &[u8]) -> Result<(), i32> {
    write(descriptor, bytes, || false)
}

fn write(descriptor: i32, mut bytes: &[u8], shall_end: fn() -> bool) -> Result<(), i32> {
    ignore_broken_pipes();
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of a slice.
        let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
        if written >= 0 {
            bytes = &bytes[written as usize..];
            continue;
        }
        match errno() {
            libc::EINTR => {}
            libc::EAGAIN => {
                wait_for(descriptor, libc::POLLOUT);
            }
            error => return Err(error),
        }
        if shall_end() {
            return Err(libc::ECANCELED);
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

/// Descriptor 1 is closed: what is printed from now on must not reach a file that gets its number.
pub fn close_output() {
    output().closed = true;
}

/// Adds text to standard output as one unit.
pub unsafe fn print_bytes(fiber: *mut Fiber, bytes: &[u8]) {
    let is_due = add(fiber, bytes);
    if is_due {
        coex_flush(fiber);
    }
}

/// True: it is time to write.
unsafe fn add(fiber: *mut Fiber, text: &[u8]) -> bool {
    let mut output = output();
    let is_due = output.add(text);
    if !fiber.is_null() {
        (*fiber).print_pending = output.pending.len() as u64;
    }
    is_due
}

/// The text of one print.
unsafe fn line(value: *const u8, ty: *const TypeDesc) -> Vec<u8> {
    let mut line = TEXT.take();
    text::write(&mut line, value, ty, Style::Print);
    line.push(b'\n');
    line
}

fn give_back(mut line: Vec<u8>) {
    if line.capacity() <= TEXT_KEPT {
        line.clear();
        TEXT.set(line);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_print(fiber: *mut Fiber, value: *const u8, ty: *const TypeDesc) {
    let line = line(value, ty);
    let is_due = add(fiber, &line);
    // Nothing here is dropped when the fiber does not come back.
    give_back(line);
    if is_due {
        coex_flush(fiber);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_debug(fiber: *mut Fiber, value: *const u8, ty: *const TypeDesc) {
    let line = line(value, ty);
    // Nothing can be done about a closed standard error.
    let _ = blocking::run_to_end(fiber, move || write_to_end(2, &line));
}

/// Writes what is printed so far. With a fiber, others go on meanwhile, and it may be cancelled; the text is written even so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_flush(fiber: *mut Fiber) {
    if !fiber.is_null() {
        (*fiber).print_pending = 0;
    }
    blocking::run_to_end(fiber, flush_all);
}
