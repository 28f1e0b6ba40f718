//! Interrupted work leaves nothing half-made beside its output.
//!
//! In: files that are not finished yet, and the linker that may be writing one. Out: on SIGINT, SIGTERM or SIGHUP they are
//! gone, and the process ends by that signal. Deliberately not here: directories in the cache, which the next `gc` finds.
//!
//! The signals are taken by the thread that makes the files (see [`Elsewhere`]): what it does and the handler never
//! overlap, so no file can appear behind the handler's back.

use std::ffi::{CString, c_char, c_int};
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

const SIGNALS: [c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

static UNFINISHED: [AtomicPtr<c_char>; 16] = [const { AtomicPtr::new(ptr::null_mut()) }; 16];
static WRITER: AtomicI32 = AtomicI32::new(0);

/// A file that is removed if the process is interrupted before this is dropped.
#[derive(Debug)]
pub struct Unfinished {
    slot: Option<usize>,
}

impl Unfinished {
    pub fn new(path: &Path) -> Unfinished {
        let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return Unfinished { slot: None } };
        let path = path.into_raw();
        let free = |slot: &AtomicPtr<c_char>| {
            slot.compare_exchange(ptr::null_mut(), path, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        let slot = UNFINISHED.iter().position(free);
        if slot.is_none() {
            // SAFETY: it came from `into_raw`, and no slot holds it.
            drop(unsafe { CString::from_raw(path) });
        }
        Unfinished { slot }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // The name itself is not freed: a handler may just be reading it.
        if let Some(slot) = self.slot {
            UNFINISHED[slot].store(ptr::null_mut(), Ordering::Release);
        }
    }
}

/// Starts a process, the first of its group, that writes an unfinished file: the group ends with this process. Signals
/// wait until it is known.
pub fn start_writer<T>(start: impl FnOnce() -> T, id: impl FnOnce(&T) -> u32) -> T {
    let old = mask(libc::SIG_BLOCK);
    let started = start();
    WRITER.store(id(&started) as i32, Ordering::SeqCst);
    restore(&old);
    started
}

/// The writer has ended.
pub fn forget_writer() {
    WRITER.store(0, Ordering::SeqCst);
}

/// Keeps interruptions away from the calling thread until the result is dropped, and from threads that it starts.
pub struct Elsewhere(libc::sigset_t);

impl Elsewhere {
    pub fn new() -> Elsewhere {
        Elsewhere(mask(libc::SIG_BLOCK))
    }

    /// Lets the calling thread have the signals that `self` keeps from another one.
    pub fn here(&self) {
        restore(&self.0);
    }
}

impl Default for Elsewhere {
    fn default() -> Elsewhere {
        Elsewhere::new()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        restore(&self.0);
    }
}

fn mask(how: c_int) -> libc::sigset_t {
    // SAFETY: both sets are initialised before they are read.
    unsafe {
        let (mut set, mut old) = (mem::zeroed(), mem::zeroed());
        libc::sigemptyset(&mut set);
        SIGNALS.iter().for_each(|&signal| {
            libc::sigaddset(&mut set, signal);
        });
        libc::pthread_sigmask(how, &set, &mut old);
        old
    }
}

fn restore(old: &libc::sigset_t) {
    // SAFETY: the set came from `mask`.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, old, ptr::null_mut());
    }
}

/// Before another program takes this process over: what is inherited is as it was.
pub fn hand_over() {
    // SAFETY: the default action needs nothing.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
}

pub(super) fn install() {
    // A file that grows beyond its limit is an error that can be told, not an end.
    // SAFETY: to ignore a signal needs nothing.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    for signal in SIGNALS {
        // SAFETY: the actions are complete. Who ignores a signal (`nohup`) goes on doing so.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            libc::sigaction(signal, ptr::null(), &mut action);
            if action.sa_sigaction == libc::SIG_DFL {
                action.sa_sigaction = on_interruption as *const () as usize;
                action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
                libc::sigaction(signal, &action, ptr::null_mut());
            }
        }
    }
}

extern "C" fn on_interruption(signal: c_int) {
    // SAFETY: calls of the kernel only; the names are never freed.
    unsafe {
        let writer = WRITER.load(Ordering::SeqCst);
        if writer > 0 {
            libc::kill(-writer, libc::SIGKILL);
            libc::waitpid(writer, ptr::null_mut(), 0);
        }
        for slot in &UNFINISHED {
            let path = slot.load(Ordering::Acquire);
            if !path.is_null() {
                libc::unlink(path);
            }
        }
        libc::signal(signal, libc::SIG_DFL);
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        libc::raise(signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut());
    }
}
