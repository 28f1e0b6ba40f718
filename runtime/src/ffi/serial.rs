//! Libraries whose calls take turns, since what they use is not safe in several threads (`thread_safe = false`).
//!
//! In: fibers that are about to call. Out: one at a time, for each library. Waiting is a suspension point; the turn ends when the
//! C code has returned, also when its call was abandoned. Deliberately not here: which libraries these are.

use std::collections::VecDeque;

use super::lock::Lock;
use super::side;
use crate::abi::Fiber;
use crate::sched::fiber::{FullFiber, What, full};
use crate::sched::wait::{self, Reason, Ticket};
use crate::task::cancel;

struct Turns {
    is_taken: bool,
    waiting: VecDeque<(*mut FullFiber, u64)>,
}

// SAFETY: fibers live for ever.
unsafe impl Send for Turns {}

/// By the number of the library.
static TURNS: Lock<Vec<Turns>> = Lock::new(Vec::new());

/// Waits for the library's turn, which ends with the foreign call that follows at once.
///
/// # Safety
/// `fiber` is the running fiber; `index` is the library's index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_library_lock(fiber: *mut Fiber, index: i64) {
    let index = index as usize;
    // SAFETY: forwarded.
    unsafe {
        loop {
            let ticket = {
                let mut all = TURNS.hold();
                if all.len() <= index {
                    all.resize_with(index + 1, || Turns { is_taken: false, waiting: VecDeque::new() });
                }
                let turns = &mut all[index];
                if !core::mem::replace(&mut turns.is_taken, true) {
                    break;
                }
                let ticket = wait::begin(fiber);
                turns.waiting.push_back((full(fiber), ticket.number()));
                ticket
            };
            if wait::park(fiber, ticket, What::Lock, (*fiber).ffi_site) == Reason::Cancelled {
                TURNS.hold()[index].waiting.retain(|&entry| entry != (full(fiber), ticket.number()));
                cancel::take(fiber, (*fiber).ffi_site);
            }
        }
        (*side::notes()).turn = index + 1;
    }
    side::report_end_of_call();
}

/// The call of this thread is over.
pub(crate) fn unlock(index: usize) {
    loop {
        let next = {
            let mut all = TURNS.hold();
            let turns = &mut all[index];
            turns.is_taken = false;
            turns.waiting.pop_front()
        };
        match next {
            // SAFETY: fibers live for ever; one that has given up is passed over.
            Some((fiber, ticket)) if unsafe { !wait::wake(fiber, Ticket::of(ticket), Reason::Woken) } => {}
            _ => return,
        }
    }
}
