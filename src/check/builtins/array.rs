//! Methods of `Array<T>` (reference 9.3).

use super::build::*;
use super::sequence::*;
use super::{LowerCall, Lowering, Method, custom, plain};
use crate::ir::{ArithmeticOp, Expr, RuntimeFunction};
use crate::types;

pub(super) const METHODS: &[Method] = &[
    plain("len", &[], "int", RuntimeFunction::ArrayLen),
    custom("size", &[], "int", size),
    custom("is_empty", &[], "bool", is_empty),
    plain("get", &[("i", "int")], "T", RuntimeFunction::ArrayGet),
    plain("set", &[("i", "int"), ("v", "T")], "Self", RuntimeFunction::ArraySet).changing(),
    plain("append", &[("v", "T")], "Self", RuntimeFunction::ArrayAppend).changing(),
    custom("first", &[], "T?", first),
    custom("last", &[], "T?", last),
    plain("concat", &[("o", "Self")], "Self", RuntimeFunction::ArrayConcat).changing(),
    plain("contains", &[("v", "T")], "bool", RuntimeFunction::ArrayContains),
    custom("index_of", &[("v", "T")], "int?", index_of),
    plain("reverse", &[], "Self", RuntimeFunction::ArrayReverse).changing(),
    plain("sort", &[], "Self", RuntimeFunction::ArraySort).changing(),
    custom("sort_by", &[("f", "fn(T, T) -> bool")], "Self", sort_by).changing(),
    custom("map", &[("f", "fn(T) -> U")], "Array<U>", map),
    custom("filter", &[("f", "fn(T) -> bool")], "Self", filter).changing(),
    custom("each", &[("f", "fn(T)")], "int", for_each).without_result(),
    custom("fold", &[("init", "A"), ("f", "fn(A, T) -> A")], "A", fold),
    custom("any", &[("f", "fn(T) -> bool")], "bool", any),
    custom("all", &[("f", "fn(T) -> bool")], "bool", all),
    custom("find", &[("f", "fn(T) -> bool")], "T?", find),
    custom("sum", &[], "T", sum),
    custom("min", &[], "T?", min),
    custom("max", &[], "T?", max),
    custom("take", &[("n", "int")], "Self", take).changing(),
    custom("drop", &[("n", "int")], "Self", drop).changing(),
    plain("getrange", &[("a", "int"), ("b", "int")], "Self", RuntimeFunction::ArraySlice),
    plain("setrange", &[("a", "int"), ("b", "int"), ("src", "Self")], "Self", RuntimeFunction::ArraySetSlice)
        .changing(),
    plain("join", &[("sep", "string")], "string", RuntimeFunction::ArrayJoin),
    plain("unpacked", &[], "List<T>", RuntimeFunction::ArrayToList),
    plain("toList", &[], "List<T>", RuntimeFunction::ArrayToList),
    plain("to_set", &[], "Set<T>", RuntimeFunction::ArrayToSet),
    plain("toSet", &[], "Set<T>", RuntimeFunction::ArrayToSet),
    custom("packed", &[], "Self", identity),
    custom("toArray", &[], "Self", identity),
];

fn len_of(array: Temp) -> Expr {
    runtime_value(RuntimeFunction::ArrayLen, vec![array.get()], types::INT, array.span)
}

/// 40 and 8 for each element (9.10).
fn size(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let elements = arithmetic(ArithmeticOp::Multiply, len_of(receiver), int(8, span), types::INT, span);
    builder.value(arithmetic(ArithmeticOp::Add, int(40, span), elements, types::INT, span))
}

fn is_empty(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    builder.value(equal(len_of(receiver), int(0, call.span), call.span))
}

fn index_of(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    let span = call.span;
    let args = call.receiver.into_iter().chain(call.args).collect();
    let found = runtime_value(RuntimeFunction::ArrayIndexOf, args, types::INT, span);
    match call.result {
        Some(wanted) => position(lowering, found, wanted),
        None => found,
    }
}

fn identity(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    builder.value(receiver.get())
}
