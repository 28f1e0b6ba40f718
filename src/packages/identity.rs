//! What names, versions and hashes of packages may be.
//!
//! In: texts of strangers. Out: typed values, or nothing. A path is made of these values only.

use std::fmt;

use semver::{Version, VersionReq};

use crate::cxz::manifest::is_library_name;

/// Longer ones name nothing that people talk about.
const MAX_VERSION_BYTES: usize = 64;
const MAX_REQUIREMENT_BYTES: usize = 256;

/// One version of one package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PackageId {
    pub name: String,
    pub version: Version,
}

impl fmt::Display for PackageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.version)
    }
}

pub fn name(text: &str) -> Option<String> {
    is_library_name(text).then(|| text.to_owned())
}

/// Build metadata would make two files of what is one version to everybody else.
pub fn version(text: &str) -> Option<Version> {
    let version = Version::parse(text).ok().filter(|_| text.len() <= MAX_VERSION_BYTES)?;
    version.build.is_empty().then_some(version)
}

pub fn requirement(text: &str) -> Option<VersionReq> {
    VersionReq::parse(text).ok().filter(|_| text.len() <= MAX_REQUIREMENT_BYTES)
}

/// 64 lower-case hexadecimal digits.
pub fn tree_hash(text: &str) -> Option<blake3::Hash> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !text.bytes().all(is_digit) {
        return None;
    }
    blake3::Hash::from_hex(text).ok()
}

/// What a user asks for: `NAME`, `NAME@1.2.3` (that version), `NAME@^1.2` or `NAME@1.2` (a requirement).
pub fn request(text: &str) -> Option<(String, Option<VersionReq>)> {
    let Some((before, after)) = text.split_once('@') else { return Some((name(text)?, None)) };
    let wanted = match version(after) {
        Some(version) => requirement(&format!("={version}"))?,
        None => requirement(after)?,
    };
    Some((name(before)?, Some(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_make_harmless_file_names() {
        assert!(version("1.2.3").is_some() && version("1.2.3-alpha.1").is_some());
        for bad in ["", "1", "1.2", "1.0.0/../../x", "1.0.0+build", " 1.0.0", "1.0.0\n", "01.0.0", "v1.0.0", "1.0.0-é"]
        {
            assert_eq!(version(bad), None, "{bad}");
        }
        assert_eq!(version(&format!("1.0.0-{}", "a".repeat(80))), None);
    }

    #[test]
    fn hashes_have_one_spelling() {
        let hash = blake3::hash(b"x").to_hex().to_string();
        assert!(tree_hash(&hash).is_some());
        for bad in [hash.to_uppercase(), hash[1..].to_owned(), format!("{hash}0"), "g".repeat(64), String::new()] {
            assert_eq!(tree_hash(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_whole_version_means_that_version() {
        let wanted = |text| request(text).and_then(|(_, wanted)| wanted).map(|wanted| wanted.to_string());
        assert_eq!(wanted("regex@1.2.3").as_deref(), Some("=1.2.3"));
        assert_eq!(wanted("regex@1.2").as_deref(), Some("^1.2"));
        assert_eq!(request("regex"), Some(("regex".to_owned(), None)));
        for bad in ["", "Regex", "../x", "regex@", "regex@1.0.0/..", "@1.0.0", "a@b@c"] {
            assert_eq!(request(bad), None, "{bad}");
        }
    }
}
