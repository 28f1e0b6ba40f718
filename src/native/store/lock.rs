//! One builder a key.
//!
//! In: a key. Out: a [`KeyLock`], or after [`PATIENCE`] none. Deliberately not here: what is done under it.
//!
//! The lock only saves work: publishing is safe without it. So a holder that is stopped costs the others time, never
//! their build; one that is killed costs nothing, since the kernel drops its `flock`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{CacheError, Key, Store};

/// Whoever waits longer than this is told for whom.
const SILENCE: Duration = Duration::from_millis(250);
/// Longer than any library takes to compile.
const PATIENCE: Duration = Duration::from_secs(600);

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

enum Attempt {
    Locked(KeyLock),
    /// With what the holder says of itself.
    Held(String),
    /// The file was replaced meanwhile: the lock that we got guards nothing.
    Replaced,
}

impl Store {
    /// Waits until nobody else makes this key; `what` is shown to those who wait for us. Look the key up again
    /// afterwards. `None` when the holder does not come to an end.
    pub fn lock(&self, key: &Key, what: &str) -> Result<Option<KeyLock>, CacheError> {
        self.lock_within(key, what, PATIENCE)
    }

    pub(super) fn lock_within(&self, key: &Key, what: &str, patience: Duration) -> Result<Option<KeyLock>, CacheError> {
        let path = self.shard(&key.hex(), "lock");
        let start = Instant::now();
        let (mut pause, mut told) = (Duration::from_millis(1), false);
        loop {
            let holder = match attempt(&path, what).map_err(|error| self.fault(&error))? {
                Attempt::Locked(lock) => return Ok(Some(lock)),
                Attempt::Replaced => continue,
                Attempt::Held(holder) => holder,
            };
            if !told && start.elapsed() >= SILENCE {
                (self.notify)(&format!("waiting for {holder}"));
                told = true;
            }
            if start.elapsed() >= patience {
                (self.notify)(&format!("no longer waiting for {holder}"));
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

fn attempt(path: &Path, what: &str) -> io::Result<Attempt> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let known = file.read_to_string(&mut holder).is_ok() && !holder.is_empty();
            return Ok(Attempt::Held(if known { holder } else { "another process".to_owned() }));
        }
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.ino() == file.metadata()?.ino() => {}
        Ok(_) => return Ok(Attempt::Replaced),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Attempt::Replaced),
        Err(error) => return Err(error),
    }
    // A courtesy to those who wait; without room for it the lock is as good.
    let _ = file.set_len(0).and_then(|()| write!(file, "process {}, which makes {what}", std::process::id()));
    Ok(Attempt::Locked(KeyLock { _file: file, path: path.to_owned() }))
}
