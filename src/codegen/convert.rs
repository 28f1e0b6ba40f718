//! Explicit conversions between scalar types.
//!
//! In: a scalar. Out: a scalar of the other type, or a panic at the conversion's place.
//! Deliberately not here: text (runtime), optionals.

use super::emit::{Value, built};
use super::function::Body;
use crate::ir::{Conversion, Expr, RuntimeFunction};
use crate::source::Span;
use inkwell::values::{FloatValue, IntValue};
use inkwell::{FloatPredicate, IntPredicate};

/// 2^63, which a double represents exactly.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn convert(&mut self, conversion: Conversion, operand: &Expr, span: Span) -> Value<'ctx> {
        let value = self.value(operand);
        let types = self.emit.types;
        match (conversion, value) {
            (Conversion::Identity, value) => value,
            (Conversion::WidenToInt | Conversion::BoolToInt, Value::IntValue(value)) => {
                self.emit.resize(value, types.i64).into()
            }
            (Conversion::IntToBool, Value::IntValue(value)) => self.emit.is_not_zero(value).into(),
            (Conversion::IntToFloat, Value::IntValue(value)) => {
                built(self.emit.builder.build_signed_int_to_float(value, types.f64, "")).into()
            }
            (Conversion::FloatToInt, Value::FloatValue(value)) => self.float_to_int(value, span).into(),
            (Conversion::IntToByte, Value::IntValue(value)) => {
                let bad = self.emit.compare(IntPredicate::UGT, value, types.int(255));
                self.panic_if(bad, RuntimeFunction::PanicByteRange, &[], span);
                self.emit.resize(value, types.i8).into()
            }
            (Conversion::IntToChar, Value::IntValue(value)) => self.int_to_char(value, span).into(),
            _ => crate::bug!("{conversion:?} of a wrong operand in {}", self.ir.name),
        }
    }

    /// Truncates; NaN fails both comparisons.
    fn float_to_int(&mut self, value: FloatValue<'ctx>, span: Span) -> IntValue<'ctx> {
        let types = self.emit.types;
        let above = self.emit.compare_float(FloatPredicate::OGE, value, types.f64.const_float(-INT_END));
        let below = self.emit.compare_float(FloatPredicate::OLT, value, types.f64.const_float(INT_END));
        let fits = self.emit.and(above, below);
        let bad = self.emit.not(fits);
        self.panic_if(bad, RuntimeFunction::PanicFloatToInt, &[], span);
        built(self.emit.builder.build_float_to_signed_int(value, types.i64, ""))
    }

    /// Unicode scalar values: up to 0x10FFFF without the surrogates.
    fn int_to_char(&mut self, value: IntValue<'ctx>, span: Span) -> IntValue<'ctx> {
        let types = self.emit.types;
        let beyond = self.emit.compare(IntPredicate::UGT, value, types.int(0x10_FFFF));
        let from_surrogates = self.emit.sub(value, types.int(0xD800));
        let surrogate = self.emit.compare(IntPredicate::ULT, from_surrogates, types.int(0x800));
        let bad = self.emit.or(beyond, surrogate);
        self.panic_if(bad, RuntimeFunction::PanicCharRange, &[], span);
        self.emit.resize(value, types.i32)
    }
}
