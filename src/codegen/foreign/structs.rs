//! Structs by value, both ways (language reference 11.7).
//!
//! In: records of `@c_layout` types, and C structs. Out: the other. The bytes are laid out in the instance's arena first; from
//! there they go to the registers or the stack that the calling convention says.

use super::{CValue, Foreign};
use crate::bind::{FieldPlan, ResultPlan, StructField, StructPlan, SuccessPlan};
use crate::codegen::abi::{Eightbyte, FLOAT_REGISTERS, INTEGER_REGISTERS, Passed, classify};
use crate::codegen::emit::{Value, built};
use crate::ir::RuntimeFunction;
use crate::types::TypeId;
use inkwell::types::BasicTypeEnum;
use inkwell::values::PointerValue;

impl<'ctx> Foreign<'_, 'ctx> {
    /// The extern's own C function; a struct result comes back as a struct of registers or as the address of its memory.
    pub(super) fn call_extern(&mut self, mut values: Vec<CValue<'ctx>>) -> Option<Value<'ctx>> {
        let binding = self.binding;
        let (ResultPlan::Plain(success) | ResultPlan::Fallible { success, .. }) = &binding.result;
        let SuccessPlan::Struct(plan) = success else {
            return self.call_c(&binding.symbol, &binding.signature.result, &values);
        };
        match classify(plan) {
            Passed::Registers(eightbytes) => {
                let members: Vec<_> = eightbytes.iter().map(|eightbyte| self.register_type(*eightbyte)).collect();
                let ty = self.body.codegen.context.struct_type(&members, false);
                self.call_as(&binding.symbol, Some(ty.into()), &values)
            }
            Passed::Memory => {
                let memory = self.struct_memory(plan);
                values.insert(0, memory.into());
                self.call_as(&binding.symbol, None, &values);
                Some(memory.into())
            }
        }
    }

    fn struct_memory(&mut self, plan: &StructPlan) -> PointerValue<'ctx> {
        // Whole registers are stored and loaded, also where the struct ends within one.
        self.arena_bytes(self.body.emit.types.int(plan.size.next_multiple_of(8).max(8) as i64))
    }

    fn register_type(&self, eightbyte: Eightbyte) -> BasicTypeEnum<'ctx> {
        match eightbyte {
            Eightbyte::Integer => self.body.emit.types.i64.into(),
            Eightbyte::Float => self.body.emit.types.f64.into(),
        }
    }

    pub(super) fn struct_argument(
        &mut self,
        ty: TypeId,
        plan: &StructPlan,
        given: Value<'ctx>,
        values: &mut Vec<CValue<'ctx>>,
    ) {
        let memory = self.struct_memory(plan);
        self.store_struct(ty, plan, given, memory);
        if let Passed::Registers(eightbytes) = classify(plan)
            && self.registers_left(&eightbytes, values)
        {
            for (index, eightbyte) in eightbytes.iter().enumerate() {
                let at = self.body.emit.offset(memory, 8 * index as u64);
                values.push(self.body.emit.load(self.register_type(*eightbyte), at).into());
            }
            return;
        }
        values.push(CValue { value: memory.into(), on_stack: Some(plan.size) });
    }

    /// A struct never travels half in registers.
    fn registers_left(&self, eightbytes: &[Eightbyte], values: &[CValue<'ctx>]) -> bool {
        let in_registers = || values.iter().filter(|value| value.on_stack.is_none());
        let floats = in_registers().filter(|value| value.value.is_float_value()).count();
        // A result in memory takes a register for its address.
        let (ResultPlan::Plain(success) | ResultPlan::Fallible { success, .. }) = &self.binding.result;
        let hidden = matches!(success, SuccessPlan::Struct(plan) if classify(plan) == Passed::Memory);
        let integers = in_registers().count() - floats + usize::from(hidden);
        let wanted_floats = eightbytes.iter().filter(|eightbyte| **eightbyte == Eightbyte::Float).count();
        floats + wanted_floats <= FLOAT_REGISTERS && integers + eightbytes.len() - wanted_floats <= INTEGER_REGISTERS
    }

    fn store_struct(&mut self, ty: TypeId, plan: &StructPlan, record: Value<'ctx>, memory: PointerValue<'ctx>) {
        for (index, field) in plan.fields.iter().enumerate() {
            let value = self.body.field_of(ty, record, index as u32);
            let at = self.body.emit.offset(memory, field.offset);
            self.store_field(field, value, at);
        }
    }

    fn store_field(&mut self, field: &StructField, value: Value<'ctx>, at: PointerValue<'ctx>) {
        match &field.plan {
            FieldPlan::Int { bits, signed, c_name } => {
                let value = self.narrow(&field.name, value.into_int_value(), *bits, *signed, c_name);
                self.body.emit.store(at, self.body.emit.resize(value, self.int_type(*bits)));
            }
            FieldPlan::Bool { bits } => {
                self.body.emit.store(at, self.body.emit.resize(value.into_int_value(), self.int_type(*bits)));
            }
            FieldPlan::Float { bits: 32 } => {
                let single = self.body.codegen.context.f32_type();
                let value = built(self.body.emit.builder.build_float_trunc(value.into_float_value(), single, ""));
                self.body.emit.store(at, value);
            }
            FieldPlan::Float { .. } => {
                self.body.emit.store(at, value);
            }
            FieldPlan::Handle => {
                let pointer = self.handle(value, false);
                self.body.emit.store(at, pointer);
            }
            FieldPlan::Struct(inner) => self.store_struct(field.ty, inner, value, at),
        }
    }

    pub(super) fn struct_result(&mut self, ty: TypeId, plan: &StructPlan, c: Value<'ctx>) -> Value<'ctx> {
        let memory = match c {
            Value::PointerValue(memory) => memory,
            registers => {
                let memory = self.struct_memory(plan);
                self.body.emit.store(memory, registers);
                memory
            }
        };
        self.load_struct(ty, plan, memory)
    }

    fn load_struct(&mut self, ty: TypeId, plan: &StructPlan, memory: PointerValue<'ctx>) -> Value<'ctx> {
        let mut values = Vec::new();
        for field in &plan.fields {
            let at = self.body.emit.offset(memory, field.offset);
            values.push(self.load_field(field, at));
        }
        self.body.aggregate_of(ty, &values)
    }

    fn load_field(&mut self, field: &StructField, at: PointerValue<'ctx>) -> Value<'ctx> {
        let emit = &self.body.emit;
        match &field.plan {
            FieldPlan::Int { bits, signed, .. } => {
                let wide = self.widen(emit.load(self.int_type(*bits), at).into_int_value(), *signed);
                match self.body.codegen.value_type(field.ty) {
                    BasicTypeEnum::IntType(wanted) => emit.resize(wide, wanted).into(),
                    _ => wide.into(),
                }
            }
            FieldPlan::Bool { bits } => emit.is_not_zero(emit.load(self.int_type(*bits), at).into_int_value()).into(),
            FieldPlan::Float { bits: 32 } => {
                let single = emit.load(self.body.codegen.context.f32_type(), at).into_float_value();
                built(emit.builder.build_float_ext(single, emit.types.f64, "")).into()
            }
            FieldPlan::Float { .. } => emit.load(emit.types.f64, at),
            FieldPlan::Handle => {
                let pointer = emit.load(emit.types.ptr, at);
                let release = emit.types.ptr.const_null().into();
                let args = [self.body.fiber.into(), self.instance.into(), pointer, release];
                self.body.runtime_value(RuntimeFunction::HandleWrap, &args)
            }
            FieldPlan::Struct(inner) => self.load_struct(field.ty, inner, at),
        }
    }
}
