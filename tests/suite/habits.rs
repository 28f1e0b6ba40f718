//! What every command is expected to do with streams, paths, the environment, limits and signals, whatever they are.
//!
//! No case may end in a panic's report, by a signal, or never.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::{Ran, Sandbox, ran};
use crate::terminal::on_a_terminal;

const COEXC: &str = env!("CARGO_BIN_EXE_coexc");
const COEX: &str = env!("CARGO_BIN_EXE_coex");
const HELLO: &str = "func main()\n    print(\"hello\")\n~\n";
const BAD: &str = "func main()\n    x = 1 + \"s\"\n~\n";

fn prepared() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("good.coex", HELLO);
    sandbox.write("bad.coex", BAD);
    sandbox.library("greet", "greet");
    assert_eq!(sandbox.coex(&["pkg", "pack", "greet"]).status, 0);
    sandbox
}

/// A line for the shell; `$coexc` and `$coex` are the tools. What takes a minute hangs.
fn shell(sandbox: &Sandbox, line: &str) -> Ran {
    let mut command = sandbox.command("timeout");
    command.args(["60", "sh", "-c", line]).env("coexc", COEXC).env("coex", COEX);
    let run = ran(&mut command);
    assert!(run.status != 124, "{line} hangs");
    assert!((0..128).contains(&run.status) || run.status == 141, "{line}: {} {}", run.status, run.stderr);
    assert!(!run.stderr.contains("internal failure of") && !run.stderr.contains("panicked"), "{line}: {}", run.stderr);
    run
}

/// One command of each kind that prints, and the status of a good run.
const COMMANDS: &[(&str, i32)] = &[
    ("$coexc --help", 0),
    ("$coexc --version", 0),
    ("$coexc build --help", 0),
    ("$coexc", 2),
    ("$coexc build good.coex", 0),
    ("$coexc build --timings --explain-cache --print-commands good.coex", 0),
    ("$coexc build --message-format=json good.coex", 0),
    ("$coexc build --report-isolation good.coex", 0),
    ("$coexc run good.coex", 0),
    ("$coexc check good.coex", 0),
    ("$coexc check bad.coex", 1),
    ("$coexc check --message-format=json bad.coex", 1),
    ("$coexc emit ast good.coex", 0),
    ("$coexc emit ir good.coex", 0),
    ("$coexc emit llvm good.coex", 0),
    ("$coexc emit asm good.coex", 0),
    ("$coexc emit obj good.coex", 0),
    ("$coexc commentary bad.coex", 1),
    ("$coexc explain", 0),
    ("$coexc explain E0407", 0),
    ("$coexc cache stats", 0),
    ("$coexc cache verify", 0),
    ("$coexc cache explain good.coex", 0),
    ("$coexc doctor", 0),
    ("$coexc completions bash", 0),
    ("$coexc man", 0),
    ("$coex --help", 0),
    ("$coex pkg list", 0),
    ("$coex pkg verify greet.cxz", 0),
    ("$coex pkg pack greet", 0),
    ("$coex completions zsh", 0),
    ("$coex man", 0),
];

#[test]
fn a_reader_may_go_away() {
    let sandbox = prepared();
    for (command, _) in COMMANDS {
        let run = shell(&sandbox, &format!("{command} | true"));
        assert!(!run.stderr.contains("Broken pipe"), "{command}: {}", run.stderr);
    }
    // A pipe that is closed before anything is written.
    let run = shell(&sandbox, "{ sleep 0.3; $coexc explain; echo $? >status; } | true; sleep 0.1; cat status");
    assert_eq!(run.stdout, "141\n", "{}", run.stderr);
}

#[test]
fn streams_may_be_closed() {
    let sandbox = prepared();
    for (command, status) in COMMANDS {
        for closed in [">&-", "<&- >&- 2>&-"] {
            let run = shell(&sandbox, &format!("{command} {closed}"));
            assert_eq!(run.status, *status, "{command} {closed}: {}", run.stderr);
        }
    }
    // Nothing that was opened in the place of a stream has received what was meant for it.
    for name in ["good.coex", "bad.coex"] {
        let text = String::from_utf8(sandbox.read(name)).expect("text");
        assert_eq!(text, if name == "bad.coex" { BAD } else { HELLO });
    }
    let program = sandbox.command(sandbox.path("good")).output().expect("runs");
    assert_eq!(program.stdout, b"hello\n");
    assert_eq!(shell(&sandbox, "$coexc cache verify").status, 0);
}

#[test]
fn a_full_device_is_an_error() {
    let sandbox = prepared();
    for (command, status) in COMMANDS {
        let everything = shell(&sandbox, command);
        let run = shell(&sandbox, &format!("{command} >/dev/full"));
        // The program's own affair.
        if command.contains("run") {
            continue;
        }
        let wanted = if *status == 0 && !everything.stdout.is_empty() { 3 } else { *status };
        assert_eq!(run.status, wanted, "{command}: {}", run.stderr);
        if wanted == 3 {
            let line = "error[E1404]: Cannot write 'standard output': No space left on device\n";
            assert_eq!(run.stderr.matches(line).count(), 1, "{command}: {}", run.stderr);
        }
        assert_eq!(shell(&sandbox, &format!("{command} 2>/dev/full")).status, *status, "{command}");
    }
}

#[test]
fn homes_of_every_kind() {
    let sandbox = prepared();
    sandbox.write("file", "x");
    let unset = "'~/.coex/cache': HOME is not set";
    for (home, status, said) in [
        ("env -u HOME", 3, unset),
        ("HOME=", 3, unset),
        ("HOME=relative", 0, ""),
        ("HOME=new/deep", 0, ""),
        ("HOME=/proc/self", 3, "Cannot use the cache directory '/proc/self/.coex/cache': "),
        ("HOME=$PWD/file", 3, "/file/.coex/cache': "),
        ("HOME=\"$(printf 'h\\377 \\n')\"", 0, ""),
    ] {
        for (command, needs_cache) in
            [("$coexc build good.coex -o out", true), ("$coexc run good.coex", true), ("$coexc check good.coex", false)]
        {
            let prefix = home.strip_prefix("env ").map_or_else(|| format!("env {home}"), |rest| format!("env {rest}"));
            let run = shell(&sandbox, &format!("{prefix} {command}"));
            let wanted = if needs_cache { status } else { 0 };
            assert_eq!(run.status, wanted, "{home} {command}: {}", run.stderr);
            assert!(!needs_cache || run.stderr.contains(said), "{home} {command}: {}", run.stderr);
        }
        let packages = shell(&sandbox, &format!("env {} $coex pkg list", home.replace("env ", "")));
        assert!([0, 3].contains(&packages.status), "{home}: {}", packages.stderr);
    }
    // A cache elsewhere needs no home.
    let run = shell(&sandbox, "env -u HOME COEX_CACHE_DIR=$PWD/cache $coexc run good.coex");
    assert_eq!((run.status, run.stdout.as_str()), (0, "hello\n"), "{}", run.stderr);
}

#[test]
fn a_current_directory_that_is_gone() {
    let sandbox = prepared();
    let gone = "mkdir gone; cd gone; rmdir ../gone; ";
    let root = sandbox.path("");
    let root = root.display();
    for (command, status) in [
        (format!("$coexc build {root}/good.coex -o {root}/out"), 0),
        (format!("$coexc run {root}/good.coex"), 0),
        (format!("$coexc check {root}/good.coex"), 0),
        (format!("$coexc build {root}/good.coex -o out"), 3),
        ("$coexc check good.coex".to_owned(), 2),
        ("$coex pkg list".to_owned(), 3),
        (format!("$coex pkg verify {root}/greet.cxz"), 0),
        ("$coexc explain E0407".to_owned(), 0),
    ] {
        let run = shell(&sandbox, &format!("{gone}{command}"));
        assert_eq!(run.status, status, "{command}: {}", run.stderr);
    }
    assert!(sandbox.path("out").is_file());
}

#[test]
fn names_of_every_kind() {
    let mut names: Vec<OsString> = [
        "with space",
        "new\nline",
        "q'uote",
        "do\"uble",
        "dol$lar",
        "back\\slash",
        "semi;colon",
        "-dash",
        "*star*",
        "tab\t",
        "\u{1b}[31m",
        "\u{e4}\u{1f600}",
        "#hash",
        "per%cent",
        "{brace}",
        "equal=sign",
        "co,mma",
        "co:lon",
    ]
    .iter()
    .map(OsString::from)
    .collect();
    names.push(OsString::from_vec(b"latin-\xe4\xff".to_vec()));
    names.push("n".repeat(250).into());
    let sandbox = Sandbox::new();
    sandbox.library("libs/greet", "greet");
    for (index, name) in names.into_iter().enumerate() {
        let directory = if name.len() > 200 { OsString::from("long") } else { [OsStr::new("d"), &name].concat_os() };
        let inside = sandbox.path("").join(&directory);
        fs::create_dir_all(inside.join("lib")).expect("directory");
        let main = [name.as_os_str(), OsStr::new(".coex")].concat_os();
        fs::write(inside.join(&main), "import \"greet\"\nfunc main()\n    print(greet.one())\n~\n").expect("program");
        symlink(sandbox.path("libs"), inside.join("libs")).expect("link");
        // A home and with it a cache of such a name costs more, so some do.
        let is_home = index < 3 || name.to_str().is_none();
        let home = if is_home { inside.join("home") } else { sandbox.path("home") };
        let tool = |words: &[&OsStr]| {
            let mut command = sandbox.command(COEXC);
            command.current_dir(&inside).env("HOME", &home).env("TMPDIR", inside.join("tmp"));
            ran(command.args(words).env_remove("LC_ALL"))
        };
        let (dash, libs) = (OsStr::new("--"), inside.join("libs"));
        let built = tool(&[OsStr::new("build"), OsStr::new("-O0"), OsStr::new("-L"), libs.as_os_str(), dash, &main]);
        assert_eq!((built.status, built.stderr.as_str()), (0, ""), "{name:?}");
        let program = ran(&mut Command::new(inside.join(&name)));
        assert_eq!(program.stdout, "1\n", "{name:?}");
        let again = tool(&[OsStr::new("run"), OsStr::new("-O0"), OsStr::new("-L"), libs.as_os_str(), dash, &main]);
        assert_eq!((again.status, again.stdout.as_str()), (0, "1\n"), "{name:?}: {}", again.stderr);
        let missing = tool(&[OsStr::new("check"), dash, &[OsStr::new("no"), &main].concat_os()]);
        assert_eq!(missing.status, 2, "{name:?}: {}", missing.stderr);
    }
}

trait ConcatOs {
    fn concat_os(&self) -> OsString;
}

impl<T: AsRef<OsStr>> ConcatOs for [T] {
    fn concat_os(&self) -> OsString {
        OsString::from_vec(self.iter().flat_map(|part| part.as_ref().as_bytes().to_vec()).collect())
    }
}

#[test]
fn texts_with_other_line_ends_and_marks() {
    let sandbox = Sandbox::new();
    for (name, text) in [
        ("crlf", HELLO.replace('\n', "\r\n")),
        ("cr", HELLO.replace('\n', "\r")),
        ("mark", format!("\u{feff}{HELLO}")),
        ("both", format!("\u{feff}{}", HELLO.replace('\n', "\r\n"))),
        ("no-end", HELLO.trim_end().to_owned()),
    ] {
        sandbox.write(&format!("{name}.coex"), text);
        let run = sandbox.coexc(&["run", &format!("{name}.coex")]);
        assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "hello\n", ""), "{name}");
    }
}

#[test]
fn paths_that_are_too_long() {
    let sandbox = prepared();
    let deep = ["x".repeat(100).as_str(); 6].join("/");
    sandbox.write(&format!("{deep}/a.coex"), HELLO);
    let run = shell(&sandbox, &format!("$coexc build {deep}/a.coex -o {deep}/out && {deep}/out"));
    assert_eq!((run.status, run.stdout.as_str()), (0, "hello\n"), "{}", run.stderr);
    for (name, long) in [("name", "n".repeat(256)), ("path", "y/".repeat(2100) + "a")] {
        let read = shell(&sandbox, &format!("$coexc build {long}.coex"));
        assert_eq!(read.status, 2, "{name}: {}", read.stderr);
        assert!(read.stderr.trim_end().ends_with("File name too long"), "{name}: {}", read.stderr);
        let written = shell(&sandbox, &format!("$coexc build good.coex -o {long}"));
        assert_eq!(written.status, 3, "{name}: {}", written.stderr);
        assert!(written.stderr.contains("': File name too long\n"), "{name}: {}", written.stderr);
        let searched = shell(&sandbox, &format!("$coexc build -L {long} good.coex"));
        assert_eq!(searched.status, 0, "{name}: {}", searched.stderr);
    }
}

#[test]
fn sources_that_are_no_files() {
    let sandbox = prepared();
    fs::create_dir(sandbox.path("directory.coex")).expect("directory");
    fs::File::create(sandbox.path("huge.coex")).and_then(|file| file.set_len(10 << 30)).expect("huge");
    symlink("loop.coex", sandbox.path("loop.coex")).expect("link");
    symlink("nowhere", sandbox.path("dangling.coex")).expect("link");
    assert!(Command::new("mkfifo").arg(sandbox.path("pipe.coex")).status().is_ok_and(|status| status.success()));
    for (file, status, said) in [
        ("directory.coex", 2, "it is a directory"),
        ("huge.coex", 2, "it is larger than 64 MiB"),
        ("loop.coex", 2, "Too many levels of symbolic links"),
        ("dangling.coex", 2, "No such file or directory"),
        ("good.coex/x", 2, "Not a directory"),
        ("/dev/zero", 2, "it is larger than 64 MiB"),
        ("/dev/full", 2, "it is larger than 64 MiB"),
        ("/dev/null", 1, "Program has no 'main' function"),
        ("pipe.coex", 1, "Program has no 'main' function"),
        ("/proc/self/mem", 2, "Cannot read"),
        ("''", 2, ""),
    ] {
        for command in ["check", "build -o out", "run", "emit ir"] {
            let run = shell(&sandbox, &format!("$coexc {command} {file}"));
            assert_eq!(run.status, status, "{command} {file}: {}", run.stderr);
            assert!(run.stderr.contains(said), "{command} {file}: {}", run.stderr);
        }
        let run = shell(&sandbox, &format!("$coexc commentary {file}"));
        assert_eq!(run.status, 2, "commentary {file}: {}", run.stderr);
    }
    for text in [HELLO.to_owned(), format!("# longer\n{HELLO}")] {
        sandbox.write("text", text);
        // Each time it is another text: nothing of the first may come from a cache.
        let run = shell(&sandbox, "{ sleep 0.2; cat text; } | $coexc build /dev/stdin -o out && ./out");
        assert_eq!((run.status, run.stdout.as_str()), (0, "hello\n"), "{}", run.stderr);
        let run = shell(&sandbox, "sed s/hello/other/ text | $coexc build /dev/stdin -o out && ./out");
        assert_eq!((run.status, run.stdout.as_str()), (0, "other\n"), "{}", run.stderr);
    }
}

#[test]
fn libraries_that_are_no_files() {
    let sandbox = prepared();
    fs::remove_dir_all(sandbox.path("greet")).expect("removed");
    fs::remove_file(sandbox.path("greet.cxz")).expect("removed");
    sandbox.write("main.coex", format!("import \"./greet.cxz\"\n{HELLO}"));
    assert!(Command::new("mkfifo").arg(sandbox.path("greet.cxz")).status().is_ok_and(|status| status.success()));
    for command in ["$coexc check main.coex", "$coexc build main.coex", "$coex pkg verify greet.cxz"] {
        let run = shell(&sandbox, command);
        assert!([1, 4].contains(&run.status), "{command}: {} {}", run.status, run.stderr);
    }
    fs::remove_file(sandbox.path("greet.cxz")).expect("removed");
    symlink("/dev/zero", sandbox.path("greet.cxz")).expect("link");
    for command in ["$coexc check main.coex", "$coex pkg verify greet.cxz", "$coex pkg verify /dev/zero /dev/null"] {
        let run = shell(&sandbox, command);
        assert!([1, 4].contains(&run.status), "{command}: {} {}", run.status, run.stderr);
    }
}

/// In a directory of its own: what goes wrong here must not hit the machine's devices.
#[test]
fn outputs_that_are_no_files() {
    let sandbox = prepared();
    fs::create_dir(sandbox.path("directory")).expect("directory");
    symlink("loop", sandbox.path("loop")).expect("link");
    sandbox.write("kept/real", "old");
    symlink("kept/real", sandbox.path("link")).expect("link");
    assert!(Command::new("mkfifo").arg(sandbox.path("pipe")).status().is_ok_and(|status| status.success()));
    for (output, said) in [
        ("directory", "it is a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("pipe", "No such device or address"),
        ("good.coex/x", "Not a directory"),
        ("absent/x", "No such file or directory"),
    ] {
        for command in ["build good.coex", "emit ir good.coex", "emit obj good.coex"] {
            // Twice: what is in the cache is put there in another way.
            for _ in 0..2 {
                let run = shell(&sandbox, &format!("$coexc {command} -o {output}"));
                assert_eq!(run.status, 3, "{command} -o {output}: {}", run.stderr);
                let said = if output == "directory" { "directory" } else { said };
                assert!(run.stderr.contains(said), "{command} -o {output}: {}", run.stderr);
            }
        }
    }
    for _ in 0..2 {
        let run = shell(&sandbox, "$coexc build good.coex -o link && ./link && ls -l link kept");
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stdout.starts_with("hello\n") && run.stdout.contains("link -> kept/real"), "{}", run.stdout);
        let run = shell(
            &sandbox,
            "cat pipe >got & until $coexc build good.coex -o pipe 2>said; do :; done; wait; chmod +x got; ./got",
        );
        assert_eq!((run.status, run.stdout.as_str()), (0, "hello\n"), "{}", run.stderr);
        let kind = fs::symlink_metadata(sandbox.path("pipe")).expect("pipe").file_type();
        assert!(kind.is_fifo(), "the pipe was replaced");
    }
    // A device like the real one, where one may be made: replacing that would break the machine.
    let made = Command::new("mknod").arg(sandbox.path("null")).args(["c", "1", "3"]).status();
    if made.is_ok_and(|status| status.success()) {
        for command in ["build good.coex", "build good.coex", "emit ir good.coex"] {
            let run = shell(&sandbox, &format!("$coexc {command} -o null"));
            assert!(run.status == 0 || run.stderr.contains("Permission denied"), "{}", run.stderr);
            let kind = fs::symlink_metadata(sandbox.path("null")).expect("device").file_type();
            assert!(kind.is_char_device(), "the device was replaced");
        }
    } else {
        eprintln!("skipped: no device can be made here");
    }
    let names = fs::read_dir(sandbox.path("")).expect("directory").flatten();
    let left: Vec<_> = names.map(|name| name.file_name()).filter(|name| name.as_bytes().starts_with(b".")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn limits_of_every_kind() {
    let sandbox = prepared();
    for (limit, may_succeed) in [
        ("ulimit -n 4", true),
        ("ulimit -n 8", true),
        ("ulimit -n 16", true),
        ("ulimit -f 1", false),
        ("ulimit -f 100", false),
        ("ulimit -v 300000", true),
        ("ulimit -v 700000", true),
        ("ulimit -s 256", true),
    ] {
        let run = shell(&sandbox, &format!("{limit} && $coexc build -O1 --no-edit-tokens good.coex -o limited"));
        let good = run.status == 0 && may_succeed;
        let told = [3, 127].contains(&run.status) && !run.stderr.is_empty();
        assert!(good || told, "{limit}: {} {}", run.status, run.stderr);
        assert_eq!(sandbox.path("limited").exists(), run.status == 0, "{limit}");
        let _ = fs::remove_file(sandbox.path("limited"));
        let _ = fs::remove_dir_all(sandbox.path("home/.coex/cache"));
    }
    for directory in ["/nonexistent", "$PWD/good.coex", "''"] {
        let run = shell(&sandbox, &format!("TMPDIR={directory} $coexc build -O1 good.coex -o temporary"));
        assert_eq!(run.status, 0, "TMPDIR={directory}: {}", run.stderr);
    }
}

/// The table of `docs/cli.md`: the first that says something decides.
#[test]
fn colours_are_decided_in_order() {
    let sandbox = prepared();
    let none: &[(&str, &str)] = &[];
    for (option, variables, on_terminal, elsewhere) in [
        ("", none, true, false),
        ("", &[("TERM", "dumb")], false, false),
        ("", &[("NO_COLOR", "1")], false, false),
        ("", &[("NO_COLOR", "")], true, false),
        ("", &[("CLICOLOR_FORCE", "1")], true, true),
        ("", &[("CLICOLOR_FORCE", "0")], true, false),
        ("", &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true, true),
        ("", &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false, false),
        ("", &[("COEX_COLOR", "always"), ("NO_COLOR", "1")], true, true),
        ("", &[("COEX_COLOR", "always"), ("TERM", "dumb")], true, true),
        ("", &[("COEX_COLOR", "never"), ("CLICOLOR_FORCE", "1")], false, false),
        ("", &[("COEX_COLOR", "nonsense"), ("NO_COLOR", "1")], false, false),
        ("--color=always", &[("COEX_COLOR", "never"), ("NO_COLOR", "1"), ("TERM", "dumb")], true, true),
        ("--color=never", &[("COEX_COLOR", "always"), ("CLICOLOR_FORCE", "1")], false, false),
        ("--color=auto", &[("COEX_COLOR", "always")], true, true),
        ("--color=auto", none, true, false),
    ] {
        let mut command = sandbox.command(COEXC);
        command.args(["check", "bad.coex"]).args((!option.is_empty()).then_some(option)).env("TERM", "xterm");
        command.envs(variables.iter().copied());
        let plain = ran(&mut command);
        assert_eq!(plain.stderr.contains('\u{1b}'), elsewhere, "{option} {variables:?}");
        let Some((_, terminal)) = on_a_terminal(&mut command) else { return };
        assert!(terminal.contains("E0"), "{terminal}");
        assert_eq!(terminal.contains('\u{1b}'), on_terminal, "{option} {variables:?} on a terminal: {terminal}");
    }
}

/// Names beside the output that begin with a dot.
fn unfinished(sandbox: &Sandbox) -> Vec<OsString> {
    let names = fs::read_dir(sandbox.path("out")).expect("directory").flatten().map(|entry| entry.file_name());
    names.filter(|name| name.as_bytes().starts_with(b".")).collect()
}

#[test]
fn interrupted_builds_leave_nothing_beside_the_output() {
    let sandbox = prepared();
    fs::create_dir(sandbox.path("out")).expect("directory");
    let command = |index: usize| {
        // Another text each time: nothing comes from the cache.
        let text = HELLO.replace("hello", &format!("hello {index}"));
        sandbox.write("main.coex", text);
        let mut command = sandbox.command(COEXC);
        command.args(["build", "-O1", "main.coex", "-o", "out/main"]).stderr(Stdio::piped());
        command
    };
    let started = Instant::now();
    assert!(command(0).status().expect("builds").success());
    let usual = started.elapsed();
    let (mut ended, mut finished) = (0, 0);
    for (index, signal) in (1..=24).zip([libc::SIGINT, libc::SIGTERM, libc::SIGHUP].into_iter().cycle()) {
        let mut child = command(index).spawn().expect("starts");
        thread::sleep(usual * index as u32 / 20);
        // SAFETY: the process is our child and not yet waited for.
        unsafe { libc::kill(child.id() as i32, signal) };
        let status = child.wait().expect("ends");
        match status.signal() {
            Some(by) => {
                assert_eq!(by, signal);
                ended += 1;
            }
            None => {
                assert!(status.success(), "{status}");
                finished += 1;
            }
        }
        assert!(unfinished(&sandbox).is_empty(), "after {signal}: {:?}", unfinished(&sandbox));
    }
    assert!(ended > 0, "{ended} ended, {finished} finished");
    // A linker that was left alone would have written by now.
    thread::sleep(Duration::from_millis(200));
    assert!(unfinished(&sandbox).is_empty(), "{:?}", unfinished(&sandbox));
    assert!(command(99).status().expect("builds").success());
    let nohup = shell(&sandbox, "trap '' HUP; $coexc build -O1 main.coex -o out/main & kill -HUP $!; wait $!");
    assert_eq!(nohup.status, 0, "who ignores a signal goes on ignoring it: {}", nohup.stderr);
}

#[test]
fn builds_into_one_output_at_once() {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        sandbox.write(&format!("{name}.coex"), HELLO.replace("hello", name));
    }
    let children: Vec<_> = (0..3)
        .flat_map(|_| ["one", "two", "three"])
        .map(|name| {
            let mut command = sandbox.command(COEXC);
            command.args(["build", "-O1", "-o", "out", &format!("{name}.coex")]).stderr(Stdio::piped());
            command.spawn().expect("starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let run = ran(&mut Command::new(sandbox.path("out")));
    assert!(["one\n", "two\n", "three\n"].contains(&run.stdout.as_str()), "{}{}", run.stdout, run.stderr);
    let names = fs::read_dir(sandbox.path("")).expect("directory").flatten();
    assert_eq!(names.filter(|name| name.file_name().as_bytes().starts_with(b".")).count(), 0);
}

/// The program that `run` becomes has streams and signals as any other.
#[test]
fn run_hands_everything_over() {
    let sandbox = Sandbox::new();
    sandbox.write("wait.coex", "func main()\n    print(\"ready\")\n    sleep(60 * time.second)\n~\n");
    let mut child = sandbox.command(COEXC).args(["run", "wait.coex"]).stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = [0; 6];
    child.stdout.as_mut().expect("pipe").read_exact(&mut line).expect("ready");
    // SAFETY: the process is our child and not yet waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    assert_eq!(child.wait().expect("ends").signal(), Some(libc::SIGINT));
}
