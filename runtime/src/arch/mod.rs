//! The only assembly of the runtime: stack switches, the foreign-call thunk, the thread-local instance base.
//!
//! In: `abi` offsets. Out: the same few functions for each processor. Deliberately not here: policy.

#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("the Coex runtime supports x86-64 Linux only, so far");

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{TRUSTED_CLOCK, full_fence, installed_base, saved_stack_pointer, ticks};

use crate::abi::{Fiber, Landing, ThreadSlots};

unsafe extern "C" {
    /// Calls C: target in r12, fiber in r13, the C arguments in their registers. See `design` of the call protocol in
    /// `x86_64.rs`. Not callable from Rust; programs and `coex_call_foreign` use it.
    pub fn coex_foreign_thunk();
    /// glibc's `asprintf` in the installed instance.
    #[cfg(test)]
    pub(crate) fn coex_shim_asprintf(result: *mut *mut u8, format: *const core::ffi::c_char, ...) -> i32;
    /// Leaves the running foreign call as if the C function had returned 0. Runs on any stack.
    pub(crate) fn coex_foreign_unwind(fiber: *mut Fiber) -> !;
    /// Address of this thread's `coex_inst_base`.
    pub(crate) fn coex_tls_base_address() -> *mut *mut u8;
    /// Goes on with a fiber; this stack becomes `fiber.sys`. Comes back when the fiber leaves the thread.
    pub(crate) fn coex_switch_to(fiber: *mut Fiber, thread: *mut ThreadSlots);
    /// The running fiber leaves its thread, whose scheduler goes on behind `coex_switch_to`. The result is `returned[0]` when
    /// somebody resumes the fiber.
    pub(crate) fn coex_leave_fiber(fiber: *mut Fiber) -> u64;
    /// The running fiber leaves its thread, which goes on with `to`, after `run::handed_over(fiber)`, on that one's stack. The
    /// result is as above.
    pub(crate) fn coex_hand_over(fiber: *mut Fiber, to: *mut Fiber) -> u64;
    /// Gives up what runs on this thread: its scheduler goes on behind the `coex_switch_to` that set `sys`.
    pub(crate) fn coex_to_scheduler(sys: *mut u8) -> !;
    /// Where a fiber goes on whose foreign call has returned on another thread: `ffi::abandon::arrived`, then the frame behind.
    pub(crate) fn coex_arrived();
    /// Where a new fiber begins: calls rbx with the fiber (r13). Not callable from Rust.
    pub(crate) fn coex_fiber_start();
    /// Calls compiled code `body(first, second)` with the fiber in r13; `coex_land_at` makes this call return.
    pub fn coex_land(fiber: *mut Fiber, landing: *mut Landing, body: *const u8, first: *mut u8, second: *mut u8)
    -> i64;
    /// Returns `status` from the `coex_land` of this landing.
    pub(crate) fn coex_land_at(landing: *mut Landing, status: i64) -> !;
    /// Calls compiled code `code(first, second)` with the fiber in r13.
    pub(crate) fn coex_call_task(fiber: *mut Fiber, code: *const u8, first: *mut u8, second: *mut u8);
    /// Calls compiled code: `code` with the fiber in r13.
    pub(crate) fn coex_call_entry(fiber: *mut Fiber, code: *const u8) -> i64;
    /// Calls C through the thunk with two arguments.
    pub(crate) fn coex_call_foreign(fiber: *mut Fiber, target: *const u8, first: usize, second: usize) -> usize;
    /// Spills every callee-saved register to the stack and calls `body(argument, stack pointer)`.
    pub(crate) fn coex_with_spilled_registers(argument: *mut u8, body: unsafe extern "C" fn(*mut u8, *mut u8));
}

/// Installs another instance on this thread; the result is the base that was installed.
///
/// # Safety
/// `base` is null or the base of a live instance.
pub(crate) unsafe fn install_base(base: *mut u8) -> *mut u8 {
    // SAFETY: this thread's word.
    unsafe { core::mem::replace(&mut *coex_tls_base_address(), base) }
}
