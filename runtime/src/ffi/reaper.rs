//! Stops C code whose call was abandoned and which does not return.
//!
//! In: abandoned calls (`abandon`). Out: signals to their threads, at growing intervals. The handler ends the C code only
//! when it was interrupted in its library's own text and the thread holds nothing of the runtime; a blocking system call
//! ends with EINTR, and the next signal finds the C code that got it. Functions of the process and of shared libraries run
//! to their end. Deliberately not here: waiting for the next signal, which is the watcher's business.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use super::{abandon, claim, crash, instance};
use crate::abi::state;
use crate::program;
use crate::sched::thread::Thread;

/// Less used than others by libraries.
fn signal() -> c_int {
    libc::SIGRTMAX() - 3
}

/// Installs the handler, for the process.
pub(crate) fn install() {
    // SAFETY: the structure is filled as the system wants it. Without SA_RESTART system calls end with EINTR.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(signal(), &raw const action, null_mut());
    }
}

const FIRST_INTERVAL_NS: u64 = 50_000;
/// Not longer, since code that is mostly in the C library is seldom found in its own text.
const LAST_INTERVAL_NS: u64 = 16_000_000;

/// Interrupts the threads whose time has come; the result is when to come again.
pub(crate) fn interrupt_due(now: u64) -> u64 {
    let mut next = u64::MAX;
    abandon::for_each(|stuck| {
        // SAFETY: the records are locked; threads live for ever.
        unsafe {
            if !(*stuck).may_be_interrupted {
                return;
            }
            if (*stuck).interrupt_at <= now {
                let interval = &mut (*stuck).interval;
                *interval = (*interval * 2).clamp(FIRST_INTERVAL_NS, LAST_INTERVAL_NS);
                (*stuck).interrupt_at = now + *interval;
                let thread = (*stuck).thread.cast::<Thread>();
                libc::pthread_kill((*thread).handle.load(Ordering::Relaxed) as libc::pthread_t, signal());
            }
            next = next.min((*stuck).interrupt_at);
        }
    });
    next
}

unsafe extern "C" fn on_signal(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    let thread = program::running_thread();
    // SAFETY: the slots are this thread's; an installed base names an instance that lives until `stopped`.
    unsafe {
        if thread.is_null()
            || (*thread).state.load(Ordering::Relaxed) != state::FOREIGN
            || (*thread).shim_depth != 0
            || !claim::is_abandoned(thread)
        {
            return;
        }
        let instance = instance::current();
        if instance.is_null() || (*instance).is_shared {
            return;
        }
        let context = context.cast::<libc::ucontext_t>();
        let library = &*(*instance).public.library;
        let place = (*context).uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
        if place >= library.text_start as usize && place < library.text_end as usize {
            crash::stop(thread, context);
        }
    }
}
