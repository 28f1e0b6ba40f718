//! Defects of the compiler: what is said, what is written, and that somebody else can repeat the failure with it.
//!
//! The failures are rehearsed (`src/crash/rehearsal.rs`), which only development builds can do.

use std::fs;
use std::path::PathBuf;

use crate::sandbox::{Ran, Sandbox, ran};

const CHECK: u8 = 3;
const CODEGEN: u8 = 6;

/// A program with a library in a directory, one that HOME holds, and one behind `-L`.
fn program() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.library("project/near", "near");
    sandbox.library("home/.coex/lib/far", "far");
    sandbox.library("else where/other", "other");
    let imports = "import \"near\" as a\nimport \"far\" as b\nimport \"other\" as c\nimport helper\n";
    sandbox.write("project/helper.coex", "func help()\n    # the marked place\n~\n");
    sandbox.write("project/main.coex", format!("{imports}func main()\n    print(1)\n~\n"));
    sandbox
}

fn crashing(sandbox: &Sandbox, stage: u8, kind: &str, words: &[&str]) -> Ran {
    let other = sandbox.path("else where");
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
    command.current_dir(sandbox.path("project")).args(words).arg("-L").arg(other).arg("main.coex");
    command.env("COEX_TEST_CRASH", format!("{stage} {kind}")).env("API_TOKEN", "hunter2");
    ran(&mut command)
}

/// The reports in a directory, by their names.
fn written(sandbox: &Sandbox, directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(sandbox.path(directory)).expect("directory").flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter(|path| path.to_string_lossy().contains("coex-ice-")).collect();
    found.sort();
    found
}

#[test]
fn every_kind_of_failure_gives_one_report() {
    for (stage, kind, words, what) in [
        (CHECK, "panic", "check", "a rehearsed panic at src/crash/rehearsal.rs:"),
        (CHECK, "panics", "check", "a second panic at src/crash/rehearsal.rs:"),
        (CHECK, "fault", "check", "SIGSEGV\n"),
        (CHECK, "abort", "check", "SIGABRT\n"),
        (CHECK, "overflow", "check", "stack overflow\n"),
        (CODEGEN, "llvm", "build", "LLVM: "),
    ] {
        let sandbox = program();
        let run = crashing(&sandbox, stage, kind, &[words]);
        assert_eq!((run.status, run.stdout.as_str()), (70, ""), "{kind}: {}", run.stderr);
        assert!(run.stderr.starts_with("internal failure of coexc "), "{kind}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("\n  {what}")), "{kind}: {}", run.stderr);
        assert_eq!(run.stderr.matches("internal failure").count(), 1, "{kind}: {}", run.stderr);
        assert!(run.stderr.contains("Nothing was sent."), "{kind}: {}", run.stderr);
        let files = written(&sandbox, "project");
        let endings: Vec<_> = files.iter().filter_map(|path| path.extension()?.to_str()).collect();
        assert_eq!(endings, ["txt", "zip"], "{kind}: {}", run.stderr);
        for path in &files {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            assert!(run.stderr.contains(&name), "{kind}: {}", run.stderr);
        }
        // The same failure again is no second report.
        crashing(&sandbox, stage, kind, &[words]);
        assert_eq!(written(&sandbox, "project"), files, "{kind}");
    }
}

#[test]
fn a_report_has_what_is_needed_and_nothing_secret() {
    let sandbox = program();
    let run = crashing(&sandbox, CHECK, "panic", &["check", "--color=never"]);
    assert_eq!(run.status, 70);
    let text = fs::read_to_string(&written(&sandbox, "project")[0]).expect("report");
    for part in [
        "a rehearsed panic at src/crash/rehearsal.rs:",
        "\ncoexc 0.",
        "\nbuild      ",
        "\nmachine    ",
        "\nstage      check\n",
        "\ncommand    coexc check --color=never -L '",
        "\ndirectory  ",
        "  files/project/main.coex  ",
        "  files/project/helper.coex  ",
        "  files/project/near/manifest.toml  ",
        "  files/home/.coex/lib/far/src/far.coex  ",
        "  files/else where/other/src/other.coex  ",
        "  sh reproduce.sh\n",
        "rehearsal",
    ] {
        assert!(text.contains(part), "no '{part}' in\n{text}");
    }
    assert!(!text.contains("hunter2") && !run.stderr.contains("hunter2"));
    let archive = fs::read(&written(&sandbox, "project")[1]).expect("archive");
    assert!(!archive.windows(7).any(|bytes| bytes == b"hunter2"));
}

#[test]
fn the_archive_repeats_the_failure_elsewhere() {
    for kind in ["panic", "fault"] {
        let sandbox = program();
        // Fails only where an input holds the word: without the inputs nothing is repeated.
        let wish = format!("{kind} marked");
        let first = crashing(&sandbox, CHECK, &wish, &["check"]);
        assert_eq!(first.status, 70, "{}", first.stderr);
        let reports = written(&sandbox, "project");
        let elsewhere = Sandbox::new();
        let file = fs::File::open(&reports[1]).expect("archive");
        zip::ZipArchive::new(file).and_then(|mut zip| zip.extract(elsewhere.path("un packed"))).expect("unpacks");
        let run = |wish: &str| {
            let mut command = elsewhere.command("sh");
            command.current_dir(elsewhere.path("un packed"));
            command.args(["reproduce.sh", env!("CARGO_BIN_EXE_coexc")]);
            ran(command.env("COEX_TEST_CRASH", format!("{CHECK} {wish}")))
        };
        let second = run(&wish);
        assert_eq!(second.status, 70, "{}", second.stderr);
        let names = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let again = written(&elsewhere, "un packed/files/project");
        assert_eq!(again.iter().map(names).collect::<Vec<_>>(), reports.iter().map(names).collect::<Vec<_>>());
        // And the program is whole: with the defect repaired, it is a good one.
        let whole = run("none");
        assert_eq!(whole.status, 0, "{}", whole.stderr);
    }
}

#[test]
fn reports_find_a_place() {
    let sandbox = program();
    sandbox.write("tmp/keep", "");
    let wish = format!("{CHECK} panic");
    // A directory that is gone, and one in which nobody may write.
    let script = "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" check ../project/helper.coex";
    let mut gone = sandbox.command("sh");
    gone.args(["-c", script, env!("CARGO_BIN_EXE_coexc")]);
    let mut closed = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
    closed.current_dir("/proc/self").arg("check").arg(sandbox.path("project/helper.coex"));
    for mut command in [gone, closed] {
        let run = ran(command.env("TMPDIR", sandbox.path("tmp")).env("COEX_TEST_CRASH", &wish));
        assert_eq!(run.status, 70, "{}", run.stderr);
        assert!(run.stderr.contains(&sandbox.path("tmp/coex-ice-").display().to_string()), "{}", run.stderr);
        assert_eq!(written(&sandbox, "tmp").len(), 2, "{}", run.stderr);
    }
}

#[test]
fn too_little_memory_is_no_defect() {
    let sandbox = program();
    let run = crashing(&sandbox, CHECK, "memory", &["check"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stderr.contains("error: Out of memory: "), "{}", run.stderr);
    assert!(written(&sandbox, "project").is_empty());
    for kilobytes in [120_000, 400_000, 1_500_000] {
        let script = format!("ulimit -v {kilobytes}; exec \"$0\" build -o out project/helper.coex");
        let run = ran(sandbox.command("sh").args(["-c", &script, env!("CARGO_BIN_EXE_coexc")]));
        // The file has no main: the compiler says so, or that it cannot even look, or the loader does.
        let is_said = [1, 3, 127].contains(&run.status) && !run.stderr.is_empty();
        assert!(is_said && !run.stderr.contains("internal failure"), "{kilobytes}: {} {}", run.status, run.stderr);
    }
}
