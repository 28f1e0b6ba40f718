//! Calls of runtime functions, all of them lowered from the table in `coex_runtime::exports`.
//!
//! In: a row of the table and its arguments. Out: a call with fiber, descriptors and site added, values passed through
//! memory of the frame, results read back. Deliberately not here: what the functions do.

use super::context::Codegen;
use super::emit::Value;
use super::function::{Body, Temporary};
use crate::ir::{Expr, RuntimeFunction};
use crate::source::Span;
use crate::types::TypeId;
use coex_runtime::exports::{Pass, Returns};
use inkwell::attributes::AttributeLoc;
use inkwell::types::{BasicMetadataTypeEnum, BasicTypeEnum};
use inkwell::values::{CallSiteValue, FunctionValue, IntValue};

pub(super) fn declare<'ctx>(codegen: &Codegen<'_, 'ctx>, function: RuntimeFunction) -> FunctionValue<'ctx> {
    let types = codegen.types;
    let mut params: Vec<BasicMetadataTypeEnum<'ctx>> = function
        .params()
        .iter()
        .map(|pass| match pass {
            Pass::Int => types.i64.into(),
            Pass::Float => types.f64.into(),
            Pass::Bool => types.i1.into(),
            _ => types.ptr.into(),
        })
        .collect();
    if function.returns() == Returns::Value {
        params.push(types.ptr.into());
    }
    let signature = match function.returns() {
        Returns::Nothing | Returns::Value | Returns::Never => types.void.fn_type(&params, false),
        Returns::Int => types.i64.fn_type(&params, false),
        Returns::Float => types.f64.fn_type(&params, false),
        Returns::Bool => types.i1.fn_type(&params, false),
        Returns::Ref => types.ptr.fn_type(&params, false),
    };
    let declared = codegen.module.add_function(function.symbol(), signature, None);
    let attributes = &codegen.attributes;
    use RuntimeFunction::{AllocSlow, InstanceEnter, InstanceGet, PollSlow, StackSlow};
    declared.add_attribute(AttributeLoc::Function, attributes.nounwind);
    if function.returns() == Returns::Never {
        declared.add_attribute(AttributeLoc::Function, attributes.noreturn);
    }
    if function.returns() == Returns::Never
        || matches!(function, AllocSlow | PollSlow | StackSlow | InstanceGet | InstanceEnter)
    {
        declared.add_attribute(AttributeLoc::Function, attributes.cold);
    }
    // Rust's bool: the callee reads a whole byte.
    for (index, pass) in function.params().iter().enumerate() {
        if *pass == Pass::Bool {
            declared.add_attribute(AttributeLoc::Param(index as u32), attributes.zeroext);
        }
    }
    if function.returns() == Returns::Bool {
        declared.add_attribute(AttributeLoc::Return, attributes.zeroext);
    }
    declared
}

impl<'ctx> Body<'_, 'ctx> {
    /// All arguments as they are passed.
    pub(super) fn runtime_call(&self, function: RuntimeFunction, args: &[Value<'ctx>]) -> CallSiteValue<'ctx> {
        self.emit.call(self.codegen.runtime(function), args)
    }

    pub(super) fn runtime_value(&self, function: RuntimeFunction, args: &[Value<'ctx>]) -> Value<'ctx> {
        self.runtime_call(function, args).try_as_basic_value().unwrap_basic()
    }

    /// Fiber first, then `args`, then the site. Nothing is built behind it.
    pub(super) fn panic(&self, function: RuntimeFunction, args: &[Value<'ctx>], span: Span) {
        let mut operands = vec![self.fiber.into()];
        operands.extend_from_slice(args);
        operands.push(self.codegen.site(span).into());
        self.runtime_call(function, &operands);
        self.emit.unreachable();
    }

    pub(super) fn panic_if(
        &mut self,
        condition: IntValue<'ctx>,
        function: RuntimeFunction,
        args: &[Value<'ctx>],
        span: Span,
    ) {
        let (bad, good) = (self.new_block(), self.new_block());
        self.emit.branch(condition, bad, good);
        self.emit.at(bad);
        self.panic(function, args, span);
        self.emit.at(good);
    }

    /// The value in memory of the frame, for a callee that copies it.
    pub(super) fn spill(&mut self, ty: TypeId, value: Value<'ctx>) -> Temporary<'ctx> {
        let memory = self.temporary(self.codegen.layout(ty).slot.size);
        self.store_slot(ty, memory.address, value);
        memory
    }

    /// A call that the typed IR asks for: `args` are the IR's, the rest is added as the table says.
    pub(super) fn runtime_expr(
        &mut self,
        function: RuntimeFunction,
        args: &[Expr],
        ty: Option<TypeId>,
        span: Span,
    ) -> Option<Value<'ctx>> {
        let values = self.values(args);
        if let Some(value) = self.fast_call(function, args, &values, ty, span) {
            return Some(value);
        }
        self.ordinary_call(function, args, values, ty, span)
    }

    /// The call itself, whose arguments are evaluated.
    pub(super) fn ordinary_call(
        &mut self,
        function: RuntimeFunction,
        args: &[Expr],
        values: Vec<Value<'ctx>>,
        ty: Option<TypeId>,
        span: Span,
    ) -> Option<Value<'ctx>> {
        let mut given = args.iter().zip(values);
        let mut operands = Vec::new();
        let mut temporaries = Vec::new();
        for pass in function.params() {
            let operand = match pass {
                Pass::Fiber => self.fiber,
                Pass::Type => self.codegen.descriptor(self.operand_type(function, args.first().and_then(|arg| arg.ty))),
                Pass::ResultType => self.codegen.descriptor(self.operand_type(function, ty)),
                Pass::Site => self.codegen.site(span),
                Pass::Int | Pass::Float | Pass::Bool | Pass::Ref | Pass::Value | Pass::Pointer => {
                    let Some((arg, value)) = given.next() else {
                        crate::bug!("too few arguments of {}", function.symbol())
                    };
                    operands.push(match (pass, value) {
                        (Pass::Value, value) => {
                            let memory = self.spill(self.type_of(arg), value);
                            let address = memory.address;
                            temporaries.push(memory);
                            address.into()
                        }
                        (Pass::Int, Value::IntValue(value)) => self.emit.resize(value, self.emit.types.i64).into(),
                        (_, value) => value,
                    });
                    continue;
                }
            };
            operands.push(operand.into());
        }
        let result = self.finish_runtime_call(function, operands, ty);
        for temporary in temporaries {
            self.release(temporary);
        }
        result
    }

    fn operand_type(&self, function: RuntimeFunction, ty: Option<TypeId>) -> TypeId {
        match ty {
            Some(ty) => ty,
            None => crate::bug!("{} needs a type in {}", function.symbol(), self.ir.name),
        }
    }

    fn finish_runtime_call(
        &mut self,
        function: RuntimeFunction,
        mut operands: Vec<Value<'ctx>>,
        ty: Option<TypeId>,
    ) -> Option<Value<'ctx>> {
        match function.returns() {
            Returns::Never => {
                self.runtime_call(function, &operands);
                self.emit.unreachable();
                self.start_dead_code();
                None
            }
            Returns::Nothing => {
                self.runtime_call(function, &operands);
                None
            }
            Returns::Value => {
                let ty = self.operand_type(function, ty);
                let memory = self.temporary(self.codegen.layout(ty).slot.size);
                operands.push(memory.address.into());
                self.runtime_call(function, &operands);
                let value = self.load_slot(ty, memory.address);
                self.release(memory);
                Some(value)
            }
            Returns::Int | Returns::Float | Returns::Bool | Returns::Ref => {
                let value = self.runtime_value(function, &operands);
                match (value, ty.map(|ty| self.codegen.value_type(ty))) {
                    (Value::IntValue(value), Some(BasicTypeEnum::IntType(wanted))) => {
                        Some(self.emit.resize(value, wanted).into())
                    }
                    (value, _) => Some(value),
                }
            }
        }
    }
}
