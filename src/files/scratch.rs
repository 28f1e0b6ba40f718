//! Directories for work that is not finished yet.
//!
//! In: the path that the work is for. Out: a [`Scratch`] beside it. Deliberately not here: what is written into it.
//!
//! The number of a process does not make a name its own: containers that share a directory count from 1 each, and a killed
//! process leaves its directory behind for the next one of its number. So a name that is taken is not used.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::temporary_beside;

/// Nobody else's business until it is whole.
const PRIVATE: u32 = 0o700;

/// A directory that is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new one in the directory of `path`, so that what is made in it gets there by rename.
    pub fn beside(path: &Path) -> io::Result<Scratch> {
        loop {
            let path = temporary_beside(path);
            match DirBuilder::new().mode(PRIVATE).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return created.map(|()| Scratch { path }),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
