//! Keeps a registry: takes archives in, takes releases back, checks everything.
//!
//! In: a directory. Out: the same directory with a line more, or a verdict. Nothing that stands there is ever changed:
//! an index only grows, an archive is written once. Deliberately not here: reading one for an installation (`registry`).

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::PackageError;
use super::identity::{self, PackageId};
use super::index::{self, Release};
use super::registry::{Registry, SCHEMA, files_below};
use super::signature::Signer;
use super::store::{self, create_directory, read_bounded, write_atomically};
use crate::cxz::Library;
use crate::cxz::archive::limits;

/// The registry in a directory, which becomes one if it is empty or absent.
pub fn open_or_create(directory: &Path) -> Result<Registry, PackageError> {
    create_directory(directory)?;
    let config = directory.join("config.json");
    let is_empty = || std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if !config.exists() && is_empty() {
        write_atomically(&config, format!("{{\"schema\":\"{SCHEMA}\"}}\n").as_bytes())?;
    }
    Registry::open(&directory.to_string_lossy())
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
        return Err(PackageError::Signature { package: id.to_string(), reason });
    }
    // The archive first: an index never promises what is not there.
    let place = registry.root.join(index::archive_path(id));
    create_directory(place.parent().unwrap_or(&registry.root))?;
    write_atomically(&place, bytes)?;
    if let Some(signer) = signer {
        let text = signer.sign(id, &release.tree)?;
        write_atomically(&registry.root.join(index::signature_path(id)), text.as_bytes())?;
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
    let path = registry.root.join("config.json");
    let locked = File::open(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| PackageError::unwritable(&path, &error))
}

/// One write of one line: readers see it whole or not at all.
fn append(registry: &Registry, name: &str, line: &str) -> Result<(), PackageError> {
    let path = registry.root.join(index::path(name));
    create_directory(path.parent().unwrap_or(&registry.root))?;
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| PackageError::unwritable(&path, &error))
}

/// Checks the whole registry. Returns the number of releases, and every fault.
pub fn serve_check(registry: &Registry) -> Result<(usize, Vec<PackageError>), PackageError> {
    let (mut count, mut faults) = (0, Vec::new());
    let mut expected = BTreeSet::from([registry.root.join("config.json")]);
    let names = registry.names()?;
    for name in &names {
        expected.insert(registry.root.join(index::path(name)));
        let releases = match registry.releases(name) {
            Ok(releases) => releases,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        for release in releases.iter() {
            count += 1;
            expected.insert(registry.root.join(index::archive_path(&release.id)));
            if release.signer.is_some() {
                expected.insert(registry.root.join(index::signature_path(&release.id)));
            }
            faults.extend(registry.verified(release).err());
            for wanted in release.depends.keys().filter(|wanted| !names.contains(wanted)) {
                let reason = format!("{} needs '{wanted}', which is not there", release.id);
                faults.push(PackageError::registry(registry.place(&index::path(name)), reason));
            }
        }
    }
    for path in files_below(&registry.root)?.into_iter().filter(|path| !expected.contains(path)) {
        let below = path.strip_prefix(&registry.root).unwrap_or(&path).to_string_lossy().into_owned();
        faults.push(PackageError::registry(registry.place(&below), "nothing in the index speaks of this file"));
    }
    Ok((count, faults))
}
