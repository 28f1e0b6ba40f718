//! What the reader of manifests must do with any bytes: say what is wrong at places that exist, or read what means the same
//! when it is written in another way.
//!
//! In: bytes. Out: nothing; a panic where the reader breaks its word. Shared with the fuzz target of `fuzz/`.

use coexc::cxz::manifest::{self, Manifest};
use coexc::diagnostics::Diagnostics;
use coexc::diagnostics::render::{Paint, render_all};
use coexc::source::SourceMap;

pub(crate) fn read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(manifest) = parsed(text) else { return };
    let table: toml::Table = toml::from_str(text).expect("what is accepted is TOML");
    let Ok(written) = toml::to_string(&table) else { return };
    let again = parsed(&written).unwrap_or_else(|| panic!("written again it is refused: {written}"));
    assert_eq!(meaning(&again), meaning(&manifest), "{written}");
}

fn parsed(text: &str) -> Option<Manifest> {
    let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    let file = sources.add("a.cxz!/manifest.toml", text);
    let manifest = manifest::parse(file, text, "a", &mut diagnostics);
    assert_eq!(manifest.is_none(), diagnostics.has_errors(), "a manifest exists if nothing is wrong");
    let list = diagnostics.into_sorted();
    for fault in &list {
        let place = fault.primary.expect("a place");
        let (start, end) = (place.start as usize, place.end as usize);
        assert!(start <= end && end <= text.len(), "{start}..{end} of {}", text.len());
        assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{start}..{end} inside a character");
    }
    let shown = render_all(&list, &sources, Paint::Plain);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    manifest
}

/// Everything but the places.
fn meaning(manifest: &Manifest) -> String {
    let text = format!("{manifest:?}");
    let mut parts = text.split("span: Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |meaning, part| meaning + part.split_once('}').map_or(part, |(_, rest)| rest))
}
