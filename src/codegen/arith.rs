//! Arithmetic of 5.2, bit operations, mathematical functions.
//!
//! In: operands of one type. Out: values. Integers wrap; division checks for zero at its own place in the source.
//! Deliberately not here: comparisons, conversions.

use super::emit::{Value, built};
use super::function::Body;
use crate::ir::{ArithmeticOp, BitOp, Expr, MathOp, RuntimeFunction};
use crate::source::Span;
use inkwell::IntPredicate;
use inkwell::values::{FloatValue, IntValue};

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn arithmetic(&mut self, op: ArithmeticOp, left: &Expr, right: &Expr, span: Span) -> Value<'ctx> {
        let (left, right) = (self.value(left), self.value(right));
        match (left, right) {
            (Value::IntValue(left), Value::IntValue(right)) => self.int_arithmetic(op, left, right, span).into(),
            (Value::FloatValue(left), Value::FloatValue(right)) => self.float_arithmetic(op, left, right),
            _ => crate::bug!("arithmetic on other than numbers in {}", self.ir.name),
        }
    }

    fn int_arithmetic(
        &mut self,
        op: ArithmeticOp,
        left: IntValue<'ctx>,
        right: IntValue<'ctx>,
        span: Span,
    ) -> IntValue<'ctx> {
        match op {
            ArithmeticOp::Add => self.emit.add(left, right),
            ArithmeticOp::Subtract => self.emit.sub(left, right),
            ArithmeticOp::Multiply => built(self.emit.builder.build_int_mul(left, right, "")),
            ArithmeticOp::Divide | ArithmeticOp::Remainder => self.division(op, left, right, span),
        }
    }

    /// The minimum divided by -1 overflows in the machine: -1 is handled apart.
    fn division(
        &mut self,
        op: ArithmeticOp,
        left: IntValue<'ctx>,
        right: IntValue<'ctx>,
        span: Span,
    ) -> IntValue<'ctx> {
        if right.get_sign_extended_constant().is_none_or(|divisor| divisor == 0) {
            let is_zero = self.emit.is_zero(right);
            self.panic_if(is_zero, RuntimeFunction::PanicDivision, &[], span);
        }
        let types = self.emit.types;
        let is_minus_one = self.emit.compare(IntPredicate::EQ, right, types.int(-1));
        let divisor = self.emit.select(is_minus_one, types.int(1), right);
        let builder = &self.emit.builder;
        match op {
            ArithmeticOp::Divide => {
                let quotient = built(builder.build_int_signed_div(left, divisor, ""));
                let negated = built(builder.build_int_neg(left, ""));
                self.emit.select(is_minus_one, negated, quotient)
            }
            // The remainder by 1, which stands in for -1, is 0 as well.
            _ => built(builder.build_int_signed_rem(left, divisor, "")),
        }
    }

    fn float_arithmetic(&mut self, op: ArithmeticOp, left: FloatValue<'ctx>, right: FloatValue<'ctx>) -> Value<'ctx> {
        let builder = &self.emit.builder;
        match op {
            ArithmeticOp::Add => built(builder.build_float_add(left, right, "")).into(),
            ArithmeticOp::Subtract => built(builder.build_float_sub(left, right, "")).into(),
            ArithmeticOp::Multiply => built(builder.build_float_mul(left, right, "")).into(),
            ArithmeticOp::Divide => built(builder.build_float_div(left, right, "")).into(),
            ArithmeticOp::Remainder => {
                self.runtime_value(RuntimeFunction::FloatRemainder, &[left.into(), right.into()])
            }
        }
    }

    pub(super) fn negate(&mut self, operand: &Expr) -> Value<'ctx> {
        match self.value(operand) {
            Value::FloatValue(value) => built(self.emit.builder.build_float_neg(value, "")).into(),
            Value::IntValue(value) => built(self.emit.builder.build_int_neg(value, "")).into(),
            _ => crate::bug!("negation of other than numbers in {}", self.ir.name),
        }
    }

    pub(super) fn bits(&mut self, op: BitOp, left: &Expr, right: &Expr) -> Value<'ctx> {
        let (left, right) = (self.int_value(left), self.int_value(right));
        let emit = &self.emit;
        let amount = || emit.and(right, emit.types.int(63));
        let value = match op {
            BitOp::And => emit.and(left, right),
            BitOp::Or => emit.or(left, right),
            BitOp::Xor => built(emit.builder.build_xor(left, right, "")),
            BitOp::ShiftLeft => built(emit.builder.build_left_shift(left, amount(), "")),
            BitOp::ShiftRight => built(emit.builder.build_right_shift(left, amount(), true, "")),
            BitOp::ShiftRightUnsigned => built(emit.builder.build_right_shift(left, amount(), false, "")),
        };
        value.into()
    }

    pub(super) fn math(&mut self, op: MathOp, operand: &Expr) -> Value<'ctx> {
        let operand = self.value(operand);
        let is_int = operand.is_int_value();
        let name = match op {
            // `false`: the minimum is its own absolute value.
            MathOp::Abs if is_int => return self.intrinsic_value("llvm.abs", &[operand, self.bit(false).into()]),
            MathOp::Abs => "llvm.fabs",
            MathOp::Sqrt => "llvm.sqrt",
            MathOp::Floor => "llvm.floor",
            MathOp::Ceil => "llvm.ceil",
            MathOp::Trunc => "llvm.trunc",
        };
        self.intrinsic_value(name, &[operand])
    }

    pub(super) fn bit(&self, value: bool) -> IntValue<'ctx> {
        self.emit.types.i1.const_int(value.into(), false)
    }

    /// An intrinsic overloaded by the type of its first argument, which it yields.
    fn intrinsic_value(&self, name: &str, args: &[Value<'ctx>]) -> Value<'ctx> {
        let intrinsic = self.codegen.intrinsic(name, &[args[0].get_type()]);
        self.emit.call(intrinsic, args).try_as_basic_value().unwrap_basic()
    }
}
