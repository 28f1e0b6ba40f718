//! A directory with a lock file: installing, removing, updating.
//!
//! In: what a user wishes. Out: archives in the store and a lock file that names them, or neither. The lock file is
//! written last and only when something is other than before. Deliberately not here: which versions fit (`resolve`).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use semver::{Version, VersionReq};

use super::error::{PackageError, printable};
use super::identity::PackageId;
use super::index::Release;
use super::lock::{self, Lock, Locked, Source};
use super::maintain;
use super::registry::{Registry, file_url};
use super::resolve::{Answer, Question, resolve};
use super::store::{self, Store, read_bounded};
use crate::cxz::Library;
use crate::cxz::archive::limits;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockPolicy {
    MayChange,
    /// `--locked`
    MustStay,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    Registries,
    /// `--offline`: what is locked and installed must do.
    Installed,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// A path or URL; without one, the only registry of the lock file counts.
    pub registry: Option<String>,
    pub policy: LockPolicy,
    pub reach: Reach,
    /// How long to wait for another process.
    pub patience: Duration,
    /// New versions must have been published for so long.
    pub min_age: Duration,
}

/// What is to be installed.
#[derive(Clone, Debug)]
pub enum Wish {
    Named { name: String, wanted: Option<VersionReq> },
    Archive(PathBuf),
}

/// What a command has done.
#[derive(Debug)]
pub struct Change {
    pub before: Lock,
    pub after: Lock,
    pub warnings: Vec<String>,
}

/// A copy of what is locked, and whether it is that.
#[derive(Debug)]
pub struct Verdict {
    pub path: PathBuf,
    pub found: Result<PackageId, PackageError>,
}

pub struct Project {
    pub lock_path: PathBuf,
    store: Store,
    options: Options,
    /// By location, as they are needed.
    registries: RefCell<BTreeMap<String, Rc<Registry>>>,
}

/// An archive that a user has named, judged.
struct Given {
    release: Release,
    url: String,
    bytes: Vec<u8>,
}

impl Project {
    /// The project of a directory or of one above it; it need not have a lock file yet.
    pub fn of(directory: &Path, home: &Path, options: Options) -> Project {
        let lock_path = lock::find(directory).unwrap_or_else(|| directory.join(lock::FILE_NAME));
        Project { lock_path, store: Store::below(home), options, registries: RefCell::default() }
    }

    pub fn lock(&self) -> Result<Option<Lock>, PackageError> {
        lock::read(&self.lock_path)
    }

    fn existing_lock(&self) -> Result<Lock, PackageError> {
        self.lock()?.ok_or_else(|| PackageError::Request {
            reason: format!("There is no lock file '{}'", self.lock_path.display()),
            help: "coex pkg install NAME makes one".to_owned(),
        })
    }

    /// The registry at a place, opened once.
    fn open(&self, location: &str) -> Result<Rc<Registry>, PackageError> {
        if self.options.reach == Reach::Installed {
            return Err(PackageError::Unreachable { registry: location.to_owned(), reason: "--offline".to_owned() });
        }
        if let Some(known) = self.registries.borrow().get(location) {
            return Ok(known.clone());
        }
        let registry = Rc::new(Registry::open(location)?);
        self.registries.borrow_mut().insert(location.to_owned(), registry.clone());
        Ok(registry)
    }

    /// Where packages come from that are not locked yet.
    pub fn registry(&self, lock: &Lock) -> Result<Rc<Registry>, PackageError> {
        if let Some(location) = &self.options.registry {
            return self.open(location);
        }
        let known: BTreeSet<&str> = lock.packages.values().filter_map(|locked| registry_of(&locked.source)).collect();
        match known.into_iter().collect::<Vec<_>>()[..] {
            [only] => self.open(only),
            _ => Err(PackageError::Request {
                reason: "No registry is named".to_owned(),
                help: "name one with --registry, or in the environment variable COEX_REGISTRY".to_owned(),
            }),
        }
    }

    /// Without wishes: everything that is locked.
    pub fn install(&self, wishes: &[Wish]) -> Result<Change, PackageError> {
        let _guard = self.store.guard(self.options.patience)?;
        if wishes.is_empty() {
            return self.install_locked();
        }
        let before = self.lock()?.unwrap_or_default();
        let (mut roots, mut given) = (roots(&before), BTreeMap::new());
        for wish in wishes {
            match wish {
                Wish::Named { name, wanted: Some(wanted) } => drop(roots.insert(name.clone(), wanted.clone())),
                Wish::Named { name, wanted: None } => drop(roots.entry(name.clone()).or_insert(VersionReq::STAR)),
                Wish::Archive(path) => {
                    let archive = read_given(path)?;
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
        let roots = roots(&before);
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
        Ok(Change { before, after, warnings })
    }

    /// Copies everything that is locked into `lib` beside the lock file. Returns what was written.
    pub fn vendor(&self) -> Result<Vec<PathBuf>, PackageError> {
        let _guard = self.store.guard(self.options.patience)?;
        let mut written = Vec::new();
        for locked in self.existing_lock()?.packages.values() {
            let (bytes, _) = self.store.get(&locked.id, &locked.tree)?.ok_or_else(|| self.not_installed(locked))?;
            let path = self.vendored(locked);
            if read_bounded(&path, limits::ARCHIVE_BYTES).is_ok_and(|old| old.as_ref() == Some(&bytes)) {
                continue;
            }
            store::create_directory(path.parent().unwrap_or(Path::new("")))?;
            store::write_atomically(&path, &bytes)?;
            written.push(path);
        }
        Ok(written)
    }

    /// Every copy of what is locked, installed or vendored, and whether it is what it should be.
    pub fn verify(&self) -> Result<Vec<Verdict>, PackageError> {
        let mut verdicts = Vec::new();
        for locked in self.existing_lock()?.packages.values() {
            let installed = self.store.path(&locked.id, &locked.tree);
            let copies: Vec<PathBuf> =
                [installed, self.vendored(locked)].into_iter().filter(|path| path.exists()).collect();
            if copies.is_empty() {
                verdicts.push(Verdict { path: self.vendored(locked), found: Err(self.not_installed(locked)) });
            }
            for path in copies {
                let refuse = |reason| PackageError::mismatch(locked.id.to_string(), reason);
                let verdict = read_bounded(&path, limits::ARCHIVE_BYTES)
                    .map_err(refuse)
                    .and_then(|bytes| store::judge(&bytes.unwrap_or_default(), &path))
                    .and_then(|library| store::check(&library, &locked.id, &locked.tree));
                verdicts.push(Verdict { path, found: verdict.map(|()| locked.id.clone()) });
            }
        }
        Ok(verdicts)
    }

    fn vendored(&self, locked: &Locked) -> PathBuf {
        self.lock_path.with_file_name("lib").join(format!("{}.cxz", locked.id.name))
    }

    fn not_installed(&self, locked: &Locked) -> PackageError {
        PackageError::NotInstalled { package: locked.id.to_string(), path: self.lock_path.clone() }
    }

    fn not_locked(&self, name: &str) -> PackageError {
        PackageError::Request {
            reason: format!("Package '{name}' is not installed here"),
            help: format!("'{}' does not ask for it; see coex pkg list", self.lock_path.display()),
        }
    }

    fn install_locked(&self) -> Result<Change, PackageError> {
        let before = self.existing_lock()?;
        let mut warnings = Vec::new();
        for locked in before.packages.values() {
            if self.store.get(&locked.id, &locked.tree)?.is_some() {
                continue;
            }
            let bytes = match &locked.source {
                Source::Archive(url) => self.given_again(locked, url)?,
                Source::Registry(url) => {
                    let registry = self.open(url)?;
                    let releases = registry.releases(&locked.id.name)?;
                    let release = promised(&releases, locked, url)?;
                    warnings.extend(taken_back(release));
                    maintain::verified(&registry, release)?.0
                }
            };
            self.store.put(&locked.id, &locked.tree, &bytes)?;
        }
        Ok(Change { after: before.clone(), before, warnings })
    }

    /// Finds versions for the roots, makes them available, and writes the lock file.
    fn choose(
        &self,
        before: Lock,
        roots: &BTreeMap<String, VersionReq>,
        free: &BTreeSet<String>,
        given: &BTreeMap<String, Given>,
    ) -> Result<Change, PackageError> {
        let kept = before.packages.values().filter(|locked| !free.contains(&locked.id.name));
        let preferred = kept.map(|locked| (locked.id.name.clone(), locked.id.version.clone())).collect();
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
        // Without a minimum nothing is too young, whatever a clock says.
        let latest = match self.options.min_age.as_secs() {
            0 => u64::MAX,
            age => maintain::now().saturating_sub(age),
        };
        let Answer { chosen, held_back: mut warnings } =
            resolve(&Question { roots, preferred: &preferred, releases: &releases, compiler, latest })?;
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
        self.must_stay(&before, &after)?;
        for (name, release) in &chosen {
            self.make_available(&after.packages[name], release, given.get(name))?;
        }
        self.keep(&before, &after)?;
        Ok(Change { before, after, warnings })
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
        match locked.map(|locked| (locked, registry_of(&locked.source))) {
            Some((locked, None)) => Ok(of_lock(locked)),
            Some((locked, Some(_))) if self.options.reach == Reach::Installed => Ok(of_lock(locked)),
            Some((locked, Some(url))) => {
                let releases = self.open(url)?.releases(name)?;
                promised(&releases, locked, url)?;
                Ok(releases)
            }
            None => self.registry(lock)?.releases(name),
        }
    }

    fn unknown(&self, name: &str, lock: &Lock) -> Result<PackageError, PackageError> {
        let registry = self.registry(lock)?;
        let near = registry.names()?.into_iter().filter(|known| is_near(known, name)).take(3);
        let helps = near.map(|known| format!("a package named '{known}' exists")).collect();
        Ok(PackageError::Unknown { wanted: name.to_owned(), registry: registry.name.clone(), helps })
    }

    fn make_available(&self, locked: &Locked, release: &Release, given: Option<&Given>) -> Result<(), PackageError> {
        if let Some((_, library)) = self.store.get(&locked.id, &locked.tree)? {
            return same_depends(&library, release);
        }
        let bytes = match (given, &locked.source) {
            (Some(archive), _) => archive.bytes.clone(),
            (None, Source::Archive(url)) => self.given_again(locked, url)?,
            (None, Source::Registry(url)) => maintain::verified(&*self.open(url)?, release)?.0,
        };
        self.store.put(&locked.id, &locked.tree, &bytes)
    }

    /// The archive of a file that was installed once.
    fn given_again(&self, locked: &Locked, url: &str) -> Result<Vec<u8>, PackageError> {
        let archive = read_given(&super::registry::directory(url)?)?;
        if archive.release.id != locked.id || archive.release.tree != locked.tree {
            let reason = format!("'{url}' has changed since it was locked");
            return Err(PackageError::mismatch(locked.id.to_string(), reason));
        }
        Ok(archive.bytes)
    }

    fn must_stay(&self, before: &Lock, after: &Lock) -> Result<(), PackageError> {
        if self.options.policy == LockPolicy::MayChange || before == after {
            return Ok(());
        }
        let reason = differences(before, after).into_iter().next().unwrap_or_else(|| "its entries differ".to_owned());
        Err(PackageError::WouldChange { path: self.lock_path.clone(), reason })
    }

    fn keep(&self, before: &Lock, after: &Lock) -> Result<(), PackageError> {
        self.must_stay(before, after)?;
        if before == after && self.lock_path.exists() { Ok(()) } else { after.write(&self.lock_path) }
    }
}

/// What changed, a line a package.
pub fn differences(before: &Lock, after: &Lock) -> Vec<String> {
    let names: BTreeSet<&String> = before.packages.keys().chain(after.packages.keys()).collect();
    let line = |name: &String| match (before.packages.get(name), after.packages.get(name)) {
        (None, Some(new)) => Some(format!("+ {}", new.id)),
        (Some(old), None) => Some(format!("- {}", old.id)),
        (Some(old), Some(new)) if old.id != new.id => Some(format!("{} -> {}", old.id, new.id.version)),
        (Some(old), Some(new)) if old != new => Some(format!("~ {}", new.id)),
        _ => None,
    };
    names.into_iter().filter_map(line).collect()
}

fn roots(lock: &Lock) -> BTreeMap<String, VersionReq> {
    let wanted = |(name, locked): (&String, &Locked)| Some((name.clone(), locked.wanted.clone()?));
    lock.packages.iter().filter_map(wanted).collect()
}

fn registry_of(source: &Source) -> Option<&str> {
    match source {
        Source::Registry(url) => Some(url),
        Source::Archive(_) => None,
    }
}

/// The locked release as the index has it now: an index only grows, so it must be there, unchanged.
fn promised<'r>(releases: &'r [Release], locked: &Locked, url: &str) -> Result<&'r Release, PackageError> {
    let refuse = |reason: String| PackageError::mismatch(locked.id.to_string(), reason);
    let found = releases.iter().find(|release| release.id == locked.id);
    let release = found.ok_or_else(|| refuse(format!("'{url}' lists it no more: its index is old or was changed")))?;
    if release.tree != locked.tree {
        let (now, was) = (release.tree.to_hex(), locked.tree.to_hex());
        return Err(refuse(format!("'{url}' promises the tree {now} now, locked is {was}")));
    }
    same_signer(Some(locked), release)?;
    Ok(release)
}

/// A key is trusted when it is first seen, and no other afterwards.
fn same_signer(pinned: Option<&Locked>, release: &Release) -> Result<(), PackageError> {
    let Some(key) = pinned.and_then(|locked| locked.signer.as_ref()) else { return Ok(()) };
    let reason = match &release.signer {
        Some(found) if found == key => return Ok(()),
        Some(found) => format!("it is signed with the key {found}, pinned is {key}"),
        None => format!("it is not signed, pinned is the key {key}"),
    };
    Err(PackageError::Signature { package: release.id.to_string(), reason })
}

fn same_depends(library: &Library, release: &Release) -> Result<(), PackageError> {
    let manifest = library.manifest.depends.iter().map(|(name, wanted)| (name, &wanted.value));
    if manifest.eq(release.depends.iter()) {
        return Ok(());
    }
    let reason = "the index says that it needs other packages than its manifest does";
    Err(PackageError::mismatch(release.id.to_string(), reason))
}

fn taken_back(release: &Release) -> Option<String> {
    let reason = release.yanked.as_ref()?;
    Some(format!("{} was taken back: {}; it stays because it is locked", release.id, printable(reason)))
}

fn read_given(path: &Path) -> Result<Given, PackageError> {
    let refuse = |reason: String| PackageError::Request {
        reason: format!("Archive '{}' cannot be read: {reason}", path.display()),
        help: "give the file that `coex pkg pack` has written".to_owned(),
    };
    let path = path.canonicalize().map_err(|error| refuse(super::error::io_reason(&error)))?;
    let bytes = read_bounded(&path, limits::ARCHIVE_BYTES).map_err(refuse)?.unwrap_or_default();
    let library = store::judge(&bytes, &path)?;
    let release = maintain::release(&library, bytes.len() as u64)?;
    Ok(Given { release, url: file_url(&path), bytes })
}

/// One letter more, less or other.
fn is_near(known: &str, name: &str) -> bool {
    let (short, long) = if known.len() < name.len() { (known, name) } else { (name, known) };
    let same = short.bytes().zip(long.bytes()).take_while(|(left, right)| left == right).count();
    let (short, long) = (&short.as_bytes()[same..], &long.as_bytes()[same..]);
    match long.len() - short.len() {
        0 => short.get(1..).unwrap_or_default() == long.get(1..).unwrap_or_default(),
        1 => short == &long[1..],
        _ => false,
    }
}

/// What a command says of a package that is nowhere.
pub fn not_in(registry: &Registry, id: &str) -> PackageError {
    PackageError::Unknown { wanted: id.to_owned(), registry: registry.name.clone(), helps: Vec::new() }
}

/// Packages whose name or description holds every word, with their newest release that counts.
pub fn search(registry: &Registry, words: &[String]) -> Result<Vec<(PackageId, String)>, PackageError> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let mut found = Vec::new();
    for name in registry.names()? {
        let releases = registry.releases(&name)?;
        let Some(newest) = releases.iter().rev().find(|release| release.yanked.is_none()) else { continue };
        let text = format!("{name} {}", newest.description.to_lowercase());
        if words.iter().all(|word| text.contains(word)) {
            found.push((newest.id.clone(), newest.description.clone()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn near_names_differ_in_one_letter() {
        for (known, name) in [("regex", "regx"), ("regex", "regexp"), ("regex", "ragex"), ("regex", "regey")] {
            assert!(is_near(known, name), "{name}");
        }
        for (known, name) in [("regex", "rgx"), ("regex", "xyzzy"), ("regex", "exreg")] {
            assert!(!is_near(known, name), "{name}");
        }
    }
}
