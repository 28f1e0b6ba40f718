//! Copies of what is locked: vendored and installed ones.
//!
//! In: the lock file of a project. Out: archives in `lib` beside it, or a verdict on every copy. Deliberately not here:
//! what is locked (`change`).

use std::path::{Path, PathBuf};

use super::Project;
use crate::cxz::archive::limits;
use crate::packages::error::PackageError;
use crate::packages::identity::PackageId;
use crate::packages::store::{self, read_bounded};

/// A copy of what is locked, and whether it is that.
#[derive(Debug)]
pub struct Verdict {
    pub path: PathBuf,
    /// The package and its tree.
    pub found: Result<(PackageId, blake3::Hash), PackageError>,
}

impl Project {
    /// Copies everything that is locked into `lib` beside the lock file. Returns what was written.
    pub fn vendor(&self) -> Result<Vec<PathBuf>, PackageError> {
        let _guard = self.store.guard(self.options.patience)?;
        let mut written = Vec::new();
        for locked in self.existing_lock()?.packages.values() {
            let (bytes, _) =
                self.store.get(&locked.id, &locked.tree)?.ok_or_else(|| locked.not_installed(&self.lock_path))?;
            let path = locked.vendored(&self.lock_path);
            if read_bounded(&path, limits::ARCHIVE_BYTES).is_ok_and(|old| old.as_ref() == Some(&bytes)) {
                continue;
            }
            store::create_directory(path.parent().unwrap_or(Path::new("")))?;
            store::write_atomically(&path, &bytes)?;
            written.push(path);
        }
        Ok(written)
    }

    /// Every copy of what is locked, installed or vendored, and whether it is what it should be.
    pub fn verify(&self) -> Result<Vec<Verdict>, PackageError> {
        let mut verdicts = Vec::new();
        for locked in self.existing_lock()?.packages.values() {
            let installed = self.store.path(&locked.id, &locked.tree);
            let copies: Vec<PathBuf> =
                [installed, locked.vendored(&self.lock_path)].into_iter().filter(|path| path.exists()).collect();
            if copies.is_empty() {
                verdicts.push(Verdict {
                    path: locked.vendored(&self.lock_path),
                    found: Err(locked.not_installed(&self.lock_path)),
                });
            }
            for path in copies {
                let refuse = |reason| PackageError::mismatch(locked.id.to_string(), reason);
                let verdict = read_bounded(&path, limits::ARCHIVE_BYTES)
                    .map_err(refuse)
                    .and_then(|bytes| store::judge(&bytes.unwrap_or_default(), &path))
                    .and_then(|library| store::check(&library, &locked.id, &locked.tree));
                verdicts.push(Verdict { path, found: verdict.map(|()| (locked.id.clone(), locked.tree)) });
            }
        }
        Ok(verdicts)
    }
}
