//! `sleep(ns)`. What was printed before is visible meanwhile.

use super::{cancel, range};
use crate::abi::Fiber;
use crate::program;
use crate::sched::fiber::{What, full};
use crate::sched::thread::After;
use crate::sched::wait::{self, Reason};
use crate::sched::{clock, run, timer};

/// Waits for at least `ns`; 0 and less let others run once.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_sleep(fiber: *mut Fiber, ns: i64) {
    // SAFETY: the caller's promise.
    unsafe {
        program::flush(fiber);
        cancel::look(fiber);
        if ns <= 0 {
            range::give_rest_away(fiber);
            run::leave(fiber, After::Yield);
            return;
        }
        let until = clock::after(ns);
        loop {
            let ticket = wait::begin(fiber);
            let entry = timer::add(until, full(fiber), ticket, Reason::Timeout);
            let reason = wait::park(fiber, ticket, What::Sleep, core::ptr::null());
            timer::remove(entry);
            if reason == Reason::Timeout {
                return;
            }
            cancel::take(fiber, core::ptr::null());
        }
    }
}
