//! Faults: stack overflow of Coex code becomes a panic, faults of foreign code become errors of the call.
//!
//! In: signals of the kernel. Out: a panic line, a call that continues with an error, or the handler that was there
//! before. Deliberately not here: interrupt and termination signals, which keep their system meaning.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use crate::abi::{Fiber, state};
use crate::program::{self, Global};
use crate::sched::fiber::full;
use crate::{ffi, panic, start};

const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
const STACK_BYTES: usize = 64 << 10;

/// Untouched until a fault happens.
static STACK: Global<[u8; STACK_BYTES]> = Global::new([0; STACK_BYTES]);
static PREVIOUS: Global<[MaybeUninit<libc::sigaction>; SIGNALS.len()]> =
    Global::new([const { MaybeUninit::uninit() }; SIGNALS.len()]);

/// Installs the handlers, and the alternate stack of main's thread.
pub(crate) fn install() {
    // SAFETY: the structures are filled as the system wants them; the stack is static.
    unsafe {
        use_stack(STACK.get().cast());
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for (index, signal) in SIGNALS.into_iter().enumerate() {
            libc::sigaction(signal, &raw const action, (*PREVIOUS.get())[index].as_mut_ptr());
        }
    }
}

/// An alternate stack for a thread of the scheduler, which lives as long as the process.
pub(crate) fn install_thread() {
    // SAFETY: a fresh mapping.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let stack = libc::mmap(null_mut(), STACK_BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if stack != libc::MAP_FAILED {
            use_stack(stack.cast());
        }
    }
}

unsafe fn use_stack(low: *mut u8) {
    // SAFETY: the caller gives the memory away.
    unsafe {
        let stack = libc::stack_t { ss_sp: low.cast(), ss_flags: 0, ss_size: STACK_BYTES };
        libc::sigaltstack(&raw const stack, null_mut());
    }
}

/// On the alternate stack. Touches nothing that could be locked, except when the process ends anyway.
unsafe extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's arguments; the statics belong to this thread.
    unsafe {
        let fiber = program::running_fiber();
        if !fiber.is_null() {
            if (*(*fiber).thread).state.load(Ordering::Relaxed) == state::FOREIGN {
                ffi::crash::on_signal(fiber, signal, (*info).si_addr() as usize, context.cast());
                return;
            }
            let address = (*info).si_addr().cast::<u8>();
            let low = (*full(fiber)).stack_low;
            if signal == libc::SIGSEGV && address < low && address >= low.wrapping_sub(start::GUARD_BYTES) {
                go_on_at_overflow(fiber, context.cast());
                return;
            }
        }
        // Not ours: the instruction runs again under the handler that was there before.
        if let Some(index) = SIGNALS.iter().position(|&known| known == signal) {
            libc::sigaction(signal, (*PREVIOUS.get())[index].as_ptr(), null_mut());
        }
    }
}

/// The panic happens behind the handler, on the fiber's stack: the frames in its reserve are given up.
unsafe fn go_on_at_overflow(fiber: *mut Fiber, context: *mut libc::ucontext_t) {
    // SAFETY: the kernel's structure.
    unsafe {
        let registers = &mut (*context).uc_mcontext.gregs;
        registers[libc::REG_RDI as usize] = fiber as i64;
        registers[libc::REG_RSP as usize] = ((*fiber).stack_limit as i64 & !15) - 8;
        registers[libc::REG_RIP as usize] = overflow as *const () as i64;
    }
}

unsafe extern "C" fn overflow(fiber: *mut Fiber) -> ! {
    // SAFETY: the running fiber.
    unsafe { panic::raise(fiber, b"stack overflow", core::ptr::null()) }
}
