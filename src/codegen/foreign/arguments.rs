//! Arguments on their way to C, and out variables on their way back.
//!
//! In: the parameters of the extern's function. Out: C values in order. Whatever C sees behind a pointer is a copy in the
//! instance's arena. Deliberately not here: results.

use super::{CValue, Foreign};
use crate::bind::ParamPlan;
use crate::codegen::emit::{Value, built};
use crate::codegen::function::parameter;
use crate::ir::RuntimeFunction;
use crate::types::TypeId;
use coex_runtime::abi::{ArrayObject, ListObject, offset};
use inkwell::IntPredicate;
use inkwell::values::{IntValue, PointerValue};
use std::mem::offset_of;

/// C's view of an out argument and the variable that it goes back to.
pub(super) struct Out<'ctx> {
    index: usize,
    memory: PointerValue<'ctx>,
    /// Bytes of a buffer.
    len: Option<IntValue<'ctx>>,
    variable: PointerValue<'ctx>,
}

pub(super) struct Arguments<'ctx> {
    pub(super) values: Vec<CValue<'ctx>>,
    pub(super) outs: Vec<Out<'ctx>>,
}

impl<'ctx> Foreign<'_, 'ctx> {
    pub(super) fn arguments(&mut self) -> Arguments<'ctx> {
        let mut arguments = Arguments { values: Vec::new(), outs: Vec::new() };
        let value_count = self.external.params.iter().filter(|param| !param.out).count() as u32;
        let (mut next_value, mut next_out) = (1, 1 + value_count);
        let plans: Vec<ParamPlan> = self.plans().map(|(_, plan)| plan.clone()).collect();
        for (index, plan) in plans.iter().enumerate() {
            let next = if self.external.params[index].out { &mut next_out } else { &mut next_value };
            let given = parameter(self.body.func, *next);
            *next += 1;
            self.argument(index, plan, given, &mut arguments);
        }
        arguments
    }

    fn argument(&mut self, index: usize, plan: &ParamPlan, given: Value<'ctx>, arguments: &mut Arguments<'ctx>) {
        match plan {
            ParamPlan::Int { bits, signed, c_name } => {
                let name = self.external.params[index].name.as_str();
                let value = self.narrow(name, given.into_int_value(), *bits, *signed, c_name);
                arguments.values.push(value.into());
            }
            ParamPlan::Bool { bits } => {
                let ty = if *bits == 64 { self.body.emit.types.i64 } else { self.body.emit.types.i32 };
                arguments.values.push(self.body.emit.resize(given.into_int_value(), ty).into());
            }
            ParamPlan::Float { bits } => {
                let mut value = given;
                if *bits == 32 {
                    let single = self.body.codegen.context.f32_type();
                    value =
                        built(self.body.emit.builder.build_float_trunc(given.into_float_value(), single, "")).into();
                }
                arguments.values.push(value.into());
            }
            ParamPlan::String { nullable } => {
                let copy = self.string_copy(given.into_pointer_value(), *nullable);
                arguments.values.push(copy.into());
            }
            ParamPlan::Handle { token, nullable } => {
                let handle = if *nullable { self.handle_or_nil(index, given) } else { given };
                let value = self.handle(handle, *token);
                arguments.values.push(value.into());
            }
            ParamPlan::Buffer { array, length_bits } => {
                let (memory, len) = self.buffer_copy(given.into_pointer_value(), *array);
                arguments.values.push(memory.into());
                arguments.values.push(self.length(len, *length_bits).into());
            }
            ParamPlan::Struct(plan) => {
                let ty = self.external.params[index].ty;
                self.struct_argument(ty, plan, given, &mut arguments.values);
            }
            ParamPlan::OutBuffer { array, length_bits, .. } => {
                let variable = given.into_pointer_value();
                let object = self.body.emit.load_ptr(variable);
                let (memory, len) = self.buffer_copy(object, *array);
                arguments.values.push(memory.into());
                arguments.values.push(self.length(len, *length_bits).into());
                arguments.outs.push(Out { index, memory, len: Some(len), variable });
            }
            ParamPlan::OutInt { .. } | ParamPlan::OutBool { .. } | ParamPlan::OutFloat { .. } => {
                let memory = self.arena_bytes(self.body.emit.types.int(8));
                self.store_out(plan, self.external.params[index].ty, given.into_pointer_value(), memory);
                self.arena_used.set(true);
                arguments.values.push(memory.into());
                arguments.outs.push(Out { index, memory, len: None, variable: given.into_pointer_value() });
            }
        }
    }

    /// The value in C's width (at least a register of 32 bits); a value that changes on the way panics.
    pub(super) fn narrow(
        &self,
        name: &str,
        value: IntValue<'ctx>,
        bits: u32,
        signed: bool,
        c_name: &str,
    ) -> IntValue<'ctx> {
        let emit = &self.body.emit;
        let types = emit.types;
        let value = emit.resize(value, types.i64);
        let unfit = if bits >= 64 {
            // Every int fits a signed long; a negative one does not fit an unsigned long.
            if signed {
                return value;
            }
            emit.compare(IntPredicate::SLT, value, types.int(0))
        } else if signed {
            let bias = types.int(1 << (bits - 1));
            emit.compare(IntPredicate::UGE, emit.add(value, bias), types.int(1 << bits))
        } else {
            emit.compare(IntPredicate::UGE, value, types.int(1 << bits))
        };
        let name = self.text(name);
        self.panic_when(unfit, RuntimeFunction::PanicArgumentRange, &[name, self.text(c_name)]);
        if bits >= 64 { value } else { emit.resize(value, types.i32) }
    }

    fn length(&self, len: IntValue<'ctx>, bits: u32) -> IntValue<'ctx> {
        let types = self.body.emit.types;
        self.body.emit.resize(len, if bits >= 64 { types.i64 } else { types.i32 })
    }

    fn string_copy(&mut self, string: PointerValue<'ctx>, nullable: bool) -> PointerValue<'ctx> {
        self.arena_used.set(true);
        if nullable {
            return self.unless_null(string, |foreign| foreign.copied_string(string));
        }
        self.copied_string(string)
    }

    fn copied_string(&self, string: PointerValue<'ctx>) -> PointerValue<'ctx> {
        let args = [self.body.fiber.into(), self.instance.into(), string.into(), self.site.into()];
        self.body.runtime_value(RuntimeFunction::StringToC, &args).into_pointer_value()
    }

    /// `make()`, or NULL where `reference` is null.
    fn unless_null(
        &self,
        reference: PointerValue<'ctx>,
        make: impl FnOnce(&Self) -> PointerValue<'ctx>,
    ) -> PointerValue<'ctx> {
        let emit = &self.body.emit;
        let before = emit.block();
        let (present, end) = (self.body.new_block(), self.body.new_block());
        emit.branch(emit.is_null(reference), end, present);
        emit.at(present);
        let made = make(self);
        let made_in = emit.block();
        emit.jump(end);
        emit.at(end);
        let null = emit.types.ptr.const_null();
        emit.phi(&[(null.into(), before), (made.into(), made_in)]).into_pointer_value()
    }

    /// `handle?`: the nil handle stands for nil.
    fn handle_or_nil(&mut self, index: usize, optional: Value<'ctx>) -> Value<'ctx> {
        let present = self.body.is_present(optional);
        let handle = self.body.contents(self.external.params[index].ty, optional);
        let nil = self.body.emit.types.int(0);
        self.body.emit.select(present, handle.into_int_value(), nil).into()
    }

    /// The C pointer behind a handle, or the token itself. The function that releases handles closes its argument
    /// first, so that it is not released a second time.
    pub(super) fn handle(&self, handle: Value<'ctx>, token: bool) -> Value<'ctx> {
        let args = [self.body.fiber.into(), self.instance.into(), handle];
        let unwrap: Vec<_> = args.iter().copied().chain([self.site.into()]).collect();
        let pointer = self.body.runtime_value(RuntimeFunction::HandleUnwrap, &unwrap);
        if self.binding.closes_handle {
            self.body.runtime_call(RuntimeFunction::HandleClose, &args);
        }
        if !token {
            return pointer;
        }
        let word = self.body.emit.types.i64;
        built(self.body.emit.builder.build_ptr_to_int(pointer.into_pointer_value(), word, "")).into()
    }

    /// A copy of the bytes of a list or an array, and their number.
    fn buffer_copy(&mut self, object: PointerValue<'ctx>, array: bool) -> (PointerValue<'ctx>, IntValue<'ctx>) {
        self.arena_used.set(true);
        let emit = &self.body.emit;
        let at = if array { offset_of!(ArrayObject, len) } else { offset_of!(ListObject, len) };
        let len = emit.load_int(emit.offset(object, at as u64));
        let memory = self.arena_bytes(len);
        if array {
            let data = emit.load_ptr(emit.offset(object, offset_of!(ArrayObject, data) as u64));
            built(emit.builder.build_memcpy(memory, 1, data, 1, len).map_err(builder_error));
        } else {
            self.body.runtime_call(RuntimeFunction::ListCopyBytes, &[object.into(), memory.into()]);
        }
        (memory, len)
    }

    /// Bytes of the arena, 16-aligned: a bump of the cursor, or the runtime's help.
    pub(super) fn arena_bytes(&self, bytes: IntValue<'ctx>) -> PointerValue<'ctx> {
        let emit = &self.body.emit;
        let slow_args = [self.body.fiber.into(), self.instance.into(), bytes.into(), self.site.into()];
        self.arena_used.set(true);
        if !self.is_library() {
            return self.body.runtime_value(RuntimeFunction::ArenaAlloc, &slow_args).into_pointer_value();
        }
        let types = emit.types;
        let cursor_field = emit.offset(self.instance, offset::INSTANCE_ARENA_CURSOR as u64);
        let cursor = emit.load_ptr(cursor_field);
        let limit = emit.load_int(emit.offset(self.instance, offset::INSTANCE_ARENA_LIMIT as u64));
        let start = built(emit.builder.build_ptr_to_int(cursor, types.i64, ""));
        let size = emit.and(emit.add(bytes, types.int(15)), types.int(-16));
        let fits = emit.compare(IntPredicate::UGE, emit.sub(limit, start), size);
        let (fast, slow, end) = (self.body.new_block(), self.body.new_block(), self.body.new_block());
        emit.branch(fits, fast, slow);
        emit.at(fast);
        // SAFETY: the arena has `size` bytes from the cursor on.
        let next = built(unsafe { emit.builder.build_gep(types.i8, cursor, &[size], "") });
        emit.store(cursor_field, next);
        emit.jump(end);
        emit.at(slow);
        let grown = self.body.runtime_value(RuntimeFunction::ArenaAlloc, &slow_args);
        emit.jump(end);
        emit.at(end);
        emit.phi(&[(cursor.into(), fast), (grown, slow)]).into_pointer_value()
    }

    // --------------------------------------------------------------------------------------------- out variables

    /// C may read the variable's old value through its pointer.
    fn store_out(&self, plan: &ParamPlan, ty: TypeId, variable: PointerValue<'ctx>, memory: PointerValue<'ctx>) {
        let emit = &self.body.emit;
        let value = self.body.load_slot(ty, variable);
        match plan {
            ParamPlan::OutInt { bits, .. } | ParamPlan::OutBool { bits } => {
                let width = self.int_type(*bits);
                emit.store(memory, emit.resize(value.into_int_value(), width));
            }
            ParamPlan::OutFloat { bits: 32 } => {
                let single = self.body.codegen.context.f32_type();
                emit.store(memory, built(emit.builder.build_float_trunc(value.into_float_value(), single, "")));
            }
            _ => {
                emit.store(memory, value);
            }
        }
    }

    pub(super) fn copy_outs(&mut self, outs: &[Out<'ctx>], result: Option<Value<'ctx>>) {
        for out in outs {
            let plan = self.binding.params[out.index].clone();
            let ty = self.external.params[out.index].ty;
            let value = self.out_value(&plan, ty, out, result);
            self.body.store_slot(ty, out.variable, value);
        }
    }

    fn out_value(&self, plan: &ParamPlan, ty: TypeId, out: &Out<'ctx>, result: Option<Value<'ctx>>) -> Value<'ctx> {
        let emit = &self.body.emit;
        match (plan, out.len) {
            (ParamPlan::OutInt { bits, signed }, _) => {
                let value = emit.load(self.int_type(*bits), out.memory).into_int_value();
                self.widen(value, *signed).into()
            }
            (ParamPlan::OutBool { bits }, _) => {
                emit.is_not_zero(emit.load(self.int_type(*bits), out.memory).into_int_value()).into()
            }
            (ParamPlan::OutFloat { bits: 32 }, _) => {
                let single = emit.load(self.body.codegen.context.f32_type(), out.memory).into_float_value();
                built(emit.builder.build_float_ext(single, emit.types.f64, "")).into()
            }
            (ParamPlan::OutBuffer { array, truncate, .. }, Some(len)) => {
                let len = if *truncate { self.truncated(len, result) } else { len };
                self.bytes_value(ty, *array, out.memory, len)
            }
            _ => emit.load(emit.types.f64, out.memory),
        }
    }

    /// `len_result`: a result that is not negative says how much of the buffer counts.
    fn truncated(&self, len: IntValue<'ctx>, result: Option<Value<'ctx>>) -> IntValue<'ctx> {
        let Some(Value::IntValue(result)) = result else { return len };
        let emit = &self.body.emit;
        let result = self.widen(result, true);
        // As unsigned numbers, negative results are greater than every length.
        let less = emit.compare(IntPredicate::ULT, result, len);
        emit.select(less, result, len)
    }

    /// A List or Array of byte with these contents.
    pub(super) fn bytes_value(
        &self,
        ty: TypeId,
        array: bool,
        memory: PointerValue<'ctx>,
        len: IntValue<'ctx>,
    ) -> Value<'ctx> {
        let function = if array { RuntimeFunction::ArrayFromBytes } else { RuntimeFunction::ListFromBytes };
        let descriptor = self.body.codegen.descriptor(ty).into();
        self.body.runtime_value(function, &[self.body.fiber.into(), memory.into(), len.into(), descriptor])
    }

    pub(super) fn int_type(&self, bits: u32) -> inkwell::types::IntType<'ctx> {
        let context = self.body.codegen.context;
        match bits {
            8 => context.i8_type(),
            16 => context.i16_type(),
            32 => context.i32_type(),
            _ => context.i64_type(),
        }
    }

    pub(super) fn widen(&self, value: IntValue<'ctx>, signed: bool) -> IntValue<'ctx> {
        let emit = &self.body.emit;
        if value.get_type().get_bit_width() >= 64 || !signed {
            return emit.resize(value, emit.types.i64);
        }
        built(emit.builder.build_int_s_extend(value, emit.types.i64, ""))
    }
}

fn builder_error(error: impl std::fmt::Display) -> inkwell::builder::BuilderError {
    crate::bug!("LLVM builder: {error}")
}
