//! Which linker there is.
//!
//! In: the search path. Out: the first of `mold`, `ld.lld-22`, `ld.lld`, `ld`. Deliberately not here: its arguments.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::LinkError;

/// Fastest first.
const NAMES: [&str; 4] = ["mold", "ld.lld-22", "ld.lld", "ld"];

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Linker {
    pub path: PathBuf,
    pub name: &'static str,
    /// Where a better one would be taken instead.
    pub passed_over: Vec<PathBuf>,
}

/// `search_path` as in `PATH`.
pub fn find_linker(search_path: Option<&OsStr>) -> Result<Linker, LinkError> {
    let directories: Vec<PathBuf> = search_path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let mut passed_over = Vec::new();
    for name in NAMES {
        for path in directories.iter().map(|directory| directory.join(name)) {
            if is_program(&path) {
                return Ok(Linker { path, name, passed_over });
            }
            passed_over.push(path);
        }
    }
    Err(LinkError::NoLinker { searched: NAMES.to_vec() })
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_path_has_no_linker() {
        assert!(matches!(find_linker(None), Err(LinkError::NoLinker { .. })));
        assert!(matches!(find_linker(Some(OsStr::new("/nonexistent"))), Err(LinkError::NoLinker { .. })));
    }
}
