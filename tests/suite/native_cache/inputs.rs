//! Everything else that an object is made from, and the name of every reason.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Case, library};
use crate::sandbox::ran;

const ONE: &str = "int value(void) { return 1; }\n";

/// A compiler of the test's own: the real one's parts under another prefix.
fn own_clang(case: &Case, prefix: &str) -> String {
    let output = std::process::Command::new("clang-22").arg("-print-resource-dir").output().expect("clang");
    let resources = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let installed = Path::new(&resources).ancestors().nth(3).expect("a prefix");
    let own = case.sandbox.path(prefix);
    fs::create_dir_all(own.join("bin")).expect("directory");
    symlink(installed.join("lib"), own.join("lib")).expect("link");
    let real = fs::canonicalize(installed.join("bin/clang")).expect("clang");
    fs::copy(real, own.join("bin/clang-22")).expect("copy");
    own.join("bin/clang-22").display().to_string()
}

fn replaced(case: &Case, clang: &str) {
    let mut bytes = fs::read(clang).expect("clang");
    // The loader does not look behind a program's end.
    bytes.extend_from_slice(b"another");
    fs::remove_file(clang).expect("remove");
    case.script("replacement", "");
    fs::write(clang, bytes).expect("clang");
    fs::set_permissions(clang, fs::metadata(case.sandbox.path("replacement")).expect("mode").permissions())
        .expect("mode");
}

#[test]
fn a_compiler_that_is_replaced_behind_a_wrapper_and_behind_a_link() {
    let mut case = Case::new(ONE);
    let clang = own_clang(&case, "llvm");
    let wrapper = case.script("wrapper", &format!("#!/bin/sh\nexec {clang} \"$@\"\n"));
    case.set("COEX_CLANG", wrapper);
    case.gives("1", "first-seen");
    case.hits("1");
    replaced(&case, &clang);
    case.gives("1", "compiler-changed");
    case.hits("1");
    let other = own_clang(&case, "other");
    let link = case.sandbox.path("link");
    symlink(&clang, &link).expect("link");
    case.set("COEX_CLANG", link.display().to_string());
    case.value();
    case.hits("1");
    fs::remove_file(&link).expect("remove");
    replaced(&case, &other);
    replaced(&case, &other);
    symlink(&other, &link).expect("link");
    case.gives("1", "compiler-changed");
}

#[test]
fn a_compiler_and_a_linker_that_appear_earlier_on_the_path() {
    let mut case = Case::new(ONE);
    let tools = case.sandbox.path("tools");
    fs::create_dir_all(&tools).expect("directory");
    let path = std::env::var("PATH").unwrap_or_default();
    case.set("PATH", format!("{}:{path}", tools.display()));
    case.value();
    case.hits("1");
    let clang = own_clang(&case, "llvm");
    replaced(&case, &clang);
    symlink(&clang, tools.join("clang-22")).expect("link");
    case.gives("1", "compiler-changed");
    let linker = ["mold", "ld.lld-22", "ld"].into_iter().find_map(|name| {
        std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
    });
    let linker = linker.expect("a linker");
    case.hits("1");
    symlink(&linker, tools.join("mold")).expect("link");
    let (_, log) = case.value();
    assert!(log.contains("program main.coex: miss, compiler-changed:"), "{log}");
}

/// What changes the meaning of the sources is in the key, and what is in the key reaches clang.
#[test]
fn the_environment_is_in_the_key_and_in_the_compilation() {
    let c = "#if __has_include(<x.h>)\n#define X 1\n#else\n#define X 0\n#endif\n\
             int value(void) { return (__DATE__[10] - '0') * 10 + X; }\n";
    let mut case = Case::new(c);
    case.set("CPATH", "");
    case.gives("0", "first-seen");
    // 1975, the 1st of January.
    case.set("SOURCE_DATE_EPOCH", "157766400");
    case.gives("50", "env-changed:SOURCE_DATE_EPOCH");
    case.sandbox.write("late/x.h", "");
    for (value, name) in [("51", "CPATH"), ("51", "C_INCLUDE_PATH")] {
        case.set("CPATH", "");
        case.set(name, case.sandbox.path("late").display().to_string());
        let (said, log) = case.value();
        assert_eq!(said, value);
        assert!(log.contains(": miss, env-changed:"), "{log}");
    }
    // What is not in the key does not reach clang.
    case.set("CPLUS_INCLUDE_PATH", "/nonexistent");
    case.set("CCC_OVERRIDE_OPTIONS", "+-Dvalue=other");
    case.set("GCC_EXEC_PREFIX", "/nonexistent");
    case.hits("51");
    case.sandbox.write("probe/ffi/src/value.c", format!("{c}\n"));
    case.gives("51", "source-changed:value.c");
}

/// Two worktrees: equal names and versions, other sources, one cache.
#[test]
fn two_libraries_of_one_name_and_version() {
    let case = Case::new(ONE);
    library(&case.sandbox, "other/probe", "int value(void) { return 2; }\n", "");
    fs::copy(case.sandbox.path("main.coex"), case.sandbox.path("other/main.coex")).expect("copy");
    let build = |file: &str, output: &str| {
        let run = case.coexc(&["build", "-O0", "--explain-cache", file, "-o", output]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        let value = ran(&mut case.sandbox.command(case.sandbox.path(output))).stdout;
        (value.trim_end().to_owned(), run.stderr)
    };
    for round in 0..3 {
        for (file, value) in [("main.coex", "1"), ("other/main.coex", "2")] {
            let (said, log) = build(file, "out");
            assert_eq!(said, value, "{log}");
            assert_eq!(log.contains(": hit"), round > 0, "{log}");
        }
    }
}

#[test]
fn what_pkg_config_says() {
    let mut case = Case::new("int value(void) { return N; }\n");
    library(&case.sandbox, "probe", "int value(void) { return N; }\n", "[ffi.system]\npkg_config = [\"first\"]\n");
    let package = |name: &str, rest: &str| {
        case.sandbox.write(
            &format!("packages/{name}.pc"),
            format!("Name: {name}\nDescription: a test\nVersion: 1.0\n{rest}\n"),
        );
    };
    package("first", "Requires: second");
    package("second", "Cflags: -DN=1");
    let (packages, empty) = (case.sandbox.path("packages"), case.sandbox.path("none"));
    case.set("PKG_CONFIG_PATH", format!("{}:{}", empty.display(), packages.display()));
    case.gives("1", "first-seen");
    case.hits("1");
    // Not the package that was asked for, but one that it requires.
    case.sandbox.write("packages/second.pc", "Name: second\nDescription: x\nVersion: 1.0\nCflags: -DN=2\n");
    case.gives("2", "pkg-config-changed");
    case.hits("2");
    case.sandbox.write("none/first.pc", "Name: first\nDescription: x\nVersion: 1.0\nCflags: -DN=3\n");
    let (value, log) = case.value();
    assert_eq!(value, "3", "{log}");
    assert!(log.contains("program main.coex: miss, pkg-config-changed:"), "{log}");
}

/// The rest of the reasons; the others are the subject of tests of their own.
#[test]
fn every_reason_has_its_name() {
    let case = Case::new(ONE);
    let (_, log) = case.value();
    assert!(log.contains("program main.coex: miss, first-seen\n"), "{log}");
    assert!(log.contains("library probe 1.0.0: miss, first-seen\n"), "{log}");
    let explain = || case.coexc(&["cache", "explain", "-O0", "main.coex"]).stdout;
    assert!(explain().starts_with("program main.coex: hit\n"), "{}", explain());
    // The library's own flags, and those of the program.
    let manifest = String::from_utf8(case.sandbox.read("probe/manifest.toml")).expect("text");
    case.sandbox.write("probe/manifest.toml", format!("{manifest}defines = {{ A = \"1\" }}\n"));
    case.gives("1", "flag-changed");
    let run = case.coexc(&["build", "-O1", "--explain-cache", "main.coex"]);
    assert!(run.stderr.contains("program main.coex: miss, flag-changed\n"), "{}", run.stderr);
    case.sandbox.write("probe/ffi/src/value.c", ONE.replace('1', "3"));
    assert!(explain().starts_with("program main.coex: miss, source-changed:probe/ffi/src/value.c\n"), "{}", explain());
    case.gives("3", "source-changed:value.c");
    // Gone, while the records of the last build are there.
    for path in case.kept() {
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.contains("\nblob object-0 ") || text.contains("\nblob program ") {
            fs::remove_file(&path).expect("remove");
        }
    }
    let (_, log) = case.value();
    assert!(log.contains("program main.coex: miss, evicted\n"), "{log}");
    assert!(log.contains("library probe 1.0.0: miss, evicted\n"), "{log}");
}

/// Reasons are lines of text, and so is what the cache keeps.
#[test]
fn names_that_are_not_text_are_not_kept() {
    use std::os::unix::ffi::OsStrExt;
    let mut case = Case::new("#include <x.h>\nint value(void) { return X; }\n");
    let odd = case.sandbox.path(".").join(std::ffi::OsStr::from_bytes(b"od\xff"));
    fs::create_dir_all(&odd).expect("directory");
    case.set("CPATH", "");
    for value in ["1", "2"] {
        fs::write(odd.join("x.h"), format!("#define X {value}\n")).expect("header");
        let mut command = case.command(&["build", "-O0", "--explain-cache", "main.coex"]);
        // The sandbox opens no directory of such a name.
        let run = ran(command.env("CPATH", &odd).env("COEX_SANDBOX", "off"));
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stderr.contains("miss, uncacheable:path-is-not-text\n"), "{}", run.stderr);
        assert_eq!(case.program(), value);
    }
}

/// A wrapper that ends well without having done anything.
#[test]
fn an_action_that_succeeded_without_output() {
    let mut case = Case::new(ONE);
    for (name, action) in [("nothing", ":"), ("empty", ": >out/0.bc")] {
        let text = format!("#!/bin/sh\ncase \"$*\" in *-emit-llvm*) {action}; exit 0;; esac\nexec clang-22 \"$@\"\n");
        let wrapper = case.script(name, &text);
        case.set("COEX_CLANG", wrapper);
        for _ in 0..2 {
            let run = case.build();
            assert_eq!(run.status, 1, "{}", run.stderr);
            assert!(run.stderr.contains("error[E1114]"), "{}", run.stderr);
        }
    }
    case.set("COEX_CLANG", "clang-22");
    case.gives("1", "first-seen");
    let tools = case.sandbox.path("tools");
    fs::create_dir_all(&tools).expect("directory");
    case.script("tools/mold", "#!/bin/sh\nexit 0\n");
    case.set("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default()));
    let run = case.build();
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stderr.contains("error[E1404]"), "{}", run.stderr);
    assert_eq!(case.program(), "1", "the old output stays");
}
