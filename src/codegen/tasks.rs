//! Spawning and joining.
//!
//! In: spawns, joins and scopes of the typed IR. Out: calls of the runtime, and for each spawned function a `TaskInfo` and
//! a stub that takes the arguments from the task's payload and stores the result there: the result comes first in the
//! payload, so that a join need not know which function ran. Deliberately not here: when joins happen (pass `tasks`).

use super::call::CODE_OFFSET;
use super::context::Codegen;
use super::emit::{Emit, Value, built};
use super::function::{Body, parameter};
use crate::ir::{Block, Expr, FuncId, RuntimeFunction};
use crate::source::Span;
use crate::types::{Type, TypeId};
use coex_runtime::abi::{Scope, TASK_PAYLOAD, task_flags};
use inkwell::types::BasicTypeEnum;
use inkwell::values::{FunctionValue, IntValue, PointerValue};

/// Where result and arguments lie in a payload.
struct Places {
    params: Vec<u32>,
    size: u32,
}

impl<'ctx> Codegen<'_, 'ctx> {
    fn payload(&self, params: &[TypeId], result: Option<TypeId>) -> Places {
        let (params, size) = self.payload_places(params, result);
        Places { params, size }
    }

    /// Where these lie in a payload, behind the result, and its size.
    pub(super) fn payload_places(&self, params: &[TypeId], result: Option<TypeId>) -> (Vec<u32>, u32) {
        let mut size = result.map_or(0, |result| self.layout(result).slot.size);
        let mut place = |param: &TypeId| {
            let slot = &self.layout(*param).slot;
            let offset = size.next_multiple_of(slot.align.max(1));
            size = offset + slot.size;
            offset
        };
        let params = params.iter().map(&mut place).collect();
        (params, size.next_multiple_of(8))
    }

    fn param_types(&self, func: FuncId) -> Vec<TypeId> {
        let ir = self.program.function(func);
        ir.params.iter().map(|local| ir.locals[local.0 as usize].ty).collect()
    }

    /// The `TaskInfo` of a function.
    fn task_info(&self, func: FuncId) -> PointerValue<'ctx> {
        let name = format!("task.{}", func.0);
        if let Some(known) = self.module.get_global(&name) {
            return known.as_pointer_value();
        }
        let ir = self.program.function(func);
        let params = self.param_types(func);
        let places = self.payload(&params, ir.result);
        let stub = self.task_stub(&format!("{name}.stub"), &params, ir.result, &places, self.function(func));
        self.info(&name, stub, &ir.name, places.size, self.graph.is_deep(func))
    }

    /// The `TaskInfo` of all function values of a task type; their payload has the closure in front of the arguments.
    fn task_value_info(&self, ty: TypeId, params: &[TypeId], result: Option<TypeId>) -> PointerValue<'ctx> {
        let name = format!("task.value.{}", ty.0);
        if let Some(known) = self.module.get_global(&name) {
            return known.as_pointer_value();
        }
        let all: Vec<TypeId> = std::iter::once(ty).chain(params.iter().copied()).collect();
        let places = self.payload(&all, result);
        let stub = self.value_stub(&format!("{name}.stub"), params, &all, result, &places);
        self.info(&name, stub, &self.type_name(ty), places.size, true)
    }

    /// `abi::TaskInfo`
    pub(super) fn info(
        &self,
        name: &str,
        stub: FunctionValue<'ctx>,
        text: &str,
        payload: u32,
        deep: bool,
    ) -> PointerValue<'ctx> {
        let flags = if deep { task_flags::RECURSIVE } else { 0 };
        let mut members: Vec<Value<'ctx>> = vec![stub.as_global_value().as_pointer_value().into()];
        members.push(self.text_constant(text).into());
        members.extend([payload, 0, flags, 0].map(|word| Value::from(self.types.word32(word))));
        self.constant(name, self.context.const_struct(&members, false).into()).as_pointer_value()
    }

    /// A function `void stub(fiber, task)`, and where it begins.
    pub(super) fn open_stub(&self, name: &str) -> (FunctionValue<'ctx>, Emit<'ctx>, PointerValue<'ctx>) {
        let ptr = BasicTypeEnum::from(self.types.ptr);
        let stub = self.declare(name, self.types.void.fn_type(&[ptr.into(), ptr.into()], false));
        let emit = self.emit();
        emit.at(self.context.append_basic_block(stub, ""));
        if let Some(debug) = &self.debug {
            debug.describe_made(self, stub, &emit);
        }
        let payload = emit.offset(parameter(stub, 1).into_pointer_value(), TASK_PAYLOAD);
        (stub, emit, payload)
    }

    fn task_stub(
        &self,
        name: &str,
        params: &[TypeId],
        result: Option<TypeId>,
        places: &Places,
        callee: FunctionValue<'ctx>,
    ) -> FunctionValue<'ctx> {
        let (stub, emit, payload) = self.open_stub(name);
        let mut operands = vec![parameter(stub, 0)];
        operands.extend(self.arguments(&emit, payload, params, &places.params));
        let call = self.mark_call(emit.call(callee, &operands));
        self.finish_stub(&emit, payload, result, call.try_as_basic_value().basic());
        stub
    }

    fn value_stub(
        &self,
        name: &str,
        params: &[TypeId],
        all: &[TypeId],
        result: Option<TypeId>,
        places: &Places,
    ) -> FunctionValue<'ctx> {
        let (stub, emit, payload) = self.open_stub(name);
        let mut operands = vec![parameter(stub, 0)];
        operands.extend(self.arguments(&emit, payload, all, &places.params));
        let code = emit.load_ptr(emit.offset(operands[1].into_pointer_value(), CODE_OFFSET));
        let operands: Vec<_> = operands.into_iter().map(Into::into).collect();
        let signature = self.signature(1, params, result);
        let call = self.mark_call(built(emit.builder.build_indirect_call(signature, code, &operands, "")));
        self.finish_stub(&emit, payload, result, call.try_as_basic_value().basic());
        stub
    }

    fn arguments(
        &self,
        emit: &Emit<'ctx>,
        payload: PointerValue<'ctx>,
        params: &[TypeId],
        places: &[u32],
    ) -> Vec<Value<'ctx>> {
        let load = |(&ty, &at): (&TypeId, &u32)| self.load_argument(emit, ty, emit.offset(payload, at.into()));
        params.iter().zip(places).map(load).collect()
    }

    pub(super) fn load_argument(&self, emit: &Emit<'ctx>, ty: TypeId, address: PointerValue<'ctx>) -> Value<'ctx> {
        let slot = emit.load(self.slot_type(ty), address);
        match (slot, self.value_type(ty)) {
            (Value::IntValue(byte), BasicTypeEnum::IntType(wanted)) => emit.resize(byte, wanted).into(),
            _ => slot,
        }
    }

    pub(super) fn finish_stub(
        &self,
        emit: &Emit<'ctx>,
        payload: PointerValue<'ctx>,
        result: Option<TypeId>,
        value: Option<Value<'ctx>>,
    ) {
        if let (Some(ty), Some(value)) = (result, value) {
            let slot = match (value, self.slot_type(ty)) {
                (Value::IntValue(bit), BasicTypeEnum::IntType(slot)) => emit.resize(bit, slot).into(),
                _ => value,
            };
            emit.store(payload, slot);
        }
        built(emit.builder.build_return(None));
    }
}

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn spawn(&mut self, func: FuncId, args: &[Expr], span: Span) -> Value<'ctx> {
        let params = self.codegen.param_types(func);
        let values = self.values(args);
        let places = self.codegen.payload(&params, self.codegen.program.function(func).result);
        let info = self.codegen.task_info(func);
        self.start_task(info, &params, &values, &places, span)
    }

    pub(super) fn spawn_value(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Value<'ctx> {
        let ty = self.type_of(callee);
        let Type::Function { params, result, .. } = self.codegen.program.types.get(ty) else {
            crate::bug!("spawn of a value that is no function in {}", self.ir.name)
        };
        let mut values = vec![self.value(callee)];
        values.extend(self.values(args));
        let all: Vec<TypeId> = std::iter::once(ty).chain(params.iter().copied()).collect();
        let places = self.codegen.payload(&all, *result);
        let info = self.codegen.task_value_info(ty, params, *result);
        self.start_task(info, &all, &values, &places, span)
    }

    /// All arguments have been evaluated: the collector does not look between the two calls.
    fn start_task(
        &mut self,
        info: PointerValue<'ctx>,
        types: &[TypeId],
        values: &[Value<'ctx>],
        places: &Places,
        span: Span,
    ) -> Value<'ctx> {
        self.at_place(span);
        let site = self.codegen.site(span);
        let args = [self.fiber.into(), info.into(), site.into()];
        let task = self.runtime_value(RuntimeFunction::TaskNew, &args).into_pointer_value();
        let payload = self.emit.offset(task, TASK_PAYLOAD);
        for ((&ty, &value), &at) in types.iter().zip(values).zip(&places.params) {
            self.store_slot(ty, self.emit.offset(payload, at.into()), value);
        }
        self.runtime_call(RuntimeFunction::TaskStart, &[self.fiber.into(), task.into()]);
        built(self.emit.builder.build_ptr_to_int(task, self.emit.types.i64, "")).into()
    }

    fn task_address(&self, word: IntValue<'ctx>) -> PointerValue<'ctx> {
        built(self.emit.builder.build_int_to_ptr(word, self.emit.types.ptr, ""))
    }

    pub(super) fn join(&mut self, task: &Expr, ty: Option<TypeId>, span: Span) -> Option<Value<'ctx>> {
        let word = self.int_value(task);
        let task = self.task_address(word);
        self.at_place(span);
        let args = [self.fiber.into(), task.into(), self.codegen.site(span).into()];
        let payload = self.runtime_value(RuntimeFunction::TaskJoin, &args).into_pointer_value();
        let value = ty.map(|ty| self.load_slot(ty, payload));
        self.runtime_call(RuntimeFunction::TaskRelease, &[self.fiber.into(), task.into()]);
        value
    }

    pub(super) fn drop_task(&mut self, task: &Expr) {
        let word = self.int_value(task);
        let task = self.task_address(word);
        self.runtime_call(RuntimeFunction::TaskDrop, &[self.fiber.into(), task.into()]);
    }

    // ------------------------------------------------------------------------------------------------- scopes

    pub(super) fn scope(&mut self, body: &Block, span: Span) {
        let words = size_of::<Scope>() / 8;
        let scope = self.alloca(self.emit.types.i64.array_type(words as u32).into());
        self.runtime_call(RuntimeFunction::ScopeEnter, &[self.fiber.into(), scope.into()]);
        self.scopes.push((scope, span));
        self.block(body);
        self.leave_scopes();
        self.scopes.pop();
    }

    /// The barriers of everything that this function has open; loops hold none.
    pub(super) fn leave_scopes(&mut self) {
        for (scope, span) in self.scopes.clone().into_iter().rev() {
            let site = self.codegen.site(span);
            self.runtime_call(RuntimeFunction::ScopeLeave, &[self.fiber.into(), scope.into(), site.into()]);
        }
    }
}
