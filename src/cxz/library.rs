//! A library in memory: from a `.cxz` file, from bytes, or from an unpacked directory.
//!
//! In: a path. Out: a [`Library`] whose manifest is checked and whose listed files exist. An unpacked directory is held
//! to the rules of an archive. Deliberately not here: finding libraries (`search`), and compiling anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::archive::{self, ArchiveError, Fault, limits};
use super::{glob, manifest};
use crate::cxz::manifest::{Manifest, Unit};
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{SourceMap, Span};

/// No honest manifest comes near.
const MAX_MANIFEST_BYTES: usize = 1 << 20;

#[derive(Clone, Debug)]
pub struct Library {
    pub name: String,
    pub version: String,
    /// The archive or the directory.
    pub origin: PathBuf,
    /// How places in it are named: `regex.cxz!/src/regex.coex` begins with this.
    pub display: String,
    pub manifest: Manifest,
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Loads and checks; every fault is reported at `import` where there is one.
pub fn load(
    origin: &Path,
    display: &str,
    import: Option<Span>,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Library> {
    of_files(read_files(origin), origin, display, import, sources, diagnostics)
}

/// The library that comes through a stream.
pub fn load_stream(
    stream: impl Read,
    display: &str,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Library> {
    of_files(read_stream(stream, 0), Path::new(display), display, None, sources, diagnostics)
}

fn of_files(
    files: Result<BTreeMap<String, Vec<u8>>, ArchiveError>,
    origin: &Path,
    display: &str,
    import: Option<Span>,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Library> {
    match files {
        Ok(files) => from_files(files, origin, display, sources, diagnostics),
        Err(error) => {
            diagnostics.push(archive_diagnostic(&error, display, import));
            None
        }
    }
}

pub fn archive_diagnostic(error: &ArchiveError, display: &str, import: Option<Span>) -> Diagnostic {
    let message = format!("Library archive is invalid: {error}");
    let mut diagnostic = Diagnostic::without_place(Code::E1109, message).note(format!("the archive is '{display}'"));
    diagnostic.primary = import;
    diagnostic
}

/// The library of already judged files.
pub fn from_files(
    files: BTreeMap<String, Vec<u8>>,
    origin: &Path,
    display: &str,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Library> {
    let stem = origin.file_stem().map_or_else(|| display.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let bytes = &files["manifest.toml"];
    if bytes.len() > MAX_MANIFEST_BYTES {
        let message = format!("Manifest of '{stem}' is not valid: it is larger than 1 MiB");
        diagnostics.push(Diagnostic::without_place(Code::E1408, message));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("Manifest of '{stem}' is not valid: byte {} is not UTF-8", error.valid_up_to());
            diagnostics.push(Diagnostic::without_place(Code::E1408, message));
            return None;
        }
    };
    let shown = if origin.is_dir() {
        origin.join("manifest.toml").to_string_lossy().into_owned()
    } else {
        format!("{display}!/manifest.toml")
    };
    let file = sources.add(shown, text);
    let manifest = manifest::parse(file, text, &stem, diagnostics)?;
    let (name, version) = (manifest.name.value.clone(), manifest.version.value.to_string());
    let library = Library { name, version, origin: origin.to_owned(), display: display.to_owned(), manifest, files };
    let errors_before = diagnostics.error_count();
    check_compiler_version(&library, diagnostics);
    check_files(&library, diagnostics);
    (diagnostics.error_count() == errors_before).then_some(library)
}

fn check_compiler_version(library: &Library, diagnostics: &mut Diagnostics) {
    let Some(wanted) = &library.manifest.coex else { return };
    let Ok(mut ours) = semver::Version::parse(env!("CARGO_PKG_VERSION")) else { return };
    // A pre-release of a version satisfies what the version satisfies.
    ours.pre = semver::Prerelease::EMPTY;
    if !wanted.value.matches(&ours) {
        let message = format!(
            "Manifest of '{}' is not valid: it needs a compiler version {}, this is {ours}",
            library.name, wanted.value
        );
        diagnostics.push(Diagnostic::new(Code::E1408, wanted.span, message));
    }
}

/// Every file and pattern that the manifest names must be there.
fn check_files(library: &Library, diagnostics: &mut Diagnostics) {
    let missing = |name: &str, span| {
        let message = format!("Library '{}': file '{name}' not found", library.name);
        Diagnostic::new(Code::E1110, span, message)
    };
    for source in &library.manifest.source {
        if library.source(&source.value).is_none() {
            diagnostics.push(missing(&source.value, source.span).note("it is looked for below src/"));
        }
    }
    for unit in &library.manifest.units {
        for pattern in &unit.source {
            if library.matching(&pattern.value).next().is_none() {
                diagnostics.push(missing(&pattern.value, pattern.span).note("it is looked for below ffi/src/"));
            }
        }
    }
}

impl Library {
    /// How a file of it is named in messages.
    pub fn place(&self, inner: &str) -> String {
        if self.origin.is_dir() {
            return self.origin.join(inner).to_string_lossy().into_owned();
        }
        format!("{}!/{inner}", self.display)
    }

    /// The bytes of a file below `src/`.
    pub fn source(&self, path: &str) -> Option<&[u8]> {
        self.files.get(&format!("src/{path}")).map(Vec::as_slice)
    }

    /// Files below `ffi/src` that fit a pattern, relative to it, sorted.
    fn matching<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = &'a str> {
        let below = self.files.keys().filter_map(|path| path.strip_prefix("ffi/src/"));
        below.filter(move |path| if glob::is_plain(pattern) { *path == pattern } else { glob::matches(pattern, path) })
    }

    /// The C files of a unit, patterns expanded, each once, in the order of the manifest.
    pub fn unit_sources(&self, unit: &Unit) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let files = unit.source.iter().flat_map(|pattern| self.matching(&pattern.value));
        files.filter(|path| seen.insert(*path)).map(str::to_owned).collect()
    }

    /// Every file below `ffi/src`, by its path relative to it.
    pub fn foreign_files(&self) -> BTreeMap<String, Vec<u8>> {
        let below = |(path, bytes): (&String, &Vec<u8>)| {
            path.strip_prefix("ffi/src/").map(|path| (path.to_owned(), bytes.clone()))
        };
        self.files.iter().filter_map(below).collect()
    }

    /// BLAKE3 of (path, length, bytes) of every file, sorted by path; lengths are 8 bytes, little endian.
    pub fn tree_hash(&self) -> blake3::Hash {
        tree_hash(&self.files)
    }
}

pub fn tree_hash(files: &BTreeMap<String, Vec<u8>>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in files {
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    hasher.finalize()
}

/// The files of an archive or of an unpacked directory, judged by the same rules.
pub fn read_files(origin: &Path) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let unreadable = |error: std::io::Error| ArchiveError::new(Fault::Unreadable).detail(error.to_string());
    if origin.is_dir() {
        return read_directory(origin);
    }
    // A device or a pipe could go on for ever, and so could opening it.
    let metadata = fs::metadata(origin).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ArchiveError::new(Fault::Unreadable).detail("it is not a file"));
    }
    archive::check_size(metadata.len())?;
    read_stream(fs::File::open(origin).map_err(unreadable)?, metadata.len())
}

/// The files of an archive that comes from anywhere; `expected` is how long it probably is.
pub fn read_stream(stream: impl Read, expected: u64) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut bytes = Vec::with_capacity(expected.min(limits::ARCHIVE_BYTES) as usize + 1);
    let read = stream.take(limits::ARCHIVE_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| ArchiveError::new(Fault::Unreadable).detail(error.to_string()))?;
    archive::read(&bytes)
}

fn read_directory(root: &Path) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut files = BTreeMap::new();
    let mut names = archive::Tree::default();
    let mut total = 0;
    let mut pending = vec![(root.to_owned(), String::new())];
    while let Some((directory, prefix)) = pending.pop() {
        for (path, name) in sorted_entries(&directory, &prefix)? {
            let refuse = |fault| ArchiveError::new(fault).entry(name.as_bytes());
            let unreadable = |error: std::io::Error| refuse(Fault::Unreadable).detail(error.to_string());
            let metadata = fs::symlink_metadata(&path).map_err(unreadable)?;
            if metadata.is_dir() {
                archive::check_name(&format!("{name}/")).map_err(refuse)?;
                pending.push((path, format!("{name}/")));
                continue;
            }
            if !metadata.is_file() {
                return Err(refuse(if metadata.is_symlink() { Fault::Link } else { Fault::Device }));
            }
            archive::check_name(&name).map_err(refuse)?;
            names.add(&name).map_err(refuse)?;
            if metadata.len() > limits::ENTRY_BYTES {
                return Err(refuse(Fault::EntryLarge));
            }
            // It may have grown since.
            let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
            let file = fs::File::open(&path).map_err(unreadable)?;
            file.take(limits::ENTRY_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
            if bytes.len() as u64 > limits::ENTRY_BYTES {
                return Err(refuse(Fault::EntryLarge));
            }
            total += bytes.len() as u64;
            if total > limits::UNPACKED_BYTES {
                return Err(refuse(Fault::UnpackedLarge));
            }
            files.insert(name.clone(), bytes);
            if files.len() > limits::ENTRIES {
                return Err(refuse(Fault::ManyEntries));
            }
        }
    }
    if !files.contains_key("manifest.toml") {
        return Err(ArchiveError::new(Fault::NoManifest));
    }
    Ok(files)
}

/// Entries of a directory by name. Hidden files, packed archives and a lock file at the top are the developer's, not the
/// library's.
fn sorted_entries(directory: &Path, prefix: &str) -> Result<Vec<(PathBuf, String)>, ArchiveError> {
    let refuse =
        |error: std::io::Error| ArchiveError::new(Fault::Unreadable).entry(prefix.as_bytes()).detail(error.to_string());
    let mut list = Vec::new();
    for entry in fs::read_dir(directory).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else {
            return Err(ArchiveError::new(Fault::NameUtf8).entry(file_name.as_encoded_bytes()));
        };
        if prefix.is_empty() && (name.starts_with('.') || name.ends_with(".cxz") || name == "coex.lock") {
            continue;
        }
        list.push((entry.path(), format!("{prefix}{name}")));
    }
    list.sort();
    Ok(list)
}
