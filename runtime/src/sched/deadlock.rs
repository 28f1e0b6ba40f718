//! Nothing can go on: every activation waits for another one (language.md 10.3).
//!
//! In: a worker that goes to sleep. Out: when all sleep, no timer runs and no foreign call is under way, main is woken to panic
//! with what each task waits for. Deliberately not here: the panic's journey; main is where it would end.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::fiber::{FullFiber, What};
use super::{idle, queue, stacks, timer, wait, worker};
use crate::abi::Site;
use crate::panic::{self, Line};
use crate::program::PROCESS;

/// Foreign calls and system calls whose thread has no worker.
static OUTSIDE: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicBool = AtomicBool::new(false);

/// Lines of the report.
const MOST_LINES: usize = 24;

/// A call goes on without a worker, or is back (`false`).
pub(crate) fn outside(begins: bool) {
    if begins {
        OUTSIDE.fetch_add(1, Ordering::SeqCst);
    } else {
        OUTSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether main was woken for its panic.
pub(crate) fn is_found() -> bool {
    FOUND.load(Ordering::SeqCst)
}

/// Called by a worker that is about to sleep, and by the watcher when everybody sleeps.
pub(crate) fn check() {
    let wakes = idle::wakes();
    let all_sleep = idle::sleeping() == worker::started();
    if !all_sleep || timer::count() != 0 || OUTSIDE.load(Ordering::SeqCst) != 0 || queue::is_anything_ready() {
        return;
    }
    // Nobody has stopped sleeping since: so nobody has taken what timers and calls brought before they were counted out.
    if idle::wakes() != wakes {
        return;
    }
    if FOUND.swap(true, Ordering::SeqCst) {
        return;
    }
    // SAFETY: nobody runs; main waits.
    unsafe { wait::interrupt(&raw mut (*PROCESS.get()).fiber) };
    // It is next on a worker that is about to sleep.
    idle::notify();
}

/// The panic, on main's stack.
///
/// # Safety
/// `fiber` is main; it, or the child that it runs itself, waits at `site`.
pub(crate) unsafe fn raise(fiber: *mut FullFiber, site: *const Site) -> ! {
    let mut notes = Vec::new();
    // SAFETY: the caller's promise.
    let (place, runs_child) = unsafe {
        let runs_child = !(*fiber).task.is_null() || !(*fiber).public.range.is_null();
        (if runs_child { (*fiber).main_site } else { site }, runs_child)
    };
    let mut count = 0;
    if runs_child {
        count += 1;
        // SAFETY: the caller's promise.
        unsafe { describe(fiber, &mut notes) };
    }
    stacks::for_each(|fiber| {
        // SAFETY: fibers live for ever; these do not run.
        unsafe {
            if (*fiber).in_use && (*fiber).what != What::Nothing {
                count += 1;
                if count <= MOST_LINES {
                    describe(fiber, &mut notes);
                }
            }
        }
    });
    if count > MOST_LINES {
        notes.extend_from_slice(format!("note: and {} more\n", count - MOST_LINES).as_bytes());
    }
    // SAFETY: the caller's promise.
    unsafe { panic::end_program(&raw mut (*fiber).public, b"deadlock: all tasks are waiting", place, &notes) }
}

unsafe fn describe(fiber: *mut FullFiber, notes: &mut Vec<u8>) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut line = Line::new();
        line.push(b"note: task '");
        if !(*fiber).task.is_null() {
            line.push_text((*(*(*fiber).task).public.info).name);
        }
        let what: &[u8] = match (*fiber).what {
            What::Nothing => b"' waits",
            What::Child => b"' waits for a child",
            What::Send => b"' waits to send",
            What::Receive => b"' waits to receive",
            What::Select => b"' waits in a select",
            What::Sleep => b"' sleeps",
            What::Lock => b"' waits for a lock",
        };
        line.push(what);
        panic::push_site(&mut line, (*fiber).site);
        notes.extend_from_slice(line.push(b"\n").bytes());
    }
}
