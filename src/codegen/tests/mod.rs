//! Small programs built by hand, compiled at two levels, linked with the runtime and run.

mod build;
mod layouts;
mod programs;

use super::{CodegenOptions, Emit, OptLevel, RUNTIME_ARCHIVE, compile};
use crate::ir::Program;
use crate::source::SourceMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A directory for this run of the tests, with the runtime's archive in it.
fn directory() -> &'static PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("coex-codegen-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for the tests");
        std::fs::write(path.join("runtime.a"), RUNTIME_ARCHIVE).expect("the archive is written");
        path
    })
}

fn sources() -> SourceMap {
    let mut sources = SourceMap::default();
    sources.add("test.coex", "func main()\n~\n");
    sources
}

fn object(program: &Program, opt: OptLevel, emit: Emit) -> Vec<u8> {
    let options = CodegenOptions { opt, emit, verify: true, ..CodegenOptions::default() };
    compile(program, &sources(), &[], &[], &options).expect("the program compiles").bytes
}

fn run(program: &Program, name: &str, opt: OptLevel) -> Output {
    let path = directory().join(format!("{name}-{opt:?}"));
    let object_path = path.with_extension("o");
    std::fs::write(&object_path, object(program, opt, Emit::Object)).expect("the object is written");
    let linked = Command::new("clang-22")
        .args(["-fuse-ld=lld-22", "-Wl,--gc-sections", "-o"])
        .arg(&path)
        .arg(&object_path)
        .arg(directory().join("runtime.a"))
        .arg("-lm")
        .output()
        .expect("clang runs");
    assert!(linked.status.success(), "{}", String::from_utf8_lossy(&linked.stderr));
    Command::new("timeout").arg("20").arg(&path).output().expect("the program runs")
}

/// The program prints `expected` and ends well, at every level.
fn prints(program: &Program, name: &str, expected: &str) {
    for opt in [OptLevel::Debug, OptLevel::O2] {
        let output = run(program, name, opt);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(stdout, expected, "{name} at {opt:?}: {stderr} {:?}", output.status);
        assert!(output.status.success(), "{name} at {opt:?}: {:?} {stderr}", output.status);
    }
}

/// The program ends with this panic at 1:1.
fn panics(program: &Program, name: &str, what: &str) {
    for opt in [OptLevel::Debug, OptLevel::O2] {
        let output = run(program, name, opt);
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("panic: {what} at test.coex:1:1\n"), "{opt:?}");
        assert_eq!(output.status.code(), Some(101), "{opt:?}");
    }
}

/// LLVM text with debug information.
fn described(program: &Program, opt: OptLevel) -> String {
    let options = CodegenOptions { opt, emit: Emit::Llvm, debug_info: true, verify: true, ..CodegenOptions::default() };
    let output = compile(program, &sources(), &[], &[], &options).expect("the program compiles");
    String::from_utf8(output.bytes).expect("LLVM text is UTF-8")
}

fn same_twice(program: &Program) {
    for opt in [OptLevel::Debug, OptLevel::O2] {
        assert_eq!(object(program, opt, Emit::Object), object(program, opt, Emit::Object));
    }
}
