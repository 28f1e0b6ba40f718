//! Hostile archives: each is refused with its stable word, entry and offset, at little cost, and with one verdict
//! wherever it comes from.

mod contents;
mod layouts;
mod manifests;
mod names;
pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Cursor;
use std::process::Stdio;
use std::time::Duration;

use coexc::cxz::archive::{self, ArchiveError};
use coexc::cxz::library;

use self::table::Case;
use crate::sandbox::{Sandbox, ran};
use crate::{meter, zip_builder};

/// What refusing may cost, also in tools that are not optimised.
const TIME: Duration = Duration::from_millis(50);
const MEMORY_BYTES: usize = 32 << 20;

fn refused(case: &Case) -> ArchiveError {
    match archive::read(&case.bytes) {
        Ok(files) => panic!("{}: accepted: {:?}", case.name, files.keys()),
        Err(error) => error,
    }
}

/// As messages show it.
fn printable(name: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(name).chars().flat_map(char::escape_debug).take(80).collect();
    if name.len() > 80 { shown + "…" } else { shown }
}

#[test]
fn every_trick_is_refused_at_its_place() {
    let cases = table::all();
    assert!(cases.len() >= 150, "{}", cases.len());
    let mut faults = Vec::new();
    for case in &cases {
        let error = match archive::read(&case.bytes) {
            Ok(files) => {
                faults.push(format!("{}: accepted: {:?}", case.name, files.keys()));
                continue;
            }
            Err(error) => error,
        };
        let text = error.to_string();
        if error.fault.slug() != case.slug || !text.ends_with(&format!(" [{}]", case.slug)) {
            faults.push(format!("{}: wanted {}: {text}", case.name, case.slug));
        }
        let entry = case.entry.as_deref().map(printable);
        if error.entry != entry {
            faults.push(format!("{}: wanted entry {entry:?}: {text}", case.name));
        }
        if error
            .offset
            .is_none_or(|offset| offset > case.bytes.len() as u64 || !text.contains(&format!("byte {offset}")))
        {
            faults.push(format!("{}: no offset: {text}", case.name));
        }
        if text.chars().any(char::is_control) {
            faults.push(format!("{}: unprintable: {text:?}", case.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_two_tricks_are_the_same() {
    let cases = table::all();
    let (mut names, mut contents) = (HashSet::new(), HashSet::new());
    for case in &cases {
        assert!(names.insert(case.name.as_str()) && contents.insert(case.bytes.as_slice()), "{}", case.name);
    }
    // Every word that the reader has is said of some archive, but those that need more than bytes.
    let said: BTreeSet<&str> = cases.iter().map(|case| case.slug).collect();
    let silent: Vec<&str> =
        archive::Fault::ALL.iter().map(|fault| fault.slug()).filter(|slug| !said.contains(slug)).collect();
    assert_eq!(silent, ["readers-disagree", "unreadable"]);
}

#[test]
fn refusing_takes_little_time() {
    let sandbox = Sandbox::new();
    let mut worst = Duration::ZERO;
    for case in table::all() {
        let path = sandbox.write("a.cxz", &case.bytes);
        let time = meter::processor_time(TIME, || assert!(library::read_files(&path).is_err(), "{}", case.name));
        assert!(time <= TIME, "{}: {time:?}", case.name);
        worst = worst.max(time);
    }
    println!("at most {worst:?}");
}

/// A process that has hardly more memory than it needs for nothing judges them all.
#[test]
fn refusing_takes_little_memory() {
    let sandbox = Sandbox::new();
    let mut words = vec!["pkg".to_owned(), "verify".to_owned(), "empty.cxz".to_owned()];
    sandbox.write("empty.cxz", "");
    let least = meter::least_memory(&sandbox, &words, 4);
    let cases = table::all();
    for (index, case) in cases.iter().enumerate() {
        let name = format!("h{index}.cxz");
        sandbox.write(&name, &case.bytes);
        words.push(name);
    }
    let run = meter::within_memory(&sandbox, least + (MEMORY_BYTES >> 10), &words);
    assert_eq!(run.status, 4, "{}", run.stderr);
    for case in &cases {
        let message = format!("error[E1109]: Library archive is invalid: {}\n", refused(case));
        assert!(run.stderr.contains(&message), "{}: {message}", case.name);
    }
    // The measure can fail: an honest archive of large files needs more.
    let large = [zip_builder::manifest(), zip_builder::Entry::stored(b"docs/large", &vec![7; 40 << 20])];
    sandbox.write("large.cxz", zip_builder::build(&large));
    let words = ["pkg", "verify", "large.cxz"].map(str::to_owned);
    assert_ne!(meter::within_memory(&sandbox, least + (MEMORY_BYTES >> 10), &words).status, 0);
    assert_eq!(meter::within_memory(&sandbox, least + (200 << 10), &words).status, 0);
}

#[test]
fn files_and_streams_are_judged_alike() {
    let sandbox = Sandbox::new();
    for case in table::all() {
        let expected = refused(&case);
        let path = sandbox.write("lib/a.cxz", &case.bytes);
        assert_eq!(library::read_files(&path).expect_err("refused"), expected, "{}: file", case.name);
        // A stream that comes in small pieces.
        let slow = std::io::BufReader::with_capacity(1000, Cursor::new(&case.bytes));
        assert_eq!(library::read_stream(slow, 0).expect_err("refused"), expected, "{}: stream", case.name);
    }
}

/// Archive by archive, what a tool said in its JSON messages.
fn verdicts(stdout: &str) -> BTreeMap<String, String> {
    let mut verdicts = BTreeMap::new();
    for line in stdout.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if value["code"] != "E1109" {
            continue;
        }
        let message = value["message"].as_str().expect("a message").to_owned();
        let children = value["children"].as_array().expect("children");
        let note = children.iter().find_map(|child| child["message"].as_str()?.strip_prefix("the archive is '"));
        verdicts.insert(note.expect("which archive").trim_end_matches('\'').to_owned(), message);
    }
    verdicts
}

/// `coex pkg verify` of files and of streams, and programs of a locked project that import vendored copies.
#[test]
fn commands_and_imports_give_one_verdict() {
    let sandbox = Sandbox::new();
    let cases = table::all();
    for (round, chunk) in cases.chunks(60).enumerate() {
        let expected: BTreeMap<String, String> = (0..chunk.len())
            .map(|index| (format!("h{index}.cxz"), format!("Library archive is invalid: {}", refused(&chunk[index]))))
            .collect();
        let (mut lock, mut program) = ("schema = 1\n".to_owned(), String::new());
        for (index, case) in chunk.iter().enumerate() {
            sandbox.write(&format!("{round}/lib/h{index}.cxz"), &case.bytes);
            program.push_str(&format!("import \"h{index}\"\n"));
            lock.push_str(&format!(
                "\n[[package]]\nname = \"h{index}\"\nversion = \"1.0.0\"\nsource = \"registry+file:///r\"\ntree = \"{}\"\nwanted = \"*\"\n",
                "0".repeat(64)
            ));
        }
        sandbox.write(&format!("{round}/coex.lock"), lock);
        sandbox.write(&format!("{round}/main.coex"), program + "\nfunc main() -> int\n    return 0\n~\n");
        let mut words = vec!["pkg".to_owned(), "verify".to_owned(), "--message-format=json".to_owned()];
        words.extend(expected.keys().map(|name| format!("{round}/lib/{name}")));
        let verified = sandbox.coex(&words.iter().map(String::as_str).collect::<Vec<&str>>());
        assert_eq!(verified.status, 4, "{}", verified.stderr);
        assert_eq!(verdicts(&verified.stdout), expected, "verify");
        let checked = sandbox.coexc(&["check", "--message-format=json", &format!("{round}/main.coex")]);
        assert_eq!(checked.status, 4, "{}", checked.stderr);
        assert_eq!(verdicts(&checked.stdout), expected, "import");
        // Through a pipe, a part of them.
        for index in (round % 7..chunk.len()).step_by(7) {
            let file = std::fs::File::open(sandbox.path(&format!("{round}/lib/h{index}.cxz"))).expect("opens");
            let mut cat = sandbox.command("cat").stdin(file).stdout(Stdio::piped()).spawn().expect("runs");
            let mut command = sandbox.command(env!("CARGO_BIN_EXE_coex"));
            command.args(["pkg", "verify", "-", "--message-format=json"]).stdin(cat.stdout.take().expect("a pipe"));
            let run = ran(&mut command);
            cat.wait().expect("ends");
            assert_eq!(run.status, 4, "{}", run.stderr);
            let said = verdicts(&run.stdout);
            assert_eq!(said.get("standard input"), expected.get(&format!("h{index}.cxz")), "{}", chunk[index].name);
        }
    }
}
