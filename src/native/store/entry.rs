//! The text of an entry, as drawn at the head of the store.
//!
//! In: an [`Entry`], or bytes of a file. Out: the other of the two; `None` for bytes that are not exactly what was written.
//! Deliberately not here: the blobs themselves.

use std::fmt::Write as _;

use super::{Blob, Entry, Store};

const HEADER: &str = "coex-entry 1\n";

pub(super) fn encode(entry: &Entry) -> String {
    let mut text = HEADER.to_owned();
    for blob in &entry.blobs {
        let _ = writeln!(text, "blob {} {} {}", blob.name, blob.size, blob.hash);
    }
    let _ = writeln!(text, "meta {}\n{}", entry.meta.len(), entry.meta);
    let check = blake3::hash(text.as_bytes()).to_hex();
    let _ = writeln!(text, "check {check}");
    text
}

pub(super) fn decode(store: &Store, bytes: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(bytes).ok()?;
    let body = text.strip_suffix('\n')?;
    let (_, check) = body.rsplit_once("check ")?;
    let covered = &text[..text.len() - check.len() - "check \n".len()];
    if blake3::hash(covered.as_bytes()).to_hex().as_str() != check {
        return None;
    }
    let mut rest = covered.strip_prefix(HEADER)?;
    let mut blobs = Vec::new();
    loop {
        let (line, after) = rest.split_once('\n')?;
        rest = after;
        if let Some(length) = line.strip_prefix("meta ") {
            let meta = rest.get(..length.parse().ok()?)?.to_owned();
            return Some(Entry { meta, blobs });
        }
        let mut words = line.strip_prefix("blob ")?.rsplitn(3, ' ');
        let (hash, size, name) = (words.next()?, words.next()?, words.next()?);
        let well_formed = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let path = well_formed.then(|| store.shard(hash, "blob"))?;
        blobs.push(Blob { name: name.to_owned(), path, size: size.parse().ok()?, hash: hash.to_owned() });
    }
}
