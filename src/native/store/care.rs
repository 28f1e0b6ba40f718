//! Care of the whole store: `coexc cache stats|verify|gc|clear`.
//!
//! In: an open [`Store`]. Out: counts, names of damaged files, bytes that were freed. Deliberately not here: single
//! entries.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::entry::decode;
use super::{Blob, CacheError, Entry, SETTLED, Store, write_whole};

/// How much is kept by default, and how long something unused stays.
pub const DEFAULT_LIMIT_BYTES: u64 = 2 << 30;
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

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
                FileKind::Quarantined => stats.quarantined += 1,
                FileKind::Other => {}
            }
        }
        Ok(stats)
    }

    /// Reads everything; what is damaged goes to quarantine and is named, one line each.
    pub fn verify(&self) -> Result<Vec<String>, CacheError> {
        let mut damaged = Vec::new();
        for file in self.files()? {
            if file.kind != FileKind::Entry && file.kind != FileKind::Blob {
                continue;
            }
            let bytes = fs::read(&file.path).map_err(|error| self.fault(&error))?;
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

    /// Drops entries that were not used for `max_age`, then the least recently used ones until at most `limit_bytes`
    /// remain, then blobs that no entry names. Yields the bytes that were freed.
    pub fn gc(&self, limit_bytes: u64, max_age: Duration) -> Result<u64, CacheError> {
        let now = SystemTime::now();
        let age = |file: &StoredFile| now.duration_since(file.modified).unwrap_or_default();
        let files = self.files()?;
        let mut entries: Vec<(&StoredFile, Entry)> = files
            .iter()
            .filter(|file| file.kind == FileKind::Entry)
            .filter_map(|file| Some((file, decode(self, &fs::read(&file.path).ok()?)?)))
            .collect();
        entries.sort_by_key(|(file, _)| Reverse(file.modified));
        let (mut kept, mut freed) = (BTreeSet::new(), 0);
        let mut total = 0;
        for (file, entry) in &entries {
            let fresh = |blob: &&Blob| !kept.contains(&blob.path);
            let size = file.size + entry.blobs.iter().filter(fresh).map(|blob| blob.size).sum::<u64>();
            if age(file) > max_age || total + size > limit_bytes {
                freed += remove(file);
                continue;
            }
            total += size;
            kept.extend(entry.blobs.iter().map(|blob| blob.path.clone()));
        }
        for file in &files {
            // A limit of nothing empties the store; otherwise leave what a running build may still name.
            let settled = limit_bytes == 0 || age(file) > SETTLED;
            let unused = match file.kind {
                FileKind::Entry => false,
                FileKind::Blob => settled && !kept.contains(&file.path),
                FileKind::Quarantined => settled,
                FileKind::Other => age(file) > SETTLED,
            };
            freed += if unused { remove(file) } else { 0 };
        }
        Ok(freed)
    }

    /// `gc` with the defaults, at most once a day.
    pub fn gc_if_due(&self) -> Result<(), CacheError> {
        let stamp = self.root.join("gc-stamp");
        let due = match fs::metadata(&stamp).and_then(|metadata| metadata.modified()) {
            Ok(modified) => modified.elapsed().unwrap_or_default() > Duration::from_secs(24 * 3600),
            Err(_) => true,
        };
        if due {
            write_whole(&stamp, b"").map_err(|error| self.fault(&error))?;
            self.gc(DEFAULT_LIMIT_BYTES, DEFAULT_MAX_AGE)?;
        }
        Ok(())
    }

    pub fn clear(&self) -> Result<(), CacheError> {
        for item in fs::read_dir(&self.root).map_err(|error| self.fault(&error))?.flatten() {
            let path = item.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| self.fault(&error))?;
        }
        Ok(())
    }

    /// Directories of builds that were killed.
    fn sweep_work(&self) {
        for item in fs::read_dir(self.root.join("work")).into_iter().flatten().flatten() {
            let modified = item.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|time| time.elapsed().unwrap_or_default() > SETTLED) {
                let _ = fs::remove_dir_all(item.path());
            }
        }
    }

    pub(super) fn files(&self) -> Result<Vec<StoredFile>, CacheError> {
        let mut files = Vec::new();
        self.sweep_work();
        for shard in fs::read_dir(&self.root).map_err(|error| self.fault(&error))?.flatten() {
            let quarantine = shard.file_name() == "quarantine";
            if shard.file_name() == "work" {
                continue;
            }
            let Ok(items) = fs::read_dir(shard.path()) else { continue };
            for item in items.flatten() {
                let path = item.path();
                // A file that is gone by now was removed by somebody else; that is no fault.
                let Ok(metadata) = item.metadata() else { continue };
                let kind = match path.extension().and_then(|extension| extension.to_str()) {
                    _ if quarantine => FileKind::Quarantined,
                    Some("entry") => FileKind::Entry,
                    Some("blob") => FileKind::Blob,
                    _ => FileKind::Other,
                };
                let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push(StoredFile { path, kind, size: metadata.len(), modified });
            }
        }
        Ok(files)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Entry,
    Blob,
    Quarantined,
    Other,
}

pub(super) struct StoredFile {
    pub(super) path: PathBuf,
    kind: FileKind,
    size: u64,
    modified: SystemTime,
}

fn remove(file: &StoredFile) -> u64 {
    if fs::remove_file(&file.path).is_ok() { file.size } else { 0 }
}
