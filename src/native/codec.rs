//! The text form of what an entry of the cache says beside its bytes: one value a line.
//!
//! In: strings, numbers. Out: lines, and the same values back, or `None` when they do not fit.
//! Deliberately not here: what the values mean (`record`, `toolchain`).

use std::fmt::Display;

#[derive(Default)]
pub(super) struct Writer(String);

impl Writer {
    /// A newline inside a value would end it: it is written as an escape.
    pub(super) fn put(&mut self, value: impl Display) {
        let text = value.to_string();
        for character in text.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
        self.0.push('\n');
    }

    pub(super) fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut put: impl FnMut(&mut Writer, T)) {
        self.put(items.len());
        for item in items {
            put(self, item);
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

pub(super) struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader(text)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let (line, rest) = self.0.split_once('\n')?;
        self.0 = rest;
        if !line.contains('\\') {
            return Some(line.to_owned());
        }
        let (mut text, mut characters) = (String::with_capacity(line.len()), line.chars());
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.next()? == 'n' => text.push('\n'),
                other => text.push(other),
            }
        }
        Some(text)
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        let (line, rest) = self.0.split_once('\n')?;
        self.0 = rest;
        line.parse().ok()
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.number::<u8>().map(|number| number != 0)
    }

    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Reader<'a>) -> Option<T>) -> Option<Vec<T>> {
        let count: usize = self.number()?;
        (0..count).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let mut writer = Writer::default();
        writer.put("a\nb\\n\\");
        writer.put(u64::MAX);
        writer.put(u8::from(true));
        writer.list(["x", ""].iter(), |writer, item| writer.put(item));
        let text = writer.finish();
        let mut reader = Reader::new(&text);
        assert_eq!(reader.text().as_deref(), Some("a\nb\\n\\"));
        assert_eq!(reader.number(), Some(u64::MAX));
        assert_eq!(reader.flag(), Some(true));
        assert_eq!(reader.list(Reader::text), Some(vec!["x".to_owned(), String::new()]));
        assert_eq!(reader.text(), None);
    }
}
