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
use inkwell::IntPredicate;
use inkwell::types::FunctionType;
use inkwell::values::{FunctionValue, IntValue, PointerValue};
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
        if let (RuntimeFunction::ListGet | RuntimeFunction::ArrayGet, &[_, Value::IntValue(index)]) = (function, values)
            && let Some(value) = self.window_get(args, index, span)
        {
            return Some(value);
        }
        if matches!(function, RuntimeFunction::ListLen | RuntimeFunction::ArrayLen)
            && let Some(len) = self.window_len(args)
        {
            return Some(len);
        }
        let optimised = self.codegen.options.opt != OptLevel::Debug;
        let len_at = match function {
            RuntimeFunction::ListLen => offset_of!(ListObject, len),
            RuntimeFunction::ArrayLen => offset_of!(ArrayObject, len),
            RuntimeFunction::MapLen => offset_of!(MapObject, len),
            RuntimeFunction::StringLen => offset_of!(StringObject, chars),
            RuntimeFunction::ListGet if optimised => return self.list_element(args, values, span),
            RuntimeFunction::ArrayGet if optimised => return self.array_element(args, values, span),
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
            [Value::PointerValue(object)] => Some(self.emit.load_len(self.emit.offset(*object, len_at as u64)).into()),
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
    fn list_element(&mut self, args: &[Expr], values: &[Value<'ctx>], span: Span) -> Option<Value<'ctx>> {
        let ty = args.first()?.ty?;
        let Type::List(element) = *self.codegen.program.types.get(ty) else { return None };
        let &[Value::PointerValue(object), Value::IntValue(index)] = values else { return None };
        let size = self.codegen.layout(element).slot.size;
        let words = [list_leaf_len(size).trailing_zeros(), size];
        let slot = self.short("coex_fast_list_slot", &[object.into(), index.into()], &words);
        self.read_or_ask(RuntimeFunction::ListGet, element, slot, &[object.into(), index.into()], ty, span)
    }

    /// An element of an array. What leaves the usual way never comes back, so LLVM may load length and data once for a loop.
    fn array_element(&mut self, args: &[Expr], values: &[Value<'ctx>], span: Span) -> Option<Value<'ctx>> {
        let Type::Array(element) = *self.codegen.program.types.get(args.first()?.ty?) else { return None };
        let &[Value::PointerValue(array), Value::IntValue(index)] = values else { return None };
        let len = self.emit.load_len(self.emit.offset(array, offset_of!(ArrayObject, len) as u64));
        let position = self.position(index, len, span);
        let data = self.emit.load_ptr(self.emit.offset(array, offset_of!(ArrayObject, data) as u64));
        let stride = self.codegen.layout(element).slot.size;
        Some(self.load_slot(element, self.emit.element(data, position, stride)))
    }

    /// The position that an index means: negative ones count from the end. Panics where there is no element.
    pub(super) fn position(&mut self, index: IntValue<'ctx>, len: IntValue<'ctx>, span: Span) -> IntValue<'ctx> {
        let usual = self.emit.block();
        let outside = self.emit.compare(IntPredicate::UGE, index, len);
        let [rare, below, nowhere, negative, inside] = std::array::from_fn(|_| self.new_block());
        self.emit.branch_rarely(outside, rare, inside);
        self.emit.at(rare);
        // Asked in this way because LLVM often knows it of variables of loops.
        let none = self.emit.types.int(0);
        let is_negative = self.emit.compare(IntPredicate::SLT, index, none);
        self.emit.branch(is_negative, below, nowhere);
        self.emit.at(below);
        let from_end = self.emit.add(index, len);
        let missing = self.emit.compare(IntPredicate::SLT, from_end, none);
        self.emit.branch(missing, nowhere, negative);
        self.emit.at(nowhere);
        self.runtime_call(
            RuntimeFunction::PanicIndex,
            &[self.fiber.into(), index.into(), len.into(), self.codegen.site(span).into()],
        );
        self.emit.unreachable();
        self.emit.at(negative);
        self.emit.jump(inside);
        self.emit.at(inside);
        self.emit.phi(&[(index.into(), usual), (from_end.into(), negative)]).into_int_value()
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
    ) -> Option<Value<'ctx>> {
        let declined = self.emit.is_null(slot);
        let ask = |this: &mut Self| {
            let memory = this.temporary(this.codegen.layout(element).slot.size);
            let mut operands = vec![this.fiber.into()];
            operands.extend_from_slice(args);
            let more: [Value<'ctx>; 3] =
                [this.codegen.descriptor(ty).into(), this.codegen.site(span).into(), memory.address.into()];
            operands.extend(more);
            this.runtime_call(function, &operands);
            let asked = this.load_slot(element, memory.address);
            this.release(memory);
            Some(asked)
        };
        self.unless_declined(declined, ask, |this| Some(this.load_slot(element, slot)))
    }

    /// What a short path yields; where it has declined, what `ask` does.
    pub(super) fn unless_declined(
        &mut self,
        declined: IntValue<'ctx>,
        ask: impl FnOnce(&mut Self) -> Option<Value<'ctx>>,
        short: impl FnOnce(&mut Self) -> Option<Value<'ctx>>,
    ) -> Option<Value<'ctx>> {
        let (slow, fast, end) = (self.new_block(), self.new_block(), self.new_block());
        self.emit.branch(declined, slow, fast);

        self.emit.at(slow);
        let asked = ask(self)?;
        let from_slow = self.emit.block();
        self.emit.jump(end);

        self.emit.at(fast);
        let found = short(self)?;
        let from_fast = self.emit.block();
        self.emit.jump(end);

        self.emit.at(end);
        Some(self.emit.phi(&[(found, from_fast), (asked, from_slow)]))
    }
}
