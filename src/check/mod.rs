//! What a program means and whether it may: from syntax trees to typed IR.
//!
//! In: the loaded sources. Out: a monomorphic [`ir::Program`], or faults.
//! Phases: declarations of all units, scopes of all files, signatures, then bodies. Inference is per body, by
//! unification; every generic body is checked once for itself and elaborated once per instantiation.
//! Deliberately not here: reading files, C declarations (`native`), optimisation (`passes`).

mod args;
mod bind;
mod body;
pub mod builtins;
mod call;
mod cast;
mod comprehension;
mod construct;
mod convert;
mod cycle;
mod decls;
mod elements;
mod expr;
mod externs;
mod fast_map;
mod finish;
mod free_names;
mod functions;
mod generics;
mod handles;
mod imports;
mod index;
mod inline_ir;
mod instances;
mod json;
mod lambda;
mod literal;
mod loops;
mod main_function;
mod manifest_symbols;
mod match_;
mod matrix;
mod matrix_values;
mod members;
mod moves;
mod operators;
mod pattern_cover;
mod patterns;
mod place;
mod properties;
mod scope;
mod select;
mod shared;
mod signatures;
mod sizes;
mod statics;
mod stmt;
mod tasks;
mod traits;
mod types;
mod unify;
mod within;

use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::ir;
use crate::resolve::Sources;
use crate::source::{FileId, Span, Symbol};
use crate::types::TypeTable;
use decls::Decls;
use instances::Instances;

/// What the command line says about checking.
#[derive(Clone, Copy, Default, Debug)]
pub struct CheckOptions {
    /// Overrides the directive `printing`.
    pub printing: Option<bool>,
    /// Overrides the directive `debugging`.
    pub debugging: Option<bool>,
}

/// Checks everything; `None` when there are errors, those found before included.
pub fn check_program(sources: &Sources, options: &CheckOptions, diagnostics: &mut Diagnostics) -> Option<ir::Program> {
    let mut checker = Checker::new(sources, diagnostics);
    decls::collect(&mut checker);
    imports::link(&mut checker, options);
    signatures::lower_all(&mut checker);
    functions::check_bodies(&mut checker);
    let entry = main_function::entry(&mut checker);
    handles::report_uncalled_tasks(&mut checker);
    let entry = entry.filter(|_| !checker.diagnostics.has_errors())?;
    let definitions = functions::definitions(&mut checker);
    if checker.diagnostics.has_errors() {
        return None;
    }
    Some(functions::into_program(checker, definitions, entry))
}

/// What all phases of checking share.
pub(crate) struct Checker<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) diagnostics: &'a mut Diagnostics,
    pub(crate) types: TypeTable,
    /// What each type contains; see `properties`.
    pub(crate) flags: Vec<u8>,
    pub(crate) decls: Decls<'a>,
    pub(crate) instances: Instances,
    pub(crate) externs: Vec<ir::Extern>,
    /// Every `llvm_ir` block, once for each elaboration.
    pub(crate) inline_blocks: Vec<ir::InlineBlock>,
    pub(crate) names: Names,
    pub(crate) printing: bool,
    pub(crate) debugging: bool,
    /// Files with syntax errors: only their declarations are used (15.4).
    broken_files: Vec<FileId>,
}

/// Names that come up often; interning takes a lock.
pub(crate) struct Names {
    pub(crate) temp: Symbol,
    pub(crate) self_name: Symbol,
    /// The position, in a formula of a matrix.
    pub(crate) x: Symbol,
    pub(crate) y: Symbol,
}

impl<'a> Checker<'a> {
    fn new(sources: &'a Sources, diagnostics: &'a mut Diagnostics) -> Checker<'a> {
        let mut broken_files = Vec::new();
        for diagnostic in diagnostics.iter() {
            let syntax = diagnostic.code.as_str().starts_with("E01") || diagnostic.code.as_str().starts_with("E02");
            if let (true, Some(span)) = (syntax, diagnostic.primary)
                && !broken_files.contains(&span.file)
            {
                broken_files.push(span.file);
            }
        }
        Checker {
            sources,
            diagnostics,
            types: TypeTable::default(),
            flags: Vec::new(),
            decls: Decls::default(),
            instances: Instances::default(),
            externs: Vec::new(),
            inline_blocks: Vec::new(),
            names: Names {
                temp: Symbol::new("$t"),
                self_name: Symbol::new("self"),
                x: Symbol::new("$x"),
                y: Symbol::new("$y"),
            },
            printing: true,
            debugging: false,
            broken_files,
        }
    }

    pub(crate) fn is_broken(&self, file: FileId) -> bool {
        self.broken_files.contains(&file)
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::new(code, span, message));
    }
}
