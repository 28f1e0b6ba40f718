//! Methods of atomic cells (reference 10.6).

use super::build::*;
use super::sequence::{Parts, parts};
use super::{LowerCall, Lowering, Method, custom, plain};
use crate::ir::{AtomicOp, Expr, ExprKind, RuntimeFunction};

pub(super) const INT: &[Method] = &[
    custom("load", &[], "int", |_, call| operation(call, AtomicOp::Load)).effect(),
    custom("store", &[("v", "int")], "int", |_, call| operation(call, AtomicOp::Store)).without_result().effect(),
    custom("swap", &[("v", "int")], "int", |_, call| operation(call, AtomicOp::Swap)).effect(),
    custom("compare_and_swap", &[("expected", "int"), ("new", "int")], "bool", exchange).effect(),
    custom("increment", &[], "int", |_, call| step(call, AtomicOp::Add)).effect(),
    custom("decrement", &[], "int", |_, call| step(call, AtomicOp::Subtract)).effect(),
    custom("fetch_add", &[("d", "int")], "int", |_, call| operation(call, AtomicOp::Add)).effect(),
    custom("fetch_sub", &[("d", "int")], "int", |_, call| operation(call, AtomicOp::Subtract)).effect(),
];

pub(super) const FLOAT: &[Method] = &[
    custom("load", &[], "float", |_, call| operation(call, AtomicOp::Load)).effect(),
    custom("store", &[("v", "float")], "int", |_, call| operation(call, AtomicOp::Store)).without_result().effect(),
    custom("swap", &[("v", "float")], "float", |_, call| operation(call, AtomicOp::Swap)).effect(),
    custom("compare_and_swap", &[("expected", "float"), ("new", "float")], "bool", exchange).effect(),
    custom("fetch_add", &[("d", "float")], "float", |_, call| operation(call, AtomicOp::Add)).effect(),
];

pub(super) const BOOL: &[Method] = &[
    custom("load", &[], "bool", |_, call| operation(call, AtomicOp::Load)).effect(),
    custom("store", &[("v", "bool")], "int", |_, call| operation(call, AtomicOp::Store)).without_result().effect(),
    custom("swap", &[("v", "bool")], "bool", |_, call| operation(call, AtomicOp::Swap)).effect(),
    custom("compare_and_swap", &[("expected", "bool"), ("new", "bool")], "bool", exchange).effect(),
];

pub(super) const REFERENCE: &[Method] = &[
    plain("load", &[], "T?", RuntimeFunction::AtomicRefLoad).effect(),
    custom("store", &[("v", "T?")], "int", store_reference).without_result().effect(),
    plain("swap", &[("v", "T?")], "T?", RuntimeFunction::AtomicRefSwap).effect(),
    custom("compare_and_swap", &[("expected", "T?"), ("new", "T?")], "bool", exchange_reference).effect(),
];

fn operation(mut call: LowerCall, op: AtomicOp) -> Expr {
    let Some(cell) = call.receiver.take() else { crate::bug!("an atomic operation without cell") };
    let kind = ExprKind::Atomic { op, cell: Box::new(cell), operands: call.args };
    Expr { kind, ty: call.result, span: call.span }
}

fn exchange(_: &mut dyn Lowering, call: LowerCall) -> Expr {
    operation(call, AtomicOp::CompareAndSwap)
}

/// `increment`, `decrement`
fn step(mut call: LowerCall, op: AtomicOp) -> Expr {
    call.args.push(int(1, call.span));
    operation(call, op)
}

fn store_reference(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let store = runtime(RuntimeFunction::AtomicRefStore, vec![args[0].get(), receiver.get()], None, call.span);
    builder.push(stmt(crate::ir::StmtKind::Expr(store), call.span));
    builder.nothing()
}

fn exchange_reference(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let operands = vec![args[0].get(), args[1].get(), receiver.get()];
    builder.value(runtime(RuntimeFunction::AtomicRefCompareAndSwap, operands, call.result, call.span))
}
