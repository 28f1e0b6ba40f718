//! Methods of `Map<K, V>` (reference 9.4).

use super::build::*;
use super::sequence::{Parts, parts};
use super::{LowerCall, Lowering, Method, custom, plain};
use crate::ir::{ArithmeticOp, Expr, ExprKind, Iteration, RuntimeFunction};
use crate::types::{self, Type, TypeId};

pub(super) const METHODS: &[Method] = &[
    plain("len", &[], "int", RuntimeFunction::MapLen),
    custom("size", &[], "int", size),
    custom("is_empty", &[], "bool", is_empty),
    custom("get", &[("k", "K"), ("default", "V")], "V?", get).optional(1),
    plain("set", &[("k", "K"), ("v", "V")], "Self", RuntimeFunction::MapSet).changing(),
    plain("remove", &[("k", "K")], "Self", RuntimeFunction::MapRemove).changing(),
    plain("has", &[("k", "K")], "bool", RuntimeFunction::MapHas),
    plain("keys", &[], "List<K>", RuntimeFunction::MapKeys),
    plain("values", &[], "List<V>", RuntimeFunction::MapValues),
    custom("entries", &[], "List<(K, V)>", entries),
    plain("merge", &[("o", "Self")], "Self", RuntimeFunction::MapMerge).changing(),
    custom("map_values", &[("f", "fn(V) -> U")], "Map<K, U>", map_values),
    custom("filter", &[("f", "fn(K, V) -> bool")], "Self", filter).changing(),
    custom("packed", &[], "(Array<K>, Array<V>)", packed),
];

pub(super) fn map_types(lowering: &mut dyn Lowering, ty: TypeId) -> (TypeId, TypeId) {
    let ty = lowering.shallow(ty);
    match lowering.types().get(ty) {
        Type::Map(key, value) => (*key, *value),
        _ => crate::bug!("a map method on another type"),
    }
}

/// 16 and 32 for each entry (9.10); also for sets.
pub(super) fn size(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let len = runtime_value(RuntimeFunction::MapLen, vec![receiver.get()], types::INT, span);
    let entries = arithmetic(ArithmeticOp::Multiply, len, int(32, span), types::INT, span);
    builder.value(arithmetic(ArithmeticOp::Add, int(16, span), entries, types::INT, span))
}

pub(super) fn is_empty(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let len = runtime_value(RuntimeFunction::MapLen, vec![receiver.get()], types::INT, call.span);
    builder.value(equal(len, int(0, call.span), call.span))
}

/// `get(k)` is optional; `get(k, default)` has type V, which the checker asks for as `V?` and this narrows.
fn get(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    if call.args.len() == 1 {
        let args = call.receiver.into_iter().chain(call.args).collect();
        return runtime(RuntimeFunction::MapGet, args, call.result, call.span);
    }
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let (_, value_ty) = map_types(lowering, receiver.ty);
    let key = args[0];
    // A nil among the values is another thing than a missing one, and records would be boxed in their optional.
    let shallow = lowering.shallow(value_ty);
    if matches!(
        lowering.types().get(shallow),
        Type::Int | Type::Float | Type::Bool | Type::Byte | Type::Char | Type::String | Type::List(_) | Type::Map(..)
    ) {
        let optional = lowering.types().optional(value_ty);
        let mut builder = builder;
        let found = runtime_value(RuntimeFunction::MapGet, vec![receiver.get(), key.get()], optional, span);
        let found = builder.keep(lowering, found);
        let present = expr(ExprKind::IsSome(Box::new(found.get())), types::BOOL, span);
        let value = expr(ExprKind::UnwrapUnchecked(Box::new(found.get())), value_ty, span);
        return builder.value(conditional(present, value, args[1].get(), value_ty, span));
    }
    let has = runtime_value(RuntimeFunction::MapHas, vec![receiver.get(), key.get()], types::BOOL, span);
    let item = runtime_value(RuntimeFunction::MapIndex, vec![receiver.get(), key.get()], value_ty, span);
    builder.value(conditional(has, item, args[1].get(), value_ty, span))
}

/// Walks over the entries with the body that `make` builds from key and value.
fn walk(
    lowering: &mut dyn Lowering,
    map: Temp,
    make: impl FnOnce(&mut dyn Lowering, Temp, Temp) -> crate::ir::Block,
) -> crate::ir::Stmt {
    let (key_ty, value_ty) = map_types(lowering, map.ty);
    let key = Temp::new(lowering, key_ty, map.span);
    let value = Temp::new(lowering, value_ty, map.span);
    let body = make(lowering, key, value);
    each(Iteration::MapEntries { key: key.local, value: value.local, map: map.get() }, body, map.span)
}

fn entries(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let Some(wanted) = call.result else { crate::bug!("entries without a type") };
    let pair_ty = super::sequence::element(lowering, wanted);
    let out = builder.keep(lowering, expr(ExprKind::ListLiteral(Vec::new()), wanted, span));
    let body = walk(lowering, receiver, |_, key, value| {
        let pair = expr(ExprKind::Aggregate(vec![key.get(), value.get()]), pair_ty, span);
        vec![out.set(runtime_value(RuntimeFunction::ListAppend, vec![out.get(), pair], wanted, span))]
    });
    builder.push(body);
    builder.value(out.get())
}

fn map_values(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let Some(wanted) = call.result else { crate::bug!("map_values without a type") };
    let (_, mapped_ty) = map_types(lowering, wanted);
    let out = builder.keep(lowering, expr(ExprKind::MapLiteral(Vec::new()), wanted, span));
    let body = walk(lowering, receiver, |_, key, value| {
        let mapped = call_value(args[0].get(), vec![value.get()], Some(mapped_ty), span);
        vec![out.set(runtime_value(RuntimeFunction::MapSet, vec![out.get(), key.get(), mapped], wanted, span))]
    });
    builder.push(body);
    builder.value(out.get())
}

fn filter(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let out = builder.keep(lowering, expr(ExprKind::MapLiteral(Vec::new()), receiver.ty, span));
    let body = walk(lowering, receiver, |_, key, value| {
        let keep = call_value(args[0].get(), vec![key.get(), value.get()], Some(types::BOOL), span);
        let add = runtime_value(RuntimeFunction::MapSet, vec![out.get(), key.get(), value.get()], out.ty, span);
        vec![when(keep, vec![out.set(add)], span)]
    });
    builder.push(body);
    builder.value(out.get())
}

fn packed(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let (key_ty, value_ty) = map_types(lowering, receiver.ty);
    let mut column = |function, ty| {
        let (list_ty, array_ty) = (lowering.types().list(ty), lowering.types().array(ty));
        let list = runtime_value(function, vec![receiver.get()], list_ty, span);
        runtime_value(RuntimeFunction::ListToArray, vec![list], array_ty, span)
    };
    let items = vec![column(RuntimeFunction::MapKeys, key_ty), column(RuntimeFunction::MapValues, value_ty)];
    builder.value(Expr { kind: ExprKind::Aggregate(items), ty: call.result, span })
}
