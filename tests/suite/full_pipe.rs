//! Standard output is a pipe that nobody reads for a while: who prints waits, others go on, and nothing is lost.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use crate::sandbox::Sandbox;

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
