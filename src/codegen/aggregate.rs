//! Tuples, records and literals of collections.
//!
//! In: member expressions. Out: LLVM structs, or objects for boxed types; collections are built by the runtime from
//! elements laid out in a row. Deliberately not here: enums, optionals.

use super::context::const_array;
use super::emit::Value;
use super::function::Body;
use super::layout::{FieldPlace, Form};
use super::types_table::{RowKey, object_size};
use crate::ir::{Expr, ExprKind, RuntimeFunction};
use crate::types::{Type, TypeId};
use inkwell::types::BasicTypeEnum;
use inkwell::values::PointerValue;

/// Where the content of an object starts.
pub(super) const BOX_OFFSET: u64 = 8;

/// Constant elements from this number on go to constant memory instead of being stored one by one.
const CONSTANT_ELEMENTS: usize = 4;

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn field_places(&self, ty: TypeId) -> Vec<FieldPlace> {
        match &self.codegen.layout(ty).form {
            Form::Fields(places) => places.clone(),
            _ => crate::bug!("{} has no fields", self.codegen.type_name(ty)),
        }
    }

    pub(super) fn aggregate(&mut self, ty: TypeId, items: &[Expr]) -> Value<'ctx> {
        let values = self.values(items);
        self.aggregate_of(ty, &values)
    }

    pub(super) fn aggregate_of(&mut self, ty: TypeId, values: &[Value<'ctx>]) -> Value<'ctx> {
        let places = self.field_places(ty);
        if self.codegen.layout(ty).boxed && !values.iter().all(is_constant_value) {
            let object = self.new_object(ty);
            for (place, &value) in places.iter().zip(values) {
                self.store_slot(place.ty, self.emit.offset(object, BOX_OFFSET + u64::from(place.offset)), value);
            }
            return object.into();
        }
        let BasicTypeEnum::StructType(struct_type) = self.codegen.content_type(ty) else {
            crate::bug!("{} is not a struct", self.codegen.type_name(ty))
        };
        let mut aggregate = struct_type.get_poison();
        for (index, (place, &value)) in places.iter().zip(values).enumerate() {
            aggregate = self.emit.insert(aggregate, self.to_slot(place.ty, value), index as u32);
        }
        match self.codegen.layout(ty).boxed {
            true => self.codegen.static_value(ty, aggregate).as_pointer_value().into(),
            false => aggregate.into(),
        }
    }

    /// An object of a boxed type, with its fields still to be stored.
    pub(super) fn new_object(&mut self, ty: TypeId) -> PointerValue<'ctx> {
        let bytes = object_size(self.codegen.layout(ty).content.size);
        self.allocate(self.codegen.row(RowKey::Object(ty)), bytes)
    }

    pub(super) fn field(&mut self, base: &Expr, index: u32) -> Value<'ctx> {
        let ty = self.type_of(base);
        let base = self.value(base);
        self.field_of(ty, base, index)
    }

    pub(super) fn field_of(&mut self, ty: TypeId, base: Value<'ctx>, index: u32) -> Value<'ctx> {
        let place = self.field_places(ty)[index as usize];
        match base {
            Value::PointerValue(object) => {
                self.load_slot(place.ty, self.emit.offset(object, BOX_OFFSET + u64::from(place.offset)))
            }
            Value::StructValue(aggregate) => self.from_slot(place.ty, self.emit.extract(aggregate, index)),
            _ => crate::bug!("field of a scalar in {}", self.ir.name),
        }
    }

    pub(super) fn with_field(&mut self, base: &Expr, index: u32, value: &Expr) -> Value<'ctx> {
        let ty = self.type_of(base);
        let (base, value) = (self.value(base), self.value(value));
        let places = self.field_places(ty);
        match base {
            Value::StructValue(aggregate) => {
                let slot = self.to_slot(places[index as usize].ty, value);
                self.emit.insert(aggregate, slot, index).into()
            }
            _ => {
                let mut values: Vec<_> = (0..places.len() as u32).map(|at| self.field_of(ty, base, at)).collect();
                values[index as usize] = value;
                self.aggregate_of(ty, &values)
            }
        }
    }

    // -------------------------------------------------------------------------------------------- collections

    /// `[a, b]` as a list, an array or a set.
    pub(super) fn sequence_literal(&mut self, ty: TypeId, items: &[Expr]) -> Value<'ctx> {
        if items.is_empty() {
            return self.codegen.zero_value(ty);
        }
        let (function, element) = match *self.codegen.program.types.get(ty) {
            Type::List(element) => (RuntimeFunction::ListFrom, element),
            Type::Array(element) => (RuntimeFunction::ArrayFrom, element),
            Type::Set(element) => (RuntimeFunction::SetFrom, element),
            _ => crate::bug!("a literal of {}", self.codegen.type_name(ty)),
        };
        let fresh = self.codegen.has_fresh_zero(element);
        if items.len() >= CONSTANT_ELEMENTS && !fresh && items.iter().all(is_constant) {
            let values: Vec<_> = items.iter().map(|item| self.value(item)).collect();
            let values: Vec<_> = values.into_iter().map(|value| self.to_slot(element, value)).collect();
            let array = const_array(self.codegen.slot_type(element), &values);
            let table = self.codegen.constant("elements", array).as_pointer_value();
            return self.collect(function, ty, table, items.len());
        }
        let stride = self.codegen.layout(element).slot.size;
        let memory = self.temporary(stride * items.len() as u32);
        for (index, item) in items.iter().enumerate() {
            let value = self.value(item);
            self.store_slot(element, self.emit.offset(memory.address, u64::from(stride) * index as u64), value);
        }
        let result = self.collect(function, ty, memory.address, items.len());
        self.release(memory);
        result
    }

    pub(super) fn map_literal(&mut self, ty: TypeId, entries: &[(Expr, Expr)]) -> Value<'ctx> {
        if entries.is_empty() {
            return self.codegen.zero_value(ty);
        }
        let Type::Map(key_type, value_type) = *self.codegen.program.types.get(ty) else {
            crate::bug!("a map literal of {}", self.codegen.type_name(ty))
        };
        let places = self.codegen.entry_places(key_type, Some(value_type));
        let memory = self.temporary(places.size * entries.len() as u32);
        for (index, (key, value)) in entries.iter().enumerate() {
            let entry = self.emit.offset(memory.address, u64::from(places.size) * index as u64);
            let key = self.value(key);
            self.store_slot(key_type, entry, key);
            let value = self.value(value);
            self.store_slot(value_type, self.emit.offset(entry, places.value_offset.into()), value);
        }
        let result = self.collect(RuntimeFunction::MapFrom, ty, memory.address, entries.len());
        self.release(memory);
        result
    }

    fn collect(
        &mut self,
        function: RuntimeFunction,
        ty: TypeId,
        memory: PointerValue<'ctx>,
        count: usize,
    ) -> Value<'ctx> {
        let count = self.emit.types.int(count as i64);
        let args = [self.fiber.into(), memory.into(), count.into(), self.codegen.descriptor(ty).into()];
        self.runtime_value(function, &args)
    }
}

fn is_constant_value(value: &Value<'_>) -> bool {
    match value {
        Value::IntValue(value) => value.is_const(),
        Value::FloatValue(value) => value.is_const(),
        Value::PointerValue(value) => value.is_const(),
        Value::StructValue(value) => value.is_const(),
        _ => false,
    }
}

/// Lowering yields an LLVM constant and no instructions.
fn is_constant(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Nil | ExprKind::Zero
    )
}
