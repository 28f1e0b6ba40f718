//! A worker's life: it is recognised before `main` would begin, and then serves calls until it is killed.
//!
//! In: an environment with the mark, and a descriptor that proves it. Out: answers to requests. The calls run on the main
//! fiber, under the main root, with the ordinary steps around C code; no other thread ever starts. A panic of the extern's
//! body is an answer as well: the activation that made it is over, and the next request is served above what it left on the
//! stack. Deliberately not here: what is forbidden here (`confine`), the meaning of messages (`call`).

use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::block::{BLOCK_BYTES, Block, turn};
use super::call::{answer, flag, request};
use super::message::Message;
use super::{BLOCK_DESCRIPTOR, VARIABLE, confine};
use crate::abi::{Fiber, LibraryDescriptor};
use crate::arch;
use crate::ffi::instance::FullInstance;
use crate::ffi::{root, shims};
use crate::program::{self, Global};

/// The memory shared with the parent; null in a program.
static BLOCK: AtomicPtr<Block> = AtomicPtr::new(null_mut());
static MESSAGE: Global<Message> = Global::new(Message::new());

unsafe extern "C" {
    static stdout: *mut libc::FILE;
}

/// Whether this process serves another one.
#[inline]
pub(crate) fn is_worker() -> bool {
    !BLOCK.load(Ordering::Relaxed).is_null()
}

/// Whether this is not the first fault of this worker. One is an answer; what comes after it is no longer a fault of C code
/// that was called, since a worker that has crashed serves no further call.
pub(crate) fn has_crashed_before() -> bool {
    static HAS_CRASHED: AtomicBool = AtomicBool::new(false);
    is_worker() && HAS_CRASHED.swap(true, Ordering::Relaxed)
}

/// The message of the call that runs.
pub(super) fn message() -> *mut Message {
    MESSAGE.get()
}

/// There is no memory for an answer, or a request was not understood: the parent sees the end of this process.
pub(super) fn give_up() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(70) }
}

/// Finds out whether this process is to be a worker: the mark alone, which anybody can set, is not enough.
///
/// # Safety
/// Called once, before other threads exist.
pub(crate) unsafe fn recognise() -> bool {
    // SAFETY: the environment is this thread's; the descriptor is looked at before it is used.
    unsafe {
        let mark = std::env::var_os(VARIABLE);
        if mark.is_none_or(|mark| *mark != *BLOCK_DESCRIPTOR.to_string()) {
            return false;
        }
        std::env::remove_var(VARIABLE);
        let seals = libc::fcntl(BLOCK_DESCRIPTOR, libc::F_GET_SEALS);
        let mut facts: libc::stat = core::mem::zeroed();
        if seals < 0
            || seals & libc::F_SEAL_SHRINK == 0
            || libc::fstat(BLOCK_DESCRIPTOR, &raw mut facts) != 0
            || facts.st_size != BLOCK_BYTES as i64
        {
            return false;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let block = libc::mmap(null_mut(), BLOCK_BYTES, protection, libc::MAP_SHARED, BLOCK_DESCRIPTOR, 0);
        if block == libc::MAP_FAILED {
            give_up();
        }
        let block = block.cast::<Block>();
        if !(*block).is_one() {
            libc::munmap(block.cast(), BLOCK_BYTES);
            return false;
        }
        // First the wish to end with the parent, then the look whether it is still there. Whatever goes wrong from here on:
        // this process must never run `main`.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if !(*block).is_for(libc::getppid() as u32) {
            give_up();
        }
        BLOCK.store(block, Ordering::Relaxed);
        true
    }
}

/// The body of the worker's only fiber.
pub(crate) unsafe extern "C" fn run(fiber: *mut Fiber) -> ! {
    // SAFETY: the worker's own streams and fiber.
    unsafe {
        // What was printed before a sudden end is not lost.
        libc::setvbuf(stdout, null_mut(), libc::_IOLBF, 1 << 16);
        crate::io::ignore_broken_pipes();
        if !confine::confine() {
            give_up();
        }
        let block = &*BLOCK.load(Ordering::Relaxed);
        block.give(turn::PARENT);
        serve(fiber)
    }
}

/// Serves requests, for ever.
unsafe fn serve(fiber: *mut Fiber) -> ! {
    // SAFETY: one fiber, one message, one call at a time.
    unsafe {
        let block = &*BLOCK.load(Ordering::Relaxed);
        loop {
            let message = &mut *message();
            message.clear();
            if block.receive(&mut message.bytes, usize::MAX, turn::WORKER, || false).is_err() {
                give_up();
            }
            message.rewind();
            match message.take_word() {
                Some(request::CALL) => call(fiber),
                Some(request::END) => {
                    crate::ffi::tear_down_all(fiber);
                    libc::fflush(null_mut());
                    begin_answer(answer::ENDED);
                    send();
                }
                _ => give_up(),
            }
        }
    }
}

/// The extern's entry takes the arguments out of the message, calls, and puts the result.
unsafe fn call(fiber: *mut Fiber) {
    // SAFETY: the parent is the same executable; its numbers are those of this one.
    unsafe {
        let message = &mut *message();
        let (Some(offset), Some(library)) = (message.take_word(), message.take_word()) else { give_up() };
        LIBRARY.get().write(library as usize);
        let entry = (program::info() as usize).wrapping_add(offset as usize);
        arch::coex_call_task(fiber, entry as *const u8, null_mut(), null_mut());
        finish(fiber);
    }
}

/// The library of the call that runs.
static LIBRARY: Global<usize> = Global::new(0);

/// The generation of the instance that the call uses; 0 where there is none yet.
///
/// # Safety
/// `fiber` is the worker's fiber.
pub(crate) unsafe fn generation(fiber: *mut Fiber) -> u64 {
    // SAFETY: forwarded.
    unsafe {
        let instance = *root::slot((*fiber).root, *LIBRARY.get());
        if instance.is_null() { 0 } else { (*instance).generation }
    }
}

/// The arguments are taken: from here on the message is the answer. Called by the extern's entry.
#[unsafe(no_mangle)]
pub extern "C" fn coex_worker_answer() {
    begin_answer(answer::VALUE);
}

fn begin_answer(kind: u64) {
    // SAFETY: the one message.
    let message = unsafe { &mut *message() };
    message.clear();
    // The flags are known at the end.
    if message.put_word(kind).and_then(|()| message.put_word(0)).is_err() {
        give_up();
    }
}

fn send() {
    // SAFETY: the block stays; the one message.
    let (block, message) = unsafe { (&*BLOCK.load(Ordering::Relaxed), &mut *message()) };
    if block.send(&message.bytes, turn::WORKER, || false).is_err() {
        give_up();
    }
}

/// Sends the answer of a call.
unsafe fn finish(fiber: *mut Fiber) {
    // SAFETY: the root's slot, which the call has filled unless there was no room, or it was emptied by a crash.
    unsafe {
        let lost = crate::io::stream_fault();
        let index = *LIBRARY.get();
        let instance = (*root::slot((*fiber).root, index)).cast::<FullInstance>();
        let state = if instance.is_null() {
            flag::DEAD
        } else if needs_end(instance, &*root::library(index)) {
            flag::NEEDS_END
        } else {
            0
        };
        let flags = state | (lost.unwrap_or(0) as u64) << flag::LOST_SHIFT;
        let bytes = &mut (*message()).bytes;
        if let Some(place) = bytes.get_mut(8..16) {
            place.copy_from_slice(&flags.to_le_bytes());
        }
        send();
    }
}

/// Whether something of the library runs when its root ends.
unsafe fn needs_end(instance: *mut FullInstance, library: &LibraryDescriptor) -> bool {
    // SAFETY: a live instance.
    unsafe { (*instance).handles.open > 0 || shims::has_atexit(instance) || library.destructor_count > 0 }
}

/// The running call has panicked.
///
/// # Safety
/// `fiber` is the worker's fiber.
pub(crate) unsafe fn panicked(fiber: *mut Fiber, what: &[u8], notes: &[u8]) -> ! {
    // SAFETY: forwarded.
    unsafe {
        begin_answer(answer::PANIC);
        let message = &mut *message();
        if message.put_text(what).and_then(|()| message.put_text(notes)).is_err() {
            give_up();
        }
        (*fiber).ffi_failed = 0;
        finish(fiber);
        serve(fiber)
    }
}
