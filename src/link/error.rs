//! Everything that can go wrong while linking.
//!
//! In: what the linker and the system say. Out: [`LinkError`] with its code.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostics::{Code, Diagnostic, io_reason};
use crate::sandbox::Fault;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkError {
    NoLinker {
        searched: Vec<&'static str>,
    },
    /// The linker or clang is there and does not start.
    CannotRun {
        linker: PathBuf,
        reason: String,
    },
    /// clang did not say how it links.
    NoStartFiles {
        clang: PathBuf,
        said: String,
    },
    /// They cannot be confined as the user wants it.
    Sandbox(Fault),
    CannotWrite {
        path: PathBuf,
        reason: String,
    },
    /// Symbols that no object and no library defines, each once.
    Undefined {
        symbols: Vec<String>,
    },
    Failed {
        linker: PathBuf,
        path: PathBuf,
        output: String,
    },
}

impl LinkError {
    pub fn cannot_write(path: &Path, error: &io::Error) -> LinkError {
        if error.kind() == io::ErrorKind::IsADirectory {
            return LinkError::CannotWrite { path: path.to_owned(), reason: "it is a directory".to_owned() };
        }
        LinkError::CannotWrite { path: path.to_owned(), reason: io_reason(error) }
    }

    pub(super) fn cannot_run(program: &Path, fault: Fault) -> LinkError {
        match fault {
            Fault::Start { reason, .. } => LinkError::CannotRun { linker: program.to_owned(), reason },
            fault => LinkError::Sandbox(fault),
        }
    }

    /// Sorts out what a failed linker printed.
    pub(super) fn from_linker_output(linker: &Path, text: &str, output: &Path) -> LinkError {
        let mut symbols: Vec<String> = text.lines().filter_map(undefined_symbol).collect();
        symbols.sort();
        symbols.dedup();
        if !symbols.is_empty() {
            return LinkError::Undefined { symbols };
        }
        if let Some(line) =
            text.lines().find(|line| ["No space left", "Disk full", "fallocate"].iter().any(|text| line.contains(text)))
        {
            return LinkError::CannotWrite { path: output.to_owned(), reason: line.to_owned() };
        }
        LinkError::Failed { linker: linker.to_owned(), path: output.to_owned(), output: text.trim_end().to_owned() }
    }

    pub fn code(&self) -> Code {
        match self {
            LinkError::NoLinker { .. } | LinkError::CannotRun { .. } | LinkError::NoStartFiles { .. } => Code::E1402,
            LinkError::CannotWrite { .. } | LinkError::Failed { .. } => Code::E1404,
            LinkError::Undefined { .. } => Code::E1113,
            LinkError::Sandbox(_) => Code::E1409,
        }
    }

    pub fn to_diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::without_place(self.code(), self.to_string());
        match self {
            LinkError::NoLinker { searched } => {
                diagnostic.note(format!("searched in PATH: {}", searched.join(", "))).body(
                    "Install the mold package:\n  Ubuntu/Debian: sudo apt install mold\n  \
                     Fedora:        sudo dnf install mold",
                )
            }
            LinkError::Failed { output, .. } => diagnostic.body(output.clone()),
            LinkError::Sandbox(fault) => diagnostic.help(fault.help()),
            LinkError::Undefined { symbols } if symbols.len() > 1 => {
                diagnostic.note(format!("also not defined: {}", symbols[1..].join(", ")))
            }
            _ => diagnostic,
        }
    }
}

/// `mold: error: undefined symbol: f`, `ld.lld: error: undefined symbol: f`, `undefined reference to 'f'`.
fn undefined_symbol(line: &str) -> Option<String> {
    if let Some((_, name)) = line.split_once("undefined symbol: ") {
        return Some(name.trim().to_owned());
    }
    let (_, name) = line.split_once("undefined reference to ")?;
    Some(name.trim().trim_matches(['`', '\'', '"']).to_owned())
}

impl fmt::Display for LinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::NoLinker { .. } => formatter.write_str("No linker found"),
            LinkError::Sandbox(fault) => write!(formatter, "{fault}"),
            LinkError::CannotRun { linker, reason } => {
                write!(formatter, "No linker found: '{}' does not run: {reason}", linker.display())
            }
            LinkError::NoStartFiles { clang, said } => {
                write!(formatter, "No linker found: '{}' does not say how it links: {said}", clang.display())
            }
            LinkError::CannotWrite { path, reason } => write!(formatter, "Cannot write '{}': {reason}", path.display()),
            LinkError::Undefined { symbols } => {
                write!(formatter, "Library 'c': symbol '{}' is not defined by its C sources", symbols[0])
            }
            LinkError::Failed { linker, path, .. } => {
                write!(formatter, "Cannot write '{}': {} failed", path.display(), linker.display())
            }
        }
    }
}

impl std::error::Error for LinkError {}
