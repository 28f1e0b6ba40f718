//! What is remembered of a registry: it saves requests, serves `--offline`, and notices what goes back.

use std::fs;

use super::{Answer, Served, TEXT, response};
use crate::world::TEXT_AND_REGEX;

const INDEX: &str = "index/te/xt/text.jsonl";

#[test]
fn what_is_known_is_not_asked_again() {
    let served = Served::new(TEXT_AND_REGEX);
    let world = &served.world;
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    assert_eq!(served.server.paths().len(), 6, "configuration, snapshot, two indexes, two archives");
    // Another project: whether something has changed is two questions, whose answers have no body.
    fs::remove_file(world.sandbox.path("project/coex.lock")).expect("removed");
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    let requests = served.server.requests();
    assert!(requests.iter().all(|request| request.header("If-None-Match").is_some()), "{requests:?}");
    assert_eq!(
        requests.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(),
        ["/config.json", "/snapshot.jsonl"]
    );
    // Everything locked and installed: nothing at all.
    world.done(&["install"], "");
    assert_eq!(served.server.paths(), [""; 0]);
    // A new version is one more.
    assert_eq!(world.publish("text", "1.4.0", "").status, 0);
    world.done(&["update"], "text 1.3.0 -> 1.4.0\n");
    let expected = ["/config.json", "/snapshot.jsonl", "/index/te/xt/text.jsonl", "/dl/text/text-1.4.0.cxz"];
    let mut paths = served.server.paths();
    paths.sort_by_key(|path| expected.iter().position(|known| known == path));
    assert_eq!(paths, expected);
    // A damaged copy is as good as none.
    for path in copies(&served) {
        fs::write(path, "damaged").expect("written");
    }
    world.done(&["update"], "");
    // Where nothing can be kept, everything works all the same.
    fs::remove_dir_all(world.sandbox.path("home/.coex/cache")).expect("removed");
    fs::write(world.sandbox.path("home/.coex/cache"), "in the way").expect("written");
    world.done(&["update"], "");
}

/// The requests of an installation that begins anew, and whether each names a date.
fn dated(served: &Served) -> Vec<(String, bool)> {
    let _ = fs::remove_file(served.world.sandbox.path("project/coex.lock"));
    served.world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    let requests = served.server.requests().into_iter();
    let of_index = requests.filter(|request| !request.path.starts_with("/dl/"));
    of_index.map(|request| (request.path.clone(), request.header("If-Modified-Since").is_some())).collect()
}

#[test]
fn dates_do_where_a_server_knows_no_etags() {
    const CHANGED: &str = "Sat, 21 Nov 2026 15:03:41 GMT";
    let served = Served::new(TEXT_AND_REGEX);
    let root = served.world.sandbox.path("reg");
    let answering_at = |answered: &'static str| {
        let root = root.clone();
        served.server.script(move |request| {
            let is_known = request.header("If-Modified-Since") == Some(CHANGED);
            let headers = [("Last-Modified", CHANGED), ("Date", answered)];
            match fs::read(root.join(request.path.trim_start_matches('/'))) {
                Ok(_) if is_known => Answer::Raw(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()),
                Ok(body) => Answer::Raw(response("200 OK", &headers, &body)),
                Err(_) => Answer::Status(404),
            }
        });
    };
    let asked = |is_dated: bool| ["/config.json", "/snapshot.jsonl"].map(|path| (path.to_owned(), is_dated));
    // Something else may still happen in the same second.
    answering_at(CHANGED);
    assert_eq!(dated(&served).len(), 4, "configuration, snapshot, two indexes");
    answering_at("Sat, 21 Nov 2026 15:03:43 GMT");
    assert_eq!(dated(&served), asked(false));
    // Remembered with the answer before, although its bytes were known.
    assert_eq!(dated(&served), asked(true));
    // What says that nothing has changed has no say in what is here.
    for path in copies(&served) {
        fs::write(path, "damaged").expect("written");
    }
    assert_eq!(dated(&served)[..2], asked(false));
}

fn copies(served: &Served) -> Vec<std::path::PathBuf> {
    let root = served.world.sandbox.path("home/.coex/cache/registries-v1");
    let (mut files, mut pending) = (Vec::new(), vec![root]);
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).expect("copies") {
            let path = entry.expect("entry").path();
            if path.is_dir() { pending.push(path) } else { files.push(path) }
        }
    }
    files
}

#[test]
fn offline_takes_what_is_remembered_and_installed() {
    let served = Served::new(TEXT_AND_REGEX);
    let world = &served.world;
    let run = world.refused(&["install", "--offline", "regex"], 5, "error[E1508]: Registry 'http://127.0.0.1:");
    assert!(run.stderr.contains("--offline, and no copy of 'config.json' is here"), "{}", run.stderr);
    world.done(&["install", "regex", "text@1.0.0"], "+ regex 1.0.0\n+ text 1.0.0\n");
    served.server.requests();
    fs::remove_file(world.sandbox.path("project/coex.lock")).expect("removed");
    // Newer ones are known, and not here.
    world.done(&["install", "--offline", "regex"], "+ regex 1.0.0\n+ text 1.0.0\n");
    world.refused(&["install", "--offline", "text@2"], 4, "No versions of the packages fit together");
    world.refused(&["install", "--offline", "other"], 4, "Package 'other' not found");
    assert_eq!(served.server.paths(), [""; 0]);
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib/text")).expect("removed");
    world.refused(&["install", "--offline"], 5, "--offline");
    fs::remove_file(world.sandbox.path("project/coex.lock")).expect("removed");
    let run = world.refused(&["install", "--offline", "text"], 5, "--offline, and no version of 'text' is installed");
    assert_eq!(run.stdout, "");
}

/// Every file of the registry, to be put back.
fn saved(served: &Served) -> Vec<(String, Vec<u8>)> {
    ["config.json", "snapshot.jsonl", INDEX].map(|path| (path.to_owned(), served.read(path))).into()
}

fn restore(served: &Served, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        served.world.sandbox.write(&format!("reg/{path}"), bytes);
    }
}

#[test]
fn a_registry_does_not_go_back() {
    let served = Served::new(TEXT_AND_REGEX);
    let (world, old) = (&served.world, saved(&served));
    assert_eq!(world.publish("text", "1.4.0", "").status, 0);
    let new = saved(&served);
    world.done(&["install", "text@^1"], "+ text 1.4.0\n");
    let goes_back = |what: &str| {
        let run = world.refused(&["update"], 4, "error[E1504]: Registry is not valid: it goes back");
        assert!(run.stderr.contains(what), "{what}: {}", run.stderr);
        restore(&served, &new);
        world.done(&["update"], "");
    };
    // All of it as it was once.
    restore(&served, &old);
    goes_back("/snapshot.jsonl'");
    // No snapshot any more.
    fs::remove_file(world.sandbox.path("reg/snapshot.jsonl")).expect("removed");
    goes_back("/snapshot.jsonl'");
    // The same number on another list.
    world.edit("reg/snapshot.jsonl", "\"releases\":2", "\"releases\":3");
    goes_back("/snapshot.jsonl'");
    // A new number on a list without the newest release, or without the package.
    let text = String::from_utf8(served.read("snapshot.jsonl")).expect("text");
    let later = text.replacen("\"counter\":6", "\"counter\":60", 1);
    assert_ne!(later, text);
    let without: Vec<&str> = later.lines().filter(|line| !line.contains("\"text\"")).collect();
    world.sandbox.write("reg/snapshot.jsonl", without.join("\n") + "\n");
    let run = world.refused(&["update"], 4, "it goes back");
    assert!(run.stderr.contains("/index/te/xt/text.jsonl'"), "{}", run.stderr);
    // Set up anew on purpose: the message says what to remove.
    restore(&served, &new);
    let run = world.refused(&["update"], 4, "it goes back");
    let memory = run.stderr.split("remove '").nth(1).and_then(|rest| rest.split('\'').next()).expect("directory");
    fs::remove_dir_all(memory).expect("removed");
    world.done(&["update"], "");
    // An index that does not fit, whatever a cache on the way says.
    fs::remove_dir_all(memory).expect("removed");
    served.world.sandbox.write(&format!("reg/{INDEX}"), &old[2].1);
    served.server.requests();
    world.refused(&["update"], 4, "it is not what the snapshot promises");
    let asked = served.server.requests();
    assert!(asked.iter().any(|request| request.header("Cache-Control") == Some("no-cache")), "{asked:?}");
}

#[test]
fn an_index_without_a_snapshot_only_grows() {
    let served = Served::new(TEXT_AND_REGEX);
    let (world, server) = (&served.world, &served.server);
    fs::remove_file(world.sandbox.path("reg/snapshot.jsonl")).expect("removed");
    world.done(&["install", "text@^1"], "+ text 1.3.0\n");
    let whole = String::from_utf8(served.read(INDEX)).expect("text");
    let shorter: String =
        whole.lines().filter(|line| !line.contains("2.0.0")).map(|line| format!("{line}\n")).collect();
    for changed in [shorter, whole.replace("2.0.0", "2.0.1"), String::new()] {
        server.instead("/text.jsonl", move || Answer::Body(changed.clone().into_bytes()));
        world.refused(&["update"], 4, "it goes back");
    }
    server.instead("/text.jsonl", || Answer::Status(404));
    world.refused(&["update"], 4, "it goes back");
    server.script(|_| Answer::File);
    world.done(&["update"], "");
    let run = world.refused(&["search"], 4, "it has no snapshot, so it cannot be searched");
    assert_eq!(run.stdout, "");
}

#[test]
fn installs_at_the_same_time_do_not_disturb_each_other() {
    let served = Served::new(TEXT_AND_REGEX);
    let world = &served.world;
    let runs: Vec<_> = std::thread::scope(|scope| {
        let install = |number: usize| {
            let directory = world.sandbox.path(&format!("project-{number}"));
            fs::create_dir_all(&directory).expect("directory");
            let mut command = world.command(env!("CARGO_BIN_EXE_coex"));
            command.current_dir(directory);
            crate::sandbox::ran(command.args([
                "pkg",
                "install",
                if number.is_multiple_of(2) { "regex" } else { "text@^1" },
            ]))
        };
        let threads: Vec<_> = (0..6).map(|number| scope.spawn(move || install(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("runs")).collect()
    });
    for (number, run) in runs.iter().enumerate() {
        let expected = if number.is_multiple_of(2) { "+ regex 1.1.0\n+ text 1.3.0\n" } else { "+ text 1.3.0\n" };
        assert_eq!((run.status, run.stdout.as_str()), (0, expected), "{}", run.stderr);
    }
    let fetched = served.server.paths().iter().filter(|path| *path == TEXT).count();
    assert_eq!(fetched, 1, "the first one installs it for all");
}
