//! What goes into a native build and what comes out of it: plain data.
//!
//! In: nothing. Out: the types that `cxz` fills in and the compiler reads. Deliberately not here: any work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::files::FileFact;
use super::signature::CFunction;
use super::workers::Workers;
use crate::diagnostics::Watcher;

/// The C side of one library, as `cxz` hands it over: read, expanded and validated.
#[derive(Clone, Debug)]
pub struct LibrarySources<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// Every file below `ffi/src`, by its path relative to it.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// One for each `[ffi.NAME]`; all are linked as one group.
    pub units: Vec<Unit>,
    /// C functions that the Coex side calls: externs, symbols of the manifest, and the functions named by `release`,
    /// `owns` and `error_text`.
    pub symbols: Vec<String>,
    /// `[ffi.system]`.
    pub system: Option<SystemDependency>,
}

impl LibrarySources<'_> {
    /// What the library uses is not safe in several threads at once.
    pub(super) fn is_serial(&self) -> bool {
        self.system.as_ref().is_some_and(|system| system.thread_safe == Some(false))
    }

    /// The weakest isolation of its units.
    pub(super) fn tier(&self) -> IsolationTier {
        self.units.iter().map(|unit| unit.isolation).max().unwrap_or_default()
    }
}

/// One `[ffi.NAME]` table.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    pub name: String,
    /// C files, relative to `ffi/src`, patterns expanded, sorted.
    pub sources: Vec<String>,
    /// Include directories relative to `ffi/src`, in order; `ffi/src` itself (`.`) always comes last.
    pub include_dirs: Vec<String>,
    /// `-DNAME` for an empty value, else `-DNAME=VALUE`.
    pub defines: BTreeMap<String, String>,
    /// `c17`, `gnu17`, …; absent for `gnu17`.
    pub c_standard: Option<String>,
    pub system_headers: Vec<String>,
    /// `z` or `-lz`.
    pub system_libs: Vec<String>,
    pub isolation: IsolationTier,
    pub limits: Limits,
    /// The C code creates threads of its own.
    pub threads: bool,
}

/// The promise that a library's manifest asks for. A library of several units gets the strictest of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum IsolationTier {
    /// One state for the whole process.
    Shared,
    #[default]
    Instance,
    Confined,
    Process,
}

impl IsolationTier {
    pub fn as_str(self) -> &'static str {
        match self {
            IsolationTier::Shared => "shared",
            IsolationTier::Instance => "instance",
            IsolationTier::Confined => "confined",
            IsolationTier::Process => "process",
        }
    }
}

/// Limits of the manifest; 0 for the runtime's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    pub instances: u64,
    pub handles: u64,
    pub arena_bytes: u64,
}

/// `[ffi.system]`.
#[derive(Clone, Debug, Default)]
pub struct SystemDependency {
    pub headers: Vec<String>,
    pub libs: Vec<String>,
    /// `openssl >= 3.0`, one requirement each.
    pub pkg_config: Vec<String>,
    /// `false`: calls are serialised by one lock for the process.
    pub thread_safe: Option<bool>,
    pub install: Install,
}

/// `[ffi.system.install]`: the lines of the message for a missing dependency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Install {
    pub name: Option<String>,
    pub debian: Option<String>,
    pub macos: Option<String>,
    pub fedora: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OptLevel {
    None,
    Less,
    #[default]
    Default,
    Aggressive,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PrivatiseMode {
    #[default]
    On,
    /// A control build: the sources are merged and optimised, the state stays the process's own. For benchmarks and
    /// tests; such an object has no instances.
    Off,
}

#[derive(Clone, Debug, Default)]
pub struct NativeOptions {
    pub opt_level: OptLevel,
    /// Keep debug information.
    pub debug_info: bool,
    pub privatise: PrivatiseMode,
    /// LLVM triple; absent for the machine this runs on.
    pub target: Option<String>,
    /// LLVM CPU name; absent for the target's baseline.
    pub cpu: Option<String>,
    /// Makes again what the cache has, and compares.
    pub verify: bool,
    /// Collects every command that is run, as the user would type it (`--print-commands`).
    pub print_commands: bool,
    /// How much may be done at the same time; the object does not depend on it.
    pub workers: Workers,
    /// Whoever wants to know how far it has come.
    pub watcher: Option<Arc<dyn Watcher>>,
    /// The compiler, which works on C code in a process of its own; absent for the program that runs.
    pub helper: Option<PathBuf>,
}

/// A library ready to be linked.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeLibrary {
    pub name: String,
    pub version: String,
    /// 16 hex digits: the part of the content key that symbol names carry.
    pub key: String,
    /// In link order.
    pub objects: Vec<PathBuf>,
    /// Bitcode of the functions that are leaves; absent where there are none.
    pub leaves: Option<PathBuf>,
    pub descriptor_symbol: String,
    /// By C name.
    pub functions: BTreeMap<String, CFunction>,
    /// `-lz`, `-L/dir`, `-pthread`, in order.
    pub link_args: Vec<String>,
    /// The C code refers to functions that read or write streams or descriptors.
    pub uses_stdio: bool,
    /// `thread_safe = false`: its calls take turns.
    pub is_serial: bool,
    /// One instance for the process.
    pub is_shared: bool,
    pub report: IsolationReport,
    /// Headers of the system that were read, and paths where one was looked for in vain.
    pub system_headers: SystemHeaders,
    pub packages: PackageFiles,
    pub cache: CacheOutcome,
    /// Lines for the user that are no errors (a damaged cache entry was rebuilt), and with `print_commands` the
    /// commands that were run.
    pub notes: Vec<String>,
    pub commands: Vec<String>,
}

/// What a library's object depends on outside its archive.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SystemHeaders {
    pub read: Vec<FileFact>,
    /// Must be there, whatever they contain.
    pub found: Vec<PathBuf>,
    /// Must not be there.
    pub absent: Vec<PathBuf>,
}

/// What pkg-config's answer depends on.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PackageFiles {
    pub read: Vec<FileFact>,
    pub absent: Vec<PathBuf>,
}

/// What `--report-isolation` prints of a library.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct IsolationReport {
    /// `pure` when there is no mutable state, else the tier of the manifest.
    pub tier: String,
    /// The private variables, in layout order.
    pub members: Vec<MemberReport>,
    /// Bytes with an initial value other than zero, and all.
    pub data_size: u64,
    pub total_size: u64,
    pub relocations: u64,
    /// Every symbol that the object takes from elsewhere.
    pub symbols: BTreeMap<String, SymbolClass>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MemberReport {
    pub name: String,
    pub size: u64,
    /// Archive-relative; empty when the compiler does not know it.
    pub file: String,
    pub line: u32,
}

/// Where a symbol that a library does not define itself leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SymbolClass {
    /// Depends on its arguments only.
    Pure,
    /// Redirected into the instance, or part of the library interface of the runtime.
    Instance,
    /// Streams, files, descriptors.
    Stdio,
    /// State that all instances share: system libraries, the operating system.
    Process,
}

/// Whether an object came from the cache, and if not, why.
#[derive(Clone, Debug, PartialEq)]
pub enum CacheOutcome {
    Hit,
    /// A reason with a name: `first-seen`, `header-changed:PATH`, `header-appeared:PATH`, `corrupt`, …
    Miss(String),
    /// Made, and not kept: why.
    Uncacheable(String),
}
