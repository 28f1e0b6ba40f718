//! Order of scalars and equality of everything.
//!
//! In: two operands of one type. Out: a bool. Scalars, and small tuples and records of them, are compared in line; all
//! else goes to the runtime with the type's descriptor. Deliberately not here: canonical order (runtime).

use super::OptLevel;
use super::emit::Value;
use super::function::Body;
use super::layout::{Form, Presence};
use crate::ir::{CompareOp, Expr, RuntimeFunction};
use crate::types::{Type, TypeId};
use inkwell::values::{IntValue, PointerValue};
use inkwell::{FloatPredicate, IntPredicate};

/// Tuples and records with more members are compared by the runtime.
const INLINE_MEMBERS: usize = 4;

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn compare(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Value<'ctx> {
        let signed = matches!(self.codegen.layout(self.type_of(left)).form, Form::Int);
        let (left, right) = (self.value(left), self.value(right));
        let result = match (left, right) {
            (Value::FloatValue(left), Value::FloatValue(right)) => {
                self.emit.compare_float(float_predicate(op), left, right)
            }
            (Value::IntValue(left), Value::IntValue(right)) => {
                self.emit.compare(int_predicate(op, signed), left, right)
            }
            _ => crate::bug!("order of other than scalars in {}", self.ir.name),
        };
        result.into()
    }

    pub(super) fn equal(&mut self, left: &Expr, right: &Expr, negate: bool) -> Value<'ctx> {
        let ty = self.type_of(left);
        let (left, right) = (self.value(left), self.value(right));
        let equal = self.equal_values(ty, left, right);
        if negate { self.emit.not(equal).into() } else { equal.into() }
    }

    fn equal_values(&mut self, ty: TypeId, left: Value<'ctx>, right: Value<'ctx>) -> IntValue<'ctx> {
        match (left, right) {
            (Value::IntValue(left), Value::IntValue(right)) => self.emit.compare(IntPredicate::EQ, left, right),
            (Value::FloatValue(left), Value::FloatValue(right)) => {
                self.emit.compare_float(FloatPredicate::OEQ, left, right)
            }
            (Value::PointerValue(left), Value::PointerValue(right))
                if matches!(self.codegen.program.types.get(ty), Type::String) =>
            {
                self.equal_strings(left, right)
            }
            // Identities; nothing moves between the reading of the two and their comparison.
            (Value::PointerValue(left), Value::PointerValue(right))
                if matches!(
                    self.codegen.program.types.get(ty),
                    Type::Channel(_) | Type::Atomic(_) | Type::AtomicRef(_)
                ) =>
            {
                self.emit.same_address(left, right)
            }
            _ if self.is_inline_comparable(ty) => self.equal_members(ty, left, right),
            _ => self.equal_by_runtime(ty, left, right),
        }
    }

    fn equal_strings(&mut self, left: PointerValue<'ctx>, right: PointerValue<'ctx>) -> IntValue<'ctx> {
        let args = [left.into(), right.into()];
        match self.codegen.options.opt {
            OptLevel::Debug => self.runtime_value(RuntimeFunction::StringEqual, &args),
            _ => self.fast_string_equal(&args),
        }
        .into_int_value()
    }

    fn is_inline_comparable(&self, ty: TypeId) -> bool {
        let layout = self.codegen.layout(ty);
        match &layout.form {
            _ if layout.boxed => false,
            Form::Int | Form::Float | Form::Bool | Form::Byte | Form::Char => true,
            Form::Fields(places) => {
                places.len() <= INLINE_MEMBERS && places.iter().all(|place| self.is_inline_comparable(place.ty))
            }
            Form::Words(words) => words.references == 0 && words.scalars == 0,
            // The value part of nil is zero, so equal flags and equal values say it all.
            Form::Optional { inner, presence: Presence::Flag } => self.is_inline_comparable(*inner),
            Form::Optional { .. } | Form::Reference | Form::Json => false,
        }
    }

    fn equal_members(&mut self, ty: TypeId, left: Value<'ctx>, right: Value<'ctx>) -> IntValue<'ctx> {
        let (Value::StructValue(left), Value::StructValue(right)) = (left, right) else {
            crate::bug!("members of a scalar in {}", self.ir.name)
        };
        let members: Vec<Option<TypeId>> = match &self.codegen.layout(ty).form {
            Form::Fields(places) => places.iter().map(|place| Some(place.ty)).collect(),
            Form::Optional { inner, .. } => vec![Some(*inner), None],
            _ => vec![None],
        };
        let mut all = self.bit(true);
        for (index, member) in members.into_iter().enumerate() {
            let sides = [left, right].map(|side| self.emit.extract(side, index as u32));
            let equal = match member {
                Some(member) => {
                    let [left, right] = sides.map(|side| self.from_slot(member, side));
                    self.equal_values(member, left, right)
                }
                // A tag or a presence flag.
                None => self.emit.compare(IntPredicate::EQ, sides[0].into_int_value(), sides[1].into_int_value()),
            };
            all = self.emit.and(all, equal);
        }
        all
    }

    fn equal_by_runtime(&mut self, ty: TypeId, left: Value<'ctx>, right: Value<'ctx>) -> IntValue<'ctx> {
        let (left, right) = (self.spill(ty, left), self.spill(ty, right));
        let args = [left.address.into(), right.address.into(), self.codegen.descriptor(ty).into()];
        let equal = self.runtime_value(RuntimeFunction::ValueEqual, &args).into_int_value();
        self.release(left);
        self.release(right);
        equal
    }
}

fn int_predicate(op: CompareOp, signed: bool) -> IntPredicate {
    match (op, signed) {
        (CompareOp::Less, true) => IntPredicate::SLT,
        (CompareOp::LessEqual, true) => IntPredicate::SLE,
        (CompareOp::Greater, true) => IntPredicate::SGT,
        (CompareOp::GreaterEqual, true) => IntPredicate::SGE,
        (CompareOp::Less, false) => IntPredicate::ULT,
        (CompareOp::LessEqual, false) => IntPredicate::ULE,
        (CompareOp::Greater, false) => IntPredicate::UGT,
        (CompareOp::GreaterEqual, false) => IntPredicate::UGE,
    }
}

/// Ordered: false as soon as an operand is NaN.
fn float_predicate(op: CompareOp) -> FloatPredicate {
    match op {
        CompareOp::Less => FloatPredicate::OLT,
        CompareOp::LessEqual => FloatPredicate::OLE,
        CompareOp::Greater => FloatPredicate::OGT,
        CompareOp::GreaterEqual => FloatPredicate::OGE,
    }
}
