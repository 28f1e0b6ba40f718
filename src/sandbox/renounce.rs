//! Rights that this process gives up itself, once it has what it needs.
//!
//! In: nothing. Out: a thread that cannot open anything any more, nor can what it starts. For helpers that have read a
//! stranger's code and now let LLVM work on it: its assembler reads files when inline assembly says
//! `.incbin "/etc/passwd"`.

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

/// For the calling thread and those that it starts from now on, for good. Descriptors that are open stay usable.
pub fn renounce_files() -> Result<(), Fault> {
    if Policy::in_force()? != Policy::Off && renounce_new_rights() {
        // Each of the two is enough against files; which of them the kernel has was said already.
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
    Ok(())
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
        let confined = || {
            renounce_files().unwrap();
            std::fs::File::open(&file).map(|_| ())
        };
        let opened = std::thread::scope(|scope| scope.spawn(confined).join().unwrap());
        assert_eq!(opened.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        assert!(std::fs::File::open(&file).is_ok());
    }
}
