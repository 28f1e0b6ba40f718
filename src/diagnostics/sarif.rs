//! Diagnostics in the form that code scanning reads: SARIF 2.1.0.
//!
//! In: diagnostics and sources; the status of a run. Out: results, and one document of them. What is not known is left
//! out, never null. Deliberately not here: when a run is over (`cli`).

use super::json::{array, object, string};
use super::{Diagnostic, Severity};
use crate::source::{SourceMap, Span};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One object for each diagnostic.
pub fn results(diagnostics: &[Diagnostic], sources: &SourceMap) -> Vec<String> {
    diagnostics.iter().map(|diagnostic| result(diagnostic, sources)).collect()
}

fn result(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = vec![diagnostic.message.clone()];
    text.extend(diagnostic.label.clone());
    text.extend(diagnostic.body.iter().cloned());
    text.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    text.extend(diagnostic.helps.iter().map(|help| format!("help: {help}")));
    let mut fields = vec![
        ("ruleId", string(diagnostic.code.as_str())),
        ("level", string(level)),
        ("message", message(&text.join("\n\n"))),
    ];
    if let Some(place) = diagnostic.primary {
        fields.push(("locations", array(&[object(&[("physicalLocation", physical(place, sources))])])));
    }
    let others = diagnostic.secondary.iter().map(|(place, text)| (physical(*place, sources), text));
    let foreign = diagnostic.foreign.iter().map(|place| {
        let region = object(&[("startLine", place.line.to_string()), ("startColumn", place.column.to_string())]);
        (located(&place.file, region), &place.message)
    });
    let related: Vec<String> = others
        .chain(foreign)
        .map(|(place, text)| object(&[("physicalLocation", place), ("message", message(text))]))
        .collect();
    if !related.is_empty() {
        fields.push(("relatedLocations", array(&related)));
    }
    object(&fields)
}

fn message(text: &str) -> String {
    object(&[("text", string(text))])
}

fn physical(place: Span, sources: &SourceMap) -> String {
    let file = sources.file(place.file);
    let (line, column) = file.line_column(place.start);
    let (end_line, end_column) = file.line_column(place.end);
    let region = object(&[
        ("startLine", line.to_string()),
        ("startColumn", column.to_string()),
        ("endLine", end_line.to_string()),
        ("endColumn", end_column.to_string()),
        ("byteOffset", place.start.to_string()),
        ("byteLength", place.end.saturating_sub(place.start).to_string()),
    ]);
    located(&file.name, region)
}

fn located(file: &str, region: String) -> String {
    object(&[("artifactLocation", object(&[("uri", string(&uri(file)))])), ("region", region)])
}

/// A relative reference, or a `file:` URI.
fn uri(path: &str) -> String {
    let mut text = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'!' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The whole document. `rules` are the codes that the results name.
pub fn document(tool: &str, results: &[String], rules: &[&str], status: u8) -> String {
    let rule = |code: &&str| {
        let help = message(&format!("coexc explain {code}"));
        object(&[("id", string(code)), ("help", help)])
    };
    let rules: Vec<String> = rules.iter().map(rule).collect();
    let driver = object(&[
        ("name", string(tool)),
        ("version", string(env!("CARGO_PKG_VERSION"))),
        ("semanticVersion", string(env!("CARGO_PKG_VERSION"))),
        ("rules", array(&rules)),
    ]);
    let invocation = object(&[("executionSuccessful", (status == 0).to_string()), ("exitCode", status.to_string())]);
    let run = object(&[
        ("tool", object(&[("driver", driver)])),
        ("columnKind", string("unicodeCodePoints")),
        ("invocations", array(&[invocation])),
        ("results", array(results)),
    ]);
    object(&[("$schema", string(SCHEMA)), ("version", string("2.1.0")), ("runs", array(&[run]))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_references() {
        assert_eq!(uri("a b/ü.coex"), "a%20b/%C3%BC.coex");
        assert_eq!(uri("/x/y.cxz!/src/y.coex"), "file:///x/y.cxz!/src/y.coex");
    }
}
