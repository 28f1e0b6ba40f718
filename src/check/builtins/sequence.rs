//! What List and Array have in common: methods that walk over elements and call functions.
//!
//! Results are gathered in a List and converted at the end, since a List appends in constant time.

use super::build::*;
use super::{LowerCall, Lowering};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{ArithmeticOp, CompareOp, Expr, ExprKind, Iteration, LocalId, RuntimeFunction, StmtKind};
use crate::types::{self, Type, TypeId, display::type_name};

/// Element type of a List, Array or Set. An argument of another type has been reported.
pub(super) fn element(lowering: &mut dyn Lowering, ty: TypeId) -> TypeId {
    let ty = lowering.shallow(ty);
    match lowering.types().get(ty) {
        Type::List(t) | Type::Array(t) | Type::Set(t) => *t,
        _ => types::UNKNOWN,
    }
}

/// The iteration that fits the receiver's type.
fn over(lowering: &mut dyn Lowering, local: LocalId, sequence: Expr) -> Iteration {
    let ty = sequence.ty.map(|ty| lowering.shallow(ty));
    match ty.map(|ty| lowering.types().get(ty).clone()) {
        Some(Type::List(_)) => Iteration::List { local, list: sequence },
        Some(Type::Array(_)) => Iteration::Array { local, array: sequence },
        Some(Type::Set(_)) => Iteration::Set { local, set: sequence },
        _ => crate::bug!("a sequence method on another type"),
    }
}

/// Receiver and arguments, each evaluated once in order.
pub(super) struct Parts {
    pub(super) builder: Builder,
    pub(super) receiver: Temp,
    pub(super) args: Vec<Temp>,
}

pub(super) fn parts(lowering: &mut dyn Lowering, call: &mut LowerCall) -> Parts {
    let mut builder = Builder::new(call.span);
    let Some(receiver) = call.receiver.take() else { crate::bug!("a method without receiver") };
    let receiver = builder.keep(lowering, receiver);
    let args = std::mem::take(&mut call.args).into_iter().map(|arg| builder.keep(lowering, arg)).collect();
    Parts { builder, receiver, args }
}

fn result(call: &LowerCall) -> TypeId {
    match call.result {
        Some(ty) => ty,
        None => crate::bug!("a built-in's result has no type"),
    }
}

/// A List gathered in `list` becomes what the method yields: a List, an Array or a Set.
fn finish(lowering: &mut dyn Lowering, list: Expr, wanted: TypeId) -> Expr {
    let span = list.span;
    let wanted_outer = lowering.shallow(wanted);
    match lowering.types().get(wanted_outer) {
        Type::Array(_) => runtime_value(RuntimeFunction::ListToArray, vec![list], wanted, span),
        Type::Set(_) => runtime_value(RuntimeFunction::ListToSet, vec![list], wanted, span),
        _ => list,
    }
}

/// An empty List with the element type of the result, held in a temporary.
fn gather(lowering: &mut dyn Lowering, builder: &mut Builder, wanted: TypeId) -> Temp {
    let element = element(lowering, wanted);
    let list = lowering.types().list(element);
    let empty = expr(ExprKind::ListLiteral(Vec::new()), list, builder.span);
    builder.keep(lowering, empty)
}

fn append(list: Temp, value: Expr) -> crate::ir::Stmt {
    list.set(runtime_value(RuntimeFunction::ListAppend, vec![list.get(), value], list.ty, list.span))
}

pub(super) fn map(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let (span, wanted) = (call.span, result(&call));
    let out = gather(lowering, &mut builder, wanted);
    let item_ty = element(lowering, receiver.ty);
    let item = Temp::new(lowering, item_ty, span);
    let mapped_ty = element(lowering, wanted);
    let value = call_value(args[0].get(), vec![item.get()], Some(mapped_ty), span);
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![append(out, value)], span));
    let value = finish(lowering, out.get(), wanted);
    builder.value(value)
}

pub(super) fn filter(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let (span, wanted) = (call.span, result(&call));
    let out = gather(lowering, &mut builder, wanted);
    let item_ty = element(lowering, receiver.ty);
    let item = Temp::new(lowering, item_ty, span);
    let keep = call_value(args[0].get(), vec![item.get()], Some(types::BOOL), span);
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![when(keep, vec![append(out, item.get())], span)], span));
    let value = finish(lowering, out.get(), wanted);
    builder.value(value)
}

pub(super) fn for_each(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let item_ty = element(lowering, receiver.ty);
    let item = Temp::new(lowering, item_ty, span);
    let dropped = function_result(lowering, &args[0].get());
    let value = call_value(args[0].get(), vec![item.get()], dropped, span);
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![stmt(StmtKind::Expr(value), span)], span));
    builder.nothing()
}

pub(super) fn fold(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let item_ty = element(lowering, receiver.ty);
    let item = Temp::new(lowering, item_ty, span);
    let state = args[0];
    let next = call_value(args[1].get(), vec![state.get(), item.get()], Some(state.ty), span);
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![state.set(next)], span));
    builder.value(state.get())
}

/// Walks until `f` gives `stop`; the result is `stop` then, else its opposite.
fn search(lowering: &mut dyn Lowering, mut call: LowerCall, stop: bool) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let span = call.span;
    let item_ty = element(lowering, receiver.ty);
    let item = Temp::new(lowering, item_ty, span);
    let found = builder.keep(lowering, boolean(!stop, span));
    let test = call_value(args[0].get(), vec![item.get()], Some(types::BOOL), span);
    let test = if stop { test } else { negate(test, span) };
    let then = vec![found.set(boolean(stop, span)), stmt(StmtKind::Break, span)];
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![when(test, then, span)], span));
    builder.value(found.get())
}

pub(super) fn any(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    search(lowering, call, true)
}

pub(super) fn all(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    search(lowering, call, false)
}

pub(super) fn find(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let (span, wanted) = (call.span, result(&call));
    let item_ty = element(lowering, receiver.ty);
    let item = Temp::new(lowering, item_ty, span);
    let found = builder.keep(lowering, nil(wanted, span));
    let test = call_value(args[0].get(), vec![item.get()], Some(types::BOOL), span);
    let then = vec![found.set(some(item.get(), wanted, span)), stmt(StmtKind::Break, span)];
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![when(test, then, span)], span));
    builder.value(found.get())
}

pub(super) fn sum(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let element_ty = element(lowering, receiver.ty);
    let item_ty = lowering.shallow(element_ty);
    let zero = match lowering.types().get(item_ty) {
        Type::Int => int(0, span),
        Type::Float => expr(ExprKind::Float(0.0), types::FLOAT, span),
        Type::Unknown => return expr(ExprKind::Zero, types::UNKNOWN, span),
        _ => {
            let name = type_name(lowering.types(), item_ty);
            let message = format!("Operator '+' is not defined for {name} and {name}");
            lowering.error(Diagnostic::new(Code::E0310, span, message).help("only int and float elements have a sum"));
            return expr(ExprKind::Zero, types::UNKNOWN, span);
        }
    };
    let total = builder.keep(lowering, zero);
    let item = Temp::new(lowering, item_ty, span);
    let next = arithmetic(ArithmeticOp::Add, total.get(), item.get(), item_ty, span);
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![total.set(next)], span));
    builder.value(total.get())
}

/// The first element that no other one precedes in the order given by `earlier(candidate, best)`.
fn best(lowering: &mut dyn Lowering, mut call: LowerCall, smallest: bool) -> Expr {
    let Parts { mut builder, receiver, .. } = parts(lowering, &mut call);
    let (span, wanted) = (call.span, result(&call));
    let item_ty = element(lowering, receiver.ty);
    let item = Temp::new(lowering, item_ty, span);
    let found = builder.keep(lowering, nil(wanted, span));
    let known = expr(ExprKind::UnwrapUnchecked(Box::new(found.get())), item_ty, span);
    let better =
        if smallest { less(lowering, item.get(), known, span) } else { less(lowering, known, item.get(), span) };
    let absent = negate(expr(ExprKind::IsSome(Box::new(found.get())), types::BOOL, span), span);
    let take = expr(ExprKind::Or(Box::new(absent), Box::new(better)), types::BOOL, span);
    let iteration = over(lowering, item.local, receiver.get());
    builder.push(each(iteration, vec![when(take, vec![found.set(some(item.get(), wanted, span))], span)], span));
    builder.value(found.get())
}

pub(super) fn min(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    best(lowering, call, true)
}

pub(super) fn max(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    best(lowering, call, false)
}

/// `list.first()`, `list.last()` and their Array forms.
pub(super) fn end_element(lowering: &mut dyn Lowering, mut call: LowerCall, position: i64) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let (span, wanted) = (call.span, result(&call));
    let item_ty = element(lowering, receiver.ty);
    let (len, get) = if is_array(lowering, receiver.ty) {
        (RuntimeFunction::ArrayLen, RuntimeFunction::ArrayGet)
    } else {
        (RuntimeFunction::ListLen, RuntimeFunction::ListGet)
    };
    let len = runtime_value(len, vec![receiver.get()], types::INT, span);
    let item = runtime_value(get, vec![receiver.get(), int(position, span)], item_ty, span);
    let empty = equal(len, int(0, span), span);
    builder.value(conditional(empty, nil(wanted, span), some(item, wanted, span), wanted, span))
}

pub(super) fn first(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    end_element(lowering, call, 0)
}

pub(super) fn last(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    end_element(lowering, call, -1)
}

pub(super) fn is_array(lowering: &mut dyn Lowering, ty: TypeId) -> bool {
    let ty = lowering.shallow(ty);
    matches!(lowering.types().get(ty), Type::Array(_))
}

/// A position or -1 becomes `int?`.
pub(super) fn position(lowering: &mut dyn Lowering, position: Expr, wanted: TypeId) -> Expr {
    let span = position.span;
    let mut builder = Builder::new(span);
    let found = builder.keep(lowering, position);
    let missing = compare(CompareOp::Less, found.get(), int(0, span), span);
    builder.value(conditional(missing, nil(wanted, span), some(found.get(), wanted, span), wanted, span))
}

/// `take(n)` and `drop(n)`: clamped, so a negative n counts as 0.
pub(super) fn cut(lowering: &mut dyn Lowering, mut call: LowerCall, keep_front: bool) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let (span, wanted) = (call.span, result(&call));
    let slice = if is_array(lowering, receiver.ty) { RuntimeFunction::ArraySlice } else { RuntimeFunction::ListSlice };
    let negative = compare(CompareOp::Less, args[0].get(), int(0, span), span);
    let count = conditional(negative, int(0, span), args[0].get(), types::INT, span);
    let bounds = if keep_front { [int(0, span), count] } else { [count, int(i64::MAX, span)] };
    let [start, end] = bounds;
    builder.value(runtime_value(slice, vec![receiver.get(), start, end], wanted, span))
}

pub(super) fn take(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    cut(lowering, call, true)
}

pub(super) fn drop(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    cut(lowering, call, false)
}

/// Bottom-up merge sort (stable): `f(a, b)` says that a goes before b.
pub(super) fn sort_by(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { mut builder, receiver, args } = parts(lowering, &mut call);
    let (span, wanted) = (call.span, result(&call));
    let item_ty = element(lowering, receiver.ty);
    let list_ty = lowering.types().list(item_ty);
    let start = if is_array(lowering, receiver.ty) {
        runtime_value(RuntimeFunction::ArrayToList, vec![receiver.get()], list_ty, span)
    } else {
        receiver.get()
    };
    let source = builder.keep(lowering, start);
    let sorted = merge_runs(lowering, &mut builder, source, args[0], item_ty);
    let value = finish(lowering, sorted.get(), wanted);
    builder.value(value)
}

fn merge_runs(lowering: &mut dyn Lowering, builder: &mut Builder, source: Temp, before: Temp, item_ty: TypeId) -> Temp {
    let span = builder.span;
    let len = runtime_value(RuntimeFunction::ListLen, vec![source.get()], types::INT, span);
    let len = builder.keep(lowering, len);
    let width = builder.keep(lowering, int(1, span));
    let mut number = || Temp::new(lowering, types::INT, span);
    let (base, left, middle, right, end) = (number(), number(), number(), number(), number());
    let target = Temp::new(lowering, source.ty, span);
    let add = |a: Expr, b: Expr| arithmetic(ArithmeticOp::Add, a, b, types::INT, span);
    let below = |a: Expr, b: Expr| compare(CompareOp::Less, a, b, span);
    let at = |index: Temp| runtime_value(RuntimeFunction::ListGet, vec![source.get(), index.get()], item_ty, span);
    let capped = |value: Expr| conditional(below(value_of(&value), len.get()), value, len.get(), types::INT, span);
    let both = |a: Expr, b: Expr| expr(ExprKind::And(Box::new(a), Box::new(b)), types::BOOL, span);
    let either = |a: Expr, b: Expr| expr(ExprKind::Or(Box::new(a), Box::new(b)), types::BOOL, span);

    // The left element goes first unless the right one must stand before it.
    let right_before = call_value(before.get(), vec![at(right), at(left)], Some(types::BOOL), span);
    let right_done = negate(below(right.get(), end.get()), span);
    let take_left = both(below(left.get(), middle.get()), either(right_done, negate(right_before, span)));
    let step = |index: Temp| vec![append(target, at(index)), index.set(add(index.get(), int(1, span)))];
    let merge = stmt(StmtKind::If { arms: vec![(take_left, step(left))], otherwise: step(right) }, span);
    let unfinished = either(below(left.get(), middle.get()), below(right.get(), end.get()));
    let pair = vec![
        left.set(base.get()),
        middle.set(capped(add(base.get(), width.get()))),
        right.set(middle.get()),
        end.set(capped(add(middle.get(), width.get()))),
        stmt(StmtKind::While { condition: unfinished, body: vec![merge] }, span),
        base.set(end.get()),
    ];
    let round = vec![
        target.set(expr(ExprKind::ListLiteral(Vec::new()), source.ty, span)),
        base.set(int(0, span)),
        stmt(StmtKind::While { condition: below(base.get(), len.get()), body: pair }, span),
        source.set(target.get()),
        width.set(add(width.get(), width.get())),
    ];
    builder.push(stmt(StmtKind::While { condition: below(width.get(), len.get()), body: round }, span));
    source
}

/// A second copy of an expression made of temporaries, constants and additions.
fn value_of(value: &Expr) -> Expr {
    let kind = match &value.kind {
        ExprKind::Local(local) => ExprKind::Local(*local),
        ExprKind::Int(number) => ExprKind::Int(*number),
        ExprKind::Arithmetic { op, left, right } => {
            ExprKind::Arithmetic { op: *op, left: Box::new(value_of(left)), right: Box::new(value_of(right)) }
        }
        _ => crate::bug!("only simple expressions are copied"),
    };
    Expr { kind, ty: value.ty, span: value.span }
}
