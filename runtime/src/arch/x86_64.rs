//! x86-64, System V psABI (<https://gitlab.com/x86-psABIs/x86-64-ABI>).
//!
//! Facts relied on: arguments in rdi rsi rdx rcx r8 r9 and xmm0-7; results in rax rdx xmm0 xmm1; rbx rbp r12-r15
//! belong to the caller; rsp is 16-byte aligned before every `call`; the thread pointer is fs:0 and local-exec thread-locals
//! lie at negative offsets from it. LLVM's `preserve_none` takes arguments in r12 r13 r14 r15 and then in C's registers, yields
//! results as C does, and preserves rbp alone.
//!
//! In: `abi` offsets. Out: the functions declared in `arch`.

use core::arch::global_asm;

use crate::abi::{offset, state};

// The thread-local that libraries read (initial-exec); address and size are the same as C's `_Thread_local void *`.
global_asm!(
    r#"
    .section .tbss,"awT",@nobits
    .globl coex_inst_base
    .type coex_inst_base,@object
    .p2align 3
coex_inst_base:
    .zero 8
    .size coex_inst_base, 8

    .text
    .globl coex_tls_base_address
    .type coex_tls_base_address,@function
coex_tls_base_address:
    .cfi_startproc
    mov rax, qword ptr fs:0
    lea rax, [rax + coex_inst_base@tpoff]
    ret
    .cfi_endproc
    .size coex_tls_base_address, .-coex_tls_base_address
"#
);

/// The base installed on this thread: one load, which the compiler may not cache across calls.
#[inline]
pub(crate) fn installed_base() -> *mut u8 {
    let base: *mut u8;
    // SAFETY: reads a thread-local word of this file.
    unsafe {
        core::arch::asm!(
            "mov {base}, qword ptr fs:[coex_inst_base@tpoff]",
            base = out(reg) base,
            options(nostack, preserves_flags, readonly)
        );
    }
    base
}

/// The stack pointer in a `jmp_buf` of glibc: the seventh word, which `setjmp` has mixed with the thread's guard (fs:0x30)
/// and rotated.
///
/// # Safety
/// `setjmp` has filled the buffer.
pub(crate) unsafe fn saved_stack_pointer(buffer: *const usize) -> usize {
    let mut word: usize;
    // SAFETY: the caller's promise; the guard is a word of every thread.
    unsafe {
        word = *buffer.add(6);
        core::arch::asm!(
            "ror {word}, 17",
            "xor {word}, qword ptr fs:[0x30]",
            word = inout(reg) word,
            options(nostack, readonly)
        );
    }
    word
}

/// The name of the kernel's clock source that reads the same counter as [`ticks`].
pub(crate) const TRUSTED_CLOCK: &str = "tsc";

/// The processor's counter of time.
#[inline]
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// A full barrier: faster than `mfence`, which Rust's `fence` is, by half.
#[inline]
pub(crate) fn full_fence() {
    // SAFETY: an atomic operation without effect on the top word of the stack.
    unsafe { core::arch::asm!("lock or dword ptr [rsp], 0") };
}

// Debuggers unwind by the `.cfi` lines: through the thunk from the system stack to the task stack; not beyond the start of a
// fiber, nor while rsp is between two fibers (`.cfi_undefined rip`).

// A fiber that does not run Coex code has this on top of its stack, at `fiber.sp` (from low to high):
//   rbp, where to go on
// whether it is in C, waits, or was never started; `coex_switch_to` loads it, and rax, rdx, xmm0, xmm1 from
// `fiber.returned`, and r13. `coex_hand_over` leaves one fiber and loads the next. A fiber that left in the same way goes on
// there with a `ret` to the same place, which the processor expects, and so for the callers as far as both waited alike.
//
// The foreign call (steps 4 to 8 of the protocol). Compiled code calls the thunk by LLVM's convention `preserve_none`: the
// target in r12, the fiber in r13, then the arguments where C wants them; of all registers it expects only rbp back. So it
// has itself put what it still needs on the stack, where the collector finds it, and a call that never returns to here
// (`coex_foreign_unwind`) has nothing to restore.
//   task stack                      system stack
//   push rbp
//   fiber.sp = rbx = rsp
//   rsp = fiber.sys          ->     r14 = thread; thread.state = FOREIGN
//                                   call C, which preserves rbp, rbx, r13 and r14
//                                   thread.state = MANAGED; thread.poll != 0 -> slow path
//   rsp = rbx                <-
//   drop rbp, ret
// Neither rsp nor rbp is loaded from memory: loops around calls would wait for that in each round. The `call` and `ret` of C
// pair up, and so do those of the thunk. State and poll are the thread's, not the fiber's: after an abandoned call the fiber
// runs elsewhere. gdb refuses a caller whose stack lies below, unless it has the name `__morestack`, as in the segmented
// stacks of C: so the thunk has that name from its `call` on.
global_asm!(
    r#"
    .macro save register
    push \register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset \register, 0
    .endm
    .macro restore register
    pop \register
    .cfi_adjust_cfa_offset -8
    .cfi_restore \register
    .endm

    .text
    .globl coex_foreign_thunk
    .type coex_foreign_thunk,@function
    .p2align 5
coex_foreign_thunk:
    .cfi_startproc
    save rbp
    mov qword ptr [r13 + {sp}], rsp
    mov rbx, rsp
    .cfi_def_cfa_register rbx
    mov r14, qword ptr [r13 + {thread}]
    mov rsp, qword ptr [r13 + {sys}]
    mov dword ptr [r14 + {state}], {foreign}
    .type __morestack,@function
__morestack:
    call r12
    mov dword ptr [r14 + {state}], {managed}
    cmp dword ptr [r14 + {poll}], 0
    jne 2f
1:
    .cfi_remember_state
    lea rsp, [rbx + 8]
    .cfi_def_cfa rsp, 8
    ret
2:
    .cfi_restore_state
    sub rsp, 48
    mov qword ptr [rsp], rax
    mov qword ptr [rsp + 8], rdx
    movups xmmword ptr [rsp + 16], xmm0
    movups xmmword ptr [rsp + 32], xmm1
    mov rdi, r14
    mov rsi, rsp
    call {returned}
    mov rax, qword ptr [rsp]
    mov rdx, qword ptr [rsp + 8]
    movups xmm0, xmmword ptr [rsp + 16]
    movups xmm1, xmmword ptr [rsp + 32]
    jmp 1b
    .cfi_endproc
    .size __morestack, .-__morestack
    .size coex_foreign_thunk, .-coex_foreign_thunk

    .globl coex_foreign_unwind
    .type coex_foreign_unwind,@function
    .p2align 4
coex_foreign_unwind:
    .cfi_startproc
    .cfi_undefined rip
    cld
    mov rsp, qword ptr [rdi + {sys}]
    mov r14, qword ptr [rsp]
    mov dword ptr [r14 + {state}], {managed}
    xor eax, eax
    xor edx, edx
    pxor xmm0, xmm0
    pxor xmm1, xmm1
    mov r13, rdi
    mov rbx, qword ptr [rdi + {sp}]
    .cfi_def_cfa rbx, 16
    .cfi_offset rip, -8
    .cfi_offset rbp, -16
    mov rbp, qword ptr [rbx]
    cmp dword ptr [r14 + {poll}], 0
    jne 2b
    jmp 1b
    .cfi_endproc
    .size coex_foreign_unwind, .-coex_foreign_unwind

    .globl coex_switch_to
    .type coex_switch_to,@function
    .p2align 4
coex_switch_to:
    .cfi_startproc
    save rbx
    save rbp
    save r12
    save r13
    save r14
    save r15
    sub rsp, 24
    .cfi_adjust_cfa_offset 24
    mov qword ptr [rsp], rsi
    mov qword ptr [rdi + {sys}], rsp
    mov rax, qword ptr [rdi + {regs}]
    mov rdx, qword ptr [rdi + {regs} + 8]
    movups xmm0, xmmword ptr [rdi + {regs} + 16]
    movups xmm1, xmmword ptr [rdi + {regs} + 32]
    mov r13, rdi
    .cfi_undefined rip
    mov rsp, qword ptr [rdi + {sp}]
    pop rbp
    pop rcx
    jmp rcx
    .cfi_endproc
    .size coex_switch_to, .-coex_switch_to

    .globl coex_leave_fiber
    .type coex_leave_fiber,@function
    .p2align 4
coex_leave_fiber:
    .cfi_startproc
    save rbx
    save r12
    save r14
    save r15
    save r13
    .cfi_remember_state
    .cfi_undefined rip
    lea rcx, [rip + 4f]
    push rcx
    push rbp
    mov qword ptr [rdi + {sp}], rsp
    mov rdi, qword ptr [rdi + {sys}]
    .globl coex_to_scheduler
coex_to_scheduler:
    mov rsp, rdi
    mov rcx, qword ptr [rsp]
    mov dword ptr [rcx + {state}], {parked}
    add rsp, 24
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
4:
    .cfi_restore_state
    restore r13
    restore r15
    restore r14
    restore r12
    restore rbx
    pop rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    jmp rcx
    .cfi_endproc
    .size coex_leave_fiber, .-coex_leave_fiber

    .globl coex_hand_over
    .type coex_hand_over,@function
    .p2align 4
coex_hand_over:
    .cfi_startproc
    save rbx
    save r12
    save r14
    save r15
    save r13
    .cfi_remember_state
    .cfi_undefined rip
    lea rcx, [rip + 5f]
    push rcx
    push rbp
    mov qword ptr [rdi + {sp}], rsp
    mov rax, qword ptr [rdi + {sys}]
    mov qword ptr [rsi + {sys}], rax
    mov rsp, qword ptr [rsi + {sp}]
    mov rbx, rsp
    .cfi_def_cfa rbx, 16
    .cfi_offset rip, -8
    .cfi_offset rbp, -16
    mov r13, rsi
    and rsp, -16
    call {handed_over}
    mov rsp, rbx
    mov rax, qword ptr [r13 + {regs}]
    mov rdx, qword ptr [r13 + {regs} + 8]
    movups xmm0, xmmword ptr [r13 + {regs} + 16]
    movups xmm1, xmmword ptr [r13 + {regs} + 32]
    .cfi_undefined rip
    pop rbp
    pop rcx
    jmp rcx
5:
    .cfi_restore_state
    restore r13
    restore r15
    restore r14
    restore r12
    restore rbx
    ret
    .cfi_endproc
    .size coex_hand_over, .-coex_hand_over

    .globl coex_arrived
    .type coex_arrived,@function
    .p2align 4
coex_arrived:
    .cfi_startproc
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    sub rsp, 48
    .cfi_adjust_cfa_offset 48
    mov qword ptr [rsp], rax
    mov qword ptr [rsp + 8], rdx
    movups xmmword ptr [rsp + 16], xmm0
    movups xmmword ptr [rsp + 32], xmm1
    mov rdi, r13
    call {arrived}
    mov rax, qword ptr [rsp]
    mov rdx, qword ptr [rsp + 8]
    movups xmm0, xmmword ptr [rsp + 16]
    movups xmm1, xmmword ptr [rsp + 32]
    .cfi_undefined rip
    add rsp, 48
    pop rbp
    pop rcx
    jmp rcx
    .cfi_endproc
    .size coex_arrived, .-coex_arrived

    .globl coex_fiber_start
    .type coex_fiber_start,@function
    .p2align 4
coex_fiber_start:
    .cfi_startproc
    .cfi_undefined rip
    mov rdi, r13
    call rbp
    ud2
    .cfi_endproc
    .size coex_fiber_start, .-coex_fiber_start

    .globl coex_land
    .type coex_land,@function
    .p2align 4
coex_land:
    .cfi_startproc
    save rbx
    save r12
    save r14
    save r15
    save r13
    save rbp
    sub rsp, 8
    .cfi_adjust_cfa_offset 8
    mov qword ptr [rsi + {landing_sp}], rsp
    mov r13, rdi
    mov rax, rdx
    mov rdi, rcx
    mov rsi, r8
    call rax
3:
    add rsp, 8
    .cfi_adjust_cfa_offset -8
    restore rbp
    restore r13
    restore r15
    restore r14
    restore r12
    restore rbx
    ret
    .cfi_endproc
    .size coex_land, .-coex_land

    .globl coex_land_at
    .type coex_land_at,@function
    .p2align 4
coex_land_at:
    .cfi_startproc
    mov rax, rsi
    .cfi_undefined rip
    mov rsp, qword ptr [rdi + {landing_sp}]
    jmp 3b
    .cfi_endproc
    .size coex_land_at, .-coex_land_at

    .globl coex_call_task
    .type coex_call_task,@function
    .p2align 4
coex_call_task:
    .cfi_startproc
    save r13
    mov r13, rdi
    mov rax, rsi
    mov rdi, rdx
    mov rsi, rcx
    call rax
    restore r13
    ret
    .cfi_endproc
    .size coex_call_task, .-coex_call_task

    .globl coex_call_entry
    .type coex_call_entry,@function
    .p2align 4
coex_call_entry:
    .cfi_startproc
    save rbx
    save rbp
    save r12
    save r13
    save r14
    save r15
    sub rsp, 8
    .cfi_adjust_cfa_offset 8
    mov r13, rdi
    call rsi
    add rsp, 8
    .cfi_adjust_cfa_offset -8
    restore r15
    restore r14
    restore r13
    restore r12
    restore rbp
    restore rbx
    ret
    .cfi_endproc
    .size coex_call_entry, .-coex_call_entry

    .globl coex_call_foreign
    .type coex_call_foreign,@function
    .p2align 4
coex_call_foreign:
    .cfi_startproc
    save rbx
    save rbp
    save r12
    save r13
    save r14
    save r15
    sub rsp, 8
    .cfi_adjust_cfa_offset 8
    mov r13, rdi
    mov r12, rsi
    mov rdi, rdx
    mov rsi, rcx
    call coex_foreign_thunk
    add rsp, 8
    .cfi_adjust_cfa_offset -8
    restore r15
    restore r14
    restore r13
    restore r12
    restore rbp
    restore rbx
    ret
    .cfi_endproc
    .size coex_call_foreign, .-coex_call_foreign

    .globl coex_with_spilled_registers
    .type coex_with_spilled_registers,@function
    .p2align 4
coex_with_spilled_registers:
    .cfi_startproc
    save rbx
    save rbp
    save r12
    save r13
    save r14
    save r15
    sub rsp, 8
    .cfi_adjust_cfa_offset 8
    mov rax, rsi
    mov rsi, rsp
    call rax
    add rsp, 56
    .cfi_adjust_cfa_offset -56
    ret
    .cfi_endproc
    .size coex_with_spilled_registers, .-coex_with_spilled_registers
"#,
    sp = const offset::FIBER_SP,
    sys = const offset::FIBER_SYS,
    thread = const offset::FIBER_THREAD,
    regs = const offset::FIBER_RETURNED,
    landing_sp = const offset::LANDING_SP,
    state = const offset::THREAD_STATE,
    poll = const offset::THREAD_POLL,
    foreign = const state::FOREIGN,
    managed = const state::MANAGED,
    parked = const state::PARKED,
    returned = sym crate::ffi::coex_foreign_returned,
    arrived = sym crate::ffi::abandon::arrived,
    handed_over = sym crate::sched::run::handed_over,
);

// `int coex_shim_asprintf(char **result, const char *format, ...)`: Rust cannot define variadic functions. Builds a
// `va_list { gp_offset, fp_offset, overflow_arg_area, reg_save_area }` and goes on in `coex_shim_vasprintf`.
global_asm!(
    r#"
    .text
    .globl coex_shim_asprintf
    .type coex_shim_asprintf,@function
    .p2align 4
coex_shim_asprintf:
    .cfi_startproc
    sub rsp, 216
    .cfi_adjust_cfa_offset 216
    mov qword ptr [rsp + 32 + 16], rdx
    mov qword ptr [rsp + 32 + 24], rcx
    mov qword ptr [rsp + 32 + 32], r8
    mov qword ptr [rsp + 32 + 40], r9
    test al, al
    je 3f
    movaps xmmword ptr [rsp + 32 + 48], xmm0
    movaps xmmword ptr [rsp + 32 + 64], xmm1
    movaps xmmword ptr [rsp + 32 + 80], xmm2
    movaps xmmword ptr [rsp + 32 + 96], xmm3
    movaps xmmword ptr [rsp + 32 + 112], xmm4
    movaps xmmword ptr [rsp + 32 + 128], xmm5
    movaps xmmword ptr [rsp + 32 + 144], xmm6
    movaps xmmword ptr [rsp + 32 + 160], xmm7
3:
    mov dword ptr [rsp], 16
    mov dword ptr [rsp + 4], 48
    lea rax, [rsp + 224]
    mov qword ptr [rsp + 8], rax
    lea rax, [rsp + 32]
    mov qword ptr [rsp + 16], rax
    mov rdx, rsp
    call {vasprintf}
    add rsp, 216
    .cfi_adjust_cfa_offset -216
    ret
    .cfi_endproc
    .size coex_shim_asprintf, .-coex_shim_asprintf
"#,
    vasprintf = sym crate::ffi::shims::coex_shim_vasprintf,
);
