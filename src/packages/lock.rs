//! The lock file `coex.lock`: what was chosen, by content.
//!
//! In: its text, as untrusted as any other. Out: a [`Lock`], and from it the same text again: it depends on the choices
//! alone. Deliberately not here: choosing (`project`), and holding programs to it (`locked`).
//!
//! ```text
//! schema = 1
//!
//! [[package]]
//! name = "regex"
//! version = "1.0.0"
//! source = "registry+file:///home/me/registry"
//! tree = "64 digits"                 BLAKE3 of (path, length, bytes) of every file
//! signer = "RW…"                     the public key of who signs it, pinned when first seen
//! wanted = "^1.0.0"                  somebody asked for it by name
//! depends = { text = "^1.2" }
//!
//! [[registry]]                       where a registry is signed that a package comes from
//! url = "file:///home/me/registry"
//! signer = "RW…"                     the public key of who signs it, pinned when first seen
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use semver::VersionReq;
use serde::Deserialize;
use toml::Spanned;

use super::error::PackageError;
use super::identity::{self, PackageId};
use super::signature;
use super::store::{read_bounded, write_atomically};

pub const FILE_NAME: &str = "coex.lock";
const SCHEMA: u32 = 1;
const MAX_BYTES: u64 = 4 << 20;
const MAX_SOURCE_BYTES: usize = 4096;
const HEAD: &str = "# Written by `coex pkg`; keep it in version control.\n";

/// Where an archive comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A registry, by the name it has in messages.
    Registry(String),
    /// A file that was installed as it stands, as a URL.
    Archive(String),
}

impl Source {
    fn parse(text: &str) -> Option<Source> {
        let (kind, url) = text.split_once('+')?;
        let url = plain_url(url)?;
        match kind {
            "registry" => Some(Source::Registry(url)),
            "archive" => Some(Source::Archive(url)),
            _ => None,
        }
    }

    pub fn text(&self) -> String {
        match self {
            Source::Registry(url) => format!("registry+{url}"),
            Source::Archive(url) => format!("archive+{url}"),
        }
    }

    pub fn registry(&self) -> Option<&str> {
        match self {
            Source::Registry(url) => Some(url),
            Source::Archive(_) => None,
        }
    }
}

fn plain_url(text: &str) -> Option<String> {
    let is_plain = text.len() <= MAX_SOURCE_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    (is_plain && text.contains("://")).then(|| text.to_owned())
}

#[derive(Clone, PartialEq, Debug)]
pub struct Locked {
    pub id: PackageId,
    pub source: Source,
    pub tree: blake3::Hash,
    /// What was asked for by name; absent for what others need.
    pub wanted: Option<VersionReq>,
    pub depends: BTreeMap<String, VersionReq>,
    /// The key that signs this package, pinned when it was first seen.
    pub signer: Option<String>,
}

impl Locked {
    /// Where a vendored copy lies.
    pub fn vendored(&self, lock_path: &Path) -> PathBuf {
        lock_path.with_file_name("lib").join(format!("{}.cxz", self.id.name))
    }

    pub fn not_installed(&self, lock_path: &Path) -> PackageError {
        PackageError::NotInstalled { package: self.id.to_string(), path: lock_path.to_owned() }
    }
}

#[derive(Clone, Default, PartialEq, Debug)]
pub struct Lock {
    /// By name: a project has one version of a package.
    pub packages: BTreeMap<String, Locked>,
    /// The keys that sign registries, by the names of these, pinned when they were first seen.
    pub keys: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Spanned<u32>,
    #[serde(default)]
    package: Vec<Spanned<Entry>>,
    #[serde(default)]
    registry: Vec<Spanned<SignedRegistry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    version: Spanned<String>,
    source: Spanned<String>,
    tree: Spanned<String>,
    wanted: Option<Spanned<String>>,
    #[serde(default)]
    depends: BTreeMap<String, Spanned<String>>,
    signer: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedRegistry {
    url: Spanned<String>,
    signer: Spanned<String>,
}

/// The lock file of a directory or of one above it.
pub fn find(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().map(|above| above.join(FILE_NAME)).find(|path| path.is_file())
}

/// `None` when there is no such file.
pub fn read(path: &Path) -> Result<Option<Lock>, PackageError> {
    let refuse = |reason| PackageError::Lock { path: path.to_owned(), line: None, reason };
    match read_bounded(path, MAX_BYTES).map_err(refuse)? {
        Some(bytes) => parse(&bytes, path).map(Some),
        None => Ok(None),
    }
}

pub fn parse(bytes: &[u8], path: &Path) -> Result<Lock, PackageError> {
    let refuse = |line, reason: String| PackageError::Lock { path: path.to_owned(), line, reason };
    let text = std::str::from_utf8(bytes).map_err(|_| refuse(None, "it is not UTF-8".to_owned()))?;
    let line = |at: usize| Some(text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1);
    let file: File = toml::from_str(text)
        .map_err(|error| refuse(error.span().and_then(|span| line(span.start)), error.message().to_owned()))?;
    if *file.schema.get_ref() != SCHEMA {
        let reason = format!("its schema is {}, this version knows {SCHEMA}", file.schema.get_ref());
        return Err(refuse(line(file.schema.span().start), reason));
    }
    let mut lock = Lock::default();
    for entry in file.package {
        let at = entry.span().start;
        let locked = locked(entry.into_inner()).map_err(|(at, reason)| refuse(line(at), reason.to_owned()))?;
        let name = locked.id.name.clone();
        if lock.packages.insert(name.clone(), locked).is_some() {
            return Err(refuse(line(at), format!("package '{name}' stands there twice")));
        }
    }
    for entry in file.registry {
        let at = entry.span().start;
        let (url, key) =
            signed_registry(&entry.into_inner()).map_err(|(at, reason)| refuse(line(at), reason.to_owned()))?;
        if lock.keys.insert(url.clone(), key).is_some() {
            return Err(refuse(line(at), format!("registry '{url}' stands there twice")));
        }
    }
    for locked in lock.packages.values() {
        if let Some(missing) = locked.depends.keys().find(|name| !lock.packages.contains_key(*name)) {
            return Err(refuse(None, format!("'{}' needs '{missing}', which is not there", locked.id.name)));
        }
    }
    Ok(lock)
}

/// What is wrong with a value, and where it begins.
type Refusal = (usize, &'static str);

fn take<T>(field: &Spanned<String>, parse: impl Fn(&str) -> Option<T>, rule: &'static str) -> Result<T, Refusal> {
    parse(field.get_ref()).ok_or((field.span().start, rule))
}

fn key(field: &Spanned<String>) -> Result<String, Refusal> {
    take(field, signature::key, "'signer' must be a public key of minisign")
}

fn signed_registry(entry: &SignedRegistry) -> Result<(String, String), Refusal> {
    Ok((take(&entry.url, plain_url, "'url' must be a URL")?, key(&entry.signer)?))
}

fn locked(entry: Entry) -> Result<Locked, Refusal> {
    const REQUIREMENT: &str = "a version requirement is expected";
    let name = take(&entry.name, identity::name, "'name' must fit [a-z][a-z0-9_-]{0,63}")?;
    let version =
        take(&entry.version, identity::version, "'version' must be a semantic version without build metadata")?;
    let source = take(&entry.source, Source::parse, "'source' must be 'registry+URL' or 'archive+URL'")?;
    let tree = take(&entry.tree, identity::tree_hash, "'tree' must be 64 lower-case hexadecimal digits")?;
    let wanted = entry.wanted.map(|wanted| take(&wanted, identity::requirement, REQUIREMENT)).transpose()?;
    let mut depends = BTreeMap::new();
    for (name, wanted) in entry.depends {
        let key =
            identity::name(&name).ok_or((wanted.span().start, "'depends' has a name that no package can have"))?;
        depends.insert(key, take(&wanted, identity::requirement, REQUIREMENT)?);
    }
    let signer = entry.signer.as_ref().map(key).transpose()?;
    Ok(Locked { id: PackageId { name, version }, source, tree, wanted, depends, signer })
}

impl Lock {
    pub fn to_text(&self) -> String {
        // Other texts fit a grammar without quotes and backslashes.
        let quoted = |url: &str| url.replace('\\', "\\\\").replace('"', "\\\"");
        let mut text = format!("{HEAD}schema = {SCHEMA}\n");
        for locked in self.packages.values() {
            text.push_str(&format!(
                "\n[[package]]\nname = \"{}\"\nversion = \"{}\"\nsource = \"{}\"\ntree = \"{}\"\n",
                locked.id.name,
                locked.id.version,
                quoted(&locked.source.text()),
                locked.tree.to_hex()
            ));
            if let Some(signer) = &locked.signer {
                text.push_str(&format!("signer = \"{signer}\"\n"));
            }
            if let Some(wanted) = &locked.wanted {
                text.push_str(&format!("wanted = \"{wanted}\"\n"));
            }
            if !locked.depends.is_empty() {
                let list: Vec<String> =
                    locked.depends.iter().map(|(name, wanted)| format!("{name} = \"{wanted}\"")).collect();
                text.push_str(&format!("depends = {{ {} }}\n", list.join(", ")));
            }
        }
        for (url, key) in &self.keys {
            text.push_str(&format!("\n[[registry]]\nurl = \"{}\"\nsigner = \"{key}\"\n", quoted(url)));
        }
        text
    }

    pub fn write(&self, path: &Path) -> Result<(), PackageError> {
        write_atomically(path, self.to_text().as_bytes())
    }

    /// What was asked for by name.
    pub fn roots(&self) -> BTreeMap<String, VersionReq> {
        let wanted = |(name, locked): (&String, &Locked)| Some((name.clone(), locked.wanted.clone()?));
        self.packages.iter().filter_map(wanted).collect()
    }

    /// What has changed in `after`: the name of each such package, and a line for it.
    pub fn differences(&self, after: &Lock) -> Vec<(String, String)> {
        let names: BTreeSet<&String> = self.packages.keys().chain(after.packages.keys()).collect();
        let line = |name: &String| match (self.packages.get(name), after.packages.get(name)) {
            (None, Some(new)) => Some(format!("+ {}", new.id)),
            (Some(old), None) => Some(format!("- {}", old.id)),
            (Some(old), Some(new)) if old.id != new.id => Some(format!("{} -> {}", old.id, new.id.version)),
            (Some(old), Some(new)) if old != new => Some(format!("~ {}", new.id)),
            _ => None,
        };
        names.into_iter().filter_map(|name| Some((name.clone(), line(name)?))).collect()
    }

    /// The names of the registries that packages come from.
    pub fn registries(&self) -> BTreeSet<&str> {
        self.packages.values().filter_map(|locked| locked.source.registry()).collect()
    }

    /// Removes what nobody asks for or needs any more.
    pub fn prune(&mut self) {
        let roots = self.packages.values().filter(|locked| locked.wanted.is_some());
        let mut pending: Vec<String> = roots.map(|locked| locked.id.name.clone()).collect();
        let mut needed = BTreeSet::new();
        while let Some(name) = pending.pop() {
            if let Some(locked) = self.packages.get(&name).filter(|_| needed.insert(name.clone())) {
                pending.extend(locked.depends.keys().cloned());
            }
        }
        self.packages.retain(|name, _| needed.contains(name));
        let used: BTreeSet<String> = self.registries().into_iter().map(str::to_owned).collect();
        self.keys.retain(|url, _| used.contains(url));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Lock {
        let requirement = |text: &str| VersionReq::parse(text).expect("requirement");
        let package = |name: &str, wanted: Option<&str>, depends: &[&str]| Locked {
            id: PackageId { name: name.to_owned(), version: semver::Version::new(1, 0, 0) },
            source: Source::Registry("file:///r%20x".to_owned()),
            tree: blake3::hash(name.as_bytes()),
            wanted: wanted.map(requirement),
            depends: depends.iter().map(|name| ((*name).to_owned(), requirement(">=1, <3"))).collect(),
            signer: None,
        };
        let list =
            [package("app", Some("^1.0.0"), &["text"]), package("text", None, &["low"]), package("low", None, &[])];
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".to_owned();
        Lock {
            packages: list.into_iter().map(|locked| (locked.id.name.clone(), locked)).collect(),
            keys: BTreeMap::from([("file:///r%20x".to_owned(), key)]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = sample().to_text();
        let read = parse(text.as_bytes(), Path::new("coex.lock")).expect("reads");
        assert_eq!(read, sample());
        assert_eq!(read.to_text(), text);
    }

    #[test]
    fn what_nobody_needs_goes() {
        let mut lock = sample();
        lock.prune();
        assert_eq!(lock, sample());
        lock.packages.get_mut("app").expect("app").wanted = None;
        lock.prune();
        assert_eq!(lock, Lock::default());
    }

    #[test]
    fn hostile_lock_files_are_refused_at_their_line() {
        let good = sample().to_text();
        let cases = [
            (good.replace("schema = 1", "schema = 2"), Some(2), "schema"),
            (
                good.replace("\"low\"\nversion = \"1.0.0\"", "\"low\"\nversion = \"1.0.0/../../x\""),
                Some(14),
                "semantic",
            ),
            (good.replace("name = \"low\"", "name = \"../low\""), Some(13), "must fit"),
            (good.replace("registry+", "git+"), Some(7), "registry+URL"),
            (good.replace("tree = \"", "tree = \"0"), Some(8), "64 lower-case"),
            (good.replace("{ low", "{ gone"), None, "not there"),
            (good.replace("name = \"low\"", "name = \"text\""), Some(18), "twice"),
            (good.replace("wanted =", "wonted ="), Some(9), "unknown field"),
            (good.replace("url = \"file://", "url = \"file"), Some(26), "'url' must be"),
            (good.replace("signer = \"RW", "signer = \"WR"), Some(27), "public key"),
            (format!("{good}{}", &good[good.find("\n[[registry").expect("one")..]), Some(29), "twice"),
            ("schema = ".to_owned(), Some(1), ""),
            (String::new(), None, "schema"),
        ];
        for (text, expected_line, expected) in cases {
            let error = parse(text.as_bytes(), Path::new("coex.lock")).expect_err(expected);
            let PackageError::Lock { line, reason, .. } = error else { panic!("{error:?}") };
            assert!(reason.contains(expected), "{reason} / {expected}");
            if expected_line.is_some() {
                assert_eq!(line, expected_line, "{reason}");
            }
        }
        assert!(parse(b"\xff", Path::new("coex.lock")).is_err());
    }

    /// Whatever a byte becomes, the reader says so or reads something that can be written again.
    #[test]
    fn damaged_lock_files_do_no_harm() {
        let good = sample().to_text().into_bytes();
        for at in 0..good.len() {
            for byte in [0, b'\n', b'"', b'.', b'/', b'9', b'}', 0xff] {
                let mut bytes = good.clone();
                bytes[at] = byte;
                for text in [&bytes[..], &bytes[at..], &bytes[..at]] {
                    if let Ok(lock) = parse(text, Path::new("coex.lock")) {
                        assert_eq!(parse(lock.to_text().as_bytes(), Path::new("coex.lock")).expect("reads"), lock);
                    }
                }
            }
        }
    }
}
