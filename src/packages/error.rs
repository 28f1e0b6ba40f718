//! What can go wrong with packages.
//!
//! In: the fault, where it is found. Out: diagnostics E1501 to E1510 and those of archives. Texts of strangers are made
//! printable here.

use std::path::{Path, PathBuf};

use crate::diagnostics::{Code, Diagnostic, io_reason};
use crate::source::SourceMap;

#[derive(Debug)]
pub enum PackageError {
    /// The registry has no such package, or no such version of it.
    Unknown {
        wanted: String,
        registry: String,
        helps: Vec<String>,
    },
    /// No versions fit together; the text says why.
    Conflict {
        explanation: String,
    },
    Lock {
        path: PathBuf,
        line: Option<usize>,
        reason: String,
    },
    /// `place` is a file of the registry, with its line where there is one.
    Registry {
        place: String,
        reason: String,
    },
    /// An archive is not the one that was promised.
    Mismatch {
        package: String,
        reason: String,
    },
    /// A signature, or the key that makes it, is not the expected one. `whose` is `package 'regex 1.0.0'` or a registry.
    Signature {
        whose: String,
        reason: String,
    },
    /// `--locked` does not allow it.
    WouldChange {
        path: PathBuf,
        reason: String,
    },
    NotInstalled {
        package: String,
        path: PathBuf,
    },
    /// `what` is `Registry` or `Archive`.
    Unreachable {
        what: &'static str,
        place: String,
        reason: String,
    },
    /// Another process holds the guard of the installed packages.
    Busy {
        path: PathBuf,
        seconds: u64,
    },
    Unwritable {
        path: PathBuf,
        reason: String,
    },
    /// The command asks for something that cannot be.
    Request {
        reason: String,
        help: String,
    },
    /// The command line lacks something, or contradicts itself.
    Usage {
        reason: String,
        help: String,
    },
    /// An archive or its manifest is refused.
    Library {
        sources: Box<SourceMap>,
        diagnostics: Vec<Diagnostic>,
    },
}

impl PackageError {
    pub fn registry(place: impl Into<String>, reason: impl Into<String>) -> PackageError {
        PackageError::Registry { place: place.into(), reason: reason.into() }
    }

    pub fn unreachable(what: &'static str, place: impl Into<String>, reason: impl Into<String>) -> PackageError {
        PackageError::Unreachable { what, place: place.into(), reason: reason.into() }
    }

    pub fn mismatch(package: impl Into<String>, reason: impl Into<String>) -> PackageError {
        PackageError::Mismatch { package: package.into(), reason: reason.into() }
    }

    pub fn signature(whose: impl std::fmt::Display, reason: impl Into<String>) -> PackageError {
        PackageError::Signature { whose: whose.to_string(), reason: reason.into() }
    }

    pub fn unwritable(path: &Path, error: &std::io::Error) -> PackageError {
        PackageError::Unwritable { path: path.to_owned(), reason: io_reason(error) }
    }

    /// The diagnostics, and the texts that they point into.
    pub fn into_diagnostics(self) -> (Vec<Diagnostic>, SourceMap) {
        match self {
            PackageError::Library { sources, diagnostics } => (diagnostics, *sources),
            other => (vec![other.diagnostic()], SourceMap::default()),
        }
    }

    fn diagnostic(self) -> Diagnostic {
        let new = |code, message: String| Diagnostic::without_place(code, message);
        match self {
            PackageError::Unknown { wanted, registry, helps } => {
                let message = format!("Package '{}' not found", printable(&wanted));
                let first = new(Code::E1501, message).note(format!("the registry is '{}'", printable(&registry)));
                helps.into_iter().fold(first, |diagnostic, help| diagnostic.help(help))
            }
            PackageError::Conflict { explanation } => {
                new(Code::E1502, "No versions of the packages fit together".to_owned()).body(explanation)
            }
            PackageError::Lock { path, line, reason } => {
                let place = line.map_or(String::new(), |line| format!(" (line {line})"));
                let message = format!("Lock file '{}' is not valid: {reason}{place}", path.display());
                new(Code::E1503, message).help("take it from version control, or remove it and install again")
            }
            PackageError::Registry { place, reason } => {
                new(Code::E1504, format!("Registry is not valid: {reason}")).note(format!("at '{}'", printable(&place)))
            }
            PackageError::Mismatch { package, reason } => {
                new(Code::E1505, format!("Package '{package}' is not what was promised: {reason}"))
            }
            PackageError::Signature { whose, reason } => {
                new(Code::E1510, format!("Signature of {whose} is refused: {reason}"))
            }
            PackageError::WouldChange { path, reason } => {
                let message = format!("Lock file '{}' would change: {reason}", path.display());
                new(Code::E1506, message).help("without --locked the change is made")
            }
            PackageError::NotInstalled { package, path } => {
                let message = format!("Package '{package}' is locked but not installed");
                let place = format!("the lock file is '{}'", path.display());
                new(Code::E1507, message).note(place).body("To install: coex pkg install")
            }
            PackageError::Unreachable { what, place, reason } => {
                let is_directory = what == "Registry" && !place.contains("://");
                let (place, reason) = (printable(&place), printable(&reason));
                let diagnostic = new(Code::E1508, format!("{what} '{place}' cannot be reached: {reason}"));
                match is_directory {
                    true => diagnostic.help("`coex registry add DIR FILE.cxz` makes a registry of an empty directory"),
                    false => diagnostic,
                }
            }
            PackageError::Busy { path, seconds } => {
                let message = format!("Another 'coex' has been changing the installed packages for {seconds} seconds");
                new(Code::E1509, message).note(format!("it holds '{}'", path.display()))
            }
            PackageError::Unwritable { path, reason } => {
                new(Code::E1404, format!("Cannot write '{}': {reason}", path.display()))
            }
            PackageError::Request { reason, help } => new(Code::E1501, reason).help(help),
            // Said without a code, as all wrong use; nothing but a command line has it.
            PackageError::Usage { reason, .. } => crate::bug!("wrong use is no diagnostic: {reason}"),
            // Taken apart by the only caller.
            PackageError::Library { .. } => crate::bug!("a library's diagnostics are shown as they are"),
        }
    }
}

/// A stranger's text must not reach a terminal as it is.
pub fn printable(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    let mut shown: String = text.chars().take(400).map(escape).collect();
    if text.chars().nth(400).is_some() {
        shown.push('…');
    }
    shown
}
