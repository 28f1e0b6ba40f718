//! Bad input from outside: each gives one clear error with the right status, and loses nothing that was there.

use std::fs;
use std::process::Command;

use crate::sandbox::{Ran, Sandbox, ran};

const HELLO: &str = "func main()\n    print(\"hello\")\n~\n";

/// Neither a panic's report, nor a signal, nor silence.
#[track_caller]
fn refused(run: &Ran, status: i32, code: &str, message: &str) {
    assert_eq!(run.status, status, "{}", run.stderr);
    assert!(run.stderr.contains(&format!("error[{code}]: {message}")), "{}", run.stderr);
    assert!(!run.stderr.contains("internal error"), "{}", run.stderr);
}

fn with_c(sandbox: &Sandbox, manifest: &str, c: &str, externs: &str) {
    let head = "[library]\nname = \"lib\"\nversion = \"1.0.0\"\nsource = [\"lib.coex\"]\n";
    sandbox.write("lib/manifest.toml", format!("{head}{manifest}"));
    sandbox.write("lib/src/lib.coex", externs);
    sandbox.write("lib/ffi/src/lib.c", c);
    sandbox.write("main.coex", "import \"lib\"\nfunc main()\n    print(lib.f(1))\n~\n");
}

const UNIT: &str = "[ffi.c]\nsource = [\"lib.c\"]\n";
const EXTERN: &str = "extern f(x: int) -> int\n~\n";

#[test]
fn nesting_of_any_depth() {
    let sandbox = Sandbox::new();
    for (open, close) in [("(", ")"), ("[", "]"), ("-", ""), ("not ", "")] {
        let text = format!("func main()\n    x = {}1{}\n~\n", open.repeat(100_000), close.repeat(100_000));
        sandbox.write("deep.coex", text);
        refused(&sandbox.coexc(&["build", "deep.coex"]), 1, "E0204", "Nesting is too deep");
    }
    let blocks = format!("func main()\n{}\n{}\n~\n", "if true:\n".repeat(100_000), "~\n".repeat(100_000));
    sandbox.write("deep.coex", blocks);
    refused(&sandbox.coexc(&["build", "deep.coex"]), 1, "E0204", "Nesting is too deep");
}

#[test]
fn programs_without_main_and_files_without_anything() {
    let sandbox = Sandbox::new();
    for text in ["", "\u{feff}", "\n\n# nothing\n", "func helper()\n~\n"] {
        sandbox.write("main.coex", text);
        refused(&sandbox.coexc(&["build", "main.coex"]), 1, "E0403", "Program has no 'main' function");
    }
}

#[test]
fn empty_and_cut_archives() {
    let sandbox = Sandbox::new();
    sandbox.library("greet", "greet");
    assert_eq!(sandbox.coex(&["pkg", "pack", "greet", "-o", "whole.cxz"]).status, 0);
    let whole = sandbox.read("whole.cxz");
    sandbox.write("main.coex", "import \"greet.cxz\"\nfunc main()\n    print(greet.one())\n~\n");
    fs::remove_dir_all(sandbox.path("greet")).expect("removed");
    for end in [0, 1, whole.len() / 2, whole.len() - 1] {
        sandbox.write("greet.cxz", &whole[..end]);
        refused(&sandbox.coexc(&["build", "main.coex"]), 4, "E1109", "Library archive is invalid: ");
    }
}

#[test]
fn manifests_with_wrong_types() {
    let sandbox = Sandbox::new();
    for unit in ["[ffi.c]\nsource = 7\n", "[ffi.c]\nsource = [\"lib.c\"]\nthreads = \"yes\"\n", "[ffi]\nc = 1\n"] {
        with_c(&sandbox, unit, "int f(int x) { return x; }\n", EXTERN);
        let run = sandbox.coexc(&["build", "main.coex"]);
        refused(&run, 1, "E1408", "Manifest of 'lib' is not valid: ");
        assert!(run.stderr.contains("lib/manifest.toml:"), "{}", run.stderr);
    }
}

#[test]
fn c_that_is_missing_or_does_not_compile_leaves_the_old_output() {
    let sandbox = Sandbox::new();
    with_c(&sandbox, UNIT, "int f(int x) { return x; }\n", EXTERN);
    assert_eq!(sandbox.coexc(&["build", "main.coex"]).status, 0);
    let before = sandbox.read("main");

    sandbox.write("lib/ffi/src/lib.c", "#include \"missing.h\"\nint f(int x) { return x; }\n");
    let run = sandbox.coexc(&["build", "main.coex"]);
    refused(&run, 1, "E1114", "FFI compilation failed for 'lib'");
    assert!(run.stderr.contains("'missing.h' file not found"), "{}", run.stderr);
    assert!(run.stderr.contains("Check that all header files are included"), "{}", run.stderr);
    assert!(!run.stderr.contains("/tmp/coex-native"), "{}", run.stderr);

    fs::remove_file(sandbox.path("lib/ffi/src/lib.c")).expect("removed");
    refused(&sandbox.coexc(&["build", "main.coex"]), 1, "E1110", "Library 'lib': file 'lib.c' not found");
    assert_eq!(sandbox.read("main"), before);
}

#[test]
fn externs_that_differ_from_their_c_functions_show_both() {
    let sandbox = Sandbox::new();
    let cases = [
        ("int f(const char *x) { return x[0]; }\n", "parameter 'x' is 'const char *' in C"),
        ("int f(int x, int y) { return x + y; }\n", "it passes 1 C argument, C takes 2"),
        ("double f(int x) { return x; }\n", "the result is 'double' in C"),
        ("void f(int x) { (void)x; }\n", "the result is 'void' in C"),
    ];
    for (c, difference) in cases {
        with_c(&sandbox, UNIT, c, EXTERN);
        let run = sandbox.coexc(&["build", "main.coex"]);
        refused(&run, 1, "E1103", &format!("Extern 'f' does not match its C declaration: {difference}"));
        assert!(run.stderr.contains("lib.coex:1:8"), "{}", run.stderr);
        assert!(run.stderr.contains("lib.c:1: "), "{}", run.stderr);
    }
}

#[test]
fn externs_that_differ_from_the_manifest_show_both() {
    let sandbox = Sandbox::new();
    let cases = [
        ("params = [\"int\", \"int\"]\nreturns = \"int\"\n", "the manifest lists 2 parameters, the extern has 1"),
        ("params = [\"string\"]\nreturns = \"int\"\n", "the manifest says 'string' for parameter 'x'"),
        ("params = [\"int\"]\nreturns = \"float\"\n", "the manifest says 'float' for the result"),
        ("params = [\"int\"]\n", "the manifest names no result"),
    ];
    for (entry, difference) in cases {
        let manifest = format!("{UNIT}[[ffi.c.symbols]]\nname = \"f\"\n{entry}");
        with_c(&sandbox, &manifest, "int f(int x) { return x; }\n", EXTERN);
        let run = sandbox.coexc(&["build", "main.coex"]);
        refused(&run, 1, "E1103", &format!("Extern 'f' does not match its C declaration: {difference}"));
        assert!(run.stderr.contains("lib.coex:1:8"), "{}", run.stderr);
        assert!(run.stderr.contains("lib/manifest.toml:8:8"), "{}", run.stderr);
    }
}

/// A package tool of the test's own answers, so that it matters neither what is installed nor whether one is.
#[cfg(unix)]
#[test]
fn system_dependencies_that_are_missing_or_too_old() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let install = "[ffi.system.install]\ndebian = \"libnope-dev\"\n";
    with_c(
        &sandbox,
        &format!("{UNIT}[ffi.system]\nheaders = [\"nope/nope.h\"]\n{install}"),
        "int f(int x) { return x; }\n",
        EXTERN,
    );
    let run = sandbox.coexc(&["build", "main.coex"]);
    refused(&run, 3, "E1111", "Missing system dependency for library 'lib'");
    assert!(run.stderr.contains("\nRequired header not found: nope/nope.h\n"), "{}", run.stderr);
    assert!(run.stderr.contains("sudo apt install libnope-dev"), "{}", run.stderr);

    let script = "#!/bin/sh\ncase $1 in --modversion) echo 1.2 ;; *) exit 1 ;; esac\n";
    let tool = sandbox.write("pkg-config", script);
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("permissions");
    with_c(
        &sandbox,
        &format!("{UNIT}[ffi.system]\npkg_config = [\"nope >= 3.0\"]\n{install}"),
        "int f(int x) { return x; }\n",
        EXTERN,
    );
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
    let run = ran(command.args(["build", "main.coex"]).env("PKG_CONFIG", &tool));
    refused(&run, 3, "E1407", "package 'nope' has version 1.2, >= 3.0 is needed");
}

/// Needs a file system of its own; where none may be mounted, there is nothing to fill.
#[test]
fn a_full_disk_under_the_cache() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", HELLO);
    let disk = sandbox.path("disk");
    fs::create_dir_all(&disk).expect("directory");
    let mount = |words: &[&str]| Command::new("mount").args(words).arg(&disk).output();
    if !mount(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
    let run = ran(command.args(["build", "main.coex"]).env("COEX_CACHE_DIR", disk.join("cache")));
    let unmounted = Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    refused(&run, 3, "E1403", "Cannot use the cache directory ");
    assert!(!sandbox.path("main").exists());
}
