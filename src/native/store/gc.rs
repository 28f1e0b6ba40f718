//! What goes when the store is too large or things lie unused.
//!
//! In: an open [`Store`], an [`Allowance`]. Out: bytes that were freed. Deliberately not here: single entries.
//!
//! Builds do this in slices of a few milliseconds after their work, beginning at most once a day: first all shards are
//! measured, by the minute in which a file was used last, then whatever is older than the youngest `bytes` goes. Entries
//! and blobs are treated alike, since a look-up touches both; one without the other is an ordinary miss.
//!
//! ```text
//! gc-state := ""                                             nothing to do for a day from its modification time
//!           | STAGE " " NEXT-SHARD " " CUTOFF "\n" (MINUTE " " BYTES "\n")*
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::care::{FileKind, StoredFile};
use super::{CacheError, SETTLED, Store};

/// How much is kept by default, and how long something unused stays.
pub const DEFAULT_LIMIT_BYTES: u64 = 2 << 30;
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

const EVERY: Duration = Duration::from_secs(24 * 3600);
const SLICE: Duration = Duration::from_millis(20);
const SHARDS: u32 = 256;

/// How large the store may be and how old what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    pub bytes: u64,
    pub age: Duration,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { bytes: DEFAULT_LIMIT_BYTES, age: DEFAULT_MAX_AGE }
    }
}

impl Allowance {
    /// With the size out of `COEX_CACHE_SIZE`; the error is that text.
    pub fn from_size(size: Option<&str>) -> Result<Allowance, String> {
        let usual = Allowance::default();
        match size.filter(|text| !text.is_empty()) {
            Some(text) => Ok(Allowance { bytes: size_in_bytes(text).ok_or_else(|| text.to_owned())?, ..usual }),
            None => Ok(usual),
        }
    }
}

/// `500M`, `2G`, `1.5GiB`, or bytes. Nothing at all is no size of a cache.
fn size_in_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let letters = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let unit: u64 = match text[letters..].trim_end_matches("iB").trim_end_matches('B') {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        "t" | "T" => 1 << 40,
        _ => return None,
    };
    let number: f64 = text[..letters].trim_end().parse().ok()?;
    let bytes = number * unit as f64;
    (bytes >= 1.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Measure,
    Remove,
}

/// A collection that may be interrupted between two shards.
#[derive(Debug, PartialEq)]
struct Sweep {
    stage: Stage,
    next_shard: u32,
    /// What was used before this minute goes.
    cutoff: u64,
    /// Bytes by minute.
    used: BTreeMap<u64, u64>,
}

impl Store {
    /// Drops what was not used for so long, then the least recently used until at most so much remains. A limit of
    /// nothing empties the store; otherwise what a running build may use stays.
    pub fn gc(&self, allowance: &Allowance) -> Result<u64, CacheError> {
        let mut sweep = Sweep::new();
        let mut freed = 0;
        while !sweep.is_finished() {
            freed += sweep.step(self, allowance)?;
        }
        Ok(freed + self.sweep_rest(allowance.bytes == 0))
    }

    /// A slice of a collection, if one is due or under way. Somebody else's slice is as good.
    pub fn gc_if_due(&self, allowance: &Allowance) -> Result<(), CacheError> {
        let path = self.root.join("gc-state");
        let is_first = !path.exists();
        let state = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let mut state = state.map_err(|error| self.fault(&error))?;
        if state.try_lock().is_err() {
            return Ok(());
        }
        let mut text = String::new();
        // What cannot be read or understood is begun anew.
        let is_idle = state.read_to_string(&mut text).is_ok() && text.is_empty() && !is_first;
        let last = state.metadata().and_then(|metadata| metadata.modified()).ok();
        if is_idle && last.and_then(|time| time.elapsed().ok()).is_some_and(|time| time < EVERY) {
            return Ok(());
        }
        let mut sweep = Sweep::from_text(&text).unwrap_or_else(Sweep::new);
        let end = Instant::now() + SLICE;
        while !sweep.is_finished() && Instant::now() < end {
            sweep.step(self, allowance)?;
        }
        if sweep.is_finished() {
            self.sweep_rest(false);
        }
        let text = if sweep.is_finished() { String::new() } else { sweep.to_text() };
        let written = state
            .set_len(0)
            .and_then(|()| state.rewind())
            .and_then(|()| state.write_all(text.as_bytes()))
            .and_then(|()| state.set_modified(SystemTime::now()));
        written.map_err(|error| self.fault(&error))
    }

    /// Directories of builds that were killed, and what was set aside.
    fn sweep_rest(&self, all: bool) -> u64 {
        let is_old = |path: &Path| {
            let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
            modified.is_ok_and(|time| time.elapsed().unwrap_or_default() > SETTLED)
        };
        for item in fs::read_dir(self.root.join("work")).into_iter().flatten().flatten() {
            if is_old(&item.path()) {
                let _ = fs::remove_dir_all(item.path());
            }
        }
        let mut freed = 0;
        for file in self.files_of("quarantine").into_iter().filter(|file| all || is_old(&file.path)) {
            freed += remove(&file);
        }
        freed
    }
}

impl Sweep {
    fn new() -> Sweep {
        Sweep { stage: Stage::Measure, next_shard: 0, cutoff: 0, used: BTreeMap::new() }
    }

    fn is_finished(&self) -> bool {
        self.stage == Stage::Remove && self.next_shard >= SHARDS
    }

    /// One shard. Yields the bytes that were freed.
    fn step(&mut self, store: &Store, allowance: &Allowance) -> Result<u64, CacheError> {
        let files = store.files_of(&format!("{:02x}", self.next_shard));
        self.next_shard += 1;
        let mut freed = 0;
        for file in &files {
            match self.stage {
                Stage::Measure => *self.used.entry(minute(file.modified)).or_default() += file.size,
                Stage::Remove => freed += self.consider(file, allowance),
            }
        }
        if self.stage == Stage::Measure && self.next_shard >= SHARDS {
            (self.stage, self.next_shard) = (Stage::Remove, 0);
            self.cutoff = self.first_kept_minute(allowance.bytes);
        }
        Ok(freed)
    }

    fn consider(&self, file: &StoredFile, allowance: &Allowance) -> u64 {
        // A file from the future was written under a wrong clock; it is taken for new.
        let age = file.modified.elapsed().unwrap_or_default();
        let is_unused = match file.kind {
            FileKind::Entry | FileKind::Blob => age > allowance.age || minute(file.modified) < self.cutoff,
            // A temporary file, or the lock of a killed builder.
            FileKind::Other => true,
        };
        let is_settled = age > SETTLED || allowance.bytes == 0 && file.kind != FileKind::Other;
        if is_unused && is_settled { remove(file) } else { 0 }
    }

    fn first_kept_minute(&self, bytes: u64) -> u64 {
        let mut total = 0;
        for (minute, size) in self.used.iter().rev() {
            total += size;
            if total > bytes {
                return minute + 1;
            }
        }
        0
    }

    fn to_text(&self) -> String {
        let stage = if self.stage == Stage::Measure { "measure" } else { "remove" };
        let mut text = format!("{stage} {} {}\n", self.next_shard, self.cutoff);
        for (minute, bytes) in &self.used {
            text.push_str(&format!("{minute} {bytes}\n"));
        }
        text
    }

    fn from_text(text: &str) -> Option<Sweep> {
        let mut lines = text.lines();
        let mut head = lines.next()?.split(' ');
        let stage = match head.next()? {
            "measure" => Stage::Measure,
            "remove" => Stage::Remove,
            _ => return None,
        };
        let (next_shard, cutoff) = (head.next()?.parse().ok()?, head.next()?.parse().ok()?);
        let pair = |line: &str| {
            let (minute, bytes) = line.split_once(' ')?;
            Some((minute.parse().ok()?, bytes.parse().ok()?))
        };
        Some(Sweep { stage, next_shard, cutoff, used: lines.map(pair).collect::<Option<_>>()? })
    }
}

fn minute(time: SystemTime) -> u64 {
    time.min(SystemTime::now()).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60
}

fn remove(file: &StoredFile) -> u64 {
    if fs::remove_file(&file.path).is_ok() { file.size } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let of = |text: &str| Allowance::from_size(Some(text)).map(|allowance| allowance.bytes);
        assert_eq!(of("500M"), Ok(500 << 20));
        assert_eq!(of("1.5GiB"), Ok(3 << 29));
        assert_eq!(of("10 kB"), Ok(10 << 10));
        assert_eq!(of("4096"), Ok(4096));
        assert_eq!(of(""), Ok(DEFAULT_LIMIT_BYTES));
        for bad in ["0", "x", "-1G", "1X", "G", "nan", "1e300T"] {
            assert_eq!(of(bad), Err(bad.to_owned()));
        }
    }

    #[test]
    fn an_interrupted_sweep_goes_on_where_it_was() {
        let used = BTreeMap::from([(7, 100), (9, 50), (8, 25)]);
        let sweep = Sweep { stage: Stage::Measure, next_shard: 17, cutoff: 0, used };
        assert_eq!(Sweep::from_text(&sweep.to_text()), Some(sweep));
        for damaged in ["", "x 1 2\n", "measure 1\n", "measure 1 2\n3\n"] {
            assert_eq!(Sweep::from_text(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn the_youngest_stay() {
        let sweep = Sweep { used: BTreeMap::from([(7, 100), (9, 50), (8, 25)]), ..Sweep::new() };
        assert_eq!(sweep.first_kept_minute(175), 0);
        assert_eq!(sweep.first_kept_minute(174), 8);
        assert_eq!(sweep.first_kept_minute(60), 9);
        assert_eq!(sweep.first_kept_minute(10), 10);
    }
}
