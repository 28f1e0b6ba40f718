//! Takes typed values out of TOML tables and says what is wrong with them.
//!
//! In: a parsed TOML table. Out: values with their places; diagnostics for wrong types and unknown keys.
//! Deliberately not here: which keys there are (`parse`), and what values may be (`rules`).

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Located;
use crate::diagnostics::{Code, Diagnostic, Diagnostics, nearest};
use crate::source::{FileId, Span};

/// What all tables of one manifest share.
pub(super) struct Report<'a> {
    pub(super) file: FileId,
    pub(super) library: String,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Report<'_> {
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start as u32, range.end as u32)
    }

    pub(super) fn invalid(&mut self, span: Span, text: impl AsRef<str>) {
        let message = format!("Manifest of '{}' is not valid: {}", self.library, text.as_ref());
        self.diagnostics.push(Diagnostic::new(Code::E1408, span, message));
    }
}

type Value<'t, 'i> = &'t Spanned<DeValue<'i>>;

/// A table whose keys are taken one after the other; what is left at the end is unknown.
pub(super) struct Table<'t, 'i> {
    /// `ffi.engine`; empty for the root.
    path: String,
    pub(super) span: Span,
    entries: BTreeMap<&'t str, (Range<usize>, Value<'t, 'i>)>,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Table<'t, 'i> {
    pub(super) fn new(path: impl Into<String>, span: Span, table: &'t DeTable<'i>) -> Table<'t, 'i> {
        let entries = table.iter().map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value))).collect();
        Table { path: path.into(), span, entries, asked: Vec::new() }
    }

    fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn take(&mut self, key: &'static str) -> Option<Value<'t, 'i>> {
        self.asked.push(key);
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Every entry, for tables whose keys are the author's own.
    pub(super) fn take_all(&mut self) -> Vec<(Located<String>, Value<'t, 'i>)> {
        let file = self.span.file;
        let entries = std::mem::take(&mut self.entries);
        let located = |key: &str, range: Range<usize>| Located {
            value: key.to_owned(),
            span: Span::new(file, range.start as u32, range.end as u32),
        };
        entries.into_iter().map(|(key, (range, value))| (located(key, range), value)).collect()
    }

    /// Says that a value has another type than its key wants.
    fn wrong(&self, report: &mut Report, key: &str, value: Value, wanted: &str) {
        let span = report.span(value.span());
        let found = value.get_ref().type_str();
        report.invalid(span, format!("'{}' must be {wanted}, found {found}", self.key_path(key)));
    }

    pub(super) fn string(&mut self, report: &mut Report, key: &'static str) -> Option<Located<String>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Located { value: text.to_string(), span: report.span(value.span()) }),
            _ => {
                self.wrong(report, key, value, "a string");
                None
            }
        }
    }

    pub(super) fn required(&mut self, report: &mut Report, key: &'static str) -> Option<Located<String>> {
        if !self.entries.contains_key(key) {
            self.asked.push(key);
            report.invalid(self.span, format!("'{}' is missing", self.key_path(key)));
            return None;
        }
        self.string(report, key)
    }

    pub(super) fn plain_string(&mut self, report: &mut Report, key: &'static str) -> Option<String> {
        self.string(report, key).map(|text| text.value)
    }

    pub(super) fn flag(&mut self, report: &mut Report, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.wrong(report, key, value, "true or false");
        None
    }

    /// A count; 0 when absent.
    pub(super) fn count(&mut self, report: &mut Report, key: &'static str) -> u64 {
        let Some(value) = self.take(key) else { return 0 };
        let digits = value.get_ref().as_integer();
        let count = digits.and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok());
        if count.is_none() {
            self.wrong(report, key, value, "a number that is not negative");
        }
        count.unwrap_or(0)
    }

    /// A list of strings; absent and empty are told apart.
    pub(super) fn strings(&mut self, report: &mut Report, key: &'static str) -> Option<Vec<Located<String>>> {
        let value = self.take(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong(report, key, value, "a list of strings");
            return None;
        };
        let mut list = Vec::with_capacity(array.len());
        for item in array.iter() {
            match item.get_ref() {
                DeValue::String(text) => {
                    list.push(Located { value: text.to_string(), span: report.span(item.span()) });
                }
                _ => self.wrong(report, key, item, "a list of strings"),
            }
        }
        Some(list)
    }

    pub(super) fn table(&mut self, report: &mut Report, key: &'static str) -> Option<Table<'t, 'i>> {
        let value = self.take(key)?;
        self.as_table(report, key, value)
    }

    pub(super) fn as_table(&self, report: &mut Report, key: &str, value: Value<'t, 'i>) -> Option<Table<'t, 'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Table::new(self.key_path(key), report.span(value.span()), table));
        }
        self.wrong(report, key, value, "a table");
        None
    }

    pub(super) fn tables(&mut self, report: &mut Report, key: &'static str) -> Vec<Table<'t, 'i>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong(report, key, value, "a list of tables");
            return Vec::new();
        };
        array.iter().filter_map(|item| self.as_table(report, key, item)).collect()
    }

    /// A table of strings under keys of the author's own.
    pub(super) fn string_map(
        &mut self,
        report: &mut Report,
        key: &'static str,
    ) -> Vec<(Located<String>, Located<String>)> {
        let Some(mut table) = self.table(report, key) else { return Vec::new() };
        let mut map = Vec::new();
        for (name, value) in table.take_all() {
            match value.get_ref() {
                DeValue::String(text) => {
                    let value = Located { value: text.to_string(), span: report.span(value.span()) };
                    map.push((name, value));
                }
                _ => table.wrong(report, &name.value, value, "a string"),
            }
        }
        map
    }

    /// Whatever was not asked for is unknown.
    pub(super) fn finish(self, report: &mut Report) {
        for (key, (range, _)) in &self.entries {
            let span = report.span(range.clone());
            let message = format!("Unknown manifest key '{}'", self.key_path(key));
            let mut diagnostic = Diagnostic::new(Code::W1101, span, message);
            if let Some(near) = nearest(key, self.asked.iter().copied()) {
                diagnostic = diagnostic.help(format!("a key named '{near}' exists"));
            }
            report.diagnostics.push(diagnostic);
        }
    }
}
