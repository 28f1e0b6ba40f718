//! Atomic cells: objects with one word, read and written by sequentially consistent instructions.
//!
//! In: creation of cells and operations on them. Out: a fresh object, or LLVM's atomic instructions on its word: an int, the
//! bits of a float, 0 or 1. Deliberately not here: `atomic_ref`, whose operations are the runtime's.

use super::context::Codegen;
use super::emit::{Value, built};
use super::function::Body;
use super::layout::Form;
use super::types_table::RowKey;
use crate::ir::{AtomicOp, Expr};
use crate::types::{AtomicKind, Type, TypeId};
use coex_runtime::abi::AtomicObject;
use inkwell::values::{BasicValue, IntValue, PointerValue};
use inkwell::{AtomicOrdering, AtomicRMWBinOp};
use std::mem::{offset_of, size_of};

const ORDER: AtomicOrdering = AtomicOrdering::SequentiallyConsistent;

impl Codegen<'_, '_> {
    /// The zero value has a cell in it, so each is made anew.
    pub(super) fn has_fresh_zero(&self, ty: TypeId) -> bool {
        match self.program.types.get(ty) {
            Type::Atomic(_) | Type::AtomicRef(_) => true,
            _ => match &self.layout(ty).form {
                Form::Fields(places) => places.iter().any(|place| self.has_fresh_zero(place.ty)),
                _ => false,
            },
        }
    }
}

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn zero(&mut self, ty: TypeId) -> Value<'ctx> {
        if !self.codegen.has_fresh_zero(ty) {
            return self.codegen.zero_value(ty);
        }
        if matches!(self.codegen.program.types.get(ty), Type::Atomic(_) | Type::AtomicRef(_)) {
            return self.new_cell(ty, self.emit.types.int(0)).into();
        }
        let members: Vec<Value<'ctx>> = self.field_places(ty).iter().map(|place| self.zero(place.ty)).collect();
        self.aggregate_of(ty, &members)
    }

    pub(super) fn cell(&mut self, ty: TypeId, value: &Expr) -> Value<'ctx> {
        let value = self.value(value);
        let word = self.cell_word(value);
        self.new_cell(ty, word).into()
    }

    fn new_cell(&mut self, ty: TypeId, word: IntValue<'ctx>) -> PointerValue<'ctx> {
        let object = self.allocate(self.codegen.row(RowKey::Shared(ty)), size_of::<AtomicObject>() as u32);
        self.emit.store(self.word_address(object), word);
        object
    }

    fn word_address(&self, cell: PointerValue<'ctx>) -> PointerValue<'ctx> {
        self.emit.offset(cell, offset_of!(AtomicObject, value) as u64)
    }

    fn cell_word(&self, value: Value<'ctx>) -> IntValue<'ctx> {
        let word = self.emit.types.i64;
        match value {
            Value::FloatValue(value) => built(self.emit.builder.build_bit_cast(value, word, "")).into_int_value(),
            value => self.emit.resize(value.into_int_value(), word),
        }
    }

    fn cell_value(&self, kind: AtomicKind, word: IntValue<'ctx>) -> Value<'ctx> {
        match kind {
            AtomicKind::Int => word.into(),
            AtomicKind::Float => built(self.emit.builder.build_bit_cast(word, self.emit.types.f64, "")),
            AtomicKind::Bool => self.emit.resize(word, self.emit.types.i1).into(),
        }
    }

    /// Nothing comes out of a store.
    pub(super) fn atomic(&mut self, op: AtomicOp, cell: &Expr, operands: &[Expr]) -> Option<Value<'ctx>> {
        let Type::Atomic(kind) = *self.codegen.program.types.get(self.type_of(cell)) else {
            crate::bug!("an atomic operation on {}", self.codegen.type_name(self.type_of(cell)))
        };
        let cell = self.reference(cell);
        let address = self.word_address(cell);
        let values = self.values(operands);
        if kind == AtomicKind::Float && op == AtomicOp::Add {
            return Some(self.add_to_float(address, values[0]));
        }
        let words: Vec<IntValue<'ctx>> = values.into_iter().map(|value| self.cell_word(value)).collect();
        let change = |change| built(self.emit.builder.build_atomicrmw(change, address, words[0], ORDER));
        let old = match op {
            AtomicOp::Load => self.atomic_load(address),
            AtomicOp::Store => {
                ordered(self.emit.store(address, words[0]));
                return None;
            }
            AtomicOp::Swap => change(AtomicRMWBinOp::Xchg),
            AtomicOp::Add => change(AtomicRMWBinOp::Add),
            AtomicOp::Subtract => change(AtomicRMWBinOp::Sub),
            AtomicOp::CompareAndSwap => {
                return Some(self.exchange(address, words[0], words[1]).1.into());
            }
        };
        Some(self.cell_value(kind, old))
    }

    fn atomic_load(&self, address: PointerValue<'ctx>) -> IntValue<'ctx> {
        let load = self.emit.load_int(address);
        if let Some(instruction) = load.as_instruction_value() {
            ordered(instruction);
        }
        load
    }

    /// What was there, and whether it was replaced.
    fn exchange(
        &self,
        address: PointerValue<'ctx>,
        expected: IntValue<'ctx>,
        new: IntValue<'ctx>,
    ) -> (IntValue<'ctx>, IntValue<'ctx>) {
        let result = built(self.emit.builder.build_cmpxchg(address, expected, new, ORDER, ORDER));
        (self.emit.extract(result, 0).into_int_value(), self.emit.extract(result, 1).into_int_value())
    }

    fn add_to_float(&mut self, address: PointerValue<'ctx>, amount: Value<'ctx>) -> Value<'ctx> {
        let amount = amount.into_float_value();
        let first = self.atomic_load(address);
        let (before, again, end) = (self.emit.block(), self.new_block(), self.new_block());
        self.emit.jump(again);
        self.emit.at(again);
        let seen = built(self.emit.builder.build_phi(self.emit.types.i64, ""));
        seen.add_incoming(&[(&first, before)]);
        let old_word = seen.as_basic_value().into_int_value();
        let old = self.cell_value(AtomicKind::Float, old_word);
        let sum = built(self.emit.builder.build_float_add(old.into_float_value(), amount, ""));
        let new = self.cell_word(sum.into());
        let (found, stored) = self.exchange(address, old_word, new);
        seen.add_incoming(&[(&found, again)]);
        self.emit.branch(stored, end, again);
        self.emit.at(end);
        old
    }
}

fn ordered(access: inkwell::values::InstructionValue<'_>) {
    if access.set_atomic_ordering(ORDER).is_err() {
        crate::bug!("a memory access cannot be atomic");
    }
}
