//! What the compiler must do with any text: read it, check it, and say what is wrong at places that exist.
//!
//! In: a text. Out: nothing; a panic where the compiler breaks its word. Shared with the fuzz target of `fuzz/`.

use coexc::check::{CheckOptions, check_program};
use coexc::diagnostics::Diagnostics;
use coexc::diagnostics::render::{Paint, render_all};
use coexc::driver::run::on_large_stack;
use coexc::parse::parse_module;
use coexc::passes::{self, Updates};
use coexc::resolve::{SourceFile, Sources, Unit, UnitKind};
use coexc::source::{FileId, SourceMap, Span, Symbol};

/// Parses and checks the text; what has no fault goes through the passes too, which verify the IR.
pub(crate) fn read(text: &str) {
    on_large_stack(|| {
        let mut map = SourceMap::default();
        let file = map.add("text.coex", text);
        let mut diagnostics = Diagnostics::default();
        let ast = parse_module(file, text, &mut diagnostics);
        let files = vec![SourceFile { ast, imports: Vec::new() }];
        let unit = Unit { name: Symbol::new("text"), kind: UnitKind::Program, files };
        let sources = Sources { units: vec![unit], libraries: Vec::new() };
        let program = check_program(&sources, &CheckOptions::default(), &mut diagnostics);
        let has_errors = diagnostics.has_errors();
        assert_eq!(program.is_none(), has_errors, "a program exists if nothing is wrong");
        let list = diagnostics.into_sorted();
        for fault in &list {
            for span in fault.primary.iter().chain(fault.secondary.iter().map(|(span, _)| span)) {
                inside(*span, file, text);
            }
        }
        render_all(&list, &map, Paint::Plain);
        if let Some(program) = program {
            passes::run(program, Updates::InPlace);
        }
    });
}

fn inside(span: Span, file: FileId, text: &str) {
    let (start, end) = (span.start as usize, span.end as usize);
    assert_eq!(span.file, file, "a place in another file");
    assert!(start <= end && end <= text.len(), "{start}..{end} of {}", text.len());
    assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{start}..{end} inside a character");
}
