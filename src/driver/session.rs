//! What one run of the compiler is asked to do.
//!
//! In: the command line and the environment, read once. Out: a [`Session`] that nothing changes.
//! Deliberately not here: how options are spelt (`cli`).

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use super::timing::Stage;
use crate::cxz::search::SearchPaths;
use crate::diagnostics::{Nobody, Watcher};
pub use crate::passes::Updates;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OptLevel {
    O0,
    O1,
    O2,
    O3,
}

impl OptLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            OptLevel::O0 => "0",
            OptLevel::O1 => "1",
            OptLevel::O2 => "2",
            OptLevel::O3 => "3",
        }
    }
}

/// What comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Emit {
    Executable,
    Ast,
    Ir,
    Llvm,
    Asm,
    Object,
}

/// A directive of the program (`printing off`), or an option that overrides it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Switch {
    /// As the program says.
    Program,
    On,
    Off,
}

#[derive(Clone, Debug)]
pub struct Session {
    /// As named on the command line; messages and panics use this spelling.
    pub root: PathBuf,
    /// Where the executable goes; `Emit` kinds other than `Executable` are returned instead.
    pub output: PathBuf,
    pub emit: Emit,
    /// Go no further than this stage.
    pub stop_after: Option<Stage>,
    pub opt_level: OptLevel,
    pub debug_info: bool,
    /// Where this process runs: what names of files are relative to, for debug information.
    pub directory: String,
    pub updates: Updates,
    pub printing: Switch,
    pub debugging: Switch,
    pub search: SearchPaths,
    /// `PATH`, for the linker.
    pub program_path: Option<OsString>,
    pub print_commands: bool,
    pub explain_cache: bool,
    pub report_isolation: bool,
    /// Whoever wants to know how far it has come.
    pub watcher: Arc<dyn Watcher>,
    /// Make again what the cache has, and compare.
    pub verify_cache: bool,
    /// Told what cannot wait until the work is done: that another process is waited for.
    pub notify: fn(&str),
}

impl Session {
    /// A session with the defaults and this process's environment.
    pub fn new(root: PathBuf, output: PathBuf) -> Session {
        Session {
            root,
            output,
            emit: Emit::Executable,
            stop_after: None,
            opt_level: OptLevel::O2,
            debug_info: false,
            directory: std::env::current_dir().map_or_else(|_| ".".into(), |path| path.to_string_lossy().into_owned()),
            updates: Updates::InPlace,
            printing: Switch::Program,
            debugging: Switch::Program,
            search: search_paths(),
            program_path: std::env::var_os("PATH"),
            print_commands: false,
            explain_cache: false,
            report_isolation: false,
            watcher: Arc::new(Nobody),
            verify_cache: false,
            notify: |_| (),
        }
    }
}

/// A variable of the environment; one that is set to nothing counts as not set.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The directories that the environment adds to a search.
pub fn search_paths() -> SearchPaths {
    let environment =
        variable("COEX_LIB_PATH").map(|paths| std::env::split_paths(&paths).collect()).unwrap_or_default();
    let compiler = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.parent()?.join("lib/coex")));
    SearchPaths {
        options: Vec::new(),
        environment,
        home: variable("HOME").map(PathBuf::from),
        // A development build has no library directory beside it; a path that never exists only lengthens messages.
        compiler: compiler.filter(|path| path.is_dir() && !path.starts_with("/usr/local/lib/coex")),
    }
}
