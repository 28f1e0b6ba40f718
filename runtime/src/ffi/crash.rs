//! Foreign code that crashes ends its call and its instance, not the program (language.md 11.8).
//!
//! In: signals while a fiber is in foreign code; `abort` and its relatives (`shims`). Out: the call returns to compiled code
//! with `ffi_failed` set, the instance is dead. No unwinding: the thunk restores the stack of the task from the fiber.

use core::ffi::c_int;
use core::sync::atomic::Ordering;

use super::instance::{self, FullInstance};
use super::{failure, library_name};
use crate::abi::{Fiber, library_flags, state};
use crate::arch;
use crate::panic;
use crate::program;

/// A fault this near to the stack pointer is an overflow of the stack.
const OVERFLOW_DISTANCE: usize = 1 << 16;

/// Decides what a fault means and makes the interrupted code continue behind the call.
///
/// # Safety
/// In a handler of a synchronous signal, while the fiber runs foreign code; `context` is the handler's.
pub(crate) unsafe fn on_signal(fiber: *mut Fiber, signal: c_int, address: usize, context: *mut libc::ucontext_t) {
    // SAFETY: the kernel's structure.
    unsafe {
        let registers = &mut (*context).uc_mcontext.gregs;
        let stack_pointer = registers[libc::REG_RSP as usize] as usize;
        let what: &[u8] = match signal {
            libc::SIGSEGV if address.abs_diff(stack_pointer) < OVERFLOW_DISTANCE => b"stack overflow",
            libc::SIGSEGV => b"invalid memory access",
            libc::SIGBUS => b"bus error",
            libc::SIGFPE => b"arithmetic fault",
            _ => b"illegal instruction",
        };
        end_call(fiber, what);
        registers[libc::REG_RDI as usize] = fiber as i64;
        if instance::current().is_null() {
            // A function of the process: the program ends, on the stack of the task, below what is live there.
            registers[libc::REG_RIP as usize] = end_program as *const () as i64;
            registers[libc::REG_RSP as usize] = ((*fiber).sp as i64 & !15) - 8;
        } else {
            registers[libc::REG_RIP as usize] = arch::coex_foreign_unwind as *const () as i64;
        }
        if !(*context).uc_mcontext.fpregs.is_null() {
            // Masked exceptions, round to nearest: what Coex code expects.
            (*(*context).uc_mcontext.fpregs).mxcsr = 0x1F80;
        }
    }
}

/// Where a fault in a function that belongs to no library continues.
unsafe extern "C" fn end_program(fiber: *mut Fiber) -> ! {
    // SAFETY: the fiber's own stack; the site is the call's.
    unsafe {
        (*(*fiber).thread).state.store(state::MANAGED, Ordering::Relaxed);
        failure::coex_panic_ffi_failure(fiber, (*fiber).ffi_site)
    }
}

/// `abort`, `exit` and the like, called by the code of an instance.
///
/// # Safety
/// On the system stack, below a foreign call.
pub(crate) unsafe fn leave_call(what: &[u8]) -> ! {
    let fiber = program::running_fiber();
    // SAFETY: the caller's promise.
    unsafe {
        end_call(fiber, what);
        arch::coex_foreign_unwind(fiber)
    }
}

/// Records the crash and sets the instance aside. A shared library has nothing that could end alone.
unsafe fn end_call(fiber: *mut Fiber, what: &[u8]) {
    let instance = instance::current();
    // SAFETY: the installed base names a live instance, or there is none.
    unsafe {
        failure::record(failure::CRASHED, 0, &[b"foreign code crashed in '", name(instance), b"': ", what]);
        if instance.is_null() {
            return;
        }
        if (*(*instance).public.library).flags & library_flags::SHARED != 0 {
            program::flush(fiber);
            let mut line = panic::Line::new();
            line.push(b"panic: foreign code crashed in '").push(name(instance)).push(b"': ").push(what);
            panic::push_site(&mut line, (*fiber).ffi_site);
            panic::write_stderr(line.push(b"\n").bytes());
            libc::_exit(panic::STATUS);
        }
        instance::bury(instance);
    }
}

unsafe fn name<'a>(instance: *mut FullInstance) -> &'a [u8] {
    // SAFETY: null or live.
    unsafe { if instance.is_null() { b"program" } else { library_name((*instance).public.library) } }
}
