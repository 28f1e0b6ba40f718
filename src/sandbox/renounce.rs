//! Work inside this process that must not open files.
//!
//! In: a closure. Out: its result, computed on a thread that cannot open anything any more. LLVM's assembler reads files when
//! a library's inline assembly says `.incbin "/etc/passwd"`, and it runs in this process, not in clang's.

use coex_runtime::restrict::calls::{ALLOW, Filter, refuse};
use coex_runtime::restrict::landlock::Ruleset;
use coex_runtime::restrict::renounce_new_rights;

use super::{Fault, Policy};

/// What leads to a file, another process or a network.
const OPENING: [libc::c_long; 12] = [
    libc::SYS_openat,
    libc::SYS_open,
    libc::SYS_openat2,
    libc::SYS_creat,
    libc::SYS_open_by_handle_at,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_socket,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_ptrace,
    libc::SYS_kill,
];

/// Runs `work` to its end on a thread of its own, without files. A panic goes on in the caller.
pub fn without_files<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, Fault> {
    if Policy::in_force()? == Policy::Off {
        return Ok(work());
    }
    let joined = std::thread::scope(|scope| {
        let confined = || {
            restrict();
            work()
        };
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, confined);
        thread.map(std::thread::ScopedJoinHandle::join)
    });
    match joined {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => Err(Fault::start(&error)),
    }
}

/// Code generation recurses.
const STACK: usize = 64 << 20;

/// Each of the two is enough against files; which of them the kernel has was said already.
fn restrict() {
    if !renounce_new_rights() {
        return;
    }
    if let Ok(Some(nothing)) = Ruleset::new() {
        nothing.enforce();
    }
    let mut filter = Filter::default();
    for call in OPENING {
        filter.when(call, refuse(libc::EACCES));
    }
    filter.otherwise(ALLOW);
    filter.enforce();
}

#[cfg(test)]
mod tests {
    use super::super::Kernel;
    use super::*;

    #[test]
    fn the_thread_opens_nothing_and_the_others_do() {
        if Kernel::of_this_machine().lacks().is_some() {
            println!("skipped: no sandbox here");
            return;
        }
        let file = std::env::current_exe().unwrap();
        assert!(std::fs::File::open(&file).is_ok());
        let opened = without_files(|| std::fs::File::open(&file).map(|_| ())).unwrap();
        assert_eq!(opened.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        assert!(std::fs::File::open(&file).is_ok());
    }
}
