//! Standard output is a pipe that nobody reads for a while: who prints waits, others go on, and nothing is lost. And it
//! is a full device: what is lost is said, once, and the process does not end with 0.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use crate::sandbox::{Sandbox, ran};

/// More is printed than buffer and pipe hold, while a child collects; then once more by an activation that ends before there
/// is room.
const PROGRAM: &str = r#"
debugging on

task collects(count: int) -> int
    kept: List<List<int>> = []
    for i in 0..count
        kept = kept.append([i, i + 1])
        gc()
    ~
    debug("collected")
    return kept.len()
~

task prints(count: int) -> int
    for i in 0..count
        print("line")
    ~
    return count
~

func main() -> int
    within 300 * time.millisecond
        while true
            print("early")
        ~
    ~
    debug("left")
    text = prints(50000)
    print(collects(30) + text)
    return 0
~
"#;

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn others_go_on_while_a_print_waits() {
    let sandbox = Sandbox::new();
    let source = sandbox.write("pipe.coex", PROGRAM);
    let program = sandbox.path("pipe");
    let paths = [&source, &program].map(|path| path.to_str().expect("a path of this test"));
    let build = sandbox.coexc(&["build", paths[0], "-o", paths[1]]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    for workers in ["1", "2", "8"] {
        let mut command = sandbox.command(&program);
        command.env("COEX_WORKERS", workers).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("runs");
        let (reports, report) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let listener = std::thread::spawn(move || {
            for line in errors.lines() {
                let _ = reports.send(line.expect("text"));
            }
        });
        for expected in ["left", "collected"] {
            let seen = report.recv_timeout(PATIENCE);
            if seen.is_err() {
                child.kill().expect("a process of this test");
            }
            assert_eq!(seen.as_deref(), Ok(expected), "{workers} workers");
        }
        let mut text = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
        assert!(child.wait().expect("ends").success());
        listener.join().expect("ends with the program");
        let early = text.lines().take_while(|&line| line == "early").count();
        assert!(early * "early\n".len() > 64 * 1024, "{early} lines did not fill the pipe");
        let late: Vec<_> = text.lines().skip(early).collect();
        assert_eq!(late.iter().filter(|&&line| line == "line").count(), 50_000);
        assert_eq!((late.len(), late.last()), (50_001, Some(&"50030")));
    }
}

/// What it is told to do by its first argument.
const WAYS: &str = r#"
import "apart"

extern puts(text: string) -> int
~

func much()
    for i in 0..30000
        print("line")
    ~
~

task child() -> int
    print("of a child")
    return 1
~

func main(args: [string]) -> int
    match args[1]
        case "print": print("text") ~
        case "much": much() ~
        case "own": print("text"); return 5 ~
        case "wraps": print("text"); return 256 ~
        case "exit": print("text"); posix.exit(0) ~
        case "task": x = child(); return x - 1 ~
        case "c": puts("text") ~
        case "apart": apart("text") ~
        case "panic": print("text"); panic("of its own") ~
        case _: return 0 ~
    ~
    return 0
~
"#;

#[test]
fn lost_output_is_no_success() {
    let sandbox = Sandbox::new();
    sandbox.write("ways.coex", WAYS);
    sandbox.library("apart", "apart");
    let unit = "[ffi.c]\nsource = [\"c.c\"]\nisolation = \"process\"\n";
    let manifest = String::from_utf8(sandbox.read("apart/manifest.toml")).expect("text");
    sandbox.write("apart/manifest.toml", manifest + unit);
    sandbox.write("apart/src/apart.coex", "extern apart(text: string)\n~\n");
    sandbox.write("apart/ffi/src/c.c", "#include <stdio.h>\nvoid apart(const char *text) { puts(text); }\n");
    let build = sandbox.coexc(&["build", "-O0", "ways.coex"]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    let lost = "coex: cannot write to standard output";
    let why = ": No space left on device";
    let shell = |line: String| ran(sandbox.command("sh").args(["-c", &line]));
    for (way, status, more) in [
        ("print", 74, ""),
        ("much", 74, ""),
        ("own", 5, ""),
        ("wraps", 74, ""),
        ("exit", 74, ""),
        ("task", 74, ""),
        ("c", 74, ""),
        ("apart", 74, ""),
        ("panic", 101, "panic: of its own at ways.coex:"),
    ] {
        let run = shell(format!("./ways {way} >/dev/full"));
        let said = run.stderr.strip_prefix(lost).unwrap_or_else(|| panic!("{way}: {}", run.stderr));
        // A worker's stream does not keep the reason.
        let said = if way == "apart" { Some(said) } else { said.strip_prefix(why) };
        let said = said.and_then(|said| said.strip_prefix('\n')).unwrap_or_else(|| panic!("{way}: {}", run.stderr));
        assert!(run.status == status && said.starts_with(more) && said.is_empty() == more.is_empty(), "{way}: {said}");
        // A reader that has gone away has lost nothing that it wanted, and neither has whoever closed the output.
        if status == 74 {
            for line in [format!("./ways {way} >&-"), format!("(./ways {way}; echo $? >&2) | true")] {
                let run = shell(line.clone());
                // C code that is the first to write is ended by the signal, as in any program.
                let fine = ["", "0\n"].contains(&run.stderr.as_str()) || way == "c" && run.stderr == "141\n";
                assert!(run.status == 0 && fine, "{line}: {} {}", run.status, run.stderr);
            }
        }
    }
    assert_eq!(shell("./ways nothing >/dev/full".to_owned()).status, 0);
    let whole = shell("./ways task && ./ways c".to_owned());
    assert_eq!((whole.status, whole.stdout.as_str(), whole.stderr.as_str()), (0, "of a child\ntext\n", ""));
}
