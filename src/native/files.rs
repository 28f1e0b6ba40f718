//! Facts about files that a cached answer depends on, and whether they still hold.
//!
//! In: paths. Out: [`FileFact`]s that are checked with one `stat` each; only a file whose times changed is read again.
//! Deliberately not here: which files matter.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::codec::{Reader, Writer};

/// A file written this recently may be written again without new times: clocks of file systems tick in up to 2 s.
/// Times that lie in the future say nothing either.
const GRAIN_NS: i128 = 2_000_000_000;

/// A file as it was when something was made from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileFact {
    pub path: PathBuf,
    pub stamp: Stamp,
    pub hash: String,
}

/// What the system says of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    pub size: u64,
    /// 0 when the file was so young that its times said nothing: nothing has this time.
    pub modified_ns: i128,
    /// Of the last change to bytes, name or permissions; programs cannot set it back as they can the other.
    pub changed_ns: i128,
    pub inode: u64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        let ns = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        Stamp {
            size: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }

    pub fn unless_young(mut self) -> Stamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i128;
        if self.modified_ns.max(self.changed_ns) + GRAIN_NS >= now {
            self.modified_ns = 0;
        }
        self
    }

    /// It was too young to be trusted.
    pub fn is_young(&self) -> bool {
        self.modified_ns == 0
    }
}

/// What a look at a file says of a fact about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// By its stamp.
    AtSight,
    /// Touched, moved or young, and the same bytes.
    AfterReading,
    No,
    Gone,
}

impl FileFact {
    /// clang's libraries are 200 MB: their bytes pass by.
    pub fn of(path: &Path) -> io::Result<FileFact> {
        let stamp = Stamp::of(&fs::metadata(path)?).unless_young();
        Ok(FileFact { path: path.to_owned(), stamp, hash: hash_of(path)? })
    }

    /// The stamp is taken before the bytes: a write in between makes the fact useless, never wrong.
    pub fn with_bytes(path: &Path) -> io::Result<(FileFact, Vec<u8>)> {
        let stamp = Stamp::of(&fs::metadata(path)?).unless_young();
        let bytes = fs::read(path)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        Ok((FileFact { path: path.to_owned(), stamp, hash }, bytes))
    }

    pub fn compare(&self) -> Held {
        let Ok(metadata) = fs::metadata(&self.path) else { return Held::Gone };
        if Stamp::of(&metadata) == self.stamp {
            return Held::AtSight;
        }
        let is_same = metadata.len() == self.stamp.size && hash_of(&self.path).is_ok_and(|hash| hash == self.hash);
        if is_same { Held::AfterReading } else { Held::No }
    }

    /// Unchanged in content: the same size, times and inode, or at least the same bytes.
    pub fn holds(&self) -> bool {
        matches!(self.compare(), Held::AtSight | Held::AfterReading)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.path.display());
        writer.put(self.stamp.size);
        writer.put(self.stamp.modified_ns);
        writer.put(self.stamp.changed_ns);
        writer.put(self.stamp.inode);
        writer.put(&self.hash);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<FileFact> {
        let path = reader.text()?.into();
        let stamp = Stamp {
            size: reader.number()?,
            modified_ns: reader.number()?,
            changed_ns: reader.number()?,
            inode: reader.number()?,
        };
        Some(FileFact { path, stamp, hash: reader.text()? })
    }
}

fn hash_of(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Facts of those that can be read.
pub(super) fn facts(paths: impl IntoIterator<Item = PathBuf>) -> Vec<FileFact> {
    paths.into_iter().filter_map(|path| FileFact::of(&path).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touched_file_still_holds_and_a_changed_one_does_not() {
        let path = std::env::temp_dir().join(format!("coex-fact-{}", std::process::id()));
        fs::write(&path, "one").unwrap();
        let fact = FileFact::of(&path).unwrap();
        assert!(fact.holds());
        // Written a moment ago: equal times would prove nothing.
        assert!(fact.stamp.is_young());
        fs::write(&path, "two").unwrap();
        assert!(!fact.holds());
        fs::write(&path, "one").unwrap();
        fs::File::open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(fact.holds());
        fs::remove_file(&path).unwrap();
        assert!(!fact.holds());
        let mut writer = Writer::default();
        fact.write(&mut writer);
        assert_eq!(FileFact::read(&mut Reader::new(&writer.finish())), Some(fact));
    }

    /// `cp -p` and the like set the time of modification back; the other time tells.
    #[test]
    fn times_that_were_set_back_hide_nothing() {
        let path = std::env::temp_dir().join(format!("coex-fact-back-{}", std::process::id()));
        let past = SystemTime::now() - std::time::Duration::from_secs(1000);
        fs::write(&path, "one").unwrap();
        fs::File::open(&path).unwrap().set_modified(past).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let fact = FileFact { stamp: Stamp::of(&metadata), ..FileFact::of(&path).unwrap() };
        std::thread::sleep(std::time::Duration::from_millis(50));
        fs::write(&path, "two").unwrap();
        fs::File::open(&path).unwrap().set_modified(past).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), metadata.modified().unwrap());
        assert!(!fact.holds());
        fs::remove_file(&path).unwrap();
    }

    /// A clock that was wrong: a time in the future would never look changed by a later write of the same moment.
    #[test]
    fn the_future_is_not_trusted() {
        let path = std::env::temp_dir().join(format!("coex-fact-future-{}", std::process::id()));
        fs::write(&path, "one").unwrap();
        let future = SystemTime::now() + std::time::Duration::from_secs(1000);
        fs::File::open(&path).unwrap().set_modified(future).unwrap();
        assert!(FileFact::of(&path).unwrap().stamp.is_young());
        fs::remove_file(&path).unwrap();
    }
}
