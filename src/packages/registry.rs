//! A registry: a plain directory with an index and archives.
//!
//! In: where it is (a path or a `file://` URL). Out: the releases of a package, and archives. Nothing that it holds is
//! believed; what it says is judged by `index`, what it delivers by `store`. Deliberately not here: changing one
//! (`maintain`).
//!
//! ```text
//! config.json                       {"schema":"coex-registry/1"}
//! index/re/ge/regex.jsonl           one release a line
//! dl/regex/regex-1.0.0.cxz          the archives
//! dl/regex/regex-1.0.0.cxz.minisig  their signatures, where the index names a signer
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Deserialize;

use super::error::{PackageError, io_reason, printable};
use super::identity::{self, PackageId};
use super::index::{self, MAX_INDEX_BYTES, Release};
use super::signature;
use super::store::{self, read_bounded};
use crate::cxz::Library;
use crate::cxz::archive::limits;

pub const SCHEMA: &str = "coex-registry/1";
const MAX_CONFIG_BYTES: u64 = 64 << 10;

#[derive(Deserialize)]
struct Config {
    schema: String,
}

pub struct Registry {
    /// `file:///home/me/registry`: what lock files and messages call it.
    pub name: String,
    pub(super) root: PathBuf,
    known: RefCell<BTreeMap<String, Rc<Vec<Release>>>>,
}

impl Registry {
    pub fn open(location: &str) -> Result<Registry, PackageError> {
        let root = directory(location)?;
        let unreachable = |reason| PackageError::Unreachable { registry: location.to_owned(), reason };
        let root = root.canonicalize().map_err(|error| unreachable(io_reason(&error)))?;
        let registry = Registry { name: file_url(&root), root, known: RefCell::default() };
        let place = registry.place("config.json");
        let Some(bytes) = registry.read("config.json", MAX_CONFIG_BYTES)? else {
            return Err(unreachable("it has no config.json".to_owned()));
        };
        let config: Config = serde_json::from_slice(&bytes)
            .map_err(|error| PackageError::registry(&place, format!("its configuration is not valid: {error}")))?;
        if config.schema != SCHEMA {
            let reason = format!("its schema is '{}', this version knows '{SCHEMA}'", printable(&config.schema));
            return Err(PackageError::registry(place, reason));
        }
        Ok(registry)
    }

    /// How one of its files is named in messages.
    pub(super) fn place(&self, path: &str) -> String {
        format!("{}/{path}", self.name)
    }

    /// A file of it; `None` when there is none.
    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, PackageError> {
        let read = read_bounded(&self.root.join(path), limit);
        read.map_err(|reason| PackageError::registry(self.place(path), format!("it cannot be read: {reason}")))
    }

    /// All releases of a package in the order of their versions; none when there is no such package.
    pub fn releases(&self, name: &str) -> Result<Rc<Vec<Release>>, PackageError> {
        if let Some(known) = self.known.borrow().get(name) {
            return Ok(known.clone());
        }
        let path = index::path(name);
        let releases = match self.read(&path, MAX_INDEX_BYTES)? {
            Some(bytes) => index::parse(name, &bytes, &self.place(&path))?,
            None => Vec::new(),
        };
        let releases = Rc::new(releases);
        self.known.borrow_mut().insert(name.to_owned(), releases.clone());
        Ok(releases)
    }

    /// As `releases`, read again.
    pub(super) fn fresh(&self, name: &str) -> Result<Rc<Vec<Release>>, PackageError> {
        self.known.borrow_mut().remove(name);
        self.releases(name)
    }

    /// The bytes of an archive, not judged yet.
    pub fn archive(&self, id: &PackageId) -> Result<Vec<u8>, PackageError> {
        let path = index::archive_path(id);
        let bytes = self.read(&path, limits::ARCHIVE_BYTES)?;
        bytes.ok_or_else(|| PackageError::registry(self.place(&path), format!("the archive of {id} is missing")))
    }

    /// The bytes of a signature, not judged yet.
    pub(super) fn signature(&self, id: &PackageId) -> Result<Vec<u8>, PackageError> {
        let path = index::signature_path(id);
        let bytes = self.read(&path, signature::MAX_BYTES)?;
        bytes.ok_or_else(|| PackageError::registry(self.place(&path), format!("the signature of {id} is missing")))
    }

    /// The names of all packages, sorted. Whatever else lies in the index is skipped: `serve-check` complains of it.
    pub fn names(&self) -> Result<Vec<String>, PackageError> {
        let mut names = Vec::new();
        for path in files_below(&self.root.join("index"))? {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(name) = file.strip_suffix(".jsonl").and_then(identity::name) else { continue };
            if path.strip_prefix(&self.root).is_ok_and(|below| below == Path::new(&index::path(&name))) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The archive of a release, when it is exactly what the index promises.
    pub(super) fn verified(&self, release: &Release) -> Result<(Vec<u8>, Library), PackageError> {
        let id = &release.id;
        if let Some(key) = &release.signer {
            signature::check(id, &release.tree, key, &self.signature(id)?)?;
        }
        let bytes = self.archive(id)?;
        if bytes.len() as u64 != release.size {
            let reason = format!("the archive has {} bytes, promised are {}", bytes.len(), release.size);
            return Err(PackageError::mismatch(id.to_string(), reason));
        }
        let library = store::judge(&bytes, Path::new(&index::archive_path(id)))?;
        store::check(&library, id, &release.tree)?;
        same_depends(&library, release)?;
        Ok((bytes, library))
    }

    /// Packages whose name or description holds every word, with their newest release that counts.
    pub fn search(&self, words: &[String]) -> Result<Vec<(PackageId, String)>, PackageError> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let mut found = Vec::new();
        for name in self.names()? {
            let releases = self.releases(&name)?;
            let Some(newest) = releases.iter().rev().find(|release| release.yanked.is_none()) else { continue };
            let text = format!("{name} {}", newest.description.to_lowercase());
            if words.iter().all(|word| text.contains(word)) {
                found.push((newest.id.clone(), newest.description.clone()));
            }
        }
        Ok(found)
    }

    /// What a command says of a package that is not there.
    pub fn unknown(&self, wanted: &str, helps: Vec<String>) -> PackageError {
        PackageError::Unknown { wanted: wanted.to_owned(), registry: self.name.clone(), helps }
    }
}

/// A manifest must need what the index says.
pub(super) fn same_depends(library: &Library, release: &Release) -> Result<(), PackageError> {
    let manifest = library.manifest.depends.iter().map(|(name, wanted)| (name, &wanted.value));
    if manifest.eq(release.depends.iter()) {
        return Ok(());
    }
    let reason = "the index says that it needs other packages than its manifest does";
    Err(PackageError::mismatch(release.id.to_string(), reason))
}

/// Every file below a directory, links not followed.
pub(super) fn files_below(root: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let (mut files, mut pending) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = pending.pop() {
        let refuse = |error: std::io::Error| {
            PackageError::registry(file_url(&directory), format!("it cannot be read: {}", io_reason(&error)))
        };
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && directory == root => return Ok(files),
            other => other.map_err(refuse)?,
        };
        for entry in entries {
            let entry = entry.map_err(refuse)?;
            match entry.file_type().map_err(refuse)?.is_dir() {
                true => pending.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The directory that a path or a `file://` URL names.
pub(super) fn directory(location: &str) -> Result<PathBuf, PackageError> {
    let refuse =
        |reason: &str| Err(PackageError::Unreachable { registry: location.to_owned(), reason: reason.to_owned() });
    let Some((scheme, rest)) = location.split_once("://") else { return Ok(PathBuf::from(location)) };
    if scheme != "file" {
        return refuse("it must be a directory or a 'file://' URL");
    }
    match percent_decoded(rest) {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => refuse("a 'file://' URL needs an absolute path"),
    }
}

pub(super) fn file_url(path: &Path) -> String {
    let mut url = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(*byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%');
        let value = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(if *first == b'%' { value? } else { *first });
        rest = if *first == b'%' { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_files_go_both_ways() {
        for path in ["/a", "/a b/%41/ä", "/x?y#z"] {
            let url = file_url(Path::new(path));
            assert_eq!(directory(&url).expect("decodes"), Path::new(path), "{url}");
        }
        for bad in ["file://host/x", "file://", "ftp://x/y", "file:///a%", "file:///a%zz", "file:///%00"] {
            assert!(directory(bad).is_err(), "{bad}");
        }
    }
}
