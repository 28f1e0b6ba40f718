//! System calls that may be made, as the kernel's filter understands it.
//!
//! In: calls with an answer each. Out: a [`Filter`] that a thread puts into force for itself, for good. Calls of another
//! machine or of the x32 interface end the process: their numbers mean something else.

use core::mem::offset_of;

/// What computing, memory, clocks, and open files need; the most frequent first.
pub const COMPUTING: [libc::c_long; 101] = [
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

const F_DUPFD_CLOEXEC: u32 = 1030;
/// Of open files; neither signals to owners nor flags, which are others' too.
pub const FILE_CONTROLS: [u32; 8] = [0, 1, 2, 3, 5, 6, 7, F_DUPFD_CLOEXEC];
/// Questions to terminals and pipes.
pub const TERMINAL_QUESTIONS: [u32; 3] = [0x5401, 0x5413, 0x541B];
pub const PR_SET_NAME: u32 = 15;
pub const PR_GET_NAME: u32 = 16;

/// `AUDIT_ARCH_X86_64`
const MACHINE: u32 = 0xC000_003E;
/// System calls of the x32 interface have this bit.
const X32: u32 = 0x4000_0000;

pub const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// The call fails with this number.
pub fn refuse(error: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | error as u32
}

/// Whether the kernel has such filters.
pub fn are_available() -> bool {
    const ASK_ACTION: libc::c_uint = 2;
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: asks about a number.
    unsafe { libc::syscall(libc::SYS_seccomp, ASK_ACTION, 0u32, &raw const action) == 0 }
}

/// The filter, as the kernel's little machine wants it. The first rule that fits a call decides.
pub struct Filter(Vec<libc::sock_filter>);

impl Default for Filter {
    fn default() -> Filter {
        let mut filter = Filter(Vec::new());
        filter.load(offset_of!(libc::seccomp_data, arch));
        filter.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, MACHINE);
        filter.otherwise(libc::SECCOMP_RET_KILL_PROCESS);
        filter.load(offset_of!(libc::seccomp_data, nr));
        filter.step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32);
        filter.otherwise(libc::SECCOMP_RET_KILL_PROCESS);
        filter
    }
}

impl Filter {
    fn step(&mut self, code: u32, if_true: u8, if_false: u8, value: u32) {
        self.0.push(libc::sock_filter { code: code as u16, jt: if_true, jf: if_false, k: value });
    }

    fn load(&mut self, at: usize) {
        self.step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at as u32);
    }

    /// Answers all calls that no rule before has answered.
    pub fn otherwise(&mut self, action: u32) {
        self.step(libc::BPF_RET | libc::BPF_K, 0, 0, action);
    }

    /// Answers calls of this number.
    pub fn when(&mut self, call: libc::c_long, action: u32) {
        self.equals(call as u32, action);
    }

    fn equals(&mut self, value: u32, action: u32) {
        self.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, value);
        self.otherwise(action);
    }

    /// A call that is allowed with these values of an argument, and else gets `otherwise`.
    pub fn with_argument(&mut self, call: libc::c_long, index: usize, values: &[u32], otherwise: u32) {
        let steps = 2 + 2 * values.len();
        self.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, steps as u8, call as u32);
        self.load(offset_of!(libc::seccomp_data, args) + 8 * index);
        for value in values {
            self.equals(*value, ALLOW);
        }
        self.otherwise(otherwise);
    }

    /// A call that gets `with` when its first argument has one of these bits, and else `without`.
    pub fn with_bits(&mut self, call: libc::c_long, bits: u32, with: u32, without: u32) {
        self.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 4, call as u32);
        self.load(offset_of!(libc::seccomp_data, args));
        self.step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, bits);
        self.otherwise(with);
        self.otherwise(without);
    }

    /// Puts the filter into force for this thread and what it starts. It makes one system call and nothing else, so it may
    /// stand between `fork` and `exec`; [`renounce_new_rights`](super::renounce_new_rights) comes before.
    pub fn enforce(&self) -> bool {
        let program = libc::sock_fprog { len: self.0.len() as u16, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: a structure that the kernel copies.
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0 }
    }
}
