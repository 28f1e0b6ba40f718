//! `coex pkg pack` and `publish` look at a library before others get it: what a program that imports it would be told is
//! told here, and nothing is written. What is not the library's fault is no refusal.

use std::fs;

use crate::sandbox::{Ran, Sandbox, ran};
use crate::world::World;

const HEAD: &str = "[library]\nname = \"l\"\nversion = \"1.0.0\"\nsource = [\"a.coex\", \"b.coex\"]\n";
const UNIT: &str = "[ffi.c]\nsource = [\"c.c\"]\n";

/// Generic code, a type, a trait, two files that use each other, and C with a variable.
const A: &str = "\
trait Sized:
    func units(self) -> int
~

type Box<T>:
    value: T
    times: int

    func units(self) -> int
        return self.times
    ~
~

func boxed<T>(value: T) -> Box<T>
    return Box(value, twice(1))
~

func heaviest<T: Sized>(a: T, b: T) -> T
    return a.units() < b.units() ? b ! a
~
";
const B: &str = "\
extern count_up(by: int) -> int
~

func twice(x: int) -> int
    return count_up(x) + boxed(\"x\").value.len()
~
";
const C: &str = "static int count;\nint count_up(int by) { return count += by; }\n";

/// A fault in the library above: which text of which file becomes which, the status, and what is said.
type Case = (&'static str, &'static str, &'static str, &'static str, i32, &'static [&'static str]);

const CASES: &[Case] = &[
    ("nothing", "src/a.coex", "", "", 0, &[]),
    ("syntax", "src/b.coex", "(x: int)", "(x: int", 1, &["error[E0201]: ", "l/src/b.coex:4:11"]),
    ("unknown name", "src/a.coex", "twice(1)", "thrice(1)", 1, &["error[E0407]: ", "l/src/a.coex:15:23"]),
    ("nobody calls it", "src/b.coex", ".len()", "", 1, &["error[E0310]: ", "l/src/b.coex:5:24"]),
    ("bound", "src/a.coex", "<T: Sized>", "<T>", 1, &["error[E0811]: ", "l/src/a.coex:19:"]),
    ("twice declared", "src/b.coex", "func twice", "func boxed", 1, &["error[E0402]: ", "l/src/b.coex"]),
    ("not found", "src/b.coex", "extern", "import \"absent\"\nextern", 1, &["error[E1202]: ", "l/src/b.coex:1:8"]),
    (
        "extern",
        "ffi/src/c.c",
        "int by",
        "int by, int more",
        1,
        &["error[E1103]: ", "l/src/b.coex:1:8", "count_up(int, int)"],
    ),
    ("symbol", "ffi/src/c.c", "count_up", "count_down", 1, &["error[E1113]: ", "l/src/b.coex:1:8"]),
    ("C", "ffi/src/c.c", "count;", "count", 1, &["error[E1114]: ", "ffi/src/c.c:1:17: error: "]),
    (
        "header",
        "ffi/src/c.c",
        "static",
        "#include \"absent.h\"\nstatic",
        1,
        &["error[E1114]: ", "'absent.h' file not found"],
    ),
    ("file", "manifest.toml", "\"c.c\"", "\"d.c\"", 1, &["error[E1110]: ", "l/manifest.toml:6:11"]),
    (
        "system",
        "manifest.toml",
        "[ffi",
        "[ffi.system]\nheaders = [\"absent.h\"]\n[ffi",
        3,
        &["error[E1111]: ", "--no-verify"],
    ),
    ("threads", "manifest.toml", "[\"c.c\"]", "[\"c.c\"]\nthreads = true", 1, &["error[E0001]: ", "threads = true"]),
    // A slip that leaves half of the library out.
    (
        "not listed",
        "manifest.toml",
        ", \"b.coex\"",
        "",
        1,
        &["warning[W1204]: Source 'src/b.coex' is not", "error[E0407]: "],
    ),
    (
        "no sources",
        "manifest.toml",
        "source = [\"a",
        "sources = [\"a",
        0,
        &["W1204", "'src/a.coex'", "'src/b.coex'", "W1101"],
    ),
    // Faults of several files and kinds come out together.
    (
        "several",
        "src/a.coex",
        "Box(value, twice(1))",
        "Box(valu, twice(\"\"))",
        1,
        &["a.coex:15:16", "a.coex:15:28", "2 errors"],
    ),
];

fn write(sandbox: &Sandbox, (file, from, to): (&str, &str, &str)) {
    let manifest = format!("{HEAD}{UNIT}");
    for (name, text) in [("manifest.toml", manifest.as_str()), ("src/a.coex", A), ("src/b.coex", B), ("ffi/src/c.c", C)]
    {
        let changed = text.replacen(from, to, 1);
        assert!(name != file || from == to || changed != text, "{file} lacks {from}");
        sandbox.write(&format!("l/{name}"), if name == file { &changed } else { text });
    }
}

fn says(run: &Ran, status: i32, texts: &[&str], what: &str) {
    assert_eq!(run.status, status, "{what}: {}", run.stderr);
    assert!(!texts.is_empty() || run.stderr.is_empty(), "{what}: {}", run.stderr);
    for text in texts {
        assert!(run.stderr.contains(text), "{what}: '{text}' is not in {}", run.stderr);
    }
}

#[test]
fn faults_of_a_library_are_found_before_it_is_packed() {
    let sandbox = Sandbox::new();
    for (what, file, from, to, status, texts) in CASES {
        write(&sandbox, (file, from, to));
        let run = sandbox.coex(&["pkg", "pack", "l"]);
        says(&run, *status, texts, what);
        assert_eq!(sandbox.path("l.cxz").exists(), *status == 0, "{what}");
        if *status == 0 {
            fs::remove_file(sandbox.path("l.cxz")).expect("an archive");
        }
    }
}

/// Where a program that imports the library would be told of it, with the same words.
#[test]
fn the_words_are_those_of_the_compiler() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", "import \"l\"\nfunc main()\n    print(twice(1))\n~\n");
    for what in ["unknown name", "extern", "C"] {
        let (_, file, from, to, ..) = CASES.iter().find(|case| case.0 == what).expect("a case");
        write(&sandbox, (file, from, to));
        let (packed, built) = (sandbox.coex(&["pkg", "pack", "l"]), sandbox.coexc(&["build", "main.coex"]));
        assert_eq!((packed.status, &packed.stderr), (built.status, &built.stderr.replace("./l/", "l/")), "{what}");
    }
    // Also as objects, and from inside the library.
    write(&sandbox, ("src/a.coex", "twice(1)", "thrice(1)"));
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coex"));
    let run = ran(command.current_dir(sandbox.path("l")).args(["pkg", "pack", ".", "--message-format=json"]));
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
    assert!(run.stdout.contains("\"E0407\"") && run.stdout.contains("./src/a.coex"), "{}", run.stdout);
    assert!(!sandbox.path("l/l.cxz").exists());
}

#[test]
fn a_packer_may_have_no_clang_or_not_want_to_look() {
    let sandbox = Sandbox::new();
    let without_clang = |words: &[&str]| {
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_coex"));
        ran(command.args(words).env("COEX_CLANG", "/absent/clang"))
    };
    write(&sandbox, ("", "", ""));
    says(&without_clang(&["pkg", "pack", "l"]), 3, &["error[E1401]: ", "help: --no-verify takes"], "no clang");
    // What is wrong in Coex goes first.
    write(&sandbox, ("src/a.coex", "twice(1)", "thrice(1)"));
    says(&without_clang(&["pkg", "pack", "l"]), 1, &["error[E0407]: "], "no clang, and a fault");
    says(&without_clang(&["pkg", "pack", "--no-verify", "l"]), 0, &[], "unseen");
    // To verify an archive is to look at its form: nobody's code is compiled.
    says(&without_clang(&["pkg", "verify", "l.cxz", "l"]), 0, &[], "verify");
    // A library without C needs none.
    sandbox.library("plain", "plain");
    says(&without_clang(&["pkg", "pack", "plain"]), 0, &[], "no C");
}

#[test]
fn dependencies_that_are_not_at_hand_are_no_fault() {
    let sandbox = Sandbox::new();
    let uses = "import \"text\"\nfunc shown(x: text.Word) -> string\n    return text.upper(x) + tail(x)\n~\n";
    let library = |depends: &str, body: &str| {
        sandbox.write("l/manifest.toml", format!("{HEAD}{depends}"));
        sandbox.write("l/src/a.coex", body);
        sandbox.write("l/src/b.coex", "func own() -> int\n    return 1\n~\n");
    };
    let depends = "depends = { text = \"^1.2\" }\n";
    library(depends, uses);
    let warned =
        ["warning[W1203]: Dependency 'text' is not at hand", "l/src/a.coex:1:8", "coex pkg install text", "1 warning"];
    says(&sandbox.coex(&["pkg", "pack", "l"]), 0, &warned, "absent");
    // Its own faults are found even so.
    library(depends, &format!("{uses}func wrong() -> int\n    return \"x\"\n~\n"));
    says(
        &sandbox.coex(&["pkg", "pack", "l"]),
        1,
        &["warning[W1203]: ", "error[E0305]: ", "l/src/a.coex:6:12"],
        "own fault",
    );
    // A dependency that nobody names is somebody's fault.
    library("", uses);
    says(&sandbox.coex(&["pkg", "pack", "l"]), 1, &["error[E1202]: Library 'text' not found"], "not named");

    // At hand it is looked at: by what stands beside the library, or below -L.
    let text = "type Word:\n    letters: string\n~\nfunc upper(x: Word) -> string\n    return x.letters\n~\n\
                func tail(x: Word) -> string\n    return x.letters\n~\n";
    sandbox.library("at/text", "text");
    sandbox.write("at/text/src/text.coex", text);
    let pack = ["pkg", "pack", "l", "-L", "at"];
    library(depends, uses);
    says(&sandbox.coex(&pack), 1, &["error[E1408]: ", "it needs 'text' ^1.2, found 1.0.0"], "too old");
    let depends = "depends = { text = \"^1\" }\n";
    library(depends, uses);
    says(&sandbox.coex(&pack), 0, &[], "at hand");
    library(depends, &uses.replace("text.upper(x)", "text.uper(x)"));
    says(&sandbox.coex(&pack), 1, &["error[E1203]: ", "l/src/a.coex:3:"], "at hand, used wrongly");
    // Found here, and by nobody who only installs the library.
    library("", uses);
    says(&sandbox.coex(&pack), 0, &["warning[W1202]: Library 'l' does not bring 'text' along", "'depends'"], "stray");
    sandbox.write("near.coex", "func near() -> int\n    return 1\n~\n");
    library("", "import near\nimport math\nimport time\nfunc f() -> int\n    return near.near()\n~\n");
    says(&sandbox.coex(&["pkg", "pack", "l"]), 0, &["warning[W1202]: ", "bring 'near' along", "1 warning"], "module");
}

/// What is installed for the library lies in its own directory or above, and does not travel with it.
#[test]
fn dependencies_may_be_installed_for_the_library() {
    let world = World::published(&[("text", "1.3.0", "")]);
    let manifest = format!("{}depends = {{ text = \"^1\" }}\n", HEAD.replace(", \"b.coex\"", ""));
    world.sandbox.write("project/manifest.toml", &manifest);
    let uses = "import \"text\"\nfunc f() -> string\n    return text_version()\n~\n";
    world.sandbox.write("project/src/a.coex", uses);
    says(&world.pkg(&["pack", "."]), 0, &["warning[W1203]: "], "before");
    world.done(&["install", "text"], "+ text 1.3.0\n");
    says(&world.pkg(&["pack", "."]), 0, &[], "installed");
    let verdict = world.pkg(&["verify", "l.cxz"]);
    assert!(verdict.stdout.contains(": l 1.0.0, 2 files, "), "{}", verdict.stdout);
    world.sandbox.write("project/src/a.coex", uses.replace("version()", "version(1)"));
    says(&world.pkg(&["pack", "."]), 1, &["error[E05", "./src/a.coex:3:"], "used wrongly");
    // Locked, and gone from this machine.
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib")).expect("installed");
    says(&world.pkg(&["pack", "."]), 0, &["warning[W1203]: "], "not installed");
}

#[test]
fn publish_looks_too() {
    let world = World::published(&[("text", "1.0.0", "")]);
    let key = world.key("regex.key");
    let directory = "../made/regex-1.0.0";
    assert_eq!(world.sign(&key, "regex", "1.0.0").status, 0);
    let index = world.sandbox.read(&world.index("regex"));

    let source = "made/regex-1.0.0/src/regex.coex";
    world.edit("made/regex-1.0.0/manifest.toml", "1.0.0", "1.1.0");
    world.edit(source, "~", "");
    let publish = |library: &str, more: &[&str]| world.pkg(&[&["publish", library, "--key", &key], more].concat());
    says(&publish(directory, &[]), 1, &["error[E0201]: ", "made/regex-1.0.0/src/regex.coex:"], "directory");
    assert_eq!(world.pkg(&["pack", "--no-verify", directory]).status, 0);
    says(&publish("regex.cxz", &[]), 1, &["error[E0201]: ", "regex.cxz!/src/regex.coex:"], "archive");
    assert_eq!(world.sandbox.read(&world.index("regex")), index);
    assert!(!world.sandbox.path("reg/dl/regex/regex-1.1.0.cxz").exists());
    says(&publish("regex.cxz", &["--no-verify"]), 0, &[], "unseen");
}

/// A defect of the compiler is reported with what it happened to.
#[test]
fn internal_failures_are_reported_with_the_library() {
    let sandbox = Sandbox::new();
    write(&sandbox, ("", "", ""));
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coex"));
    let run = ran(command.args(["pkg", "pack", "l"]).env("COEX_TEST_CRASH", "3 panic"));
    says(&run, 70, &["in stage 'check'", "command: coex pkg pack l\n", "(4 files)"], "internal failure");
    assert!(!sandbox.path("l.cxz").exists());
}

/// The compiler looks; `coex` finds it beside itself or by PATH.
#[test]
fn the_compiler_is_beside_coex_or_in_path() {
    let sandbox = Sandbox::new();
    write(&sandbox, ("", "", ""));
    let alone = sandbox.path("coex");
    fs::copy(env!("CARGO_BIN_EXE_coex"), &alone).expect("a copy");
    let mut pack = sandbox.command(&alone);
    pack.args(["pkg", "pack", "l"]).env("PATH", "/usr/bin:/bin");
    says(&ran(&mut pack), 3, &["error: coexc, which looks at the library, is neither", "--no-verify"], "none");
    assert!(!sandbox.path("l.cxz").exists());
    says(&ran(pack.arg("--no-verify")), 0, &[], "not needed");
    let tools = std::path::Path::new(env!("CARGO_BIN_EXE_coexc")).parent().expect("a directory");
    let mut pack = sandbox.command(&alone);
    pack.args(["pkg", "pack", "l"]).env("PATH", format!("/usr/bin:/bin:{}", tools.display()));
    says(&ran(&mut pack), 0, &[], "in PATH");
}
