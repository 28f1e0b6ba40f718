//! Constant objects: string literals, empty collections, zero values, sites of panics.
//!
//! In: texts, types, spans. Out: addresses of private constants, one per content. Objects carry OLD, lie outside the
//! heap, and are never written. Deliberately not here: literals with elements, see `aggregate`.

use super::context::Codegen;
use super::emit::{Value, zero};
use super::layout::{Form, Layout};
use super::types_table::RowKey;
use crate::bug;
use crate::source::Span;
use crate::types::{Type, TypeId};
use coex_runtime::abi::{ArrayObject, HEADER_OLD, ListObject, MapObject, StringObject, header, type_id};
use inkwell::values::{BasicValue, GlobalValue, PointerValue, StructValue};
use std::collections::HashMap;
use std::mem::{offset_of, size_of};

#[derive(Default)]
pub(super) struct Literals<'ctx> {
    /// Bytes with a NUL behind them.
    texts: HashMap<String, GlobalValue<'ctx>>,
    strings: HashMap<String, GlobalValue<'ctx>>,
    sites: HashMap<(u32, u32, u32), GlobalValue<'ctx>>,
    /// Empty collections by type id, zero values of boxed types by type.
    empties: HashMap<u32, GlobalValue<'ctx>>,
    zeros: HashMap<TypeId, GlobalValue<'ctx>>,
    /// Cases without payload of boxed enums.
    cases: HashMap<(TypeId, u32), PointerValue<'ctx>>,
}

impl<'ctx> Codegen<'_, 'ctx> {
    /// NUL-terminated bytes.
    pub(super) fn text(&self, text: &str) -> PointerValue<'ctx> {
        if let Some(known) = self.literals.borrow().texts.get(text) {
            return known.as_pointer_value();
        }
        let global = self.constant("text", self.context.const_string(text.as_bytes(), true).into());
        self.literals.borrow_mut().texts.insert(text.to_owned(), global);
        global.as_pointer_value()
    }

    /// `abi::Text`
    pub(super) fn text_constant(&self, text: &str) -> StructValue<'ctx> {
        let members = [self.text(text).into(), self.types.int(text.len() as i64).into()];
        self.context.const_struct(&members, false)
    }

    /// A string object: the fixed part, then the bytes.
    pub(super) fn string(&self, text: &str) -> PointerValue<'ctx> {
        if let Some(known) = self.literals.borrow().strings.get(text) {
            return known.as_pointer_value();
        }
        let types = self.types;
        let bytes = self.context.const_string(text.as_bytes(), true);
        let (word, ptr) = (types.i64.into(), types.ptr.into());
        let ty = self.context.struct_type(&[word, word, word, word, ptr, ptr, bytes.get_type().into()], false);
        let global = self.module.add_global(ty, None, "string");
        // SAFETY: the text starts right behind the fixed part of the object.
        let data = unsafe {
            let at = types.i64.const_int(size_of::<StringObject>() as u64, false);
            global.as_pointer_value().const_in_bounds_gep(types.i8, &[at])
        };
        let values: [Value<'ctx>; 7] = [
            types.int(static_header(type_id::STRING) as i64).into(),
            types.int(0).into(),
            types.int(text.len() as i64).into(),
            types.int(text.chars().count() as i64).into(),
            data.into(),
            types.ptr.const_null().into(),
            bytes.into(),
        ];
        self.make_static(global, self.context.const_struct(&values, false).into());
        self.literals.borrow_mut().strings.insert(text.to_owned(), global);
        global.as_pointer_value()
    }

    fn make_static(&self, global: GlobalValue<'ctx>, value: Value<'ctx>) {
        global.set_linkage(inkwell::module::Linkage::Private);
        global.set_constant(true);
        global.set_unnamed_addr(true);
        global.set_alignment(8);
        global.set_initializer(&value);
    }

    /// An object in constant memory.
    pub(super) fn static_object(&self, name: &str, value: StructValue<'ctx>) -> GlobalValue<'ctx> {
        let global = self.module.add_global(value.get_type(), None, name);
        self.make_static(global, value.into());
        global
    }

    /// `abi::Site` of the start of a span.
    pub(super) fn site(&self, span: Span) -> PointerValue<'ctx> {
        let (line, column) = self.sources.line_column(span);
        let key = (span.file.0, line, column);
        if let Some(known) = self.literals.borrow().sites.get(&key) {
            return known.as_pointer_value();
        }
        let file = self.text_constant(&self.sources.file(span.file).name);
        let members = [file.into(), self.types.word32(line).into(), self.types.word32(column).into()];
        let global = self.constant("site", self.context.const_struct(&members, false).into());
        self.literals.borrow_mut().sites.insert(key, global);
        global.as_pointer_value()
    }

    /// The empty list, array, map or set; the fixed part of each is words that are all zero but the header.
    fn empty(&self, id: u32, bytes: usize) -> PointerValue<'ctx> {
        if let Some(known) = self.literals.borrow().empties.get(&id) {
            return known.as_pointer_value();
        }
        // `data` of the empty array may be null as well: nothing is read through it.
        let mut words = vec![self.types.int(0); bytes / 8];
        words[0] = self.types.int(static_header(id) as i64);
        let words = self.types.i64.const_array(&words);
        let global = self.static_object("empty", self.context.const_struct(&[words.into()], false));
        self.literals.borrow_mut().empties.insert(id, global);
        global.as_pointer_value()
    }

    /// The zero value of the language for this type (3.1), in registers.
    pub(super) fn zero_value(&self, ty: TypeId) -> Value<'ctx> {
        let layout = self.layout(ty);
        match self.program.types.get(ty) {
            Type::String => self.string("").into(),
            Type::List(_) => self.empty(type_id::LIST, size_of::<ListObject>()).into(),
            Type::Array(_) => self.empty(type_id::ARRAY, size_of::<ArrayObject>()).into(),
            Type::Map(..) | Type::Set(_) => self.empty(type_id::MAP, size_of::<MapObject>()).into(),
            Type::Optional(_) | Type::Int | Type::Float | Type::Bool | Type::Byte | Type::Char => {
                zero(self.value_type(ty))
            }
            // json null is zero.
            Type::Handle(_) | Type::Posix | Type::Json => zero(self.value_type(ty)),
            Type::Tuple(_) | Type::User { .. } => self.zero_members(ty, layout),
            _ => bug!("{} has no zero value", self.type_name(ty)),
        }
    }

    /// The zero value as it lies in a slot.
    fn zero_slot(&self, ty: TypeId) -> Value<'ctx> {
        match self.layout(ty).form {
            Form::Bool => self.types.i8.const_zero().into(),
            _ => self.zero_value(ty),
        }
    }

    fn zero_members(&self, ty: TypeId, layout: &Layout) -> Value<'ctx> {
        let Form::Fields(places) = &layout.form else { bug!("{} has no zero value", self.type_name(ty)) };
        if let Some(known) = self.literals.borrow().zeros.get(&ty) {
            return known.as_pointer_value().into();
        }
        let members: Vec<Value<'ctx>> = places.iter().map(|place| self.zero_slot(place.ty)).collect();
        let content = self.context.const_struct(&members, false);
        if !layout.boxed {
            return content.into();
        }
        let global = self.static_value(ty, content);
        self.literals.borrow_mut().zeros.insert(ty, global);
        global.as_pointer_value().as_basic_value_enum()
    }

    /// A constant value of a boxed type.
    pub(super) fn static_value(&self, ty: TypeId, content: StructValue<'ctx>) -> GlobalValue<'ctx> {
        let head = self.types.int(static_header(self.row(RowKey::Object(ty))) as i64);
        self.static_object("object", self.context.const_struct(&[head.into(), content.into()], false))
    }

    /// A case without payload of a boxed enum; every value of it is the same object.
    pub(super) fn static_case(&self, ty: TypeId, case: u32, content: StructValue<'ctx>) -> PointerValue<'ctx> {
        if let Some(&known) = self.literals.borrow().cases.get(&(ty, case)) {
            return known;
        }
        let object = self.static_value(ty, content).as_pointer_value();
        self.literals.borrow_mut().cases.insert((ty, case), object);
        object
    }
}

/// Header word of an object outside the heap.
pub(super) fn static_header(type_id: u32) -> u64 {
    header(type_id, 0) | HEADER_OLD
}

const _: () = {
    // `empty` relies on these words being zero for an empty collection.
    assert!(offset_of!(ListObject, len) == 16 && size_of::<ListObject>().is_multiple_of(8));
    assert!(size_of::<ArrayObject>().is_multiple_of(8) && size_of::<MapObject>().is_multiple_of(8));
};
