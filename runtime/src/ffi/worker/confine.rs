//! What a worker takes from itself before any code of a library runs.
//!
//! In: a process with the rights of the program. Out: one that can compute, write to the program's output, and read what
//! a C library reasonably needs. In this order: inherited descriptors are closed; limits; no new rights; landlock, where the
//! kernel has it: files below [`READABLE`] may be read, and what `COEX_FFI_READ` and `COEX_FFI_WRITE` name; then a filter
//! of system calls. What is dangerous ends the call as a crash; what is not known is answered as if the kernel had no such
//! call. Deliberately not here: crashes (`crash`), the processes themselves (`pool`).

use core::ffi::{CStr, c_int, c_void};
use core::ptr::null_mut;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use super::serve;
use crate::abi::state;
use crate::ffi::units::units;
use crate::ffi::{crash, limits};
use crate::panic::{self, Line};
use crate::program;
use crate::restrict::calls::{
    ALLOW, COMPUTING, FILE_CONTROLS, Filter, PR_GET_NAME, PR_SET_NAME, TERMINAL_QUESTIONS, refuse,
};
use crate::restrict::landlock::{Ruleset, right};
use crate::restrict::renounce_new_rights;

/// Memory that a worker may map besides the runtime's own reservations.
const BYTES: u64 = 1 << 30;
const FILE_BYTES: u64 = 1 << 30;
const FILES: u64 = 256;

/// Confines this process, for good. False: the system refused something that must not be refused.
pub(super) fn confine() -> bool {
    if units().unit_count() == 0 {
        units().reserve();
    }
    close_descriptors();
    limit();
    renounce_new_rights() && restrict_files() && filter_calls()
}

fn close_descriptors() {
    // SAFETY: nothing of this process but the standard streams is open for use.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) != 0 {
            for descriptor in 3..4096 {
                libc::close(descriptor);
            }
        }
    }
}

fn limit() {
    let memory = mapped_bytes() + limits::variable(c"COEX_FFI_PROCESS_BYTES").unwrap_or(BYTES);
    let seconds = limits::variable(c"COEX_FFI_PROCESS_SECONDS").unwrap_or(libc::RLIM_INFINITY);
    let file = limits::variable(c"COEX_FFI_PROCESS_FILE_BYTES").unwrap_or(FILE_BYTES);
    for (resource, most) in [
        (libc::RLIMIT_AS, memory),
        (libc::RLIMIT_CPU, seconds),
        (libc::RLIMIT_FSIZE, file),
        (libc::RLIMIT_NOFILE, FILES),
        (libc::RLIMIT_NPROC, 0),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MEMLOCK, 0),
    ] {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: a valid structure. A lower limit that holds already is as good.
        unsafe { libc::setrlimit(resource, &raw const limit) };
    }
}

/// Address space in use: nearly all of it is reserved and never touched.
fn mapped_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    // Where nothing is known the limit would stop the runtime itself.
    if pages == 0 { u64::MAX / 2 } else { pages * 4096 }
}

// -------------------------------------------------------------------------------------------------------------- files

/// What C libraries read by themselves: code and data of the system, time zones, randomness, facts of the process.
const READABLE: [&CStr; 11] = [
    c"/usr",
    c"/lib",
    c"/lib64",
    c"/etc/ld.so.cache",
    c"/etc/localtime",
    c"/dev/null",
    c"/dev/zero",
    c"/dev/full",
    c"/dev/random",
    c"/dev/urandom",
    c"/proc/self",
];

fn restrict_files() -> bool {
    let Ok(ruleset) = Ruleset::new() else { return false };
    let Some(ruleset) = ruleset else { return true };
    // What is absent needs no rule.
    let allow = |path: &CStr, rights: u64| {
        let _ = ruleset.allow(path, rights);
    };
    READABLE.into_iter().for_each(|path| allow(path, right::READ));
    allow(c"/dev/null", right::WRITE_FILE);
    paths("COEX_FFI_READ").iter().for_each(|path| allow(path, right::READ));
    paths("COEX_FFI_WRITE").iter().for_each(|path| allow(path, right::ALL & !right::EXECUTE));
    ruleset.enforce()
}

/// Paths in a variable, between colons.
fn paths(variable: &str) -> Vec<CString> {
    let value = std::env::var_os(variable).unwrap_or_default();
    let parts = value.as_bytes().split(|byte| *byte == b':');
    parts.filter(|part| !part.is_empty()).filter_map(|part| CString::new(part).ok()).collect()
}

// ------------------------------------------------------------------------------------------------------- system calls

/// No library means well with these: other processes, the network, the kernel, other rights.
const FORBIDDEN: [(libc::c_long, &CStr); 44] = [
    (libc::SYS_execve, c"execve"),
    (libc::SYS_execveat, c"execveat"),
    (libc::SYS_clone, c"clone"),
    (libc::SYS_clone3, c"clone3"),
    (libc::SYS_fork, c"fork"),
    (libc::SYS_vfork, c"vfork"),
    (libc::SYS_ptrace, c"ptrace"),
    (libc::SYS_kill, c"kill"),
    (libc::SYS_tkill, c"tkill"),
    (libc::SYS_tgkill, c"tgkill"),
    (libc::SYS_rt_sigqueueinfo, c"rt_sigqueueinfo"),
    (libc::SYS_rt_tgsigqueueinfo, c"rt_tgsigqueueinfo"),
    (libc::SYS_pidfd_open, c"pidfd_open"),
    (libc::SYS_pidfd_getfd, c"pidfd_getfd"),
    (libc::SYS_pidfd_send_signal, c"pidfd_send_signal"),
    (libc::SYS_process_vm_readv, c"process_vm_readv"),
    (libc::SYS_process_vm_writev, c"process_vm_writev"),
    (libc::SYS_socket, c"socket"),
    (libc::SYS_socketpair, c"socketpair"),
    (libc::SYS_connect, c"connect"),
    (libc::SYS_bind, c"bind"),
    (libc::SYS_sendto, c"sendto"),
    (libc::SYS_sendmsg, c"sendmsg"),
    (libc::SYS_mount, c"mount"),
    (libc::SYS_umount2, c"umount2"),
    (libc::SYS_pivot_root, c"pivot_root"),
    (libc::SYS_chroot, c"chroot"),
    (libc::SYS_unshare, c"unshare"),
    (libc::SYS_setns, c"setns"),
    (libc::SYS_bpf, c"bpf"),
    (libc::SYS_perf_event_open, c"perf_event_open"),
    (libc::SYS_userfaultfd, c"userfaultfd"),
    (libc::SYS_init_module, c"init_module"),
    (libc::SYS_finit_module, c"finit_module"),
    (libc::SYS_kexec_load, c"kexec_load"),
    (libc::SYS_reboot, c"reboot"),
    (libc::SYS_keyctl, c"keyctl"),
    (libc::SYS_setuid, c"setuid"),
    (libc::SYS_setgid, c"setgid"),
    (libc::SYS_setresuid, c"setresuid"),
    (libc::SYS_setresgid, c"setresgid"),
    (libc::SYS_open_by_handle_at, c"open_by_handle_at"),
    (libc::SYS_shmat, c"shmat"),
    (libc::SYS_mknodat, c"mknodat"),
];

fn filter_calls() -> bool {
    // SAFETY: asks for a number.
    let own = unsafe { libc::getpid() } as u32;
    let mut filter = Filter::default();
    for call in COMPUTING {
        filter.when(call, ALLOW);
    }
    for call in [libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill] {
        filter.with_argument(call, 0, &[own], libc::SECCOMP_RET_TRAP);
    }
    filter.with_argument(libc::SYS_fcntl, 1, &FILE_CONTROLS, refuse(libc::EPERM));
    filter.with_argument(libc::SYS_ioctl, 1, &TERMINAL_QUESTIONS, refuse(libc::ENOTTY));
    filter.with_argument(libc::SYS_prctl, 0, &[PR_SET_NAME, PR_GET_NAME], refuse(libc::EPERM));
    // Questions only; the upper half of the address is never 0 for a structure on a stack or a heap.
    filter.with_argument(libc::SYS_prlimit64, 2, &[0], refuse(libc::EPERM));
    for (call, _) in FORBIDDEN {
        filter.when(call, libc::SECCOMP_RET_TRAP);
    }
    filter.otherwise(refuse(libc::ENOSYS));
    // SAFETY: a structure that the kernel copies.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = on_forbidden as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSYS, &raw const action, null_mut()) == 0 && filter.enforce()
    }
}

/// On the alternate stack, instead of the system call.
unsafe extern "C" fn on_forbidden(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let thread = program::running_thread();
    // SAFETY: the kernel's structures; the number is the second word of the signal's own part.
    unsafe {
        let number = *info.cast::<i32>().add(6);
        let mut what = Line::new();
        what.push(b"forbidden system call ");
        match FORBIDDEN.iter().find(|(call, _)| *call == libc::c_long::from(number)) {
            Some((_, name)) => what.push(name.to_bytes()),
            None => what.push_int(number.into()),
        };
        let is_ours = !thread.is_null()
            && (*thread).state.load(core::sync::atomic::Ordering::Relaxed) == state::FOREIGN
            && (*thread).shim_depth == 0;
        if !is_ours {
            panic::write_stderr(what.push(b"\n").bytes());
            serve::give_up();
        }
        crash::on_forbidden(thread, what.bytes(), context.cast());
    }
}
