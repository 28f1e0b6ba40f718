//! Directories for single builds.
//!
//! In: an open [`Store`]. Out: a [`Scratch`]. Deliberately not here: what is written into it.
//!
//! The number of a process does not make a name its own: containers that share a cache count from 1 each, and a killed
//! process leaves its directory behind for the next one of its number. So a name that is taken is not used.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{CacheError, Store};
use crate::files::temporary_beside;

impl Store {
    /// A directory for the files of one build, removed when dropped.
    pub fn scratch(&self) -> Result<Scratch, CacheError> {
        let work = self.root.join("work");
        let parent = DirBuilder::new().recursive(true).mode(0o700).create(&work);
        parent.map_err(|error| self.fault(&error))?;
        loop {
            let path = temporary_beside(&work.join("build"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Scratch { path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.fault(&error)),
            }
        }
    }
}

/// See [`Store::scratch`].
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
