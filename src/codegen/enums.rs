//! Enums and `Result`: making cases, tags, payloads.
//!
//! In: enum values and payload expressions. Out: words as `layout` numbers them. Deliberately not here: `match` (the IR
//! has tests of the tag instead).

use super::aggregate::BOX_OFFSET;
use super::emit::{Value, built};
use super::function::Body;
use super::layout::{EnumWords, Form, WordPlace};
use super::types_table::{RowKey, object_size};
use crate::ir::Expr;
use crate::types::TypeId;
use inkwell::types::BasicTypeEnum;

impl<'ctx> Body<'_, 'ctx> {
    fn enum_words(&self, ty: TypeId) -> EnumWords {
        match &self.codegen.layout(ty).form {
            Form::Words(words) => words.clone(),
            _ => crate::bug!("{} has no cases", self.codegen.type_name(ty)),
        }
    }

    pub(super) fn case(&mut self, ty: TypeId, case: u32, args: &[Expr]) -> Value<'ctx> {
        let values = self.values(args);
        self.case_of(ty, case, values)
    }

    pub(super) fn case_of(&mut self, ty: TypeId, case: u32, values: Vec<Value<'ctx>>) -> Value<'ctx> {
        let words = self.enum_words(ty);
        let BasicTypeEnum::StructType(content) = self.codegen.content_type(ty) else {
            crate::bug!("{} is not a struct", self.codegen.type_name(ty))
        };
        let mut aggregate = content.const_zero();
        aggregate = self.emit.insert(aggregate, self.emit.types.int(case.into()), 0);
        for (place, value) in words.cases[case as usize].iter().zip(values) {
            let word = self.to_word(place, value);
            aggregate = self.emit.insert(aggregate, word, place.word);
        }
        if !self.codegen.layout(ty).boxed {
            return aggregate.into();
        }
        if words.cases[case as usize].is_empty() {
            return self.codegen.static_case(ty, case, aggregate).into();
        }
        if aggregate.is_const() {
            return self.codegen.static_value(ty, aggregate).as_pointer_value().into();
        }
        let object = self.new_object(ty);
        self.emit.store(self.emit.offset(object, BOX_OFFSET), aggregate);
        object.into()
    }

    fn to_word(&mut self, place: &WordPlace, value: Value<'ctx>) -> Value<'ctx> {
        if place.boxed {
            let bytes = object_size(self.codegen.layout(place.ty).slot.size);
            let object = self.allocate(self.codegen.row(RowKey::Box(place.ty)), bytes);
            self.store_slot(place.ty, self.emit.offset(object, BOX_OFFSET), value);
            return object.into();
        }
        match value {
            Value::IntValue(value) => self.emit.resize(value, self.emit.types.i64).into(),
            Value::FloatValue(value) => built(self.emit.builder.build_bit_cast(value, self.emit.types.i64, "")),
            other => other,
        }
    }

    pub(super) fn tag(&mut self, base: &Expr) -> Value<'ctx> {
        match self.value(base) {
            Value::PointerValue(object) => self.emit.load_int(self.emit.offset(object, BOX_OFFSET)).into(),
            Value::StructValue(aggregate) => self.emit.extract(aggregate, 0),
            _ => crate::bug!("tag of a scalar in {}", self.ir.name),
        }
    }

    pub(super) fn payload(&mut self, base: &Expr, case: u32, field: u32) -> Value<'ctx> {
        let place = self.enum_words(self.type_of(base)).cases[case as usize][field as usize];
        let types = self.emit.types;
        let is_pointer = place.boxed || self.codegen.layout(place.ty).is_reference();
        let word = match self.value(base) {
            Value::PointerValue(object) => {
                let address = self.emit.offset(object, BOX_OFFSET + u64::from(place.word) * 8);
                let ty: BasicTypeEnum<'ctx> = if is_pointer { types.ptr.into() } else { types.i64.into() };
                self.emit.load(ty, address)
            }
            Value::StructValue(aggregate) => self.emit.extract(aggregate, place.word),
            _ => crate::bug!("payload of a scalar in {}", self.ir.name),
        };
        match word {
            Value::PointerValue(object) if place.boxed => {
                self.load_slot(place.ty, self.emit.offset(object, BOX_OFFSET))
            }
            Value::IntValue(bits) => match self.codegen.value_type(place.ty) {
                BasicTypeEnum::FloatType(float) => built(self.emit.builder.build_bit_cast(bits, float, "")),
                BasicTypeEnum::IntType(int) => self.emit.resize(bits, int).into(),
                _ => crate::bug!("payload word of {}", self.codegen.type_name(place.ty)),
            },
            other => other,
        }
    }
}
