//! Foreign cases of `select` (language reference 10.4): calls of C beside channels and time.

use std::fs;
use std::process::Command;

use crate::sandbox::{Ran, Sandbox, ran};

fn file(name: &str) -> String {
    let path = format!("{}/tests/suite/foreign_select/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The libraries `left` and `right`, which differ in their names, and one program.
fn prepared(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for library in ["left", "right"] {
        let renamed = |name: &str| file(name).replace("left", library);
        sandbox.write(&format!("{library}/manifest.toml"), renamed("left.toml"));
        sandbox.write(&format!("{library}/src/{library}.coex"), renamed("left.coex"));
        sandbox.write(&format!("{library}/ffi/src/{library}.c"), renamed("left.c"));
    }
    sandbox.write("main.coex", file(name));
    sandbox
}

fn built(name: &str, level: &str) -> Sandbox {
    let sandbox = prepared(name);
    let build = sandbox.coexc(&["build", level, "main.coex"]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    sandbox
}

fn program(sandbox: &Sandbox, workers: &str) -> Command {
    let mut command = sandbox.command(sandbox.path("main"));
    command.env("COEX_WORKERS", workers);
    command
}

#[track_caller]
fn output(run: &Ran) -> &str {
    assert_eq!(run.status, 0, "{}\n{}", run.stdout, run.stderr);
    &run.stdout
}

#[test]
fn calls_channels_and_time_win() {
    let expected = "1\n2\n10\ntrue\n1\ntime\ntrue\n7\nno time\n1\nright\nleft\n\
                    Ok(number 4)\nErr(error 0)\n([2, 3, 4], 9)\n9\n4\nlate\ntrue\n";
    for level in ["-O0", "-O2"] {
        let sandbox = built("cases.coex", level);
        for workers in ["1", "4"] {
            assert_eq!(output(&ran(&mut program(&sandbox, workers))), expected, "{level}, {workers} workers");
        }
        let run = ran(program(&sandbox, "4").env("COEX_GC_STRESS", "1").env("COEX_GC_VERIFY", "1"));
        assert_eq!(output(&run), expected, "{level}, under stress");
    }
}

#[test]
fn exhaustion_is_a_case() {
    let sandbox = built("exhausted.coex", "-O2");
    for (instances, expected) in [("0", "exhausted\nexhausted\n"), ("1", "exhausted\nOk(number 5)\n")] {
        let run = ran(program(&sandbox, "4").env("COEX_FFI_MAX_INSTANCES", instances));
        assert_eq!((run.status, run.stdout.as_str()), (101, expected), "{}", run.stderr);
        assert!(run.stderr.contains("panic: FFI resource exhausted at main.coex:15:"), "{}", run.stderr);
        assert!(run.stderr.contains("note: library 'right': too many instances"), "{}", run.stderr);
    }
}

#[test]
fn a_crash_is_the_panic_of_the_call() {
    let sandbox = built("crash.coex", "-O2");
    let run = ran(&mut program(&sandbox, "4"));
    assert_eq!(run.status, 101, "{}", run.stdout);
    assert!(run.stderr.contains("foreign code crashed in 'left': abort called"), "{}", run.stderr);
    assert!(run.stderr.contains("main.coex:6:"), "{}", run.stderr);
}

#[test]
fn functions_of_the_process_take_part() {
    let sandbox = built("program.coex", "-O2");
    assert_eq!(output(&ran(&mut program(&sandbox, "2"))), "true\ntime\n");
}

#[test]
fn one_library_has_one_case() {
    let run = prepared("twice.coex").coexc(&["build", "main.coex"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("[E1008]: Library 'left' has two foreign cases in one select"), "{}", run.stderr);
}
