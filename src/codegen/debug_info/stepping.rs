//! Makes unoptimised code agree with its lines.
//!
//! In: a finished module. Out: the same, where no value lives from one block into another but in memory. LLVM's fast allocator
//! of registers loads such values at the start of a block, at no line; a debugger that steps there takes that for the line that
//! happens to lie before, and stops twice. Here each use loads the value, at its own line.
//! Deliberately not here: optimised code.

use crate::codegen::emit::built;
use inkwell::builder::Builder;
use inkwell::context::Context;
use inkwell::llvm_sys::core::{LLVMGetOperand, LLVMIsAArgument, LLVMIsAInstruction};
use inkwell::module::Module;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{
    AsValueRef, BasicValue, BasicValueEnum, FunctionValue, InstructionOpcode, InstructionValue, PhiValue, PointerValue,
};
use std::collections::HashMap;

pub(super) fn run(context: &Context, module: &Module<'_>) {
    for function in module.get_functions().filter(|function| function.get_subprogram().is_some()) {
        Keeper { builder: context.create_builder(), function, slots: HashMap::new() }.function();
    }
}

struct Keeper<'ctx> {
    builder: Builder<'ctx>,
    function: FunctionValue<'ctx>,
    slots: HashMap<BasicValueEnum<'ctx>, PointerValue<'ctx>>,
}

impl<'ctx> Keeper<'ctx> {
    fn function(&mut self) {
        let blocks = self.function.get_basic_blocks();
        let users: Vec<InstructionValue<'ctx>> = blocks.iter().flat_map(|block| block.get_instructions()).collect();
        for user in users {
            for index in 0..user.get_num_operands() {
                let Some(value) = made(user, index) else { continue };
                let Some(place) = self.place_of_use(user, index) else { continue };
                if self.comes_from_elsewhere(value, place) {
                    let slot = self.slot(value);
                    // At the line of that instruction.
                    self.builder.position_before(&place);
                    let loaded = built(self.builder.build_load(value.get_type(), slot, ""));
                    if !user.set_operand(index, loaded) {
                        crate::bug!("an operand cannot be replaced");
                    }
                }
            }
        }
    }

    /// The instruction in front of which an operand is needed: for a phi the end of the block it comes from.
    fn place_of_use(&self, user: InstructionValue<'ctx>, index: u32) -> Option<InstructionValue<'ctx>> {
        if user.get_opcode() != InstructionOpcode::Phi {
            return Some(user);
        }
        let phi = PhiValue::try_from(user).ok()?;
        phi.get_incoming(index)?.1.get_terminator()
    }

    fn comes_from_elsewhere(&self, value: BasicValueEnum<'ctx>, place: InstructionValue<'ctx>) -> bool {
        match value.as_instruction_value() {
            Some(made) => made.get_opcode() != InstructionOpcode::Alloca && made.get_parent() != place.get_parent(),
            None => self.function.get_param_iter().any(|param| param == value),
        }
    }

    fn slot(&mut self, value: BasicValueEnum<'ctx>) -> PointerValue<'ctx> {
        if let Some(&known) = self.slots.get(&value) {
            return known;
        }
        let entry = self.function.get_first_basic_block();
        let Some(first) = entry.and_then(|entry| entry.get_first_instruction()) else {
            crate::bug!("a value in an empty function")
        };
        self.builder.position_before(&first);
        self.builder.unset_current_debug_location();
        let ty: BasicTypeEnum<'ctx> = value.get_type();
        let slot = built(self.builder.build_alloca(ty, ""));
        let behind = match value.as_instruction_value() {
            Some(made) => following(made),
            None => first,
        };
        self.builder.position_before(&behind);
        if value.as_instruction_value().is_none() {
            self.builder.unset_current_debug_location();
        }
        built(self.builder.build_store(slot, value));
        self.slots.insert(value, slot);
        slot
    }
}

/// An operand that is an instruction or a parameter.
fn made<'ctx>(user: InstructionValue<'ctx>, index: u32) -> Option<BasicValueEnum<'ctx>> {
    // SAFETY: an operand that exists. inkwell knows no operands that are metadata.
    unsafe {
        let operand = LLVMGetOperand(user.as_value_ref(), index);
        let is_made = !LLVMIsAInstruction(operand).is_null() || !LLVMIsAArgument(operand).is_null();
        is_made.then(|| BasicValueEnum::new(operand))
    }
}

/// The first instruction behind, and behind all phis.
fn following(made: InstructionValue<'_>) -> InstructionValue<'_> {
    let mut next = made.get_next_instruction();
    while let Some(phi) = next.filter(|next| next.get_opcode() == InstructionOpcode::Phi) {
        next = phi.get_next_instruction();
    }
    match next {
        Some(next) => next,
        None => crate::bug!("a value behind the end of a block"),
    }
}
