//! What a compilation has read, and what it looked for in vain.
//!
//! In: paths, as they are read. Out: a list that can be kept as text and compared with the file system later, without
//! reading anything that looks unchanged. Deliberately not here: what the list is for (`output_cache`).
//!
//! ```text
//! file ROLE SIZE MTIME_NS CTIME_NS INODE HASH PATH   a file whose bytes count
//! stamp ROLE SIZE MTIME_NS CTIME_NS INODE PATH       a file whose size and times count
//! dir MTIME_NS INODE HASH PATH                       a directory whose list of names counts
//! there ROLE PATH                                    must be there
//! absent ROLE PATH                                   must not be there
//! searched PATH                                      a directory where an import was looked for in vain; says
//!                                                    nothing itself
//! ```

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::load::MAX_SOURCE_BYTES;
use crate::crash;
use crate::native::files::{FileFact, Held, Stamp};

/// What a file is to the program; it decides how its change is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Source,
    /// Of the system.
    Header,
    /// clang, the linker, and what they bring.
    Compiler,
    /// What pkg-config reads.
    Package,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Input {
    File { fact: FileFact, role: Role },
    Stamped { path: PathBuf, stamp: Stamp, role: Role },
    Directory { path: PathBuf, stamp: Stamp, names: String },
    There { path: PathBuf, role: Role },
    Absent { path: PathBuf, role: Role },
    Searched { path: PathBuf },
}

/// Collected while files are read.
#[derive(Clone, Default, Debug)]
pub struct Inputs {
    /// In the order of reading, each once.
    list: Vec<Input>,
    seen: HashSet<Input>,
    uncacheable: Option<String>,
}

/// What comparing with the file system gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Comparison {
    Same,
    /// The same, which only the bytes of some files told: the list would be faster if it were made now.
    SameAfterReading,
    /// The first input that is not as it was, in words.
    Changed(String),
}

impl Inputs {
    /// Reads a file and notes it.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        crash::note_input(path);
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() && !metadata.is_dir() {
            self.uncacheable = Some(format!("{} is no file", path.display()));
            return read_special(path);
        }
        let (fact, bytes) = FileFact::with_bytes(path)?;
        self.add(Input::File { fact, role: Role::Source });
        Ok(bytes)
    }

    /// Notes a file that somebody else reads, or everything below a directory.
    pub fn note(&mut self, path: &Path) -> io::Result<()> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_dir() {
            return self.read(path).map(|_| ());
        }
        let stamp = directory_stamp(&metadata).unless_young();
        let (names, entries) = listing(path)?;
        self.add(Input::Directory { path: path.to_owned(), stamp, names });
        // A link, a pipe or a device is refused when the library is read; reading it here might never end.
        let is_plain =
            |entry: &&PathBuf| fs::symlink_metadata(entry).is_ok_and(|found| found.is_file() || found.is_dir());
        entries.iter().filter(is_plain).try_for_each(|entry| self.note(entry))
    }

    /// Notes a file as it was when somebody else read it.
    pub fn note_fact(&mut self, fact: &FileFact, role: Role) {
        self.add(Input::File { fact: fact.clone(), role });
    }

    /// Notes a large file of the system that changes only with its package.
    pub fn note_stamp(&mut self, path: &Path) {
        let role = Role::Compiler;
        match fs::metadata(path) {
            Ok(metadata) => {
                let stamp = Stamp::of(&metadata).unless_young();
                self.add(Input::Stamped { path: path.to_owned(), stamp, role });
            }
            Err(_) => self.note_absent_as(path, role),
        }
    }

    /// Notes that a file must be there, whatever it contains.
    pub fn note_there(&mut self, path: &Path, role: Role) {
        self.add(Input::There { path: path.to_owned(), role });
    }

    pub fn note_absent(&mut self, path: &Path) {
        self.note_absent_as(path, Role::Source);
    }

    pub fn note_absent_as(&mut self, path: &Path, role: Role) {
        self.add(Input::Absent { path: path.to_owned(), role });
    }

    /// Something that the list cannot express: what was made from it must not be found again.
    pub fn refuse(&mut self, why: &str) {
        self.uncacheable.get_or_insert_with(|| why.to_owned());
    }

    pub fn uncacheable(&self) -> Option<&str> {
        self.uncacheable.as_deref()
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
            Input::File { fact: FileFact { path, .. }, .. }
            | Input::Directory { path, .. }
            | Input::Stamped { path, .. }
            | Input::There { path, .. }
            | Input::Searched { path } => Some(path.as_path()),
            Input::Absent { .. } => None,
        })
    }

    fn of(list: Vec<Input>) -> Inputs {
        Inputs { seen: list.iter().cloned().collect(), list, uncacheable: None }
    }

    fn add(&mut self, input: Input) {
        if self.seen.insert(input.clone()) {
            self.list.push(input);
        }
    }

    pub fn compare(&self) -> Comparison {
        let mut read = false;
        for input in &self.list {
            match compare(input) {
                Comparison::Same => {}
                Comparison::SameAfterReading => read = true,
                changed => return changed,
            }
        }
        if read { Comparison::SameAfterReading } else { Comparison::Same }
    }

    /// The same list with stamps of now, if that makes any difference.
    pub fn refreshed(&self) -> Option<Inputs> {
        let list: Vec<Input> = self.list.iter().map(refreshed).collect::<Option<_>>()?;
        (list != self.list).then(|| Inputs::of(list))
    }

    /// Absent when a path cannot be kept as a line of text.
    pub fn to_text(&self) -> Option<String> {
        if self.uncacheable.is_some() {
            return None;
        }
        let mut text = String::new();
        for input in &self.list {
            let (line, path) = match input {
                Input::File { fact, role } => {
                    (format!("file {} {} {}", word(*role), stamp_text(&fact.stamp), fact.hash), &fact.path)
                }
                Input::Stamped { path, stamp, role } => (format!("stamp {} {}", word(*role), stamp_text(stamp)), path),
                Input::Directory { path, stamp, names } => {
                    (format!("dir {} {} {names}", stamp.modified_ns, stamp.inode), path)
                }
                Input::There { path, role } => (format!("there {}", word(*role)), path),
                Input::Absent { path, role } => (format!("absent {}", word(*role)), path),
                Input::Searched { path } => ("searched".to_owned(), path),
            };
            let path = path.to_str().filter(|path| !path.contains('\n'))?;
            text.push_str(&format!("{line} {path}\n"));
        }
        Some(text)
    }

    pub fn from_text(text: &str) -> Option<Inputs> {
        let list = text.lines().map(from_line).collect::<Option<_>>()?;
        Some(Inputs::of(list))
    }
}

/// A pipe or a device, up to the first byte that is too many. Nobody who might write later is waited for.
fn read_special(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    loop {
        let left = (MAX_SOURCE_BYTES + 1).saturating_sub(bytes.len() as u64);
        match (&mut file).take(left).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > MAX_SOURCE_BYTES => return Err(io::Error::other("it is larger than 64 MiB")),
            Ok(_) => return Ok(bytes),
            // Its writer is at work.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error),
        }
    }
}

fn from_line(line: &str) -> Option<Input> {
    let (kind, mut rest) = line.split_once(' ')?;
    let mut next = || {
        let (word, after) = rest.split_once(' ')?;
        rest = after;
        Some(word)
    };
    Some(match kind {
        "file" => {
            let (role, stamp, hash) = (role(next()?)?, stamp(&mut next)?, next()?.to_owned());
            Input::File { fact: FileFact { path: rest.into(), stamp, hash }, role }
        }
        "stamp" => {
            let (role, stamp) = (role(next()?)?, stamp(&mut next)?);
            Input::Stamped { path: rest.into(), stamp, role }
        }
        "dir" => {
            let (modified_ns, inode) = (next()?.parse().ok()?, next()?.parse().ok()?);
            let names = next()?.to_owned();
            Input::Directory { path: rest.into(), stamp: Stamp { size: 0, modified_ns, changed_ns: 0, inode }, names }
        }
        "there" => {
            let role = role(next()?)?;
            Input::There { path: rest.into(), role }
        }
        "searched" => Input::Searched { path: rest.into() },
        "absent" => {
            let role = role(next()?)?;
            Input::Absent { path: rest.into(), role }
        }
        _ => return None,
    })
}

fn stamp_text(stamp: &Stamp) -> String {
    format!("{} {} {} {}", stamp.size, stamp.modified_ns, stamp.changed_ns, stamp.inode)
}

fn stamp<'a>(next: &mut impl FnMut() -> Option<&'a str>) -> Option<Stamp> {
    Some(Stamp {
        size: next()?.parse().ok()?,
        modified_ns: next()?.parse().ok()?,
        changed_ns: next()?.parse().ok()?,
        inode: next()?.parse().ok()?,
    })
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Source => "source",
        Role::Header => "header",
        Role::Compiler => "compiler",
        Role::Package => "package",
    }
}

fn role(word: &str) -> Option<Role> {
    let all = [Role::Source, Role::Header, Role::Compiler, Role::Package];
    all.into_iter().find(|role| self::word(*role) == word)
}

/// The size of a directory is the file system's own affair, and its other time changes with the permissions.
fn directory_stamp(metadata: &Metadata) -> Stamp {
    Stamp { size: 0, changed_ns: 0, ..Stamp::of(metadata) }
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

fn compare(input: &Input) -> Comparison {
    let held = |held: bool, what: &str, role: Role, path: &Path| {
        if held { Comparison::SameAfterReading } else { Comparison::Changed(reason(what, role, path)) }
    };
    match input {
        Input::File { fact, role } => match fact.compare() {
            Held::AtSight => Comparison::Same,
            Held::AfterReading => Comparison::SameAfterReading,
            Held::No => held(false, "changed", *role, &fact.path),
            Held::Gone => held(false, "removed", *role, &fact.path),
        },
        Input::Stamped { path, stamp, role } => {
            let same = fs::metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == *stamp);
            if same { Comparison::Same } else { held(false, "changed", *role, path) }
        }
        Input::Directory { path, stamp, names } => {
            if fs::metadata(path).is_ok_and(|metadata| directory_stamp(&metadata) == *stamp) {
                return Comparison::Same;
            }
            held(listing(path).is_ok_and(|(now, _)| now == *names), "changed", Role::Source, path)
        }
        Input::There { path, role } => {
            if path.is_file() {
                Comparison::Same
            } else {
                held(false, "removed", *role, path)
            }
        }
        Input::Absent { path, role } => {
            // A directory is no header, and nothing but a header is one.
            let appeared = match role {
                Role::Header => path.is_file(),
                _ => path.symlink_metadata().is_ok(),
            };
            if appeared { held(false, "appeared", *role, path) } else { Comparison::Same }
        }
        Input::Searched { .. } => Comparison::Same,
    }
}

/// In the words of `--explain-cache`.
fn reason(what: &str, role: Role, path: &Path) -> String {
    let path = path.display();
    match role {
        Role::Source => format!("source-{what}:{path}"),
        Role::Header if what == "appeared" => format!("header-appeared:{path}"),
        Role::Header => format!("header-changed:{path}"),
        Role::Compiler => format!("compiler-changed:{path}"),
        Role::Package => format!("pkg-config-changed:{path}"),
    }
}

/// `None` when the input is not what it was.
fn refreshed(input: &Input) -> Option<Input> {
    Some(match input {
        Input::File { fact, role } => {
            if fs::metadata(&fact.path).is_ok_and(|metadata| Stamp::of(&metadata) == fact.stamp) {
                return Some(input.clone());
            }
            let now = FileFact::of(&fact.path).ok().filter(|now| now.hash == fact.hash)?;
            // As young as it was: nothing is gained yet.
            let fact = if now.stamp.is_young() { fact.clone() } else { now };
            Input::File { fact, role: *role }
        }
        Input::Directory { path, names, .. } => {
            let stamp = directory_stamp(&fs::metadata(path).ok()?).unless_young();
            let same = listing(path).is_ok_and(|(now, _)| now == *names);
            same.then(|| Input::Directory { path: path.clone(), stamp, names: names.clone() })?
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(inputs: &Inputs) -> String {
        match inputs.compare() {
            Comparison::Changed(change) => change,
            _ => String::new(),
        }
    }

    #[test]
    fn what_is_noted_again_counts_once() {
        let mut inputs = Inputs::default();
        let paths = || (0..20_000).map(|number| PathBuf::from(format!("absent-{number}")));
        paths().for_each(|path| inputs.note_absent(&path));
        let mut kept = inputs.to_text().and_then(|text| Inputs::from_text(&text)).expect("round trip");
        paths().for_each(|path| kept.note_absent(&path));
        assert_eq!(kept.list, inputs.list);
        let noted = kept.list.iter().filter_map(|input| match input {
            Input::Absent { path, .. } => Some(path.clone()),
            _ => None,
        });
        assert!(noted.eq(paths()), "in the order of reading");
    }

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
        inputs.note_there(Path::new("/bin/sh"), Role::Package);
        let (header, shadow) = (directory.join("x.h"), directory.join("early.h"));
        fs::write(&header, "").expect("write");
        inputs.note_fact(&FileFact::of(&header).expect("fact"), Role::Header);
        inputs.note_absent_as(&shadow, Role::Header);
        let library = directory.join("lib");
        fs::create_dir_all(library.join("src")).expect("directory");
        inputs.note(&library).expect("note");
        let kept = inputs.to_text().and_then(|text| Inputs::from_text(&text)).expect("round trip");
        assert_eq!(kept.list, inputs.list);
        assert_eq!(kept.compare(), Comparison::SameAfterReading, "they are young");
        // The same length at the same moment: only the bytes tell.
        fs::write(&file, "two").expect("write");
        assert!(change(&kept).starts_with("source-changed:"));
        fs::write(&file, "one").expect("write");
        fs::write(library.join("src/new.c"), "").expect("write");
        assert!(change(&kept).starts_with("source-changed:"));
        fs::remove_file(library.join("src/new.c")).expect("remove");
        assert_eq!(change(&kept), "");
        fs::write(&absent, "").expect("write");
        assert!(change(&kept).starts_with("source-appeared:"));
        fs::remove_file(&absent).expect("remove");
        fs::create_dir(&shadow).expect("directory");
        assert_eq!(change(&kept), "", "a directory is no header");
        fs::remove_dir(&shadow).expect("remove");
        fs::write(&shadow, "").expect("write");
        assert!(change(&kept).starts_with("header-appeared:"));
        fs::remove_file(&header).expect("remove");
        assert!(change(&kept).starts_with("header-changed:"));
        fs::remove_dir_all(&directory).expect("clean up");
    }

    /// What had to be read because it was young or touched is found by its stamp the next time.
    #[test]
    fn a_list_can_be_made_faster() {
        let directory = std::env::temp_dir().join(format!("coex-inputs-old-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("temporary directory");
        let file = directory.join("a.coex");
        fs::write(&file, "one").expect("write");
        let mut inputs = Inputs::default();
        inputs.read(&file).expect("read");
        assert!(inputs.refreshed().is_none(), "still young");
        let Some(Input::File { fact, .. }) = inputs.list.first_mut() else { panic!("a file") };
        fact.path = PathBuf::from("/bin/sh");
        fact.hash = blake3::hash(&fs::read("/bin/sh").expect("sh")).to_hex().to_string();
        fact.stamp.size = fs::metadata("/bin/sh").expect("sh").len();
        assert_eq!(inputs.compare(), Comparison::SameAfterReading);
        assert_eq!(inputs.refreshed().expect("old by now").compare(), Comparison::Same);
        fs::remove_dir_all(&directory).expect("clean up");
    }
}
