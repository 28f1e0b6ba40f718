//! A registry: a plain directory with an index and archives, here or on a web server.
//!
//! In: where it is. Out: the releases of a package, and archives. Nothing that it holds is believed; what it says is
//! judged by `index` and `snapshot`, what it delivers by `store`. Deliberately not here: changing one (`maintain`), and
//! talking to servers (`remote`).
//!
//! ```text
//! config.json                       {"schema":"coex-registry/1","signer":"RW…"}; a signer signs the snapshot
//! index/re/ge/regex.jsonl           one release a line
//! dl/regex/regex-1.0.0.cxz          the archives
//! dl/regex/regex-1.0.0.cxz.minisig  their signatures, where the index names a signer
//! snapshot.jsonl                    what there is of all packages, in one file
//! snapshot.jsonl.minisig            its signature, where config.json names a signer
//! ```

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::error::{PackageError, printable};
use super::identity::{self, PackageId};
use super::index::{self, MAX_INDEX_BYTES, Release};
use super::location::{Location, file_url};
use super::remote::{Current, Network, Remote};
use super::signature::{self, PINNED, SEEN};
use super::snapshot::{self, Known, Snapshot};
use super::store::{self, read_bounded};
use crate::cxz::Library;
use crate::cxz::archive::limits;
use crate::diagnostics::io_reason;

const SCHEMA: &str = "coex-registry/1";
pub(super) const CONFIG: &str = "config.json";
const MAX_CONFIG_BYTES: u64 = 64 << 10;
/// A registry that has just been signed anew serves the old signature for a moment.
const SIGNING: std::time::Duration = std::time::Duration::from_millis(500);

#[derive(Serialize, Deserialize)]
pub(super) struct Config {
    schema: String,
    /// The public key of who signs the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signer: Option<String>,
}

impl Config {
    pub(super) fn new(signer: Option<String>) -> Config {
        Config { schema: SCHEMA.to_owned(), signer }
    }

    pub(super) fn to_text(&self) -> String {
        match serde_json::to_string(self) {
            Ok(text) => text + "\n",
            Err(error) => crate::bug!("a configuration of plain texts is JSON: {error}"),
        }
    }

    fn parse(bytes: &[u8], place: &str) -> Result<Config, PackageError> {
        let config: Config = serde_json::from_slice(bytes)
            .map_err(|error| PackageError::registry(place, format!("its configuration is not valid: {error}")))?;
        if config.schema != SCHEMA {
            let reason = format!("its schema is '{}', this version knows '{SCHEMA}'", printable(&config.schema));
            return Err(PackageError::registry(place, reason));
        }
        if config.signer.as_ref().is_some_and(|signer| signature::key(signer).is_none()) {
            return Err(PackageError::registry(place, "'signer' must be a public key of minisign"));
        }
        Ok(config)
    }
}

enum Place {
    Directory(PathBuf),
    Web(Box<Remote>),
}

pub struct Registry {
    /// `file:///home/me/registry`: what lock files and messages call it.
    pub name: String,
    pub(super) config: Config,
    place: Place,
    snapshot: OnceCell<Option<Snapshot>>,
    known: RefCell<BTreeMap<String, Rc<Vec<Release>>>>,
}

impl Registry {
    /// Whoever has signed it once signs it from then on: `keys` are those that a project has pinned, by the names of
    /// their registries. What is refused is not remembered.
    pub fn open(location: &str, network: &Network, keys: &BTreeMap<String, String>) -> Result<Registry, PackageError> {
        let same = |name: &str, known, found: &Config| {
            signature::same_key(format!("registry '{name}'"), known, found.signer.as_ref())
        };
        match Location::parse("Registry", location)? {
            Location::Path(root) => {
                let registry = Registry::in_directory(&root)?;
                same(&registry.name, (PINNED, keys.get(&registry.name)), &registry.config)?;
                Ok(registry)
            }
            Location::Web(url) => {
                let refuse = |reason| PackageError::unreachable("Registry", location, reason);
                let url = url.without_end().map_err(refuse)?;
                let (name, remote) = (url.text(), Remote::new(url, network));
                let current = remote.current(CONFIG, MAX_CONFIG_BYTES)?;
                let bytes = current.bytes.as_ref().ok_or_else(|| refuse("it has no config.json"))?;
                let place = format!("{name}/{CONFIG}");
                let config = Config::parse(bytes, &place)?;
                same(&name, (PINNED, keys.get(&name)), &config)?;
                let before = current.before.as_ref().and_then(|bytes| Config::parse(bytes, &place).ok());
                same(&name, (SEEN, before.and_then(|before| before.signer).as_ref()), &config)?;
                remote.keep(CONFIG, &current, 0);
                Ok(Registry::new(name, config, Place::Web(Box::new(remote))))
            }
        }
    }

    /// As [`Registry::open`], where that takes no network.
    pub fn at_hand(location: &str) -> Result<Option<Registry>, PackageError> {
        match Location::parse("Registry", location)? {
            Location::Path(root) => Registry::in_directory(&root).map(Some),
            Location::Web(_) => Ok(None),
        }
    }

    /// The one in a directory of this machine.
    pub fn in_directory(root: &Path) -> Result<Registry, PackageError> {
        let unreachable = |reason| PackageError::unreachable("Registry", root.to_string_lossy(), reason);
        let root = root.canonicalize().map_err(|error| unreachable(io_reason(&error)))?;
        let (name, path) = (file_url(&root), root.join(CONFIG));
        let place = format!("{name}/{CONFIG}");
        let bytes = read_bounded(&path, MAX_CONFIG_BYTES)
            .map_err(|reason| PackageError::registry(&place, format!("it cannot be read: {reason}")))?;
        let config = Config::parse(&bytes.ok_or_else(|| unreachable("it has no config.json".to_owned()))?, &place)?;
        Ok(Registry::new(name, config, Place::Directory(root)))
    }

    fn new(name: String, config: Config, place: Place) -> Registry {
        Registry { name, config, place, snapshot: OnceCell::new(), known: RefCell::default() }
    }

    /// The directory of one that is kept here.
    pub fn directory(&self) -> Result<&Path, PackageError> {
        match &self.place {
            Place::Directory(root) => Ok(root),
            Place::Web(_) => Err(PackageError::Usage {
                reason: format!("Registry '{}' is on a web server and can only be read", self.name),
                help: "change the directory that the server shows".to_owned(),
            }),
        }
    }

    /// How one of its files is named in messages.
    pub(super) fn place(&self, path: &str) -> String {
        format!("{}/{path}", self.name)
    }

    /// A file of it; `None` when there is none.
    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, PackageError> {
        match &self.place {
            Place::Directory(root) => read_bounded(&root.join(path), limit)
                .map_err(|reason| PackageError::registry(self.place(path), format!("it cannot be read: {reason}"))),
            Place::Web(remote) => remote.read(path, limit),
        }
    }

    /// All releases of a package in the order of their versions; none when there is no such package.
    pub fn releases(&self, name: &str) -> Result<Rc<Vec<Release>>, PackageError> {
        if let Some(known) = self.known.borrow().get(name) {
            return Ok(known.clone());
        }
        let path = index::path(name);
        let releases = match &self.place {
            Place::Directory(_) => match self.read(&path, MAX_INDEX_BYTES)? {
                Some(bytes) => self.parsed(name, &path, self.signed_part(name, &path, &bytes)?)?,
                None => Vec::new(),
            },
            Place::Web(remote) => self.fetched(name, &path, remote)?,
        };
        let releases = Rc::new(releases);
        self.known.borrow_mut().insert(name.to_owned(), releases.clone());
        Ok(releases)
    }

    fn parsed(&self, name: &str, path: &str, bytes: &[u8]) -> Result<Vec<Release>, PackageError> {
        index::parse(name, bytes, &self.place(path))
    }

    /// What is not signed yet does not count; in a registry that nobody signs, everything does.
    fn signed_part<'b>(&self, name: &str, path: &str, bytes: &'b [u8]) -> Result<&'b [u8], PackageError> {
        let Some(snapshot) = self.config.signer.as_ref().map_or(Ok(None), |_| self.snapshot())? else {
            return Ok(bytes);
        };
        let Some(known) = snapshot.get(name)? else { return Ok(&[]) };
        let refuse = || PackageError::registry(self.place(path), "it is not what the signed snapshot promises");
        known.part_of(bytes).ok_or_else(refuse)
    }

    fn fetched(&self, name: &str, path: &str, remote: &Remote) -> Result<Vec<Release>, PackageError> {
        let (current, counter) = match self.snapshot()? {
            Some(snapshot) => match snapshot.get(name)? {
                Some(known) => (remote.promised(path, &known, snapshot.counter)?, snapshot.counter),
                None => return remote.never_seen(path, MAX_INDEX_BYTES).map(|()| Vec::new()),
            },
            None => (remote.growing(path)?, 0),
        };
        let Some(bytes) = &current.bytes else { return Ok(Vec::new()) };
        let releases = self.parsed(name, path, bytes)?;
        remote.keep(path, &current, counter);
        Ok(releases)
    }

    /// What there is of all packages, where the registry says so in one file.
    pub(super) fn snapshot(&self) -> Result<Option<&Snapshot>, PackageError> {
        if let Some(known) = self.snapshot.get() {
            return Ok(known.as_ref());
        }
        let current = match &self.place {
            Place::Directory(_) => Current::first(self.read(snapshot::FILE_NAME, snapshot::MAX_BYTES)?),
            Place::Web(remote) => remote.current(snapshot::FILE_NAME, snapshot::MAX_BYTES)?,
        };
        let place = self.place(snapshot::FILE_NAME);
        let parsed = current.bytes.as_ref().map(|bytes| snapshot::parse(Rc::clone(bytes), &place)).transpose()?;
        let bytes = current.bytes.as_ref().map(|bytes| bytes.as_slice());
        self.check_signature(bytes, parsed.as_ref())?;
        if let (Place::Web(remote), Some(now)) = (&self.place, &parsed) {
            let is_new = current.bytes != current.before;
            let before = current.before.as_ref().filter(|_| is_new);
            let before = before.and_then(|bytes| snapshot::parse(Rc::clone(bytes), &place).ok());
            if before.is_some_and(|before| before.counter >= now.counter) {
                return Err(remote.goes_back(snapshot::FILE_NAME));
            }
            remote.keep(snapshot::FILE_NAME, &current, now.counter);
        }
        Ok(self.snapshot.get_or_init(|| parsed).as_ref())
    }

    /// Where the registry has a signer, its snapshot must be signed and not too old.
    fn check_signature(&self, bytes: Option<&[u8]>, parsed: Option<&Snapshot>) -> Result<(), PackageError> {
        let Some(key) = &self.config.signer else { return Ok(()) };
        let refuse = |reason: &str| PackageError::signature(format!("registry '{}'", self.name), reason);
        let (Some(bytes), Some(parsed)) = (bytes, parsed) else { return Err(refuse("it has no snapshot")) };
        if let Place::Web(remote) = &self.place
            && remote.is_offline()
        {
            // It was checked when it was kept.
            return Ok(());
        }
        let read = || self.read(snapshot::SIGNATURE_NAME, signature::MAX_BYTES);
        let check =
            |text: Option<Vec<u8>>| signature::check_text(bytes, key, &text.unwrap_or_default()).map_err(refuse);
        if check(read()?).is_err() {
            std::thread::sleep(SIGNING);
            check(read()?)?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match parsed.expires {
            Some(expires) if expires > now => Ok(()),
            Some(_) => Err(refuse("its snapshot has expired: an old copy is served, or nobody signs it any more")),
            None => Err(refuse("its snapshot has no date of expiry")),
        }
    }

    /// As `releases`, read again.
    pub(super) fn fresh(&self, name: &str) -> Result<Rc<Vec<Release>>, PackageError> {
        self.known.borrow_mut().remove(name);
        self.releases(name)
    }

    /// The bytes of an archive, not judged yet.
    fn archive(&self, release: &Release) -> Result<Vec<u8>, PackageError> {
        let path = index::archive_path(&release.id);
        let missing = || PackageError::registry(self.place(&path), format!("the archive of {} is missing", release.id));
        // From a server, one byte more is enough to see that it is not the promised one.
        let limit = match &self.place {
            Place::Directory(_) => limits::ARCHIVE_BYTES,
            Place::Web(_) => limits::ARCHIVE_BYTES.min(release.size.saturating_add(1)),
        };
        self.read(&path, limit)?.ok_or_else(missing)
    }

    /// The bytes of a signature, not judged yet.
    fn signature(&self, id: &PackageId) -> Result<Vec<u8>, PackageError> {
        let path = index::signature_path(id);
        let bytes = self.read(&path, signature::MAX_BYTES)?;
        bytes.ok_or_else(|| PackageError::registry(self.place(&path), format!("the signature of {id} is missing")))
    }

    /// The names of all packages, sorted. Whatever else lies in the index is skipped: `serve-check` complains of it.
    pub(super) fn names(&self) -> Result<Vec<String>, PackageError> {
        let root = match &self.place {
            Place::Directory(root) => root,
            Place::Web(_) => return Ok(self.listed()?.names().map(ToOwned::to_owned).collect()),
        };
        let mut names = Vec::new();
        for path in files_below(&root.join("index"))? {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(name) = file.strip_suffix(".jsonl").and_then(identity::name) else { continue };
            if path.strip_prefix(root).is_ok_and(|below| below == Path::new(&index::path(&name))) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// A web server does not list what it has.
    fn listed(&self) -> Result<&Snapshot, PackageError> {
        let place = self.place(snapshot::FILE_NAME);
        self.snapshot()?.ok_or_else(|| PackageError::registry(place, "it has no snapshot, so it cannot be searched"))
    }

    /// The archive of a release, when it is exactly what the index promises.
    pub(super) fn verified(&self, release: &Release) -> Result<(Vec<u8>, Library), PackageError> {
        let id = &release.id;
        if let Some(key) = &release.signer {
            signature::check(id, &release.tree, key, &self.signature(id)?)?;
        }
        let bytes = self.archive(release)?;
        if bytes.len() as u64 != release.size {
            let reason = format!("the archive has {} bytes, promised are {}", bytes.len(), release.size);
            return Err(PackageError::mismatch(id.to_string(), reason));
        }
        let library = store::judge(&bytes, Path::new(&index::archive_path(id)))?;
        store::check(&library, id, &release.tree)?;
        same_depends(&library, release)?;
        Ok((bytes, library))
    }

    /// What there is of each package, read from the index itself where that is at hand.
    pub(super) fn catalogue(&self) -> Result<BTreeMap<String, Known>, PackageError> {
        if let Place::Web(_) = &self.place {
            return self.listed()?.packages();
        }
        let mut packages = BTreeMap::new();
        for name in self.names()? {
            let path = index::path(&name);
            let bytes = self.read(&path, MAX_INDEX_BYTES)?.unwrap_or_default();
            let known = Known::of(&bytes, &self.parsed(&name, &path, &bytes)?);
            packages.insert(name, known);
        }
        Ok(packages)
    }

    /// Packages whose name or description holds every word, with their newest release that counts.
    pub fn search(&self, words: &[String]) -> Result<Vec<(PackageId, String)>, PackageError> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let mut found = Vec::new();
        for (name, known) in self.catalogue()? {
            let Some(version) = known.newest else { continue };
            let text = format!("{name} {}", known.description.to_lowercase());
            if words.iter().all(|word| text.contains(word)) {
                found.push((PackageId { name, version }, known.description));
            }
        }
        Ok(found)
    }

    /// What a command says of a package that is not there.
    pub fn unknown(&self, wanted: &str, helps: Vec<String>) -> PackageError {
        PackageError::Unknown { wanted: wanted.to_owned(), registry: self.name.clone(), helps }
    }
}

/// A manifest must need what the index says.
pub(super) fn same_depends(library: &Library, release: &Release) -> Result<(), PackageError> {
    let manifest = library.manifest.depends.iter().map(|(name, wanted)| (name, &wanted.value));
    if manifest.eq(release.depends.iter()) {
        return Ok(());
    }
    let reason = "the index says that it needs other packages than its manifest does";
    Err(PackageError::mismatch(release.id.to_string(), reason))
}

/// Every file below a directory, links not followed.
pub(super) fn files_below(root: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let (mut files, mut pending) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = pending.pop() {
        let refuse = |error: std::io::Error| {
            PackageError::registry(file_url(&directory), format!("it cannot be read: {}", io_reason(&error)))
        };
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && directory == root => return Ok(files),
            other => other.map_err(refuse)?,
        };
        for entry in entries {
            let entry = entry.map_err(refuse)?;
            match entry.file_type().map_err(refuse)?.is_dir() {
                true => pending.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}
