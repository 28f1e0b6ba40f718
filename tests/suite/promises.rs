//! What is promised about C code, each promise by a program that would notice (the table in the FFI design, a row a test).
//!
//! The suite runs each in a small size; `COEX_SOAK=n` takes n percent of the sizes in that table.

mod rebuilds;
mod signatures;
mod wild_stores;

use std::fs;
use std::process::Command;

use crate::native_privatise;
use crate::native_support::{Scratch, fixture};
use crate::sandbox::{Ran, Sandbox, ran};

fn promise(name: &str) -> String {
    let path = format!("{}/tests/suite/promises/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Percent of the full sizes, if those are wanted.
fn soak() -> Option<usize> {
    std::env::var("COEX_SOAK").ok()?.parse().ok()
}

pub(crate) fn sized(small: usize, full: usize) -> usize {
    soak().map_or(small, |percent| (full * percent / 100).max(small))
}

/// The library `promise` and one program, built.
fn built(name: &str) -> Sandbox {
    built_as(name, "instance")
}

/// The same, with the library in another tier.
fn built_as(name: &str, tier: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let manifest = promise("manifest.toml").replace("\"instance\"", &format!("\"{tier}\""));
    sandbox.write("promise/manifest.toml", manifest);
    sandbox.write("promise/src/promise.coex", promise("promise.coex"));
    sandbox.write("promise/ffi/src/promise.c", promise("promise.c"));
    sandbox.write("main.coex", promise(&format!("{name}.coex")));
    let build = sandbox.coexc(&["build", "-O2", "main.coex"]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    sandbox
}

fn program(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command(sandbox.path("main"));
    // More workers than the machine may have: the interesting things happen between threads.
    command.env("COEX_WORKERS", "4");
    command
}

#[track_caller]
pub(crate) fn lines(run: Ran) -> Vec<String> {
    assert_eq!(run.status, 0, "{}\n{}", run.stdout, run.stderr);
    run.stdout.lines().map(str::to_owned).collect()
}

#[track_caller]
fn prints(name: &str, expected: &str) {
    let sandbox = built(name);
    assert_eq!(lines(ran(&mut program(&sandbox))).join("\n"), expected);
}

#[track_caller]
pub(crate) fn number(line: &str) -> i64 {
    line.parse().unwrap_or_else(|_| panic!("not a number: {line}"))
}

/// 64 tasks use the library with state in every form; what each shall print.
fn torture(tier: &str, level: &str) -> (Ran, String) {
    let expected = native_privatise::fresh(&Scratch::new(&format!("tasks-{tier}")));
    let sandbox = Sandbox::new();
    sandbox.write(
        "torture/manifest.toml",
        format!(
            "[library]\nname = \"torture\"\nversion = \"1.0.0\"\nsource = [\"torture.coex\"]\n\
             [ffi.c]\nsource = [\"*.c\"]\nisolation = \"{tier}\"\ndefines = {{ UNUSED = \"1\" }}\n"
        ),
    );
    sandbox.write("torture/src/torture.coex", "extern torture(step: int) -> int\n~\n");
    for file in ["torture.c", "torture_other.c"] {
        sandbox.write(&format!("torture/ffi/src/{file}"), fs::read(fixture(file)).expect("a fixture"));
    }
    sandbox.write("main.coex", promise("statics.coex"));
    let build = sandbox.coexc(&["build", level, "main.coex"]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    (ran(&mut program(&sandbox)), expected.trim_end().to_owned())
}

/// Those that differ from a fresh process.
fn wrong(lines: &[String], expected: &str) -> usize {
    assert_eq!(lines.len(), 64);
    lines.iter().filter(|line| line.trim_end() != expected).count()
}

#[test]
fn every_task_equals_a_fresh_process_at_every_level() {
    for level in ["-O0", "-O1", "-O2", "-O3"] {
        let (run, expected) = torture("instance", level);
        assert_eq!(wrong(&lines(run), &expected), 0, "at {level}");
    }
}

/// The same would notice state that is not private: the run ends badly, or all but one that had it first differ.
#[test]
fn tasks_that_share_their_state_differ() {
    let (run, expected) = torture("shared", "-O2");
    assert!(run.status != 0 || wrong(&lines(run), &expected) >= 63);
}

#[test]
fn memory_that_c_never_frees_ends_with_its_instance() {
    let sandbox = built("heap");
    let cycles = sized(20_000, 1_000_000);
    let grown = number(&lines(ran(program(&sandbox).arg(cycles.to_string())))[0]);
    assert!(grown < 8 << 10, "{grown} KiB more");
}

#[test]
fn funcs_share_an_instance_and_tasks_do_not() {
    prints("scopes", "2\n[2, 2, 2, 2, 2]\n1\n1\n3");
}

#[test]
fn c_has_copies() {
    prints("air_gap", "10\n[1, 2, 3, 4]\n4950000\n4950000\ntrue\n0");
}

#[test]
fn deadlines_are_kept() {
    let sandbox = built("timeout");
    let late: Vec<i64> = lines(ran(&mut program(&sandbox))).iter().map(|line| number(line)).collect();
    assert_eq!(late.len(), 60);
    // Other tests run beside this one; `make bench` measures on an idle machine.
    assert!(late[0] >= 0 && late[30] < 50_000, "{late:?}");
}

#[test]
fn abandoned_calls_leave_nothing_behind() {
    let sandbox = built("abandon");
    let lines = lines(ran(program(&sandbox).arg(sized(1_000, 50_000).to_string())));
    // Four workers, main, the watcher, and a few that wait for the next long call.
    assert!(number(&lines[0]) <= 20, "threads: {lines:?}");
    assert!(number(&lines[1]) <= 0, "descriptors: {lines:?}");
    assert!(number(&lines[2]) < 16 << 10, "KiB of memory: {lines:?}");
}

#[test]
fn exhaustion_is_an_error_and_passes() {
    let sandbox = built("exhausted");
    let run = ran(program(&sandbox).env("COEX_FFI_MAX_INSTANCES", "4"));
    assert_eq!(lines(run), ["6", "6", "true", "true", "0"]);
    let run = ran(program(&sandbox).env("COEX_FFI_MAX_BYTES", "33554432"));
    assert_eq!(lines(run), ["0", "0", "false", "false", "0"]);
    // The system itself refuses, at whatever limit: what needs much gets an error, what needs little still runs.
    for kibibytes in [250_000, 400_000, 600_000, 900_000, 1_500_000] {
        let limited = format!("ulimit -v {kibibytes}; exec {}", sandbox.path("main").display());
        let run = ran(sandbox.command("/bin/sh").args(["-c", &limited]).env("COEX_WORKERS", "2"));
        assert_eq!(lines(run), ["0", "0", "false", "false", "0"], "{kibibytes} KiB");
    }
}

/// Every allocation point of the foreign side refuses once.
#[test]
fn each_refused_allocation_is_an_error() {
    let sandbox = built("exhausted");
    for number in 1..sized(40, 400) {
        let run = ran(program(&sandbox).env("COEX_FFI_FAIL_AT", number.to_string()));
        let lines = lines(run);
        let refused: i64 = lines[..2].iter().map(|line| self::number(line)).sum();
        assert!(refused <= 1, "allocation {number}: {lines:?}");
        assert_eq!(lines[3..], ["true", "0"], "allocation {number}");
    }
}

#[test]
fn hidden_state_of_the_c_library_is_each_tasks_own() {
    prints("hidden_state", "true\ntrue\nfalse");
}

#[test]
fn a_thread_in_c_does_not_hold_up_collections() {
    let sandbox = built("collector");
    let milliseconds = sized(2_000, 10_000);
    assert_eq!(lines(ran(program(&sandbox).arg(milliseconds.to_string()))), ["0", "1", "1000", "0"]);
}

/// Enters and leaves C against stops of the world; freed memory is poisoned, and the heap checked.
#[test]
fn coming_back_from_c_waits_for_a_collection() {
    let sandbox = built("litmus");
    let seconds = sized(2, 300).to_string();
    for stress in ["0", "3"] {
        let run = ran(program(&sandbox).arg(&seconds).env("COEX_GC_STRESS", stress).env("COEX_GC_VERIFY", "1"));
        let lines = lines(run);
        let [collections, rounds] = [0, 1].map(|line| number(&lines[line]));
        assert!(collections > 100 && rounds > 1_000, "stress {stress}: {lines:?}");
        assert_eq!(lines[2..], ["0", "0"], "stress {stress}");
    }
}

#[test]
fn a_result_is_whole_or_missing() {
    let sandbox = built("race");
    let rounds = sized(4_000, 1_000_000) as i64;
    let found: Vec<i64> =
        lines(ran(program(&sandbox).arg(rounds.to_string()))).iter().map(|line| number(line)).collect();
    let [ended, given, late, wrong] = found[..] else { panic!("{found:?}") };
    assert_eq!((ended, wrong), (rounds, 0), "{found:?}");
    assert!(given > rounds / 10 && late > rounds / 10, "{found:?}");
}

/// How the kinds of `crash` read, by number.
pub(crate) const CRASHES: [&str; 11] = [
    "invalid memory access",
    "arithmetic fault",
    "illegal instruction",
    "abort called",
    "exit(3) called",
    "assertion failed: zero (ffi/src/promise.c:",
    "stack overflow",
    "raise(11) called",
    "invalid memory access",
    "bus error",
    "longjmp out of the call",
];

#[test]
fn crashes_are_errors_of_their_calls() {
    let sandbox = built("crashes");
    let rounds = sized(1_100, 11_000);
    let lines = lines(ran(program(&sandbox).arg(rounds.to_string())));
    for (line, text) in lines.iter().zip(CRASHES) {
        assert!(line.starts_with("foreign code crashed in 'promise': ") && line.contains(text), "{line}");
    }
    assert_eq!(lines[11], format!("[{}]", vec![(rounds / 11).to_string(); 11].join(", ")));
    assert_eq!(lines[12..], ["true", "true"]);
}

#[test]
fn calls_in_loops_find_their_own_state() {
    let sandbox = built("loops");
    let expected = ["1000", "[true, true, true, true, true, true]", "16", "left", "true", "41", "true", "2000"];
    for stress in ["0", "7"] {
        let run = ran(program(&sandbox).env("COEX_GC_STRESS", stress).env("COEX_GC_VERIFY", "1"));
        assert_eq!(lines(run), expected);
    }
}

#[test]
fn variables_of_the_c_library_are_each_tasks_own() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "variables/manifest.toml",
        "[library]\nname = \"variables\"\nversion = \"1.0.0\"\nsource = [\"variables.coex\"]\n\
         [ffi.c]\nsource = [\"variables.c\"]\nsystem_libs = [\"m\"]\n",
    );
    sandbox.write("variables/src/variables.coex", "extern variables_step(number: int, step: int) -> int\n~\n");
    sandbox.write("variables/ffi/src/variables.c", promise("variables.c"));
    sandbox.write("main.coex", promise("variables.coex"));
    let build = sandbox.coexc(&["build", "main.coex"]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    let expected = ["[90001, 11011, 11110, 10000]", "[90001, 12011, 12110, 10000]", "none", "yes"];
    assert_eq!(lines(ran(program(&sandbox).env("GIVEN", "yes"))), expected);
}

#[test]
fn calls_that_must_take_turns_do() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "turns/manifest.toml",
        "[library]\nname = \"turns\"\nversion = \"1.0.0\"\nsource = [\"turns.coex\"]\n\
         [ffi.c]\nsource = [\"turns.c\"]\nisolation = \"shared\"\n\
         [ffi.system]\nheaders = [\"stdio.h\"]\nthread_safe = false\n",
    );
    sandbox.write("turns/src/turns.coex", "extern turns_overlap(milliseconds: int) -> int\n~\n");
    sandbox.write(
        "turns/ffi/src/turns.c",
        "#include <stdint.h>\n#include <unistd.h>\nstatic volatile int active;\n\
         int64_t turns_overlap(int64_t milliseconds) {\n    active++;\n    usleep(milliseconds * 1000);\n\
         \x20   return active--;\n}\n",
    );
    sandbox.write("main.coex", promise("turns.coex"));
    let build = sandbox.coexc(&["build", "main.coex"]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    assert_eq!(lines(ran(&mut program(&sandbox))), ["left", "1", "1"]);
}
