//! Runtime functions with a short path: inlined when optimising, the runtime's function behind it.
//!
//! In: calls of `ListGet`, `ArrayGet` and the like from the typed IR. Out: a call of the type-erased `coex_fast_*`
//! function with constant sizes, and the ordinary call where that declines. Builds without optimisation have only the
//! ordinary calls. Deliberately not here: the short paths themselves (`runtime/fast`).

use super::OptLevel;
use super::context::Codegen;
use super::emit::Value;
use super::function::Body;
use crate::ir::{Expr, RuntimeFunction};
use crate::source::Span;
use crate::types::{Type, TypeId};
use coex_runtime::abi::{ArrayObject, ListObject, MapObject, StringObject, list_leaf_len};
use inkwell::types::FunctionType;
use inkwell::values::{FunctionValue, PointerValue};
use std::mem::offset_of;

impl<'ctx> Codegen<'_, 'ctx> {
    pub(super) fn fast_path(&self, name: &str, signature: FunctionType<'ctx>) -> FunctionValue<'ctx> {
        self.uses_fast_paths.set(true);
        self.module.get_function(name).unwrap_or_else(|| self.module.add_function(name, signature, None))
    }
}

impl<'ctx> Body<'_, 'ctx> {
    /// `None`: the function has no short path here; nothing has been built.
    pub(super) fn fast_call(
        &mut self,
        function: RuntimeFunction,
        args: &[Expr],
        values: &[Value<'ctx>],
        ty: Option<TypeId>,
        span: Span,
    ) -> Option<Value<'ctx>> {
        let optimised = self.codegen.options.opt != OptLevel::Debug;
        let len_at = match function {
            RuntimeFunction::ListLen => offset_of!(ListObject, len),
            RuntimeFunction::ArrayLen => offset_of!(ArrayObject, len),
            RuntimeFunction::MapLen => offset_of!(MapObject, len),
            RuntimeFunction::StringLen => offset_of!(StringObject, chars),
            RuntimeFunction::ListGet | RuntimeFunction::ArrayGet if optimised => {
                return self.element(function, args, values, span);
            }
            RuntimeFunction::ListAppendOwned
            | RuntimeFunction::ListSetOwned
            | RuntimeFunction::ArrayAppendOwned
            | RuntimeFunction::ArraySetOwned
                if optimised =>
            {
                return self.update(function, args, values, ty?, span);
            }
            RuntimeFunction::StringConcatOwned if optimised => return self.lengthen(args, values, ty?, span),
            RuntimeFunction::MapGet | RuntimeFunction::MapIndex | RuntimeFunction::MapHas | RuntimeFunction::SetHas
                if optimised =>
            {
                return self.entry(function, args, values, ty?, span);
            }
            _ => return None,
        };
        match values {
            [Value::PointerValue(object)] => Some(self.emit.load_int(self.emit.offset(*object, len_at as u64)).into()),
            _ => None,
        }
    }

    /// Identity and lengths decide most comparisons in line.
    pub(super) fn fast_string_equal(&mut self, args: &[Value<'ctx>]) -> Value<'ctx> {
        let types = self.emit.types;
        let signature = types.i1.fn_type(&[types.ptr.into(), types.ptr.into()], false);
        let fast = self.codegen.fast_path("coex_fast_string_equal", signature);
        self.emit.call(fast, args).try_as_basic_value().unwrap_basic()
    }

    /// `xs[i]`: the element's address, or null for what the runtime shall decide.
    fn element(
        &mut self,
        function: RuntimeFunction,
        args: &[Expr],
        values: &[Value<'ctx>],
        span: Span,
    ) -> Option<Value<'ctx>> {
        let ty = args.first()?.ty?;
        let (Type::List(element) | Type::Array(element)) = *self.codegen.program.types.get(ty) else { return None };
        let &[Value::PointerValue(object), Value::IntValue(index)] = values else { return None };
        let types = self.emit.types;
        let size = self.codegen.layout(element).slot.size;
        let (word, ptr) = (types.i32.into(), types.ptr);
        let slot = match function {
            RuntimeFunction::ListGet => {
                let shift = types.word32(list_leaf_len(size).trailing_zeros());
                let signature = ptr.fn_type(&[ptr.into(), types.i64.into(), word, word], false);
                let fast = self.codegen.fast_path("coex_fast_list_slot", signature);
                self.emit.call(fast, &[object.into(), index.into(), shift.into(), types.word32(size).into()])
            }
            _ => {
                let signature = ptr.fn_type(&[ptr.into(), types.i64.into(), word], false);
                let fast = self.codegen.fast_path("coex_fast_array_slot", signature);
                self.emit.call(fast, &[object.into(), index.into(), types.word32(size).into()])
            }
        };
        let slot = slot.try_as_basic_value().unwrap_basic().into_pointer_value();
        Some(self.read_or_ask(function, element, slot, &[object.into(), index.into()], ty, span))
    }

    /// The value in the slot; when there is none, what the runtime function says (it panics, or finds the element).
    fn read_or_ask(
        &mut self,
        function: RuntimeFunction,
        element: TypeId,
        slot: PointerValue<'ctx>,
        args: &[Value<'ctx>],
        ty: TypeId,
        span: Span,
    ) -> Value<'ctx> {
        let declined = self.emit.is_null(slot);
        let (slow, fast, end) = (self.new_block(), self.new_block(), self.new_block());
        self.emit.branch(declined, slow, fast);

        self.emit.at(slow);
        let memory = self.temporary(self.codegen.layout(element).slot.size);
        let mut operands = vec![self.fiber.into()];
        operands.extend_from_slice(args);
        let more: [Value<'ctx>; 3] =
            [self.codegen.descriptor(ty).into(), self.codegen.site(span).into(), memory.address.into()];
        operands.extend(more);
        self.runtime_call(function, &operands);
        let asked = self.load_slot(element, memory.address);
        self.release(memory);
        let from_slow = self.emit.block();
        self.emit.jump(end);

        self.emit.at(fast);
        let read = self.load_slot(element, slot);
        let from_fast = self.emit.block();
        self.emit.jump(end);

        self.emit.at(end);
        self.emit.phi(&[(read, from_fast), (asked, from_slow)])
    }
}
