//! Diagnostics and build events for other programs: one JSON object a line.
//!
//! In: diagnostics and sources, or an event. Out: lines of text. Every object has `schema` (`coexc/1`) and `kind`;
//! fields are only ever added within one schema; `docs/messages.schema.json` describes it. Deliberately not here: a JSON library, for six shapes of objects.

use std::fmt::Write;

use super::render::{Paint, render};
use super::{Diagnostic, Severity};
use crate::source::{SourceMap, Span};

pub const SCHEMA: &str = "coexc/1";

/// The JSON schema of every line.
pub const DESCRIPTION: &str = include_str!("../../docs/messages.schema.json");

/// One line for each diagnostic.
pub fn render_all(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    diagnostics.iter().map(|diagnostic| self::diagnostic(diagnostic, sources) + "\n").collect()
}

/// `kind: "diagnostic"`
pub fn diagnostic(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let severity = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut spans = Vec::new();
    if let Some(primary) = diagnostic.primary {
        spans.push(span(primary, diagnostic.label.as_deref(), true, sources));
    }
    spans.extend(diagnostic.secondary.iter().map(|(place, text)| span(*place, Some(text), false, sources)));
    let mut children = Vec::new();
    for (kind, texts) in [("body", &diagnostic.body), ("note", &diagnostic.notes), ("help", &diagnostic.helps)] {
        children.extend(texts.iter().map(|text| object(&[("kind", string(kind)), ("message", string(text))])));
    }
    children.extend(diagnostic.foreign.iter().map(|place| {
        object(&[
            ("kind", string("error")),
            ("message", string(&place.message)),
            ("file", string(&place.file)),
            ("line", place.line.to_string()),
            ("col", place.column.to_string()),
        ])
    }));
    object(&[
        ("schema", string(SCHEMA)),
        ("kind", string("diagnostic")),
        ("code", string(diagnostic.code.as_str())),
        ("severity", string(severity)),
        ("message", string(&diagnostic.message)),
        ("spans", array(&spans)),
        ("children", array(&children)),
        ("rendered", string(&render(diagnostic, sources, Paint::Plain))),
    ])
}

/// Any other event; values are JSON already.
pub fn event(kind: &str, fields: &[(&str, String)]) -> String {
    let mut all = vec![("schema", string(SCHEMA)), ("kind", string(kind))];
    all.extend(fields.iter().map(|(name, value)| (*name, value.clone())));
    object(&all)
}

fn span(place: Span, label: Option<&str>, primary: bool, sources: &SourceMap) -> String {
    let file = sources.file(place.file);
    let (line, column) = file.line_column(place.start);
    let (end_line, end_column) = file.line_column(place.end);
    let before: usize = file.line(line).chars().take(column as usize - 1).map(char::len_utf16).sum();
    object(&[
        ("file", string(&file.name)),
        ("byte_start", place.start.to_string()),
        ("byte_end", place.end.to_string()),
        ("line", line.to_string()),
        ("col", column.to_string()),
        ("end_line", end_line.to_string()),
        ("end_col", end_column.to_string()),
        ("utf16_col", (before + 1).to_string()),
        ("label", label.map_or_else(|| "null".to_owned(), string)),
        ("primary", primary.to_string()),
    ])
}

pub(super) fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{value}", string(name))).collect();
    format!("{{{}}}", fields.join(","))
}

pub fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

/// A JSON string literal.
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if (other as u32) < 0x20 || other as u32 == 0x7F => {
                let _ = write!(out, "\\u{:04x}", other as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Code;

    #[test]
    fn columns_are_given_in_every_unit() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.coex", "😀 x\n");
        let diagnostic = Diagnostic::new(Code::E0407, Span::new(file, 5, 6), "Undeclared identifier 'x'");
        let line = super::diagnostic(&diagnostic, &sources);
        assert!(line.contains(r#""byte_start":5,"byte_end":6,"line":1,"col":3"#), "{line}");
        assert!(line.contains(r#""utf16_col":4"#), "{line}");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string("a\"\\\n\u{1}"), r#""a\"\\\n\u0001""#);
    }
}
