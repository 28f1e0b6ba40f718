//! Archives that a user has named instead of a package.
//!
//! In: the place of an archive. Out: the archive, judged, as a release of its own. Deliberately not here: archives of
//! registries (`registry`).

use std::path::Path;

use crate::cxz::archive::limits;
use crate::packages::error::{PackageError, io_reason};
use crate::packages::index::Release;
use crate::packages::lock::Locked;
use crate::packages::maintain;
use crate::packages::registry::{directory, file_url};
use crate::packages::store::{self, read_bounded};

/// Such an archive.
pub(super) struct Given {
    pub(super) release: Release,
    pub(super) url: String,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn read(path: &Path) -> Result<Given, PackageError> {
    let refuse = |reason: String| PackageError::Request {
        reason: format!("Archive '{}' cannot be read: {reason}", path.display()),
        help: "give the file that `coex pkg pack` has written".to_owned(),
    };
    let path = path.canonicalize().map_err(|error| refuse(io_reason(&error)))?;
    let bytes = read_bounded(&path, limits::ARCHIVE_BYTES).map_err(refuse)?.unwrap_or_default();
    let library = store::judge(&bytes, &path)?;
    let release = maintain::release(&library, bytes.len() as u64)?;
    Ok(Given { release, url: file_url(&path), bytes })
}

/// The archive that was installed once, as it must still be.
pub(super) fn again(locked: &Locked, url: &str) -> Result<Vec<u8>, PackageError> {
    let archive = read(&directory(url)?)?;
    if archive.release.id != locked.id || archive.release.tree != locked.tree {
        let reason = format!("'{url}' has changed since it was locked");
        return Err(PackageError::mismatch(locked.id.to_string(), reason));
    }
    Ok(archive.bytes)
}
