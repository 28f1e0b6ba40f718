//! Holds imports to the lock file of the program's project.
//!
//! In: an import. Out: the locked package that it must mean, and its archive. The lock file is the nearest `coex.lock`
//! above the program's own file; it is read when the first library is imported. Deliberately not here: its format
//! (`packages`).

use super::imports::Request;
use super::load::Loader;
use crate::cxz::Library;
use crate::cxz::search::Wanted;
use crate::packages::PackageError;
use crate::packages::lock::{FILE_NAME, Locked};
use crate::packages::locked::{self, LockedPackages};
use crate::resolve::UnitId;

#[derive(Default)]
pub(super) enum LockState {
    #[default]
    NotRead,
    Absent,
    /// That was said; what it would have named is not looked for in vain.
    Broken,
    Read(LockedPackages),
}

impl Loader<'_> {
    /// What the lock file says of a library; imports of a path are free.
    pub(super) fn locked(&mut self, request: &Request) -> Option<Locked> {
        let (Wanted::Library(text) | Wanted::Module(text)) = request.wanted;
        if text.contains('/') || request.is_bundled_math() {
            return None;
        }
        if matches!(self.lock, LockState::NotRead) {
            self.lock = self.read_lock();
        }
        match &self.lock {
            LockState::Read(packages) => packages.get(request.name).cloned(),
            LockState::NotRead | LockState::Absent | LockState::Broken => None,
        }
    }

    /// Every directory above the program is looked into, so that a lock file that appears is seen by the next build.
    fn read_lock(&mut self) -> LockState {
        let directory = self.session.root.canonicalize().ok().and_then(|root| root.parent().map(ToOwned::to_owned));
        for above in directory.iter().flat_map(|directory| directory.ancestors()) {
            let path = above.join(FILE_NAME);
            if !path.is_file() {
                self.loaded.inputs.note_absent(&path);
                continue;
            }
            // What cannot be read is said by the reader below.
            let _ = self.loaded.inputs.note(&path);
            return match LockedPackages::read(&path, self.session.search.home.as_deref()) {
                Ok(packages) => LockState::Read(packages),
                Err(error) => {
                    let (diagnostics, _) = error.into_diagnostics();
                    diagnostics.into_iter().for_each(|diagnostic| self.diagnostics.push(diagnostic));
                    LockState::Broken
                }
            };
        }
        LockState::Absent
    }

    /// The locked archive, vendored or installed.
    pub(super) fn locked_library(&mut self, locked: &Locked, request: &Request) -> Option<UnitId> {
        let LockState::Read(packages) = &self.lock else { return None };
        for path in packages.places(locked) {
            if path.is_file() {
                return self.library(&path, request, Some(locked));
            }
            self.loaded.inputs.note_absent(&path);
        }
        let error = locked.not_installed(&packages.path);
        self.refuse(error, request);
        if let Some(demands) = &mut self.demands {
            demands.note_missed(request);
        }
        None
    }

    /// Says why, when a library is not the locked one.
    pub(super) fn is_locked(&mut self, library: &Library, locked: Option<&Locked>, request: &Request) -> bool {
        let Some(locked) = locked else { return true };
        match locked::check(library, locked) {
            Ok(()) => true,
            Err(error) => {
                self.refuse(error, request);
                false
            }
        }
    }

    fn refuse(&mut self, error: PackageError, request: &Request) {
        for mut diagnostic in error.into_diagnostics().0 {
            diagnostic.primary = Some(request.span);
            self.diagnostics.push(diagnostic);
        }
    }
}
