//! What gdb shows of a program that was compiled with `-g`.
//!
//! The sessions of `docs/debugging.md` are true: each `gdb` block there is run with the program before it. Addresses are
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
    // Which thread it was is chance, and said only when there are several.
    let without_thread = |line: &str| match line.split_once(" hit Breakpoint ") {
        Some((thread, rest)) if thread.starts_with("Thread ") => format!("Breakpoint {rest}"),
        _ => line.to_owned(),
    };
    let lines = stdout.lines().filter(|line| tells(line));
    lines.map(|line| without_addresses(&without_thread(line))).collect()
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
    // In the order of the page.
    let mut names = ["cart", "clicks"].into_iter();
    let (mut program, mut sessions) = ("", 0);
    for fence in &fences {
        if fence.info == "coex" {
            program = names.next().expect("as many names as programs");
            build(&sandbox, program, &fence.text, &["-O0"]);
        } else if fence.info == "gdb" {
            sessions += 1;
            let wanted: Vec<&str> = fence.text.lines().filter(|line| tells(line)).collect();
            let commands: Vec<&str> = wanted.iter().filter_map(|line| line.strip_prefix(PROMPT)).collect();
            compare(&session(&sandbox, program, &commands), &wanted);
        }
    }
    assert_eq!(sessions, 2);
}

const VALUES: &str = include_str!("../debugger/values.coex");

/// `break` at the line of that comment.
fn break_at(comment: &str) -> String {
    let end = format!("# {comment}");
    let line = VALUES.lines().position(|line| line.ends_with(&end)).unwrap_or_else(|| panic!("no line '{comment}'"));
    format!("break values.coex:{}", line + 1)
}

#[test]
fn all_kinds_of_values_are_shown() {
    let Some(sandbox) = sandbox() else { return };
    build(&sandbox, "values", VALUES, &["-O0"]);
    let wanted = [
        ("n", "-42"),
        ("yes", "true"),
        ("half", "0.5"),
        ("text", r#""tab\t\"é\"""#),
        ("none", r#""""#),
        ("letter", "'é'"),
        ("small", "65"),
        ("words", r#"{"one", "two"}"#),
        ("empty", "{}"),
        ("array", "{7, 7, 7}"),
        ("pair", r#"{_0 = 1, _1 = "two"}"#),
        ("named.r", "8"),
        ("point", "{x = 1.5, y = 2.5}"),
        (
            "second",
            r#"{name = "second", at = {x = 1.5, y = 2.5}, tags = {}, next = {name = "first", at = {x = 1.5, y = 2.5}, tags = {"one", "two"}, next = nil}}"#,
        ),
        ("second.next.name", r#""first""#),
        ("ages", r#"{["ann"] = 1}"#),
        ("set", "{3}"),
        ("missing", "nil"),
        ("given", "5"),
        ("there", r#""x""#),
        ("pointed", "{x = 1.5, y = 2.5}"),
        ("round", "Circle = {radius = 2}"),
        ("box", "Rect = {low = {x = 1.5, y = 2.5}, high = {x = 3, y = 4}}"),
        ("nothing", "Empty"),
        ("tree", "Branch = {left = Leaf, value = 1, right = Leaf}"),
        ("failed", r#"Err = {error = "why"}"#),
        ("generic", "{first = 1, second = {2.5}}"),
        ("grid", "{{0, 1, 2}, {10, 11, 12}}"),
        ("add", "main.lambda"),
        ("count", "9"),
        ("channel", "channel with 0 of 4 values"),
        ("data", r#"{["a"] = {1, 2.5, null, true}, ["b"] = "c"}"#),
        ("best", "-41"),
        ("total + n", "-42"),
        // Leaves of a tree of two levels, and the tail.
        ("$at(squares, 0) + $at(squares, 2047) + $at(squares, 2999)", "13184210"),
        ("$len(squares)", "3000"),
        ("$len(many)", "500"),
    ];
    let prints: Vec<String> = wanted.iter().map(|(what, _)| format!("print {what}")).collect();
    let stop = break_at("before a loop");
    let commands: Vec<&str> = [stop.as_str(), "run"].into_iter().chain(prints.iter().map(String::as_str)).collect();
    let said = session(&sandbox, "values", &commands);
    let answers = said.iter().filter_map(|line| line.strip_prefix('$')?.split_once(" = ")).map(|(_, value)| value);
    for ((what, wanted), answer) in wanted.iter().zip(answers.clone()) {
        assert_eq!(answer, *wanted, "{what}");
    }
    assert_eq!(answers.count(), wanted.len(), "{said:#?}");
}

/// A map is shown in the order in which Coex walks over it, whatever its nodes are.
#[test]
fn maps_are_shown_as_they_are_printed() {
    let Some(sandbox) = sandbox() else { return };
    let text = "func main()\n    many = {i: str(i) for i in 0..150}\n    print(many)\n~\n";
    build(&sandbox, "many", text, &["-O0"]);
    let said =
        session(&sandbox, "many", &["set print elements 1000", "break many.coex:3", "run", "print many", "continue"]);
    let find = |start: &str| said.iter().find_map(|line| line.strip_prefix(start)).expect("a map").to_owned();
    let shown = find("$1 = {").replace("] = \"", ": ").replace(['[', '"'], "");
    assert_eq!(shown, find("{"));
}

#[test]
fn variables_belong_to_their_blocks() {
    let Some(sandbox) = sandbox() else { return };
    build(&sandbox, "values", VALUES, &["-O0"]);
    let (inside, within) = (break_at("in a loop"), break_at("in a within"));
    let (round, behind) = (break_at("in a round"), break_at("behind it all"));
    let commands = [
        "break 'heavier<int>'",
        "run",
        "info args",
        "delete",
        &inside,
        "continue",
        "print n",
        "print n2",
        "print total",
        "delete",
        &within,
        "continue",
        "info locals",
        "bt",
        "delete",
        &behind,
        "continue",
        "print n",
        "print results",
    ];
    let said = session(&sandbox, "values", &commands);
    let answers: Vec<&str> = said
        .iter()
        .filter_map(|line| line.split_once(" = ").filter(|(name, _)| !name.contains('\t')))
        .map(|(_, value)| value)
        .collect();
    // The arguments; n of the loop, its square, the sum so far; what the body of `within` declares and shares; the outer n.
    assert_eq!(answers, ["-42", "-41", "0", "0", "0", "-37", "5", "-42", "-42", "{-83, -81}"], "{said:#?}");
    let frames: Vec<&str> = said.iter().filter_map(|line| line.strip_prefix('#')).collect();
    assert!(frames[0].contains("main.within ()") && frames[2].contains(" in main () at values.coex:"), "{frames:#?}");
    assert!(frames.last().is_some_and(|frame| frame.ends_with("coex_fiber_start ()")), "{frames:#?}");

    let said = session(&sandbox, "values", &["break Point.sum", "run", "print self", "finish"]);
    assert!(said.iter().any(|line| line == "$1 = {x = 1.5, y = 2.5}"), "{said:#?}");
    assert_eq!(said.last().map(String::as_str), Some("Value returned is $2 = 4"), "{said:#?}");

    let said = session(&sandbox, "values", &[&round, "run", "print shifted - i", "bt"]);
    assert!(said.iter().any(|line| line == "$1 = -42"), "{said:#?}");
    assert!(said.iter().any(|line| line.starts_with("#0  main.rounds () at values.coex:")), "{said:#?}");
}

/// Through the entry of a task, also with optimisation.
#[test]
fn a_task_has_a_beginning() {
    let Some(sandbox) = sandbox() else { return };
    let text = "task work(n: int) -> int\n    m = n\n    for i in 0..n\n        m += i\n    ~\n    return m\n~\n\
                func main()\n    x = work(7)\n    print(x)\n~\n";
    for level in ["-O0", "-O2"] {
        build(&sandbox, "task", text, &[level]);
        let said = session(&sandbox, "task", &["break work", "run", "bt"]);
        let frames: Vec<&String> = said.iter().filter(|line| line.starts_with('#')).collect();
        assert!(frames[0].contains(" work (n=7) at task.coex:"), "{said:#?}");
        assert!(frames.last().is_some_and(|frame| frame.ends_with("coex_fiber_start ()")), "{said:#?}");
    }
}
