//! `within`: a body with a deadline (language.md 10.5).
//!
//! In: calls of compiled code around the body. Out: a landing with a deadline. Running code learns of the deadline from the
//! watcher, waiting code by its timer. Deliberately not here: what happens then (`cancel`).

use core::sync::atomic::Ordering;

use super::landing::{self, FullLanding, Kind};
use crate::abi::{Fiber, Landing};
use crate::sched::{clock, watcher};

/// False: the deadline is not in the future, and the landing was not opened.
///
/// # Safety
/// `fiber` is the running fiber; the landing lies in its frame until [`coex_within_leave`], or until it was landed at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_within_enter(fiber: *mut Fiber, landing: *mut Landing, ns: i64) -> bool {
    if ns <= 0 {
        return false;
    }
    let deadline = clock::after(ns);
    // SAFETY: the caller's promise.
    unsafe {
        let landing = landing.cast::<FullLanding>();
        landing.write(FullLanding::new(fiber, Kind::Within(deadline)));
        landing::enter(fiber, landing);
        let outer = (*fiber).deadline.load(Ordering::Relaxed);
        if outer == 0 || deadline < outer {
            (*fiber).deadline.store(deadline, Ordering::Relaxed);
        }
    }
    watcher::ensure_started();
    true
}

/// The body has ended in time.
///
/// # Safety
/// `fiber` is the running fiber, the landing its innermost one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_within_leave(fiber: *mut Fiber, landing: *mut Landing) {
    // SAFETY: the caller's promise.
    unsafe { landing::close(fiber, landing.cast()) }
}
