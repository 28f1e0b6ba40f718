//! Keeps clang to the files that it needs.
//!
//! In: a command, directories that it may read, one that it may write. Out: the same command, confined with landlock
//! where the kernel has it, and with limits of memory, time and file size everywhere. Deliberately not here: what the
//! command is.
//!
//! C sources are a stranger's: `#include "/home/me/.ssh/id_rsa"` would print the file in an error message, and a
//! preprocessor can fill a disk. The rules are made in this process and put into force in the child between `fork` and
//! `exec`, where only system calls are made.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// What landlock calls its rights, in the order of its bits.
mod right {
    pub(super) const EXECUTE: u64 = 1;
    pub(super) const READ_FILE: u64 = 1 << 2;
    pub(super) const READ_DIR: u64 = 1 << 3;
    /// Rights of the first version: everything up to making symbolic links.
    pub(super) const VERSION_1: u64 = (1 << 13) - 1;
    pub(super) const REFER: u64 = 1 << 13;
    pub(super) const TRUNCATE: u64 = 1 << 14;
    /// A rule on a file, not a directory, may only name these.
    pub(super) const OF_FILES: u64 = EXECUTE | (1 << 1) | READ_FILE | TRUNCATE;
    /// To bind and to connect TCP sockets.
    pub(super) const NETWORK: u64 = 3;
}

#[repr(C)]
struct RulesetAttributes {
    file_system: u64,
    network: u64,
}

#[repr(C, packed)]
struct PathRule {
    allowed: u64,
    parent: i32,
}

const PATH_BENEATH: libc::c_int = 1;
const ASK_VERSION: libc::c_uint = 1;

const MAX_MEMORY: u64 = 8 << 30;
const MAX_CPU_SECONDS: u64 = 300;
const MAX_FILE_SIZE: u64 = 1 << 30;

/// Landlock's version, 0 when the kernel has none or it is switched off.
pub fn landlock_version() -> u32 {
    // SAFETY: asks for a number only.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, ASK_VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// The command may read below `readable` and write below `writable` only, and not use the network.
pub(super) fn confine(command: &mut Command, readable: &[&Path], writable: &Path) {
    let ruleset = ruleset(readable, writable).ok().flatten();
    let restrict = move || {
        for (resource, limit) in [
            (libc::RLIMIT_AS, MAX_MEMORY),
            (libc::RLIMIT_CPU, MAX_CPU_SECONDS),
            (libc::RLIMIT_FSIZE, MAX_FILE_SIZE),
            (libc::RLIMIT_CORE, 0),
        ] {
            let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
            // SAFETY: a valid structure. A lower limit that holds already is as good.
            unsafe { libc::setrlimit(resource, &limit) };
        }
        let Some(ruleset) = &ruleset else { return Ok(()) };
        // SAFETY: system calls with plain numbers.
        unsafe {
            let refused = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0u32) != 0;
            if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
        }
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes locks.
    unsafe { command.pre_exec(restrict) };
}

/// `None` where the kernel has no landlock.
fn ruleset(readable: &[&Path], writable: &Path) -> io::Result<Option<OwnedFd>> {
    let version = landlock_version();
    if version == 0 {
        return Ok(None);
    }
    let mut handled = right::VERSION_1;
    handled |= if version >= 2 { right::REFER } else { 0 };
    handled |= if version >= 3 { right::TRUNCATE } else { 0 };
    let attributes = RulesetAttributes { file_system: handled, network: if version >= 4 { right::NETWORK } else { 0 } };
    // Older kernels know a shorter structure.
    let size = if version >= 4 { size_of::<RulesetAttributes>() } else { size_of::<u64>() };
    // SAFETY: a valid structure of the stated size; the descriptor is ours.
    let ruleset = unsafe {
        let raw = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0u32);
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(raw as i32)
    };
    for path in readable {
        // A directory that is absent needs no rule.
        let _ = allow(&ruleset, path, right::EXECUTE | right::READ_FILE | right::READ_DIR);
    }
    allow(&ruleset, writable, handled)?;
    let _ = allow(&ruleset, Path::new("/dev/null"), right::OF_FILES & handled);
    Ok(Some(ruleset))
}

fn allow(ruleset: &OwnedFd, path: &Path, rights: u64) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: a NUL-terminated path; the descriptor is ours.
    let parent = unsafe {
        let raw = libc::open(name.as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(raw)
    };
    let allowed = if path.is_dir() { rights } else { rights & right::OF_FILES };
    let rule = PathRule { allowed, parent: parent.as_raw_fd() };
    // SAFETY: a valid rule of this kind.
    let failed = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), PATH_BENEATH, &raw const rule, 0u32) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_confined_command_reads_and_writes_only_where_it_may() {
        if landlock_version() == 0 {
            return;
        }
        let root = std::env::temp_dir().join(format!("coex-sandbox-{}", std::process::id()));
        let work = root.join("work");
        fs::create_dir_all(&work).unwrap();
        fs::write(root.join("secret"), "secret").unwrap();
        let readable = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache"].map(Path::new);
        let succeeds = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(script).current_dir(&work).stderr(std::process::Stdio::null());
            confine(&mut command, &readable, &work);
            command.status().unwrap().success()
        };
        assert!(succeeds("echo x > y && cat y"));
        assert!(!succeeds("cat ../secret"));
        assert!(!succeeds("echo x > ../z"));
        assert!(!root.join("z").exists());
        fs::remove_dir_all(root).unwrap();
    }
}
