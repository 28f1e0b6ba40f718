//! Tests of the whole parser.

use super::parse_module;
use crate::ast::Module;
use crate::diagnostics::Diagnostics;
use crate::source::{FileId, SourceMap};

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

#[test]
fn every_construct_parses() {
    let (module, faults) = parse(include_str!("testdata/everything.coex"));
    assert_eq!(faults, [""; 0]);
    assert_eq!((module.headers.len(), module.items.len()), (5, 8));
}
