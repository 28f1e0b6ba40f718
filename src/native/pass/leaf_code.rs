//! The code of leaves, to be linked into programs and inlined there.
//!
//! In: proven leaves. Out: bitcode of a module that has them under `leaf_symbol`, with the instance's base as a first
//! parameter where they need it (the thread-local is not installed when they run), and the tables that they read.
//! Deliberately not here: the proof (`leaves`).
//!
//! A program must not inherit what C leaves undefined: an overflow in C would otherwise let the optimiser change the Coex
//! code around it. So every instruction is copied without flags and metadata, shifts take their distance modulo the
//! width, and results that may be poison are frozen.

use std::collections::HashMap;

use inkwell::llvm_sys::LLVMOpcode;
use inkwell::module::Module;

use super::builder::{Builder, Constants};
use super::leaves::{Leaf, Library};
use super::llvm::{LlvmContext, Type, Value};

/// Leaves up to this size are always inlined; the optimiser decides about larger ones.
const ALWAYS_INLINED: usize = 48;

pub(super) fn bitcode<'c>(module: &Module<'c>, library: &Library<'c>, leaves: &[(String, Leaf<'c>)]) -> Vec<u8> {
    let copies = module.get_context().create_module("leaves");
    copies.set_triple(&module.get_triple());
    copies.set_data_layout(&module.get_data_layout());
    let mut tables = HashMap::new();
    for (symbol, leaf) in leaves {
        let constants = Constants::of(&copies);
        let builder = Builder::new(constants);
        let copy = declare(constants, symbol, leaf);
        let mut copier = Copier { constants, builder, library, known: HashMap::new(), tables: &mut tables };
        copier.copy(leaf, copy);
    }
    if let Err(error) = copies.verify() {
        crate::bug!("the copies of leaves are broken: {}", error.to_string());
    }
    copies.write_bitcode_to_memory().as_slice().to_vec()
}

/// The leaves of several parts as one module.
pub(super) fn join(codes: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    if codes.len() < 2 {
        return codes.into_iter().next();
    }
    let context = LlvmContext::new();
    let read = |code: &Vec<u8>| {
        context.parse(code).unwrap_or_else(|error| crate::bug!("the bitcode of leaves is broken: {error}"))
    };
    let joined = read(&codes[0]);
    for code in &codes[1..] {
        if let Err(errors) = context.link(&joined, read(code)) {
            crate::bug!("leaves do not fit together: {}", errors.join("; "));
        }
    }
    Some(joined.write_bitcode_to_memory().as_slice().to_vec())
}

fn declare<'c>(constants: Constants<'_, 'c>, symbol: &str, leaf: &Leaf<'c>) -> Value<'c> {
    let ty = leaf.function.value_type();
    let mut params = ty.params();
    if leaf.needs_instance {
        params.insert(0, constants.pointer_type());
    }
    let copy = constants.declare_function(symbol, ty.result(), &params);
    let is_small = leaf.function.instructions().len() <= ALWAYS_INLINED;
    for attribute in ["nounwind", "willreturn", if is_small { "alwaysinline" } else { "inlinehint" }] {
        copy.add_function_attribute(attribute);
    }
    copy
}

struct Copier<'l, 'm, 'c> {
    constants: Constants<'m, 'c>,
    builder: Builder<'m, 'c>,
    library: &'l Library<'c>,
    /// Values of the original, and what stands for them.
    known: HashMap<Value<'c>, Value<'c>>,
    tables: &'l mut HashMap<Value<'c>, Value<'c>>,
}

impl<'c> Copier<'_, '_, 'c> {
    fn copy(&mut self, leaf: &Leaf<'c>, copy: Value<'c>) {
        let mut given = copy.arguments().into_iter();
        let base = if leaf.needs_instance { given.next() } else { None };
        self.known.extend(leaf.function.arguments().into_iter().zip(given));
        for block in leaf.function.blocks() {
            self.known.insert(block, self.constants.append_block(copy));
        }
        let mut phis = Vec::new();
        for block in &leaf.blocks {
            self.builder.at_end(self.known[block]);
            for instruction in block.block_instructions() {
                if self.library.is_base_address(instruction) {
                    continue;
                }
                let value = match base.filter(|_| self.library.is_base(instruction)) {
                    Some(base) => base,
                    None => self.instruction(instruction),
                };
                self.known.insert(instruction, value);
                if instruction.opcode() == LLVMOpcode::LLVMPHI {
                    phis.push((instruction, value));
                }
            }
        }
        for (original, copy) in phis {
            let incoming = original.incoming().into_iter();
            let incoming: Vec<_> = incoming.map(|(value, block)| (self.mapped(value), self.known[&block])).collect();
            copy.add_incoming(&incoming);
        }
    }

    /// What stands for an instruction whose operands have been copied; the values of a PHI come last.
    fn instruction(&mut self, original: Value<'c>) -> Value<'c> {
        use LLVMOpcode::*;
        match original.opcode() {
            LLVMPHI => return self.builder.phi(original.ty()),
            LLVMCall => return self.operation(original),
            _ => {}
        }
        let mut operands: Vec<Value<'c>> = original.operands().map(|operand| self.mapped(operand)).collect();
        if matches!(original.opcode(), LLVMShl | LLVMLShr | LLVMAShr) {
            operands[1] = self.distance(original.ty(), operands[1]);
        }
        let copy = self.builder.copy(original);
        copy.drop_assumptions();
        for (index, operand) in operands.into_iter().enumerate() {
            copy.set_operand(index as u32, operand);
        }
        match original.opcode() {
            LLVMLoad | LLVMStore => copy.set_alignment(1),
            // Numbers that the other type does not have.
            LLVMFPToSI | LLVMFPToUI => return self.builder.freeze(copy),
            _ => {}
        }
        copy
    }

    /// The distance of a shift modulo the width.
    fn distance(&self, ty: Type<'c>, distance: Value<'c>) -> Value<'c> {
        let mask = u64::from(ty.int_bits().unwrap_or(64)) - 1;
        match distance.const_int() {
            Some(number) => self.constants.int_of(ty, number as u64 & mask),
            None => self.builder.and(distance, self.constants.int_of(ty, mask)),
        }
    }

    /// `llvm.NAME.TYPE`. Where the last operand says which arguments are undefined, none are.
    /// A product and a sum are two operations, as in the library's own code for a processor that has none for both; left together,
    /// LLVM would round constants once instead of twice.
    fn operation(&mut self, original: Value<'c>) -> Value<'c> {
        let name = original.callee().name();
        let mut arguments: Vec<Value<'c>> =
            (0..original.operand_count() - 1).map(|index| self.mapped(original.operand(index))).collect();
        if ["llvm.abs.", "llvm.ctlz.", "llvm.cttz."].iter().any(|prefix| name.starts_with(prefix)) {
            arguments[1] = self.constants.int(1, 0);
        }
        if name.starts_with("llvm.fmuladd.") {
            let product = self.builder.float_product(arguments[0], arguments[1]);
            return self.builder.float_sum(product, arguments[2]);
        }
        let callee = self.constants.intrinsic(&name, arguments[0].ty());
        self.builder.call(callee, &arguments)
    }

    fn mapped(&mut self, value: Value<'c>) -> Value<'c> {
        if let Some(known) = self.known.get(&value) {
            return *known;
        }
        if value.is_global_variable() {
            return self.table(value);
        }
        if value.is_element_address() && value.is_constant() {
            let operands: Vec<Value<'c>> = value.operands().map(|operand| self.mapped(operand)).collect();
            return self.constants.element_address(value.gep_source(), &operands);
        }
        value
    }

    fn table(&mut self, variable: Value<'c>) -> Value<'c> {
        let (constants, align) = (self.constants, variable.alignment().max(1));
        let copy = || {
            let initial = variable.initializer().unwrap_or_else(|| constants.null(variable.value_type()));
            constants.private_constant("leaf.table", initial, align)
        };
        *self.tables.entry(variable).or_insert_with(copy)
    }
}
