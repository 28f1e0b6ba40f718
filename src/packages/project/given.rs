//! Archives that a user has named instead of a package.
//!
//! In: the place of an archive. Out: the archive, judged, as a release of its own. Deliberately not here: archives of
//! registries (`registry`).

use std::path::PathBuf;

use crate::cxz::archive::limits;
use crate::diagnostics::io_reason;
use crate::packages::error::PackageError;
use crate::packages::index::Release;
use crate::packages::location::{Location, file_url};
use crate::packages::lock::Locked;
use crate::packages::maintain;
use crate::packages::remote::Network;
use crate::packages::store::{self, read_bounded};

/// Such an archive.
pub(super) struct Given {
    pub(super) release: Release,
    pub(super) url: String,
    pub(super) bytes: Vec<u8>,
}

/// `place` is a path or a URL.
pub(super) fn read(place: &str, network: &Network) -> Result<Given, PackageError> {
    let (url, bytes, origin) = match Location::parse("Archive", place)? {
        Location::Path(path) => {
            let path = path.canonicalize().map_err(|error| unreadable(place, &io_reason(&error)))?;
            let read = read_bounded(&path, limits::ARCHIVE_BYTES);
            let bytes = read.map_err(|reason| unreadable(place, &reason))?.unwrap_or_default();
            (file_url(&path), bytes, path)
        }
        Location::Web(url) => {
            let bytes = network.archive(&url, limits::ARCHIVE_BYTES)?;
            let origin = PathBuf::from(url.text().split('?').next().unwrap_or_default());
            (url.text(), bytes, origin)
        }
    };
    let library = store::judge(&bytes, &origin)?;
    let release = maintain::release(&library, bytes.len() as u64)?;
    Ok(Given { release, url, bytes })
}

fn unreadable(place: &str, reason: &str) -> PackageError {
    PackageError::Request {
        reason: format!("Archive '{place}' cannot be read: {reason}"),
        help: "give the file that `coex pkg pack` has written".to_owned(),
    }
}

/// The archive that was installed once, as it must still be.
pub(super) fn again(locked: &Locked, url: &str, network: &Network) -> Result<Vec<u8>, PackageError> {
    let archive = read(url, network)?;
    if archive.release.id != locked.id || archive.release.tree != locked.tree {
        let reason = format!("'{url}' has changed since it was locked");
        return Err(PackageError::mismatch(locked.id.to_string(), reason));
    }
    Ok(archive.bytes)
}
