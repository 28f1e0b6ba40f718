//! `coexc cache`: the store that `native::store` keeps.
//!
//! In: arguments. Out: figures on standard output.

use std::path::{Path, PathBuf};

use super::args::{Cache, CacheAction};
use super::{build, exit, output};
use crate::driver::output_cache::{self, Found};
use crate::driver::{OptLevel, Session};
use crate::native::store::{CacheError, DEFAULT_LIMIT_BYTES, DEFAULT_MAX_AGE};
use crate::native::{NativeError, Store};

pub(super) fn cache(arguments: &Cache) -> u8 {
    match act(&arguments.action) {
        Ok(status) => status,
        Err(error) => {
            let error = NativeError::from(error);
            output::talk(&format!("error[{}]: {}\n", error.code().as_str(), error.message()));
            exit::TOOL
        }
    }
}

fn act(action: &CacheAction) -> Result<u8, CacheError> {
    let store = Store::open_default()?;
    match action {
        CacheAction::Stats => {
            let stats = store.stats()?;
            let text = format!(
                "directory    {}\nentries      {}\nfiles        {}\nbytes        {}\nlimit        {}\nset aside    {}\n",
                store.directory().display(),
                stats.entries,
                stats.blobs,
                stats.bytes,
                DEFAULT_LIMIT_BYTES,
                stats.quarantined
            );
            Ok(output::write(text.as_bytes()))
        }
        CacheAction::Verify => {
            let damaged = store.verify()?;
            let lines: String = damaged.iter().map(|line| format!("{line}\n")).collect();
            let status = output::write(format!("{lines}{} damaged\n", damaged.len()).as_bytes());
            // Damage is repaired by the next build; it is reported, not a failure of this command.
            Ok(status)
        }
        CacheAction::Gc => {
            let freed = store.gc(DEFAULT_LIMIT_BYTES, DEFAULT_MAX_AGE)?;
            remove_old_runs(&store);
            Ok(output::write(format!("{freed} bytes removed\n").as_bytes()))
        }
        CacheAction::Clear => {
            store.clear()?;
            let _ = std::fs::remove_dir_all(run_directory(&store));
            Ok(exit::SUCCESS)
        }
        CacheAction::Explain { file, library_dirs, opt_level } => {
            explain(&store, file, library_dirs, build::opt_level(*opt_level))
        }
    }
}

fn explain(store: &Store, file: &Path, library_dirs: &[PathBuf], opt_level: OptLevel) -> Result<u8, CacheError> {
    let mut session = Session::new(file.to_owned(), PathBuf::new());
    session.search.options = library_dirs.to_vec();
    session.opt_level = opt_level;
    let key = output_cache::key(&session);
    let answer = match output_cache::lookup(store, &key)? {
        Found::Hit(_) => "hit".to_owned(),
        Found::Miss { reason, .. } => format!("miss, {reason}"),
    };
    Ok(output::write(format!("program {}: {answer}\nkey {}\n", file.display(), key.hex()).as_bytes()))
}

/// Executables of `coexc run`; each is a copy of something in the store or can be made again.
fn run_directory(store: &Store) -> PathBuf {
    store.directory().join("run")
}

fn remove_old_runs(store: &Store) {
    let Ok(entries) = std::fs::read_dir(run_directory(store)) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.accessed()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > DEFAULT_MAX_AGE) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
