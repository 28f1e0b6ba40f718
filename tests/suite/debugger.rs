//! What gdb shows of a program that was compiled with `-g`.
//!
//! The sessions of `docs/debugging.md` are true: each `gdb` block there is run with the `coex` block before it. Addresses are
//! `0x…`, and a line that ends with `…` is the start of one; what gdb says of threads and libraries is left out.

use crate::pages::fences;
use crate::sandbox::{Ran, Sandbox, ran};
use std::fs;
use std::path::Path;

const PROMPT: &str = "(gdb) ";

/// A sandbox in which gdb can run programs; `None` where the system lets nobody trace a process.
fn sandbox() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    let probe = ran(sandbox.command("timeout").args(["60", "gdb", "-nx", "-batch", "-ex", "run", "/bin/true"]));
    assert!(probe.status == 0, "gdb is missing, .ci/install-tools installs it: {}", probe.stderr);
    if (probe.stdout + &probe.stderr).contains("ptrace: Operation not permitted") {
        eprintln!("this system forbids tracing: nothing is tested");
        return None;
    }
    std::os::unix::fs::symlink(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("lib-examples"),
        sandbox.path("lib-examples"),
    )
    .expect("link");
    Some(sandbox)
}

fn build(sandbox: &Sandbox, name: &str, text: &str, options: &[&str]) {
    let file = format!("{name}.coex");
    sandbox.write(&file, text);
    let words = [["build", "-g", "--color=never", "-L", "lib-examples", &file].as_slice(), options].concat();
    let built = sandbox.coexc(&words);
    assert!(built.status == 0, "{}", built.stderr);
}

/// What gdb says to these commands, each behind its prompt.
fn session(sandbox: &Sandbox, program: &str, commands: &[&str]) -> Vec<String> {
    let echoed = |command: &&str| format!("echo {PROMPT}{command}\\n\n{command}\n");
    let script: String = commands.iter().map(echoed).collect();
    sandbox.write("session.gdb", format!("set style enabled off\nset width 0\n{script}"));
    let mut command = sandbox.command("timeout");
    command.args(["120", "gdb", "-nx", "-batch", "-iex", "add-auto-load-safe-path .", "-x", "session.gdb", program]);
    let Ran { stdout, stderr, .. } = ran(&mut command);
    assert!(!stdout.contains("Backtrace stopped"), "{stdout}");
    assert!(!stderr.contains("Error in sourced command file") && !stderr.contains("Python"), "{stdout}\n{stderr}");
    stdout.lines().filter(|line| tells(line)).map(without_addresses).collect()
}

/// Lines that depend on the machine, or that gdb prints only for people.
fn tells(line: &str) -> bool {
    let noise = ["[", "Using host libthread_db", "Run till exit", "Starting program"];
    !line.is_empty() && !noise.iter().any(|start| line.starts_with(start))
}

fn without_addresses(line: &str) -> String {
    let mut pieces = line.split("0x");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.len() - piece.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()).len();
        text.push_str("0x");
        text.push_str(if digits > 3 { "…" } else { &piece[..digits] });
        text.push_str(&piece[digits..]);
    }
    text
}

fn compare(said: &[String], wanted: &[&str]) {
    let fits = |(said, wanted): (&String, &&str)| match wanted.strip_suffix('…') {
        Some(start) => said.starts_with(start),
        None => said == wanted,
    };
    let all = said.len() == wanted.len() && said.iter().zip(wanted).all(fits);
    assert!(all, "gdb said\n{}\ninstead of\n{}", said.join("\n"), wanted.join("\n"));
}

#[test]
fn the_sessions_of_the_manual_are_true() {
    let Some(sandbox) = sandbox() else { return };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/debugging.md");
    let fences = fences(&fs::read_to_string(page).expect("page"));
    let mut program = String::new();
    let mut sessions = 0;
    for fence in &fences {
        match fence.info.as_str() {
            "coex" => {
                program = if program.is_empty() { "cart" } else { "clicks" }.to_owned();
                build(&sandbox, &program, &fence.text, &["-O0"]);
            }
            "gdb" => {
                sessions += 1;
                let wanted: Vec<&str> = fence.text.lines().filter(|line| tells(line)).collect();
                let commands: Vec<&str> = wanted.iter().filter_map(|line| line.strip_prefix(PROMPT)).collect();
                compare(&session(&sandbox, &program, &commands), &wanted);
            }
            _ => {}
        }
    }
    assert_eq!(sessions, 2);
}
