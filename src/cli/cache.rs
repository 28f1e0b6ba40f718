//! `coexc cache`: the store that `native::store` keeps.
//!
//! In: arguments. Out: figures on standard output.

use std::path::{Path, PathBuf};

use super::args::{Cache, CacheAction, Common};
use super::{build, exit, output};
use crate::driver::output_cache::{self, Found};
use crate::driver::program_key::ProgramKey;
use crate::native::store::{Allowance, CacheError, DEFAULT_MAX_AGE};
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
                allowance(&store)?.bytes,
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
            let freed = store.gc(&allowance(&store)?)?;
            remove_old_runs(&store);
            Ok(output::write(format!("{freed} bytes removed\n").as_bytes()))
        }
        CacheAction::Clear => {
            store.clear()?;
            let _ = std::fs::remove_dir_all(run_directory(&store));
            Ok(exit::SUCCESS)
        }
        CacheAction::Explain { file, common } => explain(&store, file, common),
    }
}

/// Of this process's environment. A build goes on with the usual size where this one says what is wrong.
fn allowance(store: &Store) -> Result<Allowance, CacheError> {
    let size = std::env::var("COEX_CACHE_SIZE").ok();
    Allowance::from_size(size.as_deref()).map_err(|text| CacheError {
        directory: store.directory().to_owned(),
        reason: format!("COEX_CACHE_SIZE is '{text}', which is no size such as 500M or 2G"),
    })
}

fn explain(store: &Store, file: &Path, common: &Common) -> Result<u8, CacheError> {
    let session = build::session(file, PathBuf::new(), common);
    let key = ProgramKey::of(&session);
    let answer = match output_cache::lookup(store, &key)? {
        Found::Hit(_) => "hit".to_owned(),
        Found::Miss { reason, .. } => format!("miss, {reason}"),
    };
    Ok(output::write(format!("program {}: {answer}\nkey {}\n", file.display(), key.key.hex()).as_bytes()))
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
