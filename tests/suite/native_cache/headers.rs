//! Headers of the system: `CPATH` leads to directories of the test.

use std::fs;

use super::Case;

const INCLUDES: &str = "#include <x.h>\nint value(void) { return X; }\n";

#[test]
fn a_header_of_the_system_that_changes() {
    let case = Case::new(INCLUDES);
    case.sandbox.write("late/x.h", "#define X 1\n");
    case.gives("1", "first-seen");
    case.hits("1");
    case.sandbox.write("late/x.h", "#define X 2\n");
    case.gives("2", &case.named("header-changed", "late/x.h"));
    case.hits("2");
}

#[test]
fn a_header_that_newly_shadows_another() {
    let case = Case::new(INCLUDES);
    case.sandbox.write("late/x.h", "#define X 1\n");
    case.gives("1", "first-seen");
    case.sandbox.write("early/x.h", "#define X 2\n");
    case.gives("2", &case.named("header-appeared", "early/x.h"));
    fs::remove_file(case.sandbox.path("early/x.h")).expect("remove");
    case.gives("1", &case.named("header-changed", "early/x.h"));
}

#[test]
fn a_directory_of_headers_that_appears() {
    let case = Case::new(INCLUDES);
    case.sandbox.write("late/x.h", "#define X 1\n");
    case.gives("1", "first-seen");
    case.sandbox.write("absent/x.h", "#define X 2\n");
    case.gives("2", &case.named("header-appeared", "absent"));
}

#[test]
fn has_include_that_becomes_true_and_false_again() {
    let c = "#if __has_include(<x.h>)\nint value(void) { return 2; }\n#else\nint value(void) { return 1; }\n#endif\n";
    let case = Case::new(c);
    case.gives("1", "first-seen");
    case.sandbox.write("late/x.h", "");
    case.gives("2", &case.named("header-appeared", "late/x.h"));
    case.hits("2");
    fs::remove_file(case.sandbox.path("late/x.h")).expect("remove");
    case.gives("1", &case.named("header-changed", "late/x.h"));
}

#[test]
fn a_header_that_is_deleted_when_everything_is_cached() {
    let case = Case::new(INCLUDES);
    case.sandbox.write("late/x.h", "#define X 1\n");
    case.gives("1", "first-seen");
    case.hits("1");
    fs::remove_file(case.sandbox.path("late/x.h")).expect("remove");
    let run = case.build();
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("fatal error: 'x.h' file not found"), "{}", run.stderr);
    assert_eq!(case.program(), "1", "the old output stays");
}

/// Rewritten in the same tick of the clock, with the same length, and with the old time put back.
#[test]
fn a_change_that_times_do_not_show() {
    let case = Case::new(INCLUDES);
    let path = case.sandbox.write("late/x.h", "#define X 1\n");
    let modified = || fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("time");
    let time = modified();
    case.gives("1", "first-seen");
    case.sandbox.write("late/x.h", "#define X 2\n");
    fs::File::open(&path).and_then(|file| file.set_modified(time)).expect("time");
    assert_eq!(modified(), time);
    case.gives("2", &case.named("header-changed", "late/x.h"));
}

/// clang has read the old header, and before it ends there is a new one.
#[test]
fn a_header_that_is_edited_while_clang_runs() {
    edited_meanwhile("late/x.h", "#define X 2\n", "late/x.h");
}

#[test]
fn a_shadowing_header_that_appears_while_clang_runs() {
    edited_meanwhile("early/x.h", "#define X 2\n", "early/x.h");
}

#[test]
fn a_program_that_is_edited_while_clang_runs() {
    let text = "import \"probe\"\nfunc main()\n    print(probe.value() + 1)\n~\n";
    edited_meanwhile("main.coex", text, "main.coex");
}

fn edited_meanwhile(path: &str, text: &str, named: &str) {
    let mut case = Case::new(INCLUDES);
    case.sandbox.write("late/x.h", "#define X 1\n");
    // Its own clock is that of the file system; make sure that the header is older than the build.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let wrapper = case.held_clang();
    case.set("COEX_CLANG", wrapper);
    let log = std::thread::scope(|scope| {
        let building = scope.spawn(|| case.value());
        case.wait_until_held();
        case.sandbox.write(path, text);
        case.release();
        building.join().expect("a build").1
    });
    assert!(log.contains("miss, uncacheable:edited-meanwhile:") && log.contains(named), "{log}");
    let (value, log) = case.value();
    assert_eq!(value, "2", "{log}");
    assert!(!log.contains("program main.coex: hit"), "{log}");
    case.hits("2");
}
