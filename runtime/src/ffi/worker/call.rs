//! A call of an extern whose C code runs in a worker: the program's side.
//!
//! In: compiled code, which puts arguments, calls, and takes results and out variables, in the order in which the worker's
//! side ([`super::serve`]) takes and puts them. Out: values, or `ffi_failed` set, as after any foreign call. A worker that
//! ended, or whose answer cannot be, is a crash of its library: the instance is dead, the next call of its root gets a
//! fresh one. While the worker works the thread is in foreign code like during any call, so collections, `within` and
//! cancellation find what they know; an abandoned call ends with its worker.
//!
//! Handles: the worker's numbers mean nothing here. Each is an entry of the instance's own table, or carries the instance's
//! generation instead of the worker's, so that a stale one, or one of another root, never resolves.
//! Deliberately not here: the worker's side; how values look as bytes (`message`).

use super::block::{Broken, turn};
use super::message::{self, Message, NotPut};
use super::pool::Worker;
use super::serve;
use crate::abi::{Fiber, Instance, Site, TypeDesc, entered, instance_state};
use crate::arch;
use crate::ffi::failure::CRASHED;
use crate::ffi::instance::{self, FullInstance};
use crate::ffi::limits::{self, Exhausted};
use crate::ffi::{blocking, handles, library_name, side};
use crate::panic;
use crate::program;

/// What a request asks for: its first word.
pub(super) mod request {
    /// Then: offset of the extern's entry from the program's tables, index of its library, arguments.
    pub(in super::super) const CALL: u64 = 1;
    /// The root ends.
    pub(in super::super) const END: u64 = 2;
}

/// What an answer is: its first word.
pub(super) mod answer {
    /// Then: result, out variables.
    pub(in super::super) const VALUE: u64 = 1;
    /// Then: text, notes.
    pub(in super::super) const PANIC: u64 = 2;
    pub(in super::super) const ENDED: u64 = 3;
}

/// Second word of an answer.
pub(super) mod flag {
    /// The library's code has crashed.
    pub(in super::super) const DEAD: u64 = 1;
    /// Release functions, `atexit` functions or destructors wait for the end of the root.
    pub(in super::super) const NEEDS_END: u64 = 2;
    /// In eight bits from here: why what the library printed could not be written, an errno value, or 0.
    pub(in super::super) const LOST_SHIFT: u32 = 8;
}

/// Bytes before the arguments of a call, and before the values of an answer.
const CALL_HEAD: usize = 24;

/// The message that is being written or read; null stands for the worker's side.
unsafe fn message_of<'a>(instance: *mut Instance) -> &'a mut Message {
    // SAFETY: the instance's worker lives as long as it does; one call runs at a time.
    unsafe {
        if instance.is_null() {
            return &mut *serve::message();
        }
        &mut *(*(*instance.cast::<FullInstance>()).worker).message()
    }
}

/// Begins the message of a call.
///
/// # Safety
/// `instance` is live, and of a library whose code runs in workers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_worker_begin(instance: *mut Instance) {
    // SAFETY: forwarded.
    unsafe {
        let message = message_of(instance);
        message.clear();
        // Small, and kept from call to call.
        let _ = message.put(&[0; CALL_HEAD]);
    }
}

/// Appends the value of a slot.
///
/// # Safety
/// `fiber` is the running fiber, `instance` live, or null in a worker; `slot` holds a value of the type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_worker_put(
    fiber: *mut Fiber,
    instance: *mut Instance,
    slot: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
) {
    // SAFETY: forwarded.
    unsafe {
        let out = |handle| handles::to_worker(instance, handle);
        match message::put(message_of(instance), ty, slot, &mut { out }) {
            Ok(()) => {}
            Err(NotPut::StaleHandle) => panic::raise(fiber, b"stale handle", site),
            Err(NotPut::Memory) if instance.is_null() => serve::give_up(),
            Err(NotPut::Memory) => limits::raise(fiber, (*instance).library, Exhausted::Arena, site),
        }
    }
}

/// Reads the next value into a slot, which is zero. After a failure it stays zero.
///
/// # Safety
/// As [`coex_worker_put`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_worker_take(
    fiber: *mut Fiber,
    instance: *mut Instance,
    slot: *mut u8,
    ty: *const TypeDesc,
) {
    // SAFETY: forwarded.
    unsafe {
        let mut back = |number| handles::from_worker(fiber, instance, number);
        if (*fiber).ffi_failed != 0 && !instance.is_null() {
            return;
        }
        if message::take(message_of(instance), fiber, ty, slot, &mut back).is_none() {
            damaged(fiber, instance);
        }
    }
}

/// Reads which case of a `Result` follows: 0 or 1.
///
/// # Safety
/// As [`coex_worker_put`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_worker_take_case(fiber: *mut Fiber, instance: *mut Instance) -> i64 {
    // SAFETY: forwarded.
    unsafe {
        if (*fiber).ffi_failed != 0 {
            return 0;
        }
        match message_of(instance).take_choice() {
            Some(case) => i64::from(case),
            None => {
                damaged(fiber, instance);
                0
            }
        }
    }
}

/// Sends the message to the instance's worker, and waits for the answer. `entry` is the extern's function for workers.
///
/// # Safety
/// As [`coex_worker_put`]; `entry` lies in the program's code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_worker_call(
    fiber: *mut Fiber,
    instance: *mut Instance,
    entry: *const u8,
    site: *const Site,
) {
    // SAFETY: forwarded; nothing in this frame must be dropped when the call is abandoned.
    unsafe {
        let full = instance.cast::<FullInstance>();
        let offset = (entry as usize).wrapping_sub(program::info() as usize) as u64;
        let head = [request::CALL, offset, u64::from((*full).library_index)];
        for (place, word) in message_of(instance).bytes.chunks_exact_mut(8).zip(head) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let broken = exchange(fiber, full);
        if let Some(broken) = broken {
            return crash(fiber, full, broken);
        }
        let message = message_of(instance);
        let (Some(kind), Some(flags)) = (message.take_word(), message.take_word()) else {
            return damaged(fiber, instance);
        };
        (*(*full).worker).needs_end.store(flags & flag::NEEDS_END != 0, core::sync::atomic::Ordering::Relaxed);
        let lost = (flags >> flag::LOST_SHIFT) as u8;
        if lost != 0 {
            crate::io::lose(i32::from(lost));
        }
        if flags & flag::DEAD != 0 {
            set_aside(fiber, full);
        }
        match kind {
            answer::VALUE => {}
            answer::PANIC => raise_here(fiber, instance, site),
            _ => damaged(fiber, instance),
        }
    }
}

/// The panic of the worker's side is this side's.
unsafe fn raise_here(fiber: *mut Fiber, instance: *mut Instance, site: *const Site) {
    // SAFETY: forwarded. A panic ends the program, so its text is never freed.
    unsafe {
        let message = message_of(instance);
        let what = message.take_text().map(<[u8]>::to_vec);
        let notes = message.take_text().map(<[u8]>::to_vec);
        match (what, notes) {
            (Some(what), Some(notes)) => panic::raise_with_notes(fiber, what.leak(), site, notes.leak()),
            _ => damaged(fiber, instance),
        }
    }
}

/// The root ends: what the library has to do then, if anything.
///
/// # Safety
/// `fiber` is the running fiber; no call of the instance runs.
pub(crate) unsafe fn end(fiber: *mut Fiber, instance: *mut FullInstance) {
    // SAFETY: forwarded.
    unsafe {
        if !(*(*instance).worker).needs_end.load(core::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let message = message_of(instance.cast());
        message.clear();
        if message.put_word(request::END).is_ok() {
            // Nobody is left to hear of a failure.
            exchange(fiber, instance);
        }
    }
}

/// Request and answer, as one foreign call of the instance.
unsafe fn exchange(fiber: *mut Fiber, instance: *mut FullInstance) -> Option<Broken> {
    // SAFETY: the worker stays until the instance is recycled, which an abandoned call leaves to its thread.
    unsafe {
        (*fiber).entered = entered::NOTHING;
        *(*(*fiber).thread).base = (*instance).public.base;
        let worker = (*instance).worker;
        match arch::coex_call_foreign(fiber, exchange_here as *const u8, worker as usize, 0) {
            0 => None,
            1 => Some(Broken::Gone),
            _ => Some(Broken::Damaged),
        }
    }
}

/// On the system stack.
unsafe extern "C" fn exchange_here(worker: *const Worker) -> usize {
    // SAFETY: the caller's promise.
    let (worker, message) = unsafe { (&*worker, &mut *(*worker).message()) };
    let is_over = || worker.is_dead() || blocking::is_abandoned();
    let block = worker.block();
    let answered = block
        .send(&message.bytes, turn::PARENT, is_over)
        .and_then(|()| block.receive(&mut message.bytes, limits::max_bytes(), turn::PARENT, is_over));
    message.rewind();
    match answered {
        Ok(()) => 0,
        Err(Broken::Gone) => 1,
        Err(Broken::Damaged) => 2,
    }
}

// ------------------------------------------------------------------------------------------------------------ crashes

/// An answer that cannot be.
unsafe fn damaged(fiber: *mut Fiber, instance: *mut Instance) {
    // SAFETY: forwarded.
    unsafe {
        if instance.is_null() {
            serve::give_up();
        }
        crash(fiber, instance.cast(), Broken::Damaged);
    }
}

/// The call has failed, and the instance is dead.
unsafe fn crash(fiber: *mut Fiber, instance: *mut FullInstance, broken: Broken) {
    // SAFETY: forwarded.
    unsafe {
        let worker = &*(*instance).worker;
        let mut what = panic::Line::new();
        if broken == Broken::Damaged || !worker.is_dead() {
            what.push(b"its answer is damaged");
        } else {
            describe(worker.end(), &mut what);
        }
        (*fiber).ffi_failed = CRASHED;
        if let Some(side) = side::of(fiber) {
            let name = library_name((*instance).public.library);
            side.failure.set(0, &[b"foreign code crashed in '", name, b"': ", what.bytes()]);
        }
        set_aside(fiber, instance);
    }
}

/// Takes the instance out of its root; its memory and its process go when no call of it is active.
unsafe fn set_aside(fiber: *mut Fiber, instance: *mut FullInstance) {
    // SAFETY: forwarded.
    unsafe {
        (*(*instance).worker).kill();
        if (*instance).public.state == instance_state::LIVE
            && instance::bury(instance, instance_state::DEAD)
            && let Some(side) = side::of(fiber)
        {
            side.bury(instance);
        }
    }
}

/// How a process ended, in words.
fn describe((code, status): (i32, i32), line: &mut panic::Line) {
    if code == libc::CLD_EXITED {
        line.push(b"its process ended with status ").push_int(status.into());
        return;
    }
    let known: &[u8] = match status {
        libc::SIGSEGV => b"invalid memory access",
        libc::SIGBUS => b"bus error",
        libc::SIGFPE => b"arithmetic fault",
        libc::SIGILL => b"illegal instruction",
        libc::SIGABRT => b"abort called",
        libc::SIGSYS => b"forbidden system call",
        libc::SIGXCPU => b"too much processor time (COEX_FFI_PROCESS_SECONDS)",
        libc::SIGXFSZ => b"too large a file (COEX_FFI_PROCESS_FILE_BYTES)",
        libc::SIGKILL => b"its process was killed",
        _ => b"",
    };
    line.push(known);
    if known.is_empty() {
        line.push(b"its process ended by signal ").push_int(status.into());
    }
}
