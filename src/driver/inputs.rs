//! What a compilation has read, and what it looked for in vain.
//!
//! In: paths, as they are read. Out: a list that can be kept as text and compared with the file system later, without
//! reading anything that looks unchanged. Deliberately not here: what the list is for (`output_cache`).
//!
//! ```text
//! file SIZE MTIME_NS INODE HASH PATH       a file whose bytes count
//! dir MTIME_NS INODE HASH PATH             a directory whose list of names counts
//! stamp SIZE MTIME_NS INODE PATH           a file whose size and time count
//! absent PATH                              must not be there
//! searched PATH                            a directory where an import was looked for in vain; says nothing itself
//! ```

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::crash;

/// A file written within this time before it was read may be written again without a new time stamp.
const CLOCK_GRAIN: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Input {
    File { path: PathBuf, stamp: Stamp, hash: String },
    Directory { path: PathBuf, stamp: Stamp, names: String },
    Stamped { path: PathBuf, stamp: Stamp },
    Absent { path: PathBuf },
    Searched { path: PathBuf },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    /// 0 when the file was so young that its time says nothing.
    modified_ns: i128,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        let modified_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Stamp { size: metadata.len(), modified_ns, inode: metadata.ino() }
    }

    fn unless_young(mut self, now: SystemTime) -> Stamp {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.modified_ns + CLOCK_GRAIN.as_nanos() as i128 >= now.as_nanos() as i128 {
            self.modified_ns = 0;
        }
        self
    }
}

/// Collected while files are read.
#[derive(Clone, Default, Debug)]
pub struct Inputs {
    list: Vec<Input>,
}

impl Inputs {
    /// Reads a file and notes it. The stamp is taken before the bytes: a write in between makes the entry useless,
    /// never wrong.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        crash::note_input(path);
        let stamp = Stamp::of(&fs::metadata(path)?).unless_young(SystemTime::now());
        let bytes = fs::read(path)?;
        self.add(Input::File { path: path.to_owned(), stamp, hash: blake3::hash(&bytes).to_hex().to_string() });
        Ok(bytes)
    }

    /// Notes a file that somebody else reads, or everything below a directory.
    pub fn note(&mut self, path: &Path) -> io::Result<()> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_dir() {
            return self.read(path).map(|_| ());
        }
        // The size of a directory is the file system's own affair.
        let stamp = Stamp { size: 0, ..Stamp::of(&metadata).unless_young(SystemTime::now()) };
        let (names, entries) = listing(path)?;
        self.add(Input::Directory { path: path.to_owned(), stamp, names });
        entries.iter().try_for_each(|entry| self.note(entry))
    }

    /// Notes a large file of the system that changes only with its package.
    pub fn note_stamp(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) => self.add(Input::Stamped { path: path.to_owned(), stamp: Stamp::of(&metadata) }),
            Err(_) => self.note_absent(path),
        }
    }

    pub fn note_absent(&mut self, path: &Path) {
        self.add(Input::Absent { path: path.to_owned() });
    }

    /// Notes a directory in which something may appear that goes before what was found elsewhere. The places themselves
    /// are noted as absent; this is for build tools, which know of existing files only.
    pub fn note_searched(&mut self, path: &Path) {
        self.add(Input::Searched { path: path.to_owned() });
    }

    /// What a build tool can watch, in the order of reading: files, directories whose list of names counts, and those
    /// that were searched.
    pub fn watched(&self) -> impl Iterator<Item = &Path> {
        self.list.iter().filter_map(|input| match input {
            Input::File { path, .. }
            | Input::Directory { path, .. }
            | Input::Stamped { path, .. }
            | Input::Searched { path } => Some(path.as_path()),
            Input::Absent { .. } => None,
        })
    }

    fn add(&mut self, input: Input) {
        if !self.list.contains(&input) {
            self.list.push(input);
        }
    }

    /// The first input that is not as it was, in words.
    pub fn first_change(&self) -> Option<String> {
        self.list.iter().find_map(changed)
    }

    /// Absent when a path cannot be kept as a line of text.
    pub fn to_text(&self) -> Option<String> {
        let mut text = String::new();
        for input in &self.list {
            let (line, path) = match input {
                Input::File { path, stamp, hash } => {
                    (format!("file {} {} {} {hash}", stamp.size, stamp.modified_ns, stamp.inode), path)
                }
                Input::Directory { path, stamp, names } => {
                    (format!("dir {} {} {names}", stamp.modified_ns, stamp.inode), path)
                }
                Input::Stamped { path, stamp } => {
                    (format!("stamp {} {} {}", stamp.size, stamp.modified_ns, stamp.inode), path)
                }
                Input::Absent { path } => ("absent".to_owned(), path),
                Input::Searched { path } => ("searched".to_owned(), path),
            };
            let path = path.to_str().filter(|path| !path.contains('\n'))?;
            text.push_str(&format!("{line} {path}\n"));
        }
        Some(text)
    }

    pub fn from_text(text: &str) -> Option<Inputs> {
        let mut list = Vec::new();
        for line in text.lines() {
            let (kind, rest) = line.split_once(' ')?;
            list.push(match kind {
                "file" => {
                    let mut words = rest.splitn(5, ' ');
                    let mut word = || words.next();
                    let (size, modified_ns) = (word()?.parse().ok()?, word()?.parse().ok()?);
                    let stamp = Stamp { size, modified_ns, inode: word()?.parse().ok()? };
                    let hash = word()?.to_owned();
                    Input::File { path: PathBuf::from(word()?), stamp, hash }
                }
                "dir" => {
                    let mut words = rest.splitn(4, ' ');
                    let mut word = || words.next();
                    let stamp = Stamp { size: 0, modified_ns: word()?.parse().ok()?, inode: word()?.parse().ok()? };
                    let names = word()?.to_owned();
                    Input::Directory { path: PathBuf::from(word()?), stamp, names }
                }
                "stamp" => {
                    let mut words = rest.splitn(4, ' ');
                    let mut word = || words.next();
                    let (size, modified_ns) = (word()?.parse().ok()?, word()?.parse().ok()?);
                    let stamp = Stamp { size, modified_ns, inode: word()?.parse().ok()? };
                    Input::Stamped { path: PathBuf::from(word()?), stamp }
                }
                "absent" => Input::Absent { path: PathBuf::from(rest) },
                "searched" => Input::Searched { path: PathBuf::from(rest) },
                _ => return None,
            });
        }
        Some(Inputs { list })
    }
}

/// A hash of the names in a directory, and their paths; hidden ones do not belong to a library.
fn listing(path: &Path) -> io::Result<(String, Vec<PathBuf>)> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let mut hasher = blake3::Hasher::new();
    for path in &paths {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
    }
    Ok((hasher.finalize().to_hex().to_string(), paths))
}

fn changed(input: &Input) -> Option<String> {
    match input {
        Input::File { path, stamp, hash } => {
            let Ok(metadata) = fs::metadata(path) else { return Some(format!("source-removed:{}", path.display())) };
            if Stamp::of(&metadata) == *stamp {
                return None;
            }
            // Touched, moved or young: the bytes decide.
            let same = metadata.len() == stamp.size
                && fs::read(path).is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == hash);
            (!same).then(|| format!("source-changed:{}", path.display()))
        }
        Input::Directory { path, stamp, names } => {
            let same = fs::metadata(path).is_ok_and(|metadata| Stamp { size: 0, ..Stamp::of(&metadata) } == *stamp)
                || listing(path).is_ok_and(|(now, _)| now == *names);
            (!same).then(|| format!("source-changed:{}", path.display()))
        }
        Input::Stamped { path, stamp } => {
            let same = fs::metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == *stamp);
            (!same).then(|| format!("compiler-changed:{}", path.display()))
        }
        Input::Absent { path } => {
            path.symlink_metadata().is_ok().then(|| format!("source-appeared:{}", path.display()))
        }
        Input::Searched { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_every_kind_of_change() {
        let directory = std::env::temp_dir().join(format!("coex-inputs-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("temporary directory");
        let (file, absent) = (directory.join("a b.coex"), directory.join("absent"));
        fs::write(&file, "one").expect("write");
        let mut inputs = Inputs::default();
        inputs.read(&file).expect("read");
        inputs.note_absent(&absent);
        inputs.note_stamp(Path::new("/bin/sh"));
        inputs.note_searched(&directory);
        let library = directory.join("lib");
        fs::create_dir_all(library.join("src")).expect("directory");
        inputs.note(&library).expect("note");
        let kept = inputs.to_text().and_then(|text| Inputs::from_text(&text)).expect("round trip");
        assert_eq!(kept.list, inputs.list);
        assert_eq!(kept.first_change(), None);
        // The same length at the same moment: only the bytes tell.
        fs::write(&file, "two").expect("write");
        assert!(kept.first_change().is_some_and(|change| change.starts_with("source-changed:")));
        fs::write(&file, "one").expect("write");
        assert_eq!(kept.first_change(), None);
        fs::write(library.join("src/new.c"), "").expect("write");
        assert!(kept.first_change().is_some_and(|change| change.starts_with("source-changed:")));
        fs::remove_file(library.join("src/new.c")).expect("remove");
        assert_eq!(kept.first_change(), None);
        fs::write(&absent, "").expect("write");
        assert!(kept.first_change().is_some_and(|change| change.starts_with("source-appeared:")));
        fs::remove_dir_all(&directory).expect("clean up");
    }
}
