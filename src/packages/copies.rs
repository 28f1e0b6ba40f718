//! Copies of files of registries on web servers: what was seen of them.
//!
//! In: bytes that were judged good. Out: the same bytes and their ETag, or nothing where they are damaged or absent. The
//! copies save requests, serve `--offline`, and are the memory by which a registry that goes back is noticed.
//! Deliberately not here: whether a copy is still the current one (`remote`).
//!
//! ```text
//! CACHE/registries-v1/HASH/config.json         HASH: the first 16 digits of BLAKE3 of the registry's URL
//! CACHE/registries-v1/HASH/snapshot.jsonl
//! CACHE/registries-v1/HASH/index/re/ge/regex.jsonl
//!
//! copy := "coex-copy 1 " BLAKE3-of-bytes " " COUNTER " " ETAG-or-"-" "\n" bytes
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use super::identity;
use super::store::read_bounded;
use crate::files::{Durability, write_whole};

const HEAD: &str = "coex-copy";
const VERSION: &str = "1";
const MAX_HEAD_BYTES: u64 = 512;

pub(super) struct Copies {
    directory: PathBuf,
}

pub(super) struct Copy {
    pub(super) etag: Option<String>,
    /// Of the snapshot by which it was judged; 0 without one.
    pub(super) counter: u64,
    pub(super) bytes: Vec<u8>,
}

impl Copies {
    pub(super) fn of(cache: &Path, url: &str) -> Copies {
        let hash = blake3::hash(url.as_bytes()).to_hex();
        Copies { directory: cache.join("registries-v1").join(&hash[..16]) }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn get(&self, path: &str, limit_bytes: u64) -> Option<Copy> {
        let bytes = read_bounded(&self.directory.join(path), limit_bytes + MAX_HEAD_BYTES).ok()??;
        let end = bytes.iter().take(MAX_HEAD_BYTES as usize).position(|byte| *byte == b'\n')?;
        let words: Vec<&str> = std::str::from_utf8(&bytes[..end]).ok()?.split(' ').collect();
        let [HEAD, VERSION, hash, counter, etag] = words[..] else { return None };
        let body = &bytes[end + 1..];
        let is_whole = identity::tree_hash(hash)? == blake3::hash(body);
        let etag = (etag != "-").then(|| etag.to_owned());
        is_whole.then_some(Copy { etag, counter: counter.parse().ok()?, bytes: body.to_vec() })
    }

    /// A copy that cannot be kept only costs a request the next time.
    pub(super) fn put(&self, path: &str, copy: &Copy) {
        let (hash, etag) = (blake3::hash(&copy.bytes).to_hex(), copy.etag.as_deref().unwrap_or("-"));
        let head = format!("{HEAD} {VERSION} {hash} {} {etag}\n", copy.counter);
        let path = self.directory.join(path);
        if path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok()) {
            let _ = write_whole(&path, &[head.as_bytes(), &copy.bytes].concat(), Durability::Fast);
        }
    }
}
