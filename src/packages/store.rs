//! Installed archives: below `~/.coex/lib`, named by package, version and content.
//!
//! In: archives. Out: libraries whose content is the promised one, checked at every use. Files appear by rename, never
//! half written; one process at a time changes anything. Deliberately not here: which version is wanted (`lock`).
//!
//! ```text
//! ~/.coex/lib/regex/regex-1.0.0-0123456789abcdef.cxz      the first 16 digits of the tree hash
//! ~/.coex/lib/.guard                                      locked by whoever changes something
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::PackageError;
use super::identity::PackageId;
use crate::cxz::archive::{self, limits};
use crate::cxz::library::{self, Library};
use crate::diagnostics::{Diagnostics, io_reason};
use crate::files::{self, Durability};
use crate::source::SourceMap;

const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    pub fn below(home: &Path) -> Store {
        Store { root: home.join(".coex/lib") }
    }

    pub fn path(&self, id: &PackageId, tree: &blake3::Hash) -> PathBuf {
        let hash = tree.to_hex();
        self.root.join(&id.name).join(format!("{}-{}-{}.cxz", id.name, id.version, &hash[..16]))
    }

    /// The installed archive, when it is there and is what it should be.
    pub fn get(&self, id: &PackageId, tree: &blake3::Hash) -> Result<Option<(Vec<u8>, Library)>, PackageError> {
        let path = self.path(id, tree);
        let refuse = |reason| PackageError::mismatch(id.to_string(), format!("'{}': {reason}", path.display()));
        let Some(bytes) = read_bounded(&path, limits::ARCHIVE_BYTES).map_err(refuse)? else { return Ok(None) };
        let library = judge(&bytes, &path)?;
        check(&library, id, tree)?;
        Ok(Some((bytes, library)))
    }

    /// Keeps an archive that `check` has accepted.
    pub fn put(&self, id: &PackageId, tree: &blake3::Hash, bytes: &[u8]) -> Result<(), PackageError> {
        let path = self.path(id, tree);
        create_directory(&self.root.join(&id.name))?;
        write_atomically(&path, bytes)
    }

    /// Waits until nobody else changes anything; the guard ends with the value.
    pub fn guard(&self, patience: Duration) -> Result<File, PackageError> {
        create_directory(&self.root)?;
        let path = self.root.join(".guard");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| PackageError::unwritable(&path, &error))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(PackageError::unwritable(&path, &error)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= patience => {
                    return Err(PackageError::Busy { path, seconds: patience.as_secs() });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        }
    }
}

/// The library of an archive's bytes. Its manifest is checked; nothing is written.
pub fn judge(bytes: &[u8], origin: &Path) -> Result<Library, PackageError> {
    let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    let display = origin.file_name().unwrap_or(origin.as_os_str()).to_string_lossy().into_owned();
    let library = match archive::read(bytes) {
        Ok(files) => library::from_files(files, origin, &display, &mut sources, &mut diagnostics),
        Err(error) => {
            diagnostics.push(library::archive_diagnostic(&error, &display, None));
            None
        }
    };
    let refuse = || PackageError::Library { sources: Box::new(sources), diagnostics: diagnostics.into_sorted() };
    library.ok_or_else(refuse)
}

/// The library must be the package that was asked for, with the content that was promised.
pub fn check(library: &Library, id: &PackageId, tree: &blake3::Hash) -> Result<(), PackageError> {
    if library.name != id.name || library.manifest.version.value != id.version {
        let reason = format!("the archive holds {} {}", library.name, library.version);
        return Err(PackageError::mismatch(id.to_string(), reason));
    }
    let found = library.tree_hash();
    if found != *tree {
        let reason = format!("its tree is {}, promised is {}", found.to_hex(), tree.to_hex());
        return Err(PackageError::mismatch(id.to_string(), reason));
    }
    Ok(())
}

/// The bytes of a file, `None` when it is not there. `Err` holds the reason.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(io_reason(&error)),
    };
    // A device or a pipe could go on for ever, and so could opening it.
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    // Room for what it says that it has: a list of all packages would move many times while it grows.
    let mut bytes = Vec::with_capacity(metadata.len().min(limit) as usize + 1);
    let file = File::open(path).map_err(|error| io_reason(&error))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_reason(&error))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {limit} bytes"));
    }
    Ok(Some(bytes))
}

pub(super) fn create_directory(path: &Path) -> Result<(), PackageError> {
    fs::create_dir_all(path).map_err(|error| PackageError::unwritable(path, &error))
}

/// The old file or the new one, whatever happens in between.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    files::write_whole(path, bytes, Durability::Synced).map_err(|error| PackageError::unwritable(path, &error))
}
