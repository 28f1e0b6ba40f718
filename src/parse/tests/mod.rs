//! Tests of the whole parser: what parses, as what, and what is said about the rest.

mod hostile;
mod lexing;
mod notes;
mod recovery;
mod speed;

use super::parse_module;
use crate::ast::{Module, print::print_module};
use crate::diagnostics::Diagnostics;
use crate::source::{FileId, SourceMap};

const EVERYTHING: &str = include_str!("../testdata/everything.coex");

/// The tree, and the faults as `code line:column message`.
fn parse(text: &str) -> (Module, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let module = parse_module(FileId(0), text, &mut diagnostics);
    let mut sources = SourceMap::default();
    sources.add("test.coex", text);
    let list = diagnostics.into_sorted();
    let shown = list.iter().map(|fault| {
        let (line, column) = fault.primary.map_or((0, 0), |span| sources.line_column(span));
        format!("{} {line}:{column} {}", fault.code.as_str(), fault.message)
    });
    (module, shown.collect())
}

/// The printed tree of a text without faults.
fn tree(text: &str) -> String {
    let (module, faults) = parse(text);
    assert_eq!(faults, [""; 0], "in {text}");
    print_module(&module)
}

/// The printed statements of a function body without faults.
fn body(text: &str) -> String {
    let printed = tree(&format!("func main()\n{text}\n~"));
    let lines: Vec<&str> = printed.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    lines.join("\n")
}

/// The faults of a function body that begins in line 2.
fn faults(text: &str) -> Vec<String> {
    parse(&format!("func main()\n{text}\n~")).1
}

/// The codes of the faults.
fn codes(text: &str) -> Vec<String> {
    faults(text).iter().map(|fault| fault[..5].to_owned()).collect()
}

#[test]
fn every_construct_parses() {
    let (module, faults) = parse(EVERYTHING);
    assert_eq!(faults, [""; 0]);
    assert_eq!((module.headers.len(), module.items.len()), (5, 8));
}

#[test]
fn no_decision_is_adaptive() {
    let decisions = include_str!("../generated/decisions.json");
    assert!(decisions.contains("\"adaptive\": 0"), "see grammar/README.md");
}
