//! Which versions fit together.
//!
//! In: what is asked for, what is preferred, and what there is of a package. Out: one release of each package that is
//! needed, or an explanation that a person can follow. Deliberately not here: where releases come from, and keeping the
//! choice (`project`).

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use pubgrub::{
    DefaultStringReporter, Dependencies, DependencyProvider, PackageResolutionStatistics, PubGrubError, Ranges,
    Reporter,
};
use semver::{Version, VersionReq};

use super::error::{PackageError, printable};
use super::identity::PackageId;
use super::index::Release;
use super::ranges::{Point, admits, ranges};

/// A registry that is made to keep the resolver busy is given up.
const MAX_STEPS: u32 = 200_000;
/// So many versions of a package are shown where none fits.
const SHOWN: usize = 5;

pub(super) type Found = Result<Rc<Vec<Release>>, PackageError>;

pub(super) struct Question<'q> {
    pub(super) roots: &'q BTreeMap<String, VersionReq>,
    /// Taken where they fit, even when they were taken back.
    pub(super) preferred: &'q BTreeMap<String, Version>,
    /// What the project has now: never too young, since it is there already.
    pub(super) locked: &'q BTreeMap<String, Version>,
    /// All releases of a package; none where it does not exist.
    pub(super) releases: &'q dyn Fn(&str) -> Found,
    pub(super) compiler: Version,
    /// What of a package was published later, in seconds since 1970, is too young.
    pub(super) latest: &'q dyn Fn(&str) -> Result<u64, PackageError>,
}

/// The choice, and the versions that were only too young for it.
pub(super) struct Answer {
    pub(super) chosen: BTreeMap<String, Release>,
    pub(super) held_back: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Node {
    Project,
    Package(String),
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Project => formatter.write_str("this project"),
            Node::Package(name) => formatter.write_str(name),
        }
    }
}

/// A fault of the registry on its way through the resolver.
#[derive(Debug)]
struct Failure(PackageError);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl std::error::Error for Failure {}

struct Provider<'q> {
    question: &'q Question<'q>,
    steps: Cell<u32>,
    /// Versions that would have fitted, and why they do not count.
    passed_over: RefCell<BTreeSet<String>>,
    held_back: RefCell<BTreeMap<PackageId, String>>,
}

pub(super) fn resolve(question: &Question) -> Result<Answer, PackageError> {
    let provider =
        Provider { question, steps: Cell::new(0), passed_over: RefCell::default(), held_back: RefCell::default() };
    let chosen = match pubgrub::resolve(&provider, Node::Project, Point(Version::new(0, 0, 0))) {
        Ok(chosen) => chosen,
        Err(PubGrubError::NoSolution(mut tree)) => {
            tree.collapse_no_versions();
            let explanation = DefaultStringReporter::report(&tree);
            // The project has one version, which nobody knows.
            let explanation = explanation.replace("this project 0.0.0", "this project");
            let mut explanation = explanation.replace("this project is forbidden", "nothing satisfies this project");
            for reason in provider.passed_over.take().into_iter().chain(out_of_range(question)?) {
                explanation.push_str(&format!("\n{reason}"));
            }
            return Err(PackageError::Conflict { explanation });
        }
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => return Err(source.0),
    };
    let mut releases = BTreeMap::new();
    for (node, Point(version)) in chosen {
        let Node::Package(name) = node else { continue };
        let known = (question.releases)(&name)?;
        if let Some(release) = known.iter().find(|release| release.id.version == version) {
            releases.insert(name, release.clone());
        }
    }
    let is_newer = |id: &PackageId| releases.get(&id.name).is_some_and(|chosen| chosen.id.version < id.version);
    let held_back = provider.held_back.take().into_iter().filter(|(id, _)| is_newer(id)).map(|(_, reason)| reason);
    let held_back = held_back.collect();
    Ok(Answer { chosen: releases, held_back })
}

/// What there is instead of versions that were asked for and do not exist.
fn out_of_range(question: &Question) -> Result<Vec<String>, PackageError> {
    let mut lines = Vec::new();
    for (name, wanted) in question.roots {
        let releases = (question.releases)(name)?;
        if releases.iter().any(|release| wanted.matches(&release.id.version)) {
            continue;
        }
        let newest: Vec<String> =
            releases.iter().rev().take(SHOWN).map(|release| release.id.version.to_string()).collect();
        let more = if releases.len() > SHOWN { ", …" } else { "" };
        lines.push(format!("there is no {name} {wanted}; there is {}{more}", newest.join(", ")));
    }
    Ok(lines)
}

impl Provider<'_> {
    fn releases(&self, name: &str) -> Result<Rc<Vec<Release>>, Failure> {
        (self.question.releases)(name).map_err(Failure)
    }

    /// Why a version that fits does not count.
    fn objection(&self, release: &Release) -> Result<Option<String>, Failure> {
        let id = &release.id;
        if self.question.preferred.get(&id.name) == Some(&id.version) {
            return Ok(None);
        }
        if let Some(reason) = &release.yanked {
            return Ok(Some(format!("{id} was taken back: {}", printable(reason))));
        }
        let is_new = self.question.locked.get(&id.name) != Some(&id.version);
        if is_new && release.published > (self.question.latest)(&id.name).map_err(Failure)? {
            let reason = format!("{id} is too young: --min-age holds it back, --now takes it");
            self.held_back.borrow_mut().insert(id.clone(), reason.clone());
            return Ok(Some(reason));
        }
        let wanted = release.coex.as_ref().filter(|wanted| !wanted.matches(&self.question.compiler));
        Ok(wanted.map(|wanted| format!("{id} needs a compiler version {wanted}, this is {}", self.question.compiler)))
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Node;
    type V = Point;
    type VS = Ranges<Point>;
    type Priority = (u32, Reverse<usize>);
    type M = String;
    type Err = Failure;

    /// What is in conflict most often first, then what leaves the least choice.
    fn prioritize(
        &self,
        node: &Node,
        range: &Ranges<Point>,
        conflicts: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let Node::Package(name) = node else { return (u32::MAX, Reverse(0)) };
        let fitting = |releases: Rc<Vec<Release>>| {
            releases.iter().filter(|release| range.contains(&Point(release.id.version.clone()))).count()
        };
        (conflicts.conflict_count(), Reverse(self.releases(name).map_or(0, fitting)))
    }

    fn choose_version(&self, node: &Node, range: &Ranges<Point>) -> Result<Option<Point>, Failure> {
        let Node::Package(name) = node else { return Ok(Some(Point(Version::new(0, 0, 0)))) };
        let releases = self.releases(name)?;
        let fits = |version: &&Version| admits(range, version);
        if let Some(version) = self.question.preferred.get(name).filter(fits)
            && releases.iter().any(|release| release.id.version == *version)
        {
            return Ok(Some(Point(version.clone())));
        }
        for release in releases.iter().rev().filter(|release| fits(&&release.id.version)) {
            match self.objection(release)? {
                None => return Ok(Some(Point(release.id.version.clone()))),
                Some(reason) => drop(self.passed_over.borrow_mut().insert(reason)),
            }
        }
        Ok(None)
    }

    fn get_dependencies(
        &self,
        node: &Node,
        Point(version): &Point,
    ) -> Result<Dependencies<Node, Ranges<Point>, String>, Failure> {
        let list = |map: &BTreeMap<String, VersionReq>| {
            map.iter().map(|(name, wanted)| (Node::Package(name.clone()), ranges(wanted))).collect()
        };
        let Node::Package(name) = node else { return Ok(Dependencies::Available(list(self.question.roots))) };
        let releases = self.releases(name)?;
        let release = releases.iter().find(|release| release.id.version == *version);
        Ok(match release {
            Some(release) => Dependencies::Available(list(&release.depends)),
            None => Dependencies::Unavailable("it is not in the registry".to_owned()),
        })
    }

    fn should_cancel(&self) -> Result<(), Failure> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MAX_STEPS {
            let explanation = "The search was given up: the requirements are too entangled.".to_owned();
            return Err(Failure(PackageError::Conflict { explanation }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a 1.0.0 b=^1 c=*`
    fn ask(index: &[&str], roots: &[(&str, &str)], preferred: &[(&str, &str)]) -> Result<Vec<String>, String> {
        ask_with(index, roots, preferred, preferred)
    }

    fn ask_with(
        index: &[&str],
        roots: &[(&str, &str)],
        preferred: &[(&str, &str)],
        locked: &[(&str, &str)],
    ) -> Result<Vec<String>, String> {
        let requirement = |text: &str| VersionReq::parse(text).expect("requirement");
        let mut known: BTreeMap<String, Vec<Release>> = BTreeMap::new();
        for line in index {
            let words: Vec<&str> = line.split(' ').collect();
            let depends = words[2..].iter().filter_map(|word| word.split_once('='));
            let release = Release {
                id: PackageId { name: words[0].to_owned(), version: Version::parse(words[1]).expect("version") },
                tree: blake3::hash(line.as_bytes()),
                size: 0,
                published: if words.contains(&"young") { 1_000 } else { 10 },
                signer: None,
                depends: depends.map(|(name, wanted)| (name.to_owned(), requirement(wanted))).collect(),
                coex: words.contains(&"coex:new").then(|| requirement(">=9")),
                description: String::new(),
                yanked: words.contains(&"yanked").then(|| "broken".to_owned()),
            };
            known.entry(words[0].to_owned()).or_default().push(release);
        }
        let known: BTreeMap<String, Rc<Vec<Release>>> =
            known.into_iter().map(|(name, list)| (name, Rc::new(list))).collect();
        let roots = roots.iter().map(|(name, wanted)| ((*name).to_owned(), requirement(wanted))).collect();
        let versions = |list: &[(&str, &str)]| {
            list.iter().map(|(name, version)| ((*name).to_owned(), Version::parse(version).expect("version"))).collect()
        };
        let (preferred, locked) = (versions(preferred), versions(locked));
        let question = Question {
            roots: &roots,
            preferred: &preferred,
            locked: &locked,
            releases: &|name| Ok(known.get(name).cloned().unwrap_or_default()),
            compiler: Version::new(0, 1, 0),
            latest: &|_| Ok(500),
        };
        match resolve(&question) {
            Ok(answer) => {
                Ok(answer.chosen.values().map(|release| release.id.to_string()).chain(answer.held_back).collect())
            }
            Err(PackageError::Conflict { explanation }) => Err(explanation),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_newest_that_fit_are_taken() {
        let index = ["a 1.0.0 b=^1", "a 1.1.0 b=^2", "b 1.0.0", "b 1.5.0", "b 2.0.0", "b 3.0.0-rc.1"];
        assert_eq!(ask(&index, &[("a", "^1")], &[]).expect("fits"), ["a 1.1.0", "b 2.0.0"]);
        // Another requirement makes it go back.
        assert_eq!(ask(&index, &[("a", "^1"), ("b", "^1")], &[]).expect("fits"), ["a 1.0.0", "b 1.5.0"]);
        assert_eq!(ask(&index, &[("b", "*")], &[]).expect("fits"), ["b 2.0.0"]);
        assert_eq!(ask(&index, &[("b", ">=3.0.0-rc.1")], &[]).expect("fits"), ["b 3.0.0-rc.1"]);
    }

    #[test]
    fn what_is_locked_stays_where_it_can() {
        let index = ["a 1.0.0", "a 1.1.0", "a 1.2.0 yanked"];
        assert_eq!(ask(&index, &[("a", "^1")], &[("a", "1.0.0")]).expect("fits"), ["a 1.0.0"]);
        assert_eq!(ask(&index, &[("a", "^1")], &[("a", "1.2.0")]).expect("fits"), ["a 1.2.0"]);
        assert_eq!(ask(&index, &[("a", "^1.1")], &[("a", "1.0.0")]).expect("fits"), ["a 1.1.0"]);
    }

    #[test]
    fn a_conflict_is_explained() {
        let index = ["a 1.0.0 c=^1", "b 1.0.0 c=^2", "c 1.0.0", "c 2.0.0"];
        let text = ask(&index, &[("a", "*"), ("b", "*")], &[]).expect_err("conflict");
        let expected = "Because a depends on c >=1.0.0, <2.0.0 and b 1.0.0 depends on c >=2.0.0, <3.0.0, b 1.0.0, a * are \
                        incompatible.\nAnd because this project depends on a and this project depends on b, nothing \
                        satisfies this project.";
        assert_eq!(text, expected);
        let text = ask(&["a 1.0.0 yanked", "a 1.1.0 coex:new"], &[("a", "^1")], &[]).expect_err("conflict");
        assert!(text.contains("\na 1.0.0 was taken back: broken"), "{text}");
        assert!(text.contains("\na 1.1.0 needs a compiler version >=9, this is 0.1.0"), "{text}");
        let text = ask(&["a 1.0.0", "a 1.2.0"], &[("a", "=1.1.0")], &[]).expect_err("conflict");
        assert!(text.ends_with("\nthere is no a =1.1.0; there is 1.2.0, 1.0.0"), "{text}");
        let text = ask(&["a 1.0.0 gone=*"], &[("a", "^1")], &[]).expect_err("conflict");
        assert!(text.contains("gone"), "{text}");
    }

    #[test]
    fn what_is_too_young_is_said() {
        let index = ["a 1.0.0", "a 1.1.0 young", "b 1.0.0 young"];
        let held = "a 1.1.0 is too young: --min-age holds it back, --now takes it";
        assert_eq!(ask(&index, &[("a", "^1")], &[]).expect("fits"), ["a 1.0.0", held]);
        assert_eq!(ask(&index, &[("a", "^1")], &[("a", "1.1.0")]).expect("fits"), ["a 1.1.0"]);
        // An update does not go back behind what was taken early, and stays there where nothing else is old enough.
        let newer = ["a 1.0.0", "a 1.1.0 young", "a 1.2.0 young"];
        let held = "a 1.2.0 is too young: --min-age holds it back, --now takes it";
        assert_eq!(ask_with(&newer, &[("a", "^1")], &[], &[("a", "1.1.0")]).expect("fits"), ["a 1.1.0", held]);
        assert!(ask(&index, &[("b", "^1")], &[]).expect_err("young").contains("b 1.0.0 is too young"));
    }

    #[test]
    fn circles_end() {
        let index = ["a 1.0.0 b=*", "b 1.0.0 a=*"];
        assert_eq!(ask(&index, &[("a", "*")], &[]).expect("fits"), ["a 1.0.0", "b 1.0.0"]);
    }
}
