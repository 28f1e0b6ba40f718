//! The snapshot of a registry: one list of all packages, so that one question tells what has changed.
//!
//! In: the bytes of `snapshot.jsonl`, or the releases of packages. Out: for each package the length and hash of its
//! index file, and what a search needs. A registry may do without one. Deliberately not here: who may be believed
//! (`registry`).
//!
//! ```text
//! {"schema":"coex-snapshot/1","counter":17,"expires":SECONDS}       the counter only grows; `expires` only when signed
//! {"name":"regex","bytes":512,"hash":"BLAKE3","newest":"1.1.0","first":SECONDS,"releases":2,"description":"…"}
//! ```
//!
//! An index file only grows, so its first `bytes` bytes keep their hash while lines are added.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::error::{PackageError, printable};
use super::identity;
use super::index::Release;

pub(super) const FILE_NAME: &str = "snapshot.jsonl";
pub(super) const SIGNATURE_NAME: &str = "snapshot.jsonl.minisig";
pub(super) const MAX_BYTES: u64 = 64 << 20;
const SCHEMA: &str = "coex-snapshot/1";

#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) counter: u64,
    /// Seconds since 1970.
    pub(super) expires: Option<u64>,
    pub(super) packages: BTreeMap<String, Known>,
}

/// What it says of one package.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Known {
    pub(super) bytes: u64,
    pub(super) hash: blake3::Hash,
    /// That was not taken back.
    pub(super) newest: Option<Version>,
    /// When the package appeared, in seconds since 1970.
    pub(super) first: u64,
    pub(super) releases: u64,
    pub(super) description: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    schema: String,
    counter: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    bytes: u64,
    hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<String>,
    first: u64,
    releases: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
}

impl Known {
    /// Of an index file and what it says.
    pub(super) fn of(bytes: &[u8], releases: &[Release]) -> Known {
        let newest = releases.iter().rev().find(|release| release.yanked.is_none());
        Known {
            bytes: bytes.len() as u64,
            hash: blake3::hash(bytes),
            newest: newest.map(|release| release.id.version.clone()),
            first: releases.iter().map(|release| release.published).min().unwrap_or(0),
            releases: releases.len() as u64,
            description: newest.map(|release| release.description.clone()).unwrap_or_default(),
        }
    }

    /// The part of an index file that it speaks of, when the file is the promised one or a longer one.
    pub(super) fn part_of<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let part = bytes.get(..usize::try_from(self.bytes).ok()?)?;
        (blake3::hash(part) == self.hash).then_some(part)
    }
}

impl Snapshot {
    pub(super) fn to_text(&self) -> String {
        let head = Head { schema: SCHEMA.to_owned(), counter: self.counter, expires: self.expires };
        let mut text = json(&head);
        for (name, known) in &self.packages {
            text.push_str(&json(&Line {
                name: name.clone(),
                bytes: known.bytes,
                hash: known.hash.to_hex().to_string(),
                newest: known.newest.as_ref().map(ToString::to_string),
                first: known.first,
                releases: known.releases,
                description: known.description.clone(),
            }));
        }
        text
    }
}

fn json(value: &impl Serialize) -> String {
    match serde_json::to_string(value) {
        Ok(text) => text + "\n",
        Err(error) => crate::bug!("a snapshot of plain texts is JSON: {error}"),
    }
}

/// `place` is how the file is named in messages.
pub(super) fn parse(bytes: &[u8], place: &str) -> Result<Snapshot, PackageError> {
    let refuse = |line: usize, reason: String| PackageError::registry(format!("{place}:{line}"), reason);
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let (_, head) = lines.next().unwrap_or_default();
    let head: Head = serde_json::from_slice(head)
        .map_err(|error| refuse(1, format!("the head of the snapshot is not valid: {error}")))?;
    if head.schema != SCHEMA {
        let reason = format!("its schema is '{}', this version knows '{SCHEMA}'", printable(&head.schema));
        return Err(refuse(1, reason));
    }
    if bytes.last() != Some(&b'\n') {
        return Err(PackageError::registry(place, "the last line of the snapshot has no end"));
    }
    let mut snapshot = Snapshot { counter: head.counter, expires: head.expires, packages: BTreeMap::new() };
    for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let refuse = |reason: String| refuse(index + 1, reason);
        let line: Line = serde_json::from_slice(line)
            .map_err(|error| refuse(format!("a line of the snapshot is not valid: {error}")))?;
        let name = identity::name(&line.name).ok_or_else(|| refuse("no package can have this name".to_owned()))?;
        let known = known(line).map_err(|reason| refuse(reason.to_owned()))?;
        if snapshot.packages.insert(name, known).is_some() {
            return Err(refuse("a package stands there twice".to_owned()));
        }
    }
    Ok(snapshot)
}

fn known(line: Line) -> Result<Known, &'static str> {
    let hash = identity::tree_hash(&line.hash).ok_or("'hash' must be 64 lower-case hexadecimal digits")?;
    let newest = line.newest.map(|text| identity::version(&text).ok_or("'newest' must be a semantic version"));
    Ok(Known {
        bytes: line.bytes,
        hash,
        newest: newest.transpose()?,
        first: line.first,
        releases: line.releases,
        description: line.description,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Snapshot {
        let known = Known {
            bytes: 3,
            hash: blake3::hash(b"abc"),
            newest: Some(Version::new(1, 2, 0)),
            first: 5,
            releases: 2,
            description: "a \"quoted\"\nline".to_owned(),
        };
        let bare = Known { newest: None, description: String::new(), ..known.clone() };
        let packages = [("regex".to_owned(), known), ("text".to_owned(), bare)];
        Snapshot { counter: 7, expires: Some(9), packages: packages.into() }
    }

    #[test]
    fn what_is_written_is_read() {
        let read = parse(sample().to_text().as_bytes(), "s").expect("reads");
        assert_eq!((read.counter, read.expires), (7, Some(9)));
        assert_eq!(read.packages, sample().packages);
        let known = &read.packages["regex"];
        assert_eq!(known.part_of(b"abcdef"), Some(&b"abc"[..]));
        assert_eq!((known.part_of(b"ab"), known.part_of(b"abd")), (None, None));
    }

    #[test]
    fn hostile_snapshots_are_refused() {
        let good = sample().to_text();
        let cases = [
            (String::new(), "head of the snapshot"),
            ("<html>\n".to_owned(), "head of the snapshot"),
            (good.replace("snapshot/1", "snapshot/9"), "its schema is"),
            (good.trim_end().to_owned(), "no end"),
            (good.replace("\"regex\"", "\"../regex\""), "no package can have"),
            (good.replace("\"regex\"", "\"text\""), "twice"),
            (good.replace("1.2.0", "1.2.0/.."), "semantic version"),
            (good.replace("\"hash\":\"", "\"hash\":\"0"), "64 lower-case"),
            (good.replace("\"bytes\":3", "\"bytes\":-3"), "is not valid"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes(), "s").map(|_| ()).expect_err(expected);
            let PackageError::Registry { reason, .. } = error else { panic!("{error:?}") };
            assert!(reason.contains(expected), "{reason} / {expected}");
        }
        let good = good.into_bytes();
        for at in 0..good.len() {
            for byte in [0, b'\n', b'"', b'9', b'}', 0xff] {
                let mut bytes = good.clone();
                bytes[at] = byte;
                let names = parse(&bytes, "s").map(|read| read.packages.into_keys().collect()).unwrap_or(Vec::new());
                assert!(names.iter().all(|name| identity::name(name).is_some()), "{names:?}");
            }
        }
    }
}
