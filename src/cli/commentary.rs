//! `coexc commentary`: what the compiler has to say about a file, as lines of the file (language reference 12.6).
//!
//! In: a file without errors. Out: the same file with a line `#@ [TAG] text` above each line that a note concerns, and
//! without the notes of earlier times. Deliberately not here: what is worth a note: warnings (`check`),
//! and what `driver::commentary` finds.

use std::path::Path;

use super::args::{CommentaryArguments, Messages};
use super::output::{self, Style};
use super::{build, exit};
use crate::diagnostics::{Code, Diagnostic, Severity, io_reason};
use crate::driver::load::MAX_SOURCE_BYTES;
use crate::driver::{self, Failure, Stage};
use crate::files::{self, Durability};

/// Tags of notes that the compiler writes, or may have written.
const TAGS: [&str; 4] = ["MOVE", "KIND", "PERF", "HINT"];

/// A note above a line.
#[derive(Debug)]
struct Note {
    /// From 1.
    line: usize,
    tag: &'static str,
    text: String,
}

pub(super) fn commentary(arguments: &CommentaryArguments) -> u8 {
    if arguments.file.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        let file = arguments.file.display();
        output::talk(&format!("error: Cannot read '{file}': notes are written into a file, and it is none\n"));
        return exit::USAGE;
    }
    // Nothing is done to such a file, whatever is wrong with it.
    let is_small = arguments.file.metadata().is_ok_and(|metadata| metadata.len() <= MAX_SOURCE_BYTES);
    if is_small && std::fs::read(&arguments.file).is_ok_and(|bytes| wants_none(&String::from_utf8_lossy(&bytes))) {
        return exit::SUCCESS;
    }
    let mut session = build::session(&arguments.file, std::path::PathBuf::new(), &arguments.common);
    session.stop_after = Some(Stage::Check);
    let (mut record, result) = driver::run(&session);
    if let Err(Failure::Root(error)) = &result {
        output::talk(&format!("error: Cannot read '{}': {}\n", error.path.display(), error.reason));
        return exit::USAGE;
    }
    let mut diagnostics = std::mem::take(&mut record.diagnostics).into_sorted();
    // A module needs none.
    diagnostics.retain(|diagnostic| diagnostic.code != Code::E0403);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error) {
        Style::new(&arguments.common.messages).show(&diagnostics, &record.sources);
        return exit::of_diagnostics(&diagnostics);
    }
    let Some((root, source)) = record.sources.files().next() else { return exit::SUCCESS };
    let notes: Vec<Note> = diagnostics
        .iter()
        .filter_map(|diagnostic| diagnostic.primary.map(|place| (diagnostic, place)))
        .filter(|(_, place)| place.file == root)
        .map(|(diagnostic, place)| note(diagnostic, source.line_column(place.start).0 as usize))
        .chain(driver::commentary::notes(root, source).into_iter().map(|found| Note {
            line: found.line as usize,
            tag: found.tag,
            text: found.text,
        }))
        .collect();
    match std::fs::read_to_string(&arguments.file) {
        Ok(text) => finish(&arguments.file, &text, &annotated(&text, &notes), &arguments.common.messages),
        Err(error) => {
            output::talk(&format!("error: Cannot read '{}': {error}\n", arguments.file.display()));
            exit::USAGE
        }
    }
}

fn note(diagnostic: &Diagnostic, line: usize) -> Note {
    let text = diagnostic.message.lines().next().unwrap_or_default().to_owned();
    Note { line, tag: "HINT", text }
}

fn finish(file: &Path, before: &str, after: &str, messages: &Messages) -> u8 {
    if before != after
        && let Err(error) = files::write_output(file, after.as_bytes(), Durability::Synced)
    {
        let message = format!("Cannot write '{}': {}", file.display(), io_reason(&error));
        let diagnostics = [Diagnostic::without_place(Code::E1404, message)];
        Style::new(messages).show(&diagnostics, &crate::source::SourceMap::default());
        return exit::of_diagnostics(&diagnostics);
    }
    exit::SUCCESS
}

/// The tag and the text of a line `#@ [TAG] text`, `#@ [TAG:ignore]`, `#@ [TAG:off]`.
fn parts(line: &str) -> Option<(&str, &str)> {
    let (tag, text) = line.trim_start().strip_prefix("#@ [")?.split_once(']')?;
    Some((tag, text))
}

fn is_own(line: &str) -> bool {
    parts(line).is_some_and(|(tag, text)| TAGS.contains(&tag) && text.starts_with(' '))
}

fn wants_none(text: &str) -> bool {
    text.trim_start_matches('\u{FEFF}').lines().next().is_some_and(|first| first.trim_end() == "#@ none")
}

/// The text with these notes and no older ones.
fn annotated(text: &str, notes: &[Note]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let says = |line: &str, tag: &str, what: &str| {
        parts(line).is_some_and(|(found, _)| found.strip_prefix(tag).is_some_and(|rest| rest == what))
    };
    let is_off = |tag: &str| lines.iter().any(|line| says(line, tag, ":off"));
    let mut result = String::with_capacity(text.len() + 80 * notes.len());
    // Lines of the compiler directly above this one: they may say that a note is to be left out.
    let mut above: Vec<&str> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if is_own(line) {
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
        let mut written: Vec<(&str, &str)> = Vec::new();
        for note in notes.iter().filter(|note| note.line == index + 1) {
            let silent = is_off(note.tag) || above.iter().any(|line| says(line, note.tag, ":ignore"));
            if !silent && !written.contains(&(note.tag, &note.text)) {
                written.push((note.tag, &note.text));
                result.push_str(&format!("{indentation}#@ [{}] {}{end}", note.tag, note.text));
            }
        }
        result.push_str(line);
        match line.trim_start().starts_with("#@") {
            true => above.push(line),
            false => above.clear(),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, notes: &[(usize, &str)]) -> String {
        let notes: Vec<Note> =
            notes.iter().map(|(line, text)| Note { line: *line, tag: "HINT", text: (*text).to_owned() }).collect();
        annotated(text, &notes)
    }

    #[test]
    fn notes_stand_above_their_lines() {
        let text = "func f()\n    a\n\tb\r\n~";
        let noted =
            "func f()\n    #@ [HINT] one\n    #@ [HINT] two\n    a\n\t#@ [HINT] three\r\n\tb\r\n#@ [HINT] end\n~";
        assert_eq!(with(text, &[(2, "one"), (2, "two"), (2, "one"), (3, "three"), (4, "end")]), noted);
        // The same notes again, at the lines where they are then.
        assert_eq!(with(noted, &[(4, "one"), (4, "two"), (6, "three"), (8, "end")]), noted);
        assert_eq!(with(noted, &[]), text);
        assert_eq!(with("", &[]), "");
    }

    #[test]
    fn notes_can_be_silenced() {
        for text in ["#@ [HINT:ignore]\na\n", "#@ [HINT:ignore] not here\n#@ something else\na\n", "a\n#@ [HINT:off]\n"]
        {
            let line = text.lines().position(|line| line == "a").expect("a line") + 1;
            assert_eq!(with(text, &[(line, "x")]), text);
        }
        assert!(wants_none("#@ none\na\n") && wants_none("\u{FEFF}#@ none\r\na\n"));
        assert!(!wants_none("a\n#@ none\n") && !wants_none("#@ nonesuch\n") && !wants_none(""));
        // Only there, and only that tag.
        assert_eq!(with("#@ [HINT:ignore]\nb\na\n", &[(3, "x")]), "#@ [HINT:ignore]\nb\n#@ [HINT] x\na\n");
        assert_eq!(with("#@ [MOVE:off]\na\n", &[(2, "x")]), "#@ [MOVE:off]\n#@ [HINT] x\na\n");
        // Lines of other forms are not the compiler's.
        let foreign = "#@ text\n#@ [OTHER] text\n# [HINT] text\n";
        assert_eq!(with(foreign, &[]), foreign);
        assert_eq!(with("a\n#@ none\n", &[(1, "x")]), "#@ [HINT] x\na\n#@ none\n");
    }
}
