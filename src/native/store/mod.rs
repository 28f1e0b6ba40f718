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
mod gc;
mod lock;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use self::entry::{decode, encode};
use super::error::NativeError;
use crate::diagnostics::io_reason;
use crate::files::{self, Durability, Scratch};

pub use self::care::Stats;
pub use self::gc::{Allowance, DEFAULT_LIMIT_BYTES, DEFAULT_MAX_AGE};
pub use self::lock::KeyLock;

const VERSION_DIRECTORY: &str = "native-v1";
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by coexc; safe to delete.\n";

/// What was used since then may belong to a build that is still running.
const SETTLED: Duration = Duration::from_secs(3600);

/// Well below `SETTLED`, so that what a running build uses never looks settled.
const TOUCH_EVERY: Duration = Duration::from_secs(600);

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

/// What became of reading a blob.
#[derive(Clone, Debug, PartialEq)]
pub enum BlobRead {
    Good(Vec<u8>),
    Absent,
    /// As in [`Lookup::Damaged`].
    Damaged(String),
}

/// An open cache directory.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    root: PathBuf,
    /// Told while somebody waits for another process.
    notify: fn(&str),
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
        let store = Store { directory: directory.to_owned(), root: directory.join(VERSION_DIRECTORY), notify: |_| () };
        // Before anything is made in it, and again: what was made is ours.
        store.refuse_others(directory)?;
        store.prepare().map_err(|error| store.fault(&error))?;
        store.refuse_others(&store.root)?;
        Ok(store)
    }

    fn refuse_others(&self, path: &Path) -> Result<(), CacheError> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.uid() != effective_user() => {
                Err(CacheError { directory: self.directory.clone(), reason: "it belongs to another user".to_owned() })
            }
            // What cannot be looked at cannot be prepared either, with the system's own reason.
            _ => Ok(()),
        }
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

    /// Lines for the user that cannot wait until the work is done.
    pub fn notifying(self, notify: fn(&str)) -> Store {
        Store { notify, ..self }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn fault(&self, error: &io::Error) -> CacheError {
        CacheError { directory: self.directory.clone(), reason: io_reason(error) }
    }

    /// A directory for the files of one build.
    pub fn scratch(&self) -> Result<Scratch, CacheError> {
        let work = self.root.join("work");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&work);
        made.and_then(|()| Scratch::beside(&work.join("build"))).map_err(|error| self.fault(&error))
    }

    fn shard(&self, hex: &str, extension: &str) -> PathBuf {
        self.root.join(&hex[..2]).join(format!("{hex}.{extension}"))
    }

    /// The verified entry of a key, its blobs verified too.
    pub fn lookup(&self, key: &Key) -> Result<Lookup, CacheError> {
        let entry = match self.lookup_entry(key)? {
            Lookup::Hit(entry) => entry,
            other => return Ok(other),
        };
        for blob in &entry.blobs {
            match self.read_blob(key, blob)? {
                BlobRead::Good(_) => {}
                BlobRead::Absent => return Ok(Lookup::Absent),
                BlobRead::Damaged(line) => return Ok(Lookup::Damaged(line)),
            }
        }
        Ok(Lookup::Hit(entry))
    }

    /// The verified entry alone, for those who may not need all of its blobs. Touches it, so that it counts as used.
    pub fn lookup_entry(&self, key: &Key) -> Result<Lookup, CacheError> {
        let path = self.shard(&key.hex(), "entry");
        let (bytes, modified) = match read_with_time(&path) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lookup::Absent),
            Err(error) => return Err(self.fault(&error)),
        };
        let Some(entry) = decode(self, &bytes) else {
            self.quarantine(&path);
            return Ok(Lookup::Damaged(format!("damaged cache entry {} was set aside", short(&key.hex()))));
        };
        touch(&path, modified);
        Ok(Lookup::Hit(entry))
    }

    /// Verified bytes. An entry whose bytes are damaged or gone is of no use any more and goes with them.
    pub fn read_blob(&self, key: &Key, blob: &Blob) -> Result<BlobRead, CacheError> {
        let entry = self.shard(&key.hex(), "entry");
        let (bytes, modified) = match read_with_time(&blob.path) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let _ = fs::remove_file(&entry);
                return Ok(BlobRead::Absent);
            }
            Err(error) => return Err(self.fault(&error)),
        };
        if is_blob(blob, &bytes) {
            touch(&blob.path, modified);
            return Ok(BlobRead::Good(bytes));
        }
        self.quarantine(&blob.path);
        self.quarantine(&entry);
        let line = format!("damaged cache entry {} ({}) was set aside", short(&key.hex()), blob.name);
        Ok(BlobRead::Damaged(line))
    }

    /// Sets an entry aside that turned out to be wrong although it is what was written.
    pub fn distrust(&self, key: &Key) {
        self.quarantine(&self.shard(&key.hex(), "entry"));
    }

    /// Makes an entry visible, whole or not at all.
    pub fn publish(&self, key: &Key, meta: &str, blobs: &[(&str, &[u8])]) -> Result<Entry, CacheError> {
        self.publish_files(key, meta, blobs).map_err(|error| self.fault(&error))
    }

    fn publish_files(&self, key: &Key, meta: &str, blobs: &[(&str, &[u8])]) -> io::Result<Entry> {
        let mut entry = Entry { meta: meta.to_owned(), blobs: Vec::new() };
        for (name, bytes) in blobs {
            entry.blobs.push(self.write_blob(name, bytes)?);
        }
        self.write_shard(&self.shard(&key.hex(), "entry"), encode(&entry).as_bytes())?;
        Ok(entry)
    }

    fn write_blob(&self, name: &str, bytes: &[u8]) -> io::Result<Blob> {
        let hash = blake3::hash(bytes).to_hex().to_string();
        let path = self.shard(&hash, "blob");
        let blob = Blob { name: name.to_owned(), path, size: bytes.len() as u64, hash };
        // What is there already may be what another build is using.
        match read_with_time(&blob.path) {
            Ok((old, modified)) if is_blob(&blob, &old) => touch(&blob.path, modified),
            _ => self.write_shard(&blob.path, bytes)?,
        }
        Ok(blob)
    }

    /// Bytes that have no entry of their own, where a file is needed.
    pub fn publish_blob(&self, name: &str, bytes: &[u8]) -> Result<Blob, CacheError> {
        self.write_blob(name, bytes).map_err(|error| self.fault(&error))
    }

    /// Writes an entry anew whose blobs are there already.
    pub fn republish(&self, key: &Key, entry: &Entry) -> Result<(), CacheError> {
        let path = self.shard(&key.hex(), "entry");
        self.write_shard(&path, encode(entry).as_bytes()).map_err(|error| self.fault(&error))
    }

    fn write_shard(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        write_whole(path, bytes)
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

/// An entry can be made again, so nothing waits for the disk.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    files::write_whole(path, bytes, Durability::Fast)
}

/// Least recently used is told by the time of modification; a few minutes are precise enough.
fn touch(path: &Path, modified: io::Result<SystemTime>) {
    let is_old = modified.is_ok_and(|modified| modified.elapsed().unwrap_or(TOUCH_EVERY) >= TOUCH_EVERY);
    if is_old && let Ok(file) = File::open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

fn is_blob(blob: &Blob, bytes: &[u8]) -> bool {
    bytes.len() as u64 == blob.size && blake3::hash(bytes).to_hex().as_str() == blob.hash
}

/// The bytes of a file and when it was modified last.
fn read_with_time(path: &Path) -> io::Result<(Vec<u8>, io::Result<SystemTime>)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    file.read_to_end(&mut bytes)?;
    Ok((bytes, metadata.modified()))
}

fn short(hex: &str) -> &str {
    &hex[..16]
}

unsafe extern "C" {
    safe fn geteuid() -> u32;
}

fn effective_user() -> u32 {
    geteuid()
}

#[cfg(test)]
mod tests;
