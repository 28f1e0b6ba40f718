//! Finished programs by what they were made from, so that an unchanged build does no work.
//!
//! In: the session, and after a build everything that it read. Out: the bytes of the executable and the warnings of its
//! build. Neither LLVM nor clang is touched. Deliberately not here: objects of libraries (`native`).
//!
//! The key names everything that is known before a file is read; the entry then lists the files, so that one lookup
//! and a few calls of `stat` decide. Not covered: shared libraries of the system, which are bound when a program runs.
//!
//! ```text
//! entry  key  = BLAKE3 over the fields of `key`
//!        meta = the text of `Inputs`
//!        blobs: program, and after warnings: warnings.txt warnings.ansi warnings.json
//! ```

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::inputs::Inputs;
use super::session::Session;
use crate::diagnostics::render::Paint;
use crate::diagnostics::{Diagnostic, json, render};
use crate::native::Store;
use crate::native::store::{CacheError, Key, Lookup};
use crate::source::SourceMap;

/// Changes whenever the meaning of an entry does.
const SCHEMA: &[u8] = b"program-2";

/// Variables that reach clang, pkg-config or the linker.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "COEX_CLANG",
    "CPATH",
    "C_INCLUDE_PATH",
    "LIBRARY_PATH",
    "PKG_CONFIG",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "PKG_CONFIG_SYSROOT_DIR",
    "SOURCE_DATE_EPOCH",
];

/// Warnings of the build that made a program, in every form in which they may be wanted.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Replay {
    pub plain: String,
    pub colour: String,
    pub json: String,
}

pub struct Cached {
    pub program: Vec<u8>,
    pub warnings: Replay,
    pub inputs: Inputs,
}

/// A program, or the reason why there is none, and a line for the user when something was damaged.
pub enum Found {
    Hit(Box<Cached>),
    Miss { reason: String, note: Option<String> },
}

/// Every input that is known before anything is read.
pub fn key(session: &Session) -> Key {
    let mut fields: Vec<Vec<u8>> = vec![SCHEMA.to_vec(), env!("COEX_BUILD_ID").into()];
    let directory = std::env::current_dir().unwrap_or_default();
    fields.push(directory.as_os_str().as_bytes().to_vec());
    fields.push(session.root.as_os_str().as_bytes().to_vec());
    let switches = format!(
        "{} {} {:?} {:?} {:?}",
        session.opt_level.as_str(),
        session.debug_info,
        session.updates,
        session.printing,
        session.debugging
    );
    fields.push(switches.into_bytes());
    let search = &session.search;
    for list in [&search.options, &search.environment] {
        fields.push(list.len().to_string().into_bytes());
        fields.extend(list.iter().map(|path| path.as_os_str().as_bytes().to_vec()));
    }
    for path in [&search.home, &search.compiler] {
        fields.push(path.as_ref().map_or_else(Vec::new, |path| path.as_os_str().as_bytes().to_vec()));
    }
    for name in ENVIRONMENT {
        let value = std::env::var_os(name);
        fields.push(value.as_deref().map_or_else(|| b"-".to_vec(), |value| [b"+", OsStr::as_bytes(value)].concat()));
    }
    Key::of(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

pub fn lookup(store: &Store, key: &Key) -> Result<Found, CacheError> {
    let miss = |reason: &str| Ok(Found::Miss { reason: reason.to_owned(), note: None });
    let entry = match store.lookup(key)? {
        Lookup::Hit(entry) => entry,
        Lookup::Absent => return miss("first-seen"),
        Lookup::Damaged(note) => return Ok(Found::Miss { reason: "corrupt".to_owned(), note: Some(note) }),
    };
    let Some(inputs) = Inputs::from_text(&entry.meta) else { return miss("corrupt") };
    if let Some(change) = inputs.first_change() {
        return miss(&change);
    }
    let read = |name: &str| entry.blob(name).and_then(|blob| std::fs::read(&blob.path).ok());
    let text = |name: &str| read(name).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    // `lookup` has just verified the blobs; one that vanished since is a miss.
    let Some(program) = read("program") else { return miss("evicted") };
    let warnings = Replay { plain: text("warnings.txt"), colour: text("warnings.ansi"), json: text("warnings.json") };
    Ok(Found::Hit(Box::new(Cached { program, warnings, inputs })))
}

/// Keeps a finished program. Nothing is kept when an input has changed while it was being compiled.
pub fn keep(
    store: &Store,
    key: &Key,
    inputs: &Inputs,
    program: &[u8],
    warnings: &[Diagnostic],
    sources: &SourceMap,
) -> Result<(), CacheError> {
    let Some(meta) = inputs.to_text() else { return Ok(()) };
    if inputs.first_change().is_some() {
        return Ok(());
    }
    let plain = render::render_all(warnings, sources, Paint::Plain);
    let colour = render::render_all(warnings, sources, Paint::Colour);
    let json = json::render_all(warnings, sources);
    let mut blobs: Vec<(&str, &[u8])> = vec![("program", program)];
    if !warnings.is_empty() {
        blobs.push(("warnings.txt", plain.as_bytes()));
        blobs.push(("warnings.ansi", colour.as_bytes()));
        blobs.push(("warnings.json", json.as_bytes()));
    }
    store.publish(key, &meta, &blobs).map(|_| ())
}
