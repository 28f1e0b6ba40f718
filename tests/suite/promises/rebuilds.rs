//! Builds: what was built is used again only while every byte of every input is what it was, and is the same wherever it
//! is built.

use std::fs;

use super::soak;
use crate::sandbox::{Ran, Sandbox};

const FILES: &[(&str, &str)] = &[
    ("main.coex", "import \"rows\"\nfunc main()\n    print(rows.row(2))\n~\n"),
    (
        "rows/manifest.toml",
        "[library]\nname = \"rows\"\nversion = \"1.0.0\"\nsource = [\"rows.coex\"]\n[ffi.c]\nsource = [\"*.c\"]\n",
    ),
    ("rows/src/rows.coex", "extern row(n: int) -> int\n~\n"),
    ("rows/ffi/src/rows.c", "#include <stdint.h>\n#include \"rows.h\"\nint64_t row(int64_t n) { return n * ROW; }\n"),
    ("rows/ffi/src/rows.h", "#define ROW 21\n"),
];

fn prepared() -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, text) in FILES {
        sandbox.write(name, text);
    }
    sandbox
}

fn build(sandbox: &Sandbox) -> Ran {
    sandbox.coexc(&["build", "main.coex", "--explain-cache"])
}

/// The program was made anew, or could not be made.
fn is_rebuilt(run: &Ran) -> bool {
    run.status != 0 || run.stderr.contains("cache: program main.coex: miss")
}

#[test]
fn every_byte_of_every_input_counts() {
    let sandbox = prepared();
    assert_eq!(build(&sandbox).status, 0);
    assert!(!is_rebuilt(&build(&sandbox)));
    // All of them take a minute.
    let stride = if soak().is_some() { 1 } else { 11 };
    for (name, text) in FILES {
        for place in (0..text.len()).step_by(stride) {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place] ^= 1;
            sandbox.write(name, bytes);
            let run = build(&sandbox);
            assert!(is_rebuilt(&run), "byte {place} of {name}: {}", run.stderr);
        }
        sandbox.write(name, text);
    }
    assert_eq!(build(&sandbox).status, 0);
    assert!(!is_rebuilt(&build(&sandbox)));
}

/// A header that appears in front of the one that was read.
#[test]
fn a_shadowing_header_counts() {
    let sandbox = prepared();
    sandbox.write("rows/ffi/src/rows.c", "#include <rows/size.h>\nlong row(long n) { return n * SIZE; }\n");
    sandbox.write("late/rows/size.h", "#define SIZE 3\n");
    fs::create_dir_all(sandbox.path("early")).expect("a directory");
    let search = format!("{}:{}", sandbox.path("early").display(), sandbox.path("late").display());
    let run = |expected: &str| {
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
        command.args(["run", "main.coex"]).env("CPATH", &search);
        let run = crate::sandbox::ran(&mut command);
        assert_eq!((run.status, run.stdout.as_str()), (0, expected), "{}", run.stderr);
    };
    run("6\n");
    sandbox.write("early/rows/size.h", "#define SIZE 4\n");
    run("8\n");
    sandbox.write("early/rows/size.h", "#define SIZE 5\n");
    run("10\n");
    sandbox.write("rows/ffi/src/rows/size.h", "#define SIZE 6\n");
    run("12\n");
    fs::remove_file(sandbox.path("rows/ffi/src/rows/size.h")).expect("the header");
    fs::remove_file(sandbox.path("early/rows/size.h")).expect("the header");
    run("6\n");
}

#[test]
fn two_directories_make_the_same_bytes() {
    let programs = [(); 2].map(|()| {
        let sandbox = prepared();
        assert_eq!(build(&sandbox).status, 0);
        sandbox.read("main")
    });
    assert!(programs[0] == programs[1]);
}
