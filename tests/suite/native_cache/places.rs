//! Where a build takes place must not matter, what it hands out must be a copy, and when warm it starts nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;

use coexc::native::NativeOptions;

use super::{Case, library, works};
use crate::native_support::{Scratch, TestLibrary};
use crate::sandbox::{Sandbox, ran};

const SPEAKS: &str = "#include <assert.h>\n#include <stdio.h>\nstatic int calls;\n\
    const char *file(void) { return __FILE__; }\n\
    int value(void) { assert(calls < 9); return ++calls + (int)sizeof __FILE__; }\n";

/// Objects say where their sources lie in the archive, with debug information too.
#[test]
fn objects_of_two_places_are_equal() {
    for debug_info in [false, true] {
        let options = NativeOptions { debug_info, ..NativeOptions::default() };
        let object = |name: &str| {
            let scratch = Scratch::new(name);
            let built = TestLibrary::new(&[("deep/a.c", SPEAKS)], &["value", "file"]).build(&scratch.store(), &options);
            let bytes = fs::read(&built.expect("it builds").objects[0]).expect("the object");
            let place = scratch.0.display().to_string();
            assert!(!bytes.windows(place.len()).any(|window| window == place.as_bytes()), "the place is in the object");
            bytes
        };
        let first = object("place-one");
        assert!(first == object("place-number-two"), "debug information: {debug_info}");
        let name = b"ffi/src/deep/a.c";
        assert!(first.windows(name.len()).any(|window| window == name), "__FILE__ is a name in the archive");
    }
}

/// Two roots, two homes, two caches: the same program.
#[test]
fn executables_of_two_places_are_equal() {
    let build = |words: &[&str]| {
        let mut case = Case::new(SPEAKS);
        // Where the system's headers are is no matter of the build's place, and part of the key.
        case.set("CPATH", "");
        let run = case.coexc(&[&["build", "main.coex"], words].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        (case.sandbox.read("main"), case.sandbox.path(".").display().to_string())
    };
    let (first, second) = (build(&[]), build(&[]));
    assert_ne!(first.1, second.1);
    assert!(first.0 == second.0, "the executables differ");
    assert!(build(&["-O0"]).0 == build(&["-O0"]).0, "the executables differ without optimisation");
}

/// Whoever writes into the output must not reach the cache.
#[test]
fn nothing_of_the_cache_is_handed_out_by_link() {
    let case = Case::new("int value(void) { return 1; }\n");
    case.value();
    let output = case.sandbox.path("main");
    fs::remove_file(&output).expect("remove");
    case.hits("1");
    let inode = fs::metadata(&output).expect("output").ino();
    for path in case.files() {
        let metadata = fs::metadata(&path).expect("a file of the cache");
        assert_eq!(metadata.nlink(), 1, "{}", path.display());
        assert_ne!(metadata.ino(), inode, "{}", path.display());
    }
    // Written in place, as `strip` and the like do.
    let good = fs::read(&output).expect("output");
    fs::write(&output, vec![0; good.len()]).expect("write");
    case.hits("1");
    assert!(fs::read(&output).expect("output") == good);
}

/// The output is not read again when it is known by its times; any doubt is a reason to read.
#[test]
fn an_output_that_was_changed_is_written_again() {
    let case = Case::new("int value(void) { return 1; }\n");
    case.value();
    // Old enough for its times to mean something, and remembered by the second build.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    case.hits("1");
    case.hits("1");
    let output = case.sandbox.path("main");
    let (good, time) = (fs::read(&output).expect("output"), fs::metadata(&output).and_then(|m| m.modified()));
    fs::write(&output, vec![b'x'; good.len()]).expect("write");
    fs::File::open(&output).and_then(|file| file.set_modified(time?)).expect("time");
    case.hits("1");
    assert_eq!(case.program(), "1");
}

/// Several libraries, one of them with a dependency that pkg-config describes.
#[test]
fn a_warm_build_starts_no_process_and_no_thread() {
    let traced = ["-f", "-qq", "-e", "trace=execve,execveat,fork,vfork,clone,clone3"];
    if !works("strace", &[&traced[..], &["true"]].concat()) {
        return;
    }
    let sandbox = Sandbox::new();
    let names = ["one", "two", "three", "four", "five"];
    for name in names {
        let system = if name == "five" { "[ffi.system]\npkg_config = [\"test\"]\n" } else { "" };
        library(&sandbox, name, "#include <stdio.h>\nint value(void) { static int n; return ++n; }\n", system);
    }
    sandbox.write("packages/test.pc", "Name: test\nDescription: a test\nVersion: 1.0\nCflags: -DX=1\n");
    let imports: String = names.map(|name| format!("import \"{name}\"\n")).concat();
    let calls = names.map(|name| format!("{name}.value()")).join(" + ");
    sandbox.write("main.coex", format!("{imports}func main()\n    print({calls})\n~\n"));
    let build = |program: &str, words: &[&str]| {
        let run = ran(sandbox.command(program).args(words).env("PKG_CONFIG_PATH", sandbox.path("packages")));
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stderr
    };
    let tool = env!("CARGO_BIN_EXE_coexc");
    build(tool, &["build", "-O0", "main.coex"]);
    let strace = [&traced[..], &["-o", "trace", tool, "build", "-O0", "--explain-cache", "main.coex"]].concat();
    assert_eq!(build("/usr/bin/env", &[&["strace"], &strace[..]].concat()), "cache: program main.coex: hit\n");
    let trace = String::from_utf8(sandbox.read("trace")).expect("text");
    let calls: Vec<&str> = trace.lines().collect();
    assert_eq!(calls.len(), 1, "{trace}");
    assert!(calls[0].contains("execve("), "{trace}");
    assert_eq!(ran(&mut sandbox.command(sandbox.path("main"))).stdout, "5\n");
}
