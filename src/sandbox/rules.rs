//! What a process may do, put into force between `fork` and `exec`.
//!
//! In: paths and switches. Out: a hook of the command. Everything is prepared in this process; in the child only system
//! calls are made, since it has the locks of all our threads and none of the threads.

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use coex_runtime::restrict::calls::{
    self, ALLOW, COMPUTING, FILE_CONTROLS, Filter, PR_GET_NAME, PR_SET_NAME, TERMINAL_QUESTIONS, refuse,
};
use coex_runtime::restrict::landlock::{Ruleset, right};
use coex_runtime::restrict::renounce_new_rights;

use super::{Fault, Policy};

const MAX_MEMORY: u64 = 4 << 30;
/// Unless a tool has its own limit.
const MAX_CPU_SECONDS: u64 = 120;
pub(super) const MAX_FILE_SIZE: u64 = 1 << 30;
const MAX_FILES: u64 = 4096;
/// Counted by the kernel over all processes of the user.
const MAX_PROCESSES: u64 = 16384;

#[derive(Default)]
pub(super) struct Rules {
    pub(super) read: Vec<PathBuf>,
    /// May be read, too.
    pub(super) execute: Vec<PathBuf>,
    pub(super) write: Option<PathBuf>,
    pub(super) may_start_processes: bool,
    pub(super) may_renounce: bool,
    /// Instead of [`MAX_CPU_SECONDS`].
    pub(super) max_cpu_seconds: Option<u64>,
}

impl Rules {
    pub(super) fn put_before(&self, command: &mut Command, policy: Policy) -> Result<(), Fault> {
        let is_off = policy == Policy::Off;
        let files = if is_off { None } else { self.files().map_err(|error| Fault::start(&error))? };
        let calls = (!is_off && calls::are_available()).then(|| self.calls());
        let parent = std::process::id();
        let cpu_seconds = self.cpu_seconds();
        let restrict = move || {
            limit(cpu_seconds);
            leave_descriptors();
            die_with(parent);
            // What the kernel does not have was said already; what it has must work.
            let held = is_off
                || renounce_new_rights()
                    && files.as_ref().is_none_or(Ruleset::enforce)
                    && calls.as_ref().is_none_or(Filter::enforce);
            if held { Ok(()) } else { Err(io::Error::last_os_error()) }
        };
        // SAFETY: the closure makes system calls only; it neither allocates nor takes locks.
        unsafe { command.pre_exec(restrict) };
        Ok(())
    }

    /// The processor time that a process has: less than wanted where the build has less itself.
    pub(super) fn cpu_seconds(&self) -> u64 {
        let most = self.max_cpu_seconds.unwrap_or(MAX_CPU_SECONDS);
        let mut limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: a valid structure.
        unsafe { libc::getrlimit(libc::RLIMIT_CPU, &raw mut limit) };
        limit.rlim_cur.min(most)
    }

    /// `None` where the kernel has no landlock.
    fn files(&self) -> io::Result<Option<Ruleset>> {
        let Some(ruleset) = Ruleset::new()? else { return Ok(None) };
        let allow =
            |path: &Path, rights: u64| ruleset.allow(&CString::new(path.as_os_str().as_encoded_bytes())?, rights);
        for path in &self.read {
            // What is absent needs no rule.
            let _ = allow(path, right::READ);
        }
        for path in &self.execute {
            let _ = allow(path, right::READ | right::EXECUTE);
        }
        if let Some(directory) = &self.write {
            // Nothing that it writes can be run.
            allow(directory, right::ALL & !right::EXECUTE)?;
        }
        let _ = allow(Path::new("/dev/null"), right::READ | right::WRITE_FILE);
        Ok(Some(ruleset))
    }

    /// What is not known is answered as if the kernel had no such call.
    fn calls(&self) -> Filter {
        let no = refuse(libc::EPERM);
        let mut filter = Filter::default();
        for call in COMPUTING.iter().chain(&OF_TOOLS) {
            filter.when(*call, ALLOW);
        }
        if self.may_start_processes {
            for call in PROCESSES {
                filter.when(call, ALLOW);
            }
            filter.with_bits(libc::SYS_clone, NAMESPACES, no, ALLOW);
        } else {
            filter.with_bits(libc::SYS_clone, libc::CLONE_THREAD as u32, ALLOW, no);
        }
        filter.with_argument(libc::SYS_fcntl, 1, &[&FILE_CONTROLS[..], &[libc::F_SETFL as u32]].concat(), no);
        filter.with_argument(libc::SYS_ioctl, 1, &TERMINAL_QUESTIONS, refuse(libc::ENOTTY));
        if self.may_renounce {
            for call in RENOUNCING {
                filter.when(call, ALLOW);
            }
        }
        let ways: &[u32] = if self.may_renounce { &RENOUNCING_CONTROLS } else { &[] };
        filter.with_argument(libc::SYS_prctl, 0, &[&[PR_SET_NAME, PR_GET_NAME], ways].concat(), refuse(libc::EINVAL));
        // Questions only; the upper half of the address is never 0 for a structure on a stack or a heap.
        filter.with_argument(libc::SYS_prlimit64, 2, &[0], no);
        for call in REFUSED {
            filter.when(call, no);
        }
        filter.otherwise(refuse(libc::ENOSYS));
        filter
    }
}

/// What programs do beside computing: start, go to a directory, mark their results.
const OF_TOOLS: [libc::c_long; 21] = [
    libc::SYS_execve,
    libc::SYS_arch_prctl,
    libc::SYS_set_tid_address,
    libc::SYS_restart_syscall,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_umask,
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_utimensat,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_symlink,
    libc::SYS_symlinkat,
    libc::SYS_renameat2,
    libc::SYS_getdents,
    libc::SYS_readahead,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_get_robust_list,
];

/// With these a process can only lose rights.
const RENOUNCING: [libc::c_long; 4] = [
    libc::SYS_seccomp,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
];
const RENOUNCING_CONTROLS: [u32; 2] = [libc::PR_SET_NO_NEW_PRIVS as u32, libc::PR_SET_SECCOMP as u32];

const PROCESSES: [libc::c_long; 6] =
    [libc::SYS_fork, libc::SYS_vfork, libc::SYS_wait4, libc::SYS_waitid, libc::SYS_setpgid, libc::SYS_setsid];

/// All that a new process could have of its own, from time to users.
const NAMESPACES: u32 = 0x7E02_0080;

/// Answered as forbidden, where a program might else take it for an old kernel and look for another way.
const REFUSED: [libc::c_long; 24] = [
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
];

/// Lower limits that hold already stay.
fn limit(cpu_seconds: u64) {
    for (resource, most) in [
        (libc::RLIMIT_AS, MAX_MEMORY),
        (libc::RLIMIT_CPU, cpu_seconds),
        (libc::RLIMIT_FSIZE, MAX_FILE_SIZE),
        (libc::RLIMIT_NOFILE, MAX_FILES),
        (libc::RLIMIT_NPROC, MAX_PROCESSES),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MEMLOCK, 0),
    ] {
        let mut limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: valid structures.
        unsafe {
            if libc::getrlimit(resource, &raw mut limit) != 0 {
                continue;
            }
            limit.rlim_cur = limit.rlim_cur.min(most);
            // The signal at the lower limit of time tells why it came; the upper one cannot be caught.
            let upper = if resource == libc::RLIMIT_CPU { limit.rlim_cur + 5 } else { most };
            limit.rlim_max = limit.rlim_max.min(upper);
            libc::setrlimit(resource, &raw const limit);
        }
    }
}

/// Descriptors that somebody gave to us are not for others. Closed by `exec`: until then ours are needed.
fn leave_descriptors() {
    // SAFETY: plain numbers.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) != 0 {
            for descriptor in 3..1024 {
                libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
    }
}

/// A build that is killed leaves nobody behind who works for it.
fn die_with(parent: u32) {
    // SAFETY: plain numbers.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() as u32 != parent {
            libc::_exit(127);
        }
    }
}
