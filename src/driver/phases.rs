//! The calls of the phases with what the session says for each.
//!
//! In: finished structures. Out: finished structures. Deliberately not here: their order (`pipeline`).

use super::session::Session;
use crate::ast::Module;
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::ir::Program;
use crate::native::NativeLibrary;
use crate::resolve::Sources;
use crate::source::{FileId, SourceMap};

pub(super) fn parse(file: FileId, _text: &str, _diagnostics: &mut Diagnostics) -> Module {
    Module { file, headers: Vec::new(), items: Vec::new() }
}

pub(super) fn resolve(sources: Sources, _diagnostics: &mut Diagnostics) -> Sources {
    sources
}

pub(super) fn check(_sources: Sources, _session: &Session, diagnostics: &mut Diagnostics) -> Option<Program> {
    diagnostics.push(Diagnostic::without_place(Code::E0001, "Not supported by this version: programs"));
    None
}

pub(super) fn passes(_program: &mut Program) {}

pub(super) fn codegen(
    _program: &Program,
    _natives: &[NativeLibrary],
    _session: &Session,
    _sources: &SourceMap,
    _diagnostics: &mut Diagnostics,
) -> Option<Vec<u8>> {
    None
}
