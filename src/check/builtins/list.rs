//! Methods of `List<T>` (reference 9.2).

use super::build::*;
use super::sequence::*;
use super::{LowerCall, Lowering, Method, custom, plain};
use crate::ir::{Expr, ExprKind, Iteration, RuntimeFunction};
use crate::types;

pub(super) const METHODS: &[Method] = &[
    plain("len", &[], "int", RuntimeFunction::ListLen),
    custom("size", &[], "int", size),
    custom("is_empty", &[], "bool", is_empty),
    plain("get", &[("i", "int")], "T", RuntimeFunction::ListGet),
    plain("set", &[("i", "int"), ("v", "T")], "Self", RuntimeFunction::ListSet).changing(),
    plain("append", &[("v", "T")], "Self", RuntimeFunction::ListAppend).changing(),
    custom("prepend", &[("v", "T")], "Self", prepend).changing(),
    plain("insert", &[("i", "int"), ("v", "T")], "Self", RuntimeFunction::ListInsert).changing(),
    plain("remove", &[("i", "int")], "Self", RuntimeFunction::ListRemove).changing(),
    custom("pop", &[], "(Self, T)", pop).changing(),
    custom("first", &[], "T?", first),
    custom("last", &[], "T?", last),
    plain("concat", &[("o", "Self")], "Self", RuntimeFunction::ListConcat).changing(),
    plain("contains", &[("v", "T")], "bool", RuntimeFunction::ListContains),
    custom("index_of", &[("v", "T")], "int?", index_of),
    plain("count", &[("v", "T")], "int", RuntimeFunction::ListCount),
    plain("reverse", &[], "Self", RuntimeFunction::ListReverse).changing(),
    plain("sort", &[], "Self", RuntimeFunction::ListSort).changing(),
    custom("sort_by", &[("f", "fn(T, T) -> bool")], "Self", sort_by).changing(),
    custom("map", &[("f", "fn(T) -> U")], "List<U>", map),
    custom("filter", &[("f", "fn(T) -> bool")], "Self", filter).changing(),
    custom("each", &[("f", "fn(T)")], "int", for_each).without_result(),
    custom("fold", &[("init", "A"), ("f", "fn(A, T) -> A")], "A", fold),
    custom("any", &[("f", "fn(T) -> bool")], "bool", any),
    custom("all", &[("f", "fn(T) -> bool")], "bool", all),
    custom("find", &[("f", "fn(T) -> bool")], "T?", find),
    custom("sum", &[], "T", sum),
    custom("min", &[], "T?", min),
    custom("max", &[], "T?", max),
    custom("zip", &[("o", "List<U>")], "List<(T, U)>", zip),
    custom("enumerate", &[], "List<(int, T)>", enumerate),
    custom("take", &[("n", "int")], "Self", take).changing(),
    custom("drop", &[("n", "int")], "Self", drop).changing(),
    plain("getrange", &[("a", "int"), ("b", "int")], "Self", RuntimeFunction::ListSlice),
    plain("setrange", &[("a", "int"), ("b", "int"), ("src", "Self")], "Self", RuntimeFunction::ListSetSlice).changing(),
    plain("join", &[("sep", "string")], "string", RuntimeFunction::ListJoin),
    plain("packed", &[], "Array<T>", RuntimeFunction::ListToArray),
    plain("toArray", &[], "Array<T>", RuntimeFunction::ListToArray),
    plain("to_set", &[], "Set<T>", RuntimeFunction::ListToSet),
    plain("toSet", &[], "Set<T>", RuntimeFunction::ListToSet),
];

/// 304, whatever the length (9.10).
fn size(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, .. } = parts(lowering, &mut call);
    builder.value(int(304, call.span))
}

fn is_empty(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let len = runtime_value(RuntimeFunction::ListLen, vec![receiver.get()], types::INT, call.span);
    builder.value(equal(len, int(0, call.span), call.span))
}

fn prepend(_: &mut dyn Lowering, call: LowerCall) -> Expr {
    let mut args: Vec<Expr> = call.receiver.into_iter().collect();
    args.push(int(0, call.span));
    args.extend(call.args);
    runtime(RuntimeFunction::ListInsert, args, call.result, call.span)
}

fn pop(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let item_ty = element(lowering, receiver.ty);
    // The shorter list first: it panics when there is no element.
    let shorter = runtime_value(RuntimeFunction::ListPop, vec![receiver.get()], receiver.ty, span);
    let shorter = builder.keep(lowering, shorter);
    let item = runtime_value(RuntimeFunction::ListGet, vec![receiver.get(), int(-1, span)], item_ty, span);
    let pair = Expr { kind: ExprKind::Aggregate(vec![shorter.get(), item]), ty: call.result, span };
    builder.value(pair)
}

fn index_of(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    let span = call.span;
    let args = call.receiver.into_iter().chain(call.args).collect();
    let found = runtime_value(RuntimeFunction::ListIndexOf, args, types::INT, span);
    match call.result {
        Some(wanted) => position(lowering, found, wanted),
        None => found,
    }
}

fn zip(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let other = args[0];
    pairs(lowering, builder, call, receiver, Some(other))
}

fn enumerate(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    pairs(lowering, builder, call, receiver, None)
}

/// Pairs of elements at one index, or of index and element.
fn pairs(lowering: &mut dyn Lowering, mut builder: Builder, call: LowerCall, list: Temp, other: Option<Temp>) -> Expr {
    let span = call.span;
    let Some(wanted) = call.result else { crate::bug!("pairs without a type") };
    let pair_ty = element(lowering, wanted);
    let item_ty = element(lowering, list.ty);
    let out = builder.keep(lowering, expr(ExprKind::ListLiteral(Vec::new()), wanted, span));
    let index = Temp::new(lowering, types::INT, span);
    let len = |of: Temp| runtime_value(RuntimeFunction::ListLen, vec![of.get()], types::INT, span);
    let at = |of: Temp, ty| runtime_value(RuntimeFunction::ListGet, vec![of.get(), index.get()], ty, span);
    let (end, items) = match other {
        Some(other) => {
            let other_ty = element(lowering, other.ty);
            let shorter = less(lowering, len(list), len(other), span);
            let end = conditional(shorter, len(list), len(other), types::INT, span);
            (end, vec![at(list, item_ty), at(other, other_ty)])
        }
        None => (len(list), vec![index.get(), at(list, item_ty)]),
    };
    let pair = expr(ExprKind::Aggregate(items), pair_ty, span);
    let next = runtime_value(RuntimeFunction::ListAppend, vec![out.get(), pair], wanted, span);
    let iteration = Iteration::Range { local: index.local, start: int(0, span), end, step: None };
    builder.push(each(iteration, vec![out.set(next)], span));
    builder.value(out.get())
}
