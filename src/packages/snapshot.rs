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
use std::io::BufRead;
use std::ops::Range;
use std::rc::Rc;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::error::{PackageError, printable};
use super::identity;
use super::index::Release;
use crate::cxz::manifest::is_library_name;

pub(super) const FILE_NAME: &str = "snapshot.jsonl";
pub(super) const SIGNATURE_NAME: &str = "snapshot.jsonl.minisig";
pub(super) const MAX_BYTES: u64 = 64 << 20;
const SCHEMA: &str = "coex-snapshot/1";
const NAME: &[u8] = b"{\"name\":\"";
/// Little more than a name and a hash.
const USUAL_LINE_BYTES: usize = 128;

/// One that was read. Of thousands of lines a few are needed, so each is parsed when it is asked for.
pub(super) struct Snapshot {
    pub(super) counter: u64,
    /// Seconds since 1970.
    pub(super) expires: Option<u64>,
    text: Rc<Vec<u8>>,
    place: String,
    /// Where they stand, in the order of their names.
    lines: Vec<Range<usize>>,
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
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| name(&self.text[line.clone()]))
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Known>, PackageError> {
        let found = self.lines.binary_search_by(|line| unread_name(&self.text[line.clone()]).cmp(name.as_bytes()));
        let Ok(found) = found else { return Ok(None) };
        let refuse = |reason: String| PackageError::registry(format!("{}, '{name}'", self.place), reason);
        let line: Line = serde_json::from_slice(&self.text[self.lines[found].clone()])
            .map_err(|error| refuse(format!("a line of the snapshot is not valid: {error}")))?;
        if line.name != name {
            return Err(refuse("a line of the snapshot has two names".to_owned()));
        }
        known(line).map(Some).map_err(|reason| refuse(reason.to_owned()))
    }

    pub(super) fn packages(&self) -> Result<BTreeMap<String, Known>, PackageError> {
        let entry = |name: &str| Ok((name.to_owned(), self.get(name)?.unwrap_or_else(|| crate::bug!("it is listed"))));
        self.names().map(entry).collect()
    }
}

pub(super) fn to_text(counter: u64, expires: Option<u64>, packages: &BTreeMap<String, Known>) -> String {
    let mut text = json(&Head { schema: SCHEMA.to_owned(), counter, expires });
    for (name, known) in packages {
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

fn json(value: &impl Serialize) -> String {
    match serde_json::to_string(value) {
        Ok(text) => text + "\n",
        Err(error) => crate::bug!("a snapshot of plain texts is JSON: {error}"),
    }
}

/// `place` is how the file is named in messages.
pub(super) fn parse(text: Rc<Vec<u8>>, place: &str) -> Result<Snapshot, PackageError> {
    let refuse = |line: usize, reason: String| PackageError::registry(format!("{place}:{line}"), reason);
    let bytes: &[u8] = &text;
    let mut ranges = line_ranges(bytes).enumerate();
    let head = ranges.next().map_or(&[][..], |(_, range)| &bytes[range]);
    let head: Head = serde_json::from_slice(head)
        .map_err(|error| refuse(1, format!("the head of the snapshot is not valid: {error}")))?;
    if head.schema != SCHEMA {
        let reason = format!("its schema is '{}', this version knows '{SCHEMA}'", printable(&head.schema));
        return Err(refuse(1, reason));
    }
    if bytes.last() != Some(&b'\n') {
        return Err(PackageError::registry(place, "the last line of the snapshot has no end"));
    }
    let mut lines: Vec<Range<usize>> = Vec::with_capacity(bytes.len() / USUAL_LINE_BYTES);
    for (index, range) in ranges.filter(|(_, range)| !range.is_empty()) {
        if name(&bytes[range.clone()]).is_none() {
            return Err(refuse(index + 1, "a line of the snapshot does not begin with a package's name".to_owned()));
        }
        lines.push(range);
    }
    // They are written in this order; others may do it otherwise.
    let name_at = |range: &Range<usize>| unread_name(&bytes[range.clone()]);
    if !lines.is_sorted_by_key(name_at) {
        lines.sort_by_key(name_at);
    }
    if let Some(twice) = lines.windows(2).find(|pair| name_at(&pair[0]) == name_at(&pair[1])) {
        let line = line_ranges(bytes).take_while(|range| range.start <= twice[1].start).count();
        return Err(refuse(line, "a package stands there twice".to_owned()));
    }
    let place = place.to_owned();
    Ok(Snapshot { counter: head.counter, expires: head.expires, text, place, lines })
}

/// Each line without its end.
fn line_ranges(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let mut rest = &bytes[start..];
        // Reading from memory does not fail.
        let length = rest.skip_until(b'\n').ok().filter(|length| *length > 0)?;
        let has_end = bytes[start + length - 1] == b'\n';
        let range = start..start + length - usize::from(has_end);
        start += length;
        Some(range)
    })
}

/// Names need no escapes, so the first one can be seen without a parser.
fn name(line: &[u8]) -> Option<&str> {
    std::str::from_utf8(unread_name(line)).ok().filter(|name| is_library_name(name))
}

/// Nothing where a line does not begin with one.
fn unread_name(line: &[u8]) -> &[u8] {
    let rest = line.strip_prefix(NAME).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'"').map_or(&[], |end| &rest[..end])
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

    fn sample() -> BTreeMap<String, Known> {
        let known = Known {
            bytes: 3,
            hash: blake3::hash(b"abc"),
            newest: Some(Version::new(1, 2, 0)),
            first: 5,
            releases: 2,
            description: "a \"quoted\"\nline".to_owned(),
        };
        let bare = Known { newest: None, description: String::new(), ..known.clone() };
        [("regex".to_owned(), known), ("text".to_owned(), bare)].into()
    }

    #[test]
    fn what_is_written_is_read() {
        let read = parse(Rc::new(to_text(7, Some(9), &sample()).into_bytes()), "s").expect("reads");
        assert_eq!((read.counter, read.expires), (7, Some(9)));
        assert_eq!(read.packages().expect("reads"), sample());
        assert_eq!(read.get("other").expect("reads"), None);
        let known = &sample()["regex"];
        assert_eq!(known.part_of(b"abcdef"), Some(&b"abc"[..]));
        assert_eq!((known.part_of(b"ab"), known.part_of(b"abd")), (None, None));
    }

    #[test]
    fn hostile_snapshots_are_refused() {
        let good = to_text(7, Some(9), &sample());
        let cases = [
            (String::new(), "head of the snapshot"),
            ("<html>\n".to_owned(), "head of the snapshot"),
            (good.replace("snapshot/1", "snapshot/9"), "its schema is"),
            (good.trim_end().to_owned(), "no end"),
            (good.replace("\"regex\"", "\"../regex\""), "a package's name"),
            (good.replace("\"regex\"", "\"reg\\u0065x\""), "a package's name"),
            (good.replace("\"regex\"", "\"text\""), "twice"),
            (good.replace("1.2.0", "1.2.0/.."), "semantic version"),
            (good.replace("\"hash\":\"", "\"hash\":\"0"), "64 lower-case"),
            (good.replace("\"bytes\":3", "\"bytes\":-3"), "is not valid"),
            (good.replace("\"bytes\":3", "\"name\":\"x\",\"bytes\":3"), "is not valid"),
        ];
        for (text, expected) in cases {
            let read = parse(Rc::new(text.into_bytes()), "s").and_then(|read| read.packages());
            let PackageError::Registry { reason, .. } = read.expect_err(expected) else { panic!("{expected}") };
            assert!(reason.contains(expected), "{reason} / {expected}");
        }
        let good = good.into_bytes();
        for at in 0..good.len() {
            for byte in [0, b'\n', b'"', b'9', b'}', 0xff] {
                let mut bytes = good.clone();
                bytes[at] = byte;
                let Ok(read) = parse(Rc::new(bytes), "s") else { continue };
                assert!(read.names().all(|name| identity::name(name).is_some()));
                let _ = read.packages();
            }
        }
    }
}
