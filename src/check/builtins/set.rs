//! Methods of `Set<T>` (reference 9.5).

use super::build::*;
use super::sequence::{self, Parts, parts};
use super::{LowerCall, Lowering, Method, custom, map, plain};
use crate::ir::{Expr, ExprKind, Iteration, RuntimeFunction};
use crate::types;

pub(super) const METHODS: &[Method] = &[
    plain("len", &[], "int", RuntimeFunction::MapLen),
    custom("size", &[], "int", map::size),
    custom("is_empty", &[], "bool", map::is_empty),
    plain("has", &[("v", "T")], "bool", RuntimeFunction::SetHas),
    plain("contains", &[("v", "T")], "bool", RuntimeFunction::SetHas),
    plain("add", &[("v", "T")], "Self", RuntimeFunction::SetAdd).changing(),
    plain("remove", &[("v", "T")], "Self", RuntimeFunction::SetRemove).changing(),
    plain("union", &[("o", "Self")], "Self", RuntimeFunction::SetUnion).changing(),
    plain("intersection", &[("o", "Self")], "Self", RuntimeFunction::SetIntersection).changing(),
    plain("difference", &[("o", "Self")], "Self", RuntimeFunction::SetDifference).changing(),
    plain("is_subset", &[("o", "Self")], "bool", RuntimeFunction::SetIsSubset),
    custom("map", &[("f", "fn(T) -> U")], "Set<U>", mapped),
    custom("filter", &[("f", "fn(T) -> bool")], "Self", filter).changing(),
    custom("fold", &[("init", "A"), ("f", "fn(A, T) -> A")], "A", sequence::fold),
    custom("any", &[("f", "fn(T) -> bool")], "bool", sequence::any),
    custom("all", &[("f", "fn(T) -> bool")], "bool", sequence::all),
    plain("packed", &[], "Array<T>", RuntimeFunction::SetToArray),
    plain("toArray", &[], "Array<T>", RuntimeFunction::SetToArray),
    plain("unpacked", &[], "List<T>", RuntimeFunction::SetToList),
    plain("to_list", &[], "List<T>", RuntimeFunction::SetToList),
    plain("toList", &[], "List<T>", RuntimeFunction::SetToList),
];

fn mapped(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let Some(wanted) = call.result else { crate::bug!("map without a type") };
    let item_ty = sequence::element(lowering, receiver.ty);
    let mapped_ty = sequence::element(lowering, wanted);
    let out = builder.keep(lowering, expr(ExprKind::SetLiteral(Vec::new()), wanted, span));
    let item = Temp::new(lowering, item_ty, span);
    let value = call_value(args[0].get(), vec![item.get()], Some(mapped_ty), span);
    let add = runtime_value(RuntimeFunction::SetAdd, vec![out.get(), value], wanted, span);
    builder.push(each(Iteration::Set { local: item.local, set: receiver.get() }, vec![out.set(add)], span));
    builder.value(out.get())
}

fn filter(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let item_ty = sequence::element(lowering, receiver.ty);
    let out = builder.keep(lowering, expr(ExprKind::SetLiteral(Vec::new()), receiver.ty, span));
    let item = Temp::new(lowering, item_ty, span);
    let keep = call_value(args[0].get(), vec![item.get()], Some(types::BOOL), span);
    let add = runtime_value(RuntimeFunction::SetAdd, vec![out.get(), item.get()], out.ty, span);
    let body = vec![when(keep, vec![out.set(add)], span)];
    builder.push(each(Iteration::Set { local: item.local, set: receiver.get() }, body, span));
    builder.value(out.get())
}
