//! The examples of `docs/build-systems.md`, each with a project of its own: every kind of edit builds exactly what it must,
//! and a second run builds nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::pages::fences;
use crate::sandbox::{Sandbox, ran};

const PAGE: &str = include_str!("../../docs/build-systems.md");

/// The first block of this language on the page.
fn example(language: &str) -> String {
    fences(PAGE).into_iter().find(|fence| fence.info == language).map(|fence| fence.text).expect("on the page")
}

const MAIN: &str = "import part\nimport \"plain\"\nimport \"counter\"\n\
                    func main()\n    print(part.two() + plain.one() + counter.step())\n~\n";
const OTHER: &str = "import part\nfunc main()\n    print(part.two())\n~\n";
const PART: &str = "formula two() -> int\n    return 2\n~\n";
const STEP: &str = "extern next_count() -> int\n~\nfunc step() -> int\n    return next_count()\n~\n";
const COUNTER: &str = "#include \"size.h\"\n#ifndef EXTRA\n#define EXTRA 0\n#endif\n\
                       static int count;\nint next_count(void) { return count += SIZE + EXTRA; }\n";
const MANIFEST: &str = "[library]\nname = \"counter\"\nversion = \"1.0.0\"\nsource = [\"counter.coex\"]\n\
                        [ffi.c]\nsource = [\"*.c\"]\n";

/// A project in `directory`: `main` uses everything, `other` only the module.
fn project(directory: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let write = |name: &str, text: &str| drop(sandbox.write(&format!("{directory}/{name}"), text));
    write("main.coex", MAIN);
    write("other.coex", OTHER);
    write("part.coex", PART);
    write("vendor/counter/manifest.toml", MANIFEST);
    write("vendor/counter/src/counter.coex", STEP);
    write("vendor/counter/ffi/src/counter.c", COUNTER);
    write("vendor/counter/ffi/src/size.h", "#define SIZE 1\n");
    fs::create_dir_all(sandbox.path(&format!("{directory}/lib"))).expect("directory");
    pack(&sandbox, directory, "formula one() -> int\n    return 1\n~\n");
    // Whoever calls coexc calls this, which writes down what for.
    let log = sandbox.path("log");
    let real = env!("CARGO_BIN_EXE_coexc");
    let text = format!("#!/bin/sh\nbasename \"$2\" >>'{}'\nexec '{real}' \"$@\"\n", log.display());
    let wrapper = sandbox.write("bin/coexc", text);
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).expect("mode");
    sandbox
}

/// Makes the archive anew.
fn pack(sandbox: &Sandbox, directory: &str, source: &str) {
    sandbox.library("plain", "plain");
    sandbox.write("plain/src/plain.coex", source);
    assert_eq!(sandbox.coex(&["pkg", "pack", "plain", "-o", &format!("{directory}/lib/plain.cxz")]).status, 0);
}

struct Edit {
    what: &'static str,
    make: fn(&Sandbox, &str),
    /// Whether `other` depends on it too.
    other: bool,
    /// What `main` prints from now on.
    prints: &'static str,
}

fn edit(what: &'static str, make: fn(&Sandbox, &str), prints: &'static str) -> Edit {
    Edit { what, make, other: what == "module", prints }
}

fn replace(sandbox: &Sandbox, path: &str, from: &str, to: &str) {
    let text = String::from_utf8(sandbox.read(path)).expect("text");
    assert!(text.contains(from), "{path}: {text}");
    sandbox.write(path, text.replace(from, to));
}

/// In an order in which each one shows.
fn edits() -> Vec<Edit> {
    vec![
        edit("main file", |s, d| replace(s, &format!("{d}/main.coex"), "print(", "print(100 + "), "104"),
        edit("module", |s, d| replace(s, &format!("{d}/part.coex"), "return 2", "return 20"), "122"),
        edit(
            "library's source",
            |s, d| {
                replace(s, &format!("{d}/vendor/counter/src/counter.coex"), "return", "return 1000 +");
            },
            "1122",
        ),
        edit(
            "C source",
            |s, d| {
                replace(s, &format!("{d}/vendor/counter/ffi/src/counter.c"), "+= SIZE", "+= SIZE * 5");
            },
            "1126",
        ),
        edit("C header", |s, d| replace(s, &format!("{d}/vendor/counter/ffi/src/size.h"), "1", "2"), "1131"),
        edit(
            "manifest",
            |s, d| {
                let path = format!("{d}/vendor/counter/manifest.toml");
                replace(s, &path, "[\"*.c\"]", "[\"*.c\"]\ndefines = { EXTRA = \"7\" }");
            },
            "1138",
        ),
        edit(
            "new C file",
            |s, d| {
                s.write(&format!("{d}/vendor/counter/ffi/src/more.c"), "int more(void) { return 1; }\n");
            },
            "1138",
        ),
        edit("archive", |s, d| pack(s, d, "formula one() -> int\n    return 50001\n~\n"), "51138"),
        edit(
            "library that goes before another",
            |s, d| {
                s.library(&format!("{d}/lib/counter"), "counter");
                s.write(&format!("{d}/lib/counter/src/counter.coex"), "formula step() -> int\n    return 0\n~\n");
            },
            "50121",
        ),
    ]
}

/// The programs that were built since the last call.
fn built(sandbox: &Sandbox) -> Vec<String> {
    let log = sandbox.path("log");
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// A build tool with its project.
struct Tool<'t> {
    sandbox: &'t Sandbox,
    command: &'t dyn Fn() -> Command,
    directory: &'t str,
    program: &'t dyn Fn() -> std::path::PathBuf,
    /// Whether it builds `other` too.
    other: bool,
}

impl Tool<'_> {
    #[track_caller]
    fn run(&self, what: &str) -> Vec<String> {
        let run = ran(&mut (self.command)());
        assert_eq!(run.status, 0, "{what}: {}{}", run.stdout, run.stderr);
        built(self.sandbox)
    }

    /// Every edit in turn, and nothing after each.
    fn check(&self) {
        let both: &[&str] = if self.other { &["main.coex", "other.coex"] } else { &["main.coex"] };
        built(self.sandbox);
        assert_eq!(self.run("first"), both);
        assert_eq!(self.run("nothing"), [""; 0]);
        for edit in edits() {
            (edit.make)(self.sandbox, self.directory);
            assert_eq!(self.run(edit.what), if edit.other { both } else { &["main.coex"] }, "{}", edit.what);
            let program = ran(&mut self.sandbox.command((self.program)()));
            assert_eq!(program.stdout, format!("{}\n", edit.prints), "{}", edit.what);
            assert_eq!(self.run("nothing"), [""; 0], "after: {}", edit.what);
        }
    }
}

fn command(sandbox: &Sandbox, tool: &str, directory: &str) -> Command {
    let mut command = sandbox.command(tool);
    let mut path = vec![sandbox.path("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    command.env("PATH", std::env::join_paths(path).expect("a path")).current_dir(sandbox.path(directory));
    command
}

fn is_here(tool: &str) -> bool {
    let here = Command::new(tool).arg("--version").output().is_ok();
    if !here {
        println!("skipped: no {tool} here");
    }
    here
}

#[test]
fn make_builds_what_it_must() {
    if !is_here("make") {
        return;
    }
    let sandbox = project("p");
    sandbox.write("p/Makefile", example("make"));
    let make = || {
        let mut make = command(&sandbox, "make", "p");
        make.arg("-j2");
        make
    };
    let program = || sandbox.path("p/main");
    Tool { sandbox: &sandbox, command: &make, directory: "p", program: &program, other: true }.check();
    // A module that nobody needs any more.
    fs::remove_file(sandbox.path("p/part.coex")).expect("removed");
    for name in ["main", "other"] {
        sandbox.write(&format!("p/{name}.coex"), "func main()\n    print(1)\n~\n");
    }
    assert_eq!(ran(&mut make()).status, 0);
    assert_eq!(built(&sandbox), ["main.coex", "other.coex"]);
}

#[test]
fn ninja_builds_what_it_must() {
    if !is_here("ninja") {
        return;
    }
    let sandbox = project("p");
    sandbox.write("p/build.ninja", example("ninja"));
    let ninja = || command(&sandbox, "ninja", "p");
    let program = || sandbox.path("p/main");
    Tool { sandbox: &sandbox, command: &ninja, directory: "p", program: &program, other: true }.check();
    // An edit that changes no byte of the program runs the compiler once.
    let main = String::from_utf8(sandbox.read("p/main.coex")).expect("text");
    sandbox.write("p/main.coex", format!("{main}# a comment\n"));
    assert_eq!(ran(&mut ninja()).status, 0);
    assert_eq!(built(&sandbox), ["main.coex"]);
    assert_eq!(ran(&mut ninja()).status, 0);
    assert_eq!(built(&sandbox), [""; 0]);
}

#[test]
fn cmake_builds_what_it_must() {
    if !is_here("cmake") {
        return;
    }
    for (generator, tool) in [("Ninja", "ninja"), ("Unix Makefiles", "make")] {
        if !is_here(tool) {
            continue;
        }
        let sandbox = project("p");
        sandbox.write("p/CMakeLists.txt", example("cmake"));
        let configured = ran(command(&sandbox, "cmake", "p").args(["-B", "../build", "-G", generator]));
        assert_eq!(configured.status, 0, "{}", configured.stderr);
        let cmake = || {
            let mut cmake = command(&sandbox, "cmake", ".");
            cmake.args(["--build", "build"]);
            cmake
        };
        let program = || sandbox.path("build/main");
        Tool { sandbox: &sandbox, command: &cmake, directory: "p", program: &program, other: true }.check();
    }
}

#[test]
fn a_build_script_of_cargo_builds_what_it_must() {
    let Some(cargo) = std::env::var_os("CARGO") else {
        println!("skipped: not run by cargo");
        return;
    };
    let sandbox = project("p");
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    sandbox.write("p/Cargo.toml", manifest);
    sandbox.write("p/build.rs", example("rust"));
    let main = "fn main() {\n    println!(\"{}\", include_bytes!(concat!(env!(\"OUT_DIR\"), \"/main\")).len());\n}\n";
    sandbox.write("p/src/main.rs", main);
    let build = || {
        let mut command = command(&sandbox, &cargo.to_string_lossy(), "p");
        // Homes of the toolchain, which is not the test's affair.
        for name in ["CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.args(["build", "--offline", "--quiet"]).env("CARGO_TARGET_DIR", sandbox.path("target"));
        command
    };
    let program = || find(&sandbox.path("target/debug/build"), "main").expect("built");
    Tool { sandbox: &sandbox, command: &build, directory: "p", program: &program, other: false }.check();
}

/// The file of this name in some `out` directory.
fn find(builds: &Path, name: &str) -> Option<std::path::PathBuf> {
    let builds = fs::read_dir(builds).ok()?.flatten();
    builds.map(|build| build.path().join("out").join(name)).find(|path| path.is_file())
}
