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
const PAGE: usize = 4096;

/// Written once, by [`install`].
static PREVIOUS: Global<[MaybeUninit<libc::sigaction>; SIGNALS.len()]> =
    Global::new([const { MaybeUninit::uninit() }; SIGNALS.len()]);

/// Installs the handlers, for the process, and this thread's alternate stack.
pub(crate) fn install() {
    install_thread();
    // SAFETY: the structures are filled as the system wants them.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for (index, signal) in SIGNALS.into_iter().enumerate() {
            let mut previous: libc::sigaction = core::mem::zeroed();
            libc::sigaction(signal, &raw const action, &raw mut previous);
            if previous.sa_sigaction != action.sa_sigaction {
                (*PREVIOUS.get())[index].write(previous);
            }
        }
    }
    ffi::reaper::install();
}

/// Gives this thread an alternate stack, above an unmapped page. Each thread that runs C calls it at its start; false when
/// the system refuses: then a stack overflow of C code on this thread ends the program.
pub(crate) fn install_thread() -> bool {
    // SAFETY: a fresh mapping, which lives as long as the process.
    unsafe {
        let mut old: libc::stack_t = core::mem::zeroed();
        if libc::sigaltstack(null_mut(), &raw mut old) == 0
            && old.ss_flags & libc::SS_DISABLE == 0
            && old.ss_size >= STACK_BYTES
        {
            return true;
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let low = libc::mmap(null_mut(), PAGE + STACK_BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if low == libc::MAP_FAILED {
            return false;
        }
        libc::mprotect(low, PAGE, libc::PROT_NONE);
        let stack = libc::stack_t { ss_sp: low.cast::<u8>().add(PAGE).cast(), ss_flags: 0, ss_size: STACK_BYTES };
        libc::sigaltstack(&raw const stack, null_mut()) == 0
    }
}

/// Takes the alternate stack of a thread that ends.
pub(crate) fn remove_thread() {
    // SAFETY: the stack is the one that `install_thread` mapped, and no handler runs on it.
    unsafe {
        let mut old: libc::stack_t = core::mem::zeroed();
        let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        if libc::sigaltstack(&raw const none, &raw mut old) == 0 && old.ss_size == STACK_BYTES {
            libc::munmap(old.ss_sp.cast::<u8>().sub(PAGE).cast(), PAGE + STACK_BYTES);
        }
    }
}

/// On the alternate stack. Foreign code that faults inside a section of the runtime is a fault of the runtime.
unsafe extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's arguments; the slots are this thread's.
    unsafe {
        let thread = program::running_thread();
        let address = (*info).si_addr().cast::<u8>();
        if !thread.is_null() {
            if (*thread).state.load(Ordering::Relaxed) == state::FOREIGN && (*thread).shim_depth == 0 {
                ffi::crash::on_signal(thread, signal, address as usize, context.cast());
                return;
            }
            let fiber = (*thread).fiber;
            if signal == libc::SIGSEGV && !fiber.is_null() {
                let low = (*full(fiber)).stack_low;
                if address < low && address >= low.wrapping_sub(start::GUARD_BYTES) {
                    go_on_at_overflow(fiber, context.cast());
                    return;
                }
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
