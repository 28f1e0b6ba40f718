//! The commands that look at a registry or keep one, and the list of a project.
//!
//! In: arguments. Out: lists on standard output. Deliberately not here: what changes a project (`packages`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{MessageFormat, Messages, RegistryOption, Verification};
use super::exit;
use super::network::network;
use super::output::{self, Style};
use super::packages::{Look, failed, project};
use super::rows::{self, Row};

use crate::cxz::pack;
use crate::packages::identity::PackageId;
use crate::packages::printable;
use crate::packages::project::{LockPolicy, Options, Project, Verdict};
use crate::packages::registry::Registry;
use crate::packages::remote::Reach;
use crate::packages::signature::Signer;
use crate::packages::{PackageError, identity, maintain};

fn looking(source: Option<&RegistryOption>, messages: &Messages) -> Result<Project, PackageError> {
    project(Options {
        registry: source.and_then(|source| source.registry.clone()),
        policy: LockPolicy::MustStay,
        network: network(Reach::Registries, messages),
        patience: Duration::from_secs(60),
        min_age: None,
    })
}

pub(super) fn list(messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let lock = match looking(None, messages).and_then(|project| project.lock()) {
        Ok(lock) => lock.unwrap_or_default(),
        Err(error) => return failed(error, &style),
    };
    rows::write(&lock.packages.values().map(rows::locked).collect::<Vec<_>>(), &style)
}

pub(super) fn info(name: &str, source: &RegistryOption, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let Some(name) = identity::name(name) else {
        output::talk(&format!("error: '{}' cannot be the name of a package\n", name.escape_debug()));
        return exit::USAGE;
    };
    let told = looking(Some(source), messages).and_then(|project| {
        let lock = project.lock()?.unwrap_or_default();
        let registry = project.registry(&lock)?;
        let releases = registry.releases(&name)?;
        if releases.is_empty() { Err(registry.unknown(&name, Vec::new())) } else { Ok(releases) }
    });
    let releases = match told {
        Ok(releases) => releases,
        Err(error) => return failed(error, &style),
    };
    if style.format == MessageFormat::Human {
        let newest = releases.last().filter(|newest| !newest.description.is_empty());
        let about = newest.map(|newest| format!("  {}\n", printable(&newest.description))).unwrap_or_default();
        output::write(format!("{name}\n{about}").as_bytes());
    }
    rows::write(&releases.iter().rev().map(rows::release).collect::<Vec<_>>(), &style)
}

pub(super) fn search(words: &[String], source: &RegistryOption, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let found = looking(Some(source), messages).and_then(|project| {
        let lock = project.lock()?.unwrap_or_default();
        project.registry(&lock)?.search(words)
    });
    match found {
        Ok(list) => {
            let found: Vec<_> = list.iter().map(|(id, description)| rows::found(id, description)).collect();
            rows::write(&found, &style)
        }
        Err(error) => failed(error, &style),
    }
}

pub(super) fn add(directory: &Path, archives: &[PathBuf], messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let registry = match maintain::open_or_create(directory) {
        Ok(registry) => registry,
        Err(error) => return failed(error, &style),
    };
    let mut added = Vec::new();
    for archive in archives {
        match maintain::add(&registry, archive) {
            Ok(id) => added.extend(id.as_ref().map(rows::published)),
            Err(error) => {
                rows::write(&added, &style);
                return failed(error, &style);
            }
        }
    }
    rows::write(&added, &style)
}

pub(super) fn publish(
    library: &Path,
    key: &Path,
    (look, verification): (Look, &Verification),
    source: &RegistryOption,
    messages: &Messages,
) -> u8 {
    let style = Style::new(messages);
    // What is quickly known to be wrong goes before the look at the library, which may take its time.
    let prepared = looking(Some(source), messages).and_then(|project| {
        let registry = project.registry(&project.lock()?.unwrap_or_default())?;
        registry.directory()?;
        Ok((registry, Signer::read(key)?))
    });
    let (registry, signer) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return failed(error, &style),
    };
    let loaded = match look(library, verification, &style) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    // The canonical form of the library, wherever it comes from.
    let bytes = pack::pack(&loaded.files).map_err(|error| PackageError::Request {
        reason: format!("Library '{}' cannot be packed: {error}", loaded.name),
        help: "make the library smaller".to_owned(),
    });
    let name = format!("{}.cxz", loaded.name);
    let published = bytes.and_then(|bytes| maintain::publish(&registry, &bytes, Path::new(&name), Some(&signer)));
    match published {
        Ok(id) => rows::write(&id.iter().map(rows::published).collect::<Vec<_>>(), &style),
        Err(error) => failed(error, &style),
    }
}

pub(super) fn vendor(messages: &Messages) -> u8 {
    let style = Style::new(messages);
    match looking(None, messages).and_then(|project| project.vendor()) {
        Ok(paths) => rows::write(&paths.iter().map(|path| rows::artifact(path)).collect::<Vec<_>>(), &style),
        Err(error) => failed(error, &style),
    }
}

/// Everything that the lock file names.
pub(super) fn verify(messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let verdicts = match looking(None, messages).and_then(|project| project.verify()) {
        Ok(verdicts) => verdicts,
        Err(error) => return failed(error, &style),
    };
    let (mut worst, mut good) = (exit::SUCCESS, Vec::new());
    for Verdict { path, found } in verdicts {
        match found {
            Ok((PackageId { name, version }, tree)) => {
                let text = format!("{}: {name} {version}", path.display());
                good.push(rows::verdict(&path, &name, &version.to_string(), text, &tree));
            }
            Err(error) => {
                output::talk(&format!("{}:\n", path.display()));
                worst = worst.max(failed(error, &style));
            }
        }
    }
    worst.max(rows::write(&good, &style))
}

pub(super) fn yank(directory: &Path, release: &str, reason: &str, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let parts = release.split_once('@').and_then(|(name, version)| {
        Some(PackageId { name: identity::name(name)?, version: identity::version(version)? })
    });
    let Some(id) = parts else {
        output::talk(&format!("error: '{}' is not NAME@VERSION\n", release.escape_debug()));
        return exit::USAGE;
    };
    let done = Registry::in_directory(directory).and_then(|registry| maintain::yank(&registry, &id, reason));
    match done {
        Ok(()) => exit::SUCCESS,
        Err(error) => failed(error, &style),
    }
}

pub(super) fn sign(directory: &Path, key: &Path, lifetime: Duration, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let signed =
        Registry::in_directory(directory).and_then(|registry| maintain::sign(&registry, &Signer::read(key)?, lifetime));
    match signed {
        Ok(()) => exit::SUCCESS,
        Err(error) => failed(error, &style),
    }
}

pub(super) fn serve_check(directory: &Path, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let checked = Registry::in_directory(directory).and_then(|registry| maintain::serve_check(&registry));
    match checked {
        Ok((count, faults)) => {
            let fields = vec![("releases", count.to_string()), ("faults", faults.len().to_string())];
            let text = format!("{count} releases, {} faults", faults.len());
            let status = rows::write(&[Row::new(text, "registry-checked", fields)], &style);
            faults.into_iter().map(|fault| failed(fault, &style)).fold(status, u8::max)
        }
        Err(error) => failed(error, &style),
    }
}
