//! What the compiler says about a program.
//!
//! In: faults, where they are found. Out: a sorted list of [`Diagnostic`]s.
//! Deliberately not here: how they look (`render`), and faults of the world, which are typed errors of their modules.

pub mod codes;
pub mod json;
mod nearest;
mod progress;
mod reason;
pub mod render;
pub mod sarif;
pub mod shell;

pub use codes::Code;
pub(crate) use nearest::{distance, nearest};
pub(crate) use progress::Watched;
pub use progress::{Counted, Nobody, Watcher};
pub use reason::io_reason;

use crate::source::Span;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    Error,
    Warning,
}

/// One fault of the program, a manifest or a library.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub code: Code,
    /// The first line, in the wording of the language reference.
    pub message: String,
    /// Absent for faults without a place in a source text.
    pub primary: Option<Span>,
    /// Text under the primary span.
    pub label: Option<String>,
    /// Other places that matter, each with its text; they may lie in other files.
    pub secondary: Vec<(Span, String)>,
    /// Paragraphs printed unindented after the excerpt, as they stand (the founding note's texts).
    pub body: Vec<String>,
    pub notes: Vec<String>,
    pub helps: Vec<String>,
    /// Places in files that the compiler has not read itself, for other programs; the body holds them as text.
    pub foreign: Vec<ForeignPlace>,
}

/// A line of clang's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForeignPlace {
    pub file: String,
    /// From 1, as is the column.
    pub line: u32,
    pub column: u32,
    pub message: String,
}

impl ForeignPlace {
    /// `ffi/src/x.c:3:4: error: text`; `in_library` says how the file is named.
    pub fn parse(text: &str, in_library: impl FnOnce(&str) -> String) -> Option<ForeignPlace> {
        let (place, message) = text.split_once(": error: ").or_else(|| text.split_once(": fatal error: "))?;
        let (rest, column) = place.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        Some(ForeignPlace { file: in_library(file), line, column, message: message.to_owned() })
    }
}

impl Diagnostic {
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { primary: Some(span), ..Diagnostic::without_place(code, message) }
    }

    pub fn without_place(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            message: message.into(),
            primary: None,
            label: None,
            secondary: Vec::new(),
            body: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            foreign: Vec::new(),
        }
    }

    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.label = Some(text.into());
        self
    }

    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.secondary.push((span, text.into()));
        self
    }

    pub fn body(mut self, paragraph: impl Into<String>) -> Diagnostic {
        self.body.push(paragraph.into());
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.helps.push(text.into());
        self
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// Collects faults; phases get it as `&mut`.
#[derive(Default, Debug)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
}

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity() == Severity::Error {
            self.errors += 1;
        }
        self.list.push(diagnostic);
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub fn error_count(&self) -> usize {
        self.errors
    }

    /// All of them, in the order of their finding.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A sorted copy, while the collection goes on.
    pub fn sorted(&self) -> Vec<Diagnostic> {
        sort(self.list.clone())
    }

    /// All of them, by file and position; those without a place last, in the order of their finding.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        sort(self.list)
    }
}

/// Checking an instance of a generic body again finds its faults again: each is said once.
fn sort(mut list: Vec<Diagnostic>) -> Vec<Diagnostic> {
    list.sort_by_key(|diagnostic| (diagnostic.primary.is_none(), diagnostic.primary));
    let mut seen = std::collections::HashSet::new();
    list.retain(|diagnostic| seen.insert((diagnostic.code, diagnostic.primary, diagnostic.message.clone())));
    list
}
