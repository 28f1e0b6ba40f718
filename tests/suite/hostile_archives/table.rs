//! Archives that nobody should believe, by name: at least one for each rule of the format and each trick that has worked
//! on some other reader.
//!
//! In: nothing. Out: bytes, and what must be said of them. Also where the corpus of the fuzz target comes from.

use super::{contents, layouts, names};
use crate::zip_builder::{Entry, build, manifest};

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// The stable word of the fault.
    pub(crate) slug: &'static str,
    /// The entry that the message must name.
    pub(crate) entry: Option<Vec<u8>>,
}

/// A library whose last entry is the hostile one.
pub(super) fn with(name: impl Into<String>, slug: &'static str, entry: Entry) -> Case {
    let shown = entry.central.name.clone();
    Case { name: name.into(), bytes: build(&[manifest(), entry]), slug, entry: Some(shown) }
}

/// The fault is one of an entry with this name.
pub(super) fn of_entry(name: impl Into<String>, slug: &'static str, entry: &[u8], bytes: Vec<u8>) -> Case {
    Case { name: name.into(), bytes, slug, entry: Some(entry.to_vec()) }
}

/// The fault is one of the archive.
pub(super) fn whole(name: impl Into<String>, slug: &'static str, bytes: Vec<u8>) -> Case {
    Case { name: name.into(), bytes, slug, entry: None }
}

/// An ordinary compressed entry, changed.
pub(super) fn changed(change: impl FnOnce(&mut Entry)) -> Entry {
    let mut entry = Entry::deflated(b"src/a.coex", &b"func f()\n~\n".repeat(20));
    change(&mut entry);
    entry
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = names::alone();
    cases.extend(names::together());
    cases.extend(contents::kinds());
    cases.extend(contents::methods());
    cases.extend(contents::data());
    cases.extend(contents::bombs());
    cases.extend(layouts::headers());
    cases.extend(layouts::descriptors());
    cases.extend(layouts::extra_fields());
    cases.extend(layouts::places());
    cases.extend(layouts::ends());
    cases.extend(layouts::cuts());
    cases.extend(layouts::strangers());
    cases
}
