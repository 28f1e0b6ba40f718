//! clang: C files to bitcode.
//!
//! In: the units of a library and a directory of their own. Out: one bitcode file there for each C file, and the system headers that
//! were read. Deliberately not here: what happens to the bitcode (`pass`).
//!
//! clang runs inside the directory and every path on its command line is relative to it, so that messages,
//! `__FILE__`, debug information and objects name `ffi/src/x.c` wherever the build took place:
//!
//! ```text
//! ffi/src/…        the library's files
//! include/coex_ffi.h
//! out/N.bc out/N.d
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::error::NativeError;
use super::headers::dependencies;
use super::helper::bitcode_name;
use super::sources::{LibrarySources, Unit};
use super::system::SystemAnswer;
use super::toolchain::Toolchain;
use super::workers::Workers;
use crate::diagnostics::shell::command_line;
use crate::diagnostics::{Counted, Watched, Watcher};
use crate::sandbox::{Fault, Finished, Policy};

/// What libraries may include of ours.
pub(super) const FFI_HEADER: &str = include_str!("../../runtime/include/coex_ffi.h");

/// Variables of the user that clang may see; they are part of the key. The first two say where it looks.
pub(super) const ENVIRONMENT: [&str; 3] = ["CPATH", "C_INCLUDE_PATH", "SOURCE_DATE_EPOCH"];

/// More lines say nothing more.
const MAX_ERROR_LINES: usize = 20;
const MAX_ERROR_LENGTH: usize = 500;

#[derive(Default)]
pub(super) struct Compiled {
    /// Where the bitcode lies.
    pub(super) directory: PathBuf,
    /// Archive-relative names of the C files, in link order.
    pub(super) files: Vec<String>,
    /// Files outside the archive that were read.
    pub(super) headers: BTreeSet<PathBuf>,
    /// Headers were read whose names are not text.
    pub(super) has_odd_names: bool,
    pub(super) commands: Vec<String>,
}

/// One C file to compile.
struct Job {
    source: String,
    arguments: Vec<String>,
    bitcode: PathBuf,
    depfile: PathBuf,
}

/// The flags of a unit, in order, without files: what is hashed is what is run.
pub(super) fn flags(
    sources: &LibrarySources<'_>,
    unit: &Unit,
    system: &SystemAnswer,
    target: &str,
    cpu: &str,
) -> Vec<String> {
    let mut flags = vec![
        format!("--target={target}"),
        format!("-march={cpu}"),
        format!("-std={}", unit.c_standard.as_deref().unwrap_or("gnu17")),
    ];
    // Clang prepares the code as for -O2, LLVM's passes run after the library is merged. Debug information carries the
    // signatures and the places of variables.
    let fixed = ["-O2", "-Xclang", "-disable-llvm-passes", "-g", "-fPIC", "-emit-llvm", "-c"];
    flags.extend(fixed.map(str::to_owned));
    flags.push(format!("-ffile-compilation-dir=/cxz/{}-{}", sources.name, sources.version));
    flags.extend(unit.defines.iter().map(|(name, value)| match value.as_str() {
        "" => format!("-D{name}"),
        value => format!("-D{name}={value}"),
    }));
    flags.extend(system.defines.iter().map(|define| format!("-D{define}")));
    flags.extend(unit.include_dirs.iter().map(|directory| match directory.as_str() {
        "." | "" => "-Iffi/src".to_owned(),
        directory => format!("-Iffi/src/{}", directory.trim_end_matches('/')),
    }));
    flags.push("-Iffi/src".to_owned());
    flags.extend(["-isystem", "include"].map(str::to_owned));
    flags.extend(system.include_dirs.iter().map(|directory| format!("-I{}", directory.display())));
    flags
}

/// Puts the library's files into an empty directory.
pub(super) fn unpack(sources: &LibrarySources<'_>, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory.join("out"))?;
    fs::create_dir_all(directory.join("include"))?;
    fs::write(directory.join("include/coex_ffi.h"), FFI_HEADER)?;
    for (name, bytes) in sources.files {
        let path = directory.join("ffi/src").join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// What became of one C file: the names of the files that were read for it, or clang's error lines.
type Outcome = Result<Result<Vec<String>, Vec<String>>, Fault>;

/// Compiles all C files, as many at a time as `workers` allow. The first failure in the manifest's order is told.
pub(super) fn compile(
    workers: &Workers,
    watcher: &dyn Watcher,
    toolchain: &Toolchain,
    sources: &LibrarySources<'_>,
    unit_flags: &[Vec<String>],
    directory: &Path,
) -> Result<Compiled, NativeError> {
    let jobs = plan(sources, unit_flags);
    let what = format!("C of {}", sources.name);
    let watched = Watched::begin(watcher, &what, Some(jobs.len() as u64), Counted::Files);
    let results = workers.run_all(jobs.len(), |index| {
        let outcome = run(toolchain, &jobs[index], directory);
        watched.advance(1);
        outcome
    });
    drop(watched);
    let mut compiled = Compiled { directory: directory.join("out"), ..Compiled::default() };
    for (job, result) in jobs.iter().zip(results) {
        // As a user would type it, in the library's `ffi/..` directory.
        let command = command_line(std::iter::once("clang-22").chain(job.arguments.iter().map(String::as_str)));
        let read = match result? {
            Ok(read) => read,
            Err(errors) => {
                return Err(NativeError::CompilationFailed { library: sources.name.to_owned(), command, errors });
            }
        };
        let headers = read.into_iter().filter(|name| name.starts_with('/'));
        let (odd, headers): (Vec<String>, Vec<String>) = headers.partition(|name| name.contains('\u{fffd}'));
        compiled.has_odd_names |= !odd.is_empty();
        compiled.headers.extend(headers.into_iter().map(PathBuf::from));
        compiled.files.push(job.source.clone());
        compiled.commands.push(command);
    }
    Ok(compiled)
}

fn plan(sources: &LibrarySources<'_>, unit_flags: &[Vec<String>]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (unit, flags) in sources.units.iter().zip(unit_flags) {
        for file in &unit.sources {
            let number = jobs.len();
            let source = format!("ffi/src/{file}");
            let (bitcode, depfile) = (format!("out/{}", bitcode_name(number)), format!("out/{number}.d"));
            let mut arguments = flags.clone();
            arguments
                .extend(["-fno-crash-diagnostics", "-MD", "-MF", &depfile, "-o", &bitcode, &source].map(str::to_owned));
            jobs.push(Job { source, arguments, bitcode: bitcode.into(), depfile: depfile.into() });
        }
    }
    jobs
}

/// A name that goes through other directories and back tells that these exist, which is the user's affair.
fn is_inside(name: &str, toolchain: &Toolchain, job: &Job) -> bool {
    let named = job.arguments.iter().filter_map(|argument| argument.strip_prefix("-I")).map(Path::new);
    let mut directories =
        named.filter(|path| path.is_absolute()).chain(toolchain.include_dirs.iter().map(PathBuf::as_path));
    let path = Path::new(name);
    let stays = |rest: &Path| {
        let depths = rest.components().scan(0i32, |depth, component| {
            *depth += match component {
                Component::ParentDir => -1,
                Component::Normal(_) => 1,
                _ => 0,
            };
            Some(*depth)
        });
        depths.into_iter().all(|depth| depth >= 0)
    };
    let from = directories.find_map(|directory| path.strip_prefix(directory).ok());
    path.is_relative() && stays(path) || from.is_some_and(stays)
}

/// It reads the library's files, the toolchain, the system's headers, and the include directories that pkg-config named.
fn run(toolchain: &Toolchain, job: &Job, directory: &Path) -> Outcome {
    let mut tool = toolchain.tool().arguments(&job.arguments).pass(&ENVIRONMENT).directory(directory);
    for part in ["ffi", "include"] {
        tool = tool.may_read(&directory.join(part));
    }
    for path in job.arguments.iter().filter_map(|argument| argument.strip_prefix("-I")).map(Path::new) {
        if path.is_absolute() {
            tool = tool.may_read(path);
        }
    }
    let finished = tool.may_write(&directory.join("out")).run()?;
    // "Succeeded" without output has been seen of wrappers; without list of files, of clang 22 itself, when a file cannot be
    // read that `#embed` names.
    let has_all = [&job.bitcode, &job.depfile].iter().all(|name| directory.join(name).is_file());
    if finished.succeeded() && has_all {
        let read = files_read(&directory.join(&job.depfile));
        let outside = read.iter().find(|name| !is_inside(name, toolchain, job));
        return Ok(match outside.filter(|_| Policy::of_environment() != Ok(Policy::Off)) {
            Some(name) => {
                Err(vec![format!("error: '{name}' lies outside of the library and of the include directories")])
            }
            None => Ok(read),
        });
    }
    Ok(Err(complaints(&finished)))
}

/// Names that are not text have a sign of that in them.
fn files_read(depfile: &Path) -> Vec<String> {
    dependencies(&String::from_utf8_lossy(&fs::read(depfile).unwrap_or_default()))
}

fn complaints(finished: &Finished) -> Vec<String> {
    if finished.succeeded() {
        return vec!["error: clang could not read all files that the sources embed".to_owned()];
    }
    let errors = error_lines(&finished.stderr);
    if errors.is_empty() || finished.ran_out_of_memory() {
        vec![format!("error: clang {}", finished.fault())]
    } else {
        errors
    }
}

fn error_lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| line.contains("error: ")).take(MAX_ERROR_LINES).map(plain).collect()
}

/// A stranger's words: not long, and nothing that a terminal would obey.
fn plain(line: &str) -> String {
    let is_harmless = |letter: char| letter == '\t' || !letter.is_control();
    line.chars().take(MAX_ERROR_LENGTH).map(|letter| if is_harmless(letter) { letter } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_error_lines_are_told() {
        let text =
            "a.c:1:2: warning: w\na.c:3:4: error: e\n   int x\n  ^\na.c:9:1: fatal error: f\n1 error generated.\n";
        assert_eq!(error_lines(text), ["a.c:3:4: error: e", "a.c:9:1: fatal error: f"]);
    }
}
