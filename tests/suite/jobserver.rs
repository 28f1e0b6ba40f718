//! How many C files are compiled at the same time: what make allows, else as many as there are processors.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::sandbox::{Sandbox, ran};

const FILES: usize = 4;

/// A program whose two libraries have several C files, and a clang that takes its time for each.
fn slow_libraries(sandbox: &Sandbox) -> Command {
    let mut main = String::new();
    for library in ["one", "two"] {
        sandbox.write(
            &format!("{library}/manifest.toml"),
            format!(
                "[library]\nname = \"{library}\"\nversion = \"1.0.0\"\nsource = [\"{library}.coex\"]\n\
                 [ffi.c]\nsource = [\"*.c\"]\n"
            ),
        );
        sandbox.write(&format!("{library}/src/{library}.coex"), format!("extern {library}0() -> int\n~\n"));
        for file in 0..FILES {
            let name = format!("{library}/ffi/src/{file}.c");
            sandbox.write(&name, format!("int {library}{file}(void) {{ return {file} + 7; }}\n"));
        }
        main = format!("import \"{library}\"\n{main}");
    }
    main.push_str("func main()\n    print(one.one0() + two.two0())\n~\n");
    sandbox.write("main.coex", main);
    let text = "#!/bin/sh\ncase \"$*\" in *-emit-llvm*) sleep 0.2 ;; esac\nexec clang-22 \"$@\"\n";
    let wrapper = sandbox.write("slow-clang", text);
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("mode");
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
    command.args(["build", "main.coex"]).env("COEX_CLANG", wrapper);
    command
}

/// Runs to success; the largest number of children that were there at once.
fn most_children(mut command: Command) -> usize {
    let mut child = command.spawn().expect("starts");
    let (mut most, mut before) = (0, BTreeSet::new());
    let status = loop {
        // What two looks in a row have found was there at the moment between them.
        let now = children(child.id());
        most = most.max(now.intersection(&before).count());
        before = now;
        if let Some(status) = child.try_wait().expect("waits") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success());
    most
}

/// Running ones: what has ended and was not asked for yet is no work.
fn children(parent: u32) -> BTreeSet<String> {
    let parent = parent.to_string();
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    let found = stats.filter_map(|stat| {
        // PID (NAME) STATE PARENT
        let (before, after) = stat.rsplit_once(") ")?;
        let mut words = after.split(' ');
        let is_child = words.next() != Some("Z") && words.next() == Some(&parent);
        is_child.then(|| before.split(' ').next().unwrap_or_default().to_owned())
    });
    found.collect()
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A jobserver with so many tokens; its file stays open, or they would be lost.
fn fifo(sandbox: &Sandbox, tokens: usize) -> (PathBuf, File) {
    let path = sandbox.path("jobs");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    let open = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&path);
    let mut file = open.expect("opens");
    file.write_all(&vec![b'+'; tokens]).expect("tokens");
    (path, file)
}

#[test]
fn a_fifo_of_make_limits_the_work_and_gets_its_tokens_back() {
    for tokens in [0, 1] {
        let sandbox = Sandbox::new();
        let mut command = slow_libraries(&sandbox);
        let (path, mut file) = fifo(&sandbox, tokens);
        command.env("MAKEFLAGS", format!(" -j{} --jobserver-auth=fifo:{}", tokens + 1, path.display()));
        assert_eq!(most_children(command), (tokens + 1).min(processors()), "{tokens} tokens");
        let mut left = [0; 8];
        assert_eq!(file.read(&mut left).unwrap_or(0), tokens, "all tokens are there again");
        assert_eq!(ran(&mut sandbox.command(sandbox.path("main"))).stdout, "14\n");
    }
}

#[test]
fn a_jobserver_that_cannot_be_reached_means_one_at_a_time() {
    let sandbox = Sandbox::new();
    let mut command = slow_libraries(&sandbox);
    command.env("MAKEFLAGS", " -j8 --jobserver-auth=-2,-2");
    assert_eq!(most_children(command), 1);
}

#[test]
fn without_make_all_processors_work() {
    let sandbox = Sandbox::new();
    let mut command = slow_libraries(&sandbox);
    command.env("MAKEFLAGS", "k -- X=1");
    assert_eq!(most_children(command), (2 * FILES).min(processors()));
}

/// make counts its tokens at the end, and says on standard error when one is missing.
#[test]
fn tokens_of_a_pipe_are_given_back() {
    if Command::new("make").arg("--version").output().is_err() {
        println!("skipped: no make here");
        return;
    }
    let sandbox = Sandbox::new();
    let build = slow_libraries(&sandbox);
    let clang = build.get_envs().find(|(name, _)| *name == "COEX_CLANG").and_then(|(_, value)| value);
    let makefile = format!("all: a b\na b:\n\t+{} build main.coex -o $@\n", env!("CARGO_BIN_EXE_coexc"));
    sandbox.write("Makefile", makefile);
    let mut make = sandbox.command("make");
    let run = ran(make.args(["-s", "-j3"]).env("COEX_CLANG", clang.expect("set")));
    // The two builds need the same libraries, and the slower one may say so.
    let said: Vec<&str> = run.stderr.lines().filter(|line| !line.starts_with("waiting for process ")).collect();
    assert_eq!((run.status, said), (0, vec![]));
    assert_eq!(sandbox.read("a"), sandbox.read("b"));
}

/// The first library's and the first file's fault is told first, whoever finishes first.
#[test]
fn faults_come_out_in_one_order() {
    let sandbox = Sandbox::new();
    slow_libraries(&sandbox);
    for name in ["one/ffi/src/1.c", "one/ffi/src/3.c", "two/ffi/src/0.c"] {
        sandbox.write(name, "int broken(void) { return nothing; }\n");
    }
    let first = sandbox.coexc(&["build", "main.coex"]);
    assert_eq!(first.status, 1);
    let places: Vec<&str> = first.stderr.lines().filter(|line| line.starts_with("Error: ")).collect();
    assert_eq!(places.len(), 2, "{}", first.stderr);
    assert!(places[0].contains("ffi/src/0.c") && places[1].contains("ffi/src/1.c"), "{}", first.stderr);
    for _ in 0..3 {
        assert_eq!(sandbox.coexc(&["build", "main.coex"]).stderr, first.stderr);
    }
}
