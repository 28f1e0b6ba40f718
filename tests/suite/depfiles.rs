//! What build tools rely on: depfiles, response files, outputs that keep their time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use crate::sandbox::{Ran, Sandbox, ran};

const HELLO: &str = "func main()\n    print(\"hello\")\n~\n";

#[track_caller]
fn built(sandbox: &Sandbox, words: &[&str]) -> Ran {
    let run = sandbox.coexc(words);
    assert_eq!(run.status, 0, "{words:?}: {}", run.stderr);
    run
}

/// A program with a module, an archive, and an unpacked library with C and a header.
fn project(sandbox: &Sandbox) {
    sandbox.write("main.coex", "import part\nimport \"counter\"\nimport \"plain\"\nfunc main()\n    print(part.two() + plain.one() + counter.next_count())\n~\n");
    sandbox.write("part.coex", "formula two() -> int\n    return 2\n~\n");
    sandbox.write(
        "libs/counter/manifest.toml",
        "[library]\nname = \"counter\"\nversion = \"1.0.0\"\nsource = [\"counter.coex\"]\n[ffi.c]\nsource = [\"*.c\"]\n",
    );
    sandbox.write("libs/counter/src/counter.coex", "extern next_count() -> int\n~\n");
    sandbox.write("libs/counter/ffi/src/step.h", "#include <limits.h>\n#define STEP 1\n");
    let c = "#include \"step.h\"\nstatic int count;\nint next_count(void) { return count += STEP; }\n";
    sandbox.write("libs/counter/ffi/src/counter.c", c);
    sandbox.library("plain", "plain");
    fs::create_dir_all(sandbox.path("lib")).expect("directory");
    assert_eq!(sandbox.coex(&["pkg", "pack", "plain", "-o", "lib/plain.cxz"]).status, 0);
    fs::remove_dir_all(sandbox.path("plain")).expect("removed");
}

fn time(sandbox: &Sandbox, name: &str) -> SystemTime {
    fs::metadata(sandbox.path(name)).and_then(|file| file.modified()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_depfile_names_everything_that_was_read() {
    let sandbox = Sandbox::new();
    project(&sandbox);
    fs::create_dir_all(sandbox.path("early")).expect("directory");
    let words = ["build", "main.coex", "-L", "early", "-L", "libs", "-o", "out", "--depfile", "out.d"];
    built(&sandbox, &words);
    let text = String::from_utf8(sandbox.read("out.d")).expect("text");
    let rule = text.split("\n\n").next().unwrap_or_default().to_owned();
    assert!(rule.starts_with("out: main.coex \\\n  "), "{text}");
    for name in [
        "part.coex",
        "lib/plain.cxz",
        "libs/counter",
        "libs/counter/manifest.toml",
        "libs/counter/src/counter.coex",
        "libs/counter/ffi/src",
        "libs/counter/ffi/src/counter.c",
        "libs/counter/ffi/src/step.h",
        "early",
    ] {
        assert!(rule.lines().any(|line| line.trim_end_matches(" \\").trim() == name), "{name}: {text}");
        assert!(text.contains(&format!("\n\n{name}:\n")), "{name}: {text}");
    }
    assert!(rule.contains("/limits.h"), "{text}");
    assert!(!text.contains(&*sandbox.path("").to_string_lossy()), "relative names stay relative: {text}");
    // What comes out of the cache has the same rule, and so has a representation.
    for more in [&[][..], &["--emit=dep-info"], &["--emit=dep-info=out.d"], &["--emit", "llvm,dep-info"]] {
        fs::remove_file(sandbox.path("out.d")).expect("removed");
        let words = if more.is_empty() { words.to_vec() } else { [&words[..8], more].concat() };
        built(&sandbox, &words);
        let again = String::from_utf8(sandbox.read("out.d")).expect("text");
        assert!(again.contains("libs/counter/ffi/src/step.h \\\n"), "{more:?}: {again}");
        assert!(time(&sandbox, "out.d") <= time(&sandbox, "out"), "{more:?}");
    }
}

#[test]
fn a_failed_build_writes_no_depfile() {
    let sandbox = Sandbox::new();
    sandbox.write("x.coex", "func main()\n    print(nothing)\n~\n");
    assert_eq!(sandbox.coexc(&["build", "x.coex", "--depfile", "x.d"]).status, 1);
    assert!(!sandbox.path("x.d").exists() && !sandbox.path("x").exists());
    sandbox.write("x.coex", HELLO);
    built(&sandbox, &["build", "x.coex", "--depfile", "x.d", "--stop-after=check"]);
    assert!(!sandbox.path("x.d").exists(), "nothing was made");
    // One that cannot be written is a fault.
    let run = sandbox.coexc(&["build", "x.coex", "--depfile", "absent/x.d"]);
    assert_eq!(run.status, 3);
    assert!(run.stderr.starts_with("error[E1404]: Cannot write 'absent/x.d': "), "{}", run.stderr);
    for words in [
        &["build", "x.coex", "--emit=ast,dep-info"][..],
        &["emit", "ast", "x.coex", "--depfile", "x.d"],
        &["build", "x.coex", "--emit=ast,ir"],
        &["build", "x.coex", "--emit=ast=x"],
        &["build", "x.coex", "--emit=ast,"],
    ] {
        assert_eq!(sandbox.coexc(words).status, 2, "{words:?}");
    }
}

#[test]
fn an_equal_output_keeps_its_time_unless_told_otherwise() {
    let sandbox = Sandbox::new();
    sandbox.write("x.coex", HELLO);
    let words = ["build", "x.coex", "--depfile", "x.d"];
    built(&sandbox, &words);
    let old = SystemTime::now() - Duration::from_secs(1000);
    fs::File::open(sandbox.path("x")).and_then(|file| file.set_modified(old)).expect("time");
    let inode = fs::metadata(sandbox.path("x")).expect("built").ino();
    sandbox.write("x.coex", format!("{HELLO}# a comment changes no byte of the program\n"));
    fs::remove_file(sandbox.path("x.d")).expect("removed");
    built(&sandbox, &words);
    assert_eq!(fs::metadata(sandbox.path("x")).expect("built").ino(), inode);
    assert_eq!(time(&sandbox, "x"), old);
    assert!(time(&sandbox, "x.d") <= old, "never newer than the output");
    built(&sandbox, &[&words[..], &["--touch"]].concat());
    assert!(time(&sandbox, "x") > old + Duration::from_secs(500));
    // The same for other outputs.
    let words = ["emit", "obj", "x.coex"];
    built(&sandbox, &words);
    fs::File::open(sandbox.path("x.o")).and_then(|file| file.set_modified(old)).expect("time");
    built(&sandbox, &words);
    assert_eq!(time(&sandbox, "x.o"), old);
    built(&sandbox, &[&words[..], &["--touch"]].concat());
    assert!(time(&sandbox, "x.o") > old);
}

/// Builds in two places, by users with other homes, give the same bytes.
#[test]
fn outputs_do_not_depend_on_the_place() {
    let sandboxes = [Sandbox::new(), Sandbox::new()];
    let made = sandboxes.each_ref().map(|sandbox| {
        project(sandbox);
        built(sandbox, &["build", "main.coex", "-L", "libs", "-o", "out", "--depfile", "out.d"]);
        built(sandbox, &["build", "main.coex", "-L", "libs", "--emit=obj", "-o", "out.o"]);
        [sandbox.read("out"), sandbox.read("out.o"), sandbox.read("out.d")]
    });
    assert!(made[0] == made[1]);
}

/// make and ninja read the names as they are: after a build nothing is left to do, after an edit there is.
#[test]
fn odd_names_are_understood() {
    let sandbox = Sandbox::new();
    let odd = "odd #1 $x\\y (z)";
    sandbox.write(&format!("{odd}.coex"), format!("import part\n{HELLO}"));
    sandbox.write("part.coex", "formula two() -> int\n    return 2\n~\n");
    sandbox.library(&format!("{odd}/\\ #/more"), "more");
    let main = format!("import \"more\"\nimport part\n{HELLO}");
    sandbox.write(&format!("{odd}.coex"), main);
    let library = format!("{odd}/\\ #");
    built(&sandbox, &["build", &format!("{odd}.coex"), "-L", &library, "-o", "out", "--depfile", "out.d"]);
    let compiler = env!("CARGO_BIN_EXE_coexc");
    let call =
        format!("{compiler} build 'odd #1 $x\\y (z).coex' -L 'odd #1 $x\\y (z)/\\ #' -o out --depfile out.d --touch");
    let escaped = call.replace('$', "$$");
    let ninja = "rule coex\n  command = CALL\n  depfile = out.d\nbuild out: coex\n";
    sandbox.write("build.ninja", ninja.replace("CALL", &escaped));
    let files = [format!("{odd}.coex"), "part.coex".to_owned(), format!("{library}/more/src/more.coex")];
    // A recipe of make would need quoting of its own.
    sandbox.write("Makefile", "out:\n\tsh build.sh\ninclude out.d\n");
    sandbox.write("build.sh", format!("exec {call}\n"));
    for tool in ["make", "ninja"] {
        if ran_version(&sandbox, tool).is_none() {
            println!("skipped: no {tool} here");
            continue;
        }
        let run = || ran(&mut sandbox.command(tool));
        run();
        let idle = run();
        assert!(
            is_idle(&idle.stdout),
            "{tool}: {}{}\n{}",
            idle.stdout,
            idle.stderr,
            String::from_utf8_lossy(&sandbox.read("out.d"))
        );
        for file in &files {
            let later = SystemTime::now() + Duration::from_secs(2);
            fs::File::open(sandbox.path(file)).and_then(|file| file.set_modified(later)).expect("time");
            let busy = run();
            assert!(busy.status == 0 && !is_idle(&busy.stdout), "{tool} {file}: {}{}", busy.stdout, busy.stderr);
            let earlier = SystemTime::now() - Duration::from_secs(100);
            fs::File::open(sandbox.path(file)).and_then(|file| file.set_modified(earlier)).expect("time");
            run();
        }
    }
    // A module that is gone breaks nothing: the rule is there, without a recipe.
    if ran_version(&sandbox, "make").is_some() {
        fs::remove_file(sandbox.path("part.coex")).expect("removed");
        sandbox.write(&format!("{odd}.coex"), HELLO);
        let run = ran(&mut sandbox.command("make"));
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
}

fn is_idle(output: &str) -> bool {
    output.contains("is up to date") || output.contains("no work to do")
}

fn ran_version(sandbox: &Sandbox, tool: &str) -> Option<String> {
    let output = sandbox.command(tool).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn arguments_may_stand_in_files() {
    let sandbox = Sandbox::new();
    sandbox.write("a b.coex", HELLO);
    sandbox.write("more", "-o 'the output'\n");
    sandbox.write("arguments", "build \"a b.coex\"\n-O0 @more");
    built(&sandbox, &["@arguments"]);
    assert_eq!(ran(&mut sandbox.command(sandbox.path("the output"))).stdout, "hello\n");
    sandbox.library("l", "l");
    sandbox.write("pack", "pkg pack l -o l.cxz");
    assert_eq!(sandbox.coex(&["@pack"]).status, 0);
    assert!(sandbox.path("l.cxz").exists());
    // What the program is given is its own, and a program whose name begins so is named with its directory.
    let echo = "func main(args: [string])\n    for a in args\n        print(a)\n    ~\n~\n";
    sandbox.write("@echo.coex", echo);
    sandbox.write("level", "-O0");
    let run = built(&sandbox, &["run", "-L", ".", "@level", "./@echo.coex", "@absent"]);
    assert_eq!(run.stdout, "./@echo.coex\n@absent\n");
    assert_eq!(built(&sandbox, &["./@echo.coex", "@absent"]).stdout, "./@echo.coex\n@absent\n");
}

#[test]
fn response_files_that_cannot_be_used() {
    let sandbox = Sandbox::new();
    sandbox.write("circle", "build @circle");
    sandbox.write("open", "build 'x");
    sandbox.write("twice", "@many @many @many @many");
    sandbox.write("many", "x ".repeat(300_000));
    fs::create_dir(sandbox.path("directory")).expect("directory");
    for (name, reason) in [
        ("@absent", "Cannot read response file 'absent': No such file or directory"),
        ("@directory", "Cannot read response file 'directory': Is a directory"),
        ("@circle", "response file 'circle' stands 16 files deep"),
        ("@open", "Cannot read response file 'open': a quote is not closed"),
        ("@/dev/zero", "Cannot read response file '/dev/zero': it is larger than 16 MiB"),
        ("@twice", "response files hold more than 1048576 arguments"),
    ] {
        for run in [sandbox.coexc(&[name]), sandbox.coex(&[name]), sandbox.coexc(&["build", "x.coex", name])] {
            assert_eq!((run.status, run.stderr), (2, format!("error: {reason}\n")), "{name}");
        }
    }
}
