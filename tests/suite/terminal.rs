//! Commands that talk to a terminal.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::ptr::null_mut;

/// Both ends of a new terminal, or nothing where the system has none to give.
fn terminal() -> Option<(OwnedFd, OwnedFd)> {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: all pointers are null, or to live values of the right types.
    let status = unsafe { libc::openpty(&raw mut ours, &raw mut theirs, null_mut(), null_mut(), &raw const size) };
    // SAFETY: the call has succeeded, so both are open descriptors that nobody else owns.
    (status == 0).then(|| unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) })
}

/// The status of a command, and what it says on standard error when that is a terminal. Which one it takes it for is left
/// to the environment. Nothing, and a line that says so, where the system has no terminals.
pub(crate) fn on_a_terminal(command: &mut Command) -> Option<(i32, String)> {
    let Some((ours, theirs)) = terminal() else {
        println!("skipped: no pseudo terminals here");
        return None;
    };
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(theirs).spawn().expect("starts");
    // The command keeps the other end, too; reading ends when the child has closed its own.
    command.stderr(Stdio::null());
    let (mut text, mut ours, mut buffer) = (Vec::new(), File::from(ours), [0; 4096]);
    // The end of a terminal is an error.
    while let Ok(read @ 1..) = ours.read(&mut buffer) {
        text.extend(&buffer[..read]);
    }
    let status = child.wait().expect("ends");
    Some((status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
}
