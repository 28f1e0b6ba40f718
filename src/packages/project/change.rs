//! Installing, updating, removing: from wishes to a new lock file.
//!
//! In: what is locked, and what is wished. Out: archives in the store, then the lock file. Deliberately not here: which
//! versions fit (`resolve`), and whether a registry keeps its word (`promises`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use semver::{Version, VersionReq};

use super::given::{self, Given};
use super::promises::{promised, same_signer, taken_back};
use super::{Change, Project, Wish};
use crate::diagnostics::distance;
use crate::packages::error::PackageError;
use crate::packages::index::Release;
use crate::packages::location::Location;
use crate::packages::lock::{Lock, Locked, Source};
use crate::packages::maintain;
use crate::packages::registry::same_depends;
use crate::packages::resolve::{Answer, Question, resolve};

/// How old versions from web servers must be: most stolen keys and accounts are noticed within a day.
const USUAL_AGE: Duration = Duration::from_secs(24 * 3600);
/// Somebody who waits for a slip of the pen came later than the package that is meant.
const MUCH_OLDER: Duration = Duration::from_secs(30 * 24 * 3600);
/// Shorter names are near to each other anyway.
const SHORTEST_DOUBT: usize = 4;
/// Who names more at once does not type them.
const MAX_DOUBTS: usize = 10;

impl Project {
    /// Without wishes: everything that is locked.
    pub fn install(&self, wishes: &[Wish]) -> Result<Change, PackageError> {
        let _guard = self.store.guard(self.options.patience)?;
        if wishes.is_empty() {
            return self.install_locked();
        }
        let before = self.lock()?.unwrap_or_default();
        let (mut roots, mut given) = (before.roots(), BTreeMap::new());
        for wish in wishes {
            match wish {
                Wish::Named { name, wanted: Some(wanted) } => drop(roots.insert(name.clone(), wanted.clone())),
                Wish::Named { name, wanted: None } => drop(roots.entry(name.clone()).or_insert(VersionReq::STAR)),
                Wish::Archive(place) => {
                    let archive = given::read(place, &self.options.network)?;
                    let exact = VersionReq::parse(&format!("={}", archive.release.id.version));
                    let name = archive.release.id.name.clone();
                    roots.insert(name.clone(), exact.unwrap_or(VersionReq::STAR));
                    given.insert(name, archive);
                }
            }
        }
        self.choose(before, &roots, &BTreeSet::new(), &given)
    }

    /// New versions within what was asked for: of the named packages, or of all.
    pub fn update(&self, names: &[String]) -> Result<Change, PackageError> {
        let _guard = self.store.guard(self.options.patience)?;
        let before = self.existing_lock()?;
        let free: BTreeSet<String> = match names {
            [] => before.packages.keys().cloned().collect(),
            names => names.iter().cloned().collect(),
        };
        if let Some(absent) = free.iter().find(|name| !before.packages.contains_key(*name)) {
            return Err(self.not_locked(absent));
        }
        let roots = before.roots();
        self.choose(before, &roots, &free, &BTreeMap::new())
    }

    pub fn remove(&self, names: &[String]) -> Result<Change, PackageError> {
        let _guard = self.store.guard(self.options.patience)?;
        let before = self.existing_lock()?;
        let (mut after, mut warnings) = (before.clone(), Vec::new());
        for name in names {
            let locked = after.packages.get_mut(name).filter(|locked| locked.wanted.is_some());
            locked.ok_or_else(|| self.not_locked(name))?.wanted = None;
        }
        after.prune();
        for name in names.iter().filter(|name| after.packages.contains_key(*name)) {
            let users = after.packages.values().filter(|locked| locked.depends.contains_key(name));
            let users: Vec<&str> = users.map(|locked| locked.id.name.as_str()).collect();
            warnings.push(format!("'{name}' stays: {} needs it", users.join(", ")));
        }
        self.keep(&before, &after)?;
        Ok(Change { before, after, warnings, resolution: Duration::ZERO })
    }

    fn install_locked(&self) -> Result<Change, PackageError> {
        let before = self.existing_lock()?;
        let mut warnings = Vec::new();
        for locked in before.packages.values().filter(|_| !self.is_dry()) {
            if self.store.get(&locked.id, &locked.tree)?.is_some() {
                continue;
            }
            let bytes = match &locked.source {
                Source::Archive(url) => given::again(locked, url, &self.options.network)?,
                Source::Registry(url) => {
                    let registry = self.open(url, &before)?;
                    let releases = registry.releases(&locked.id.name)?;
                    let release = promised(&releases, locked, url)?;
                    warnings.extend(taken_back(release));
                    registry.verified(release)?.0
                }
            };
            self.store.put(&locked.id, &locked.tree, &bytes)?;
        }
        Ok(Change { after: before.clone(), before, warnings, resolution: Duration::ZERO })
    }

    /// Finds versions for the roots, makes them available, and writes the lock file.
    fn choose(
        &self,
        before: Lock,
        roots: &BTreeMap<String, VersionReq>,
        free: &BTreeSet<String>,
        given: &BTreeMap<String, Given>,
    ) -> Result<Change, PackageError> {
        let started = Instant::now();
        let versions = before.packages.values().map(|locked| (locked.id.name.clone(), locked.id.version.clone()));
        let locked: BTreeMap<String, Version> = versions.collect();
        let mut preferred = locked.clone();
        preferred.retain(|name, _| !free.contains(name));
        let releases = |name: &str| match given.get(name) {
            Some(archive) => Ok(Rc::new(vec![archive.release.clone()])),
            None => self.releases(name, &before),
        };
        for name in roots.keys() {
            if releases(name)?.is_empty() {
                return Err(self.unknown(name, &before)?);
            }
        }
        let mut compiler = Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Version::new(0, 0, 0));
        compiler.pre = semver::Prerelease::EMPTY;
        // An archive that the user names is no registry's, and never too young.
        let latest = |name: &str| if given.contains_key(name) { Ok(u64::MAX) } else { self.latest(name, &before) };
        let Answer { chosen, held_back: mut warnings } = resolve(&Question {
            roots,
            preferred: &preferred,
            locked: &locked,
            releases: &releases,
            compiler,
            latest: &latest,
        })?;
        let is_new = |name: &&String| !before.packages.contains_key(*name) && !given.contains_key(*name);
        let new: Vec<&str> = roots.keys().filter(is_new).map(String::as_str).collect();
        warnings.extend(self.doubts(&new, &before)?);
        let mut after = Lock::default();
        for (name, release) in &chosen {
            let source = match (given.get(name), before.packages.get(name)) {
                (Some(archive), _) => Source::Archive(archive.url.clone()),
                (None, Some(locked)) => locked.source.clone(),
                (None, None) => Source::Registry(self.registry(&before)?.name.clone()),
            };
            let wanted = roots.get(name).map(|wanted| match wanted.comparators.is_empty() {
                true => VersionReq::parse(&format!("^{}", release.id.version)).unwrap_or(VersionReq::STAR),
                false => wanted.clone(),
            });
            let (id, tree, depends) = (release.id.clone(), release.tree, release.depends.clone());
            let signer = release.signer.clone();
            let pinned = before.packages.get(name).filter(|_| !given.contains_key(name));
            same_signer(pinned, release)?;
            after.packages.insert(name.clone(), Locked { id, source, tree, wanted, depends, signer });
            warnings.extend(taken_back(release));
        }
        after.keys = self.keys(&before, &after);
        self.must_stay(&before, &after)?;
        let resolution = started.elapsed();
        for (name, release) in chosen.iter().filter(|_| !self.is_dry()) {
            self.make_available(&after.packages[name], release, given.get(name), &after)?;
        }
        self.keep(&before, &after)?;
        Ok(Change { before, after, warnings, resolution })
    }

    /// What there is of a package: of the registry that it is locked to, else of the one that is named.
    fn releases(&self, name: &str, lock: &Lock) -> Result<Rc<Vec<Release>>, PackageError> {
        let locked = lock.packages.get(name);
        let of_lock = |locked: &Locked| {
            Rc::new(vec![Release {
                id: locked.id.clone(),
                tree: locked.tree,
                size: 0,
                published: 0,
                depends: locked.depends.clone(),
                coex: None,
                description: String::new(),
                signer: locked.signer.clone(),
                yanked: None,
            }])
        };
        match locked.map(|locked| (locked, locked.source.registry())) {
            Some((locked, None)) => Ok(of_lock(locked)),
            Some((locked, Some(_))) if self.is_offline() => Ok(of_lock(locked)),
            Some((locked, Some(url))) => {
                let releases = self.open(url, lock)?.releases(name)?;
                promised(&releases, locked, url)?;
                Ok(releases)
            }
            None => {
                let registry = self.registry(lock)?;
                let releases = registry.releases(name)?;
                if !self.is_offline() || releases.is_empty() {
                    return Ok(releases);
                }
                let is_here = |release: &&Release| self.store.path(&release.id, &release.tree).exists();
                let here: Vec<Release> = releases.iter().filter(is_here).cloned().collect();
                let refuse = || {
                    let reason = format!("--offline, and no version of '{name}' is installed on this machine");
                    PackageError::unreachable("Registry", registry.name.clone(), reason)
                };
                if here.is_empty() { Err(refuse()) } else { Ok(Rc::new(here)) }
            }
        }
    }

    /// When the youngest version may have been published that counts.
    fn latest(&self, name: &str, lock: &Lock) -> Result<u64, PackageError> {
        let registry = match lock.packages.get(name).map(|locked| locked.source.registry()) {
            // An archive of a user's own.
            Some(None) => return Ok(u64::MAX),
            Some(Some(url)) => Location::parse("Registry", url)?,
            None => Location::parse("Registry", &self.registry(lock)?.name)?,
        };
        let usual = if matches!(registry, Location::Web(_)) { USUAL_AGE } else { Duration::ZERO };
        // Without a minimum nothing is too young, whatever a clock says.
        Ok(match self.options.min_age.unwrap_or(usual).as_secs() {
            0 => u64::MAX,
            age => maintain::now().saturating_sub(age),
        })
    }

    /// Says so when a name that is new here may be a slip of the pen, which somebody else waits for.
    fn doubts(&self, names: &[&str], lock: &Lock) -> Result<Vec<String>, PackageError> {
        if names.is_empty() || names.len() > MAX_DOUBTS {
            return Ok(Vec::new());
        }
        let registry = self.registry(lock)?;
        let Some(snapshot) = registry.snapshot()? else { return Ok(Vec::new()) };
        let mut doubts = Vec::new();
        for name in names {
            let Some(known) = snapshot.get(name)?.filter(|_| name.len() >= SHORTEST_DOUBT) else { continue };
            let is_near = |other: &&str| other.len().abs_diff(name.len()) <= 1 && distance(other, name) == 1;
            for other in snapshot.names().filter(is_near) {
                let older = snapshot.get(other)?.map_or(u64::MAX, |older| older.first);
                if older.saturating_add(MUCH_OLDER.as_secs()) < known.first {
                    let days = (known.first - older) / 86_400;
                    let doubt = format!("'{name}' is one letter away from '{other}', which is {days} days older");
                    doubts.push(format!("{doubt}; `coex pkg info` shows them"));
                    break;
                }
            }
        }
        Ok(doubts)
    }

    fn unknown(&self, name: &str, lock: &Lock) -> Result<PackageError, PackageError> {
        let registry = self.registry(lock)?;
        // A registry without a list has no hints to give.
        let near = registry.names().unwrap_or_default().into_iter().filter(|known| distance(known, name) == 1).take(3);
        let helps = near.map(|known| format!("a package named '{known}' exists")).collect();
        Ok(registry.unknown(name, helps))
    }

    /// The keys of the registries of `after`: what is pinned stays, of others those that were seen now.
    fn keys(&self, before: &Lock, after: &Lock) -> BTreeMap<String, String> {
        let opened = self.registries.borrow();
        let seen = |url: &str| opened.values().find(|registry| registry.name == url)?.config.signer.clone();
        let key = |url: &str| before.keys.get(url).cloned().or_else(|| seen(url));
        after.registries().into_iter().filter_map(|url| Some((url.to_owned(), key(url)?))).collect()
    }

    fn make_available(
        &self,
        locked: &Locked,
        release: &Release,
        given: Option<&Given>,
        lock: &Lock,
    ) -> Result<(), PackageError> {
        if let Some((_, library)) = self.store.get(&locked.id, &locked.tree)? {
            return same_depends(&library, release);
        }
        let bytes = match (given, &locked.source) {
            (Some(archive), _) => archive.bytes.clone(),
            (None, Source::Archive(url)) => given::again(locked, url, &self.options.network)?,
            (None, Source::Registry(url)) => self.open(url, lock)?.verified(release)?.0,
        };
        self.store.put(&locked.id, &locked.tree, &bytes)
    }
}
