//! Looks at a library for its own sake, before anybody uses it.
//!
//! In: a library. Out: what a program that imports it, calls nothing and has every function elaborated would be told, up
//! to the comparison of each extern with its C function. Dependencies that are not at hand are no fault of the library:
//! what uses them is left out, and that is said. Deliberately not here: writing archives (`cxz`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::imports::Request;
use super::load::{self, Loaded};
use super::phases;
use super::pipeline::{Failure, Record, checked, natives};
use super::run::on_large_stack;
use super::session::Session;
use crate::crash;
use crate::cxz::Library;
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{SourceMap, Span};

/// Imports of a library that is looked at for its own sake.
#[derive(Default)]
pub(super) struct Demands {
    /// What the manifests of the libraries that are being read name as dependencies, outermost first.
    named: Vec<(String, BTreeSet<String>)>,
    /// Imports of such dependencies that are not at hand.
    missed: Vec<Missed>,
}

pub(super) struct Missed {
    name: String,
    span: Span,
}

impl Demands {
    pub(super) fn open(&mut self, library: &Library) {
        self.named.push((library.name.clone(), library.manifest.depends.keys().cloned().collect()));
    }

    pub(super) fn close(&mut self) {
        self.named.pop();
    }

    /// Called where an import found nothing, behind the fault that says so.
    pub(super) fn note_missed(&mut self, request: &Request) {
        if self.named.last().is_some_and(|(_, names)| names.contains(request.name)) {
            self.missed.push(Missed { name: request.name.to_owned(), span: request.span });
        }
    }

    /// Whoever installs the library does not get what only its directory has.
    pub(super) fn stray(&self, request: &Request) -> Option<Diagnostic> {
        let [(library, names)] = self.named.as_slice() else { return None };
        if names.contains(request.name) || request.is_bundled_math() {
            return None;
        }
        let name = request.name;
        let message = format!("Library '{library}' does not bring '{name}' along");
        let diagnostic = Diagnostic::new(Code::W1202, request.span, message)
            .label("found here, and missing where only the library is installed")
            .help("a library belongs under 'depends' of the manifest, a file of its own below src/ and under 'source'");
        Some(diagnostic)
    }
}

/// The library as `read` gives it, and what is to be said of it; with errors it is not fit for others.
pub fn check_library(
    session: &Session,
    read: impl FnOnce(&mut SourceMap, &mut Diagnostics) -> Option<Library> + Send,
) -> (Record, Option<Library>) {
    let mut record = Record::default();
    let library = read(&mut record.sources, &mut record.diagnostics);
    let library = library.filter(|_| !record.diagnostics.has_errors());
    if let Some(library) = &library {
        note_files(library);
        note_unlisted(library, &mut record.diagnostics);
        // What went wrong stands in the diagnostics.
        let _ = on_large_stack(|| front_end_and_c(session, library, &mut record));
    }
    record.timings.end();
    (record, library)
}

/// For the report of an internal failure.
fn note_files(library: &Library) {
    match library.origin.is_dir() {
        true => library.files.keys().for_each(|name| crash::note_input(&library.origin.join(name))),
        false => crash::note_input(&library.origin),
    }
}

/// A slip in the manifest must not make a library that offers nothing.
fn note_unlisted(library: &Library, diagnostics: &mut Diagnostics) {
    let listed =
        |path: &str| library.manifest.source.iter().any(|source| path.strip_prefix("src/") == Some(&source.value));
    let sources = library.files.keys().filter(|path| path.starts_with("src/") && path.ends_with(".coex"));
    for path in sources.filter(|path| !listed(path)) {
        let message = format!("Source '{path}' is not part of library '{}'", library.name);
        let help = "the list 'source' of the manifest names what is compiled, below src/";
        diagnostics.push(Diagnostic::without_place(Code::W1204, message).help(help));
    }
}

fn front_end_and_c(session: &Session, library: &Library, record: &mut Record) -> Result<(), Failure> {
    let (loaded, demands) =
        load::resolve_library(session, &phases::parse, library, &mut record.sources, &mut record.diagnostics);
    let Loaded { sources, libraries, mut inputs } = loaded;
    // A fault until now, so that check takes nothing for granted that it does not know.
    let program = checked(sources, session, record);
    forgive(&demands.missed, &mut record.diagnostics);
    record.require_no_errors()?;
    let externs = program.as_ref().map_or(&[][..], |program| &program.externs);
    let natives = natives(session, None, &libraries, externs, &mut inputs, record)?;
    if let Ok(program) = &program {
        phases::bind(program, &natives, &mut record.diagnostics);
    }
    record.require_no_errors()
}

/// Turns what is said of missing dependencies into warnings.
fn forgive(missed: &[Missed], diagnostics: &mut Diagnostics) {
    let found = std::mem::take(diagnostics);
    for diagnostic in found.into_sorted() {
        let is_absence = matches!(diagnostic.code, Code::E1202 | Code::E1507);
        let missed = missed.iter().find(|missed| is_absence && diagnostic.primary == Some(missed.span));
        diagnostics.push(missed.map_or(diagnostic, Missed::warning));
    }
}

impl Missed {
    fn warning(&self) -> Diagnostic {
        let name = &self.name;
        Diagnostic::new(Code::W1203, self.span, format!("Dependency '{name}' is not at hand"))
            .label("what uses it was not checked, nor were externs compared with their C functions")
            .help(format!("'coex pkg install {name}' in the library's directory, or in one above it, brings it"))
    }
}

/// Where searches of the library's imports start: beside it.
pub(super) fn beside(library: &Library) -> PathBuf {
    let origin = &library.origin;
    if origin.file_name().is_some() {
        return origin.clone();
    }
    origin.canonicalize().unwrap_or_else(|_| origin.clone())
}

/// The file whose directories may have a lock file.
pub fn root(origin: &Path) -> PathBuf {
    if origin.is_dir() { origin.join("manifest.toml") } else { origin.to_owned() }
}
