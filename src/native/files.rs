//! Facts about files that a cached answer depends on, and whether they still hold.
//!
//! In: paths. Out: [`FileFact`]s that are checked with one `stat` each; only a file whose time changed is read again.
//! Deliberately not here: which files matter.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::codec::{Reader, Writer};

/// A file as it was when something was made from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileFact {
    pub(super) path: PathBuf,
    size: u64,
    modified_ns: i128,
    inode: u64,
    pub(super) hash: String,
}

impl FileFact {
    pub(super) fn of(path: &Path) -> io::Result<FileFact> {
        let metadata = fs::metadata(path)?;
        let hash = blake3::hash(&fs::read(path)?).to_hex().to_string();
        Ok(FileFact {
            path: path.to_owned(),
            size: metadata.len(),
            modified_ns: modified_ns(&metadata),
            inode: metadata.ino(),
            hash,
        })
    }

    /// Unchanged in content: the same size, time and inode, or at least the same bytes.
    pub(super) fn holds(&self) -> bool {
        let Ok(metadata) = fs::metadata(&self.path) else { return false };
        if metadata.len() != self.size {
            return false;
        }
        let same = modified_ns(&metadata) == self.modified_ns && metadata.ino() == self.inode;
        same || fs::read(&self.path).is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == self.hash)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.path.display());
        writer.put(self.size);
        writer.put(self.modified_ns);
        writer.put(self.inode);
        writer.put(&self.hash);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<FileFact> {
        Some(FileFact {
            path: reader.text()?.into(),
            size: reader.number()?,
            modified_ns: reader.number()?,
            inode: reader.number()?,
            hash: reader.text()?,
        })
    }
}

/// A directory (or file) by its time only: `None` when it is absent.
pub(super) fn stamp(path: &Path) -> Option<i128> {
    fs::metadata(path).ok().map(|metadata| modified_ns(&metadata))
}

fn modified_ns(metadata: &fs::Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
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
        fs::File::open(&path).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert!(fact.holds());
        fs::write(&path, "two").unwrap();
        assert!(!fact.holds());
        fs::remove_file(&path).unwrap();
        assert!(!fact.holds());
        let mut writer = Writer::default();
        fact.write(&mut writer);
        assert_eq!(FileFact::read(&mut Reader::new(&writer.finish())), Some(fact));
    }
}
