//! `-g`: lines, functions, variables and types, as DWARF.
//!
//! In: spans of functions, statements and calls; scopes and slots of variables. Out: LLVM debug metadata, so that a debugger
//! stops at Coex lines and shows Coex functions and their variables, and a script that teaches gdb how to print values.
//! Deliberately not here: what types look like (`types`), the parts that variables are visible in (`scopes`).

mod scopes;
mod stepping;
mod types;

use super::context::Codegen;
use super::emit::{Emit, Scalars};
use super::function::Body;
use crate::ir::{Function, LocalId};
use crate::source::{FileId, Span};
use crate::types::TypeId;
use inkwell::debug_info::{
    AsDIScope, DICompileUnit, DIFile, DIFlags, DIFlagsConstants, DILocation, DISubprogram, DIType, DWARFEmissionKind,
    DWARFSourceLanguage, DebugInfoBuilder, debug_metadata_version,
};
use inkwell::module::{FlagBehavior, Linkage, Module};
use inkwell::values::FunctionValue;
pub(super) use scopes::Scopes;
use std::cell::RefCell;
use std::collections::HashMap;

/// The version that every debugger in use reads.
const DWARF_VERSION: u32 = 5;
/// Where the code is that calls `main`: in no file, so that no line of one means it.
const START: &str = "<coex>";
/// What a debugger does to an address to find the variable: it follows it.
const DW_OP_DEREF: i64 = 0x06;

/// Prints values as Coex does. It takes what it needs to know of layouts from the types of the executable.
const SCRIPT: &str = include_str!("printers.py");
/// A script in Python, by gdb's format of the section.
const SCRIPT_HEAD: &str = "\x04coex\n";
const SCRIPT_SECTION: &str = ".debug_gdb_scripts";

pub(super) struct DebugInfo<'ctx> {
    builder: DebugInfoBuilder<'ctx>,
    unit: DICompileUnit<'ctx>,
    directory: String,
    files: RefCell<HashMap<FileId, DIFile<'ctx>>>,
    types: RefCell<HashMap<TypeId, DIType<'ctx>>>,
    optimised: bool,
}

impl<'ctx> DebugInfo<'ctx> {
    /// `name` of the program's file, seen from `directory`.
    pub(super) fn new(
        module: &Module<'ctx>,
        types: Scalars<'ctx>,
        name: &str,
        directory: &str,
        optimised: bool,
    ) -> DebugInfo<'ctx> {
        let version = types.word32(debug_metadata_version());
        module.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, version);
        module.add_basic_value_flag("Dwarf Version", FlagBehavior::Warning, types.word32(DWARF_VERSION));
        let (builder, unit) = module.create_debug_info_builder(
            true,
            // There is no number for Coex; debuggers know how to show C.
            DWARFSourceLanguage::C,
            name,
            directory,
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
        let directory = directory.to_owned();
        DebugInfo { builder, unit, directory, files: RefCell::default(), types: RefCell::default(), optimised }
    }

    pub(super) fn finish(&self, codegen: &Codegen<'_, 'ctx>) {
        self.builder.finalize();
        if !self.optimised {
            stepping::run(codegen.context, &codegen.module);
        }
        let text = codegen.context.const_string([SCRIPT_HEAD, SCRIPT].concat().as_bytes(), true);
        let script = codegen.module.add_global(text.get_type(), None, "gdb.script");
        script.set_linkage(Linkage::Internal);
        script.set_constant(true);
        script.set_alignment(1);
        script.set_section(Some(SCRIPT_SECTION));
        script.set_initializer(&text);
        // Nothing refers to it.
        let kept = codegen.types.ptr.const_array(&[script.as_pointer_value()]);
        let used = codegen.module.add_global(kept.get_type(), None, "llvm.used");
        used.set_linkage(Linkage::Appending);
        used.set_section(Some("llvm.metadata"));
        used.set_initializer(&kept);
    }

    fn file(&self, codegen: &Codegen<'_, 'ctx>, id: FileId) -> DIFile<'ctx> {
        let create = || self.builder.create_file(&codegen.sources.file(id).name, &self.directory);
        *self.files.borrow_mut().entry(id).or_insert_with(create)
    }

    /// Describes a function that the compiler has made: what is inlined into it has places only if it has one itself.
    pub(super) fn describe_made(&self, codegen: &Codegen<'_, 'ctx>, function: FunctionValue<'ctx>, emit: &Emit<'ctx>) {
        let file = self.builder.create_file("start", START);
        let name = function.get_name().to_string_lossy();
        let unit = self.unit.as_debug_info_scope();
        let signature = self.builder.create_subroutine_type(file, None, &[], DIFlags::ZERO);
        let (flags, optimised) = (DIFlags::ARTIFICIAL, self.optimised);
        let described =
            self.builder.create_function(unit, &name, None, file, 1, signature, true, true, 1, flags, optimised);
        function.set_subprogram(described);
        let scope = described.as_debug_info_scope();
        let place = self.builder.create_debug_location(codegen.context, 1, 1, scope, None);
        emit.builder.set_current_debug_location(place);
    }

    /// Describes a function, so that its instructions may have places.
    fn describe(
        &self,
        codegen: &Codegen<'_, 'ctx>,
        function: FunctionValue<'ctx>,
        name: &str,
        ir: &Function,
    ) -> DISubprogram<'ctx> {
        let (file, line, flags) = if codegen.is_entry(ir) {
            (self.builder.create_file("start", START), 1, DIFlags::ARTIFICIAL)
        } else {
            (self.file(codegen, ir.span.file), codegen.sources.line_column(ir.span).0, DIFlags::ZERO)
        };
        // Debuggers take a C function's result from where C has it: the same for one word.
        let result = ir.result.filter(|&ty| codegen.layout(ty).is_scalar() || codegen.layout(ty).is_reference());
        let result = result.map(|ty| self.slot(codegen, ty));
        let signature = self.builder.create_subroutine_type(file, result, &[], DIFlags::ZERO);
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
            flags,
            self.optimised,
        );
        function.set_subprogram(described);
        described
    }
}

impl Codegen<'_, '_> {
    fn is_entry(&self, ir: &Function) -> bool {
        std::ptr::eq(self.program.function(self.program.entry), ir)
    }
}

/// Which variables a body has.
#[derive(Clone, Copy)]
pub(super) enum Variables<'a> {
    /// All of its function.
    Whole,
    /// Those that this text declares, and those it shares with the function around it.
    Part {
        text: Span,
        shared: Shared<'a>,
    },
    None,
}

/// Variables that belong to the function around this one.
#[derive(Clone, Copy)]
pub(super) enum Shared<'a> {
    /// In slots of this body.
    Copied(&'a [LocalId]),
    /// Where they are there.
    Referred(&'a [LocalId]),
}

impl<'ctx> Body<'_, 'ctx> {
    /// Gives the function its name in debug information, and its variables their names. A part of a function is named so.
    /// What is built up to the next place is the prologue: a debugger stops behind it.
    pub(super) fn describe_function(&mut self, part: Option<&str>, variables: Variables<'_>) {
        let Some(debug) = &self.codegen.debug else { return };
        let name = part.map(|part| format!("{}.{part}", self.ir.name));
        let name = name.as_deref().unwrap_or(&self.ir.name);
        let described = debug.describe(self.codegen, self.func, name, self.ir);
        let scopes = Scopes::new(self.codegen, debug, described, self.ir);
        for (index, local) in self.ir.locals.iter().enumerate() {
            let id = LocalId(index as u32);
            let Some(scope) = local.scope.filter(|scope| scope.file == self.ir.span.file) else { continue };
            match variables {
                Variables::Whole => {
                    let param = self.ir.params.iter().position(|param| *param == id);
                    let is_given = param.is_some() || self.ir.captures.contains(&id);
                    let scope = if is_given { scopes.whole() } else { scopes.at(scope.start) };
                    self.declare_variable(debug, id, scope, param);
                    if !is_given {
                        self.clear_variable(debug, id);
                    }
                }
                Variables::Part { shared: Shared::Copied(list), .. } if list.contains(&id) => {
                    self.declare_variable(debug, id, scopes.at(scope.start), None);
                }
                Variables::Part { shared: Shared::Referred(list), .. } if list.contains(&id) => {
                    self.declare_referred(debug, id, scopes.at(scope.start));
                }
                Variables::Part { text, .. } if text.start <= scope.start && scope.end <= text.end => {
                    self.declare_variable(debug, id, scopes.at(scope.start), None);
                    self.clear_variable(debug, id);
                }
                Variables::Part { .. } | Variables::None => {}
            }
        }
        self.places = Some(scopes);
    }

    /// Instructions built from now on belong to this place.
    pub(super) fn at_place(&self, span: Span) {
        let (Some(debug), Some(scopes)) = (&self.codegen.debug, &self.places) else { return };
        // A lambda or an inlined default of another file keeps its function's place.
        if span.file != self.ir.span.file {
            return;
        }
        let is_entry = self.codegen.is_entry(self.ir);
        let (line, column) = if is_entry { (1, 1) } else { self.codegen.sources.line_column(span) };
        let scope = scopes.at(span.start);
        let place = debug.builder.create_debug_location(self.codegen.context, line, column, scope, None);
        self.emit.builder.set_current_debug_location(place);
    }

    pub(super) fn place(&self) -> Option<DILocation<'ctx>> {
        self.emit.builder.get_current_debug_location()
    }

    /// Instructions built from now on belong to a place again, as those behind a loop's body to its header.
    pub(super) fn return_to(&self, place: Option<DILocation<'ctx>>) {
        if let Some(place) = place {
            self.emit.builder.set_current_debug_location(place);
        }
    }
}
