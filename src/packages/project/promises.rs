//! What holds a registry to what was locked from it.
//!
//! In: a locked package and what the registry says of it now. Out: the release, or what has changed that must not.
//! Deliberately not here: whether an archive is what the registry says (`registry`).

use crate::packages::error::{PackageError, printable};
use crate::packages::index::Release;
use crate::packages::lock::Locked;
use crate::packages::signature::{PINNED, same_key};

/// The locked release as the index has it now: an index only grows, so it must be there, unchanged.
pub(super) fn promised<'r>(releases: &'r [Release], locked: &Locked, url: &str) -> Result<&'r Release, PackageError> {
    let refuse = |reason: String| PackageError::mismatch(locked.id.to_string(), reason);
    let found = releases.iter().find(|release| release.id == locked.id);
    let release = found.ok_or_else(|| refuse(format!("'{url}' lists it no more: its index is old or was changed")))?;
    if release.tree != locked.tree {
        let (now, was) = (release.tree.to_hex(), locked.tree.to_hex());
        return Err(refuse(format!("'{url}' promises the tree {now} now, locked is {was}")));
    }
    same_signer(Some(locked), release)?;
    Ok(release)
}

/// Whoever has signed a package once signs it from then on.
pub(super) fn same_signer(pinned: Option<&Locked>, release: &Release) -> Result<(), PackageError> {
    let known = pinned.and_then(|locked| locked.signer.as_ref());
    same_key(format!("package '{}'", release.id), (PINNED, known), release.signer.as_ref())
}

pub(super) fn taken_back(release: &Release) -> Option<String> {
    let reason = release.yanked.as_ref()?;
    Some(format!("{} was taken back: {}; it stays because it is locked", release.id, printable(reason)))
}
