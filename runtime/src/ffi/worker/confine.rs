//! What a worker takes from itself before any code of a library runs.
//!
//! In: a process with the rights of the program. Out: one that can compute, write to the program's output, and read what
//! a C library reasonably needs. In this order: inherited descriptors are closed; limits; no new rights; landlock, where the
//! kernel has it: files below [`READABLE`] may be read, and what `COEX_FFI_READ` and `COEX_FFI_WRITE` name; then a filter
//! of system calls. What is dangerous ends the call as a crash; what is not known is answered as if the kernel had no such
//! call. Deliberately not here: crashes (`crash`), the processes themselves (`pool`).

use core::ffi::{CStr, c_int, c_void};
use core::mem::offset_of;
use core::ptr::{null, null_mut};
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use super::serve;
use crate::abi::state;
use crate::ffi::units::units;
use crate::ffi::{crash, limits};
use crate::panic::{self, Line};
use crate::program;

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
    // SAFETY: plain numbers.
    let no_new_rights = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 };
    no_new_rights && restrict_files() && filter_calls()
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

/// Rights in the order of their bits.
mod right {
    pub(super) const WRITE_FILE: u64 = 1 << 1;
    pub(super) const READ: u64 = 1 << 2 | 1 << 3;
    pub(super) const VERSION_1: u64 = (1 << 13) - 1;
    pub(super) const REFER: u64 = 1 << 13;
    pub(super) const TRUNCATE: u64 = 1 << 14;
    /// A rule on a file may only name these.
    pub(super) const OF_FILES: u64 = 1 | WRITE_FILE | 1 << 2 | TRUNCATE;
    pub(super) const EXECUTE: u64 = 1;
    pub(super) const NETWORK: u64 = 3;
}

#[repr(C)]
struct Ruleset {
    file_system: u64,
    network: u64,
}

#[repr(C, packed)]
struct PathRule {
    allowed: u64,
    parent: i32,
}

fn restrict_files() -> bool {
    const ASK_VERSION: u32 = 1;
    // SAFETY: asks for a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, null::<u8>(), 0, ASK_VERSION) };
    if version <= 0 {
        return true;
    }
    let mut handled = right::VERSION_1;
    handled |= if version >= 2 { right::REFER } else { 0 };
    handled |= if version >= 3 { right::TRUNCATE } else { 0 };
    let rules = Ruleset { file_system: handled, network: if version >= 4 { right::NETWORK } else { 0 } };
    // Older kernels know a shorter structure.
    let size = if version >= 4 { size_of::<Ruleset>() } else { size_of::<u64>() };
    // SAFETY: a valid structure of the stated size; the descriptor is ours.
    let ruleset = unsafe {
        let raw = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const rules, size, 0);
        if raw < 0 {
            return false;
        }
        OwnedFd::from_raw_fd(raw as i32)
    };
    for path in READABLE {
        allow(&ruleset, path, right::READ);
    }
    allow(&ruleset, c"/dev/null", right::WRITE_FILE);
    for path in paths("COEX_FFI_READ") {
        allow(&ruleset, &path, right::READ);
    }
    for path in paths("COEX_FFI_WRITE") {
        allow(&ruleset, &path, handled & !right::EXECUTE);
    }
    // SAFETY: plain numbers.
    unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) == 0 }
}

/// Paths in a variable, between colons.
fn paths(variable: &str) -> Vec<CString> {
    let value = std::env::var_os(variable).unwrap_or_default();
    let parts = value.as_bytes().split(|byte| *byte == b':');
    parts.filter(|part| !part.is_empty()).filter_map(|part| CString::new(part).ok()).collect()
}

/// What is absent needs no rule.
fn allow(ruleset: &OwnedFd, path: &CStr, rights: u64) {
    // SAFETY: a terminated path, structures of ours.
    unsafe {
        let raw = libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
        if raw < 0 {
            return;
        }
        let parent = OwnedFd::from_raw_fd(raw);
        let mut facts: libc::stat = core::mem::zeroed();
        let is_directory = libc::fstat(raw, &raw mut facts) == 0 && facts.st_mode & libc::S_IFMT == libc::S_IFDIR;
        let allowed = if is_directory { rights } else { rights & right::OF_FILES };
        let rule = PathRule { allowed, parent: parent.as_raw_fd() };
        const PATH_BENEATH: u32 = 1;
        libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), PATH_BENEATH, &raw const rule, 0);
    }
}

// ------------------------------------------------------------------------------------------------------- system calls

/// What computing, memory, clocks, and open files need; the most frequent first.
const ALLOWED: [libc::c_long; 101] = [
    libc::SYS_futex,
    libc::SYS_write,
    libc::SYS_read,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_madvise,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_time,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_getres,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getgroups,
    libc::SYS_getpgrp,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getrusage,
    libc::SYS_getrlimit,
    libc::SYS_getrandom,
    libc::SYS_times,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_msync,
    libc::SYS_mincore,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_creat,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_stat,
    libc::SYS_fstat,
    libc::SYS_lstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_access,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_dup,
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_pipe,
    libc::SYS_pipe2,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_select,
    libc::SYS_pselect6,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_ftruncate,
    libc::SYS_truncate,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_copy_file_range,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
];

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

const F_DUPFD_CLOEXEC: u32 = 1030;
/// Of open files; neither signals to owners nor flags, which are the program's too.
const FILE_CONTROLS: [u32; 8] = [0, 1, 2, 3, 5, 6, 7, F_DUPFD_CLOEXEC];
/// Questions to terminals and pipes.
const TERMINAL_QUESTIONS: [u32; 3] = [0x5401, 0x5413, 0x541B];
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;

/// The filter, as the kernel's little machine wants it.
struct Filter(Vec<libc::sock_filter>);

/// `AUDIT_ARCH_X86_64`
const MACHINE: u32 = 0xC000_003E;
/// System calls of the x32 interface have this bit.
const X32: u32 = 0x4000_0000;

impl Filter {
    fn step(&mut self, code: u32, if_true: u8, if_false: u8, value: u32) {
        self.0.push(libc::sock_filter { code: code as u16, jt: if_true, jf: if_false, k: value });
    }

    fn load(&mut self, at: usize) {
        self.step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at as u32);
    }

    fn answer(&mut self, action: u32) {
        self.step(libc::BPF_RET | libc::BPF_K, 0, 0, action);
    }

    /// Answers calls whose number, or argument, is this.
    fn when(&mut self, value: u32, action: u32) {
        self.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, value);
        self.answer(action);
    }

    /// A call that is allowed with these values of an argument, and else gets `otherwise`.
    fn with_argument(&mut self, call: libc::c_long, index: usize, values: &[u32], otherwise: u32) {
        let steps = 2 + 2 * values.len();
        self.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, steps as u8, call as u32);
        self.load(offset_of!(libc::seccomp_data, args) + 8 * index);
        for value in values {
            self.when(*value, libc::SECCOMP_RET_ALLOW);
        }
        self.answer(otherwise);
    }
}

fn filter_calls() -> bool {
    let refuse = |error: c_int| libc::SECCOMP_RET_ERRNO | error as u32;
    // SAFETY: asks for a number.
    let own = unsafe { libc::getpid() } as u32;
    let mut filter = Filter(Vec::new());
    filter.load(offset_of!(libc::seccomp_data, arch));
    filter.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, MACHINE);
    filter.answer(libc::SECCOMP_RET_KILL_PROCESS);
    filter.load(offset_of!(libc::seccomp_data, nr));
    filter.step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32);
    filter.answer(libc::SECCOMP_RET_KILL_PROCESS);
    for call in ALLOWED {
        filter.when(call as u32, libc::SECCOMP_RET_ALLOW);
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
        filter.when(call as u32, libc::SECCOMP_RET_TRAP);
    }
    filter.answer(refuse(libc::ENOSYS));
    let program = libc::sock_fprog { len: filter.0.len() as u16, filter: filter.0.as_mut_ptr() };
    // SAFETY: structures that the kernel copies.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = on_forbidden as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSYS, &raw const action, null_mut()) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
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
