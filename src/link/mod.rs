//! From objects to an executable.
//!
//! In: the program's object in memory, objects of libraries, the runtime archive, `-l` arguments, and the output path.
//! Out: the executable, which appears by rename and is left alone when it would not change. Deliberately not here:
//! what is in the objects, and caches (`driver`).
//!
//! The linker is run directly: the clang driver would cost more than the linking itself. Its start files and library
//! directories are asked from clang once ([`start_files`]).

pub mod command;
pub mod error;
pub mod linker;
pub mod start_files;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub use command::LinkInputs;
pub use error::LinkError;
pub use linker::{Linker, find_linker};
pub use start_files::StartFiles;

use crate::crash::interrupt::{self, Unfinished};

/// What became of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    Written,
    /// It has these bytes already.
    Unchanged,
}

/// Links `program` and `inputs` into `output`. `private` is a directory that nobody else writes to; `print` gets the
/// command line before it runs.
pub fn link(
    linker: &Linker,
    program: &[u8],
    inputs: &LinkInputs,
    private: &Path,
    output: &Path,
    print: &mut dyn FnMut(&[OsString]),
) -> Result<Output, LinkError> {
    let refuse = |error: io::Error| LinkError::cannot_write(output, &error);
    if output.is_dir() {
        return Err(LinkError::CannotWrite { path: output.to_owned(), reason: "it is a directory".to_owned() });
    }
    let object = private.join("program.o");
    fs::write(&object, program).map_err(|error| LinkError::cannot_write(&object, &error))?;
    let executable = Scratch::beside(output);
    // The linker says only that it cannot write; creating the file first gives the system's own reason.
    executable.create().map_err(refuse)?;
    let arguments = command::arguments(linker, inputs, &object, &executable.path);
    print(&arguments);
    run(linker, &arguments, output)?;
    settle(&executable.path, output).map_err(refuse)
}

/// Puts finished bytes at `output`, executable, unless they are there already.
pub fn place(bytes: &[u8], output: &Path) -> Result<Output, LinkError> {
    let refuse = |error: io::Error| LinkError::cannot_write(output, &error);
    if output.is_dir() {
        return Err(LinkError::CannotWrite { path: output.to_owned(), reason: "it is a directory".to_owned() });
    }
    if is_executable_with(output, bytes) {
        return Ok(Output::Unchanged);
    }
    let scratch = Scratch::beside(output);
    scratch.create().and_then(|mut file| file.write_all(bytes)).map_err(refuse)?;
    fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o755 & !umask())).map_err(refuse)?;
    fs::rename(&scratch.path, output).map_err(refuse)?;
    Ok(Output::Written)
}

fn run(linker: &Linker, arguments: &[OsString], output: &Path) -> Result<(), LinkError> {
    let mut command = Command::new(&linker.path);
    command.args(&arguments[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: mold works in a child, which is to end with it.
    command.process_group(0);
    let started = interrupt::start_writer(|| command.spawn(), |child| child.as_ref().map_or(0, Child::id));
    let result = started.and_then(Child::wait_with_output);
    interrupt::forget_writer();
    let result =
        result.map_err(|error| LinkError::CannotRun { linker: linker.path.clone(), reason: error.to_string() })?;
    if result.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&result.stderr).into_owned();
    Err(LinkError::from_linker_output(&linker.path, &text, output))
}

fn settle(new: &Path, output: &Path) -> io::Result<Output> {
    let has_same_size = fs::metadata(output).is_ok_and(|old| fs::metadata(new).is_ok_and(|new| new.len() == old.len()));
    if has_same_size && is_executable_with(output, &fs::read(new)?) {
        return Ok(Output::Unchanged);
    }
    fs::rename(new, output)?;
    Ok(Output::Written)
}

fn is_executable_with(path: &Path, bytes: &[u8]) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    let is_program = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    is_program && metadata.len() == bytes.len() as u64 && fs::read(path).is_ok_and(|old| old == bytes)
}

/// The process's mask, read from the kernel's own text: asking by `umask(2)` would change it for a moment.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|text| u32::from_str_radix(text.trim(), 8).ok()).unwrap_or(0o022)
}

/// A file that is gone when this is dropped, unless it was renamed.
struct Scratch {
    path: PathBuf,
    _unfinished: Unfinished,
}

impl Scratch {
    /// A name of its own for every process and call, in the directory of `path`, so that a rename stays atomic.
    fn beside(path: &Path) -> Scratch {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // A part of the name for people; the whole of it may be as long as a name can be.
        let name: String = path.file_name().unwrap_or_default().to_string_lossy().chars().take(32).collect();
        let process = std::process::id();
        let path = path.with_file_name(format!(".{name}.{process}-{count}.tmp"));
        Scratch { _unfinished: Unfinished::new(&path), path }
    }
}

impl Scratch {
    /// Never through a link that somebody has put there.
    fn create(&self) -> io::Result<fs::File> {
        let _ = fs::remove_file(&self.path);
        fs::File::options().write(true).create_new(true).open(&self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
