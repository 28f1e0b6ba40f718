//! What names a program in the cache before a single file is read, and why a name is new.
//!
//! In: the session, the environment. Out: a [`ProgramKey`]. Deliberately not here: what was read (`inputs`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::session::Session;
use crate::native::Store;
use crate::native::store::{CacheError, Key, Lookup};

/// Changes whenever the meaning of an entry does.
const SCHEMA: &[u8] = b"program-4";

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

pub struct ProgramKey {
    pub key: Key,
    /// Of the last build of this file, whatever its options.
    latest: Key,
    /// How a change of each input is called, and its hash.
    fields: Vec<(String, blake3::Hash)>,
}

impl ProgramKey {
    pub fn of(session: &Session) -> ProgramKey {
        let directory = std::env::current_dir().unwrap_or_default();
        let place = [directory.as_os_str().as_bytes(), session.root.as_os_str().as_bytes()];
        let latest = Key::of(&[b"program-latest", place[0], place[1]]);
        let mut fields = vec![field("compiler-changed", &[SCHEMA, env!("COEX_BUILD_ID").as_bytes()])];
        fields.push(field("place", &place));
        let switches = format!(
            "{} {} {:?} {:?} {:?}",
            session.opt_level.as_str(),
            session.debug_info,
            session.updates,
            session.printing,
            session.debugging
        );
        let search = &session.search;
        let mut flags = vec![switches.as_bytes()];
        flags.extend(search.options.iter().map(|path| path.as_os_str().as_bytes()));
        fields.push(field("flag-changed", &flags));
        let paths: Vec<&[u8]> = search.environment.iter().map(|path| path.as_os_str().as_bytes()).collect();
        fields.push(field("env-changed:COEX_LIB_PATH", &paths));
        for (name, path) in [("env-changed:HOME", &search.home), ("compiler-changed", &search.compiler)] {
            fields.push(field(name, &[path.as_ref().map_or(&[], |path| path.as_os_str().as_bytes())]));
        }
        for name in ENVIRONMENT {
            let value = std::env::var_os(name);
            let value = value.as_deref().map_or_else(|| b"-".to_vec(), |value| [b"+", OsStr::as_bytes(value)].concat());
            fields.push(field(&format!("env-changed:{name}"), &[&value]));
        }
        let hashes: Vec<&[u8]> = fields.iter().map(|(_, hash)| hash.as_bytes().as_slice()).collect();
        ProgramKey { key: Key::of(&hashes), latest, fields }
    }

    /// Why there is no entry of this name: the first input that differs from the last build.
    pub fn explain(&self, store: &Store) -> Result<String, CacheError> {
        let Lookup::Hit(entry) = store.lookup_entry(&self.latest)? else { return Ok("first-seen".to_owned()) };
        let old: Vec<&str> = entry.meta.lines().collect();
        let differs = |(index, (_, hash)): &(usize, &(String, blake3::Hash))| {
            old.get(*index).is_none_or(|old| *old != hash.to_hex().as_str())
        };
        let changed = self.fields.iter().enumerate().find(differs).map(|(_, (name, _))| name.clone());
        Ok(changed.unwrap_or_else(|| "evicted".to_owned()))
    }

    pub fn remember(&self, store: &Store) -> Result<(), CacheError> {
        let lines: String = self.fields.iter().map(|(_, hash)| format!("{}\n", hash.to_hex())).collect();
        store.publish(&self.latest, &lines, &[]).map(|_| ())
    }
}

fn field(name: &str, values: &[&[u8]]) -> (String, blake3::Hash) {
    (name.to_owned(), blake3::Hash::from_bytes(Key::of(values).0))
}
