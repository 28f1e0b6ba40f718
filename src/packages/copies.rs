//! Copies of files of registries on web servers: what was seen of them.
//!
//! In: bytes that were judged good. Out: the same bytes and the server's mark, or nothing where they are damaged or absent. The
//! copies save requests, serve `--offline`, and are the memory by which a registry that goes back is noticed.
//! Deliberately not here: whether a copy is still the current one (`remote`).
//!
//! ```text
//! CACHE/registries-v1/HASH/config.json         HASH: the first 16 digits of BLAKE3 of the registry's URL
//! CACHE/registries-v1/HASH/snapshot.jsonl
//! CACHE/registries-v1/HASH/index/re/ge/regex.jsonl
//!
//! copy := "coex-copy 1 " BLAKE3-of-bytes " " COUNTER " " MARK-or-"-" "\n" bytes
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::identity;
use super::store::read_bounded;
use super::web::Mark;
use crate::files::{Durability, write_whole};

const HEAD: &str = "coex-copy";
const VERSION: &str = "1";
const MAX_HEAD_BYTES: u64 = 512;

pub(super) struct Copies {
    directory: PathBuf,
}

pub(super) struct Copy {
    pub(super) mark: Option<Mark>,
    /// Of the snapshot by which it was judged; 0 without one.
    pub(super) counter: u64,
    pub(super) hash: blake3::Hash,
    pub(super) bytes: Rc<Vec<u8>>,
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
        let mut bytes = read_bounded(&self.directory.join(path), limit_bytes + MAX_HEAD_BYTES).ok()??;
        let end = bytes.iter().take(MAX_HEAD_BYTES as usize).position(|byte| *byte == b'\n')?;
        let words: Vec<&str> = std::str::from_utf8(&bytes[..end]).ok()?.split(' ').collect();
        let [HEAD, VERSION, hash, counter, mark] = words[..] else { return None };
        let (hash, counter, mark) = (identity::tree_hash(hash)?, counter.parse().ok()?, Mark::from_word(mark));
        bytes.drain(..=end);
        (hash == blake3::hash(&bytes)).then(|| Copy { mark, counter, hash, bytes: Rc::new(bytes) })
    }

    /// A copy that cannot be kept only costs a request the next time.
    pub(super) fn put(&self, path: &str, copy: &Copy) {
        let mark = copy.mark.as_ref().map_or("-".to_owned(), Mark::to_word);
        let head = format!("{HEAD} {VERSION} {} {} {mark}\n", copy.hash.to_hex(), copy.counter);
        let path = self.directory.join(path);
        if path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok()) {
            let _ = write_whole(&path, &[head.as_bytes(), &copy.bytes].concat(), Durability::Fast);
        }
    }
}
