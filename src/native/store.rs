//! The content-addressed store.

use std::path::{Path, PathBuf};

use super::error::NativeError;

/// An open cache directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Creates the directory if needed, mode 0700; refuses one of another owner.
    pub fn open(directory: &Path) -> Result<Store, NativeError> {
        Ok(Store { root: directory.to_owned() })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }
}
