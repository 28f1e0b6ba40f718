//! Care of the whole store: `coexc cache stats|verify|clear`.
//!
//! In: an open [`Store`]. Out: counts, names of damaged files. Deliberately not here: single entries, and what goes when
//! (`gc`).

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use super::entry::decode;
use super::{CacheError, Store};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    pub entries: u64,
    pub blobs: u64,
    pub bytes: u64,
    pub quarantined: u64,
}

impl Store {
    pub fn stats(&self) -> Result<Stats, CacheError> {
        let mut stats = Stats::default();
        for file in self.files()? {
            stats.bytes += file.size;
            match file.kind {
                FileKind::Entry => stats.entries += 1,
                FileKind::Blob => stats.blobs += 1,
                FileKind::Other => {}
            }
        }
        for file in self.files_of("quarantine") {
            stats.bytes += file.size;
            stats.quarantined += 1;
        }
        Ok(stats)
    }

    /// Reads everything; what is damaged goes to quarantine and is named, one line each.
    pub fn verify(&self) -> Result<Vec<String>, CacheError> {
        let mut damaged = Vec::new();
        for file in self.files()? {
            if file.kind == FileKind::Other {
                continue;
            }
            let bytes = match fs::read(&file.path) {
                Ok(bytes) => bytes,
                // Somebody else removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(self.fault(&error)),
            };
            let good = match file.kind {
                FileKind::Entry => decode(self, &bytes).is_some(),
                _ => file.path.file_stem().is_some_and(|stem| stem == blake3::hash(&bytes).to_hex().as_str()),
            };
            if !good {
                self.quarantine(&file.path);
                damaged.push(format!("damaged: {}", file.path.display()));
            }
        }
        damaged.sort();
        Ok(damaged)
    }

    pub fn clear(&self) -> Result<(), CacheError> {
        for item in fs::read_dir(&self.root).map_err(|error| self.fault(&error))?.flatten() {
            let path = item.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(self.fault(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Every file of the shards.
    pub(super) fn files(&self) -> Result<Vec<StoredFile>, CacheError> {
        let mut files = Vec::new();
        for shard in fs::read_dir(&self.root).map_err(|error| self.fault(&error))?.flatten() {
            if let Some(name) = shard.file_name().to_str().filter(|name| name.len() == 2) {
                files.extend(self.files_of(name));
            }
        }
        Ok(files)
    }

    pub(super) fn files_of(&self, directory: &str) -> Vec<StoredFile> {
        let mut files = Vec::new();
        for item in fs::read_dir(self.root.join(directory)).into_iter().flatten().flatten() {
            let path = item.path();
            // A file that is gone by now was removed by somebody else; that is no fault.
            let Ok(metadata) = item.metadata() else { continue };
            let kind = match path.extension().and_then(|extension| extension.to_str()) {
                Some("entry") => FileKind::Entry,
                Some("blob") => FileKind::Blob,
                _ => FileKind::Other,
            };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.push(StoredFile { path, kind, size: metadata.len(), modified });
        }
        files
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileKind {
    Entry,
    Blob,
    Other,
}

pub(super) struct StoredFile {
    pub(super) path: PathBuf,
    pub(super) kind: FileKind,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}
