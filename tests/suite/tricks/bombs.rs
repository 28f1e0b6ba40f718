//! Tricks that want all time, all memory, or the terminal.
//!
//! The limits that tools inherit are lowered here, so that the tests are short: a tool takes a lower limit as it is.

use std::os::unix::process::CommandExt;

use super::Outcome::Harmless;
use super::{Stage, Trick, bounded};
use crate::sandbox::Ran;

/// The library is built with a lower limit of one resource; nothing else of the compiler comes near it.
fn built(c: &'static str, limit: Option<(libc::__rlimit_resource_t, u64)>) -> Option<Ran> {
    if coexc::sandbox::Kernel::of_this_machine().lacks().is_some() {
        println!("skipped: no sandbox here");
        return None;
    }
    let mut stage = Stage::new();
    let trick = Trick::new("", c, Harmless);
    let place = stage.prepare(&trick);
    let mut command = stage.command(&trick, &place, "require");
    if let Some((resource, most)) = limit {
        let lower = move || {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: a valid structure.
            unsafe { libc::setrlimit(resource, &raw const limit) };
            Ok(())
        };
        // SAFETY: the closure makes a system call only.
        unsafe { command.pre_exec(lower) };
    }
    Some(bounded(&mut command))
}

#[track_caller]
fn is_refused(run: Option<Ran>, text: &str) {
    let Some(run) = run else { return };
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("error[E1114]: FFI compilation failed for 'evil'"), "{}", run.stderr);
    assert!(run.stderr.contains(text), "{}", run.stderr);
    assert!(run.stderr.len() < 20_000, "{} bytes of messages", run.stderr.len());
}

#[test]
fn time_ends() {
    let c = "#if __INCLUDE_LEVEL__ < 150\n#include \"evil.c\"\n#include \"evil.c\"\n#endif\n";
    is_refused(built(c, Some((libc::RLIMIT_CPU, 6))), "error: clang was stopped: it ran for more than ");
}

#[test]
fn memory_ends() {
    let c = "#define A(x) x x x x x x x x\n#define B(x) A(A(A(A(x))))\nint a = 0 B(B(B(+1)));\nint probe(void) { return a; }\n";
    is_refused(built(c, Some((libc::RLIMIT_AS, 1 << 30))), "error: clang was stopped: it needed more memory");
}

/// clang, which makes no code of it, has no trouble with either.
#[test]
fn time_and_memory_of_llvm_end() {
    let c = "typedef int row __attribute__((vector_size(1 << 16)));\nrow q;\n\
             int probe(void) { row a = q * q / (q + 1); q = a % q; return 1; }\n";
    is_refused(built(c, Some((libc::RLIMIT_CPU, 6))), "error: LLVM was stopped: it ran for more than 6 seconds");
    let c = "const char big[1ull << 33] = {1};\nint probe(void) { return big[*(volatile int *)big]; }\n";
    is_refused(built(c, Some((libc::RLIMIT_AS, 1 << 30))), "error: LLVM was stopped: it needed more memory");
}

#[test]
fn messages_end() {
    let text: &'static str = format!(
        "#if __INCLUDE_LEVEL__ < 15\n#include \"evil.c\"\n#include \"evil.c\"\n#endif\n#pragma message \"{}\"\n",
        "x".repeat(8000)
    )
    .leak();
    is_refused(built(text, None), "error: clang was stopped: it printed more than ");
    // A file of its own may say this much in one line.
    let text: &'static str = format!("#error {}\n", "\u{1b}[2J\u{7}long ".repeat(20_000)).leak();
    let run = built(text, None);
    assert!(run.as_ref().is_none_or(|run| !run.stderr.contains(['\u{1b}', '\u{7}'])));
    is_refused(run, "error: ");
}

#[test]
fn endless_loops_of_includes_end() {
    is_refused(built("#include \"evil.c\"\n", None), "#include nested too deeply");
}

#[test]
fn deep_nesting_ends() {
    let text: &'static str = format!("int probe(void) {{ return {}1; }}\n", "(".repeat(100_000)).leak();
    is_refused(built(text, None), "error: ");
}
