//! `coexc doctor` finds what is seeded: each test breaks one thing and is told what it means and how it is mended.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::{Ran, Sandbox, ran};
use crate::tricks::without_landlock;

struct Clinic {
    sandbox: Sandbox,
}

impl Clinic {
    fn new() -> Clinic {
        Clinic { sandbox: Sandbox::new() }
    }

    fn command(&self) -> Command {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_coexc"));
        command.arg("doctor");
        command
    }

    /// A program of its own in a directory of the search path.
    fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.sandbox.write(&format!("programs/{name}"), format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script");
        path
    }

    /// A search path with these programs of the system only.
    fn only(&self, names: &[&str]) -> PathBuf {
        let directory = self.sandbox.path("programs");
        fs::create_dir_all(&directory).expect("a directory");
        for name in names {
            let real = std::env::split_paths(&std::env::var_os("PATH").expect("a search path"))
                .map(|place| place.join(name))
                .find(|path| path.is_file());
            symlink(real.expect("a program of the system"), directory.join(name)).expect("a link");
        }
        directory
    }
}

/// The finding of this name, with what follows it.
fn finding(run: &Ran, name: &str) -> String {
    let is_start = |line: &str| !line.starts_with(' ');
    let mut lines =
        run.stdout.lines().skip_while(|line| !is_start(line) || line.split_whitespace().nth(1) != Some(name));
    let first = lines.next().unwrap_or_default().to_owned();
    lines.take_while(|line| !is_start(line)).fold(first, |text, line| text + "\n" + line)
}

/// The finding is in this state and says this, what it means, and how it is mended. A fault is status 3, a note is none.
#[track_caller]
fn finds(run: &Ran, state: &str, name: &str, text: &str) {
    let finding = finding(run, name);
    assert!(finding.starts_with(state) && finding.contains(text), "{name}: {}\n{}", run.stdout, run.stderr);
    assert!(finding.contains("means: ") && finding.contains("mend:  "), "{finding}");
    assert_eq!(run.status, if state == "fault" { 3 } else { 0 }, "{}", run.stdout);
}

#[test]
fn a_whole_machine_is_well() {
    let clinic = Clinic::new();
    let run = ran(&mut clinic.command());
    assert_eq!(run.status, 0, "{}", run.stdout);
    assert!(!run.stdout.contains("fault"), "{}", run.stdout);
    for name in ["coexc", "llvm", "home", "cache", "entries", "clang", "headers", "linker", "libc", "limits"] {
        assert!(finding(&run, name).starts_with("ok"), "{name}: {}", run.stdout);
    }
    let json = ran(clinic.command().arg("--message-format=json"));
    let findings: Vec<serde_json::Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    assert_eq!(findings.len(), run.stdout.lines().filter(|line| !line.starts_with(' ')).count());
    assert!(findings.iter().all(|finding| finding["schema"] == "coexc/1" && finding["kind"] == "finding"));
}

#[test]
fn clang_is_missing_or_unfit() {
    let clinic = Clinic::new();
    let empty = clinic.sandbox.path("empty");
    let run = ran(clinic.command().env("PATH", &empty));
    finds(&run, "fault", "clang", "clang 22 not found: there is no clang-22, no clang");
    assert!(finding(&run, "clang").contains("sudo apt install clang-22"), "{}", run.stdout);
    finds(&run, "fault", "linker", "No linker found: there is no mold, no ld.lld-22");
    let old = clinic.program("old", "echo 'Debian clang version 14.0.6'");
    finds(&ran(clinic.command().env("COEX_CLANG", old)), "fault", "clang", "clang has version 14.0.6, 22 is needed");
    let broken = clinic.program("broken", "echo 'error while loading shared libraries' >&2; exit 127");
    finds(&ran(clinic.command().env("COEX_CLANG", broken)), "fault", "clang", "does not run: it ended with status 127");
    let other = clinic.program("other", "echo 'gcc (Debian 12.2.0-14) 12.2.0'");
    finds(&ran(clinic.command().env("COEX_CLANG", other)), "fault", "clang", "does not run: it is not clang");
    let run = ran(clinic.command().env("COEX_CLANG", "/nonexistent/clang"));
    finds(&run, "fault", "clang", "there is no /nonexistent/clang");
    assert!(finding(&run, "clang").contains("COEX_CLANG is '/nonexistent/clang'"), "{}", run.stdout);
}

#[test]
fn the_c_library_is_missing() {
    let clinic = Clinic::new();
    let bare = "case \"$*\" in *-E*) exec clang-22 --sysroot=/nonexistent \"$@\";; *) exec clang-22 \"$@\";; esac";
    let no_headers = clinic.program("no-headers", bare);
    let run = ran(clinic.command().env("COEX_CLANG", no_headers));
    finds(&run, "fault", "headers", "clang does not find <stdio.h>");
    assert!(finding(&run, "headers").contains("sudo apt install libc6-dev"), "{}", run.stdout);
    let bare = bare.replace("*-E*", "*-###*");
    let no_start = clinic.program("no-start", &bare);
    finds(&ran(clinic.command().env("COEX_CLANG", no_start)), "fault", "libc", "clang does not find Scrt1.o");
}

#[test]
fn the_linker_is_missing_or_broken() {
    let clinic = Clinic::new();
    let programs = clinic.only(&["clang-22"]);
    let run = ran(clinic.command().env("PATH", &programs));
    finds(&run, "fault", "linker", "No linker found");
    assert!(finding(&run, "clang").starts_with("ok"), "{}", run.stdout);
    clinic.program("mold", "exit 1");
    finds(
        &ran(clinic.command().env("PATH", &programs)),
        "fault",
        "linker",
        "mold' does not run: it ended with status 1",
    );
}

#[test]
fn pkg_config_is_missing_or_broken() {
    let clinic = Clinic::new();
    let programs = clinic.only(&["clang-22", "ld"]);
    finds(&ran(clinic.command().env("PATH", &programs)), "note", "pkg-config", "'pkg-config' not found");
    let broken = clinic.program("pc", "exit 3");
    finds(
        &ran(clinic.command().env("PKG_CONFIG", broken)),
        "note",
        "pkg-config",
        "does not run: it ended with status 3",
    );
}

#[test]
fn the_cache_cannot_be_used() {
    let clinic = Clinic::new();
    let file = clinic.sandbox.write("file", "");
    finds(&ran(clinic.command().env("COEX_CACHE_DIR", file.join("x"))), "fault", "cache", "Not a directory");
    let run = ran(clinic.command().env_remove("HOME"));
    finds(&run, "fault", "cache", "HOME is not set");
    assert!(finding(&run, "home").starts_with("note"), "{}", run.stdout);
    // The tools are looked at all the same.
    assert!(finding(&run, "clang").starts_with("ok"), "{}", run.stdout);
    let missing = clinic.sandbox.path("no-home");
    let run = ran(clinic.command().env("HOME", missing).env("COEX_CACHE_DIR", clinic.sandbox.path("cache")));
    finds(&run, "note", "home", "which is no directory");
    let foreign = clinic.sandbox.path("foreign");
    fs::create_dir(&foreign).expect("a directory");
    if std::os::unix::fs::chown(&foreign, Some(4711), None).is_err() {
        println!("skipped: only root can give a directory away");
        return;
    }
    finds(&ran(clinic.command().env("COEX_CACHE_DIR", &foreign)), "fault", "cache", "it belongs to another user");
}

#[test]
fn the_disk_is_full() {
    let clinic = Clinic::new();
    let small = clinic.sandbox.path("small");
    fs::create_dir(&small).expect("a directory");
    let script = format!(
        "mount -t tmpfs -o size=64k none '{0}' && COEX_CACHE_DIR='{0}/cache' exec '{1}' doctor",
        small.display(),
        env!("CARGO_BIN_EXE_coexc")
    );
    let mut command = clinic.sandbox.command("unshare");
    let run = ran(command.args(["--mount", "--map-root-user", "/bin/sh", "-c", &script]));
    if run.stdout.is_empty() {
        println!("skipped: no file system of its own: {}", run.stderr);
        return;
    }
    finds(&run, "fault", "cache", "No space left on device");
}

#[test]
fn entries_are_damaged() {
    let clinic = Clinic::new();
    assert_eq!(ran(&mut clinic.command()).status, 0);
    let mut folders = vec![clinic.sandbox.path("home/.coex/cache")];
    let mut damaged = false;
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).expect("a directory").flatten() {
            let path = item.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "entry") && !damaged {
                fs::write(path, "coex-entry 1\nrubbish").expect("an entry");
                damaged = true;
            }
        }
    }
    assert!(damaged);
    finds(&ran(&mut clinic.command()), "note", "entries", "1 damaged ones were set aside");
}

#[test]
fn limits_are_too_low() {
    let clinic = Clinic::new();
    for (resource, most, text) in
        [(libc::RLIMIT_NOFILE, 100, "at most 100 open files"), (libc::RLIMIT_FSIZE, 33 << 20, "bytes in a file")]
    {
        let mut command = clinic.command();
        let lower = move || {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            // SAFETY: a valid structure.
            unsafe { libc::setrlimit(resource, &raw const limit) };
            Ok(())
        };
        // SAFETY: the closure makes a system call only.
        unsafe { command.pre_exec(lower) };
        finds(&ran(&mut command), "fault", "limits", text);
    }
}

#[test]
fn the_environment_is_odd() {
    let clinic = Clinic::new();
    finds(&ran(clinic.command().env("LC_ALL", "de_DE.ISO-8859-1")), "note", "locale", "not UTF-8");
    finds(&ran(clinic.command().env("TMPDIR", "/nonexistent")), "note", "temporary", "No such file");
    let nowhere = clinic.sandbox.path("nowhere");
    finds(&ran(clinic.command().env("COEX_REGISTRY", &nowhere)), "note", "registry", "cannot be reached");
    clinic.sandbox.write("registry/config.json", "{\"schema\":\"other/1\"}");
    let broken = clinic.sandbox.path("registry");
    finds(&ran(clinic.command().env("COEX_REGISTRY", broken)), "note", "registry", "Registry is not valid");
    assert!(Path::new("/nonexistent").metadata().is_err());
}

/// As `coex` reads it.
#[test]
fn the_registry_is_a_url() {
    let clinic = Clinic::new();
    clinic.sandbox.write("a b/config.json", "{\"schema\":\"coex-registry/1\"}");
    let root = clinic.sandbox.path("").display().to_string();
    let asked = |location: &str| ran(clinic.command().env("COEX_REGISTRY", location));
    for (location, said) in [
        (format!("file://{root}/a%20b"), "/a%20b"),
        (format!("FILE://{root}/%61%20b"), "/a%20b"),
        ("http://packages.test".to_owned(), "http://packages.test (not asked)"),
    ] {
        let found = finding(&asked(&location), "registry");
        assert!(found.starts_with("ok") && found.ends_with(said), "{location}: {found}");
    }
    for (location, said) in [("file://a", "needs an absolute path"), ("https://a:b@c", "must not hold a user")] {
        finds(&asked(location), "note", "registry", said);
    }
}

#[test]
fn the_sandbox_is_off_missing_or_required() {
    let clinic = Clinic::new();
    finds(&ran(clinic.command().env("COEX_SANDBOX", "off")), "note", "sandbox", "switched off");
    let run = ran(clinic.command().env("COEX_SANDBOX", "never"));
    finds(&run, "fault", "sandbox", "COEX_SANDBOX is 'never'");
    if !coexc_can_filter() {
        println!("skipped: no seccomp filters here");
        return;
    }
    let mut command = clinic.command();
    finds(&ran(without_landlock(&mut command)), "note", "sandbox", "the kernel has no landlock");
    let mut command = clinic.command();
    command.env("COEX_SANDBOX", "require");
    finds(&ran(without_landlock(&mut command)), "fault", "sandbox", "the kernel has no landlock");
}

fn coexc_can_filter() -> bool {
    coexc::sandbox::Kernel::of_this_machine().has_filters
}
