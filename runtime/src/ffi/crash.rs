//! Foreign code that crashes ends its call and its instance, not the program (language.md 11.8).
//!
//! In: signals while a fiber is in foreign code; `abort` and its relatives (`shims`). Out: the call returns to compiled code
//! with `ffi_failed` set, the instance is dead. No unwinding: the thunk restores the stack of the task from the fiber.

use core::ffi::c_int;
use core::ptr::null_mut;

use super::instance::{self, FullInstance};
use super::worker::serve;
use super::{abandon, claim, failure, library_name, side};
use crate::abi::{Fiber, ThreadSlots, instance_state};
use crate::arch;
use crate::panic;
use crate::program;

/// A fault this near to the stack pointer is an overflow of the stack.
const OVERFLOW_DISTANCE: usize = 1 << 16;
const DIRECTION_FLAG: i64 = 1 << 10;

/// Decides what a fault means and makes the interrupted code continue behind the call.
///
/// # Safety
/// In a handler of a synchronous signal, while the thread runs foreign code; `context` is the handler's.
pub(crate) unsafe fn on_signal(
    thread: *mut ThreadSlots,
    signal: c_int,
    address: usize,
    context: *mut libc::ucontext_t,
) {
    if serve::has_crashed_before() {
        // What a worker needs to go on is damaged as well: the instruction runs again, and ends the process.
        // SAFETY: the system's own disposition.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
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
        go_on_behind(thread, what, context);
    }
}

/// A system call that the process refuses to make.
///
/// # Safety
/// As [`on_signal`].
pub(crate) unsafe fn on_forbidden(thread: *mut ThreadSlots, what: &[u8], context: *mut libc::ucontext_t) {
    // SAFETY: forwarded.
    unsafe { go_on_behind(thread, what, context) }
}

/// Makes the interrupted code continue behind its call, which has crashed.
unsafe fn go_on_behind(thread: *mut ThreadSlots, what: &[u8], context: *mut libc::ucontext_t) {
    // SAFETY: the kernel's structure.
    unsafe {
        let registers = &mut (*context).uc_mcontext.gregs;
        match end_call(thread, what) {
            Some(fiber) => {
                registers[libc::REG_RDI as usize] = fiber as i64;
                registers[libc::REG_RIP as usize] = arch::coex_foreign_unwind as *const () as i64;
            }
            None => stop(thread, context),
        }
        default_arithmetic(context);
    }
}

/// Masked exceptions, round to nearest: what Coex code expects.
unsafe fn default_arithmetic(context: *mut libc::ucontext_t) {
    // SAFETY: the kernel's structure.
    unsafe {
        let saved = (*context).uc_mcontext.fpregs;
        if !saved.is_null() {
            (*saved).mxcsr = 0x1F80;
            (*saved).cwd = 0x37F;
        }
    }
}

/// `abort`, `exit` and the like, called by the code of an instance.
///
/// # Safety
/// On the system stack, below a foreign call.
pub(crate) unsafe fn leave_call(what: &[u8]) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        let thread = program::running_thread();
        match end_call(thread, what) {
            Some(fiber) => arch::coex_foreign_unwind(fiber),
            None => abandon::stopped(thread),
        }
    }
}

/// Makes the interrupted C code end here, where its call was abandoned.
///
/// # Safety
/// In a signal handler on this thread, outside all locks.
pub(crate) unsafe fn stop(thread: *mut ThreadSlots, context: *mut libc::ucontext_t) {
    // SAFETY: the kernel's structure.
    unsafe {
        let registers = &mut (*context).uc_mcontext.gregs;
        registers[libc::REG_RDI as usize] = thread as i64;
        registers[libc::REG_RIP as usize] = abandon::stopped as *const () as i64;
        registers[libc::REG_RSP as usize] = abandon::entry_stack(thread) as i64;
        registers[libc::REG_EFL as usize] &= !DIRECTION_FLAG;
        default_arithmetic(context);
    }
}

/// Notes the crash and sets the instance aside. The result is the fiber to go on with; none when the call was abandoned.
/// A shared library, and the process, have nothing that could end alone.
unsafe fn end_call(thread: *mut ThreadSlots, what: &[u8]) -> Option<*mut Fiber> {
    let instance = instance::current();
    // SAFETY: the installed base names a live instance, or there is none.
    unsafe {
        side::report_end_of_call();
        let is_ours = claim::settle(thread);
        let fiber = if is_ours { (*thread).fiber } else { null_mut() };
        let is_private = !instance.is_null() && !(*instance).is_shared;
        if !is_private && (!instance.is_null() || !is_ours) {
            end_program(fiber, &[b"foreign code crashed in '", name(instance), b"': ", what]);
        }
        if !is_ours {
            return None;
        }
        failure::record(failure::CRASHED, 0, &[b"foreign code crashed in '", name(instance), b"': ", what]);
        if instance.is_null() {
            abandon::divert(fiber, panic_of_program);
        } else if instance::bury(instance, instance_state::DEAD) {
            (*side::notes()).dead = instance;
        }
        Some(fiber)
    }
}

/// Where the fiber goes on after a crash of a function that belongs to no library.
unsafe extern "C" fn panic_of_program(fiber: *mut Fiber) -> ! {
    // SAFETY: the fiber's own stack; the site is the call's.
    unsafe { failure::coex_panic_ffi_failure(fiber, (*fiber).ffi_site) }
}

/// A panic that nothing of the program survives.
unsafe fn end_program(fiber: *mut Fiber, what: &[&[u8]]) -> ! {
    // SAFETY: null, or this thread's fiber.
    unsafe {
        let mut line = panic::Line::new();
        line.push(b"panic: ");
        for part in what {
            line.push(part);
        }
        if !fiber.is_null() {
            // Not as a call of the fiber, which is in one.
            program::flush(null_mut());
            panic::push_site(&mut line, (*fiber).ffi_site);
        }
        panic::write_stderr(line.push(b"\n").bytes());
        libc::_exit(panic::STATUS)
    }
}

unsafe fn name<'a>(instance: *mut FullInstance) -> &'a [u8] {
    // SAFETY: null or live.
    unsafe { if instance.is_null() { b"program" } else { library_name((*instance).public.library) } }
}
