//! Packages from a registry in a directory: installing, locking, updating, and what is refused.

use std::fs;

use crate::sandbox::ran;
use crate::world::{TEXT_AND_REGEX, World};

#[test]
fn the_message_of_a_missing_library_is_true() {
    let world = World::published(TEXT_AND_REGEX);
    let run = world.version_in_program("regex");
    assert!(run.stderr.contains("To install: coex pkg install regex\n"), "{}", run.stderr);
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    let run = world.version_in_program("regex");
    assert_eq!((run.status, run.stdout.as_str()), (0, "1.1.0\n"), "{}", run.stderr);
    // A program below the project, compiled from elsewhere, has the same libraries.
    world.sandbox.write("project/deep/er/main.coex", world.sandbox.read("project/main.coex"));
    let run = world.sandbox.coexc(&["run", "-O0", "project/deep/er/main.coex"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "1.1.0\n"), "{}", run.stderr);
}

#[test]
fn a_lock_file_depends_on_the_choice_alone() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "text@1.0", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    let first = world.lock();
    assert!(first.contains("wanted = \"^1.0\"\n") && first.contains("wanted = \"^1.1.0\"\n"), "{first}");
    world.done(&["install"], "");
    world.done(&["install", "regex"], "");
    world.done(&["install", "--locked", "text"], "");
    assert_eq!(world.lock(), first);
    fs::remove_file(world.sandbox.path("project/coex.lock")).expect("removed");
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    world.done(&["install", "text@1.0"], "~ text 1.3.0\n");
    assert_eq!(world.lock(), first);
    let text = world.pkg(&["list"]).stdout;
    assert!(text.starts_with("regex 1.1.0 (asked for: ^1.1.0) registry+file://"), "{text}");
}

#[test]
fn new_versions_come_when_they_are_asked_for() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "regex@1.0.0"], "+ regex 1.0.0\n+ text 1.3.0\n");
    assert_eq!(world.publish("text", "1.4.0", "").status, 0);
    let before = world.lock();
    world.done(&["install"], "");
    world.refused(&["update", "--locked"], 4, "error[E1506]: Lock file '");
    assert_eq!(world.lock(), before);
    world.done(&["update", "regex"], "");
    world.done(&["update", "--dry-run"], "text 1.3.0 -> 1.4.0\n");
    world.done(&["remove", "--dry-run", "regex"], "- regex 1.0.0\n- text 1.3.0\n");
    assert_eq!((world.lock(), world.installed("text").len()), (before, 1));
    let run = world.pkg(&["update", "--timings"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "text 1.3.0 -> 1.4.0\n"));
    assert!(run.stderr.starts_with("resolution ") && run.stderr.ends_with(" ms\n"), "{}", run.stderr);
    world.done(&["install", "regex@^1.1"], "regex 1.0.0 -> 1.1.0\n");
    world.refused(&["update", "nothing"], 4, "Package 'nothing' is not installed here");
    assert_eq!(world.version_in_program("text").stdout, "1.4.0\n");
}

#[test]
fn what_others_need_stays() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "regex", "text"], "+ regex 1.1.0\n+ text 1.3.0\n");
    let run = world.pkg(&["remove", "text"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, "warning: 'text' stays: regex needs it\n"));
    world.refused(&["remove", "text"], 4, "is not installed here");
    world.done(&["remove", "regex"], "- regex 1.1.0\n- text 1.3.0\n");
    assert!(!world.lock().contains("[[package]]"));
}

#[test]
fn conflicts_are_explained() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    let before = world.lock();
    let run = world.refused(&["install", "text@^2"], 4, "error[E1502]: No versions of the packages fit together\n");
    for part in ["this project depends on", "regex", "text >=2.0.0, <3.0.0"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    assert_eq!(world.lock(), before);
    let run = world.refused(&["install", "regexp"], 4, "error[E1501]: Package 'regexp' not found\n");
    assert!(run.stderr.contains("a package named 'regex' exists"), "{}", run.stderr);
}

#[test]
fn a_release_that_was_taken_back_stays_where_it_is_locked() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "text@^1"], "+ text 1.3.0\n");
    let run = world.sandbox.coex(&["registry", "yank", "reg", "text@1.3.0", "--reason", "loses\u{1b}[2J commas"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let warning = "warning: text 1.3.0 was taken back: loses\\u{1b}[2J commas; it stays because it is locked\n";
    let run = world.pkg(&["install", "text"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", warning));
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib/text")).expect("removed");
    let run = world.pkg(&["install"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, warning));
    world.done(&["update"], "text 1.3.0 -> 1.0.0\n");
    world.refused(&["install", "text@1.3.0"], 4, "text 1.3.0 was taken back: loses\\u{1b}[2J commas");
    assert!(world.pkg(&["info", "text"]).stdout.contains("  taken back: loses\\u{1b}[2J commas\n"));
    let run = world.sandbox.coex(&["registry", "yank", "reg", "text@9.9.9", "--reason", "x"]);
    assert!(run.stderr.contains("[E1501]"), "{}", run.stderr);
}

#[test]
fn offline_means_what_is_installed() {
    let world = World::published(TEXT_AND_REGEX);
    world.refused(&["install", "--offline", "regex"], 5, "error[E1508]: Registry '");
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    fs::rename(world.sandbox.path("reg"), world.sandbox.path("gone")).expect("renamed");
    world.done(&["install", "--offline"], "");
    world.done(&["install", "--offline", "text"], "~ text 1.3.0\n");
    world.done(&["install", "--locked"], "");
    assert_eq!(world.version_in_program("regex").stdout, "1.1.0\n");
    world.refused(&["install", "more"], 5, "cannot be reached");
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib/text")).expect("removed");
    world.refused(&["install", "--offline"], 5, "--offline");
    let run = world.version_in_program("text");
    assert_eq!(run.status, 4);
    assert!(run.stderr.contains("error[E1507]: Package 'text 1.3.0' is locked but not installed\n"), "{}", run.stderr);
    assert!(run.stderr.contains("To install: coex pkg install\n"), "{}", run.stderr);
}

#[test]
fn a_file_is_installed_as_it_stands() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "../made/regex-1.0.0.cxz"], "+ regex 1.0.0\n+ text 1.3.0\n");
    assert!(world.lock().contains("source = \"archive+file:///"), "{}", world.lock());
    world.done(&["install"], "");
    assert_eq!(world.version_in_program("regex").stdout, "1.0.0\n");
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib/regex")).expect("removed");
    world.done(&["install"], "");
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib/regex")).expect("removed");
    fs::copy(world.sandbox.path("made/regex-1.1.0.cxz"), world.sandbox.path("made/regex-1.0.0.cxz")).expect("copied");
    world.refused(&["install"], 4, "has changed since it was locked");
}

/// An archive that needs nothing needs no registry either, also where a change is only shown and when it is locked.
#[test]
fn an_archive_needs_no_registry() {
    let world = World::published(TEXT_AND_REGEX);
    let pkg = |words: &[&str]| {
        let mut command = world.sandbox.command(env!("CARGO_BIN_EXE_coex"));
        ran(command.current_dir(world.sandbox.path("project")).env_remove("COEX_REGISTRY").arg("pkg").args(words))
    };
    for words in [&["install", "--dry-run", "../made/text-1.0.0.cxz"][..], &["install", "../made/text-1.0.0.cxz"]] {
        let run = pkg(words);
        assert_eq!((run.status, run.stdout.as_str()), (0, "+ text 1.0.0\n"), "{words:?}: {}", run.stderr);
    }
    for words in [&["install"][..], &["update"], &["list"], &["verify"], &["install", "../made/text-1.0.0.cxz"]] {
        let run = pkg(words);
        assert_eq!(run.status, 0, "{words:?}: {}", run.stderr);
    }
    let run = pkg(&["install", "../made/regex-1.0.0.cxz"]);
    assert_eq!(run.status, 0, "what it needs is locked: {}", run.stderr);
    let run = pkg(&["remove", "regex", "text"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "- regex 1.0.0\n- text 1.0.0\n"), "{}", run.stderr);
    let run = pkg(&["install", "../made/regex-1.0.0.cxz"]);
    assert_eq!(run.status, 2, "{}", run.stderr);
    assert!(run.stderr.contains("No registry is named"), "{}", run.stderr);
}

#[test]
fn swapped_archives_are_refused() {
    let world = World::published(TEXT_AND_REGEX);
    let (old, new) = ("reg/dl/text/text-1.0.0.cxz", "reg/dl/text/text-1.3.0.cxz");
    let honest = world.sandbox.read(new);
    // Another version, a truncated file, a longer one, another content under the same name, none at all.
    let fake = World::new().publish_bytes("text", "1.3.0");
    let cases = [
        (world.sandbox.read(old), "[E1505]"),
        (honest[..honest.len() - 1].to_vec(), "[E1505]"),
        ([&honest[..], b"x"].concat(), "[E1505]"),
        (fake, "[E1505]"),
        (Vec::new(), "[E1505]"),
    ];
    for (bytes, code) in cases {
        world.sandbox.write(new, bytes);
        world.refused(&["install", "text@1.3.0"], 4, code);
        assert!(!world.sandbox.path("project/coex.lock").exists());
    }
    fs::remove_file(world.sandbox.path(new)).expect("removed");
    world.refused(
        &["install", "text@1.3.0"],
        4,
        "error[E1504]: Registry is not valid: the archive of text 1.3.0 is missing",
    );
    world.sandbox.write(new, &honest);
    world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
}

#[test]
fn an_index_that_changes_its_mind_is_refused() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
    let path = world.index("text");
    let honest = String::from_utf8(world.sandbox.read(&path)).expect("text");
    let lines: Vec<&str> = honest.lines().collect();
    // An old index, played again.
    world.sandbox.write(&path, format!("{}\n", lines[0]));
    world.refused(&["install", "regex"], 4, "lists it no more");
    // The same version with another content.
    let other = honest.replace(&lines[1][lines[1].find("\"tree\":\"").expect("tree") + 8..][..8], "00000000");
    world.sandbox.write(&path, other);
    world.refused(&["update"], 4, "error[E1505]: Package 'text 1.3.0' is not what was promised");
    world.sandbox.write(&path, &honest);
    // An index that hides what a package needs.
    world.edit(&world.index("regex"), "\"depends\":{\"text\":\"^1.2\"},", "");
    world.refused(&["install", "regex@1.1.0"], 4, "the index says that it needs other packages");
}

#[test]
fn hostile_registries_and_locks_reach_no_other_place() {
    let world = World::published(TEXT_AND_REGEX);
    let path = world.index("text");
    let honest = world.sandbox.read(&path);
    for (from, to) in [("1.3.0", "1.3.0/../../../x"), ("\"text\"", "\"../text\""), ("\"tree\":\"", "\"tree\":\"../")] {
        world.edit(&path, from, to);
        let run = world.refused(&["install", "text"], 4, "error[E1504]: Registry is not valid: ");
        assert!(run.stderr.contains("index/te/xt/text.jsonl:"), "{}", run.stderr);
        world.sandbox.write(&path, &honest);
    }
    fs::remove_dir_all(world.sandbox.path("project")).expect("removed");
    fs::create_dir_all(world.sandbox.path("project")).expect("directory");
    world.done(&["install", "text@1.0.0"], "+ text 1.0.0\n");
    let lock = world.lock();
    for (from, to) in [("1.0.0\"\nsource", "1.0.0/../x\"\nsource"), ("name = \"text\"", "name = \"../../text\"")] {
        world.sandbox.write("project/coex.lock", lock.replace(from, to));
        for words in [&["install"][..], &["list"], &["remove", "text"], &["update"]] {
            world.refused(words, 4, "error[E1503]: Lock file '");
        }
        let run = world.version_in_program("text");
        assert_eq!(run.status, 4, "{}", run.stderr);
        assert!(run.stderr.contains("error[E1503]: Lock file '"), "{}", run.stderr);
    }
    world.sandbox.write("project/coex.lock", lock);
    for words in [&["install", "../text"][..], &["install", "text@1.0.0/.."], &["info", "../x"]] {
        assert_eq!(world.pkg(words).status, 2);
    }
    // What is no file is not opened.
    fs::remove_file(world.sandbox.path(&path)).expect("removed");
    fs::create_dir_all(world.sandbox.path(&path)).expect("directory");
    world.refused(&["info", "text"], 4, "it is not a file");
}

#[test]
fn programs_get_the_locked_library_or_none() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "text@1.0.0"], "+ text 1.0.0\n");
    // What is installed for all programs does not count; what the project has must be the locked one.
    fs::copy(world.sandbox.path("made/text-2.0.0.cxz"), world.sandbox.path("home/.coex/lib/text.cxz")).expect("copied");
    assert_eq!(world.version_in_program("text").stdout, "1.0.0\n");
    fs::create_dir_all(world.sandbox.path("project/lib")).expect("directory");
    fs::copy(world.sandbox.path("made/text-2.0.0.cxz"), world.sandbox.path("project/lib/text.cxz")).expect("copied");
    let run = world.version_in_program("text");
    assert_eq!(run.status, 4);
    let expected = "error[E1505]: Package 'text 1.0.0' is not what was promised: the archive holds text 2.0.0\n  \
                    --> main.coex:1:8\n";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    fs::copy(world.sandbox.path("made/text-1.0.0.cxz"), world.sandbox.path("project/lib/text.cxz")).expect("copied");
    assert_eq!(world.version_in_program("text").stdout, "1.0.0\n");
    fs::remove_file(world.sandbox.path("project/lib/text.cxz")).expect("removed");
    // A damaged installed archive is seen at every use.
    let [installed] = &world.installed("text")[..] else { panic!("one archive") };
    fs::copy(world.sandbox.path("made/text-1.3.0.cxz"), installed).expect("copied");
    assert_eq!(world.version_in_program("text").status, 4);
    // A new lock is seen by the next build.
    fs::remove_file(installed).expect("removed");
    world.done(&["install", "text@1.3.0"], "text 1.0.0 -> 1.3.0\n");
    assert_eq!(world.version_in_program("text").stdout, "1.3.0\n");
    fs::remove_file(world.sandbox.path("project/coex.lock")).expect("removed");
    assert_eq!(world.version_in_program("text").stdout, "2.0.0\n");
}

#[test]
fn a_registry_only_grows() {
    let world = World::published(&[("text", "1.0.0", "")]);
    let before = world.sandbox.read("reg/index/te/xt/text.jsonl");
    let run = world.publish("text", "1.0.0", "");
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let run = world.publish("text", "1.0.0", "license = \"other\"\n");
    assert!(run.stderr.contains("text 1.0.0 is in the registry already, with another content"), "{}", run.stderr);
    let run = world.sandbox.coex(&["registry", "add", "twice", "made/text-1.0.0.cxz", "made/text-1.0.0.cxz"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "+ text 1.0.0\n"), "{}", run.stderr);
    assert_eq!(world.sandbox.coex(&["registry", "serve-check", "twice"]).stdout, "1 releases, 0 faults\n");
    let run = world.publish("text", "1.0.0+build", "");
    assert!(run.stderr.contains("cannot be a release"), "{}", run.stderr);
    assert_eq!(world.sandbox.read("reg/index/te/xt/text.jsonl"), before);
    let run = world.sandbox.coex(&["registry", "add", "made", "made/text-1.0.0.cxz"]);
    assert_eq!(run.status, 5, "{}", run.stderr);
    assert!(run.stderr.contains("it has no config.json"), "{}", run.stderr);
}

#[test]
fn a_registry_is_checked_as_a_whole() {
    let world = World::published(TEXT_AND_REGEX);
    let check = || world.sandbox.coex(&["registry", "serve-check", "reg"]);
    let run = check();
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "5 releases, 0 faults\n", ""));
    world.sandbox.write("reg/dl/text/extra", "x");
    world.sandbox.write("reg/dl/text/text-2.0.0.cxz", "x");
    world.edit(&world.index("regex"), "\"text\":\"^1\"", "\"absent\":\"^1\"");
    let run = check();
    assert_eq!((run.status, run.stdout.as_str()), (4, "5 releases, 5 faults\n"), "{}", run.stderr);
    let list = "the snapshot does not show 'regex' as it is now";
    for part in ["nothing in the index speaks of this file", "promised are", "needs 'absent', which is not there", list]
    {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    world.sandbox.write("reg/config.json", "{\"schema\":\"coex-registry/9\"}");
    assert!(check().stderr.contains("its schema is 'coex-registry/9'"));
    world.sandbox.write("reg/config.json", "{");
    assert!(check().stderr.contains("its configuration is not valid"));
}

#[test]
fn packages_are_found_and_described() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["search", "PAT"], "regex 1.1.0  Patterns\n");
    world.done(&["search"], "regex 1.1.0  Patterns\ntext 2.0.0\n");
    let run = world.pkg(&["info", "regex"]);
    assert!(run.stdout.starts_with("regex\n  Patterns\n1.1.0  "), "{}", run.stdout);
    assert!(run.stdout.contains("  needs text ^1.2\n"), "{}", run.stdout);
    world.refused(&["info", "absent"], 4, "error[E1501]: Package 'absent' not found");
    let mut command = world.sandbox.command(env!("CARGO_BIN_EXE_coex"));
    let run = ran(command.args(["pkg", "search"]));
    let help = "name one with --registry PLACE, or in the environment variable COEX_REGISTRY";
    assert_eq!((run.status, run.stderr), (2, format!("error: No registry is named\n  help: {help}\n")));
}

#[test]
fn programs_get_objects_instead_of_lines() {
    let world = World::published(TEXT_AND_REGEX);
    let kinds = |words: &[&str], status: i32| {
        let run = world.pkg(&[words, &["--message-format", "json"]].concat());
        assert_eq!((run.status, run.stderr.as_str()), (status, ""), "{words:?}: {}", run.stdout);
        crate::messages::lines(&run)
    };
    let only = |objects: &[serde_json::Value], kind: &str, count: usize| {
        assert!(objects.len() == count && objects.iter().all(|object| object["kind"] == kind), "{objects:?}");
    };
    let changes = kinds(&["install", "regex"], 0);
    only(&changes, "package-change", 2);
    assert_eq!((&changes[0]["name"], &changes[0]["version"]), (&"regex".into(), &"1.1.0".into()));
    assert!(changes[0]["before"].is_null());
    assert_eq!(kinds(&["install", "text@1.0"], 0)[0]["before"], "1.3.0");
    let listed = kinds(&["list"], 0);
    only(&listed, "package", 2);
    assert_eq!((&listed[0]["wanted"], &listed[1]["wanted"]), (&"^1.1.0".into(), &"^1.0".into()));
    let releases = kinds(&["info", "regex"], 0);
    only(&releases, "release", 2);
    assert_eq!(releases[0]["depends"]["text"], "^1.2");
    only(&kinds(&["search", "pat"], 0), "package-found", 1);
    only(&kinds(&["verify"], 0), "verdict", 2);
    only(&kinds(&["verify", "../made/text-1.0.0.cxz"], 0), "verdict", 1);
    only(&kinds(&["vendor"], 0), "artifact", 2);
    let run = world.sandbox.coex(&["registry", "yank", "reg", "text@1.3.0", "--reason", "x"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let told = kinds(&["remove", "text"], 0);
    assert_eq!((&told[0]["kind"], &told[1]["kind"]), (&"warning".into(), &"package-change".into()));
    only(&kinds(&["info", "absent"], 4), "diagnostic", 1);
    only(&kinds(&["publish", "../made/text-1.0.0", "--key", &world.key("k")], 0), "x", 0);
    let run = world.sandbox.coex(&["registry", "serve-check", "reg", "--message-format", "json"]);
    assert!(run.stdout.contains("\"kind\":\"registry-checked\",\"releases\":5,\"faults\":0"), "{}", run.stdout);
    crate::messages::lines(&run);
    let run = world.sandbox.coex(&["registry", "add", "new", "made/text-1.0.0.cxz", "--message-format", "json"]);
    assert!(run.stdout.contains("\"kind\":\"package-change\""), "{}", run.stdout);
}

#[test]
fn one_process_at_a_time_changes_what_is_installed() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "text@1.0.0"], "+ text 1.0.0\n");
    let guard = fs::File::create(world.sandbox.path("home/.coex/lib/.guard")).expect("guard");
    guard.lock().expect("locked");
    world.refused(&["install", "--wait", "0", "regex"], 6, "error[E1509]: Another 'coex' has been changing");
    drop(guard);
    // Several at once end with what each of them asked for.
    let names = ["regex", "text@^1"];
    let runs: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = names.iter().map(|name| scope.spawn(|| world.pkg(&["install", name]))).collect();
        started.into_iter().map(|thread| thread.join().expect("runs")).collect()
    });
    assert!(runs.iter().all(|run| run.status == 0), "{}{}", runs[0].stderr, runs[1].stderr);
    assert!(
        world.lock().contains("wanted = \"^1\"\n") && world.lock().contains("name = \"regex\""),
        "{}",
        world.lock()
    );
}

#[test]
fn a_key_is_pinned_when_it_is_first_seen() {
    let world = World::published(&[("text", "1.0.0", "")]);
    let (key, other) = (world.key("first"), world.key("second"));
    for (name, version) in [("regex", "1.0.0"), ("regex", "1.1.0")] {
        let run = world.sign(&key, name, version);
        assert_eq!((run.status, run.stdout), (0, format!("+ {name} {version}\n")), "{}", run.stderr);
    }
    assert_eq!(world.sandbox.coex(&["registry", "serve-check", "reg"]).status, 0);
    world.done(&["install", "regex@^1", "regex@=1.0.0"], "+ regex 1.0.0\n");
    assert!(world.lock().contains("signer = \"RW"), "{}", world.lock());
    // Nobody else publishes it, with a key or without.
    let run = world.sign(&other, "regex", "1.2.0");
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(run.stderr.contains("error[E1510]: Signature of package 'regex 1.2.0' is refused"), "{}", run.stderr);
    assert!(world.publish("regex", "1.3.0", "").stderr.contains("[E1510]"));
    // A registry that has changed hands may claim what it likes.
    let path = world.index("regex");
    let honest = String::from_utf8(world.sandbox.read(&path)).expect("text");
    let start = honest.find("\"signer\":\"").expect("signer") + 10;
    let known = &honest[start..start + 56];
    fs::remove_file(world.sandbox.path(&path)).expect("removed");
    for (name, changed) in [
        ("1.1.0", honest.replace(&format!(",\"signer\":\"{known}\""), "")),
        (
            "1.1.0",
            honest.replace(known, &minisign::KeyPair::generate_unencrypted_keypair().expect("keys").pk.to_base64()),
        ),
    ] {
        world.sandbox.write(&path, changed);
        world.refused(&["update"], 4, "error[E1510]: Signature of package 'regex 1.0.0' is refused");
        let half = honest.lines().next().expect("line").to_owned() + "\n";
        let rest = String::from_utf8(world.sandbox.read(&path)).expect("text");
        world.sandbox.write(&path, half + rest.lines().nth(1).expect("line") + "\n");
        let expected = format!("error[E1510]: Signature of package 'regex {name}' is refused: it is");
        world.refused(&["install", "regex@1.1.0"], 4, &expected);
    }
    world.sandbox.write(&path, &honest);
    // The signature of another version does not fit, and neither does half of one.
    let (first, second) = ("reg/dl/regex/regex-1.0.0.cxz.minisig", "reg/dl/regex/regex-1.1.0.cxz.minisig");
    let whole = world.sandbox.read(second);
    for bytes in [world.sandbox.read(first), whole[..whole.len() / 2].to_vec(), Vec::new()] {
        world.sandbox.write(second, bytes);
        world.refused(&["install", "regex@1.1.0"], 4, "error[E1510]: ");
        let run = world.sandbox.coex(&["registry", "serve-check", "reg"]);
        assert_eq!(run.status, 4, "{}", run.stderr);
    }
    fs::remove_file(world.sandbox.path(second)).expect("removed");
    world.refused(&["install", "regex@1.1.0"], 4, "the signature of regex 1.1.0 is missing");
    world.sandbox.write(second, &whole);
    world.done(&["install", "regex@1.1.0"], "regex 1.0.0 -> 1.1.0\n");
    assert_eq!(world.version_in_program("regex").stdout, "1.1.0\n");
    for bad in ["../keys/absent", "../made/regex-1.0.0/manifest.toml"] {
        let run = world.sign(bad, "regex", "1.4.0");
        assert!(run.stderr.contains("Secret key '"), "{}", run.stderr);
    }
}

#[test]
fn vendored_libraries_need_nothing_else() {
    let world = World::published(TEXT_AND_REGEX);
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    let run = world.pkg(&["vendor"]);
    assert_eq!((run.status, run.stdout.lines().count()), (0, 2), "{}", run.stderr);
    world.done(&["vendor"], "");
    assert_eq!(world.pkg(&["verify"]).stdout.lines().count(), 4);
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib")).expect("removed");
    fs::remove_dir_all(world.sandbox.path("reg")).expect("removed");
    assert_eq!(world.version_in_program("regex").stdout, "1.1.0\n");
    let run = world.pkg(&["verify"]);
    assert_eq!((run.status, run.stdout.lines().count()), (0, 2), "{}", run.stderr);
    fs::copy(world.sandbox.path("made/text-1.0.0.cxz"), world.sandbox.path("project/lib/text.cxz")).expect("copied");
    let run = world.refused(&["verify"], 4, "error[E1505]: Package 'text 1.3.0' is not what was promised");
    assert_eq!(run.stdout.lines().count(), 1);
    fs::remove_file(world.sandbox.path("project/lib/text.cxz")).expect("removed");
    world.refused(&["verify"], 4, "error[E1507]: Package 'text 1.3.0' is locked but not installed");
    world.refused(&["vendor"], 4, "[E1507]");
}

#[test]
fn what_is_too_young_is_held_back() {
    let world = World::published(&[]);
    for (version, published) in [("1.0.0", "1000000"), ("1.1.0", "99999999999")] {
        world.publish("made", version, "");
        let mut command = world.sandbox.command(env!("CARGO_BIN_EXE_coex"));
        command.args(["registry", "add", "aged", &format!("made/made-{version}.cxz")]);
        assert_eq!(ran(command.env("SOURCE_DATE_EPOCH", published)).status, 0);
    }
    let install = |words: &[&str]| world.pkg(&[&["install", "--registry", "../aged"], words].concat());
    let run = install(&["--min-age", "3d", "made@1.1.0"]);
    assert_eq!(run.status, 4);
    assert!(run.stderr.contains("made 1.1.0 is too young: --min-age holds it back"), "{}", run.stderr);
    let run = install(&["--min-age", "36h", "made"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "+ made 1.0.0\n"), "{}", run.stderr);
    assert_eq!(run.stderr, "warning: made 1.1.0 is too young: --min-age holds it back, --now takes it\n");
    for bad in ["x", "3", "-1d", "3w", "d"] {
        assert_eq!(install(&[&format!("--min-age={bad}"), "made"]).status, 2, "{bad}");
    }
    world.done(&["update"], "made 1.0.0 -> 1.1.0\n");
    // What is locked is old enough for who has it.
    world.done(&["install", "--min-age", "3d", "made"], "");
    let run = install(&["--min-age", "3d", "--now", "made@1.1.0"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
}
