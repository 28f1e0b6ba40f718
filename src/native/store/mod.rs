//! The cache: a content-addressed store of what was expensive to make.
//!
//! In: a [`Key`] that names every input of something, and the bytes that were made from them. Out: the same bytes,
//! verified, or the news that they are absent or damaged. Used for libraries' objects and for linked programs.
//! Deliberately not here: what a key consists of (`key`), and what the meta text of an entry means (its writer knows).
//!
//! ```text
//! DIR/                      $COEX_CACHE_DIR, else $XDG_CACHE_HOME/coex, else ~/.coex/cache; mode 0700
//!   CACHEDIR.TAG
//!   native-v1/              the schema is part of the path: another version never reads these files
//!     ab/abcdef….entry      names the blobs of one key and holds its meta text
//!     ab/ab01234….blob      bytes under their own BLAKE3
//!     ab/abcdef….lock       held with flock while somebody makes this key; a dead holder blocks nobody
//!     work/                 directories of running builds
//!     quarantine/           damaged files, for a look at them; `clear` and `gc` remove them
//!
//! entry := "coex-entry 1\n" blob* "meta " LENGTH "\n" BYTES "\n" "check " BLAKE3-of-all-before "\n"
//! blob  := "blob " NAME " " SIZE " " BLAKE3 "\n"
//! ```
//!
//! Every file appears by rename from a temporary name beside it. Readers take no lock. A file that cannot be *read* is
//! an error, never damage: only wrong bytes are quarantined.

mod care;
mod entry;

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use self::entry::{decode, encode};
use super::error::NativeError;
use crate::files::{self, Durability};

pub use self::care::{DEFAULT_LIMIT_BYTES, DEFAULT_MAX_AGE, Stats};

const VERSION_DIRECTORY: &str = "native-v1";
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by coexc; safe to delete.\n";

/// Younger files may belong to a build that is still running.
const SETTLED: Duration = Duration::from_secs(3600);

/// The name of an entry: a BLAKE3 hash over all inputs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// For small keys; anything with several inputs should hash them as (tag, length, bytes).
    pub fn of(fields: &[&[u8]]) -> Key {
        let mut hasher = blake3::Hasher::new();
        for field in fields {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        Key(*hasher.finalize().as_bytes())
    }

    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

/// The cache directory cannot be used. Wrong bytes in it are never an error.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheError {
    pub directory: PathBuf,
    pub reason: String,
}

impl From<CacheError> for NativeError {
    fn from(error: CacheError) -> NativeError {
        NativeError::Cache { directory: error.directory.display().to_string(), reason: error.reason }
    }
}

/// What is kept under one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub meta: String,
    pub blobs: Vec<Blob>,
}

impl Entry {
    pub fn blob(&self, name: &str) -> Option<&Blob> {
        self.blobs.iter().find(|blob| blob.name == name)
    }
}

/// Verified bytes of an entry; the file must not be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Blob {
    pub name: String,
    pub path: PathBuf,
    pub size: u64,
    pub hash: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    Hit(Entry),
    Absent,
    /// Wrong bytes; they are in quarantine now. The text is one line for the user.
    Damaged(String),
}

/// An open cache directory.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    root: PathBuf,
}

/// Where the cache is, from the environment. `None` when no home directory is known.
pub fn cache_directory(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("COEX_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|path| path.join("coex")))
        .or_else(|| set("HOME").map(|path| path.join(".coex/cache")))
}

impl Store {
    /// The store of this process's environment.
    pub fn open_default() -> Result<Store, CacheError> {
        match cache_directory(|name| std::env::var_os(name)) {
            Some(directory) => Store::open(&directory),
            None => Err(CacheError { directory: PathBuf::from("~/.coex/cache"), reason: "HOME is not set".to_owned() }),
        }
    }

    /// Creates the directory if needed, mode 0700; refuses one of another owner.
    pub fn open(directory: &Path) -> Result<Store, CacheError> {
        let store = Store { directory: directory.to_owned(), root: directory.join(VERSION_DIRECTORY) };
        store.prepare().map_err(|error| store.fault(&error))?;
        for path in [&store.directory, &store.root] {
            let owner = fs::metadata(path).map_err(|error| store.fault(&error))?.uid();
            if owner != effective_user() {
                return Err(CacheError {
                    directory: directory.to_owned(),
                    reason: "it belongs to another user".to_owned(),
                });
            }
        }
        Ok(store)
    }

    fn prepare(&self) -> io::Result<()> {
        match fs::metadata(&self.root) {
            Ok(metadata) if !metadata.is_dir() => return Err(io::Error::from(ErrorKind::NotADirectory)),
            Ok(metadata) if metadata.mode() & 0o077 == 0 => return Ok(()),
            Ok(_) => return fs::set_permissions(&self.root, fs::Permissions::from_mode(0o700)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
        let tag = self.directory.join("CACHEDIR.TAG");
        if tag.exists() { Ok(()) } else { write_whole(&tag, TAG.as_bytes()) }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn fault(&self, error: &io::Error) -> CacheError {
        CacheError { directory: self.directory.clone(), reason: reason(error) }
    }

    fn shard(&self, hex: &str, extension: &str) -> PathBuf {
        self.root.join(&hex[..2]).join(format!("{hex}.{extension}"))
    }

    /// The verified entry of a key. Touches it, so that it counts as used.
    pub fn lookup(&self, key: &Key) -> Result<Lookup, CacheError> {
        let path = self.shard(&key.hex(), "entry");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lookup::Absent),
            Err(error) => return Err(self.fault(&error)),
        };
        let Some(entry) = decode(self, &bytes) else {
            self.quarantine(&path);
            return Ok(Lookup::Damaged(format!("damaged cache entry {} was set aside", short(&key.hex()))));
        };
        for blob in &entry.blobs {
            match self.check_blob(blob).map_err(|error| self.fault(&error))? {
                BlobState::Good => {}
                // Evicted by hand: nothing is damaged, but the entry is of no use.
                BlobState::Absent => {
                    let _ = fs::remove_file(&path);
                    return Ok(Lookup::Absent);
                }
                BlobState::Wrong => {
                    self.quarantine(&blob.path);
                    self.quarantine(&path);
                    return Ok(Lookup::Damaged(format!(
                        "damaged cache entry {} ({}) was set aside",
                        short(&key.hex()),
                        blob.name
                    )));
                }
            }
        }
        touch(&path);
        Ok(Lookup::Hit(entry))
    }

    /// Makes an entry visible, whole or not at all.
    pub fn publish(&self, key: &Key, meta: &str, blobs: &[(&str, &[u8])]) -> Result<Entry, CacheError> {
        self.publish_files(key, meta, blobs).map_err(|error| self.fault(&error))
    }

    fn publish_files(&self, key: &Key, meta: &str, blobs: &[(&str, &[u8])]) -> io::Result<Entry> {
        let mut entry = Entry { meta: meta.to_owned(), blobs: Vec::new() };
        for (name, bytes) in blobs {
            let hash = blake3::hash(bytes).to_hex().to_string();
            let blob =
                Blob { name: (*name).to_owned(), path: self.shard(&hash, "blob"), size: bytes.len() as u64, hash };
            if !matches!(self.check_blob(&blob), Ok(BlobState::Good)) {
                self.write_shard(&blob.path, bytes)?;
            }
            entry.blobs.push(blob);
        }
        self.write_shard(&self.shard(&key.hex(), "entry"), encode(&entry).as_bytes())?;
        Ok(entry)
    }

    fn write_shard(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        write_whole(path, bytes)
    }

    /// Waits until nobody else makes this key. Look the key up again afterwards.
    pub fn lock(&self, key: &Key) -> Result<KeyLock, CacheError> {
        let path = self.shard(&key.hex(), "lock");
        loop {
            match self.try_lock_file(&path) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) => {}
                Err(error) => return Err(self.fault(&error)),
            }
        }
    }

    /// `None` when the file was replaced while we waited: the lock that we got guards nothing.
    fn try_lock_file(&self, path: &Path) -> io::Result<Option<KeyLock>> {
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        match fs::metadata(path) {
            Ok(metadata) if metadata.ino() == file.metadata()?.ino() => {
                Ok(Some(KeyLock { _file: file, path: path.to_owned() }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A directory for the files of one build, removed when dropped.
    pub fn scratch(&self) -> Result<Scratch, CacheError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join("work").join(format!("{}-{number}", std::process::id()));
        // What a killed process with our number left behind.
        let _ = fs::remove_dir_all(&path);
        match fs::DirBuilder::new().recursive(true).mode(0o700).create(&path) {
            Ok(()) => Ok(Scratch { path }),
            Err(error) => Err(self.fault(&error)),
        }
    }

    fn check_blob(&self, blob: &Blob) -> io::Result<BlobState> {
        match fs::metadata(&blob.path) {
            Ok(metadata) if metadata.len() != blob.size => return Ok(BlobState::Wrong),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BlobState::Absent),
            Err(error) => return Err(error),
        }
        let bytes = fs::read(&blob.path)?;
        let good = blake3::hash(&bytes).to_hex().as_str() == blob.hash;
        Ok(if good { BlobState::Good } else { BlobState::Wrong })
    }

    fn quarantine(&self, path: &Path) {
        let directory = self.root.join("quarantine");
        let _ = fs::create_dir_all(&directory);
        let moved = path.file_name().is_some_and(|name| fs::rename(path, directory.join(name)).is_ok());
        if !moved {
            let _ = fs::remove_file(path);
        }
    }
}

enum BlobState {
    Good,
    Absent,
    Wrong,
}

/// Held while one key is made; released when dropped or when the process ends in any way.
#[derive(Debug)]
pub struct KeyLock {
    _file: File,
    path: PathBuf,
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // Still locked here: whoever opened the file before sees that it is gone and starts over.
        let _ = fs::remove_file(&self.path);
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

/// An entry can be made again, so nothing waits for the disk.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    files::write_whole(path, bytes, Durability::Fast)
}

/// Least recently used is told by the modification time of the entry; once an hour is precise enough.
fn touch(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    let old = file
        .metadata()
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|modified| modified.elapsed().unwrap_or_default() > SETTLED);
    if old {
        let _ = file.set_modified(SystemTime::now());
    }
}

fn short(hex: &str) -> &str {
    &hex[..16]
}

/// The operating system's text without Rust's `(os error N)`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

unsafe extern "C" {
    safe fn geteuid() -> u32;
}

fn effective_user() -> u32 {
    geteuid()
}

#[cfg(test)]
mod tests;
