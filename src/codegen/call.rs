//! Calls of Coex functions and of externs; functions as values.
//!
//! In: calls of the typed IR. Out: LLVM calls with the fiber in front, marked `swiftself`. A function value is a
//! closure object: code pointer, then captures; the code takes the closure behind the fiber. Named functions become values
//! through an adapter that drops the closure. Deliberately not here: runtime functions, the bodies of externs.

use super::context::Codegen;
use super::emit::{Value, built};
use super::function::{Body, parameter};
use super::literals::static_header;
use super::types_table::RowKey;
use crate::ir::{Expr, ExternArg, ExternId, FuncId};
use crate::source::Span;
use crate::types::{Type, TypeId};
use inkwell::attributes::AttributeLoc;
use inkwell::types::{BasicType, BasicTypeEnum};
use inkwell::values::{BasicValue, CallSiteValue, FunctionValue, PointerValue};
use std::mem::offset_of;

pub(super) const CODE_OFFSET: u64 = offset_of!(coex_runtime::abi::ClosureObject, code) as u64;

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn call(&mut self, func: FuncId, args: &[Expr], span: Span) -> Option<Value<'ctx>> {
        let mut operands: Vec<Value<'ctx>> = vec![self.fiber.into()];
        if self.codegen.graph.is_lambda(func) {
            // Nothing is captured, or it could not be called without its closure.
            operands.push(self.emit.types.ptr.const_null().into());
        }
        operands.extend(self.values(args));
        self.at_place(span);
        let callee = match self.codegen.unrolled(func) {
            Some(again) if self.func == self.codegen.function(func) => again,
            _ => self.codegen.function(func),
        };
        let call = self.emit.call(callee, &operands);
        if self.id.is_some_and(|caller| self.codegen.graph.keeps_apart(caller, func)) {
            call.add_attribute(AttributeLoc::Function, self.codegen.attributes.noinline);
        }
        self.result(call)
    }

    fn result(&self, call: CallSiteValue<'ctx>) -> Option<Value<'ctx>> {
        self.codegen.mark_call(call).try_as_basic_value().basic()
    }

    pub(super) fn call_value(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Option<Value<'ctx>> {
        let Type::Function { params, result, .. } = self.codegen.program.types.get(self.type_of(callee)) else {
            crate::bug!("call of a value that is no function in {}", self.ir.name)
        };
        let signature = self.codegen.signature(1, params, *result);
        let closure = self.reference(callee);
        let mut operands: Vec<Value<'ctx>> = vec![self.fiber.into(), closure.into()];
        operands.extend(self.values(args));
        self.at_place(span);
        let code = self.emit.load_ptr(self.emit.offset(closure, CODE_OFFSET));
        let operands: Vec<_> = operands.into_iter().map(Into::into).collect();
        self.result(built(self.emit.builder.build_indirect_call(signature, code, &operands, "")))
    }

    pub(super) fn closure(&mut self, func: FuncId, captures: &[Expr]) -> Value<'ctx> {
        let code = self.codegen.function(func).as_global_value().as_pointer_value();
        if captures.is_empty() {
            return self.codegen.static_closure(func, code).into();
        }
        let ir = self.codegen.program.function(func);
        let values = self.values(captures);
        let places = self.codegen.capture_places(func);
        let object = self.allocate(self.codegen.row(RowKey::Closure(func)), places.size);
        self.emit.store(self.emit.offset(object, CODE_OFFSET), code);
        for ((value, &at), &local) in values.into_iter().zip(&places.offsets).zip(&ir.captures) {
            let ty = ir.locals[local.0 as usize].ty;
            self.store_slot(ty, self.emit.offset(object, at.into()), value);
        }
        object.into()
    }

    /// Value arguments in order, then the addresses of the out variables, then the place of the call.
    pub(super) fn call_extern(&mut self, callee: ExternId, args: &[ExternArg], span: Span) -> Option<Value<'ctx>> {
        let mut operands: Vec<Value<'ctx>> = vec![self.fiber.into()];
        let mut outs: Vec<Value<'ctx>> = Vec::new();
        for arg in args {
            match arg {
                ExternArg::Value(value) => operands.push(self.value(value)),
                ExternArg::Out(local) => outs.push(self.locals[local.0 as usize].into()),
            }
        }
        operands.extend(outs);
        operands.push(self.codegen.site(span).into());
        let function = self.codegen.external(callee);
        self.result(self.emit.call(function, &operands))
    }
}

impl<'ctx> Codegen<'_, 'ctx> {
    /// A closure without captures is a constant.
    fn static_closure(&self, func: FuncId, code: PointerValue<'ctx>) -> PointerValue<'ctx> {
        let name = format!("closure.{}", func.0);
        let global = self.module.get_global(&name).unwrap_or_else(|| {
            let head = self.types.int(static_header(self.row(RowKey::Closure(func))) as i64);
            self.static_object(&name, self.context.const_struct(&[head.into(), code.into()], false))
        });
        global.as_pointer_value()
    }

    /// A named function as a value.
    pub(super) fn function_value(&self, func: FuncId) -> PointerValue<'ctx> {
        let target = self.function(func);
        if self.graph.is_lambda(func) {
            return self.static_closure(func, target.as_global_value().as_pointer_value());
        }
        let name = format!("{}.value", target.get_name().to_string_lossy());
        let adapter = self.module.get_function(&name).unwrap_or_else(|| self.adapter(&name, func));
        self.static_closure(func, adapter.as_global_value().as_pointer_value())
    }

    fn adapter(&self, name: &str, func: FuncId) -> FunctionValue<'ctx> {
        let ir = self.program.function(func);
        let params: Vec<TypeId> = ir.params.iter().map(|local| ir.locals[local.0 as usize].ty).collect();
        let adapter = self.declare(name, self.signature(1, &params, ir.result));
        let emit = self.emit();
        emit.at(self.context.append_basic_block(adapter, ""));
        if let Some(debug) = &self.debug {
            debug.describe_made(self, adapter, &emit);
        }
        let mut operands = vec![parameter(adapter, 0)];
        operands.extend((0..params.len()).map(|index| parameter(adapter, 2 + index as u32)));
        let call = self.mark_call(emit.call(self.function(func), &operands));
        let result = call.try_as_basic_value().basic();
        built(emit.builder.build_return(result.as_ref().map(|result| result as &dyn BasicValue<'ctx>)));
        adapter
    }

    /// The internal function that calls this extern; `foreign` gives it its body.
    pub(super) fn external(&self, id: ExternId) -> FunctionValue<'ctx> {
        if let Some(&(_, known)) = self.externs.borrow().iter().find(|(other, _)| *other == id) {
            return known;
        }
        let external = self.program.external(id);
        let values = external.params.iter().filter(|param| !param.out).map(|param| self.value_type(param.ty));
        let outs = external.params.iter().filter(|param| param.out).map(|_| self.types.ptr.into());
        let fiber = BasicTypeEnum::from(self.types.ptr);
        let site = fiber;
        let params = std::iter::once(fiber).chain(values).chain(outs).chain(std::iter::once(site));
        let params: Vec<_> = params.map(Into::into).collect();
        let signature = match external.result {
            Some(result) => self.value_type(result).fn_type(&params, false),
            None => self.types.void.fn_type(&params, false),
        };
        let library = external.library.map(|library| format!("{}.", self.program.libraries[library.0 as usize]));
        let name = format!("extern.{}{}", library.unwrap_or_default(), external.name);
        let function = self.declare(&name, signature);
        self.externs.borrow_mut().push((id, function));
        function
    }
}
