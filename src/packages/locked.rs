//! The lock file as the compiler sees it: which library an import must mean.
//!
//! In: the directory of a program. Out: for a name, the places of its locked archive, and a verdict on what was found.
//! Deliberately not here: changing anything, and how imports are searched (`cxz::search`).
//!
//! A vendored archive lies in `lib` beside the lock file; an installed one in the store.

use std::path::{Path, PathBuf};

use super::error::PackageError;
use super::lock::{self, Lock, Locked};
use super::store::{self, Store};
use crate::cxz::Library;

/// The lock file that governs a program.
#[derive(Debug)]
pub struct LockedPackages {
    pub path: PathBuf,
    lock: Lock,
    store: Option<Store>,
}

impl LockedPackages {
    pub fn read(path: &Path, home: Option<&Path>) -> Result<LockedPackages, PackageError> {
        let lock = lock::read(path)?.unwrap_or_default();
        Ok(LockedPackages { path: path.to_owned(), lock, store: home.map(Store::below) })
    }

    pub fn get(&self, name: &str) -> Option<&Locked> {
        self.lock.packages.get(name)
    }

    /// Where the archive may lie, best first.
    pub fn places(&self, locked: &Locked) -> Vec<PathBuf> {
        let mut places = vec![locked.vendored(&self.path)];
        places.extend(self.store.as_ref().map(|store| store.path(&locked.id, &locked.tree)));
        places
    }
}

/// A library that an import has found must be the locked one.
pub fn check(library: &Library, locked: &Locked) -> Result<(), PackageError> {
    store::check(library, &locked.id, &locked.tree)
}
