//! Finished programs by what they were made from, so that an unchanged build does no work.
//!
//! In: the session, and after a build everything that it read. Out: the bytes of the executable and the warnings of its
//! build. Neither LLVM nor clang is touched. Deliberately not here: objects of libraries (`native`).
//!
//! The key names everything that is known before a file is read; the entry then lists the files, so that one lookup
//! and a few calls of `stat` decide. Not covered: shared libraries of the system, which are bound when a program runs.
//!
//! ```text
//! entry  key  = BLAKE3 over the fields of `ProgramKey`
//!        meta = the text of `Inputs`
//!        blobs: program, and after warnings: warnings.txt warnings.ansi warnings.json warnings.sarif
//! placed key  = BLAKE3 over the output's path
//!        meta = hash of a program, and the output's stamp when it had these bytes: not even they are read again
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::inputs::{Comparison, Inputs};
use super::program_key::ProgramKey;
use super::session::Session;
use crate::diagnostics::render::Paint;
use crate::diagnostics::{Diagnostic, json, render, sarif};
use crate::native::Store;
use crate::native::files::Stamp;
use crate::native::store::{Blob, BlobRead, CacheError, Entry, Key, Lookup};
use crate::source::SourceMap;

/// Warnings of the build that made a program, in every form in which they may be wanted.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Replay {
    pub plain: String,
    pub colour: String,
    pub json: String,
    /// A result a line.
    pub sarif: String,
}

pub struct Cached {
    key: Key,
    program: Blob,
    pub warnings: Replay,
    pub inputs: Inputs,
}

/// A program, or the reason why there is none, and a line for the user when something was damaged.
pub enum Found {
    Hit(Box<Cached>),
    Miss { reason: String, note: Option<String> },
}

impl Found {
    fn miss(reason: impl Into<String>) -> Found {
        Found::Miss { reason: reason.into(), note: None }
    }

    fn damaged(note: String) -> Found {
        Found::Miss { reason: "corrupt".to_owned(), note: Some(note) }
    }
}

pub fn lookup(store: &Store, key: &ProgramKey) -> Result<Found, CacheError> {
    let entry = match store.lookup_entry(&key.key)? {
        Lookup::Hit(entry) => entry,
        Lookup::Absent => return Ok(Found::miss(key.explain(store)?)),
        Lookup::Damaged(note) => return Ok(Found::damaged(note)),
    };
    let (Some(inputs), Some(program)) = (Inputs::from_text(&entry.meta), entry.blob("program").cloned()) else {
        return Ok(Found::miss("corrupt"));
    };
    match inputs.compare() {
        Comparison::Same => {}
        Comparison::SameAfterReading => refresh(store, key, &entry, &inputs),
        Comparison::Changed(change) => return Ok(Found::miss(change)),
    }
    let mut texts = [const { String::new() }; 4];
    for (text, name) in texts.iter_mut().zip(["warnings.txt", "warnings.ansi", "warnings.json", "warnings.sarif"]) {
        let Some(blob) = entry.blob(name) else { continue };
        *text = match store.read_blob(&key.key, blob)? {
            BlobRead::Good(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            BlobRead::Absent => return Ok(Found::miss("evicted")),
            BlobRead::Damaged(note) => return Ok(Found::damaged(note)),
        };
    }
    let [plain, colour, json, sarif] = texts;
    Ok(Found::Hit(Box::new(Cached { key: key.key, program, warnings: Replay { plain, colour, json, sarif }, inputs })))
}

/// So that the next look-up need not read what this one read. Failing costs time only.
fn refresh(store: &Store, key: &ProgramKey, entry: &Entry, inputs: &Inputs) {
    if let Some(meta) = inputs.refreshed().and_then(|inputs| inputs.to_text()) {
        let _ = store.republish(&key.key, &Entry { meta, blobs: entry.blobs.clone() });
    }
}

impl Cached {
    /// The verified bytes, or why there are none after all.
    pub fn read(&self, store: &Store) -> Result<Result<Vec<u8>, Found>, CacheError> {
        Ok(match store.read_blob(&self.key, &self.program)? {
            BlobRead::Good(bytes) => Ok(bytes),
            BlobRead::Absent => Err(Found::miss("evicted")),
            BlobRead::Damaged(note) => Err(Found::damaged(note)),
        })
    }

    /// The output is the very file that held this program the last time.
    pub fn is_placed(&self, store: &Store, output: &Path) -> bool {
        let Some(stamp) = placed_stamp(output) else { return false };
        let Ok(Lookup::Hit(entry)) = store.lookup_entry(&placed_key(output)) else { return false };
        entry.meta == self.placed_text(&stamp)
    }

    /// Remembers that the output holds this program, once it is old enough for its times to mean something.
    pub fn remember_placed(&self, store: &Store, output: &Path) {
        if let Some(stamp) = placed_stamp(output) {
            let _ = store.publish(&placed_key(output), &self.placed_text(&stamp), &[]);
        }
    }

    fn placed_text(&self, stamp: &Stamp) -> String {
        format!("{} {stamp:?}", self.program.hash)
    }
}

fn placed_key(output: &Path) -> Key {
    let path = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
    Key::of(&[b"placed-1", path.as_os_str().as_encoded_bytes()])
}

/// Of an executable file that is not young.
fn placed_stamp(output: &Path) -> Option<Stamp> {
    let metadata = fs::symlink_metadata(output).ok()?;
    let is_program = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    Some(Stamp::of(&metadata).unless_young()).filter(|stamp| is_program && !stamp.is_young())
}

/// Keeps a finished program, or tells why not: nothing is kept when an input has changed while it was being compiled.
pub fn keep(
    store: &Store,
    session: &Session,
    inputs: &Inputs,
    program: &[u8],
    warnings: &[Diagnostic],
    sources: &SourceMap,
) -> Result<Option<String>, CacheError> {
    if let Some(why) = inputs.uncacheable() {
        return Ok(Some(why.to_owned()));
    }
    let Some(meta) = inputs.to_text() else { return Ok(Some("path-is-not-text".to_owned())) };
    if let Comparison::Changed(change) = inputs.compare() {
        return Ok(Some(format!("edited-meanwhile:{}", change.split_once(':').map_or("", |(_, path)| path))));
    }
    let plain = render::render_all(warnings, sources, Paint::Plain);
    let colour = render::render_all(warnings, sources, Paint::Colour);
    let json = json::render_all(warnings, sources);
    let sarif = sarif::results(warnings, sources).join("\n");
    let mut blobs: Vec<(&str, &[u8])> = vec![("program", program)];
    if !warnings.is_empty() {
        blobs.push(("warnings.txt", plain.as_bytes()));
        blobs.push(("warnings.ansi", colour.as_bytes()));
        blobs.push(("warnings.json", json.as_bytes()));
        blobs.push(("warnings.sarif", sarif.as_bytes()));
    }
    let key = ProgramKey::of(session);
    store.publish(&key.key, &meta, &blobs)?;
    key.remember(store)?;
    Ok(None)
}
