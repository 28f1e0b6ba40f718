//! The index of a registry: one file a package, one release a line, only ever appended to.
//!
//! In: the bytes of such a file. Out: its releases in the order of their versions, or the first line that breaks a rule.
//! Deliberately not here: where the bytes come from (`registry`) and how lines get there (`maintain`).
//!
//! ```text
//! {"name":"regex","version":"1.0.0","tree":"HASH","size":BYTES,"published":SECONDS,"depends":{"text":"^1.2"},…}
//! {"name":"regex","version":"1.0.0","yank":"why nobody should begin to use it"}
//! ```

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use super::error::PackageError;
use super::identity::{self, PackageId};
use super::signature;
use crate::cxz::archive::limits;

pub const MAX_INDEX_BYTES: u64 = 8 << 20;
const MAX_LINE_BYTES: usize = 64 << 10;
const MAX_DEPENDS: usize = 256;

/// One version of a package, as the index promises it.
#[derive(Clone, PartialEq, Debug)]
pub struct Release {
    pub id: PackageId,
    /// BLAKE3 of (path, length, bytes) of every file.
    pub tree: blake3::Hash,
    /// Of the archive.
    pub size: u64,
    /// Seconds since 1970.
    pub published: u64,
    pub depends: BTreeMap<String, VersionReq>,
    /// The compiler versions that it is made for.
    pub coex: Option<VersionReq>,
    pub description: String,
    /// The public key of who signed it.
    pub signer: Option<String>,
    /// Why nobody should begin to use it.
    pub yanked: Option<String>,
}

/// Unknown keys are ignored: a later tool may say more.
#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    yank: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tree: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    depends: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coex: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
}

/// Where a package's lines stand: `index/re/ge/regex.jsonl`; short names are filled up with `_`.
pub fn path(name: &str) -> String {
    let padded = format!("{name:_<4}");
    format!("index/{}/{}/{name}.jsonl", &padded[..2], &padded[2..4])
}

/// Where a package's archive stands.
pub fn archive_path(id: &PackageId) -> String {
    format!("dl/{0}/{0}-{1}.cxz", id.name, id.version)
}

/// Where the signature of a package's archive stands.
pub fn signature_path(id: &PackageId) -> String {
    archive_path(id) + ".minisig"
}

/// The line that promises a release.
pub fn release_line(release: &Release) -> String {
    line(&Line {
        name: release.id.name.clone(),
        version: release.id.version.to_string(),
        yank: None,
        tree: Some(release.tree.to_hex().to_string()),
        size: Some(release.size),
        published: Some(release.published),
        depends: release.depends.iter().map(|(name, wanted)| (name.clone(), wanted.to_string())).collect(),
        coex: release.coex.as_ref().map(ToString::to_string),
        description: release.description.clone(),
        signer: release.signer.clone(),
    })
}

/// The line that takes a release back.
pub fn yank_line(id: &PackageId, reason: &str) -> String {
    line(&Line {
        name: id.name.clone(),
        version: id.version.to_string(),
        yank: Some(reason.to_owned()),
        tree: None,
        size: None,
        published: None,
        depends: BTreeMap::new(),
        coex: None,
        description: String::new(),
        signer: None,
    })
}

fn line(line: &Line) -> String {
    match serde_json::to_string(line) {
        Ok(text) => text + "\n",
        Err(error) => crate::bug!("an index line of plain texts is JSON: {error}"),
    }
}

/// The releases of `name`. `place` is how the file is named in messages.
pub fn parse(name: &str, bytes: &[u8], place: &str) -> Result<Vec<Release>, PackageError> {
    let mut releases: BTreeMap<Version, Release> = BTreeMap::new();
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // A last line without its end was cut off on the way.
    if lines.pop().is_some_and(|rest| !rest.is_empty()) {
        let place = format!("{place}:{}", lines.len() + 1);
        return Err(PackageError::registry(place, "the last line of the index has no end"));
    }
    for (index, bytes) in lines.into_iter().enumerate() {
        let refuse = |reason: String| PackageError::registry(format!("{place}:{}", index + 1), reason);
        if bytes.len() > MAX_LINE_BYTES {
            return Err(refuse("a line of the index is longer than 64 KiB".to_owned()));
        }
        let line: Line = serde_json::from_slice(bytes)
            .map_err(|error| refuse(format!("a line of the index is not valid JSON: {error}")))?;
        if line.name != name {
            return Err(refuse("a line of the index speaks of another package".to_owned()));
        }
        let version = identity::version(&line.version)
            .ok_or_else(|| refuse("'version' must be a semantic version without build metadata".to_owned()))?;
        if let Some(reason) = line.yank {
            let known = releases.get_mut(&version);
            let release = known.ok_or_else(|| refuse("a release is taken back that was never made".to_owned()))?;
            release.yanked = Some(reason);
            continue;
        }
        let release = release(line, version.clone()).map_err(refuse)?;
        if releases.insert(version.clone(), release).is_some() {
            return Err(refuse(format!("version {version} stands there twice")));
        }
    }
    Ok(releases.into_values().collect())
}

fn release(line: Line, version: Version) -> Result<Release, String> {
    let tree = line.tree.as_deref().and_then(identity::tree_hash);
    let tree = tree.ok_or("'tree' must be 64 lower-case hexadecimal digits")?;
    let size = line.size.filter(|size| *size <= limits::ARCHIVE_BYTES).ok_or("'size' must be at most 64 MiB")?;
    let published = line.published.ok_or("'published' is missing")?;
    if line.depends.len() > MAX_DEPENDS {
        return Err(format!("a release depends on more than {MAX_DEPENDS} packages"));
    }
    let mut depends = BTreeMap::new();
    for (name, wanted) in line.depends {
        let name = identity::name(&name).ok_or("'depends' has a name that no package can have")?;
        let wanted = identity::requirement(&wanted).ok_or("'depends' has a requirement that is none")?;
        depends.insert(name, wanted);
    }
    let coex = line.coex.map(|text| identity::requirement(&text).ok_or("'coex' must be a version requirement"));
    let id = PackageId { name: line.name, version };
    let description = line.description;
    let signer = line.signer.map(|text| signature::key(&text).ok_or("'signer' must be a public key of minisign"));
    Ok(Release {
        id,
        tree,
        size,
        published,
        depends,
        coex: coex.transpose()?,
        description,
        signer: signer.transpose()?,
        yanked: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Release {
        Release {
            id: PackageId { name: "regex".to_owned(), version: Version::new(1, 2, 0) },
            tree: blake3::hash(b"tree"),
            size: 100,
            published: 1_700_000_000,
            depends: BTreeMap::from([("text".to_owned(), VersionReq::parse("^1.2").expect("requirement"))]),
            coex: VersionReq::parse(">=0.1").ok(),
            description: "a \"quoted\"\nline".to_owned(),
            signer: None,
            yanked: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut release = sample();
        let text = release_line(&release);
        assert_eq!(parse("regex", text.as_bytes(), "i").expect("reads"), [release.clone()]);
        release.yanked = Some("broken".to_owned());
        let text = text + &yank_line(&release.id, "broken");
        assert_eq!(parse("regex", text.as_bytes(), "i").expect("reads"), [release]);
    }

    #[test]
    fn places_depend_on_the_name_alone() {
        assert_eq!(path("regex"), "index/re/ge/regex.jsonl");
        assert_eq!(path("abc"), "index/ab/c_/abc.jsonl");
        assert_eq!(path("a"), "index/a_/__/a.jsonl");
    }

    #[test]
    fn hostile_lines_are_refused_with_their_place() {
        let good = release_line(&sample());
        let cases = [
            (good.trim_end().to_owned(), "no end"),
            (format!("{good}{good}"), "twice"),
            (good.replace("regex", "other"), "another package"),
            (good.replace("1.2.0", "1.2.0/../../x"), "semantic version"),
            (good.replace("1.2.0", "1.2.0+a"), "semantic version"),
            (good.replace("\"text\"", "\"../text\""), "no package can have"),
            (good.replace("^1.2", "^^"), "a requirement that is none"),
            (good.replace("\"size\":100", "\"size\":99999999999"), "64 MiB"),
            (good.replace("\"size\":100", "\"size\":-1"), "not valid JSON"),
            (good.replace("\"tree\":\"", "\"tree\":\"AA"), "64 lower-case"),
            (format!("{good}\n"), "not valid JSON"),
            (format!("{good}[]\n"), "not valid JSON"),
            (format!("{}{}\n", "[".repeat(60_000), "]".repeat(4_000)), "not valid JSON"),
            (format!("{good}{}\n", " ".repeat(70_000)), "64 KiB"),
            (yank_line(&sample().id, "x"), "never made"),
        ];
        for (text, expected) in cases {
            let error = parse("regex", text.as_bytes(), "i").expect_err(expected);
            let PackageError::Registry { place, reason } = error else { panic!("{error:?}") };
            assert!(reason.contains(expected), "{reason} / {expected}");
            assert!(place.starts_with("i:"), "{place}");
        }
    }

    /// Whatever a byte becomes, the reader says so or reads releases of this package only.
    #[test]
    fn damaged_lines_do_no_harm() {
        let good = (release_line(&sample()) + &yank_line(&sample().id, "broken")).into_bytes();
        for at in 0..good.len() {
            for byte in [0, b'\n', b'"', b'.', b'/', b'9', b'}', 0xff] {
                let mut bytes = good.clone();
                bytes[at] = byte;
                for text in [&bytes[..], &bytes[at..], &bytes[..at]] {
                    for release in parse("regex", text, "i").unwrap_or_default() {
                        assert_eq!(release.id.name, "regex");
                        assert!(!archive_path(&release.id).contains(".."), "{}", release.id);
                    }
                }
            }
        }
    }
}
