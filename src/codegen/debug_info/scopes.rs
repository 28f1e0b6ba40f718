//! Where variables have their names.
//!
//! In: the scopes of a function's variables. Out: nested blocks of debug information, and the variables in them. A variable is
//! in a block that begins behind its declaration, so a debugger does not show it before.
//! Deliberately not here: types of variables.

use super::{DW_OP_DEREF, DebugInfo};
use crate::codegen::context::Codegen;
use crate::codegen::emit::zero;
use crate::codegen::function::Body;
use crate::ir::{Function, LocalId};
use crate::source::Span;
use inkwell::debug_info::{AsDIScope, DIExpression, DIFlags, DIFlagsConstants, DILocalVariable, DIScope, DISubprogram};
use inkwell::llvm_sys::debuginfo::LLVMDIBuilderInsertDeclareRecordAtEnd;
use inkwell::values::{AsValueRef, PointerValue};

/// LLVM recurses into nested blocks; deeper ones are one with what is around them.
const MAX_DEPTH: u32 = 200;

pub(in crate::codegen) struct Scopes<'ctx> {
    whole: DIScope<'ctx>,
    /// By start; of those with one start the outer ones first.
    blocks: Vec<Block<'ctx>>,
}

struct Block<'ctx> {
    start: u32,
    end: u32,
    scope: DIScope<'ctx>,
    /// The innermost block around it.
    parent: Option<usize>,
    depth: u32,
}

impl<'ctx> Scopes<'ctx> {
    pub(super) fn new(
        codegen: &Codegen<'_, 'ctx>,
        debug: &DebugInfo<'ctx>,
        function: DISubprogram<'ctx>,
        ir: &Function,
    ) -> Scopes<'ctx> {
        let own = |span: &Span| span.file == ir.span.file;
        let mut spans: Vec<Span> = ir.locals.iter().filter_map(|local| local.scope).filter(own).collect();
        spans.sort_unstable_by_key(|span| (span.start, u32::MAX - span.end));
        spans.dedup();
        let mut scopes = Scopes { whole: function.as_debug_info_scope(), blocks: Vec::new() };
        for span in spans {
            let parent = scopes.innermost(span.start);
            let (around, depth) = match parent {
                Some(index) => (scopes.blocks[index].scope, scopes.blocks[index].depth + 1),
                None => (scopes.whole, 0),
            };
            let scope = if depth < MAX_DEPTH {
                let (line, column) = codegen.sources.line_column(span);
                let file = debug.file(codegen, span.file);
                debug.builder.create_lexical_block(around, file, line, column).as_debug_info_scope()
            } else {
                around
            };
            scopes.blocks.push(Block { start: span.start, end: span.end, scope, parent, depth });
        }
        scopes
    }

    fn innermost(&self, position: u32) -> Option<usize> {
        let before = self.blocks.partition_point(|block| block.start <= position);
        let mut candidate = before.checked_sub(1);
        while let Some(index) = candidate.filter(|index| self.blocks[*index].end <= position) {
            candidate = self.blocks[index].parent;
        }
        candidate
    }

    pub(super) fn whole(&self) -> DIScope<'ctx> {
        self.whole
    }

    /// The innermost scope at a byte of the file.
    pub(super) fn at(&self, position: u32) -> DIScope<'ctx> {
        self.innermost(position).map_or(self.whole, |index| self.blocks[index].scope)
    }
}

impl<'ctx> Body<'_, 'ctx> {
    /// The slot of a local, as the variable or the parameter of that number.
    pub(super) fn declare_variable(
        &self,
        debug: &DebugInfo<'ctx>,
        local: LocalId,
        scope: DIScope<'ctx>,
        param: Option<usize>,
    ) {
        self.declare_at(debug, local, scope, param, self.locals[local.0 as usize], None);
    }

    /// A variable of the function around this one: its address is kept in a slot.
    pub(super) fn declare_referred(&self, debug: &DebugInfo<'ctx>, local: LocalId, scope: DIScope<'ctx>) {
        let cell = self.alloca(self.emit.types.ptr.into());
        self.emit.store(cell, self.locals[local.0 as usize]);
        let follow = debug.builder.create_expression(vec![DW_OP_DEREF]);
        self.declare_at(debug, local, scope, None, cell, Some(follow));
    }

    fn declare_at(
        &self,
        debug: &DebugInfo<'ctx>,
        local: LocalId,
        scope: DIScope<'ctx>,
        param: Option<usize>,
        storage: PointerValue<'ctx>,
        how: Option<DIExpression<'ctx>>,
    ) {
        let variable = self.variable(debug, local, scope, param);
        let (line, column) = self.declared_at(local);
        let place = debug.builder.create_debug_location(self.codegen.context, line, column, scope, None);
        let how = how.unwrap_or_else(|| debug.builder.create_expression(Vec::new()));
        // SAFETY: all of this module. inkwell takes the record that this yields for an instruction.
        unsafe {
            LLVMDIBuilderInsertDeclareRecordAtEnd(
                debug.builder.as_mut_ptr(),
                storage.as_value_ref(),
                variable.as_mut_ptr(),
                how.as_mut_ptr(),
                place.as_mut_ptr(),
                self.entry_block().as_mut_ptr(),
            );
        }
    }

    fn variable(
        &self,
        debug: &DebugInfo<'ctx>,
        local: LocalId,
        scope: DIScope<'ctx>,
        param: Option<usize>,
    ) -> DILocalVariable<'ctx> {
        let described = &self.ir.locals[local.0 as usize];
        let file = debug.file(self.codegen, self.ir.span.file);
        let ty = debug.slot(self.codegen, described.ty);
        let name = described.name.as_str();
        let (line, _) = self.declared_at(local);
        match param {
            Some(index) => debug.builder.create_parameter_variable(
                scope,
                name,
                index as u32 + 1,
                file,
                line,
                ty,
                true,
                DIFlags::ZERO,
            ),
            None => debug.builder.create_auto_variable(scope, name, file, line, ty, true, DIFlags::ZERO, 0),
        }
    }

    fn declared_at(&self, local: LocalId) -> (u32, u32) {
        let scope = self.ir.locals[local.0 as usize].scope.unwrap_or(self.ir.span);
        self.codegen.sources.line_column(scope)
    }

    /// In unoptimised code a variable that waits for a task is 0 and not what happens to lie there.
    pub(super) fn clear_variable(&self, debug: &DebugInfo<'ctx>, local: LocalId) {
        if !debug.optimised {
            self.at_entry(self.locals[local.0 as usize], zero(self.codegen.slot_type(self.local_type(local))));
        }
    }
}
