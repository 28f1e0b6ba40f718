//! Ends of the process in which LLVM works on a library's code, played by other programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use coexc::native::{NativeError, NativeOptions};

use crate::native_support::{Scratch, TestLibrary, run};

/// What is said of a helper that `make` puts at a path.
fn with_program(name: &str, make: impl FnOnce(&Path)) -> NativeError {
    let scratch = Scratch::new(&format!("helper-{name}"));
    let helper = scratch.0.join("helper");
    make(&helper);
    let library = TestLibrary::new(&[("a.c", "int a(void) { return 1; }\n")], &["a"]);
    let options = NativeOptions { helper: Some(helper), ..NativeOptions::default() };
    library.build(&scratch.store(), &options).expect_err("no object")
}

fn with_script(name: &str, script: &str) -> NativeError {
    with_program(name, |path| {
        fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program");
    })
}

fn errors_of(error: NativeError) -> Vec<String> {
    match error {
        NativeError::CompilationFailed { errors, .. } => errors,
        other => panic!("{other:?}"),
    }
}

fn errors(name: &str, script: &str) -> Vec<String> {
    errors_of(with_script(name, script))
}

#[test]
fn what_ends_llvm_is_an_error_of_the_library() {
    let fault = with_program("fault", |path| {
        let source = path.with_extension("c");
        fs::write(&source, "int main(void) { return *(volatile int *)8; }\n").expect("a source");
        run(Command::new("clang-22").arg(source).arg("-o").arg(path));
    });
    assert_eq!(errors_of(fault), ["error: LLVM was ended by signal 11"]);
    let fatal = errors("fatal", "echo 'LLVM ERROR: no such register' >&2; exit 1");
    assert_eq!(fatal, ["error: LLVM ERROR: no such register", "error: LLVM ended with status 1"]);
}

#[test]
fn a_helper_that_answers_nothing_of_sense_is_not_believed() {
    let cannot = "error: the compiler cannot run itself as a helper";
    for (name, script, reason) in [
        ("silent", "exit 0", "it gave no answer"),
        ("empty", ": > answer", "it gave no answer"),
        ("cut", "printf '20\\nobjects\\n0\\n' > answer", "it gave no answer"),
        ("failed", "echo 'no order of this version' >&2; exit 1", "no order of this version"),
    ] {
        assert_eq!(errors(name, script), [format!("{cannot}: {reason}")], "{name}");
    }
}

#[test]
#[should_panic(expected = "thread panicked: a defect")]
fn a_defect_of_the_helper_is_one_of_the_compiler() {
    with_script("defect", "echo 'thread panicked: a defect' >&2; exit 70");
}

#[test]
fn a_helper_has_no_files_while_it_works() {
    if coexc::sandbox::Kernel::of_this_machine().lacks().is_some() {
        println!("skipped: no sandbox here");
        return;
    }
    let script = "cat /etc/passwd >&2 || cat ../ffi/src/a.c >&2 || echo x > ../x || echo y > y; ls; exit 1";
    let said = errors("files", script).concat();
    assert!(!said.contains("root:") && !said.contains("return 1"), "{said}");
    assert!(said.contains("Permission denied"), "{said}");
}
