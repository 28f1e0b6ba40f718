//! `-g`: line tables and names of functions, as DWARF.
//!
//! In: spans of functions, statements and calls. Out: LLVM debug metadata, so that a debugger stops at Coex lines and
//! shows Coex functions. Deliberately not here: variables and types.

use super::context::Codegen;
use super::emit::Scalars;
use super::function::Body;
use crate::source::{FileId, Span};
use inkwell::debug_info::{
    AsDIScope, DICompileUnit, DIFile, DIFlags, DIFlagsConstants, DISubprogram, DWARFEmissionKind, DWARFSourceLanguage,
    DebugInfoBuilder, debug_metadata_version,
};
use inkwell::module::{FlagBehavior, Module};
use inkwell::values::FunctionValue;
use std::cell::RefCell;
use std::collections::HashMap;

/// The version that every debugger in use reads.
const DWARF_VERSION: u32 = 5;

pub(super) struct DebugInfo<'ctx> {
    builder: DebugInfoBuilder<'ctx>,
    unit: DICompileUnit<'ctx>,
    files: RefCell<HashMap<FileId, DIFile<'ctx>>>,
    optimised: bool,
}

impl<'ctx> DebugInfo<'ctx> {
    pub(super) fn new(module: &Module<'ctx>, types: Scalars<'ctx>, name: &str, optimised: bool) -> DebugInfo<'ctx> {
        let version = types.word32(debug_metadata_version());
        module.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, version);
        module.add_basic_value_flag("Dwarf Version", FlagBehavior::Warning, types.word32(DWARF_VERSION));
        let (builder, unit) = module.create_debug_info_builder(
            true,
            // There is no number for Coex; debuggers know how to show C.
            DWARFSourceLanguage::C,
            name,
            ".",
            concat!("coexc ", env!("CARGO_PKG_VERSION")),
            optimised,
            "",
            0,
            "",
            DWARFEmissionKind::Full,
            0,
            false,
            false,
            "",
            "",
        );
        DebugInfo { builder, unit, files: RefCell::default(), optimised }
    }

    pub(super) fn finish(&self) {
        self.builder.finalize();
    }

    fn file(&self, codegen: &Codegen<'_, 'ctx>, id: FileId) -> DIFile<'ctx> {
        let create = || self.builder.create_file(&codegen.sources.file(id).name, ".");
        *self.files.borrow_mut().entry(id).or_insert_with(create)
    }

    /// Describes a function, so that its instructions may have places.
    fn describe(
        &self,
        codegen: &Codegen<'_, 'ctx>,
        function: FunctionValue<'ctx>,
        name: &str,
        span: Span,
    ) -> DISubprogram<'ctx> {
        let file = self.file(codegen, span.file);
        let (line, _) = codegen.sources.line_column(span);
        let signature = self.builder.create_subroutine_type(file, None, &[], DIFlags::PUBLIC);
        let described = self.builder.create_function(
            self.unit.as_debug_info_scope(),
            name,
            // Debuggers would show the symbol instead of the name.
            None,
            file,
            line,
            signature,
            true,
            true,
            line,
            DIFlags::PUBLIC,
            self.optimised,
        );
        function.set_subprogram(described);
        described
    }
}

impl<'ctx> Body<'_, 'ctx> {
    /// Gives the function its name and first place in debug information.
    pub(super) fn describe_function(&mut self) {
        let Some(debug) = &self.codegen.debug else { return };
        let described = debug.describe(self.codegen, self.func, &self.ir.name, self.ir.span);
        self.scope = Some(described.as_debug_info_scope());
        self.at_place(self.ir.span);
    }

    /// Instructions built from now on belong to this place.
    pub(super) fn at_place(&self, span: Span) {
        let (Some(debug), Some(scope)) = (&self.codegen.debug, self.scope) else { return };
        // A lambda or an inlined default of another file keeps its function's place.
        if span.file != self.ir.span.file {
            return;
        }
        let (line, column) = self.codegen.sources.line_column(span);
        let place = debug.builder.create_debug_location(self.codegen.context, line, column, scope, None);
        self.emit.builder.set_current_debug_location(place);
    }
}
