//! The calls of the phases with what the session says for each.
//!
//! In: finished structures. Out: finished structures. Deliberately not here: their order (`pipeline`).

use super::session::{Emit, OptLevel, Session, Switch};
use crate::ast::Module;
use crate::bind;
use crate::check::{self, CheckOptions};
use crate::codegen::{self, CodegenOptions, LibraryBinding};
use crate::diagnostics::Diagnostics;
use crate::ir::Program;
use crate::native::{IsolationTier, NativeLibrary};
use crate::parse;
use crate::passes;
use crate::resolve::Sources;
use crate::source::{FileId, SourceMap};

/// Built libraries; a prefix of `Program::libraries`, whose rest has no C (`load`).
pub(super) type Natives = [NativeLibrary];

pub(super) fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Module {
    parse::parse_module(file, text, diagnostics)
}

pub(super) fn check(sources: Sources, session: &Session, diagnostics: &mut Diagnostics) -> Option<Program> {
    let setting = |switch| match switch {
        Switch::Program => None,
        Switch::On => Some(true),
        Switch::Off => Some(false),
    };
    let options = CheckOptions { printing: setting(session.printing), debugging: setting(session.debugging) };
    check::check_program(&sources, &options, diagnostics)
}

/// The faults of `llvm_ir` blocks: only LLVM can tell them.
pub(super) fn check_inline(program: &Program, diagnostics: &mut Diagnostics) {
    codegen::inline_ir::check(program).into_iter().for_each(|fault| diagnostics.push(fault));
}

pub(super) fn passes(program: Program, session: &Session) -> Program {
    passes::run(program, session.updates)
}

/// Compares every extern with its C function and plans its calls.
pub(super) fn bind(program: &Program, natives: &Natives, diagnostics: &mut Diagnostics) -> Vec<bind::Binding> {
    let functions: Vec<bind::Functions> = program
        .libraries
        .iter()
        .enumerate()
        .map(|(index, _)| natives.get(index).map(|native| native.functions.clone()).unwrap_or_default())
        .collect();
    bind::bind(program, &functions, diagnostics)
}

/// An object, LLVM text or assembly.
pub(super) fn codegen(
    program: &Program,
    natives: &Natives,
    externs: &[bind::Binding],
    session: &Session,
    sources: &SourceMap,
) -> Vec<u8> {
    let binding = |native: &NativeLibrary| LibraryBinding {
        descriptor_symbol: native.descriptor_symbol.clone(),
        uses_stdio: native.uses_stdio,
        is_process: native.report.tier == IsolationTier::Process.as_str(),
        is_serial: native.is_serial,
        is_shared: native.is_shared,
        // Functions that print may print its text.
        uses_errno: native.uses_stdio || native.report.symbols.contains_key("__errno_location"),
        // Without its bitcode a leaf is called like any other function.
        leaves: native.leaves.as_ref().and_then(|path| std::fs::read(path).ok()).unwrap_or_default(),
    };
    let libraries: Vec<LibraryBinding> = natives.iter().map(binding).collect();
    let options = CodegenOptions {
        opt: match session.opt_level {
            OptLevel::O0 => codegen::OptLevel::Debug,
            OptLevel::O1 => codegen::OptLevel::O1,
            OptLevel::O2 => codegen::OptLevel::O2,
            OptLevel::O3 => codegen::OptLevel::O3,
        },
        debug_info: session.debug_info,
        directory: session.directory.clone(),
        emit: match session.emit {
            Emit::Llvm => codegen::Emit::Llvm,
            Emit::Asm => codegen::Emit::Asm,
            Emit::Executable | Emit::Object | Emit::Ast | Emit::Ir => codegen::Emit::Object,
        },
        ..CodegenOptions::default()
    };
    match codegen::compile(program, sources, &libraries, externs, &options) {
        Ok(output) => output.bytes,
        Err(error) => crate::bug!("{error}"),
    }
}
