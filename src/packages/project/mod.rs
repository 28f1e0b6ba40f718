//! A directory with a lock file: installing, removing, updating.
//!
//! In: what a user wishes. Out: archives in the store and a lock file that names them, or neither. The lock file is
//! written last and only when something is other than before. Deliberately not here: which versions fit (`resolve`).
//!
//! ```text
//! change ── install, update, remove: from wishes to a new lock file      given ── archives that a user has named
//! promises ── what holds a registry to what is locked                    copies ── vendored copies, verification
//! ```

mod change;
mod copies;
mod given;
mod promises;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use semver::VersionReq;

use super::error::PackageError;
use super::location::Location;
use super::lock::{self, Lock};
use super::registry::Registry;
use super::remote::{Network, Reach};
use super::store::Store;

pub use copies::Verdict;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockPolicy {
    MayChange,
    /// `--locked`
    MustStay,
    /// `--dry-run`: nothing is written, and no archive fetched.
    WouldChange,
}

#[derive(Clone)]
pub struct Options {
    /// A path or URL; without one, the only registry of the lock file counts.
    pub registry: Option<String>,
    pub policy: LockPolicy,
    pub network: Network,
    /// How long to wait for another process.
    pub patience: Duration,
    /// New versions must have been published for so long; without it, a day where they come from a web server.
    pub min_age: Option<Duration>,
}

/// What is to be installed.
#[derive(Clone, Debug)]
pub enum Wish {
    Named {
        name: String,
        wanted: Option<VersionReq>,
    },
    /// A path or a URL.
    Archive(String),
}

/// What a command has done.
#[derive(Debug)]
pub struct Change {
    pub before: Lock,
    pub after: Lock,
    pub warnings: Vec<String>,
    /// How long it took to find versions, questions to registries included.
    pub resolution: Duration,
}

pub struct Project {
    pub lock_path: PathBuf,
    store: Store,
    options: Options,
    /// By location, as they are needed.
    registries: RefCell<BTreeMap<String, Rc<Registry>>>,
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

    /// The registry at a place, opened once, with the key that `lock` has pinned.
    fn open(&self, location: &str, lock: &Lock) -> Result<Rc<Registry>, PackageError> {
        if let Some(known) = self.registries.borrow().get(location) {
            return Ok(known.clone());
        }
        // There are copies of what is on web servers, and none of directories.
        if self.is_offline() && matches!(Location::parse("Registry", location)?, Location::Path(_)) {
            return Err(PackageError::unreachable("Registry", location, "--offline"));
        }
        let registry = Rc::new(Registry::open(location, &self.options.network, &lock.keys)?);
        self.registries.borrow_mut().insert(location.to_owned(), registry.clone());
        Ok(registry)
    }

    /// Where packages come from that are not locked yet.
    pub fn registry(&self, lock: &Lock) -> Result<Rc<Registry>, PackageError> {
        if let Some(location) = &self.options.registry {
            return self.open(location, lock);
        }
        match lock.registries().into_iter().collect::<Vec<_>>()[..] {
            [only] => self.open(only, lock),
            _ => Err(PackageError::Usage {
                reason: "No registry is named".to_owned(),
                help: "name one with --registry PLACE, or in the environment variable COEX_REGISTRY".to_owned(),
            }),
        }
    }

    fn is_dry(&self) -> bool {
        self.options.policy == LockPolicy::WouldChange
    }

    fn is_offline(&self) -> bool {
        self.options.network.reach == Reach::Installed
    }

    fn not_locked(&self, name: &str) -> PackageError {
        PackageError::Request {
            reason: format!("Package '{name}' is not installed here"),
            help: format!("'{}' does not ask for it; see coex pkg list", self.lock_path.display()),
        }
    }

    fn must_stay(&self, before: &Lock, after: &Lock) -> Result<(), PackageError> {
        if self.options.policy != LockPolicy::MustStay || before == after {
            return Ok(());
        }
        let first = before.differences(after).into_iter().next();
        let reason = first.map_or("the key of a registry would be pinned".to_owned(), |(_, line)| line);
        Err(PackageError::WouldChange { path: self.lock_path.clone(), reason })
    }

    fn keep(&self, before: &Lock, after: &Lock) -> Result<(), PackageError> {
        self.must_stay(before, after)?;
        if self.is_dry() || before == after && self.lock_path.exists() { Ok(()) } else { after.write(&self.lock_path) }
    }
}
