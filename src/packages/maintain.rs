//! Keeps a registry: takes archives in, takes releases back, checks everything.
//!
//! In: a directory. Out: the same directory with a line more, or a verdict. Nothing that stands there is ever changed:
//! an index only grows, an archive is written once. The snapshot follows, in a signed registry when it is signed anew.
//! Deliberately not here: reading one for an installation (`registry`).

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::PackageError;
use super::identity::{self, PackageId};
use super::index::{self, MAX_INDEX_BYTES, Release};
use super::registry::{CONFIG, Config, Registry, files_below};
use super::signature::Signer;
use super::snapshot::{self, Known, Snapshot};
use super::store::{self, create_directory, read_bounded, write_atomically};
use crate::cxz::Library;
use crate::cxz::archive::limits;

/// The registry in a directory, which becomes one if it is empty or absent.
pub fn open_or_create(directory: &Path) -> Result<Registry, PackageError> {
    create_directory(directory)?;
    let config = directory.join(CONFIG);
    let is_empty = || std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if !config.exists() && is_empty() {
        write_atomically(&config, Config::new(None).to_text().as_bytes())?;
    }
    Registry::in_directory(directory)
}

/// Takes the archive of a file in. `Ok(None)` says that it stands there already.
pub fn add(registry: &Registry, archive: &Path) -> Result<Option<PackageId>, PackageError> {
    let unreadable = |reason: String| PackageError::Request {
        reason: format!("Archive '{}' cannot be read: {reason}", archive.display()),
        help: "give the file that `coex pkg pack` has written".to_owned(),
    };
    let bytes = read_bounded(archive, limits::ARCHIVE_BYTES).map_err(unreadable)?;
    let bytes = bytes.ok_or_else(|| unreadable("it is not there".to_owned()))?;
    publish(registry, &bytes, archive, None)
}

/// Takes an archive in, signed by whoever publishes it. Whoever has signed a package once signs all that follow.
pub fn publish(
    registry: &Registry,
    bytes: &[u8],
    origin: &Path,
    signer: Option<&Signer>,
) -> Result<Option<PackageId>, PackageError> {
    let library = store::judge(bytes, origin)?;
    let mut release = release(&library, bytes.len() as u64)?;
    release.signer = signer.map(|signer| signer.public.clone());
    let id = &release.id;
    let _guard = guard(registry)?;
    let releases = registry.fresh(&id.name)?;
    if let Some(known) = releases.iter().find(|known| known.id == *id) {
        if known.tree == release.tree {
            return Ok(None);
        }
        let reason = format!("{id} is in the registry already, with another content");
        return Err(PackageError::Request { reason, help: "give the changed library a new version".to_owned() });
    }
    let pinned = releases.iter().rev().find_map(|known| known.signer.as_ref());
    if pinned.is_some() && pinned != release.signer.as_ref() {
        let reason = "the package has been signed with another key until now".to_owned();
        return Err(PackageError::signature(format!("package '{id}'"), reason));
    }
    // The archive first: an index never promises what is not there.
    let root = registry.directory()?;
    let place = root.join(index::archive_path(id));
    create_directory(place.parent().unwrap_or(root))?;
    write_atomically(&place, bytes)?;
    if let Some(signer) = signer {
        let text = signer.sign(id, &release.tree)?;
        write_atomically(&root.join(index::signature_path(id)), text.as_bytes())?;
    }
    append(registry, &id.name, &index::release_line(&release))?;
    Ok(Some(release.id))
}

/// Takes a release back: who has it locked keeps it, nobody else gets it.
pub fn yank(registry: &Registry, id: &PackageId, reason: &str) -> Result<(), PackageError> {
    let _guard = guard(registry)?;
    if !registry.fresh(&id.name)?.iter().any(|known| known.id == *id) {
        return Err(registry.unknown(&id.to_string(), Vec::new()));
    }
    append(registry, &id.name, &index::yank_line(id, reason))
}

/// What the index says of a library.
pub(super) fn release(library: &Library, size: u64) -> Result<Release, PackageError> {
    let manifest = &library.manifest;
    let Some(version) = identity::version(&library.version) else {
        let reason = format!("Version '{}' of '{}' cannot be a release", library.version, library.name);
        return Err(PackageError::Request { reason, help: "leave out what follows the '+'".to_owned() });
    };
    Ok(Release {
        id: PackageId { name: library.name.clone(), version },
        tree: library.tree_hash(),
        size,
        published: now(),
        depends: manifest.depends.iter().map(|(name, wanted)| (name.clone(), wanted.value.clone())).collect(),
        coex: manifest.coex.as_ref().map(|wanted| wanted.value.clone()),
        description: manifest.description.as_deref().unwrap_or_default().chars().take(400).collect(),
        signer: None,
        yanked: None,
    })
}

/// Seconds since 1970, or what builds that can be repeated say instead.
pub(super) fn now() -> u64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    fixed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// Whoever decides by what stands there is alone until the line is written.
fn guard(registry: &Registry) -> Result<File, PackageError> {
    let path = registry.directory()?.join(CONFIG);
    let refuse = |error: std::io::Error| PackageError::unwritable(&path, &error);
    loop {
        let file = File::open(&path).and_then(|file| file.lock().map(|()| file)).map_err(refuse)?;
        // Another file may stand there by now: the one that was waited for is nobody's guard any more.
        let (held, there) = (file.metadata().map_err(refuse)?, std::fs::metadata(&path).map_err(refuse)?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Ok(file);
        }
    }
}

/// One write of one line: readers see it whole or not at all.
fn append(registry: &Registry, name: &str, line: &str) -> Result<(), PackageError> {
    let root = registry.directory()?;
    let path = root.join(index::path(name));
    create_directory(path.parent().unwrap_or(root))?;
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| PackageError::unwritable(&path, &error))?;
    if registry.config.signer.is_some() {
        return Ok(());
    }
    let before = stored_snapshot(registry)?;
    let packages = match &before {
        None => registry.catalogue()?,
        Some(before) => {
            let bytes = read_bounded(&path, MAX_INDEX_BYTES)
                .map_err(|reason| PackageError::registry(registry.place(&index::path(name)), reason))?
                .unwrap_or_default();
            let mut packages = before.packages()?;
            packages.insert(name.to_owned(), Known::of(&bytes, &registry.fresh(name)?));
            packages
        }
    };
    let text = snapshot::to_text(counter_after(before.as_ref()), None, &packages);
    write_atomically(&root.join(snapshot::FILE_NAME), text.as_bytes())
}

fn counter_after(before: Option<&Snapshot>) -> u64 {
    before.map_or(1, |before| before.counter.saturating_add(1))
}

/// The snapshot that stands there.
fn stored_snapshot(registry: &Registry) -> Result<Option<Snapshot>, PackageError> {
    let path = registry.directory()?.join(snapshot::FILE_NAME);
    let place = registry.place(snapshot::FILE_NAME);
    let bytes = read_bounded(&path, snapshot::MAX_BYTES).map_err(|reason| PackageError::registry(&place, reason))?;
    bytes.map(|bytes| snapshot::parse(Rc::new(bytes), &place)).transpose()
}

/// Signs what stands there, for so long. From now on nobody else can sign the registry.
pub fn sign(registry: &Registry, signer: &Signer, lifetime: Duration) -> Result<(), PackageError> {
    let _guard = guard(registry)?;
    let root = registry.directory()?;
    if registry.config.signer.as_ref().is_some_and(|key| *key != signer.public) {
        let reason = "it has been signed with another key until now";
        return Err(PackageError::signature(format!("registry '{}'", registry.name), reason));
    }
    let counter = counter_after(stored_snapshot(registry)?.as_ref());
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(lifetime);
    let text = snapshot::to_text(counter, Some(expires.as_secs()), &registry.catalogue()?);
    let signature = signer.sign_text(text.as_bytes(), &format!("snapshot {counter}"))?;
    write_atomically(&root.join(snapshot::FILE_NAME), text.as_bytes())?;
    write_atomically(&root.join(snapshot::SIGNATURE_NAME), signature.as_bytes())?;
    if registry.config.signer.is_none() {
        write_atomically(&root.join(CONFIG), Config::new(Some(signer.public.clone())).to_text().as_bytes())?;
    }
    Ok(())
}

/// Checks the whole registry. Returns the number of releases, and every fault.
pub fn serve_check(registry: &Registry) -> Result<(usize, Vec<PackageError>), PackageError> {
    let (mut count, mut faults) = (0, Vec::new());
    let root = registry.directory()?;
    let mut expected: BTreeSet<_> = [CONFIG, snapshot::FILE_NAME].map(|name| root.join(name)).into();
    expected.extend(registry.config.signer.as_ref().map(|_| root.join(snapshot::SIGNATURE_NAME)));
    faults.extend(check_snapshot(registry).unwrap_or_else(|fault| vec![fault]));
    let names = registry.names()?;
    for name in &names {
        expected.insert(root.join(index::path(name)));
        let releases = match registry.releases(name) {
            Ok(releases) => releases,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        for release in releases.iter() {
            count += 1;
            expected.insert(root.join(index::archive_path(&release.id)));
            if release.signer.is_some() {
                expected.insert(root.join(index::signature_path(&release.id)));
            }
            faults.extend(registry.verified(release).err());
            for wanted in release.depends.keys().filter(|wanted| !names.contains(wanted)) {
                let reason = format!("{} needs '{wanted}', which is not there", release.id);
                faults.push(PackageError::registry(registry.place(&index::path(name)), reason));
            }
        }
    }
    for path in files_below(root)?.into_iter().filter(|path| !expected.contains(path)) {
        let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        faults.push(PackageError::registry(registry.place(&below), "nothing in the index speaks of this file"));
    }
    Ok((count, faults))
}

/// The snapshot must show every package as it is.
fn check_snapshot(registry: &Registry) -> Result<Vec<PackageError>, PackageError> {
    let Some(snapshot) = registry.snapshot()? else { return Ok(Vec::new()) };
    let (shown, catalogue) = (snapshot.packages()?, registry.catalogue()?);
    let names: BTreeSet<&String> = shown.keys().chain(catalogue.keys()).collect();
    let differ = names.into_iter().filter(|name| shown.get(*name) != catalogue.get(*name));
    let fault = |name| {
        let reason = format!("the snapshot does not show '{name}' as it is now");
        PackageError::registry(registry.place(snapshot::FILE_NAME), reason)
    };
    Ok(differ.map(fault).collect())
}
