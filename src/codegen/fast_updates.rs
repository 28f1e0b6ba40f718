//! Short paths of changes in place and of look-ups in maps.
//!
//! In: calls of the `…Owned` functions, of `MapGet` and the like. Out: the address of a slot and a store or a load there;
//! the ordinary call where there is no such slot. Deliberately not here: short paths of reading (`fast`).

use super::OptLevel;
use super::context::Codegen;
use super::emit::Value;
use super::function::Body;
use super::layout::{Form, Presence};
use crate::ir::{Expr, RuntimeFunction};
use crate::source::Span;
use crate::types::{self, Type, TypeId};
use coex_runtime::abi::list_leaf_len;
use inkwell::types::BasicMetadataTypeEnum;
use inkwell::values::{IntValue, PointerValue};

impl<'ctx> Codegen<'_, 'ctx> {
    /// Whether slots of the type have references.
    pub(super) fn has_references(&self, element: TypeId) -> bool {
        !self.layout(element).slot.pointers.is_empty()
    }
}

impl<'ctx> Body<'_, 'ctx> {
    /// A call of a short path; its word arguments are constants.
    pub(super) fn short(&mut self, name: &str, args: &[Value<'ctx>], words: &[u32]) -> PointerValue<'ctx> {
        let types = self.emit.types;
        let mut operands = args.to_vec();
        operands.extend(words.iter().map(|&word| Value::from(types.word32(word))));
        let params: Vec<BasicMetadataTypeEnum<'ctx>> =
            operands.iter().map(|operand| operand.get_type().into()).collect();
        let fast = self.codegen.fast_path(name, types.ptr.fn_type(&params, false));
        self.emit.call(fast, &operands).try_as_basic_value().unwrap_basic().into_pointer_value()
    }

    /// `xs = xs.append(v)` and `xs[i] = v`: a store into the list or array, if the variable's token is on it.
    pub(super) fn update(
        &mut self,
        function: RuntimeFunction,
        args: &[Expr],
        values: &[Value<'ctx>],
        ty: TypeId,
        span: Span,
    ) -> Option<Value<'ctx>> {
        let (Type::List(element) | Type::Array(element)) = *self.codegen.program.types.get(ty) else { return None };
        let size = self.codegen.layout(element).slot.size;
        let references = u32::from(self.codegen.has_references(element));
        let shift = list_leaf_len(size).trailing_zeros();
        let (&collection, &token) = (values.first()?, values.last()?);
        let (slot, item) = match (function, values) {
            (RuntimeFunction::ListAppendOwned, &[_, item, _]) => {
                (self.short("coex_fast_list_append", &[collection, token], &[shift, size, references]), item)
            }
            (RuntimeFunction::ArrayAppendOwned, &[_, item, _]) => {
                (self.short("coex_fast_array_append", &[collection, token], &[size, references]), item)
            }
            (RuntimeFunction::ListSetOwned, &[_, index, item, _]) => {
                let args = [collection, index, token];
                (self.short("coex_fast_list_own_slot", &args, &[shift, size, references]), item)
            }
            (_, &[_, index, item, _]) => {
                (self.short("coex_fast_array_own_slot", &[collection, index, token], &[size, references]), item)
            }
            _ => return None,
        };
        let declined = self.emit.is_null(slot);
        let ask = |this: &mut Self| this.ordinary_call(function, args, values.to_vec(), Some(ty), span);
        self.unless_declined(declined, ask, |this| {
            this.store_slot(element, slot, item);
            Some(collection)
        })
    }

    /// Address of the leaf that begins at `index`, which is below the length.
    pub(super) fn list_leaf(
        &mut self,
        list: PointerValue<'ctx>,
        index: IntValue<'ctx>,
        ty: TypeId,
        stride: u32,
    ) -> PointerValue<'ctx> {
        let ask = |this: &mut Self| {
            let count = this.temporary(8);
            let descriptor = this.codegen.descriptor(ty);
            let args = [list.into(), index.into(), descriptor.into(), count.address.into()];
            let leaf = this.runtime_value(RuntimeFunction::ListLeaf, &args);
            this.release(count);
            leaf
        };
        if self.codegen.options.opt == OptLevel::Debug {
            return ask(self).into_pointer_value();
        }
        let shift = list_leaf_len(stride).trailing_zeros();
        let leaf = self.short("coex_fast_list_leaf", &[list.into(), index.into()], &[shift]);
        let declined = self.emit.is_null(leaf);
        let address = self.unless_declined(declined, |this| Some(ask(this)), |_| Some(leaf.into()));
        let Some(address) = address else { crate::bug!("a leaf without an address") };
        address.into_pointer_value()
    }

    /// `s += piece`: a copy to the end of the text's buffer.
    pub(super) fn lengthen(
        &mut self,
        args: &[Expr],
        values: &[Value<'ctx>],
        ty: TypeId,
        span: Span,
    ) -> Option<Value<'ctx>> {
        let &[text, piece, token] = values else { return None };
        let types = self.emit.types;
        let signature = types.i1.fn_type(&[types.ptr.into(), types.ptr.into(), types.i64.into()], false);
        let fast = self.codegen.fast_path("coex_fast_string_append", signature);
        let done = self.emit.call(fast, &[text, piece, token]).try_as_basic_value().unwrap_basic().into_int_value();
        let declined = self.emit.not(done);
        let function = RuntimeFunction::StringConcatOwned;
        let ask = |this: &mut Self| this.ordinary_call(function, args, values.to_vec(), Some(ty), span);
        self.unless_declined(declined, ask, |_| Some(text))
    }

    /// Looks a key up that is an int or a string, and does in line what is done with the entry.
    pub(super) fn entry(
        &mut self,
        function: RuntimeFunction,
        args: &[Expr],
        values: &[Value<'ctx>],
        ty: TypeId,
        span: Span,
    ) -> Option<Value<'ctx>> {
        let (key_type, value_type) = match *self.codegen.program.types.get(args.first()?.ty?) {
            Type::Map(key, value) => (key, Some(value)),
            Type::Set(element) => (element, None),
            _ => return None,
        };
        let find = match key_type {
            types::INT => RuntimeFunction::MapFindInt,
            types::STRING => RuntimeFunction::MapFindString,
            _ => return None,
        };
        let &[map, key] = values else { return None };
        if function == RuntimeFunction::MapGet
            && matches!(self.codegen.layout(ty).form, Form::Optional { presence: Presence::Boxed, .. })
        {
            return None;
        }
        let places = self.codegen.entry_places(key_type, value_type);
        let size = self.emit.types.int(places.size.into());
        let entry = self.runtime_value(find, &[map, key, size.into()]).into_pointer_value();
        let missing = self.emit.is_null(entry);
        if matches!(function, RuntimeFunction::MapHas | RuntimeFunction::SetHas) {
            return Some(self.emit.not(missing).into());
        }
        let ask = |this: &mut Self| match function {
            // A value that is optional itself may not be looked up again: it is nil as well.
            RuntimeFunction::MapGet => Some(this.codegen.value_type(ty).const_zero()),
            _ => this.ordinary_call(function, args, values.to_vec(), Some(ty), span),
        };
        self.unless_declined(missing, ask, |this| {
            let value_type = value_type?;
            let value = this.load_slot(value_type, this.emit.offset(entry, places.value_offset.into()));
            let is_plain = value_type == ty || function == RuntimeFunction::MapIndex;
            Some(if is_plain { value } else { this.some_of(ty, value) })
        })
    }
}
