//! `coex pkg`: packing and verifying libraries.
//!
//! In: arguments. Out: an archive, or verdicts on standard output. Installing is not built yet and says so.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::args::{Coex, CoexCommand, Messages, Package};
use super::output::{self, Style};
use super::{emit, exit, internal_error};
use crate::cxz::library::{self, Library};
use crate::cxz::{ArchiveError, pack};
use crate::diagnostics::Diagnostics;
use crate::source::SourceMap;

/// `coex`, with the arguments after the program's name. Returns the exit status.
pub fn coex(arguments: Vec<OsString>) -> u8 {
    internal_error::guard(|| {
        let words = std::iter::once(OsString::from("coex")).chain(arguments);
        let parsed = match Coex::try_parse_from(words) {
            Ok(parsed) => parsed,
            Err(error) => return exit::usage(&error),
        };
        let CoexCommand::Pkg { action } = parsed.command;
        match action {
            Package::Pack { directory, output, messages } => pack_directory(&directory, output, &messages),
            Package::Verify { files, messages } => verify(&files, &messages),
            Package::Other(words) => other(&words),
        }
    })
}

fn other(words: &[OsString]) -> u8 {
    const PLANNED: &[&str] = &["install", "remove", "list", "info", "search", "update", "publish", "vendor"];
    let name = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if PLANNED.contains(&name.as_str()) {
        output::talk(&format!("error[E0001]: Not supported by this version: coex pkg {name}\n"));
        return exit::FAULT;
    }
    output::talk(&format!("error: There is no command 'coex pkg {name}'; 'coex pkg --help' lists them\n"));
    exit::USAGE
}

/// Loads a library and shows what is wrong with it; the status is that of the worst fault.
fn load(path: &Path, style: &Style) -> (u8, Option<Library>) {
    let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let library = library::load(path, &shown, None, &mut sources, &mut diagnostics);
    let list = diagnostics.into_sorted();
    style.show(&list, &sources);
    (exit::of_diagnostics(&list), library)
}

fn pack_directory(directory: &Path, output: Option<PathBuf>, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    if !directory.is_dir() {
        output::talk(&format!("error: '{}' is not a directory\n", directory.display()));
        return exit::USAGE;
    }
    let (status, library) = load(directory, &style);
    let Some(library) = library else { return status };
    let bytes = match pack::pack(&library.files) {
        Ok(bytes) => bytes,
        Err(error) => return refused(&error, directory, &style),
    };
    let path = output.unwrap_or_else(|| PathBuf::from(format!("{}.cxz", library.name)));
    // An unchanged archive keeps its time stamp, and with it what was built from it.
    if std::fs::read(&path).is_ok_and(|old| old == bytes) {
        return exit::SUCCESS;
    }
    emit::write_file(&path, &bytes)
}

fn refused(error: &ArchiveError, path: &Path, style: &Style) -> u8 {
    let diagnostic = library::archive_diagnostic(error, &path.to_string_lossy(), None);
    style.show(&[diagnostic], &SourceMap::default());
    exit::ARCHIVE
}

fn verify(files: &[PathBuf], messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let (mut worst, mut verdicts) = (exit::SUCCESS, String::new());
    for file in files {
        let (status, library) = load(file, &style);
        if let Some(library) = library {
            verdicts.push_str(&format!(
                "{}: {} {}, {} files, tree {}\n",
                file.display(),
                library.name,
                library.version,
                library.files.len(),
                library.tree_hash().to_hex()
            ));
        }
        worst = worst.max(status);
    }
    let status = output::write(verdicts.as_bytes());
    worst.max(status)
}
