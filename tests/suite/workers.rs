//! `isolation = "process"`: the same results as the tier `instance`, and nothing that C code can do reaches further.
//!
//! `COEX_SOAK=n`: with n percent of the full counts, 10,000 roots and stores each.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::promises::{CRASHES, lines, number, sized};
use crate::sandbox::{Ran, Sandbox, ran};

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/suite/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A library of the fixtures, in a tier.
fn library(sandbox: &Sandbox, directory: &str, manifest: &str, name: &str, tier: &str) {
    let tier = format!("isolation = \"{tier}\"");
    let manifest = fixture(&format!("{directory}/{manifest}")).replace("isolation = \"instance\"", &tier);
    sandbox.write(&format!("{name}/manifest.toml"), manifest);
    sandbox.write(&format!("{name}/src/{name}.coex"), fixture(&format!("{directory}/{name}.coex")));
    sandbox.write(&format!("{name}/ffi/src/{name}.c"), fixture(&format!("{directory}/{name}.c")));
}

fn build(sandbox: &Sandbox, level: &str) {
    let build = sandbox.coexc(&["build", level, "main.coex"]);
    assert_eq!(build.status, 0, "{}", build.stderr);
}

fn program(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command(sandbox.path("main"));
    command.env("COEX_WORKERS", "4");
    command
}

/// The library of values in a tier, and a program of it.
fn with_values(name: &str, tier: &str, level: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    library(&sandbox, "workers", "manifest.toml", "values", tier);
    sandbox.write("main.coex", fixture(&format!("workers/{name}.coex")));
    build(&sandbox, level);
    sandbox
}

/// The library that attacks, one of the tier `instance`, and a program of both.
fn with_rogue(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    library(&sandbox, "workers", "rogue.toml", "rogue", "process");
    library(&sandbox, "promises", "manifest.toml", "promise", "instance");
    sandbox.write("main.coex", fixture(&format!("workers/{name}.coex")));
    build(&sandbox, "-O2");
    sandbox
}

/// A program of the promises of the tier `instance`, whose library has this one.
fn promise(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    library(&sandbox, "promises", "manifest.toml", "promise", "process");
    sandbox.write("main.coex", fixture(&format!("promises/{name}.coex")));
    build(&sandbox, "-O2");
    sandbox
}

#[track_caller]
fn prints(run: Ran, expected: &str) {
    assert_eq!(lines(run).join("\n"), expected);
}

#[test]
fn every_type_crosses_as_in_the_tier_instance() {
    for level in ["-O0", "-O2"] {
        let (near, far) = (with_values("every_type", "instance", level), with_values("every_type", "process", level));
        let expected = lines(ran(&mut program(&near)));
        assert!(expected.len() > 80, "{expected:?}");
        assert_eq!(lines(ran(&mut program(&far))), expected, "at {level}");
        let stress = ran(program(&far).env("COEX_GC_STRESS", "1").env("COEX_GC_VERIFY", "1"));
        assert_eq!(lines(stress), expected, "at {level}, collecting");
    }
}

#[test]
fn panics_are_those_of_the_tier_instance() {
    let (near, far) = (with_values("panics", "instance", "-O2"), with_values("panics", "process", "-O2"));
    for kind in ["range", "nul", "null", "fail", "stale"] {
        let [expected, found] = [&near, &far].map(|sandbox| ran(program(sandbox).arg(kind)));
        assert_eq!(expected.status, 101, "{kind}: {}", expected.stderr);
        assert_eq!((found.status, found.stdout, found.stderr), (101, expected.stdout, expected.stderr));
    }
}

#[test]
fn promises_of_the_tier_instance_hold() {
    prints(ran(&mut program(&promise("scopes"))), "2\n[2, 2, 2, 2, 2]\n1\n1\n3");
    prints(ran(&mut program(&promise("air_gap"))), "10\n[1, 2, 3, 4]\n4950000\n4950000\ntrue\n0");
    prints(ran(&mut program(&promise("hidden_state"))), "true\ntrue\nfalse");
    prints(ran(program(&promise("collector")).arg("1000")), "0\n1\n1000\n0");
}

#[test]
fn crashes_read_as_in_the_tier_instance() {
    // One of them wants a temporary file.
    let lines = lines(ran(program(&promise("crashes")).arg("110").env("COEX_FFI_WRITE", "/tmp")));
    for (line, text) in lines.iter().zip(CRASHES) {
        assert!(line.starts_with("foreign code crashed in 'promise': ") && line.contains(text), "{line}");
    }
    assert_eq!(lines[CRASHES.len()], format!("[{}]", ["10"; CRASHES.len()].join(", ")));
    assert_eq!(lines[CRASHES.len() + 1..], ["true", "true"]);
}

#[test]
fn attacks_end_their_process_only() {
    let sandbox = with_rogue("attacks");
    let refused = |call: &str| format!("forbidden system call {call}");
    let cases = [
        ("fork", refused("fork")),
        ("execve", refused("execve")),
        ("clone", refused("clone")),
        ("socket", refused("socket")),
        ("ptrace", refused("ptrace")),
        ("process_vm_writev", refused("process_vm_writev")),
        ("kill", refused("kill")),
        ("mount", refused("mount")),
        ("bpf", refused("bpf")),
        ("die", "its process was killed".to_owned()),
        ("leave", "its process ended with status 5".to_owned()),
        ("deaf", "invalid memory access".to_owned()),
        ("overflow", "stack overflow".to_owned()),
        ("wipe", "invalid memory access".to_owned()),
    ];
    let lines = lines(ran(program(&sandbox).args(cases.iter().map(|(kind, _)| *kind))));
    for ((kind, what), lines) in cases.iter().zip(lines.chunks(2)) {
        assert_eq!(lines[0], format!("Err(foreign code crashed in 'rogue': {what})"), "{kind}");
        assert_eq!(lines[1], "1", "a fresh process after {kind}");
    }
    // Refused without harm: limits cannot be lifted, the end with the parent not be undone, new calls are not there.
    prints(ran(program(&sandbox).args(["limits", "orphan", "unknown"])), "Ok(1)\n1\nOk(1)\n2\nOk(1)\n3");
}

#[test]
fn a_killed_process_is_a_panic_where_no_error_is_taken() {
    let run = ran(&mut program(&with_rogue("crash_panics")));
    assert_eq!(run.status, 101);
    assert_eq!(run.stdout, "said before the end\nprinted before the end\n");
    assert_eq!(run.stderr, "panic: foreign code crashed in 'rogue': its process was killed at main.coex:6:5\n");
}

#[test]
fn stores_reach_nobody_else() {
    let lines = lines(ran(program(&with_rogue("scribbles")).arg(sized(400, 10_000).to_string())));
    assert_eq!(lines[..2], ["true", "true"]);
    // How many were noticed is chance.
    assert!(number(&lines[2]) < sized(400, 10_000) as i64);
}

#[test]
fn wild_stores_are_contained() {
    let lines = lines(ran(program(&promise("wild_stores")).arg(sized(300, 10_000).to_string())));
    assert_eq!(lines[0], "true", "{lines:?}");
}

#[test]
fn roots_leave_nothing_behind() {
    let lines = lines(ran(program(&with_rogue("roots")).arg(sized(150, 5_000).to_string())));
    assert_eq!(lines, ["11", "true", "true", "0"]);
}

#[test]
fn deadlines_end_processes() {
    let run = ran(&mut program(&with_rogue("deadlines")));
    assert_eq!(run.status, 101);
    assert_eq!(run.stderr, "panic: stale handle at main.coex:28:11\n");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!([&lines[..3], &lines[4..]].concat(), ["1", "1", "true", "5", "on", "1"]);
    // Nanoseconds; other tests run beside this one.
    assert!(number(lines[3]) < 50_000_000, "{lines:?}");
}

/// Nine, whatever whoever runs the tests has open.
fn with_few_descriptors(command: &mut Command) -> &mut Command {
    let limit = || {
        let few = libc::rlimit { rlim_cur: 9, rlim_max: 9 };
        // SAFETY: system calls with constants and a live structure.
        unsafe {
            libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as i32);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const few);
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made.
    unsafe { command.pre_exec(limit) }
}

#[test]
fn refused_processes_are_errors_and_pass() {
    let sandbox = with_rogue("refusals");
    prints(ran(program(&sandbox).env("COEX_FFI_MAX_WORKERS", "3")), "3\n3\n0");
    prints(ran(program(&sandbox).env("COEX_FFI_MAX_INSTANCES", "4")), "2\n2\n0");
    prints(ran(program(&sandbox).env("COEX_FFI_POOL", "0")), "0\n0\n0");
    // The system itself refuses: there are no descriptors left.
    let found = lines(ran(with_few_descriptors(&mut program(&sandbox))));
    assert!(number(&found[0]) > 0 && number(&found[0]) < 6, "{found:?}");
    assert_eq!(found.len(), 3, "{found:?}");
    for count in 1..30 {
        let found = lines(ran(program(&sandbox).env("COEX_FFI_FAIL_AT", count.to_string())));
        let refused: i64 = found.iter().map(|line| number(line)).sum();
        assert!(refused <= 1, "{count}: {found:?}");
    }
}

#[test]
fn processes_end_with_their_program() {
    let sandbox = with_rogue("waits");
    let mut child = program(&sandbox).stdout(Stdio::piped()).spawn().expect("runs");
    let mut line = String::new();
    let output = child.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).expect("text");
    let worker = format!("/proc/{}/stat", line.trim());
    assert!(Path::new(&worker).exists(), "{line}");
    child.kill().expect("a child");
    child.wait().expect("a child");
    let begin = Instant::now();
    // Who inherits a process may let it be a zombie.
    while fs::read_to_string(&worker).is_ok_and(|state| !state.contains(") Z ")) {
        assert!(begin.elapsed() < Duration::from_secs(20), "still there: {worker}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn files_are_those_that_were_allowed() {
    let sandbox = with_rogue("files");
    let file = sandbox.write("mine.txt", "mine");
    let file = file.display().to_string();
    let run = lines(ran(program(&sandbox).arg(&file)));
    if run[2] == "0" {
        // This kernel has no landlock.
        return;
    }
    assert_eq!(run, ["true", "0", "-13", "-13", "-13", "-13"]);
    let run = lines(ran(program(&sandbox).arg(&file).env("COEX_FFI_READ", &file)));
    assert_eq!(run, ["true", "0", "-13", "-13", "0", "-13"]);
    let both = program(&sandbox).arg(&file).env("COEX_FFI_READ", &file).env("COEX_FFI_WRITE", &file).output();
    assert!(both.expect("runs").stdout.ends_with(b"-13\n-13\n0\n0\n"));
}

#[test]
fn memory_is_limited() {
    let sandbox = with_rogue("memory");
    let run = lines(ran(program(&sandbox).env("COEX_FFI_PROCESS_BYTES", (100 << 20).to_string())));
    assert!(number(&run[0]) > 50 && number(&run[0]) <= 100, "{run:?}");
    assert_eq!(run[1], "1");
}

#[test]
fn processor_time_is_limited() {
    let sandbox = with_rogue("deadlines");
    sandbox.write("main.coex", "import \"rogue\"\n\nfunc main() -> int\n    rogue.spin_forever()\n    return 0\n~\n");
    build(&sandbox, "-O2");
    let run = ran(program(&sandbox).env("COEX_FFI_PROCESS_SECONDS", "1"));
    assert_eq!(run.status, 101);
    assert!(
        run.stderr.contains("too much processor time") || run.stderr.contains("its process was killed"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_mark_alone_makes_no_worker() {
    let sandbox = with_values("panics", "process", "-O2");
    let run = ran(program(&sandbox).arg("none").env("COEX_FFI_WORKER", "3"));
    assert_eq!((run.status, run.stdout.as_str()), (3, "before\n"));
}

#[test]
fn the_report_names_the_tier() {
    let sandbox = with_rogue("attacks");
    let report = sandbox.coexc(&["build", "--report-isolation", "main.coex"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert!(report.stdout.contains("rogue 1.0.0\n  tier: process\n"), "{}", report.stdout);
    assert!(report.stdout.contains("'confined' is not built in this version (E0001)"), "{}", report.stdout);
}
