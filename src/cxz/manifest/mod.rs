//! The typed manifest of a library.
//!
//! In: the text of `manifest.toml`. Out: a [`Manifest`] whose every part has its place in the text, or diagnostics
//! E1408 and E1112 and warnings W1101 with line and column. Deliberately not here: whether the files that it names
//! exist (`library`).

mod parse;
mod reader;
mod rules;

pub use parse::parse;
pub use rules::is_library_name;

use std::collections::BTreeMap;

use semver::{Version, VersionReq};

use crate::source::Span;

/// A value and its place in the manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located<T> {
    pub value: T,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Manifest {
    pub name: Located<String>,
    pub version: Located<Version>,
    pub description: Option<String>,
    pub authors: Vec<String>,
    pub license: Option<String>,
    /// Below `src/`, in the order of compilation.
    pub source: Vec<Located<String>>,
    /// The compiler versions that it is made for.
    pub coex: Option<Located<VersionReq>>,
    pub depends: BTreeMap<String, Located<VersionReq>>,
    /// In the order of their ids.
    pub units: Vec<Unit>,
    pub system: Option<System>,
}

/// One `[ffi.ID]` table.
#[derive(Clone, Debug)]
pub struct Unit {
    pub id: Located<String>,
    /// Files or patterns below `ffi/src/`.
    pub source: Vec<Located<String>>,
    /// Include directories below `ffi/src/`.
    pub headers: Vec<Located<String>>,
    pub defines: BTreeMap<String, String>,
    pub c_standard: Option<String>,
    pub system_headers: Vec<String>,
    /// Names without `-l`.
    pub system_libs: Vec<String>,
    pub isolation: Located<Isolation>,
    pub threads: bool,
    pub limits: Limits,
    pub symbols: Vec<SymbolEntry>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Isolation {
    Shared,
    Instance,
    Confined,
    Process,
}

/// 0 means the runtime's own limit.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    pub instances: u64,
    pub handles: u64,
    pub arena_bytes: u64,
}

/// One `[[ffi.ID.symbols]]` table.
#[derive(Clone, Debug)]
pub struct SymbolEntry {
    pub name: Located<String>,
    /// Coex type names, an `out` before them included; absent when the key is.
    pub params: Option<Vec<Located<String>>>,
    pub returns: Option<Located<String>>,
    /// A C declaration: `int64_t f(const char *, int32_t)`.
    pub c: Option<Located<String>>,
    pub owns: Owns,
    pub error: Option<ErrorRule>,
    /// `const char *NAME(int64_t)`.
    pub error_text: Option<Located<String>>,
    pub len_result: bool,
    /// The destructor of handles that this symbol returns.
    pub release: Option<Located<String>>,
    /// The whole table, for faults of the entry as such.
    pub span: Span,
}

/// Who frees a returned `char *`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owns {
    Borrowed,
    Free,
    Function(Located<String>),
}

/// How a C result becomes a `Result` (language reference 11.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorRule {
    Negative,
    Nonzero,
    Null,
    Errno,
    Fail,
}

/// `[ffi.system]`.
#[derive(Clone, Debug)]
pub struct System {
    pub headers: Vec<String>,
    /// Names without `-l`.
    pub libs: Vec<String>,
    /// `openssl >= 3.0`.
    pub pkg_config: Vec<Located<String>>,
    pub thread_safe: Option<bool>,
    pub install: Install,
}

/// How to install a system dependency, by system.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Install {
    pub name: Option<String>,
    pub debian: Option<String>,
    pub macos: Option<String>,
    pub fedora: Option<String>,
}

impl Manifest {
    /// The entry of a C symbol.
    pub fn symbol(&self, name: &str) -> Option<&SymbolEntry> {
        self.units.iter().flat_map(|unit| &unit.symbols).find(|symbol| symbol.name.value == name)
    }
}
