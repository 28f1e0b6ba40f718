//! C state is private: a library with state in every form behaves in each instance as in a fresh process.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use coexc::native::{CacheOutcome, NativeLibrary, NativeOptions, OptLevel, PrivatiseMode, Store, Workers};

use crate::native_support::{Scratch, TestLibrary, fixture, run};

const STEPS: &str = "40";
const INSTANCES: usize = 64;

fn torture() -> TestLibrary {
    let read = |name: &str| fs::read_to_string(fixture(name)).expect("a fixture");
    TestLibrary::new(&[("torture.c", &read("torture.c")), ("torture_other.c", &read("torture_other.c"))], &["torture"])
}

/// What a fresh process prints for one "instance": plain C, no pass, no optimisation.
pub(crate) fn fresh(scratch: &Scratch) -> String {
    fresh_of(scratch, &["torture.c", "torture_other.c"])
}

fn fresh_of(scratch: &Scratch, files: &[&str]) -> String {
    let program = scratch.0.join("fresh");
    run(Command::new("clang-22")
        .args(["-O0", "-fwrapv", "-DPLAIN", "-o"])
        .arg(&program)
        .args(["driver.c"].iter().chain(files).map(|name| fixture(name))));
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
        .args(&library.objects));
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

const PARTS: [&str; 4] = ["parts/one.c", "parts/two.c", "parts/three.c", "parts/four.c"];

fn parts() -> TestLibrary {
    let texts = PARTS.map(|name| fs::read_to_string(fixture(name)).expect("a fixture"));
    let header = fs::read_to_string(fixture("parts/parts.h")).expect("a fixture");
    let files = PARTS.iter().zip(&texts).map(|(name, text)| (*name, text.as_str()));
    TestLibrary::new(&files.chain([("parts/parts.h", header.as_str())]).collect::<Vec<_>>(), &["torture", "tiny"])
}

/// The files of a large library are optimised in parts, which must be one library all the same.
#[test]
fn a_library_in_parts_is_one_library() {
    let scratch = Scratch::new("parts");
    let expected = fresh_of(&scratch, &PARTS);
    for opt_level in [OptLevel::None, OptLevel::Default, OptLevel::Aggressive] {
        let options = NativeOptions { opt_level, ..NativeOptions::default() };
        let built = parts().build(&scratch.store(), &options).expect("the library builds");
        assert!(built.objects.len() > 1, "it is cut");
        let program = link(&scratch, &built, "private");
        let output = run(Command::new(&program).args([&INSTANCES.to_string(), STEPS, "4"]));
        let wrong: Vec<&str> = output.lines().filter(|line| *line != expected.trim_end_matches('\n')).collect();
        assert!(wrong.is_empty(), "{opt_level:?}: {} of {INSTANCES}, {:?}, not {expected}", wrong.len(), wrong.first());
        let is_leaf = built.functions["tiny"].leaf.is_some();
        assert_eq!(is_leaf, opt_level != OptLevel::None, "leaves are found in every part");
    }
    let options = NativeOptions { privatise: PrivatiseMode::Off, ..NativeOptions::default() };
    let built = parts().build(&scratch.store(), &options).expect("the library builds");
    assert_eq!(run(Command::new(link(&scratch, &built, "control")).args(["1", STEPS, "0"])), expected);
}

#[test]
fn parts_do_not_depend_on_who_works() {
    let scratch = Scratch::new("crew");
    let bytes = |most: usize| {
        let options = NativeOptions { workers: Workers::local(most), ..NativeOptions::default() };
        let store = Store::open(&scratch.0.join(format!("cache-{most}"))).expect("a fresh cache");
        let built = parts().build(&store, &options).expect("the library builds");
        let read = |path: &PathBuf| fs::read(path).expect("an object");
        (built.objects.iter().map(read).collect::<Vec<_>>(), built.leaves.as_ref().map(read))
    };
    let alone = bytes(1);
    assert!(alone.1.is_some());
    assert!(alone == bytes(2) && alone == bytes(5));
}

/// What LLVM divides keeps the place where it was written.
#[test]
fn fields_of_a_variable_have_its_place() {
    let scratch = Scratch::new("fields");
    let text = "static struct { long a; long b; } pair;\n\
                long f(long n) { pair.a += n; return pair.a; }\nlong g(long n) { pair.b ^= n; return pair.b; }\n";
    let built = TestLibrary::new(&[("a.c", text)], &["f", "g"]).build(&scratch.store(), &NativeOptions::default());
    let members = built.expect("the library builds").report.members;
    assert!(!members.is_empty() && members.iter().all(|member| member.name.starts_with("pair")), "{members:?}");
    assert!(members.iter().all(|member| (member.file.as_str(), member.line) == ("ffi/src/a.c", 1)), "{members:?}");
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
    let object = fs::read(&built.objects[0]).expect("the object");
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
        fs::read(&built.objects[0]).expect("the object")
    });
    assert!(objects[0] == objects[1]);
}
