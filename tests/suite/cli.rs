//! The command lines: exit statuses, streams, messages of the machine and of loading.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::sandbox::{Sandbox, ran};
use crate::zip_builder::{Entry, build, manifest};

const HELLO: &str = "func main()\n    print(\"hello\")\n~\n";

#[test]
fn version_and_help_are_data() {
    let sandbox = Sandbox::new();
    let version = sandbox.coexc(&["--version"]);
    assert_eq!((version.status, version.stderr.as_str()), (0, ""));
    assert!(version.stdout.starts_with("coexc 0."));
    let help = sandbox.coexc(&["--help"]);
    assert_eq!((help.status, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("build"));
    assert_eq!(sandbox.coex(&["--version"]).status, 0);
}

#[test]
fn wrong_use_is_status_2() {
    let sandbox = Sandbox::new();
    for words in [
        &[][..],
        &["nonsense"],
        &["build"],
        &["build", "--nonsense", "x.coex"],
        &["build", "-O9", "x.coex"],
        &["build", "absent.coex"],
        &["check", "."],
        &["emit", "everything", "x.coex"],
        &["explain", "E9999"],
        &["build", "--stop-after=lunch", "x.coex"],
    ] {
        let run = sandbox.coexc(words);
        assert_eq!(run.status, 2, "{words:?}: {}", run.stderr);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{words:?}");
    }
    assert_eq!(sandbox.coex(&["pkg", "nonsense"]).status, 2);
    assert_eq!(sandbox.coex(&["pkg", "pack", "absent"]).status, 2);
}

#[test]
fn invalid_utf8_is_shown_at_its_place() {
    let sandbox = Sandbox::new();
    sandbox.write("a.coex", b"func main()\n    print(\"\xff\")\n~\n");
    let run = sandbox.coexc(&["check", "a.coex"]);
    assert_eq!(run.status, 1);
    assert!(
        run.stderr.starts_with("error[E0101]: Source file is not valid UTF-8\n  --> a.coex:2:12\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_missing_library_is_reported_in_the_words_of_the_note() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", format!("import \"no_such\"\n\n{HELLO}"));
    let run = sandbox.coexc(&["build", "main.coex"]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    let expected = "error[E1202]: Library 'no_such' not found\n  --> main.coex:1:8\n";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    let note = "\n\nSearched in:\n  - ./no_such.cxz\n  - ./lib/no_such.cxz\n  - ~/.coex/lib/no_such.cxz\n  \
                - /usr/local/lib/coex/no_such.cxz\n\nTo install: coex pkg install no_such\n";
    assert!(run.stderr.contains(note), "{}", run.stderr);
    assert!(!sandbox.path("main").exists());
}

#[test]
fn search_directories_come_in_order() {
    let sandbox = Sandbox::new();
    sandbox.write("app/main.coex", format!("import \"x.cxz\"\n{HELLO}"));
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
    command.args(["check", "-L", "one", "-L", "two", "app/main.coex"]).env("COEX_LIB_PATH", "/three:four");
    let run = ran(&mut command);
    let lines: Vec<&str> = run.stderr.lines().filter_map(|line| line.strip_prefix("  - ")).collect();
    assert_eq!(
        lines,
        [
            "./app/x.cxz",
            "./app/lib/x.cxz",
            "./lib/x.cxz",
            "./one/x.cxz",
            "./two/x.cxz",
            "/three/x.cxz",
            "./four/x.cxz",
            "~/.coex/lib/x.cxz",
            "/usr/local/lib/coex/x.cxz"
        ],
        "{}",
        run.stderr
    );
}

#[test]
fn a_missing_module_lists_what_was_tried() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", format!("import nothere\n{HELLO}"));
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert_eq!(run.status, 1);
    assert!(
        run.stderr.starts_with("error[E1202]: Module not found: 'nothere'\n  --> main.coex:1:8\n"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("Searched in:\n  - ./nothere.coex\n  - ./nothere.cxz\n"), "{}", run.stderr);
    assert!(!run.stderr.contains("To install"));
}

#[test]
fn imports_that_go_in_a_circle() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", format!("import a\n{HELLO}"));
    sandbox.write("a.coex", "import b\n");
    sandbox.write("b.coex", "import a\n");
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("error[E1205]: Import cycle: a -> b -> a\n  --> b.coex:1:8\n"), "{}", run.stderr);
    sandbox.write("main.coex", format!("import main\n{HELLO}"));
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert!(run.stderr.contains("Import cycle: main -> main"), "{}", run.stderr);
}

#[test]
fn a_library_name_that_is_no_identifier_needs_an_alias() {
    let sandbox = Sandbox::new();
    sandbox.library("a-b", "a-b");
    sandbox.write("main.coex", format!("import \"a-b\"\n{HELLO}"));
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert!(run.stderr.starts_with("error[E1201]: Import of 'a-b' needs 'as name'\n"), "{}", run.stderr);
}

#[test]
fn hints_name_what_libraries_offer() {
    let sandbox = Sandbox::new();
    sandbox.library("words", "words");
    sandbox.write("words/src/words.coex", "func count_words(text: string) -> int\n    return text.count(\" \")\n~\n");
    sandbox.write("main.coex", "import \"words\"\nfunc main()\n    print(count_word(\"a b\"))\n    print(null)\n~\n");
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert!(run.stderr.contains("help: a function or type named 'count_words' exists\n"), "{}", run.stderr);
    assert!(run.stderr.contains("help: write 'nil'\n"), "{}", run.stderr);
    assert!(run.stderr.ends_with("\n2 errors\n"), "{}", run.stderr);
}

#[test]
fn types_of_one_name_are_told_apart() {
    let sandbox = Sandbox::new();
    for name in ["left", "right"] {
        sandbox.write(
            &format!("{name}.coex"),
            "type Point:\n    x: int\n~\nfunc same(p: Point) -> Point\n    return p\n~\n",
        );
    }
    let body = "    a = left.Point(1)\n    print(right.same(a))\n    print(a + a)\n    print([a, right.Point(1)])\n";
    sandbox.write("main.coex", format!("import left\nimport right\nfunc main()\n{body}~\n"));
    let run = sandbox.coexc(&["check", "main.coex"]);
    let heads: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error[")).collect();
    assert_eq!(
        heads,
        [
            "error[E0305]: Type mismatch: expected right.Point, found left.Point",
            "error[E0310]: Operator '+' is not defined for Point and Point",
            "error[E0306]: Elements have different types: left.Point and right.Point",
        ]
    );
}

#[test]
fn a_damaged_archive_is_status_4() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", format!("import \"evil\"\n{HELLO}"));
    for bytes in [Vec::new(), b"not a zip".to_vec(), build(&[manifest(), Entry::stored(b"../../x", b"y")])] {
        sandbox.write("evil.cxz", bytes);
        let run = sandbox.coexc(&["build", "main.coex"]);
        assert_eq!(run.status, 4, "{}", run.stderr);
        assert!(run.stderr.starts_with("error[E1109]: Library archive is invalid: "), "{}", run.stderr);
        assert!(run.stderr.contains("  --> main.coex:1:8\n"), "{}", run.stderr);
        assert!(run.stderr.ends_with("\n1 error\n"), "{}", run.stderr);
        assert!(!sandbox.path("../x").exists() && !sandbox.path("main").exists());
    }
}

#[test]
fn faults_of_a_manifest_are_shown_in_the_manifest() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", format!("import \"bad\"\n{HELLO}"));
    let text = b"[library]\nname = 3\nversion = \"1.0.0\"\n";
    sandbox.write("bad.cxz", build(&[Entry::stored(b"manifest.toml", text)]));
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert_eq!(run.status, 1);
    let expected = "error[E1408]: Manifest of 'bad' is not valid: 'library.name' must be a string, found integer\n  \
                    --> bad.cxz!/manifest.toml:2:8\n";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    // An unpacked directory gets the same verdict.
    fs::remove_file(sandbox.path("bad.cxz")).expect("remove");
    sandbox.write("bad/manifest.toml", text);
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert!(run.stderr.contains("--> bad/manifest.toml:2:8\n"), "{}", run.stderr);
}

#[test]
fn files_that_a_manifest_names_must_exist() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", format!("import \"a\"\n{HELLO}"));
    let head = "[library]\nname = \"a\"\nversion = \"1.0.0\"\n";
    sandbox.write("a/manifest.toml", format!("{head}source = [\"a.coex\"]\n[ffi.e]\nsource = [\"*.c\"]\n"));
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("error[E1110]: Library 'a': file 'a.coex' not found\n"), "{}", run.stderr);
    assert!(run.stderr.contains("error[E1110]: Library 'a': file '*.c' not found\n"), "{}", run.stderr);
}

#[test]
fn packing_and_verifying() {
    let sandbox = Sandbox::new();
    sandbox.library("dir", "a");
    let packed = sandbox.coex(&["pkg", "pack", "dir"]);
    assert_eq!((packed.status, packed.stdout.as_str(), packed.stderr.as_str()), (0, "", ""));
    let first = sandbox.read("a.cxz");
    let verified = sandbox.coex(&["pkg", "verify", "a.cxz", "dir"]);
    assert_eq!(verified.status, 0, "{}", verified.stderr);
    let trees: Vec<&str> = verified.stdout.lines().filter_map(|line| line.split("tree ").nth(1)).collect();
    assert!(trees.len() == 2 && trees[0] == trees[1], "{}", verified.stdout);
    // Neither clock nor mask nor order of creation shows.
    fs::set_permissions(sandbox.path("dir/src/a.coex"), fs::Permissions::from_mode(0o600)).expect("mode");
    sandbox.write("dir/.git/config", "x");
    assert_eq!(sandbox.coex(&["pkg", "pack", "dir", "-o", "again.cxz"]).status, 0);
    assert_eq!(sandbox.read("again.cxz"), first);
    sandbox.write("dir/notes.txt", "x");
    let refused = sandbox.coex(&["pkg", "pack", "dir"]);
    assert_eq!(refused.status, 4);
    assert!(refused.stderr.contains("[top-level]"), "{}", refused.stderr);
    fs::remove_file(sandbox.path("dir/notes.txt")).expect("remove");
    std::os::unix::fs::symlink("/etc/passwd", sandbox.path("dir/src/link.coex")).expect("link");
    assert!(sandbox.coex(&["pkg", "pack", "dir"]).stderr.contains("[link]"));
}

#[test]
fn verify_reports_the_worst() {
    let sandbox = Sandbox::new();
    sandbox.library("good", "good");
    sandbox.write("bad.cxz", b"PK\x03\x04");
    let run = sandbox.coex(&["pkg", "verify", "bad.cxz", "good"]);
    assert_eq!(run.status, 4);
    assert!(run.stdout.starts_with("good: good 1.0.0, 2 files, tree "), "{}", run.stdout);
    assert_eq!(sandbox.coex(&["pkg", "verify", "absent.cxz"]).status, 4);
}

#[test]
fn json_has_one_object_a_line() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", "import nothere\nimport \"gone\"\nfunc main()\n~\n");
    let run = sandbox.coexc(&["check", "--message-format=json", "main.coex"]);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("{\"schema\":\"coexc/1\",\"kind\":") && line.ends_with('}')));
    assert!(lines[0].contains("\"code\":\"E1202\"") && lines[0].contains("\"line\":1,\"col\":8"), "{}", lines[0]);
    assert!(lines[lines.len() - 1].contains("\"kind\":\"build-finished\",\"success\":false,\"status\":1"));
}

#[test]
fn colours_only_when_wanted() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", "import nothere\nfunc main()\n~\n");
    assert!(!sandbox.coexc(&["check", "main.coex"]).stderr.contains('\u{1b}'));
    assert!(sandbox.coexc(&["check", "--color=always", "main.coex"]).stderr.contains("\u{1b}[1;31merror[E1202]"));
}

#[test]
fn explain_knows_codes_in_any_case() {
    let sandbox = Sandbox::new();
    let run = sandbox.coexc(&["explain", "e0407"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("E0407"));
    assert!(sandbox.coexc(&["explain"]).stdout.lines().count() > 100);
}

#[test]
fn the_cache_is_looked_after() {
    let sandbox = Sandbox::new();
    for action in ["stats", "verify", "gc", "clear", "stats"] {
        let run = sandbox.coexc(&["cache", action]);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{action}");
    }
    assert!(sandbox.coexc(&["cache", "stats"]).stdout.contains("/home/.coex/cache"));
}

#[test]
fn a_cache_that_cannot_be_used_is_status_3() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", HELLO);
    let file = sandbox.write("file", "x");
    for directory in [file.join("cache"), file] {
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
        let run = ran(command.args(["build", "main.coex"]).env("COEX_CACHE_DIR", &directory));
        assert_eq!(run.status, 3, "{}", run.stderr);
        let expected = format!("error[E1403]: Cannot use the cache directory '{}': ", directory.display());
        assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
        assert!(run.stderr.ends_with("\n1 error\n"), "{}", run.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let sandbox = Sandbox::new();
    let command = format!("{} explain | true", env!("CARGO_BIN_EXE_coexc"));
    for _ in 0..5 {
        let run = ran(sandbox.command("/bin/sh").args(["-c", &command]));
        assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    }
}

/// The examples of the explain pages do what the pages say. What this version does not implement is left out.
#[test]
fn explain_pages_are_true() {
    let sandbox = Sandbox::new();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(directory).expect("pages").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let code = name.trim_end_matches(".md");
        let text = fs::read_to_string(entry.path()).expect("page");
        assert!(text.starts_with(&format!("# {code}: ")), "{name}");
        let examples: Vec<&str> = text.split("```coex\n").skip(1).filter_map(|part| part.split("```").next()).collect();
        // Disagreement with C is found by `build`, and the search of a module needs no second example.
        let [refused, accepted] = examples[..] else { continue };
        if code == "E1103" {
            continue;
        }
        sandbox.write("refused.coex", refused);
        sandbox.write("accepted.coex", accepted);
        let (first, second) = (sandbox.coexc(&["check", "refused.coex"]), sandbox.coexc(&["check", "accepted.coex"]));
        let not_built = |text: &str| text.contains("[E0001]");
        if !not_built(&first.stderr) && !first.stderr.contains(&format!("[{code}]: ")) {
            wrong.push(format!("{code}: the refused example gives: {}", first.stderr));
        }
        if !not_built(&second.stderr) && (second.status != 0 || second.stderr.contains(code)) {
            wrong.push(format!("{code}: the accepted example gives: {}", second.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
