//! `within`: a body with a deadline (language.md 10.5).
//!
//! In: calls of compiled code around the body. Out: a landing with a deadline. Running code learns of the deadline from the
//! watcher, waiting code by its timer. Deliberately not here: what happens then (`cancel`).

use core::sync::atomic::Ordering;

use super::deadline;
use super::landing::{self, FullLanding, Kind};
use crate::abi::{Fiber, Landing};
use crate::sched::fiber::full;
use crate::sched::{clock, watcher};

/// False: the deadline is not in the future, and the landing was not opened.
///
/// # Safety
/// `fiber` is the running fiber; the landing lies in its frame until [`coex_within_leave`], or until it was landed at.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_within_enter(fiber: *mut Fiber, landing: *mut Landing, ns: i64) -> bool {
    if ns <= 0 {
        return false;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let this = full(fiber);
        (*this).withins = (*this).withins.wrapping_add(1);
        let outer = (*fiber).deadline.load(Ordering::Relaxed);
        let deadline = match deadline::fresh(ns, (*this).withins) {
            Some(fresh) if outer == 0 => fresh,
            _ => settled(fiber, ns),
        };
        let landing = landing.cast::<FullLanding>();
        landing::open(fiber, landing, Kind::Within(deadline));
        (*fiber).deadline.store(deadline, Ordering::Relaxed);
    }
    watcher::ensure_started();
    true
}

/// A deadline inside another one. Behind the outer one it never acts: both pass together, and the outermost counts.
#[cold]
#[inline(never)]
unsafe fn settled(fiber: *mut Fiber, ns: i64) -> u64 {
    // SAFETY: the running fiber.
    let outer = unsafe { deadline::settle(fiber) };
    let inner = clock::after(ns);
    if outer == 0 { inner } else { outer.min(inner) }
}

/// The body has ended in time.
///
/// # Safety
/// `fiber` is the running fiber, the landing its innermost one.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_within_leave(fiber: *mut Fiber, landing: *mut Landing) {
    // SAFETY: the caller's promise.
    unsafe { landing::close(fiber, landing.cast()) }
}
