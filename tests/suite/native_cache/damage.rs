//! A cache that is damaged, full, cannot be written or cannot be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Case, works};
use crate::sandbox::{Ran, ran};

const ONE: &str = "static int n;\nint value(void) { return ++n; }\n";

/// Nothing half made lies about, and the next build finds or makes everything.
#[track_caller]
fn recovers(case: &Case) {
    let (value, log) = case.value();
    assert_eq!(value, "1", "{log}");
    case.hits("1");
    assert_eq!(case.coexc(&["cache", "verify"]).stdout, "0 damaged\n");
}

#[test]
fn flipped_and_truncated_and_empty_files() {
    let case = Case::new(ONE);
    case.value();
    type Damage = fn(&mut Vec<u8>);
    let flip: Damage = |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let truncate: Damage = |bytes| bytes.truncate(bytes.len() / 2);
    let empty: Damage = Vec::clear;
    let longer: Damage = |bytes| bytes.push(b'\n');
    for (name, damage) in [("flipped", flip), ("truncated", truncate), ("empty", empty), ("longer", longer)] {
        fs::remove_file(case.sandbox.path("main")).expect("remove");
        for path in case.kept() {
            let mut bytes = fs::read(&path).expect("a file of the cache");
            if !bytes.is_empty() {
                damage(&mut bytes);
                fs::write(&path, bytes).expect("write");
            }
        }
        let (value, log) = case.value();
        assert_eq!(value, "1", "{name}: {log}");
        assert!(log.contains("note: damaged cache entry "), "{name}: {log}");
        assert!(log.contains("library probe 1.0.0: miss, corrupt\n"), "{name}: {log}");
        assert!(log.contains("program main.coex: miss, corrupt\n"), "{name}: {log}");
        case.hits("1");
        // What nothing names any more may still be damaged.
        case.coexc(&["cache", "verify"]);
        assert_eq!(case.coexc(&["cache", "verify"]).stdout, "0 damaged\n");
    }
}

/// A limit of the size of files stands for a disk that fills up at any moment.
#[test]
fn files_that_cannot_grow() {
    let case = Case::new(ONE);
    for blocks in [0, 1, 2, 4, 8, 16, 64, 256, 1024, 4096] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let run = under(&case, &script, &["build", "-O0", "main.coex"]);
        failed_cleanly(&run, &format!("{blocks} blocks"));
        assert_no_leftovers(&case);
    }
    recovers(&case);
}

/// A file system of its own that is too small.
#[test]
fn full_disks() {
    let mount = "mount -t tmpfs -o size=";
    if !works("unshare", &["-rm", "sh", "-c", &format!("{mount}64k none /tmp")]) {
        return;
    }
    for size in [16, 100, 1000, 8000, 16000, 24000] {
        let case = Case::new(ONE);
        let cache = case.sandbox.path("home/.coex");
        fs::create_dir_all(&cache).expect("directory");
        // The rest of the script looks at the file system before it goes away.
        let script = format!(
            "{mount}{size}k none '{0}' && \"$@\"; status=$?; find '{0}' -name '*.tmp' -o -path '*/work/*' >&2; exit $status",
            cache.display()
        );
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_coexc"), "build", "-O0", "main.coex"]);
        command.current_dir(case.sandbox.path(".")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", case.sandbox.path("home"));
        let run = ran(&mut command);
        failed_cleanly(&run, &format!("{size} KB"));
        assert!(!run.stderr.contains(".tmp") && !run.stderr.contains("/work/"), "{size} KB: {}", run.stderr);
        if run.status == 0 {
            assert_eq!(case.program(), "1");
        }
    }
}

/// Hits are as good as ever; what would have to be written is refused with the reason.
#[test]
fn a_cache_that_cannot_be_written() {
    let case = Case::new(ONE);
    case.value();
    let cache = case.sandbox.path("home/.coex/cache");
    let read_only = format!("mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}'", cache.display());
    if !works("unshare", &["-rm", "sh", "-c", &read_only]) {
        return;
    }
    let build = |words: &[&str]| {
        let script = format!("{read_only} && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &script, "sh"]).arg(env!("CARGO_BIN_EXE_coexc")).args(words);
        let configured = case.command(&[]);
        command.current_dir(case.sandbox.path(".")).env_clear();
        command.envs(configured.get_envs().filter_map(|(name, value)| Some((name, value?))));
        ran(&mut command)
    };
    fs::remove_file(case.sandbox.path("main")).expect("remove");
    let run = build(&["build", "-O0", "--explain-cache", "main.coex"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, "cache: program main.coex: hit\n"));
    assert_eq!(case.program(), "1");
    let run = build(&["build", "-O1", "main.coex", "-o", "other"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stderr.contains("error[E1403]: Cannot use the cache directory"), "{}", run.stderr);
    assert!(run.stderr.contains("Read-only file system"), "{}", run.stderr);
    case.hits("1");
}

/// What cannot be read is no damage: the good entry stays.
#[test]
fn read_errors_do_not_cost_an_entry() {
    if !works("strace", &["-f", "-qq", "-e", "inject=read:error=EIO:when=60000", "true"]) {
        return;
    }
    let case = Case::new(ONE);
    case.value();
    fs::remove_file(case.sandbox.path("main")).expect("remove");
    let before = case.kept();
    let of_program = |path: &&PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("\nblob program "));
    let entry = before.iter().find(of_program).expect("the program's entry");
    for (calls, error, succeeds) in [
        ("openat", "EMFILE", false),
        ("openat", "EIO", false),
        ("read", "EIO", false),
        // Interrupted once, which is no error at all.
        ("read", "EINTR:when=1", true),
        ("openat", "EINTR:when=1", true),
    ] {
        let run = injected(&case, entry, calls, error);
        if succeeds {
            assert_eq!((run.status, run.stderr.as_str()), (0, "cache: program main.coex: hit\n"), "{calls} {error}");
        } else {
            assert_eq!(run.status, 3, "{calls} {error}: {}", run.stderr);
            assert!(run.stderr.contains("error[E1403]"), "{calls} {error}: {}", run.stderr);
        }
        assert!(case.kept() == before, "{calls} {error}: an entry is gone");
    }
    case.hits("1");
}

fn injected(case: &Case, path: &Path, calls: &str, error: &str) -> Ran {
    let inject = format!("inject={calls}:error={error}");
    let mut command = case.command(&[]);
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(path).args(["-e", &inject]);
    command.args([env!("CARGO_BIN_EXE_coexc"), "build", "-O0", "--explain-cache", "main.coex"]);
    command.current_dir(case.sandbox.path(".")).env_clear();
    command.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
    ran(&mut command)
}

/// So few descriptors that a build must fail somewhere; it says so, and nothing that failed is kept as a success.
#[test]
fn too_few_descriptors() {
    let case = Case::new(ONE);
    for limit in [3, 4, 5, 6, 7, 8, 10, 12, 16] {
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let run = under(&case, &script, &["build", "-O0", "main.coex"]);
        // The loader needs some before the compiler starts.
        if run.status != 127 {
            failed_cleanly(&run, &format!("{limit} descriptors"));
        }
    }
    recovers(&case);
}

fn under(case: &Case, script: &str, words: &[&str]) -> Ran {
    let mut command = case.sandbox.command("/bin/sh");
    let configured = case.command(&[]);
    command.envs(configured.get_envs().filter_map(|(name, value)| Some((name, value?))));
    ran(command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_coexc")]).args(words))
}

#[track_caller]
fn failed_cleanly(run: &Ran, when: &str) {
    if run.status != 0 {
        assert!([1, 2, 3].contains(&run.status), "{when}: status {} {}", run.status, run.stderr);
        assert!(run.stderr.contains("error"), "{when}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("panicked"), "{when}: {}", run.stderr);
}

#[track_caller]
fn assert_no_leftovers(case: &Case) {
    let cache = case.sandbox.path("home/.coex/cache");
    if cache.exists() {
        let is_leftover =
            |path: &PathBuf| path.to_string_lossy().contains("/work/") || path.to_string_lossy().ends_with(".tmp");
        let left: Vec<PathBuf> = case.files().into_iter().filter(is_leftover).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
