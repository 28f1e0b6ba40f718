//! Writing files so that nobody ever sees half of one.
//!
//! In: a path and bytes. Out: the old file or the new one, whatever happens in between; a failure leaves nothing behind.
//! Deliberately not here: executables, whose mode the linker's side decides (`link`), and reading. Directories that work
//! is done in are in `scratch`.

mod scratch;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::crash::interrupt::Unfinished;

pub use self::scratch::Scratch;

/// As many links as the kernel follows.
const MAX_LINKS: usize = 40;

/// What must have reached the disk when a write returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Nothing: it can be made again.
    Fast,
    /// The bytes: after a failure of power there is the old file or the new one, not an empty one.
    Synced,
}

/// What became of a file that a user named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    Written,
    /// It has these bytes already.
    Unchanged,
}

/// Puts bytes in the place of `path` itself: a link there is replaced.
pub fn write_whole(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    write_beside(path, bytes, durability, None)
}

/// As [`write_whole`]; the user alone may read it, from the first byte on.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes, Durability::Fast, Some(Permissions::from_mode(0o600)))
}

/// Writes what a user named. A file that has these bytes already is not touched, so its time says when it last changed;
/// a link is followed, the mode of an old file is kept, and devices and pipes are written to.
pub fn write_output(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<Output> {
    let path = match destination(path)? {
        Destination::Special(path) => return write_special(&path, bytes),
        Destination::File(path) => path,
    };
    let mut mode = None;
    if let Some(old) = metadata(&path)? {
        if old.len() == bytes.len() as u64 && fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(Output::Unchanged);
        }
        // Whoever protects a file from writing protects it from being replaced.
        drop(OpenOptions::new().write(true).open(&path)?);
        mode = Some(old.permissions());
    }
    write_beside(&path, bytes, durability, mode).map(|()| Output::Written)
}

/// Where an output goes that a user named.
pub enum Destination {
    /// It can be put there by rename, whether or not there is something now.
    File(PathBuf),
    /// A device or a pipe, which must stay what it is.
    Special(PathBuf),
}

pub fn destination(path: &Path) -> io::Result<Destination> {
    let path = behind_links(path)?;
    match metadata(&path)? {
        Some(old) if old.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Some(old) if !old.is_file() => Ok(Destination::Special(path)),
        _ => Ok(Destination::File(path)),
    }
}

/// A pipe that nobody reads is refused, where an ordinary `open` would wait.
pub fn write_special(path: &Path, bytes: &[u8]) -> io::Result<Output> {
    let mut file = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    // SAFETY: the descriptor is open, and nobody else has it. From here on a slow reader is waited for.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_WRONLY) } < 0 {
        return Err(io::Error::last_os_error());
    }
    file.write_all(bytes).map(|()| Output::Written)
}

/// What a link leads to, whether or not there is something.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&path) {
            // A pipe or a deleted file behind a link of /proc has a path only by name.
            Ok(found) if found.is_symlink() && fs::metadata(&path).is_ok_and(|end| !end.is_file()) => return Ok(path),
            Ok(found) if found.is_symlink() => {
                let target = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(target);
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

fn metadata(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_beside(path: &Path, bytes: &[u8], durability: Durability, mode: Option<Permissions>) -> io::Result<()> {
    // Never readable by more people than in the end.
    let (temporary, mut file, _unfinished) = create_beside(path, if mode.is_some() { 0o600 } else { 0o666 })?;
    let write = || {
        file.write_all(bytes)?;
        if let Some(mode) = mode {
            file.set_permissions(mode)?;
        }
        if durability == Durability::Synced {
            file.sync_all()?;
        }
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// A new file in the directory of `path`. Its name is short, whatever the length of the other.
fn create_beside(path: &Path, mode: u32) -> io::Result<(PathBuf, File, Unfinished)> {
    loop {
        let temporary = temporary_beside(path);
        let unfinished = Unfinished::new(&temporary);
        match OpenOptions::new().create_new(true).write(true).mode(mode).open(&temporary) {
            // Left over by a process of the same number that was killed, or of another machine.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (temporary, file, unfinished)),
        }
    }
}

/// A name that nobody else in this process uses.
fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".coex-{}-{number}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    /// A directory that is gone when this is dropped.
    struct Room(PathBuf);

    impl Room {
        fn new(name: &str) -> Room {
            let path = std::env::temp_dir().join(format!("coex-files-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Room(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).expect("a directory");
            let mut names: Vec<String> =
                entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Room {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn equal_bytes_touch_nothing() {
        let room = Room::new("equal");
        let path = room.0.join("x");
        assert_eq!(write_output(&path, b"one", Durability::Fast).expect("written"), Output::Written);
        let first = fs::metadata(&path).expect("metadata");
        assert_eq!(write_output(&path, b"one", Durability::Synced).expect("written"), Output::Unchanged);
        let second = fs::metadata(&path).expect("metadata");
        assert_eq!((first.ino(), first.mtime_nsec()), (second.ino(), second.mtime_nsec()));
        assert_eq!(write_output(&path, b"two", Durability::Fast).expect("written"), Output::Written);
        assert_eq!(fs::read(&path).expect("read"), b"two");
        assert_ne!(fs::metadata(&path).expect("metadata").ino(), first.ino(), "it was not replaced by rename");
        assert_eq!(room.names(), ["x"]);
    }

    #[test]
    fn modes_are_kept_and_links_followed() {
        let room = Room::new("links");
        let (path, link, dangling) = (room.0.join("x"), room.0.join("l"), room.0.join("d"));
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("mode");
        symlink("x", &link).expect("link");
        symlink("new", &dangling).expect("link");
        write_output(&link, b"new", Durability::Fast).expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        assert_eq!(fs::metadata(&path).expect("metadata").mode() & 0o777, 0o640);
        write_output(&dangling, b"made", Durability::Fast).expect("written");
        assert_eq!(fs::read(room.0.join("new")).expect("read"), b"made");
        assert!(fs::symlink_metadata(&link).expect("metadata").is_symlink());
        symlink("round", room.0.join("round")).expect("link");
        assert!(write_output(&room.0.join("round"), b"x", Durability::Fast).is_err());
        write_whole(&link, b"itself", Durability::Fast).expect("written");
        assert!(fs::symlink_metadata(&link).expect("metadata").is_file());
        write_private(&link, b"mine").expect("written");
        assert_eq!(fs::metadata(&link).expect("metadata").mode() & 0o777, 0o600);
        assert_eq!(fs::read(&path).expect("read"), b"new");
    }

    #[test]
    fn failures_leave_the_old_file_and_nothing_else() {
        let room = Room::new("failures");
        let directory = room.0.join("dir");
        fs::create_dir(&directory).expect("a directory");
        assert!(write_output(&directory, b"x", Durability::Fast).is_err());
        assert!(write_whole(&directory, b"x", Durability::Fast).is_err());
        assert!(write_output(&room.0.join("absent/x"), b"x", Durability::Fast).is_err());
        assert!(write_output(Path::new("/dev/full"), b"x", Durability::Fast).is_err());
        write_output(Path::new("/dev/null"), b"x", Durability::Fast).expect("devices are written to");
        assert_eq!(room.names(), ["dir"]);
        // A name as long as the system allows.
        let long = room.0.join("n".repeat(255));
        write_output(&long, b"x", Durability::Fast).expect("written");
        write_output(&long, b"y", Durability::Fast).expect("written");
        assert_eq!(fs::read(&long).expect("read"), b"y");
    }

    #[test]
    fn leftovers_of_others_are_in_nobodys_way() {
        let room = Room::new("leftovers");
        let path = room.0.join("x");
        let next: u64 = {
            let name = temporary_beside(&path).file_name().expect("a name").to_string_lossy().into_owned();
            name.trim_end_matches(".tmp").rsplit('-').next().and_then(|number| number.parse().ok()).expect("a number")
        };
        for number in next..next + 40 {
            let name = format!(".coex-{}-{number}.tmp", std::process::id());
            fs::write(room.0.join(name), "left over").expect("written");
        }
        write_whole(&path, b"x", Durability::Fast).expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"x");
        let scratch = Scratch::beside(&path).expect("a directory");
        assert_eq!(fs::metadata(scratch.path()).expect("metadata").mode() & 0o777, 0o700);
        fs::write(scratch.path().join("part"), "of it").expect("written");
        drop(scratch);
        assert_eq!(room.names().len(), 41);
    }
}
