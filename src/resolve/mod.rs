//! Which declaration every name of a program can mean.
//!
//! In: the loaded sources. Out: units with their scopes.
//! Deliberately not here: reading files (the driver does), types of expressions.

use crate::ast;
use crate::ir::ExternRules;
use crate::source::{Span, Symbol};
use crate::types::LibraryId;

/// Everything the driver has loaded for one program. Units come after those they import; the program is the last.
#[derive(Debug)]
pub struct Sources {
    pub units: Vec<Unit>,
    pub libraries: Vec<LibraryFacts>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct UnitId(pub u32);

/// A name space: the program's file, a source module, or all sources of one library.
#[derive(Debug)]
pub struct Unit {
    pub name: Symbol,
    pub kind: UnitKind,
    pub files: Vec<SourceFile>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnitKind {
    Program,
    Module,
    Library(LibraryId),
    /// What an import asked for and did not get; its names are not known, so nothing can be said about their uses.
    Missing,
}

#[derive(Debug)]
pub struct SourceFile {
    pub ast: ast::Module,
    pub imports: Vec<ImportedUnit>,
}

/// One import line that was found.
#[derive(Clone, Debug)]
pub struct ImportedUnit {
    /// The name it is bound to in the importing file.
    pub binding: Symbol,
    pub unit: UnitId,
    pub span: Span,
}

/// What check needs to know of a library beside its sources.
#[derive(Debug)]
pub struct LibraryFacts {
    pub name: Symbol,
    /// `[[ffi.NAME.symbols]]` of the manifest.
    pub symbols: Vec<SymbolFacts>,
}

#[derive(Debug)]
pub struct SymbolFacts {
    pub name: Symbol,
    /// Of the name in the manifest.
    pub span: Span,
    /// Coex type names as the manifest writes them; used when no `extern` declares the symbol, else compared.
    pub params: Option<Vec<String>>,
    pub returns: Option<String>,
    pub c_declaration: Option<String>,
    pub rules: ExternRules,
}
