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
use std::path::{Path, PathBuf};

pub use command::LinkInputs;
pub use error::LinkError;
pub use linker::{Linker, find_linker};
pub use start_files::StartFiles;

use crate::crash::interrupt::{self, Unfinished};
use crate::files::{self, Destination, Output};
use crate::sandbox::{Running, Tool};

/// Links `program` and `inputs` into `output`. `private` is a directory that nobody else writes to; `print` gets the
/// command line before it runs.
pub fn link(
    linker: &Linker,
    program: &[u8],
    inputs: &LinkInputs,
    private: &Path,
    output: &Path,
    print: &mut dyn FnMut(&[OsString]),
) -> Result<(Output, Vec<u8>), LinkError> {
    let refuse = |error: io::Error| LinkError::cannot_write(output, &error);
    let destination = files::destination(output).map_err(refuse)?;
    let object = private.join("program.o");
    fs::write(&object, program).map_err(|error| LinkError::cannot_write(&object, &error))?;
    let target = match destination {
        Destination::File(target) => target,
        Destination::Special(target) => {
            let executable = private.join("program");
            let arguments = command::arguments(linker, inputs, &object, &executable);
            print(&arguments);
            run(linker, &arguments, inputs, private, output)?;
            let bytes = fs::read(&executable).map_err(refuse)?;
            return files::write_special(&target, &bytes).map(|how| (how, bytes)).map_err(refuse);
        }
    };
    let executable = Scratch::beside(&target);
    // The linker says only that it cannot write; creating the file first gives the system's own reason.
    executable.create().map_err(refuse)?;
    let linked = private.join("program");
    let arguments = command::arguments(linker, inputs, &object, &linked);
    print(&arguments);
    run(linker, &arguments, inputs, private, output)?;
    move_to(&linked, &executable.path).map_err(refuse)?;
    settle(&executable.path, &target).map_err(refuse)
}

/// Puts finished bytes at `output`, executable, unless they are there already.
pub fn place(bytes: &[u8], output: &Path) -> Result<Output, LinkError> {
    let refuse = |error: io::Error| LinkError::cannot_write(output, &error);
    let target = match files::destination(output).map_err(refuse)? {
        Destination::File(target) => target,
        Destination::Special(target) => {
            return files::write_special(&target, bytes).map_err(refuse);
        }
    };
    if is_executable_with(&target, bytes) {
        return Ok(Output::Unchanged);
    }
    let scratch = Scratch::beside(&target);
    scratch.create().and_then(|mut file| file.write_all(bytes)).map_err(refuse)?;
    fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o755 & !umask())).map_err(refuse)?;
    fs::rename(&scratch.path, &target).map_err(refuse)?;
    Ok(Output::Written)
}

/// The linker reads what stands on its command line, and writes into `private` only: not beside the output, where the
/// user's files are.
fn run(
    linker: &Linker,
    arguments: &[OsString],
    inputs: &LinkInputs,
    private: &Path,
    output: &Path,
) -> Result<(), LinkError> {
    let start_files = &inputs.start_files;
    let words = start_files.before.iter().chain(inputs.extra).chain(&start_files.after);
    let named = words.map(|word| Path::new(word.strip_prefix("-L").unwrap_or(word))).filter(|path| path.is_absolute());
    // Their directories: another build may just put the same bytes there anew, as another file.
    let own = inputs.libraries.iter().map(PathBuf::as_path).chain([inputs.runtime]).filter_map(Path::parent);
    // A group of its own: mold works in a child, which is to end with it.
    let tool = Tool::new(&linker.path).arguments(&arguments[1..]).may_write(private).leads_processes();
    // mold asks for the current directory, and gives up when it has been removed.
    let tool = if std::env::current_dir().is_err() { tool.directory(private) } else { tool };
    let tool = named.chain(own).fold(tool, |tool, path| tool.may_read(path));
    let started = interrupt::start_writer(|| tool.start(), |running| running.as_ref().map_or(0, Running::id));
    let finished = started.and_then(Running::finish);
    interrupt::forget_writer();
    let finished = finished.map_err(|fault| LinkError::cannot_run(&linker.path, fault))?;
    if finished.succeeded() {
        return Ok(());
    }
    let said = if finished.stderr.trim().is_empty() { finished.fault() } else { finished.stderr };
    Err(LinkError::from_linker_output(&linker.path, &said, output))
}

/// Also from one file system to another.
fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}

/// With the bytes, read while the file is still ours alone.
fn settle(new: &Path, output: &Path) -> io::Result<(Output, Vec<u8>)> {
    let bytes = fs::read(new)?;
    // "Succeeded" without output has been seen of build tools.
    if bytes.is_empty() {
        return Err(io::Error::other("the linker wrote nothing"));
    }
    if is_executable_with(output, &bytes) {
        return Ok((Output::Unchanged, bytes));
    }
    fs::rename(new, output)?;
    Ok((Output::Written, bytes))
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
