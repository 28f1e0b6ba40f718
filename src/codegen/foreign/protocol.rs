//! The steps around the C function: instance, base, errno, thunk, arena.
//!
//! In: C values. Out: the C result, with errno kept in the instance. Offsets come from the runtime's `abi`.
//! Deliberately not here: copies of values.

use super::{CValue, Foreign};
use crate::bind::ResultPlan;
use crate::codegen::abi;
use crate::codegen::emit::{Value, built, poison};
use crate::ir::{ErrorRule, RuntimeFunction};
use crate::native::CType;
use coex_runtime::abi::{entered, offset};
use inkwell::IntPredicate;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::types::{BasicType, BasicTypeEnum, FunctionType};
use inkwell::values::{FunctionValue, IntValue, PointerValue};

/// Room for a result at the start of a block: two registers.
const RESULT_BYTES: u64 = 16;

/// LLVM's number of the calling convention.
const PRESERVE_NONE: u32 = 21;

impl<'ctx> Foreign<'_, 'ctx> {
    /// `root.instances[library]`, made by the runtime at the first call.
    pub(super) fn find_instance(&mut self) {
        let Some(library) = self.binding.library else { return };
        let emit = &self.body.emit;
        let root = emit.load_ptr(self.fiber_field(offset::FIBER_ROOT));
        let slot = emit.offset(root, offset::ROOT_INSTANCES as u64 + 8 * u64::from(library.0));
        let known = emit.load_ptr(slot);
        let before = emit.block();
        let (missing, found) = (self.body.new_block(), self.body.new_block());
        emit.branch(emit.is_null(known), missing, found);
        emit.at(missing);
        let made = self.new_instance(library);
        let emit = &self.body.emit;
        let made_in = emit.block();
        emit.jump(found);
        emit.at(found);
        let instance = emit.phi(&[(known.into(), before), (made, made_in)]).into_pointer_value();
        self.instance = instance;
    }

    /// The arena's cursor before the call; null where there is no instance.
    pub(super) fn arena_mark(&self) -> PointerValue<'ctx> {
        if !self.is_library() || self.is_plain {
            return self.body.emit.types.ptr.const_null();
        }
        self.body.emit.load_ptr(self.body.emit.offset(self.instance, offset::INSTANCE_ARENA_CURSOR as u64))
    }

    pub(super) fn reset_arena(&self, mark: PointerValue<'ctx>) {
        if !self.arena_used.get() {
            return;
        }
        let args = [self.instance.into(), mark.into()];
        if !self.is_library() {
            self.body.runtime_call(RuntimeFunction::ArenaReset, &args);
            return;
        }
        let is_unmoved = self.body.emit.same_address(self.arena_mark(), mark);
        self.unless(is_unmoved, || {
            self.body.runtime_call(RuntimeFunction::ArenaReset, &args);
        });
    }

    /// What `print` has buffered comes before what C writes.
    pub(super) fn flush_prints(&self) {
        if self.native().is_some_and(|native| !native.uses_stdio) {
            return;
        }
        let emit = &self.body.emit;
        let pending = emit.load_int(self.fiber_field(offset::FIBER_PRINT_PENDING));
        let (some, none) = (self.body.new_block(), self.body.new_block());
        emit.branch(emit.is_zero(pending), none, some);
        emit.at(some);
        self.body.runtime_call(RuntimeFunction::Flush, &[self.body.fiber.into()]);
        emit.jump(none);
        emit.at(none);
    }

    /// Base and errno of the instance.
    ///
    /// Both stay in place afterwards. The fiber knows what is installed on its thread, so that most calls find it done.
    /// Functions of the program find no base, so that a fault is known to be theirs.
    pub(super) fn enter(&self) {
        let (emit, types) = (&self.body.emit, self.body.emit.types);
        // All other failures of a plain call come to light behind it.
        let is_private = self.native().is_some_and(|native| !native.is_serial && !native.is_shared);
        if !self.is_plain || !is_private {
            emit.store(self.fiber_field(offset::FIBER_FFI_SITE), self.site);
        }
        let index = self.binding.library.map(|library| i64::from(library.0));
        if let Some(index) = index.filter(|_| self.is_serial()) {
            self.body.runtime_call(RuntimeFunction::LibraryLock, &[self.body.fiber.into(), types.int(index).into()]);
        }
        let wanted = self.binding.library.map_or(entered::PROGRAM, |library| library.0 + 1);
        let found = emit.load(types.i32, self.fiber_field(offset::FIBER_ENTERED)).into_int_value();
        self.rarely(emit.compare(IntPredicate::NE, found, types.word32(wanted)), || {
            let index = types.int(index.unwrap_or(-1));
            let args = [self.body.fiber.into(), index.into(), self.site.into()];
            self.body.runtime_call(RuntimeFunction::InstanceEnter, &args);
        });
        if self.uses_errno() {
            self.copy_errno(self.instance_errno(), self.thread_errno());
        }
    }

    /// The end of a plain call: it may have failed, and somebody may want the fiber to look. One look serves for both, and
    /// for the loop around the call.
    pub(super) fn look(&self) {
        let emit = &self.body.emit;
        let both = self.body.read_shared(emit.types.i64, offset::FIBER_POLL);
        self.rarely(emit.is_not_zero(both), || {
            if self.is_library() {
                self.panic_when(self.has_failed(), RuntimeFunction::PanicFfiFailure, &[]);
            }
            self.body.look_at_poll();
        });
    }

    pub(super) fn keep_errno(&self) {
        if self.uses_errno() {
            self.copy_errno(self.thread_errno(), self.instance_errno());
        }
    }

    /// A library that cannot read `errno` may leave anything there: others find their own.
    pub(super) fn uses_errno(&self) -> bool {
        let asks = matches!(self.binding.result, ResultPlan::Fallible { rule: ErrorRule::Errno | ErrorRule::Null, .. });
        self.native().is_some_and(|native| native.uses_errno || asks)
    }

    fn copy_errno(&self, from: PointerValue<'ctx>, to: PointerValue<'ctx>) {
        let emit = &self.body.emit;
        let value = emit.load(emit.types.i32, from).into_int_value();
        let old = emit.load(emit.types.i32, to).into_int_value();
        self.unless(emit.compare(IntPredicate::EQ, value, old), || {
            emit.store(to, value);
        });
    }

    fn unless(&self, condition: IntValue<'ctx>, build: impl FnOnce()) {
        let emit = &self.body.emit;
        let (otherwise, end) = (self.body.new_block(), self.body.new_block());
        emit.branch(condition, end, otherwise);
        emit.at(otherwise);
        build();
        emit.jump(end);
        emit.at(end);
    }

    fn rarely(&self, condition: IntValue<'ctx>, build: impl FnOnce()) {
        let emit = &self.body.emit;
        let (rare, end) = (self.body.new_block(), self.body.new_block());
        emit.branch_rarely(condition, rare, end);
        emit.at(rare);
        build();
        emit.jump(end);
        emit.at(end);
    }

    fn instance_errno(&self) -> PointerValue<'ctx> {
        self.body.emit.offset(self.instance, offset::INSTANCE_ERRNO as u64)
    }

    fn thread_errno(&self) -> PointerValue<'ctx> {
        let emit = &self.body.emit;
        let thread = emit.load_ptr(self.fiber_field(offset::FIBER_THREAD));
        emit.load_ptr(emit.offset(thread, offset::THREAD_ERRNO as u64))
    }

    pub(super) fn current_errno(&self) -> Value<'ctx> {
        self.body.emit.load(self.body.emit.types.i32, self.thread_errno())
    }

    // ---------------------------------------------------------------------------------------------- the thunk

    /// Calls a C function on the system stack; its result in its C width, or nothing.
    pub(super) fn call_c(&self, symbol: &str, result: &CType, values: &[CValue<'ctx>]) -> Option<Value<'ctx>> {
        let result = self.c_result_type(result);
        self.call_as(symbol, result, values)
    }

    /// The same for a result that LLVM's type describes best: a small struct in registers.
    pub(super) fn call_as(
        &self,
        symbol: &str,
        result: Option<BasicTypeEnum<'ctx>>,
        values: &[CValue<'ctx>],
    ) -> Option<Value<'ctx>> {
        let target = self.c_function(symbol, result, values);
        if self.fits_registers(values) {
            return self.through_thunk(target, result, values);
        }
        self.through_block(symbol, target, result, values)
    }

    fn fits_registers(&self, values: &[CValue<'ctx>]) -> bool {
        let floats = values.iter().filter(|value| value.value.is_float_value()).count();
        let in_memory = values.iter().any(|value| value.on_stack.is_some());
        !in_memory && floats <= abi::FLOAT_REGISTERS && values.len() - floats <= abi::INTEGER_REGISTERS
    }

    /// `None` for void.
    fn c_result_type(&self, ty: &CType) -> Option<BasicTypeEnum<'ctx>> {
        let types = self.body.emit.types;
        let context = self.body.codegen.context;
        Some(match ty {
            CType::Void => return None,
            CType::Bool => types.i8.into(),
            CType::Int { bits, .. } => context.custom_width_int_type(width(*bits)).map_or(types.i64, |ty| ty).into(),
            CType::Float { bits: 32, .. } => context.f32_type().into(),
            CType::Float { .. } => types.f64.into(),
            _ => types.ptr.into(),
        })
    }

    fn c_function(
        &self,
        symbol: &str,
        result: Option<BasicTypeEnum<'ctx>>,
        values: &[CValue<'ctx>],
    ) -> FunctionValue<'ctx> {
        let module = &self.body.codegen.module;
        module
            .get_function(symbol)
            .unwrap_or_else(|| module.add_function(symbol, self.function_type(result, values), None))
    }

    fn function_type(&self, result: Option<BasicTypeEnum<'ctx>>, values: &[CValue<'ctx>]) -> FunctionType<'ctx> {
        let params: Vec<_> = values.iter().map(|value| value.value.get_type().into()).collect();
        match result {
            Some(result) => result.fn_type(&params, false),
            None => self.body.emit.types.void.fn_type(&params, false),
        }
    }

    /// The convention `preserve_none` has four registers in front of those for C's arguments: target, fiber, two unused. No
    /// register is expected back, so that the thunk need not save what is not in use.
    fn through_thunk(
        &self,
        target: FunctionValue<'ctx>,
        result: Option<BasicTypeEnum<'ctx>>,
        values: &[CValue<'ctx>],
    ) -> Option<Value<'ctx>> {
        let codegen = self.body.codegen;
        let types = self.body.emit.types;
        let thunk = codegen.module.get_function("coex_foreign_thunk").unwrap_or_else(|| {
            let thunk = codegen.module.add_function("coex_foreign_thunk", types.void.fn_type(&[], false), None);
            thunk.set_call_conventions(PRESERVE_NONE);
            thunk
        });
        let unused = poison(types.i64.into());
        let mut operands: Vec<CValue<'ctx>> = vec![
            target.as_global_value().as_pointer_value().into(),
            self.body.fiber.into(),
            unused.into(),
            unused.into(),
        ];
        operands.extend_from_slice(values);
        let ty = self.function_type(result, &operands);
        let operands: Vec<_> = operands.into_iter().map(|operand| operand.value.into()).collect();
        let thunk = thunk.as_global_value().as_pointer_value();
        let call = built(self.body.emit.builder.build_indirect_call(ty, thunk, &operands, ""));
        call.set_call_convention(PRESERVE_NONE);
        call.try_as_basic_value().basic()
    }

    /// Arguments on the stack would stay on the task's: they travel in a block, and a shim on the system stack makes
    /// the call. The block lies in the arena, its first words are for the result.
    fn through_block(
        &self,
        symbol: &str,
        target: FunctionValue<'ctx>,
        result: Option<BasicTypeEnum<'ctx>>,
        values: &[CValue<'ctx>],
    ) -> Option<Value<'ctx>> {
        let emit = &self.body.emit;
        let block = self.arena_bytes(emit.types.int(8 * (values.len() as i64) + RESULT_BYTES as i64));
        for (index, value) in values.iter().enumerate() {
            emit.store(emit.offset(block, 8 * index as u64 + RESULT_BYTES), value.value);
        }
        let shim = self.shim(symbol, target, result, values);
        self.through_thunk(shim, None, &[block.into()]);
        result.map(|result| emit.load(result, block))
    }

    fn shim(
        &self,
        symbol: &str,
        target: FunctionValue<'ctx>,
        result: Option<BasicTypeEnum<'ctx>>,
        values: &[CValue<'ctx>],
    ) -> FunctionValue<'ctx> {
        let codegen = self.body.codegen;
        let name = format!("shim.{symbol}");
        if let Some(known) = codegen.module.get_function(&name) {
            return known;
        }
        let types = self.body.emit.types;
        let ty = types.void.fn_type(&[types.ptr.into()], false);
        let shim = codegen.module.add_function(&name, ty, Some(inkwell::module::Linkage::Internal));
        let emit = codegen.emit();
        emit.at(codegen.context.append_basic_block(shim, ""));
        let block = crate::codegen::function::parameter(shim, 0).into_pointer_value();
        let load = |(index, value): (usize, &CValue<'ctx>)| {
            emit.load(value.value.get_type(), emit.offset(block, 8 * index as u64 + RESULT_BYTES))
        };
        let args: Vec<_> = values.iter().enumerate().map(load).collect();
        let call = emit.call(target, &args);
        for (index, value) in values.iter().enumerate() {
            let Some(bytes) = value.on_stack else { continue };
            // The callee finds a copy of the struct itself among the arguments on the stack.
            let ty = types.i8.array_type(bytes as u32);
            let kind = Attribute::get_named_enum_kind_id("byval");
            let attribute = codegen.context.create_type_attribute(kind, ty.into());
            call.add_attribute(AttributeLoc::Param(index as u32), attribute);
            target.add_attribute(AttributeLoc::Param(index as u32), attribute);
            let kind = Attribute::get_named_enum_kind_id("align");
            let attribute = codegen.context.create_enum_attribute(kind, 8);
            call.add_attribute(AttributeLoc::Param(index as u32), attribute);
            target.add_attribute(AttributeLoc::Param(index as u32), attribute);
        }
        if let (Some(_), Some(value)) = (result, call.try_as_basic_value().basic()) {
            emit.store(block, value);
        }
        built(emit.builder.build_return(None));
        shim
    }
}

/// LLVM has integers of every width; C has these.
fn width(bits: u32) -> std::num::NonZeroU32 {
    std::num::NonZeroU32::new(bits.clamp(8, 64)).unwrap_or(std::num::NonZeroU32::MIN)
}
