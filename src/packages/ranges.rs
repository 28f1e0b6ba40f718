//! Version requirements as sets of versions.
//!
//! In: a requirement as Cargo writes them (`^1.2`, `>=1, <3`, `=1.0.0`, `*`). Out: ranges for the resolver, with the same
//! meaning. Deliberately not here: choosing (`resolve`).

use std::fmt;
use std::ops::Bound;

use pubgrub::Ranges;
use semver::{Comparator, Op, Prerelease, Version, VersionReq};

/// A version, printed without the mark of a bound.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Point(pub(super) Version);

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { major, minor, patch, pre, .. } = &self.0;
        match pre.as_str() {
            "" | "0" => write!(formatter, "{major}.{minor}.{patch}"),
            pre => write!(formatter, "{major}.{minor}.{patch}-{pre}"),
        }
    }
}

fn point(major: u64, minor: u64, patch: u64) -> Point {
    Point(Version::new(major, minor, patch))
}

/// Before every pre-release of a version: an upper bound that keeps those out.
fn before(major: u64, minor: u64, patch: u64) -> Point {
    let mut version = Version::new(major, minor, patch);
    version.pre = Prerelease::new("0").unwrap_or(Prerelease::EMPTY);
    Point(version)
}

pub(super) fn ranges(requirement: &VersionReq) -> Ranges<Point> {
    requirement.comparators.iter().fold(Ranges::full(), |all, one| all.intersection(&comparator(one)))
}

fn comparator(wanted: &Comparator) -> Ranges<Point> {
    let (major, minor, patch) = (wanted.major, wanted.minor.unwrap_or(0), wanted.patch.unwrap_or(0));
    let mut from = point(major, minor, patch);
    from.0.pre = wanted.pre.clone();
    // The first version that shares the written parts no more.
    let end = match (wanted.minor, wanted.patch) {
        (None, _) => before(major.saturating_add(1), 0, 0),
        (Some(_), None) => before(major, minor.saturating_add(1), 0),
        (Some(_), Some(_)) => before(major, minor, patch.saturating_add(1)),
    };
    let is_whole = wanted.patch.is_some();
    match wanted.op {
        Op::Exact if is_whole => Ranges::singleton(from),
        Op::Greater if is_whole => Ranges::strictly_higher_than(from),
        Op::Greater => {
            let mut next = end;
            next.0.pre = Prerelease::EMPTY;
            Ranges::higher_than(next)
        }
        Op::GreaterEq => Ranges::higher_than(from),
        Op::Less if wanted.pre.is_empty() => Ranges::strictly_lower_than(before(major, minor, patch)),
        Op::Less => Ranges::strictly_lower_than(from),
        Op::LessEq if is_whole => Ranges::lower_than(from),
        Op::LessEq => Ranges::strictly_lower_than(end),
        Op::Tilde if is_whole => Ranges::between(from, before(major, minor.saturating_add(1), 0)),
        Op::Caret => Ranges::between(from, caret_end(wanted)),
        // `Op` may grow: what is not known is what is written, and nothing else.
        Op::Exact | Op::Tilde | Op::Wildcard | _ => Ranges::between(from, end),
    }
}

/// The first version that may break what works with the written one.
fn caret_end(wanted: &Comparator) -> Point {
    match (wanted.major, wanted.minor, wanted.patch) {
        (0, None, _) => before(1, 0, 0),
        (0, Some(0), None) => before(0, 1, 0),
        (0, Some(0), Some(patch)) => before(0, 0, patch.saturating_add(1)),
        (0, Some(minor), _) => before(0, minor.saturating_add(1), 0),
        (major, _, _) => before(major.saturating_add(1), 0, 0),
    }
}

/// A pre-release is taken only where a requirement speaks of a pre-release of the same version.
pub(super) fn admits(ranges: &Ranges<Point>, version: &Version) -> bool {
    if !ranges.contains(&Point(version.clone())) {
        return false;
    }
    let speaks_of_it = |bound: &Bound<Point>| match bound {
        Bound::Included(Point(known)) | Bound::Excluded(Point(known)) => {
            !known.pre.is_empty()
                && (known.major, known.minor, known.patch) == (version.major, version.minor, version.patch)
        }
        Bound::Unbounded => false,
    };
    version.pre.is_empty() || ranges.iter().any(|(from, to)| speaks_of_it(from) || speaks_of_it(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_mean_what_requirements_mean() {
        let numbers = [0, 1, 2, 3];
        let mut versions = Vec::new();
        for major in numbers {
            for minor in numbers {
                for patch in numbers {
                    for pre in ["", "-alpha", "-beta.1", "-1"] {
                        versions.push(Version::parse(&format!("{major}.{minor}.{patch}{pre}")).expect("version"));
                    }
                }
            }
        }
        let mut tried = 0;
        let parts = ["0", "1", "2", "0.0", "0.1", "1.2", "0.0.0", "0.0.2", "0.1.2", "1.0.0", "1.2.1", "1.2.1-beta.1"];
        for operator in ["", "^", "~", "=", ">", ">=", "<", "<="] {
            for part in parts {
                for more in ["", ", <2", ", >=0.1.1-alpha", ", *"] {
                    let Ok(requirement) = VersionReq::parse(&format!("{operator}{part}{more}")) else { continue };
                    let ranges = ranges(&requirement);
                    for version in &versions {
                        let (found, expected) = (admits(&ranges, version), requirement.matches(version));
                        // An intersection forgets a bound that the other one makes useless.
                        if !version.pre.is_empty() && !more.is_empty() {
                            assert!(!found || ranges.contains(&Point(version.clone())));
                            continue;
                        }
                        assert_eq!(found, expected, "{requirement} and {version}: {ranges}");
                        tried += 1;
                    }
                }
            }
        }
        assert!(tried > 10_000);
        let shown = |text| ranges(&VersionReq::parse(text).expect("requirement")).to_string();
        assert_eq!((shown("^1.2").as_str(), shown("1.*").as_str()), (">=1.2.0, <2.0.0", ">=1.0.0, <2.0.0"));
        assert_eq!((shown("*").as_str(), shown("=1.0.0").as_str()), ("*", "1.0.0"));
    }
}
