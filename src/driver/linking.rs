//! Finds what linking needs, and keeps what is expensive to find.
//!
//! In: the cache, the toolchain, objects. Out: the executable. Deliberately not here: the command line (`link`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::inputs::{Inputs, Role};
use super::log::{CacheResult, Log};
use super::output_cache;
use super::pipeline::{Failure, Record, decision};
use super::program_key::ProgramKey;
use super::session::Session;
use crate::diagnostics::shell::command_line;
use crate::diagnostics::{Code, Diagnostic};
use crate::files::Output;
use crate::ir::Extern;
use crate::link::{self, LinkError, LinkInputs, StartFiles, start_files};
use crate::native::store::{CacheError, Key, Lookup};
use crate::native::{NativeError, NativeLibrary, Store, find_toolchain};

/// The runtime of this build of the compiler.
static RUNTIME: &[u8] = include_bytes!(env!("COEX_RUNTIME_ARCHIVE"));

/// A fault of the machine, with its own text.
pub(super) type Fault = Box<Diagnostic>;

pub(super) fn link_program(
    session: &Session,
    store: &Store,
    object: &[u8],
    libraries: &[NativeLibrary],
    externs: &[Extern],
    inputs: &mut Inputs,
    log: &mut Log,
) -> Result<(Output, Vec<u8>), Fault> {
    let linker = link::find_linker(session.program_path.as_deref()).map_err(|error| link_fault(&error))?;
    let start_files = start_files(store, log)?;
    let runtime = runtime_archive(store).map_err(cache_fault)?;
    // What the system contributes is watched by time stamp alone: these files are large and change with packages only.
    inputs.note_stamp(&linker.path);
    linker.passed_over.iter().for_each(|path| inputs.note_absent_as(path, Role::Compiler));
    for word in start_files.before.iter().chain(&start_files.after).filter(|word| word.ends_with(".o")) {
        inputs.note_stamp(Path::new(word));
    }
    let objects: Vec<PathBuf> = libraries.iter().flat_map(|library| library.objects.iter().cloned()).collect();
    let extra: Vec<String> = libraries.iter().flat_map(|library| library.link_args.iter().cloned()).collect();
    let parts = LinkInputs { start_files: &start_files, libraries: &objects, runtime: &runtime, extra: &extra };
    let private = store.scratch().map_err(cache_fault)?;
    let mut print = |words: &[OsString]| log.commands.push(command_line(words));
    link::link(&linker, object, &parts, private.path(), &session.output, &mut print)
        .map_err(|error| located(&error, externs))
}

/// A symbol that nobody defines is shown where the program declares it.
fn located(error: &LinkError, externs: &[Extern]) -> Fault {
    let mut fault = link_fault(error);
    if let LinkError::Undefined { symbols } = error {
        fault.primary = externs.iter().find(|external| external.name.as_str() == symbols[0]).map(|found| found.span);
    }
    fault
}

pub(super) fn link_fault(error: &LinkError) -> Fault {
    Box::new(error.to_diagnostic())
}

pub(super) fn cache_fault(error: CacheError) -> Fault {
    Box::new(NativeError::from(error).to_diagnostic())
}

/// clang is asked once for each of its identities, and again when the system's files have moved.
fn start_files(store: &Store, log: &mut Log) -> Result<StartFiles, Fault> {
    let toolchain = find_toolchain(store).map_err(|error| Box::new(error.to_diagnostic()))?;
    let more = std::env::var_os(start_files::LIBRARY_DIRECTORIES).unwrap_or_default();
    let key = Key::of(&[b"start-files-3", toolchain.identity.as_bytes(), more.as_encoded_bytes()]);
    match store.lookup(&key).map_err(cache_fault)? {
        Lookup::Hit(entry) => {
            if let Some(files) = StartFiles::from_text(&entry.meta).filter(StartFiles::exist) {
                return Ok(files);
            }
        }
        Lookup::Absent => {}
        Lookup::Damaged(note) => log.notes.push(note),
    }
    let files = start_files::ask(&toolchain.clang).map_err(|error| link_fault(&error))?;
    store.publish(&key, &files.to_text(), &[]).map_err(cache_fault)?;
    Ok(files)
}

/// The linker wants a file; it is written once for each build of the compiler.
fn runtime_archive(store: &Store) -> Result<PathBuf, CacheError> {
    let key = Key::of(&[b"runtime-1", env!("COEX_BUILD_ID").as_bytes()]);
    let entry = match store.lookup(&key)? {
        Lookup::Hit(entry) => entry,
        Lookup::Absent | Lookup::Damaged(_) => store.publish(&key, "", &[("libcoex_runtime.a", RUNTIME)])?,
    };
    match entry.blob("libcoex_runtime.a") {
        Some(blob) => Ok(blob.path.clone()),
        None => crate::bug!("the runtime's cache entry has no archive"),
    }
}

/// Keeps a finished program for the next build. Only warnings can be left at this point.
pub(super) fn keep_program(
    session: &Session,
    store: &Store,
    inputs: &Inputs,
    program: &[u8],
    record: &mut Record,
) -> Result<(), Failure> {
    // A build that takes everything from the cache compiles no C.
    let mut warnings = record.diagnostics.sorted();
    warnings.retain(|warning| warning.code != Code::W1401);
    match output_cache::keep(store, session, inputs, program, &warnings, &record.sources) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => {
            let result = CacheResult::Miss(format!("uncacheable:{why}"));
            record.log.cache.push(decision(session, &ProgramKey::of(session), result));
            Ok(())
        }
        Err(error) => {
            record.diagnostics.push(*cache_fault(error));
            Err(Failure::Reported)
        }
    }
}

/// What a verified build says when the cache was wrong.
pub(super) fn differs(store: &Store, root: &Path) -> Fault {
    let reason = format!("what was kept for '{}' is not what is made now", root.display());
    cache_fault(CacheError { directory: store.directory().to_owned(), reason })
}
