//! C state is private: a library with state in every form behaves in each instance as in a fresh process.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use coexc::native::{CacheOutcome, NativeLibrary, NativeOptions, OptLevel, PrivatiseMode};

use crate::native_support::{Scratch, TestLibrary, fixture, run};

const STEPS: &str = "40";
const INSTANCES: usize = 64;

fn torture() -> TestLibrary {
    let read = |name: &str| fs::read_to_string(fixture(name)).expect("a fixture");
    TestLibrary::new(&[("torture.c", &read("torture.c")), ("torture_other.c", &read("torture_other.c"))], &["torture"])
}

/// What a fresh process prints for one "instance": plain C, no pass, no optimisation.
pub(crate) fn fresh(scratch: &Scratch) -> String {
    let program = scratch.0.join("fresh");
    run(Command::new("clang-22")
        .args(["-O0", "-fwrapv", "-DPLAIN", "-o"])
        .arg(&program)
        .args(["driver.c", "torture.c", "torture_other.c"].map(fixture)));
    run(Command::new(program).args(["1", STEPS, "0"]))
}

fn link(scratch: &Scratch, library: &NativeLibrary, name: &str) -> PathBuf {
    let program = scratch.0.join(name);
    run(Command::new("clang-22")
        .args(["-O1", "-o"])
        .arg(&program)
        .arg(format!("-DDESCRIPTOR=\"{}\"", library.descriptor_symbol))
        .arg(format!("-DTORTURE=\"{}\"", library.functions["torture"].link_name))
        .arg(fixture("driver.c"))
        .arg(&library.object));
    program
}

#[test]
fn every_instance_equals_a_fresh_process_at_every_level() {
    let scratch = Scratch::new("torture");
    let store = scratch.store();
    let expected = fresh(&scratch);
    let mut library = torture();
    library.unit.defines.insert("UNUSED".to_owned(), "1".to_owned());
    for opt_level in [OptLevel::None, OptLevel::Less, OptLevel::Default, OptLevel::Aggressive] {
        let options = NativeOptions { opt_level, ..NativeOptions::default() };
        let built = library.build(&store, &options).expect("the library builds");
        assert!(matches!(built.cache, CacheOutcome::Miss(_)));
        assert!(built.report.relocations > 10, "{:?}", built.report);
        let program = link(&scratch, &built, "private");
        for threads in ["0", "4"] {
            let output = run(Command::new(&program).args([&INSTANCES.to_string(), STEPS, threads]));
            let wrong = output.lines().filter(|line| *line != expected.trim_end_matches('\n')).count();
            assert_eq!(wrong, 0, "{opt_level:?} with {threads} threads");
            assert_eq!(output.lines().count(), INSTANCES);
        }
    }
}

#[test]
fn the_control_build_shares_its_state() {
    let scratch = Scratch::new("control");
    let expected = fresh(&scratch);
    let options = NativeOptions { privatise: PrivatiseMode::Off, ..NativeOptions::default() };
    let built = torture().build(&scratch.store(), &options).expect("the library builds");
    let program = link(&scratch, &built, "control");
    let alone = run(Command::new(&program).args(["1", STEPS, "0"]));
    assert_eq!(alone, expected);
    let output = run(Command::new(&program).args([&INSTANCES.to_string(), STEPS, "0"]));
    let wrong = output.lines().filter(|line| *line != expected.trim_end_matches('\n')).count();
    assert!(wrong >= INSTANCES - 1, "{wrong} of {INSTANCES} differ");
}

#[test]
fn the_report_names_the_private_variables() {
    let scratch = Scratch::new("report");
    let built = torture().build(&scratch.store(), &NativeOptions::default()).expect("the library builds");
    let hits = built.report.members.iter().find(|member| member.name == "hits").expect("hits is private");
    assert_eq!((hits.size, hits.file.as_str()), (4, "ffi/src/torture.c"));
    assert!(hits.line > 0);
    let names: Vec<&str> = built.report.members.iter().map(|member| member.name.as_str()).collect();
    assert!(names.contains(&"places"), "constants that hold addresses are private: {names:?}");
    assert!(!names.contains(&"truly_constant"));
    assert!(!built.uses_stdio);
    assert!(built.report.symbols.contains_key("coex_shim_malloc"));
    let object = fs::read(&built.object).expect("the object");
    let root = scratch.0.to_string_lossy().into_owned();
    assert!(!object.windows(root.len()).any(|window| window == root.as_bytes()), "no path of the build");
}

#[test]
fn a_library_without_state_is_pure() {
    let scratch = Scratch::new("pure");
    let library =
        TestLibrary::new(&[("a.c", "static const int t[] = {1, 2};\nint f(int n) { return t[n & 1]; }\n")], &["f"]);
    let built = library.build(&scratch.store(), &NativeOptions::default()).expect("the library builds");
    assert_eq!((built.report.tier.as_str(), built.report.total_size), ("pure", 0));
}

/// The object of the same sources is the same, byte for byte, wherever and whenever it is made.
#[test]
fn builds_are_reproducible() {
    let options = NativeOptions { debug_info: true, ..NativeOptions::default() };
    let objects = ["one", "two"].map(|name| {
        let scratch = Scratch::new(name);
        let built = torture().build(&scratch.store(), &options).expect("the library builds");
        fs::read(built.object).expect("the object")
    });
    assert!(objects[0] == objects[1]);
}
