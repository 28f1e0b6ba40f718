//! Who goes on with a fiber whose foreign call lasts too long: the thread that runs the call, or another one.
//!
//! In: `ThreadSlots::claim` of the thread that runs the call. Out: one winner. A watcher first sets the thread's `poll`, then
//! issues a process-wide memory barrier, then checks that the thread is still FOREIGN, and only then compares and swaps:
//! a call that ends without looking at `poll` has ended before the barrier, and one that looks counts the word up, so that
//! a swap that was meant for it misses. Deliberately not here: what happens to the fiber (`abandon`).
//!
//! ```text
//!   word:  | settled calls (61) | SETTLED | kind (2) |     kind: NONE, RETAKEN, ABANDONED, HELD
//!   NONE, RETAKEN --watcher--> HELD --watcher--> NONE, RETAKEN, ABANDONED; the end of the call waits while HELD
//!   NONE, RETAKEN --call leaves by a jump--> + SETTLED    NONE, RETAKEN --slow path of the return--> NONE, one more call
//! ```

use core::sync::atomic::Ordering;

use crate::abi::{ThreadSlots, claim, state};
use crate::sched::barrier;
use crate::sched::thread::poll;

/// Whether somebody else went on with the fiber of the running call.
///
/// # Safety
/// The slots are alive.
#[inline]
pub(crate) unsafe fn is_abandoned(thread: *mut ThreadSlots) -> bool {
    // SAFETY: forwarded.
    unsafe { (*thread).claim.load(Ordering::Acquire) & claim::MASK == claim::ABANDONED }
}

/// The running call is about to end by a jump; from now on the fiber stays here. False: it is gone.
///
/// # Safety
/// This thread's slots, in a foreign call. The caller has set `poll`, so that the return comes to [`finish`].
pub(crate) unsafe fn settle(thread: *mut ThreadSlots) -> bool {
    // SAFETY: forwarded.
    let word = unsafe { &(*thread).claim };
    let mut seen = word.load(Ordering::Acquire);
    loop {
        match seen & claim::MASK {
            claim::ABANDONED => return false,
            claim::HELD => {
                core::hint::spin_loop();
                seen = word.load(Ordering::Acquire);
                continue;
            }
            _ => {}
        }
        match word.compare_exchange_weak(seen, seen | claim::SETTLED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
}

/// The call has returned: its kind, after which the word counts one call more. An abandoned one keeps its mark.
///
/// # Safety
/// This thread's slots.
pub(crate) unsafe fn finish(thread: *mut ThreadSlots) -> u64 {
    // SAFETY: forwarded.
    let word = unsafe { &(*thread).claim };
    let mut seen = word.load(Ordering::Acquire);
    loop {
        let kind = seen & claim::MASK;
        if kind == claim::ABANDONED {
            return kind;
        }
        if kind == claim::HELD {
            core::hint::spin_loop();
            seen = word.load(Ordering::Acquire);
            continue;
        }
        let next = (seen & !(claim::STEP - 1)) + claim::STEP;
        match word.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return kind,
            Err(now) => seen = now,
        }
    }
}

/// The watcher holds the call that runs on a thread: its kind. None: there is none that could be claimed.
///
/// # Safety
/// The slots are alive; one thread claims.
pub(crate) unsafe fn hold(thread: *mut ThreadSlots) -> Option<u64> {
    // SAFETY: forwarded.
    unsafe {
        let seen = (*thread).claim.load(Ordering::Acquire);
        let kind = seen & claim::MASK;
        if seen & claim::SETTLED != 0 || kind == claim::ABANDONED {
            return None;
        }
        (*thread).poll.fetch_or(poll::CLAIM, Ordering::SeqCst);
        barrier::heavy();
        if (*thread).state.load(Ordering::SeqCst) != state::FOREIGN {
            return None;
        }
        let held = seen | claim::HELD;
        (*thread).claim.compare_exchange(seen, held, Ordering::AcqRel, Ordering::Relaxed).ok().map(|_| kind)
    }
}

/// The watcher lets go of a call.
///
/// # Safety
/// After [`hold`].
pub(crate) unsafe fn release(thread: *mut ThreadSlots, kind: u64) {
    // SAFETY: forwarded; nobody else changes a held word.
    unsafe {
        let held = (*thread).claim.load(Ordering::Relaxed);
        (*thread).claim.store(held & !claim::MASK | kind, Ordering::Release);
    }
}

/// The thread has cleaned up after an abandoned call.
///
/// # Safety
/// This thread's slots.
pub(crate) unsafe fn reset(thread: *mut ThreadSlots) {
    // SAFETY: forwarded; nobody else changes an abandoned word.
    unsafe {
        let seen = (*thread).claim.load(Ordering::Relaxed);
        (*thread).claim.store((seen & !(claim::STEP - 1)) + claim::STEP, Ordering::Release);
    }
}
