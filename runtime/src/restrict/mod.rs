//! How a process, or a thread, gives up rights for good.
//!
//! In: paths that may be used, system calls that may be made. Out: the calling thread, and what it starts, can do no more
//! than that. Used in two places: workers of the tier `process` restrict themselves (`ffi::worker`), and the compiler
//! restricts the tools that it runs on a stranger's C. Deliberately not here: who may do what, which they decide.

pub mod calls;
pub mod landlock;

/// Neither set-id programs nor capabilities of files give rights back; the kernel wants this first.
pub fn renounce_new_rights() -> bool {
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 }
}
