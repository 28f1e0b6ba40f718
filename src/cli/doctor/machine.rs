//! Directories, limits and settings.
//!
//! In: the environment. Out: findings, and a cache to ask with. Deliberately not here: programs (`tools`).

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use super::report::Report;
use crate::diagnostics::io_reason;
use crate::driver::session::variable;
use crate::native::Store;
use crate::packages::registry::Registry;

pub(super) fn home(report: &mut Report) {
    let means = "packages cannot be installed, and libraries in ~/.coex/lib are not found";
    match variable("HOME").map(PathBuf::from) {
        Some(home) if home.is_dir() => report.well("home", home.display().to_string()),
        Some(home) => {
            let found = format!("HOME is '{}', which is no directory", home.display());
            report.note("home", found, means, "set HOME to a directory of your own");
        }
        None => report.note("home", "HOME is not set", means, "set HOME to a directory of your own"),
    }
}

/// The cache, or one in place of it for the questions that follow.
pub(super) enum Cache {
    Own(Store),
    Instead(Store, PathBuf),
}

impl Cache {
    pub(super) fn store(&self) -> &Store {
        match self {
            Cache::Own(store) | Cache::Instead(store, _) => store,
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if let Cache::Instead(_, path) = self {
            let _ = fs::remove_dir_all(path);
        }
    }
}

const CACHE_MEANS: &str = "nothing can be built: finished programs and libraries are kept there";
const CACHE_MEND: &str = "make room, correct its owner and rights (chown, chmod 700), or\n\
                          let COEX_CACHE_DIR name another directory";

pub(super) fn cache(report: &mut Report) -> Option<Cache> {
    let store = match Store::open_default() {
        Ok(store) => store,
        Err(error) => {
            report.fault("cache", format!("{}: {}", error.directory.display(), error.reason), CACHE_MEANS, CACHE_MEND);
            let path = std::env::temp_dir().join(format!("coex-doctor-{}", std::process::id()));
            return Store::open(&path).ok().map(|store| Cache::Instead(store, path));
        }
    };
    let place = store.directory().display().to_string();
    match try_to_write(&store) {
        Ok(()) => report.well("cache", place),
        Err(why) => report.fault("cache", format!("{place}: {why}"), CACHE_MEANS, CACHE_MEND),
    }
    entries(&store, report);
    Some(Cache::Own(store))
}

/// As much as the runtime needs: it is put there before the first program is linked.
fn try_to_write(store: &Store) -> Result<(), String> {
    let scratch = store.scratch().map_err(|error| error.reason)?;
    let file = fs::File::create(scratch.path().join("doctor"));
    let written = file.and_then(|mut file| {
        reserve(&file, 16 << 20)?;
        file.write_all(&[1; 4096])?;
        file.sync_data()
    });
    written.map_err(|error| io_reason(&error))
}

/// Room on the disk, by the system's word: to fill it would take as long as all other questions together.
fn reserve(file: &fs::File, bytes: libc::off_t) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, bytes) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// More takes too long to read for a question.
const MOST_TO_READ: u64 = 512 << 20;

fn entries(store: &Store, report: &mut Report) {
    let Ok(stats) = store.stats() else { return };
    let size = format!("{} entries, {} MiB", stats.entries, stats.bytes >> 20);
    if stats.bytes > MOST_TO_READ {
        return report.well("entries", format!("{size}; `coexc cache verify` reads them"));
    }
    match store.verify() {
        Ok(damaged) if damaged.is_empty() => report.well("entries", size),
        Ok(damaged) => {
            let found = format!("{size}; {} damaged ones were set aside", damaged.len());
            let mend = "nothing to do now; if it comes again, check the disk and the memory";
            report.note("entries", found, "they are made again by the next build", mend);
        }
        Err(error) => report.fault("entries", error.reason, CACHE_MEANS, CACHE_MEND),
    }
}

pub(super) fn temporary_files(report: &mut Report) {
    let directory = std::env::temp_dir();
    let path = directory.join(format!(".coex-doctor-{}", std::process::id()));
    let written = fs::File::options().write(true).create_new(true).open(&path);
    let _ = fs::remove_file(&path);
    match written {
        Ok(_) => report.well("temporary", directory.display().to_string()),
        Err(error) => {
            let found = format!("{}: {}", directory.display(), io_reason(&error));
            let means = "reports of internal failures may have no place; builds work";
            report.note("temporary", found, means, "let TMPDIR name a directory that can be written");
        }
    }
}

/// Below these builds fail in ways that do not name the limit.
const LIMITS: [(libc::__rlimit_resource_t, u64, &str, &str); 3] = [
    (libc::RLIMIT_NOFILE, 256, "open files", "ulimit -n 1024"),
    (libc::RLIMIT_AS, 2 << 30, "bytes of address space", "ulimit -v unlimited"),
    (libc::RLIMIT_FSIZE, 64 << 20, "bytes in a file", "ulimit -f unlimited"),
];

pub(super) fn limits(report: &mut Report) {
    let mut is_enough = true;
    for (resource, least, what, mend) in LIMITS {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid structure.
        let is_known = unsafe { libc::getrlimit(resource, &raw mut limit) == 0 };
        if is_known && limit.rlim_cur < least {
            is_enough = false;
            let found = format!("at most {} {what}, {least} are needed", limit.rlim_cur);
            report.fault("limits", found, "large programs and libraries cannot be built", mend);
        }
    }
    if is_enough {
        report.well("limits", "enough files, memory and file size");
    }
}

pub(super) fn locale(report: &mut Report) {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| Some((name, variable(name)?)));
    let is_utf8 = |value: &OsString| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    };
    match set {
        Some((_, value)) if is_utf8(&value) => report.well("locale", value.to_string_lossy()),
        other => {
            let found = match other {
                Some((name, value)) => format!("{name} is '{}', not UTF-8", value.to_string_lossy()),
                None => "none is set".to_owned(),
            };
            let means = "messages and programs print UTF-8 all the same; a terminal that does not may show other marks";
            report.note("locale", found, means, "export LANG=C.UTF-8");
        }
    }
}

/// Only looked at where that takes no network.
pub(super) fn registry(report: &mut Report) {
    let Some(location) = variable("COEX_REGISTRY") else {
        return report.well("registry", "COEX_REGISTRY is not set; --registry names one");
    };
    let location = location.to_string_lossy();
    match Registry::at_hand(&location) {
        Ok(Some(registry)) => report.well("registry", registry.name),
        Ok(None) => report.well("registry", format!("{location} (not asked)")),
        Err(error) => {
            let (diagnostics, _) = error.into_diagnostics();
            let found = diagnostics.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
            let mend = "let COEX_REGISTRY name a registry, or unset it; `coex registry serve-check DIR` checks one";
            report.note("registry", found, "packages cannot be installed from it", mend);
        }
    }
}
