//! Many builds at once, and builds that are killed.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{Case, count};

/// Another object each time, so that every build has everything to do.
fn source(value: usize) -> String {
    format!("static int n = {value};\nint value(void) {{ return n++; }}\n")
}

#[track_caller]
fn spawned(case: &Case, words: &[&str]) -> Child {
    let mut command = case.command(words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn said(mut child: Child) -> (bool, String) {
    let mut text = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
    (child.wait().expect("it ends").success(), text)
}

/// At moments that are spread over a whole build, the first of them with an empty cache.
#[test]
fn builds_that_are_killed_at_any_moment() {
    let case = Case::new(&source(0));
    let words = ["build", "-O0", "main.coex"];
    let start = Instant::now();
    case.value();
    let cold = start.elapsed();
    case.sandbox.write("probe/ffi/src/value.c", source(1));
    let start = Instant::now();
    case.value();
    let usual = start.elapsed();
    let kills = count(200, 12);
    for kill in 0..kills {
        let is_cold = kill % 8 == 7;
        if is_cold {
            fs::remove_dir_all(case.sandbox.path("home/.coex")).expect("remove");
        }
        let value = kill + 2;
        case.sandbox.write("probe/ffi/src/value.c", source(value));
        let mut child = spawned(&case, &words);
        let moment = (kill as f64 + 0.5) / kills as f64;
        std::thread::sleep(if is_cold { cold } else { usual }.mul_f64(moment));
        let _ = child.kill();
        child.wait().expect("it ends");
        let (said, log) = case.value();
        assert_eq!(said, value.to_string(), "kill {kill}: {log}");
        assert!(!log.contains("damaged"), "kill {kill}: {log}");
    }
    case.hits(&(kills + 1).to_string());
    assert_eq!(case.coexc(&["cache", "verify"]).stdout, "0 damaged\n");
}

/// At each system call that changes the store, as long as there is a next one.
#[test]
fn builds_that_are_killed_at_each_step_of_the_store() {
    let calls = "rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,flock,ftruncate";
    if !super::works("strace", &["-qq", "-e", &format!("inject={calls}:signal=KILL:when=60000"), "true"]) {
        return;
    }
    let case = Case::new(&source(0));
    case.value();
    let most = count(200, 6);
    for step in 1..=most {
        case.sandbox.write("probe/ffi/src/value.c", source(step));
        let mut words = vec!["strace", "-qq", "-o", "/dev/null", "-e"];
        // Without following children: only the compiler's own calls count.
        let inject = format!("inject={calls}:signal=KILL:when={step}");
        words.extend([inject.as_str(), env!("CARGO_BIN_EXE_coexc"), "build", "-O0", "main.coex"]);
        let configured = case.command(&[]);
        let mut command = case.sandbox.command("/usr/bin/env");
        command.args(&words).envs(configured.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let survived = crate::sandbox::ran(&mut command).status == 0;
        let (said, log) = case.value();
        assert_eq!(said, step.to_string(), "step {step}: {log}");
        assert!(!log.contains("damaged"), "step {step}: {log}");
        if survived {
            break;
        }
    }
    assert_eq!(case.coexc(&["cache", "verify"]).stdout, "0 damaged\n");
}

#[test]
fn many_builds_of_one_key_compile_once() {
    let case = Case::new(&source(1));
    let builds = count(64, 8).max(8);
    let words = ["build", "-O0", "--stop-after=native", "--explain-cache", "--print-commands", "main.coex"];
    let children: Vec<Child> = (0..builds).map(|_| spawned(&case, &words)).collect();
    let results: Vec<(bool, String)> = children.into_iter().map(said).collect();
    for (succeeded, log) in &results {
        assert!(succeeded, "{log}");
    }
    let compiled = results.iter().filter(|(_, log)| log.contains("clang-22 ")).count();
    let missed = results.iter().filter(|(_, log)| log.contains("probe 1.0.0: miss")).count();
    assert_eq!((compiled, missed), (1, 1));
}

/// The second waits for the first, says for whom, and does not wait for the dead.
#[test]
fn a_build_that_waits_and_one_whose_holder_is_killed() {
    let mut case = Case::new(&source(1));
    let wrapper = case.held_clang();
    case.set("COEX_CLANG", wrapper);
    let words = ["build", "-O0", "main.coex"];
    let mut holder = spawned(&case, &words);
    case.wait_until_held();
    let number = holder.id();
    let second = spawned(&case, &words);
    let third = spawned(&case, &["build", "-O0", "main.coex", "-o", "third"]);
    std::thread::sleep(Duration::from_millis(1500));
    holder.kill().expect("kill");
    holder.wait().expect("it ends");
    case.release();
    let logs = [said(second), said(third)];
    for (succeeded, log) in &logs {
        assert!(succeeded, "{log}");
    }
    let waiting = format!("waiting for process {number}, which makes library 'probe'\n");
    assert!(logs.iter().any(|(_, log)| log.contains(&waiting)), "{logs:?}");
    assert_eq!(case.program(), "1");
}
