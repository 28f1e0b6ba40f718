//! Builds the C of every library that a program uses, several libraries at the same time.
//!
//! In: libraries and the externs of the checked program. Out: their objects and C signatures; faults as diagnostics at the place that
//! the fault is about, in the order of the libraries. Deliberately not here: how C is compiled (`native`).

use std::collections::BTreeSet;

use super::facts::library_sources;
use super::inputs::{Inputs, Role};
use super::log::{CacheResult, Decision};
use super::pipeline::Record;
use super::session::{OptLevel, Session};
use crate::cxz::Library;
use crate::cxz::manifest::{Owns, SymbolEntry};
use crate::diagnostics::{Code, Diagnostic, ForeignPlace};
use crate::ir::Extern;
use crate::native::{self, CacheOutcome, NativeError, NativeLibrary, NativeOptions, Store, Toolchain, Workers};
use crate::sandbox;
use crate::types::LibraryId;

pub(super) fn build_libraries(
    session: &Session,
    store: &Store,
    libraries: &[Library],
    externs: &[Extern],
    inputs: &mut Inputs,
    record: &mut Record,
) -> Vec<NativeLibrary> {
    let toolchain = match native::find_toolchain(store) {
        Ok(toolchain) => toolchain,
        Err(error) => {
            record.diagnostics.push(error.to_diagnostic());
            return Vec::new();
        }
    };
    note_toolchain(&toolchain, inputs);
    let options = NativeOptions {
        opt_level: match session.opt_level {
            OptLevel::O0 => native::OptLevel::None,
            OptLevel::O1 => native::OptLevel::Less,
            OptLevel::O2 => native::OptLevel::Default,
            OptLevel::O3 => native::OptLevel::Aggressive,
        },
        debug_info: session.debug_info,
        verify: session.verify_cache,
        print_commands: session.print_commands,
        workers: Workers::of_environment(),
        watcher: Some(session.watcher.clone()),
        ..NativeOptions::default()
    };
    let with_c: Vec<(LibraryId, &Library)> = libraries
        .iter()
        .enumerate()
        .filter(|(_, library)| !library.manifest.units.is_empty())
        .map(|(index, library)| (LibraryId(index as u32), library))
        .collect();
    let results = options.workers.run_all(with_c.len(), |index| {
        let (id, library) = with_c[index];
        build(library, symbols(library, id, externs), &toolchain, store, &options)
    });
    let mut built = Vec::new();
    for ((_, library), result) in with_c.iter().zip(results) {
        match result {
            Ok(native) => {
                log(&native, session, record);
                note(&native, inputs);
                built.push(native);
            }
            Err(error) => report(&error, library, externs, record),
        }
    }
    if built.iter().any(|native| native.cache != CacheOutcome::Hit)
        && let Some(lacking) = sandbox::lacking()
    {
        let message = format!("C code is compiled without a whole sandbox: {lacking}");
        record.diagnostics.push(Diagnostic::without_place(Code::W1401, message).help(SANDBOX_HELP));
    }
    built
}

const SANDBOX_HELP: &str = "COEX_SANDBOX=require refuses such builds, COEX_SANDBOX=off silences this";

/// What the library depends on, the program depends on.
fn note(native: &NativeLibrary, inputs: &mut Inputs) {
    let (headers, packages) = (&native.system_headers, &native.packages);
    headers.read.iter().for_each(|fact| inputs.note_fact(fact, Role::Header));
    headers.found.iter().for_each(|path| inputs.note_there(path, Role::Header));
    headers.absent.iter().for_each(|path| inputs.note_absent_as(path, Role::Header));
    packages.read.iter().for_each(|fact| inputs.note_fact(fact, Role::Package));
    packages.absent.iter().for_each(|path| inputs.note_absent_as(path, Role::Package));
    if let CacheOutcome::Uncacheable(why) = &native.cache {
        inputs.refuse(why);
    }
}

/// Which clang it is and where it looks.
fn note_toolchain(toolchain: &Toolchain, inputs: &mut Inputs) {
    toolchain.files.iter().for_each(|fact| inputs.note_fact(fact, Role::Compiler));
    toolchain.passed_over.iter().for_each(|path| inputs.note_absent_as(path, Role::Compiler));
    // A directory that appears; nothing else of this name could matter.
    toolchain.absent_include_dirs.iter().for_each(|path| inputs.note_absent_as(path, Role::Compiler));
}

fn build(
    library: &Library,
    symbols: Vec<String>,
    toolchain: &Toolchain,
    store: &Store,
    options: &NativeOptions,
) -> Result<NativeLibrary, NativeError> {
    let files = library.foreign_files();
    native::build_library(toolchain, store, &library_sources(library, &files, symbols), options)
}

/// C functions that Coex code or the runtime calls.
fn symbols(library: &Library, id: LibraryId, externs: &[Extern]) -> Vec<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let own = externs.iter().filter(|external| external.library == Some(id));
    names.extend(own.map(|external| external.name.as_str().to_owned()));
    for entry in library.manifest.units.iter().flat_map(|unit| &unit.symbols) {
        names.insert(entry.name.value.clone());
        names.extend(helpers(entry));
    }
    names.into_iter().collect()
}

/// Functions that an entry names beside its own.
fn helpers(entry: &SymbolEntry) -> impl Iterator<Item = String> {
    let owner = match &entry.owns {
        Owns::Function(name) => Some(name.value.clone()),
        Owns::Borrowed | Owns::Free => None,
    };
    let text = |name: &Option<crate::cxz::manifest::Located<String>>| name.as_ref().map(|name| name.value.clone());
    owner.into_iter().chain(text(&entry.release)).chain(text(&entry.error_text))
}

fn log(native: &NativeLibrary, session: &Session, record: &mut Record) {
    let result = match &native.cache {
        CacheOutcome::Hit => CacheResult::Hit,
        CacheOutcome::Miss(reason) => CacheResult::Miss(reason.clone()),
        CacheOutcome::Uncacheable(why) => CacheResult::Miss(format!("uncacheable:{why}")),
    };
    let subject = format!("library {} {}", native.name, native.version);
    record.log.cache.push(Decision { subject, key: native.key.clone(), result });
    record.log.notes.extend(native.notes.iter().cloned());
    record.log.commands.extend(native.commands.iter().cloned());
    if session.report_isolation {
        record.log.libraries.push(native.clone());
    }
}

/// An undefined symbol is shown where it is declared.
fn report(error: &NativeError, library: &Library, externs: &[Extern], record: &mut Record) {
    let mut diagnostic = error.to_diagnostic();
    if let NativeError::SymbolNotDefined { symbol, .. } = error {
        let external = externs.iter().find(|external| external.name.as_str() == symbol);
        let entry = library.manifest.symbol(symbol);
        diagnostic.primary = entry.map(|entry| entry.name.span).or(external.map(|external| external.span));
    }
    if let NativeError::CompilationFailed { errors, .. } = error {
        let place = |file: &str| if file.starts_with('/') { file.to_owned() } else { library.place(file) };
        diagnostic.foreign.extend(errors.iter().filter_map(|line| ForeignPlace::parse(line, place)));
    }
    record.diagnostics.push(diagnostic);
}
