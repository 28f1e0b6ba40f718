//! The commands that look at a registry or keep one, and the list of a project.
//!
//! In: arguments. Out: lists on standard output. Deliberately not here: what changes a project (`packages`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{Messages, RegistryOption};
use super::exit;
use super::network::network;
use super::output::{self, Style};
use super::packages::{failed, load, project};

use crate::cxz::pack;
use crate::packages::index::Release;
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
    let mut text = String::new();
    for locked in lock.packages.values() {
        let why = locked.wanted.as_ref().map_or("needed by others".to_owned(), |wanted| format!("asked for: {wanted}"));
        text.push_str(&format!("{} ({why}) {}\n", locked.id, locked.source.text()));
    }
    output::write(text.as_bytes())
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
        if releases.is_empty() { Err(registry.unknown(&name, Vec::new())) } else { Ok(describe(&name, &releases)) }
    });
    match told {
        Ok(text) => output::write(text.as_bytes()),
        Err(error) => failed(error, &style),
    }
}

/// Newest first.
fn describe(name: &str, releases: &[Release]) -> String {
    let mut text = format!("{name}\n");
    if let Some(newest) = releases.last().filter(|newest| !newest.description.is_empty()) {
        text.push_str(&format!("  {}\n", printable(&newest.description)));
    }
    for release in releases.iter().rev() {
        text.push_str(&format!("{}  {} bytes, tree {}\n", release.id.version, release.size, release.tree.to_hex()));
        for (wanted, requirement) in &release.depends {
            text.push_str(&format!("  needs {wanted} {requirement}\n"));
        }
        if let Some(signer) = &release.signer {
            text.push_str(&format!("  signed by {signer}\n"));
        }
        if let Some(reason) = &release.yanked {
            text.push_str(&format!("  taken back: {}\n", printable(reason)));
        }
    }
    text
}

pub(super) fn search(words: &[String], source: &RegistryOption, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let found = looking(Some(source), messages).and_then(|project| {
        let lock = project.lock()?.unwrap_or_default();
        project.registry(&lock)?.search(words)
    });
    match found {
        Ok(list) => {
            let line = |(id, description)| format!("{id}  {}", printable(description)).trim_end().to_owned() + "\n";
            let text: String = list.iter().map(|(id, description)| line((id, description))).collect();
            output::write(text.as_bytes())
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
    let mut text = String::new();
    for archive in archives {
        match maintain::add(&registry, archive) {
            Ok(Some(id)) => text.push_str(&format!("+ {id}\n")),
            Ok(None) => {}
            Err(error) => {
                output::write(text.as_bytes());
                return failed(error, &style);
            }
        }
    }
    output::write(text.as_bytes())
}

pub(super) fn publish(library: &Path, key: &Path, source: &RegistryOption, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let (status, loaded) = load(library, &style);
    let Some(loaded) = loaded else { return status };
    let published = looking(Some(source), messages).and_then(|project| {
        let registry = project.registry(&project.lock()?.unwrap_or_default())?;
        let signer = Signer::read(key)?;
        // The canonical form of the library, wherever it comes from.
        let bytes = pack::pack(&loaded.files).map_err(|error| PackageError::Request {
            reason: format!("Library '{}' cannot be packed: {error}", loaded.name),
            help: "make the library smaller".to_owned(),
        })?;
        maintain::publish(&registry, &bytes, Path::new(&format!("{}.cxz", loaded.name)), Some(&signer))
    });
    match published {
        Ok(id) => output::write(id.map(|id| format!("+ {id}\n")).unwrap_or_default().as_bytes()),
        Err(error) => failed(error, &style),
    }
}

pub(super) fn vendor(messages: &Messages) -> u8 {
    let style = Style::new(messages);
    match looking(None, messages).and_then(|project| project.vendor()) {
        Ok(paths) => {
            let lines: String = paths.iter().map(|path| format!("{}\n", path.display())).collect();
            output::write(lines.as_bytes())
        }
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
    let (mut worst, mut text) = (exit::SUCCESS, String::new());
    for Verdict { path, found } in verdicts {
        match found {
            Ok(id) => text.push_str(&format!("{}: {id}\n", path.display())),
            Err(error) => {
                output::talk(&format!("{}:\n", path.display()));
                worst = worst.max(failed(error, &style));
            }
        }
    }
    worst.max(output::write(text.as_bytes()))
}

pub(super) fn yank(directory: &Path, release: &str, reason: &str, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let parts = release.split_once('@').and_then(|(name, version)| {
        Some(identity::PackageId { name: identity::name(name)?, version: identity::version(version)? })
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
            let status = output::write(format!("{count} releases, {} faults\n", faults.len()).as_bytes());
            faults.into_iter().map(|fault| failed(fault, &style)).fold(status, u8::max)
        }
        Err(error) => failed(error, &style),
    }
}
