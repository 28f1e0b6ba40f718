//! One import line: what it asks for, what it binds, and the messages when that fails.
//!
//! In: an import of the syntax tree. Out: a [`Request`] for the search. Deliberately not here: the search itself.

use crate::ast::{Import, ImportTarget};
use crate::cxz::search::{NotFound, Wanted, stem};
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{Span, Symbol};

/// Names that cannot be bound (language reference 1.4).
const RESERVED: &[&str] = &[
    "formula",
    "task",
    "func",
    "extern",
    "type",
    "trait",
    "matrix",
    "if",
    "else",
    "for",
    "in",
    "while",
    "match",
    "case",
    "select",
    "within",
    "break",
    "continue",
    "return",
    "as",
    "const",
    "var",
    "await",
    "and",
    "or",
    "not",
    "true",
    "false",
    "nil",
    "import",
    "llvm_ir",
    "end",
    "self",
    "cell",
    "int",
    "float",
    "bool",
    "string",
    "byte",
    "char",
    "json",
    "atomic_int",
    "atomic_float",
    "atomic_bool",
];

pub(super) struct Request<'a> {
    pub(super) wanted: Wanted<'a>,
    /// The stem, for messages.
    pub(super) name: &'a str,
    /// Absent when the stem is no identifier and there is no alias; that is reported.
    pub(super) binding: Option<Symbol>,
    pub(super) span: Span,
}

impl Request<'_> {
    pub(super) fn is_bundled_math(&self) -> bool {
        self.wanted == Wanted::Module("math")
    }
}

/// `import time` is allowed and does nothing (10.7): the module is there anyway.
pub(super) fn is_built_in(import: &Import) -> bool {
    matches!(&import.target, ImportTarget::Name(name) if name.name.as_str() == "time") && import.alias.is_none()
}

pub(super) fn request<'a>(import: &'a Import, diagnostics: &mut Diagnostics) -> Request<'a> {
    let (wanted, name, span) = match &import.target {
        ImportTarget::Name(ident) => (Wanted::Module(ident.name.as_str()), ident.name.as_str(), ident.span),
        ImportTarget::Text { text, span } => (Wanted::Library(text), stem(text), *span),
    };
    let binding = match &import.alias {
        Some(alias) => Some(alias.name),
        None if is_identifier(name) => Some(Symbol::new(name)),
        None => {
            let message = format!("Import of '{name}' needs 'as name'");
            diagnostics.push(Diagnostic::new(Code::E1201, span, message));
            None
        }
    };
    Request { wanted, name, binding, span }
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name != "_" && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !RESERVED.contains(&name)
}

/// The founding note's text.
pub(super) fn not_found(request: &Request, error: &NotFound) -> Diagnostic {
    let (message, is_library) = match request.wanted {
        Wanted::Module(name) => (format!("Module not found: '{name}'"), false),
        Wanted::Library(_) => (format!("Library '{}' not found", request.name), true),
    };
    let lines: Vec<String> = error.searched.iter().map(|path| format!("  - {path}")).collect();
    let diagnostic = Diagnostic::new(Code::E1202, request.span, message);
    let diagnostic = diagnostic.body(format!("Searched in:\n{}", lines.join("\n")));
    if is_library { diagnostic.body(format!("To install: coex pkg install {}", request.name)) } else { diagnostic }
}
