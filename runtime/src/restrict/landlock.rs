//! Files that may be used, as the kernel's landlock understands it.
//!
//! In: paths with rights. Out: a [`Ruleset`] that a thread puts into force for itself. All that the kernel's version can
//! forbid is forbidden unless a rule allows it: files, TCP, devices' controls, signals and sockets of other domains.

use core::ffi::CStr;
use core::ptr::null;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Rights in the order of the kernel's bits.
pub mod right {
    pub const EXECUTE: u64 = 1;
    pub const WRITE_FILE: u64 = 1 << 1;
    /// Files and directories.
    pub const READ: u64 = 1 << 2 | 1 << 3;
    /// All rights; those that the kernel does not know are left out by itself.
    pub const ALL: u64 = u64::MAX;

    pub(super) const VERSION_1: u64 = (1 << 13) - 1;
    pub(super) const REFER: u64 = 1 << 13;
    pub(super) const TRUNCATE: u64 = 1 << 14;
    pub(super) const CONTROL_DEVICES: u64 = 1 << 15;
    /// A rule on a file, not a directory, may only name these.
    pub(super) const OF_FILES: u64 = EXECUTE | WRITE_FILE | 1 << 2 | TRUNCATE | CONTROL_DEVICES;
}

/// To bind and to connect TCP sockets.
const NETWORK: u64 = 3;
/// Abstract sockets and signals stay inside.
const SCOPES: u64 = 3;

#[repr(C)]
struct Attributes {
    file_system: u64,
    network: u64,
    scopes: u64,
}

#[repr(C, packed)]
struct PathRule {
    allowed: u64,
    parent: i32,
}

/// 0 when the kernel has no landlock or it is switched off.
pub fn version() -> u32 {
    const ASK_VERSION: u32 = 1;
    // SAFETY: asks for a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, null::<u8>(), 0usize, ASK_VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// Rules that are not in force yet.
pub struct Ruleset {
    descriptor: OwnedFd,
    handled: u64,
}

impl Ruleset {
    /// Nothing is allowed. `None` where the kernel has no landlock.
    pub fn new() -> io::Result<Option<Ruleset>> {
        let version = version();
        if version == 0 {
            return Ok(None);
        }
        let since = |first: u32, rights: u64| if version >= first { rights } else { 0 };
        let handled =
            right::VERSION_1 | since(2, right::REFER) | since(3, right::TRUNCATE) | since(5, right::CONTROL_DEVICES);
        let attributes = Attributes { file_system: handled, network: since(4, NETWORK), scopes: since(6, SCOPES) };
        // Older kernels know a shorter structure.
        let size = match version {
            ..=3 => size_of::<u64>(),
            4..=5 => 2 * size_of::<u64>(),
            _ => size_of::<Attributes>(),
        };
        // SAFETY: a valid structure of the stated size; the descriptor is ours.
        let descriptor = unsafe {
            let raw = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0u32);
            if raw < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(raw as i32)
        };
        Ok(Some(Ruleset { descriptor, handled }))
    }

    /// Allows `rights` for a file, or for everything below a directory. Links are followed, now.
    pub fn allow(&self, path: &CStr, rights: u64) -> io::Result<()> {
        // SAFETY: a terminated path, structures of ours.
        unsafe {
            let raw = libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
            if raw < 0 {
                return Err(io::Error::last_os_error());
            }
            let parent = OwnedFd::from_raw_fd(raw);
            let mut facts: libc::stat = core::mem::zeroed();
            let is_directory = libc::fstat(raw, &raw mut facts) == 0 && facts.st_mode & libc::S_IFMT == libc::S_IFDIR;
            let rights = if is_directory { rights } else { rights & right::OF_FILES };
            let rule = PathRule { allowed: rights & self.handled, parent: parent.as_raw_fd() };
            const PATH_BENEATH: u32 = 1;
            let ruleset = self.descriptor.as_raw_fd();
            let failed = libc::syscall(libc::SYS_landlock_add_rule, ruleset, PATH_BENEATH, &raw const rule, 0u32) != 0;
            if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
        }
    }

    /// Puts the rules into force for this thread and what it starts. It makes one system call and nothing else, so it may
    /// stand between `fork` and `exec`; [`renounce_new_rights`](super::renounce_new_rights) comes before.
    pub fn enforce(&self) -> bool {
        // SAFETY: plain numbers.
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.descriptor.as_raw_fd(), 0u32) == 0 }
    }
}
