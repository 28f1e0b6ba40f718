//! Externs of libraries whose C code runs in worker processes (`isolation = "process"`).
//!
//! In: the extern's function, as for any other library. Out: three bodies. The extern itself sends its arguments and takes
//! what comes back; its *entry* does the opposite in the worker, and calls the *local* function, which is what the
//! extern would be in the tier `instance`. Both sides name values in the same order: arguments and out variables, then
//! the result and the out variables. Deliberately not here: bytes and processes (`runtime/src/ffi/worker`).

use super::{Foreign, stub};
use crate::bind::ResultPlan;
use crate::codegen::context::Codegen;
use crate::codegen::emit::{Value, built};
use crate::codegen::function::{Body, parameter};
use crate::ir::{ExternId, RuntimeFunction};
use crate::types::{Type, TypeId};
use coex_runtime::abi::offset;
use inkwell::values::{FunctionValue, PointerValue};

const OK: u32 = 0;
const ERR: u32 = 1;

/// The function that a worker calls, which has the ordinary body of the extern.
pub(super) fn local<'ctx>(codegen: &Codegen<'_, 'ctx>, func: FunctionValue<'ctx>) -> FunctionValue<'ctx> {
    let name = format!("{}.local", func.get_name().to_string_lossy());
    codegen.module.get_function(&name).unwrap_or_else(|| codegen.declare(&name, func.get_type()))
}

/// Types of the parameters: those of values, then those of out variables.
fn types(external: &crate::ir::Extern) -> (Vec<TypeId>, Vec<TypeId>) {
    let of = |out: bool| external.params.iter().filter(move |param| param.out == out).map(|param| param.ty);
    (of(false).collect(), of(true).collect())
}

/// `void entry(fiber, unused, unused)` in the worker.
pub(super) fn define_entry<'ctx>(
    codegen: &Codegen<'_, 'ctx>,
    id: ExternId,
    func: FunctionValue<'ctx>,
) -> FunctionValue<'ctx> {
    let external = codegen.program.external(id);
    let ptr = codegen.types.ptr.into();
    let name = format!("{}.entry", func.get_name().to_string_lossy());
    let entry = codegen.declare(&name, codegen.types.void.fn_type(&[ptr, ptr, ptr], false));
    let mut stub = stub(external);
    stub.result = None;
    let mut body = Body::open(codegen, &stub, entry);
    let (values, outs) = types(external);
    // A worker has no instance of the other side, and no places of its own to tell.
    let null = codegen.types.ptr.const_null();
    let mut args = vec![body.fiber.into()];
    for ty in values {
        let slot = taken(&body, null, ty);
        args.push(body.load_slot(ty, slot));
    }
    let outs: Vec<_> = outs.into_iter().map(|ty| (ty, taken(&body, null, ty))).collect();
    args.extend(outs.iter().map(|(_, slot)| Value::from(*slot)));
    args.push(null.into());
    let call = body.emit.call(local(codegen, func), &args);
    let result = codegen.mark_call(call).try_as_basic_value().basic();
    body.runtime_call(RuntimeFunction::WorkerAnswer, &[]);
    if let (Some(ty), Some(result)) = (external.result, result) {
        let slot = slot(&body, ty);
        body.store_slot(ty, slot, result);
        put(&body, null, ty, slot, null.into());
    }
    for (ty, slot) in outs {
        put(&body, null, ty, slot, null.into());
    }
    body.leave(None);
    body.close();
    entry
}

/// Memory of the frame for a value; zero.
fn slot<'ctx>(body: &Body<'_, 'ctx>, ty: TypeId) -> PointerValue<'ctx> {
    let slot = body.alloca(body.codegen.slot_type(ty));
    body.emit.store(slot, body.codegen.slot_type(ty).const_zero());
    slot
}

fn taken<'ctx>(body: &Body<'_, 'ctx>, instance: PointerValue<'ctx>, ty: TypeId) -> PointerValue<'ctx> {
    let slot = slot(body, ty);
    let descriptor = body.codegen.descriptor(ty);
    let args = [body.fiber.into(), instance.into(), slot.into(), descriptor.into()];
    body.runtime_call(RuntimeFunction::WorkerTake, &args);
    slot
}

fn put<'ctx>(
    body: &Body<'_, 'ctx>,
    instance: PointerValue<'ctx>,
    ty: TypeId,
    slot: PointerValue<'ctx>,
    site: Value<'ctx>,
) {
    let descriptor = body.codegen.descriptor(ty);
    let args = [body.fiber.into(), instance.into(), slot.into(), descriptor.into(), site];
    body.runtime_call(RuntimeFunction::WorkerPut, &args);
}

impl<'ctx> Foreign<'_, 'ctx> {
    /// The extern's body in the program.
    pub(super) fn run_remote(&mut self, entry: FunctionValue<'ctx>) {
        self.find_instance();
        self.flush_prints();
        let site = self.site.into();
        let (values, outs) = types(self.external);
        self.body.emit.store(self.fiber_field(offset::FIBER_FFI_SITE), self.site);
        self.body.runtime_call(RuntimeFunction::WorkerBegin, &[self.instance.into()]);
        let value_count = values.len() as u32;
        for (index, ty) in values.into_iter().enumerate() {
            let given = parameter(self.body.func, 1 + index as u32);
            let memory = slot(&self.body, ty);
            self.body.store_slot(ty, memory, given);
            put(&self.body, self.instance, ty, memory, site);
            self.close_handle(ty, given);
        }
        let variable = |(index, ty)| (ty, parameter(self.body.func, 1 + value_count + index as u32));
        let outs: Vec<_> = outs.into_iter().enumerate().map(variable).collect();
        for (ty, variable) in &outs {
            put(&self.body, self.instance, *ty, variable.into_pointer_value(), site);
        }
        let entry = entry.as_global_value().as_pointer_value();
        let args = [self.body.fiber.into(), self.instance.into(), entry.into(), site];
        self.body.runtime_call(RuntimeFunction::WorkerCall, &args);
        let result = self.external.result.map(|ty| self.taken_result(ty));
        let taken: Vec<_> = outs.iter().map(|(ty, _)| taken(&self.body, self.instance, *ty)).collect();
        self.unless_failed();
        for ((ty, variable), taken) in outs.iter().zip(taken) {
            let value = self.body.load_slot(*ty, taken);
            self.body.store_slot(*ty, variable.into_pointer_value(), value);
        }
        self.body.leave(result);
    }

    /// The release function gets its handle, which is closed on this side as well.
    fn close_handle(&self, ty: TypeId, given: Value<'ctx>) {
        let is_handle = matches!(self.body.codegen.program.types.get(ty), Type::Handle(_));
        if is_handle && self.binding.closes_handle {
            let args = [self.body.fiber.into(), self.instance.into(), given];
            self.body.runtime_call(RuntimeFunction::HandleClose, &args);
        }
    }

    fn taken_result(&mut self, ty: TypeId) -> Value<'ctx> {
        let Type::Result(value, error) = *self.body.codegen.program.types.get(ty) else {
            let slot = taken(&self.body, self.instance, ty);
            return self.body.load_slot(ty, slot);
        };
        let args = [self.body.fiber.into(), self.instance.into()];
        let case = self.body.runtime_value(RuntimeFunction::WorkerTakeCase, &args).into_int_value();
        let (good, bad, end) = (self.body.new_block(), self.body.new_block(), self.body.new_block());
        self.body.emit.branch(self.body.emit.is_zero(case), good, bad);
        let mut incoming = Vec::new();
        for (block, case, ty_of) in [(good, OK, value), (bad, ERR, error)] {
            self.body.emit.at(block);
            let slot = taken(&self.body, self.instance, ty_of);
            let payload = self.body.load_slot(ty_of, slot);
            let made = self.body.case_of(ty, case, vec![payload]);
            incoming.push((made, self.body.emit.block()));
            self.body.emit.jump(end);
        }
        self.body.emit.at(end);
        self.body.emit.phi(&incoming)
    }

    /// The worker has crashed: an error for externs that yield texts, a panic for others.
    fn unless_failed(&mut self) {
        let failed = self.has_failed();
        let ResultPlan::Fallible { failure, .. } = &self.binding.result else {
            return self.panic_when(failed, RuntimeFunction::PanicFfiFailure, &[]);
        };
        let (bad, good) = (self.body.new_block(), self.body.new_block());
        self.body.emit.branch(failed, bad, good);
        self.body.emit.at(bad);
        let error = self.failure_said(failure);
        let Some(ty) = self.external.result else { crate::bug!("a fallible extern without result") };
        let error = self.body.case_of(ty, ERR, vec![error]);
        built(self.body.emit.builder.build_return(Some(&error)));
        self.body.emit.at(good);
    }
}
