//! A registry on a web server.
//!
//! In: paths of its files. Out: their bytes, as new as they can be had, beside what was seen before; what goes back is
//! refused. A file that was judged good is kept (`keep`) and asked for by its mark the next time. Deliberately not here:
//! what the files mean (`registry`), and how they are fetched (`web`).

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::copies::{Copies, Copy};
use super::error::PackageError;
use super::index::MAX_INDEX_BYTES;
use super::location::WebUrl;
use super::snapshot::Known;
use super::web::{self, Fetched, Mark, Wanted, Web, WebError};

/// What registries and archives on web servers need.
#[derive(Clone)]
pub struct Network {
    pub web: Rc<Web>,
    /// Where copies are kept.
    pub cache: Option<PathBuf>,
    pub reach: Reach,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    Registries,
    /// `--offline`: what is here must do.
    Installed,
}

pub(super) struct Remote {
    url: WebUrl,
    network: Network,
    copies: Option<Copies>,
}

/// A file as it is now, and as it was seen before.
pub(super) struct Current {
    pub(super) bytes: Option<Rc<Vec<u8>>>,
    pub(super) before: Option<Rc<Vec<u8>>>,
    /// What the server has said of it anew.
    mark: Option<Mark>,
}

impl Current {
    /// A file that nothing is remembered of.
    pub(super) fn first(bytes: Option<Vec<u8>>) -> Current {
        Current { bytes: bytes.map(Rc::new), before: None, mark: None }
    }
}

impl Network {
    /// The archive at a URL.
    pub(super) fn archive(&self, url: &WebUrl, limit_bytes: u64) -> Result<Vec<u8>, PackageError> {
        let refuse = |reason: String| PackageError::unreachable("Archive", url.text(), reason);
        if self.reach == Reach::Installed {
            return Err(refuse("--offline".to_owned()));
        }
        match self.web.get(&Wanted { url, limit_bytes, known: None, copies: web::Copies::Welcome }) {
            Ok(Fetched::Body { bytes, .. }) => Ok(bytes),
            Ok(Fetched::Absent | Fetched::Unchanged) => Err(refuse("the server has no such file".to_owned())),
            Err(WebError::Unreachable { url: at, reason }) => Err(refuse(with_place(&url.text(), &at, reason))),
            Err(WebError::TooLarge { limit_bytes }) => {
                Err(PackageError::mismatch(url.text(), format!("it is larger than {limit_bytes} bytes")))
            }
        }
    }
}

impl Remote {
    pub(super) fn new(url: WebUrl, network: &Network) -> Remote {
        let copies = network.cache.as_ref().map(|cache| Copies::of(cache, &url.text()));
        Remote { url, network: network.clone(), copies }
    }

    pub(super) fn is_offline(&self) -> bool {
        self.network.reach == Reach::Installed
    }

    fn place(&self, path: &str) -> String {
        self.url.below(path).text()
    }

    /// A file of it; `None` when there is none.
    pub(super) fn read(&self, path: &str, limit_bytes: u64) -> Result<Option<Vec<u8>>, PackageError> {
        match self.fetch(path, limit_bytes, None, web::Copies::Welcome)? {
            Fetched::Body { bytes, .. } => Ok(Some(bytes)),
            Fetched::Absent | Fetched::Unchanged => Ok(None),
        }
    }

    fn fetch(
        &self,
        path: &str,
        limit_bytes: u64,
        known: Option<&Mark>,
        copies: web::Copies,
    ) -> Result<Fetched, PackageError> {
        let refuse = |reason: String| PackageError::unreachable("Registry", self.url.text(), reason);
        if self.is_offline() {
            return Err(refuse(format!("--offline, and no copy of '{path}' is here")));
        }
        let url = self.url.below(path);
        self.network.web.get(&Wanted { url: &url, limit_bytes, known, copies }).map_err(|error| match error {
            WebError::Unreachable { url: at, reason } => refuse(with_place(&self.url.text(), &at, reason)),
            WebError::TooLarge { limit_bytes } => {
                PackageError::registry(self.place(path), format!("it is larger than {limit_bytes} bytes"))
            }
        })
    }

    /// A file as it is now. What is not here and cannot be had offline is an error.
    pub(super) fn current(&self, path: &str, limit_bytes: u64) -> Result<Current, PackageError> {
        let copy = self.copies.as_ref().and_then(|copies| copies.get(path, limit_bytes));
        let (before, known) = match copy {
            Some(copy) => (Some(copy.bytes), copy.mark),
            None => (None, None),
        };
        if self.is_offline() && before.is_some() {
            return Ok(Current { bytes: before.clone(), before, mark: None });
        }
        match self.fetch(path, limit_bytes, known.as_ref(), web::Copies::Welcome)? {
            Fetched::Body { bytes, mark } => {
                let mark = mark.filter(|mark| known.as_ref() != Some(mark));
                Ok(Current { bytes: Some(Rc::new(bytes)), before, mark })
            }
            Fetched::Unchanged => Ok(Current { bytes: before.clone(), before, mark: None }),
            Fetched::Absent if before.is_some() => Err(self.goes_back(path)),
            Fetched::Absent => Ok(Current { bytes: None, before, mark: None }),
        }
    }

    /// Remembers a file that was judged good, and by what the server knows it.
    pub(super) fn keep(&self, path: &str, current: &Current, counter: u64) {
        let (Some(copies), Some(bytes)) = (&self.copies, &current.bytes) else { return };
        if current.before.as_ref() != Some(bytes) || current.mark.is_some() {
            let (mark, hash, bytes) = (current.mark.clone(), blake3::hash(bytes), Rc::clone(bytes));
            copies.put(path, &Copy { mark, counter, hash, bytes });
        }
    }

    /// An index file of a registry without a snapshot: it only grows.
    pub(super) fn growing(&self, path: &str) -> Result<Current, PackageError> {
        let current = self.current(path, MAX_INDEX_BYTES)?;
        let now = current.bytes.as_ref().map_or(&[][..], |bytes| bytes);
        if current.before.as_ref().is_some_and(|before| !now.starts_with(before)) {
            return Err(self.goes_back(path));
        }
        Ok(current)
    }

    /// An index file as the snapshot of number `counter` promises it.
    pub(super) fn promised(&self, path: &str, known: &Known, counter: u64) -> Result<Current, PackageError> {
        let copy = self.copies.as_ref().and_then(|copies| copies.get(path, MAX_INDEX_BYTES));
        // What was hashed just now is not hashed again.
        if let Some(copy) = &copy
            && copy.hash == known.hash
            && copy.bytes.len() as u64 == known.bytes
        {
            let bytes = Some(Rc::clone(&copy.bytes));
            return Ok(Current { before: bytes.clone(), bytes, mark: None });
        }
        if let Some(copy) = &copy
            && let Some(part) = known.part_of(&copy.bytes)
        {
            // A longer copy is fine where another process has seen a newer snapshot meanwhile.
            if copy.bytes.len() > part.len() && copy.counter <= counter {
                return Err(self.goes_back(path));
            }
            let bytes = Some(Rc::new(part.to_vec()));
            return Ok(Current { before: bytes.clone(), bytes, mark: None });
        }
        for copies in [web::Copies::Welcome, web::Copies::Unwanted] {
            let Fetched::Body { bytes, mark } = self.fetch(path, MAX_INDEX_BYTES, None, copies)? else { continue };
            let Some(part) = known.part_of(&bytes) else { continue };
            if copy.as_ref().is_some_and(|copy| !bytes.starts_with(&copy.bytes)) {
                return Err(self.goes_back(path));
            }
            let bytes = Some(Rc::new(part.to_vec()));
            return Ok(Current { bytes, before: copy.map(|copy| copy.bytes), mark });
        }
        Err(PackageError::registry(self.place(path), "it is not what the snapshot promises: it is old or was changed"))
    }

    /// A file that is not there must not have been there before.
    pub(super) fn never_seen(&self, path: &str, limit_bytes: u64) -> Result<(), PackageError> {
        match self.copies.as_ref().and_then(|copies| copies.get(path, limit_bytes)) {
            Some(_) => Err(self.goes_back(path)),
            None => Ok(()),
        }
    }

    pub(super) fn goes_back(&self, path: &str) -> PackageError {
        let memory = self.copies.as_ref().map_or(Path::new(""), Copies::directory);
        let reason = format!(
            "it goes back: something that was seen before is gone or changed, so it is an old copy or was tampered \
             with. If its keepers say that it was set up anew, remove '{}'",
            memory.display()
        );
        PackageError::registry(self.place(path), reason)
    }
}

/// A file below a registry, or one that a redirect has led to, is named.
fn with_place(asked: &str, at: &str, reason: String) -> String {
    if asked == at { reason } else { format!("{reason} (at '{at}')") }
}
