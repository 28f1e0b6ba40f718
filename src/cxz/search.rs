//! Finds what an import names.
//!
//! In: the import and the directories that count. Out: the file or directory, or the list of files tried.
//! Deliberately not here: reading what was found (`library`), and imports that need no search (`math`).

use std::path::{Path, PathBuf};

/// What an import asks for (language reference 12.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted<'a> {
    /// `import name`: a module or a library.
    Module(&'a str),
    /// `import "name"`, `import "dir/name.cxz"`: a library, `.cxz` removed or not.
    Library(&'a str),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    Module(PathBuf),
    /// An archive, or an unpacked directory.
    Library(PathBuf),
}

/// The directories of a compilation, besides those of the importing file.
#[derive(Clone, Default, Debug)]
pub struct SearchPaths {
    /// `-L`, in order.
    pub options: Vec<PathBuf>,
    /// Of `COEX_LIB_PATH`.
    pub environment: Vec<PathBuf>,
    pub home: Option<PathBuf>,
    /// `lib/coex` beside the compiler's `bin`.
    pub compiler: Option<PathBuf>,
}

/// Nothing was found: the lines of `Searched in:`, and the paths whose appearance would change the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotFound {
    pub searched: Vec<String>,
    pub tried: Vec<PathBuf>,
}

/// A hit, with the paths that were tried before it and were absent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    pub found: Found,
    pub absent: Vec<PathBuf>,
}

/// The name that an import binds and messages use: the stem of its path.
pub fn stem(text: &str) -> &str {
    let last = text.rsplit('/').next().unwrap_or(text);
    last.strip_suffix(".cxz").unwrap_or(last)
}

/// Which directories count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    All,
    /// Those that a project names, without what is installed for all programs.
    Project,
}

pub fn find(wanted: Wanted, importing_file: &Path, paths: &SearchPaths, scope: Scope) -> Result<Hit, NotFound> {
    let (text, is_module) = match wanted {
        Wanted::Module(name) => (name, true),
        Wanted::Library(text) => (text, false),
    };
    let inner = text.strip_suffix(".cxz").unwrap_or(text);
    let name = stem(text);
    let beside = importing_file.parent().unwrap_or(Path::new(""));
    // A path is looked up from the importing file and from the current directory only.
    let directories = match inner.rsplit_once('/') {
        Some((parent, _)) => unique(vec![beside.join(format!("{parent}/")), PathBuf::from(format!("{parent}/"))]),
        None => directories(beside, paths, scope),
    };
    let (mut searched, mut absent) = (Vec::new(), Vec::new());
    for directory in directories {
        if is_module {
            searched.push(shown(&directory.join(format!("{name}.coex")), paths));
        }
        searched.push(shown(&directory.join(format!("{name}.cxz")), paths));
        if let Some(found) = look_in(&directory, name, is_module, &mut absent) {
            return Ok(Hit { found, absent });
        }
    }
    Err(NotFound { searched, tried: absent })
}

fn look_in(directory: &Path, name: &str, is_module: bool, absent: &mut Vec<PathBuf>) -> Option<Found> {
    let mut try_file = |path: PathBuf| {
        if path.is_file() {
            return Some(path);
        }
        absent.push(path);
        None
    };
    if is_module && let Some(path) = try_file(directory.join(format!("{name}.coex"))) {
        return Some(Found::Module(path));
    }
    let inside = directory.join(name);
    let archive =
        try_file(directory.join(format!("{name}.cxz"))).or_else(|| try_file(inside.join(format!("{name}.cxz"))));
    if let Some(path) = archive {
        return Some(Found::Library(path));
    }
    try_file(inside.join("manifest.toml")).map(|_| Found::Library(inside))
}

/// In search order, each once.
fn directories(beside: &Path, paths: &SearchPaths, scope: Scope) -> Vec<PathBuf> {
    unique([vec![beside.to_owned(), beside.join("lib")], paths.of_scope(scope)].concat())
}

impl SearchPaths {
    /// Those that do not depend on the importing file, in search order.
    pub fn directories(&self) -> Vec<PathBuf> {
        unique(self.of_scope(Scope::All))
    }

    fn of_scope(&self, scope: Scope) -> Vec<PathBuf> {
        let mut list = vec![PathBuf::from("lib")];
        list.extend(self.options.iter().cloned());
        list.extend(self.environment.iter().cloned());
        if scope == Scope::All {
            list.extend(self.home.iter().map(|home| home.join(".coex/lib")));
            list.push(PathBuf::from("/usr/local/lib/coex"));
            list.extend(self.compiler.iter().cloned());
        }
        list
    }
}

fn unique(list: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in list {
        // `components` drops `.` and doubled slashes, so `lib` and `./lib` are one directory.
        let path: PathBuf = path.components().filter(|part| *part != std::path::Component::CurDir).collect();
        if !kept.contains(&path) {
            kept.push(path);
        }
    }
    kept
}

/// As the founding note prints paths: the home directory as `~`, relative ones with `./`.
fn shown(path: &Path, paths: &SearchPaths) -> String {
    if let Some(below) = paths.home.as_ref().and_then(|home| path.strip_prefix(home).ok()) {
        return format!("~/{}", below.display());
    }
    if path.is_absolute() || path.starts_with("..") {
        return path.display().to_string();
    }
    format!("./{}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> SearchPaths {
        SearchPaths { home: Some(PathBuf::from("/home/x")), ..SearchPaths::default() }
    }

    #[test]
    fn lists_the_directories_as_the_note_does() {
        let error = find(Wanted::Library("no_such"), Path::new("main.coex"), &paths(), Scope::All).expect_err("absent");
        assert_eq!(
            error.searched,
            ["./no_such.cxz", "./lib/no_such.cxz", "~/.coex/lib/no_such.cxz", "/usr/local/lib/coex/no_such.cxz"]
        );
    }

    #[test]
    fn a_path_is_looked_up_in_two_places() {
        let error = find(Wanted::Library("net/none.cxz"), Path::new("app/main.coex"), &paths(), Scope::All)
            .expect_err("absent");
        assert_eq!(error.searched, ["./app/net/none.cxz", "./net/none.cxz"]);
    }
}
