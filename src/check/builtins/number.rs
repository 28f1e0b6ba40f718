//! Methods of the numbers and of bool (reference 9.7).

use super::build::*;
use super::sequence::{Parts, parts};
use super::{LowerCall, Lowering, Method, custom, plain};
use crate::ir::{BitOp, CompareOp, Conversion, Expr, ExprKind, MathOp, RuntimeFunction};
use crate::types::{self, TypeId};

pub(super) const INT: &[Method] = &[
    custom("abs", &[], "int", |_, call| math(call, MathOp::Abs)),
    custom("min", &[("o", "int")], "int", |lowering, call| pick(lowering, call, CompareOp::Less)),
    custom("max", &[("o", "int")], "int", |lowering, call| pick(lowering, call, CompareOp::Greater)),
    plain("pow", &[("n", "int")], "int", RuntimeFunction::IntPow),
    custom("bit_and", &[("o", "int")], "int", |_, call| bits(call, BitOp::And)),
    custom("bit_or", &[("o", "int")], "int", |_, call| bits(call, BitOp::Or)),
    custom("bit_xor", &[("o", "int")], "int", |_, call| bits(call, BitOp::Xor)),
    custom("bit_not", &[], "int", |_, mut call| {
        call.args.push(int(-1, call.span));
        bits(call, BitOp::Xor)
    }),
    custom("shl", &[("n", "int")], "int", |_, call| bits(call, BitOp::ShiftLeft)),
    custom("shr", &[("n", "int")], "int", |_, call| bits(call, BitOp::ShiftRight)),
    custom("ushr", &[("n", "int")], "int", |_, call| bits(call, BitOp::ShiftRightUnsigned)),
    custom("float", &[], "float", |_, call| convert(call, Conversion::IntToFloat)),
    plain("string", &[], "string", RuntimeFunction::ValueToString),
];

pub(super) const FLOAT: &[Method] = &[
    custom("abs", &[], "float", |_, call| math(call, MathOp::Abs)),
    custom("min", &[("o", "float")], "float", |lowering, call| pick(lowering, call, CompareOp::Less)),
    custom("max", &[("o", "float")], "float", |lowering, call| pick(lowering, call, CompareOp::Greater)),
    plain("pow", &[("x", "float")], "float", RuntimeFunction::FloatPow),
    custom("sqrt", &[], "float", |_, call| math(call, MathOp::Sqrt)),
    custom("floor", &[], "float", |_, call| math(call, MathOp::Floor)),
    custom("ceil", &[], "float", |_, call| math(call, MathOp::Ceil)),
    plain("round", &[], "float", RuntimeFunction::FloatRound),
    custom("trunc", &[], "float", |_, call| math(call, MathOp::Trunc)),
    custom("is_nan", &[], "bool", is_nan),
    custom("is_inf", &[], "bool", is_inf),
    custom("int", &[], "int", |_, call| convert(call, Conversion::FloatToInt)),
    plain("string", &[], "string", RuntimeFunction::ValueToString),
];

pub(super) const BOOL: &[Method] = &[
    plain("string", &[], "string", RuntimeFunction::ValueToString),
    custom("int", &[], "int", |_, call| convert(call, Conversion::BoolToInt)),
];

/// Receiver and result type of a call that has both.
fn operand(call: &mut LowerCall) -> (Expr, TypeId) {
    match (call.receiver.take(), call.result) {
        (Some(receiver), Some(ty)) => (receiver, ty),
        _ => crate::bug!("a number's method without receiver or result"),
    }
}

pub(super) fn math(mut call: LowerCall, op: MathOp) -> Expr {
    let (operand, ty) = operand(&mut call);
    expr(ExprKind::Math { op, operand: Box::new(operand) }, ty, call.span)
}

fn bits(mut call: LowerCall, op: BitOp) -> Expr {
    let (left, ty) = operand(&mut call);
    let Some(right) = call.args.pop() else { crate::bug!("a bit operation without operand") };
    expr(ExprKind::Bits { op, left: Box::new(left), right: Box::new(right) }, ty, call.span)
}

fn convert(mut call: LowerCall, conversion: Conversion) -> Expr {
    let (operand, ty) = operand(&mut call);
    expr(ExprKind::Convert { conversion, operand: Box::new(operand) }, ty, call.span)
}

/// The argument if it stands in that relation to the receiver, else the receiver.
fn pick(lowering: &mut dyn Lowering, mut call: LowerCall, op: CompareOp) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let better = compare(op, args[0].get(), receiver.get(), span);
    builder.value(conditional(better, args[0].get(), receiver.get(), receiver.ty, span))
}

/// NaN is what does not equal itself.
fn is_nan(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let (left, right) = (Box::new(receiver.get()), Box::new(receiver.get()));
    builder.value(expr(ExprKind::Equal { left, right, negate: true }, types::BOOL, call.span))
}

fn is_inf(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let magnitude = expr(ExprKind::Math { op: MathOp::Abs, operand: Box::new(receiver.get()) }, types::FLOAT, span);
    let infinity = expr(ExprKind::Float(f64::INFINITY), types::FLOAT, span);
    builder.value(equal(magnitude, infinity, span))
}
