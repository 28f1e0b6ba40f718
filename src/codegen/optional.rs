//! Optionals in their three layouts.
//!
//! In: `T` and `T?` values. Out: `T?` and `T` values, presence. Deliberately not here: which operations unwrap (check).

use super::aggregate::BOX_OFFSET;
use super::emit::Value;
use super::function::Body;
use super::layout::{Form, Presence};
use crate::ir::{Expr, RuntimeFunction};
use crate::source::Span;
use crate::types::TypeId;
use inkwell::types::BasicTypeEnum;
use inkwell::values::IntValue;

impl<'ctx> Body<'_, 'ctx> {
    /// Type of the value inside, and how its presence is known.
    fn optional(&self, ty: TypeId) -> (TypeId, Presence) {
        match self.codegen.layout(ty).form {
            Form::Optional { inner, presence } => (inner, presence),
            _ => crate::bug!("{} is not optional", self.codegen.type_name(ty)),
        }
    }

    pub(super) fn some(&mut self, ty: TypeId, operand: &Expr) -> Value<'ctx> {
        let value = self.value(operand);
        self.some_of(ty, value)
    }

    pub(super) fn some_of(&mut self, ty: TypeId, value: Value<'ctx>) -> Value<'ctx> {
        let (inner, presence) = self.optional(ty);
        match presence {
            Presence::Null => value,
            Presence::Flag => {
                let BasicTypeEnum::StructType(content) = self.codegen.slot_type(ty) else {
                    crate::bug!("{} is not a struct", self.codegen.type_name(ty))
                };
                let present = self.emit.types.i8.const_int(1, false);
                let aggregate = self.emit.insert(content.const_zero(), self.to_slot(inner, value), 0);
                self.emit.insert(aggregate, present, 1).into()
            }
            Presence::Boxed => {
                let object = self.new_object(ty);
                self.store_slot(inner, self.emit.offset(object, BOX_OFFSET), value);
                object.into()
            }
        }
    }

    /// Also for handles, whose nil is 0.
    pub(super) fn is_some(&mut self, operand: &Expr) -> IntValue<'ctx> {
        let value = self.value(operand);
        self.is_present(value)
    }

    pub(super) fn is_present(&self, value: Value<'ctx>) -> IntValue<'ctx> {
        match value {
            Value::PointerValue(reference) => self.emit.not(self.emit.is_null(reference)),
            Value::StructValue(aggregate) => self.emit.is_not_zero(self.emit.extract(aggregate, 1).into_int_value()),
            Value::IntValue(handle) => self.emit.is_not_zero(handle),
            _ => crate::bug!("presence of a float in {}", self.ir.name),
        }
    }

    pub(super) fn unwrap(&mut self, operand: &Expr, span: Span) -> Value<'ctx> {
        let ty = self.type_of(operand);
        let value = self.value(operand);
        let present = self.is_present(value);
        let absent = self.emit.not(present);
        let descriptor = self.codegen.descriptor(ty).into();
        self.panic_if(absent, RuntimeFunction::PanicNil, &[descriptor], span);
        self.contents(ty, value)
    }

    pub(super) fn unwrap_unchecked(&mut self, operand: &Expr) -> Value<'ctx> {
        let value = self.value(operand);
        self.contents(self.type_of(operand), value)
    }

    pub(super) fn contents(&mut self, ty: TypeId, value: Value<'ctx>) -> Value<'ctx> {
        let (inner, presence) = self.optional(ty);
        match (presence, value) {
            (Presence::Flag, Value::StructValue(aggregate)) => self.from_slot(inner, self.emit.extract(aggregate, 0)),
            (Presence::Boxed, Value::PointerValue(object)) => {
                self.load_slot(inner, self.emit.offset(object, BOX_OFFSET))
            }
            (_, value) => value,
        }
    }
}
