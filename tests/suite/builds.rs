//! Whole builds from outside: outputs, caches, scripts, damage.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::sandbox::{Ran, Sandbox, ran};

const HELLO: &str = "func main()\n    print(\"hello\")\n~\n";
const ECHO: &str = "func main(args: [string]) -> int\n    for a in args\n        print(a)\n    ~\n    return 7\n~\n";
const COUNTER: &str = "static int count;\nint next_count(void) { return ++count; }\n";

fn build(sandbox: &Sandbox, words: &[&str]) -> Ran {
    sandbox.coexc(&[&["build"], words].concat())
}

#[track_caller]
fn built(sandbox: &Sandbox, words: &[&str]) -> Ran {
    let run = build(sandbox, words);
    assert_eq!(run.status, 0, "{}", run.stderr);
    run
}

fn program(sandbox: &Sandbox, name: &str, words: &[&str]) -> Ran {
    ran(sandbox.command(sandbox.path(name)).args(words))
}

/// A library with C, and a program that uses it.
fn with_library(sandbox: &Sandbox) {
    sandbox.write(
        "counter/manifest.toml",
        "[library]\nname = \"counter\"\nversion = \"1.0.0\"\nsource = [\"counter.coex\"]\n\
         [ffi.c]\nsource = [\"*.c\"]\n",
    );
    sandbox.write("counter/src/counter.coex", "extern next_count() -> int\n~\n");
    sandbox.write("counter/ffi/src/counter.c", COUNTER);
    sandbox.write("main.coex", "import \"counter\"\nfunc main()\n    print(counter.next_count())\n~\n");
}

#[test]
fn a_program_is_built_silently_and_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("dir/hello.coex", HELLO);
    let run = built(&sandbox, &["dir/hello.coex"]);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let run = program(&sandbox, "hello", &[]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "hello\n"));
    let mode = fs::metadata(sandbox.path("hello")).expect("built").mode();
    assert_eq!(mode & 0o700, 0o700);
}

#[test]
fn run_passes_arguments_and_status() {
    let sandbox = Sandbox::new();
    sandbox.write("echo.coex", ECHO);
    let run = sandbox.coexc(&["run", "echo.coex", "-x", "--color", "two words"]);
    assert_eq!((run.status, run.stdout.as_str()), (7, "echo.coex\n-x\n--color\ntwo words\n"));
    assert_eq!(sandbox.coexc(&["echo.coex", "y"]).stdout, "echo.coex\ny\n");
    assert!(!sandbox.path("echo").exists());
}

#[test]
fn scripts_run_themselves() {
    let sandbox = Sandbox::new();
    let tool = env!("CARGO_BIN_EXE_coexc");
    for first in [format!("#!{tool}"), format!("#!/usr/bin/env -S {tool} run")] {
        let script = sandbox.write("script", format!("{first}\n{ECHO}"));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("mode");
        let run = ran(sandbox.command(&script).arg("--flag"));
        assert_eq!(run.status, 7, "{}", run.stderr);
        assert!(run.stdout.ends_with("script\n--flag\n"), "{}", run.stdout);
    }
}

#[test]
fn an_unchanged_build_touches_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("hello.coex", HELLO);
    built(&sandbox, &["hello.coex"]);
    let stamp = || {
        let metadata = fs::metadata(sandbox.path("hello")).expect("built");
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
    };
    let before = stamp();
    let warm = built(&sandbox, &["hello.coex", "--explain-cache", "--print-commands"]);
    assert_eq!(warm.stderr, "cache: program hello.coex: hit\n");
    assert_eq!(stamp(), before);
    // Another level makes other bytes, and a comment makes the same ones again.
    let cold = built(&sandbox, &["hello.coex", "-O0", "--explain-cache"]);
    assert!(cold.stderr.starts_with("cache: program hello.coex: miss, flag-changed\n"), "{}", cold.stderr);
    sandbox.write("hello.coex", format!("{HELLO}# a comment\n"));
    let changed = built(&sandbox, &["hello.coex", "-O0", "--explain-cache"]);
    assert!(changed.stderr.contains("miss, source-changed:hello.coex"), "{}", changed.stderr);
}

#[test]
fn a_warm_build_needs_neither_clang_nor_linker() {
    let sandbox = Sandbox::new();
    with_library(&sandbox);
    // The tools are found through links, which then go away; the directory stays in PATH.
    let tools = sandbox.path("tools");
    fs::create_dir_all(&tools).expect("directory");
    for name in ["clang-22", "mold", "ld.lld-22", "ld"] {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found: Option<PathBuf> = std::env::split_paths(&path).map(|d| d.join(name)).find(|p| p.is_file());
        if let Some(found) = found {
            std::os::unix::fs::symlink(found, tools.join(name)).expect("link");
        }
    }
    let run = |words: &[&str]| ran(sandbox.command(env!("CARGO_BIN_EXE_coexc")).args(words).env("PATH", &tools));
    let cold = run(&["build", "main.coex"]);
    assert_eq!(cold.status, 0, "{}", cold.stderr);
    // Programs that would only fail if they were started.
    let traced = run(&["build", "main.coex", "--print-commands"]);
    assert_eq!((traced.status, traced.stderr.as_str()), (0, ""));
    assert_eq!(program(&sandbox, "main", &[]).stdout, "1\n");
}

#[test]
fn changes_of_a_library_are_noticed() {
    let sandbox = Sandbox::new();
    with_library(&sandbox);
    built(&sandbox, &["main.coex"]);
    assert_eq!(program(&sandbox, "main", &[]).stdout, "1\n");
    sandbox.write("counter/ffi/src/counter.c", COUNTER.replace("++count", "count += 5"));
    let run = built(&sandbox, &["main.coex", "--explain-cache"]);
    assert!(run.stderr.contains("miss, source-changed:counter/ffi/src/counter.c"), "{}", run.stderr);
    assert_eq!(program(&sandbox, "main", &[]).stdout, "5\n");
    // A new file that the pattern matches, without any change of the old ones.
    sandbox.write("counter/ffi/src/other.c", "int other(void) { return 1; }\n");
    assert!(built(&sandbox, &["main.coex", "--explain-cache"]).stderr.contains("program main.coex: miss"));
    // A library that appears earlier in the search order.
    sandbox.write("app/main.coex", "import \"counter\"\nfunc main()\n    print(counter.next_count())\n~\n");
    let words = ["app/main.coex", "-L", ".", "-o", "app/main"];
    built(&sandbox, &words);
    sandbox.library("app/counter", "counter");
    assert_eq!(build(&sandbox, &words).status, 1);
}

#[test]
fn a_failed_build_leaves_the_old_output() {
    let sandbox = Sandbox::new();
    sandbox.write("hello.coex", HELLO);
    built(&sandbox, &["hello.coex"]);
    let before = sandbox.read("hello");
    for text in ["func main()\n    print(nothing)\n~\n", "func main(\n", "func f()\n~\n"] {
        sandbox.write("hello.coex", text);
        assert_eq!(build(&sandbox, &["hello.coex"]).status, 1);
        assert_eq!(sandbox.read("hello"), before);
    }
    let names = || fs::read_dir(sandbox.path(".")).expect("directory").count();
    assert_eq!(names(), 3, "no scratch files stay");
}

#[test]
fn warnings_come_back_from_the_cache() {
    let sandbox = Sandbox::new();
    sandbox.write("w.coex", "formula sqrt(x: float) -> float\n    return x\n~\nfunc main()\n    print(sqrt(2.0))\n~\n");
    let cold = built(&sandbox, &["w.coex"]);
    assert!(cold.stderr.contains("warning[W0401]"), "{}", cold.stderr);
    assert_eq!(built(&sandbox, &["w.coex"]).stderr, cold.stderr);
    let json = built(&sandbox, &["w.coex", "--message-format=json"]);
    assert!(json.stdout.contains("\"code\":\"W0401\""), "{}", json.stdout);
}

#[test]
fn damaged_cache_entries_are_rebuilt() {
    let sandbox = Sandbox::new();
    with_library(&sandbox);
    built(&sandbox, &["main.coex"]);
    let mut files = Vec::new();
    collect(&sandbox.path("home/.coex/cache"), &mut files);
    let entries: Vec<&PathBuf> =
        files.iter().filter(|path| path.extension().is_some_and(|e| e == "blob" || e == "entry")).collect();
    assert!(entries.len() >= 4, "{files:?}");
    for path in entries {
        let mut bytes = fs::read(path).expect("entry");
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        fs::write(path, bytes).expect("flip");
    }
    let run = built(&sandbox, &["main.coex", "--explain-cache"]);
    assert!(run.stderr.contains("miss, corrupt"), "{}", run.stderr);
    assert!(run.stderr.contains("note: damaged cache entry "), "{}", run.stderr);
    assert_eq!(program(&sandbox, "main", &[]).stdout, "1\n");
    assert_eq!(built(&sandbox, &["main.coex", "--explain-cache"]).stderr, "cache: program main.coex: hit\n");
    assert_eq!(sandbox.coexc(&["cache", "verify"]).stdout, "0 damaged\n");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("directory").flatten() {
        if entry.path().is_dir() {
            if entry.file_name() != "quarantine" {
                collect(&entry.path(), files);
            }
        } else {
            files.push(entry.path());
        }
    }
}

#[test]
fn outputs_that_cannot_be_written() {
    let sandbox = Sandbox::new();
    sandbox.write("hello.coex", HELLO);
    sandbox.write("adir/x", "");
    for output in ["adir", "absent/hello", "hello.coex/x", "/dev/null/x"] {
        let run = build(&sandbox, &["hello.coex", "-o", output]);
        assert_eq!(run.status, 3, "{output}: {}", run.stderr);
        assert!(run.stderr.starts_with(&format!("error[E1404]: Cannot write '{output}': ")), "{}", run.stderr);
    }
}

#[test]
fn tools_that_are_missing() {
    let sandbox = Sandbox::new();
    with_library(&sandbox);
    let with_path =
        |words: &[&str], path: &Path| ran(sandbox.command(env!("CARGO_BIN_EXE_coexc")).args(words).env("PATH", path));
    let empty = sandbox.path("empty");
    let run = with_path(&["build", "main.coex"], &empty);
    assert_eq!(run.status, 3);
    assert!(run.stderr.starts_with("error[E1401]: clang 22 not found\n"), "{}", run.stderr);
    sandbox.write("hello.coex", HELLO);
    let run = with_path(&["build", "hello.coex"], &empty);
    assert_eq!(run.status, 3);
    assert!(run.stderr.starts_with("error[E1402]: No linker found\n"), "{}", run.stderr);
}

#[test]
fn stages_can_be_looked_at() {
    let sandbox = Sandbox::new();
    sandbox.write("hello.coex", HELLO);
    for stage in ["parse", "resolve", "check", "native", "passes", "codegen"] {
        let run = built(&sandbox, &["hello.coex", "--stop-after", stage]);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{stage}");
        assert!(!sandbox.path("hello").exists(), "{stage}");
    }
    for (kind, mark) in [("ast", "func main"), ("ir", "main"), ("llvm", "define"), ("asm", ".text")] {
        for words in [&["emit", kind, "hello.coex"][..], &["build", &format!("--emit={kind}"), "hello.coex"]] {
            let run = sandbox.coexc(words);
            assert_eq!(run.status, 0, "{}", run.stderr);
            assert!(run.stdout.contains(mark), "{kind}: {}", run.stdout);
        }
    }
    assert_eq!(sandbox.coexc(&["emit", "obj", "hello.coex"]).status, 0);
    assert!(sandbox.read("hello.o").starts_with(b"\x7fELF"));
    let run = built(&sandbox, &["hello.coex", "--timings"]);
    assert!(run.stderr.contains("codegen") && run.stderr.contains("total"), "{}", run.stderr);
}

#[test]
fn independent_faults_come_out_in_one_run() {
    let sandbox = Sandbox::new();
    sandbox.write("f.coex", "func main()\n    print(one)\n    n: int = 2.5\n    print(two)\n    print(one.x)\n~\n");
    let run = build(&sandbox, &["f.coex"]);
    let heads: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error[")).collect();
    assert_eq!(
        heads,
        [
            "error[E0407]: Undeclared identifier 'one'",
            "error[E0305]: Type mismatch: expected int, found float",
            "error[E0407]: Undeclared identifier 'two'",
            "error[E0407]: Undeclared identifier 'one'",
        ]
    );
    assert!(run.stderr.ends_with("\n4 errors\n"), "{}", run.stderr);
}

#[test]
fn a_library_whose_manifest_forgets_its_c_files() {
    let sandbox = Sandbox::new();
    with_library(&sandbox);
    let manifest = sandbox.read("counter/manifest.toml");
    let manifest = String::from_utf8(manifest).expect("text").replace("source = [\"*.c\"]", "sources = [\"*.c\"]");
    sandbox.write("counter/manifest.toml", manifest);
    let run = build(&sandbox, &["main.coex"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("warning[W1101]: Unknown manifest key 'ffi.c.sources'"), "{}", run.stderr);
    assert!(run.stderr.contains("error[E1113]: Library 'counter': symbol '"), "{}", run.stderr);
    assert!(!run.stderr.contains("Command:"), "{}", run.stderr);
}

#[test]
fn a_symbol_that_nobody_defines() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "x.coex",
        "extern no_such_function_anywhere(x: int) -> int\n~\nfunc main()\n    print(no_such_function_anywhere(1))\n~\n",
    );
    let run = build(&sandbox, &["x.coex"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("error[E1113]: "), "{}", run.stderr);
    assert!(run.stderr.contains("symbol 'no_such_function_anywhere' is not defined"), "{}", run.stderr);
}

#[test]
fn many_builds_at_once() {
    let sandbox = Sandbox::new();
    with_library(&sandbox);
    let outputs: Vec<String> = (0..4).map(|index| format!("out{index}")).collect();
    std::thread::scope(|scope| {
        for output in &outputs {
            scope.spawn(|| built(&sandbox, &["main.coex", "-o", output]));
        }
    });
    let first = sandbox.read(&outputs[0]);
    assert!(outputs.iter().all(|output| sandbox.read(output) == first));
    assert_eq!(sandbox.coexc(&["cache", "verify"]).stdout, "0 damaged\n");
}
