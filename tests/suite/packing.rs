//! Packing and unpacking through the commands: one library is one sequence of bytes, whoever packs it, where and when;
//! and outputs appear whole or not at all.

use std::fs::{self, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::sandbox::{Ran, Sandbox, ran};

const MANIFEST: &str = "[library]\nname = \"a\"\nversion = \"1.0.0\"\nsource = [\"a.coex\"]\n";

/// Names that sort differently by bytes, by locale and directory by directory.
const FILES: [(&str, &str); 14] = [
    ("manifest.toml", MANIFEST),
    ("src/a.coex", "formula one() -> int\n    return 1\n~\n"),
    ("src/B.txt", "x"),
    ("src/_c.txt", ""),
    ("src/é.txt", "é"),
    ("src/Z.txt", "z"),
    ("src/x/y.txt", "1"),
    ("src/x.y.txt", "2"),
    ("src/x-y.txt", "3"),
    ("src/x0y/z.txt", "4"),
    ("docs/long.md", "line\n"),
    ("docs/empty.md", ""),
    ("LICENSE-MIT", "free"),
    ("ffi/src/deep/er/b.c", "int b;\n"),
];

fn write_library(sandbox: &Sandbox, directory: &str) {
    for (name, content) in FILES {
        sandbox.write(&format!("{directory}/{name}"), content);
    }
    sandbox.write(&format!("{directory}/docs/long.md"), "a line that repeats itself\n".repeat(3000));
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Runs a line of shell with `$COEX` and `$COEXC`.
fn shell(sandbox: &Sandbox, line: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = sandbox.command("sh");
    command.args(["-c", line]).env("COEX", env!("CARGO_BIN_EXE_coex")).env("COEXC", env!("CARGO_BIN_EXE_coexc"));
    ran(command.envs(variables.iter().copied()))
}

#[test]
fn the_bytes_depend_on_the_files_alone() {
    let sandbox = Sandbox::new();
    write_library(&sandbox, "one");
    assert_eq!(sandbox.coex(&["pkg", "pack", "one", "-o", "one.cxz"]).status, 0);
    let expected = sandbox.read("one.cxz");

    // The same files, made in another order, at other times, with other modes and owners.
    let long = sandbox.read("one/docs/long.md");
    for (index, (name, content)) in FILES.iter().rev().enumerate() {
        let content = if *name == "docs/long.md" { &long[..] } else { content.as_bytes() };
        let path = sandbox.write(&format!("deep/er/two/{name}"), content);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_007 * (index as u64 % 4) + 1);
        let file = fs::File::options().write(true).open(&path).expect("opens");
        file.set_times(FileTimes::new().set_modified(then).set_accessed(then)).expect("times");
        let mode = [0o444, 0o755, 0o600, 0o777, 0o640][index % 5];
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode");
        if std::os::unix::fs::chown(&path, Some(65534), Some(65534)).is_err() && index == 0 {
            println!("skipped: other owners, which only root can make");
        }
    }
    fs::set_permissions(sandbox.path("deep/er/two/src"), Permissions::from_mode(0o700)).expect("mode");
    let worlds = [
        ("022", [("TZ", "UTC"), ("LC_ALL", "C"), ("SOURCE_DATE_EPOCH", "0"), ("USER", "a")]),
        (
            "077",
            [("TZ", "Asia/Kathmandu"), ("LC_ALL", "tr_TR.UTF-8"), ("SOURCE_DATE_EPOCH", "1700000000"), ("USER", "b")],
        ),
        ("000", [("TZ", "America/St_Johns"), ("LC_ALL", "de_DE.UTF-8"), ("LANG", "ja_JP.eucJP"), ("LOGNAME", "c")]),
        ("027", [("TZ", ":junk"), ("LC_ALL", "junk"), ("LC_COLLATE", "en_US"), ("HOME", "/nonexistent")]),
    ];
    for (round, (mask, variables)) in worlds.iter().enumerate() {
        for (directory, place) in [("one", "."), ("../two", "deep/er/x"), ("er/two/", "deep")] {
            fs::create_dir_all(sandbox.path("deep/er/x")).expect("directory");
            let output = sandbox.path(&format!("out-{round}.cxz"));
            let line =
                format!("umask {mask}; cd '{place}'; exec \"$COEX\" pkg pack '{directory}' -o '{}'", output.display());
            let run = shell(&sandbox, &line, variables);
            assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{line}");
            assert!(fs::read(&output).expect("packed") == expected, "{line} {variables:?}");
            fs::remove_file(output).expect("removed");
        }
    }
}

#[test]
fn packing_what_was_unpacked_is_the_identity() {
    let sandbox = Sandbox::new();
    write_library(&sandbox, "one");
    assert_eq!(sandbox.coex(&["pkg", "pack", "one"]).status, 0);
    let packed = sandbox.read("a.cxz");
    let verdict = sandbox.coex(&["pkg", "verify", "a.cxz"]);
    assert_eq!(verdict.status, 0, "{}", verdict.stderr);
    let unpacked = sandbox.coex(&["pkg", "unpack", "a.cxz"]);
    assert_eq!((unpacked.status, unpacked.stdout.as_str(), unpacked.stderr.as_str()), (0, "", ""));
    for (name, _) in FILES {
        assert_eq!(sandbox.read(&format!("a/{name}")), sandbox.read(&format!("one/{name}")), "{name}");
    }
    assert_eq!(names_in(&sandbox.path("a")), ["LICENSE-MIT", "docs", "ffi", "manifest.toml", "src"]);
    assert_eq!(sandbox.coex(&["pkg", "pack", "a", "-o", "again.cxz"]).status, 0);
    assert!(sandbox.read("again.cxz") == packed);
    // The same through streams, and nothing is left over anywhere.
    let line = "\"$COEX\" pkg pack one -o - | \"$COEX\" pkg verify - && \"$COEX\" pkg unpack - new <a.cxz \
                && \"$COEX\" pkg pack new -o - | cmp - a.cxz";
    let run = shell(&sandbox, line, &[]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert_eq!(run.stdout.replace("-: ", "a.cxz: "), verdict.stdout);
    assert_eq!(names_in(&sandbox.path("")), ["a", "a.cxz", "again.cxz", "home", "new", "one"]);
}

#[test]
fn unpacking_makes_a_fresh_directory() {
    let sandbox = Sandbox::new();
    write_library(&sandbox, "one");
    assert_eq!(sandbox.coex(&["pkg", "pack", "one"]).status, 0);
    fs::create_dir(sandbox.path("there")).expect("directory");
    sandbox.write("file", "x");
    symlink("nowhere", sandbox.path("link")).expect("link");
    for taken in ["there", "file", "link", "there/", "."] {
        let run = sandbox.coex(&["pkg", "unpack", "a.cxz", taken]);
        assert_eq!(run.status, 2, "{taken}");
        assert_eq!(run.stderr, format!("error: '{taken}' exists already; unpack makes a new directory\n"));
    }
    let run = sandbox.coex(&["pkg", "unpack", "a.cxz", "absent/x"]);
    assert_eq!(run.status, 3);
    assert!(
        run.stderr.starts_with("error[E1404]: Cannot write 'absent/x': No such file or directory\n"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.coex(&["pkg", "unpack", "one", "x"]).status, 2);
    assert_eq!(sandbox.coex(&["pkg", "unpack", "absent.cxz", "x"]).status, 4);
    let mut bytes = sandbox.read("a.cxz");
    bytes.truncate(bytes.len() - 1);
    sandbox.write("cut.cxz", bytes);
    let run = sandbox.coex(&["pkg", "unpack", "cut.cxz", "x"]);
    assert_eq!(run.status, 4);
    assert!(run.stderr.starts_with("error[E1109]: "), "{}", run.stderr);
    assert_eq!(names_in(&sandbox.path("")), ["a.cxz", "cut.cxz", "file", "home", "link", "one", "there"]);
    assert_eq!(names_in(&sandbox.path("there")).len(), 0);

    let run = shell(&sandbox, "umask 027; \"$COEX\" pkg unpack a.cxz x", &[]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    let mode = |name: &str| fs::metadata(sandbox.path(name)).expect("metadata").mode() & 0o7777;
    assert_eq!([mode("x"), mode("x/src"), mode("x/src/a.coex")], [0o750, 0o750, 0o640]);
}

/// Nothing can be written but the first bytes: what a full disk does.
#[test]
fn outputs_that_fail_leave_the_old_one() {
    let sandbox = Sandbox::new();
    write_library(&sandbox, "one");
    sandbox.write("main.coex", "func main() -> int\n    print(\"hello\")\n    return 0\n~\n");
    sandbox.write("out", "old");
    let limited = |command: &str| shell(&sandbox, &format!("trap '' XFSZ; ulimit -f 0; {command}"), &[]);
    for command in ["\"$COEX\" pkg pack one -o out", "\"$COEXC\" emit llvm main.coex -o out"] {
        let run = limited(command);
        assert_eq!(run.status, 3, "{command}: {}", run.stderr);
        assert!(run.stderr.contains("error[E1404]: Cannot write 'out': File too large\n"), "{command}: {}", run.stderr);
        assert_eq!(sandbox.read("out"), b"old", "{command}");
    }
    assert_eq!(limited("\"$COEX\" pkg unpack one.cxz x").status, 4, "there is no such archive");
    shell(&sandbox, "\"$COEX\" pkg pack one", &[]);
    assert_eq!(limited("\"$COEX\" pkg unpack a.cxz x").status, 3);
    // A fault of the input changes no output either.
    sandbox.write("main.coex", "func main() -> int\n    return \"\"\n~\n");
    assert_eq!(sandbox.coexc(&["emit", "llvm", "main.coex", "-o", "out"]).status, 1);
    sandbox.write("one/stray", "");
    assert_eq!(sandbox.coex(&["pkg", "pack", "one", "-o", "out"]).status, 4);
    assert_eq!(sandbox.read("out"), b"old");
    assert_eq!(names_in(&sandbox.path("")), ["a.cxz", "home", "main.coex", "one", "out"]);
}

#[test]
fn equal_outputs_are_not_touched() {
    let sandbox = Sandbox::new();
    write_library(&sandbox, "one");
    sandbox.write("main.coex", "func main() -> int\n    print(\"hello\")\n    return 0\n~\n");
    let runs: [&[&str]; 2] = [&["pkg", "pack", "one", "-o", "out"], &["emit", "ir", "main.coex", "-o", "out"]];
    let identity = || {
        let metadata = fs::metadata(sandbox.path("out")).expect("metadata");
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
    };
    for (words, tool) in runs.into_iter().zip([env!("CARGO_BIN_EXE_coex"), env!("CARGO_BIN_EXE_coexc")]) {
        let run = || ran(sandbox.command(tool).args(words).stdin(Stdio::null()));
        assert_eq!(run().status, 0);
        let (first, bytes) = (identity(), sandbox.read("out"));
        assert_eq!(run().status, 0);
        assert_eq!(identity(), first, "{words:?}");
        sandbox.write("out", "something else");
        assert_eq!(run().status, 0);
        assert!(sandbox.read("out") == bytes, "{words:?}");
    }
}
