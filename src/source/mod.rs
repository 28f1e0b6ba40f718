//! Source texts and places in them.
//!
//! In: texts that the driver has read. Out: [`FileId`]s, and lines and columns for byte positions.
//! Deliberately not here: reading files.

mod span;
mod symbol;

pub use span::{FileId, Span};
pub use symbol::Symbol;

/// All source texts of one compilation; grows while imports are loaded.
#[derive(Default, Debug)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

#[derive(Debug)]
pub struct SourceFile {
    /// As named on the command line, relative to the importing file, or `regex.cxz!/src/regex.coex`.
    pub name: String,
    pub text: String,
    line_starts: Vec<u32>,
}

impl SourceMap {
    /// `text` is at most 4 GiB; the driver refuses larger files long before.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let (name, text) = (name.into(), text.into());
        let line_starts = line_starts(&text);
        self.files.push(SourceFile { name, text, line_starts });
        FileId(self.files.len() as u32 - 1)
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(index as u32), file))
    }

    /// Line and column from 1; columns count code points.
    pub fn line_column(&self, span: Span) -> (u32, u32) {
        self.file(span.file).line_column(span.start)
    }
}

impl SourceFile {
    /// Line and column from 1 of a byte offset; columns count code points.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.line_starts.partition_point(|&start| start <= offset) - 1;
        let start = self.line_starts[line] as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.as_bytes()[start..end].iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        (line as u32 + 1, column as u32 + 1)
    }

    /// The text of a line (from 1), without its line end.
    pub fn line(&self, line: u32) -> &str {
        let start = self.line_starts[line as usize - 1] as usize;
        let end = self.line_starts.get(line as usize).map_or(self.text.len(), |&next| next as usize);
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    pub fn line_count(&self) -> u32 {
        self.line_starts.len() as u32
    }
}

/// Lines end with LF, CR LF or CR (language reference 1.1).
fn line_starts(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (index, &byte) in bytes.iter().enumerate() {
        if byte == b'\n' || (byte == b'\r' && bytes.get(index + 1) != Some(&b'\n')) {
            starts.push(index as u32 + 1);
        }
    }
    starts
}
