//! Members of `T?` (reference 3.6) and of `Result<T, E>` (8.5).

use super::build::*;
use super::sequence::{Parts, parts};
use super::{LowerCall, Lowering, Method, custom};
use crate::ir::{Expr, ExprKind, RuntimeFunction, StmtKind};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

pub(super) const OPTIONAL: &[Method] = &[
    custom("is_nil", &[], "bool", is_nil),
    custom("is_some", &[], "bool", is_some),
    custom("unwrap", &[], "T", unwrap_optional),
    custom("unwrap_or", &[("d", "T")], "T", unwrap_optional_or),
];

pub(super) const RESULT: &[Method] = &[
    custom("is_ok", &[], "bool", |lowering, call| has_tag(lowering, call, OK)),
    custom("is_err", &[], "bool", |lowering, call| has_tag(lowering, call, ERR)),
    custom("unwrap", &[], "T", unwrap),
    custom("unwrap_err", &[], "E", unwrap_err),
    custom("unwrap_or", &[("d", "T")], "T", unwrap_or),
    custom("ok", &[], "T?", |lowering, call| side(lowering, call, OK)),
    custom("err", &[], "E?", |lowering, call| side(lowering, call, ERR)),
    custom("map", &[("f", "fn(T) -> U")], "Result<U, E>", map),
    custom("map_err", &[("f", "fn(E) -> F")], "Result<T, F>", map_err),
    custom("and_then", &[("f", "fn(T) -> Result<U, E>")], "Result<U, E>", and_then),
];

const VALUE_FIELD: Method = custom("value", &[], "T?", |lowering, call| side(lowering, call, OK));
const ERROR_FIELD: Method = custom("error", &[], "E?", |lowering, call| side(lowering, call, ERR));

/// The fields `value` and `error` of a Result.
pub fn result_field(name: &str) -> Option<&'static Method> {
    match name {
        "value" => Some(&VALUE_FIELD),
        "error" => Some(&ERROR_FIELD),
        _ => None,
    }
}

const OK: u32 = 0;
const ERR: u32 = 1;

fn present(optional: Temp) -> Expr {
    expr(ExprKind::IsSome(Box::new(optional.get())), types::BOOL, optional.span)
}

fn is_some(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    builder.value(present(receiver))
}

fn is_nil(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    builder.value(negate(present(receiver), call.span))
}

fn unwrap_optional(_: &mut dyn Lowering, call: LowerCall) -> Expr {
    let Some(receiver) = call.receiver else { crate::bug!("unwrap without receiver") };
    Expr { kind: ExprKind::Unwrap(Box::new(receiver)), ty: call.result, span: call.span }
}

fn unwrap_optional_or(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let value = expr(ExprKind::UnwrapUnchecked(Box::new(receiver.get())), args[0].ty, span);
    builder.value(conditional(present(receiver), value, args[0].get(), args[0].ty, span))
}

fn result_types(lowering: &mut dyn Lowering, ty: TypeId) -> (TypeId, TypeId) {
    let ty = lowering.shallow(ty);
    match lowering.types().get(ty) {
        Type::Result(value, error) => (*value, *error),
        _ => crate::bug!("a Result's method on another type"),
    }
}

fn tag_is(result: Temp, tag: u32) -> Expr {
    let span = result.span;
    let found = expr(ExprKind::Tag(Box::new(result.get())), types::INT, span);
    equal(found, int(tag as i64, span), span)
}

fn payload(result: Temp, case: u32, ty: TypeId) -> Expr {
    expr(ExprKind::Payload { base: Box::new(result.get()), case, field: 0 }, ty, result.span)
}

fn made(case: u32, value: Expr, ty: Option<TypeId>, span: Span) -> Expr {
    Expr { kind: ExprKind::Case { case, args: vec![value] }, ty, span }
}

fn has_tag(lowering: &mut dyn Lowering, mut call: LowerCall, tag: u32) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    builder.value(tag_is(receiver, tag))
}

fn unwrap(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let (value_ty, error_ty) = result_types(lowering, receiver.ty);
    let fail = runtime(RuntimeFunction::PanicUnwrapErr, vec![payload(receiver, ERR, error_ty)], None, span);
    builder.push(when(tag_is(receiver, ERR), vec![stmt(StmtKind::Expr(fail), span)], span));
    builder.value(payload(receiver, OK, value_ty))
}

fn unwrap_err(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let (_, error_ty) = result_types(lowering, receiver.ty);
    let fail = runtime(RuntimeFunction::PanicUnwrapOk, Vec::new(), None, span);
    builder.push(when(tag_is(receiver, OK), vec![stmt(StmtKind::Expr(fail), span)], span));
    builder.value(payload(receiver, ERR, error_ty))
}

fn unwrap_or(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let (value_ty, _) = result_types(lowering, receiver.ty);
    let value = payload(receiver, OK, value_ty);
    builder.value(conditional(tag_is(receiver, OK), value, args[0].get(), value_ty, call.span))
}

/// One side as an optional.
fn side(lowering: &mut dyn Lowering, mut call: LowerCall, tag: u32) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let Some(wanted) = call.result else { crate::bug!("a side without a type") };
    let (value_ty, error_ty) = result_types(lowering, receiver.ty);
    let ty = if tag == OK { value_ty } else { error_ty };
    let value = some(payload(receiver, tag, ty), wanted, span);
    builder.value(conditional(tag_is(receiver, tag), value, nil(wanted, span), wanted, span))
}

/// One side goes through the function, the other is passed on.
fn transform(
    lowering: &mut dyn Lowering,
    mut call: LowerCall,
    side: u32,
    wrap: impl FnOnce(Expr, TypeId, Span) -> Expr,
) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let Some(wanted) = call.result else { crate::bug!("a transformed Result without a type") };
    let (value_ty, error_ty) = result_types(lowering, receiver.ty);
    let (side_ty, other, other_ty) = if side == OK { (value_ty, ERR, error_ty) } else { (error_ty, OK, value_ty) };
    let returned = function_result(lowering, &args[0].get());
    let changed = call_value(args[0].get(), vec![payload(receiver, side, side_ty)], returned, span);
    let changed = wrap(changed, wanted, span);
    let kept = made(other, payload(receiver, other, other_ty), Some(wanted), span);
    builder.value(conditional(tag_is(receiver, side), changed, kept, wanted, span))
}

fn map(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    transform(lowering, call, OK, |value, ty, span| made(OK, value, Some(ty), span))
}

fn map_err(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    transform(lowering, call, ERR, |value, ty, span| made(ERR, value, Some(ty), span))
}

fn and_then(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    transform(lowering, call, OK, |value, _, _| value)
}
