//! Members of json (reference 9.8).

use super::build::*;
use super::{LowerCall, Lowering, Method, custom, plain};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, RuntimeFunction};
use crate::types::{self, Type, display::type_name};

pub(super) const METHODS: &[Method] = &[
    custom("is_null", &[], "bool", |_, call| is(call, 0)),
    custom("is_bool", &[], "bool", |_, call| is(call, 1)),
    custom("is_int", &[], "bool", |_, call| is(call, 2)),
    custom("is_float", &[], "bool", |_, call| is(call, 3)),
    custom("is_string", &[], "bool", |_, call| is(call, 4)),
    custom("is_array", &[], "bool", |_, call| is(call, 5)),
    custom("is_object", &[], "bool", |_, call| is(call, 6)),
    plain("len", &[], "int", RuntimeFunction::JsonLen),
    plain("has", &[("key", "string")], "bool", RuntimeFunction::JsonHas),
    plain("keys", &[], "List<string>", RuntimeFunction::JsonKeys),
    plain("values", &[], "List<json>", RuntimeFunction::JsonValues),
    plain("entries", &[], "List<(string, json)>", RuntimeFunction::JsonEntries),
    custom("get", &[("key", "X")], "json", |l, call| {
        by_key(l, call, RuntimeFunction::JsonGet, RuntimeFunction::JsonAt)
    }),
    custom("set", &[("key", "X"), ("v", "json")], "json", |l, call| {
        by_key(l, call, RuntimeFunction::JsonSet, RuntimeFunction::JsonSetAt)
    })
    .changing(),
    custom("remove", &[("key", "X")], "json", |l, call| {
        by_key(l, call, RuntimeFunction::JsonRemove, RuntimeFunction::JsonRemoveAt)
    })
    .changing(),
    plain("append", &[("v", "json")], "json", RuntimeFunction::JsonAppend).changing(),
    plain("text", &[], "string", RuntimeFunction::JsonText),
    custom("pretty", &[("indent", "int")], "string", pretty).optional(1),
];

pub(super) const STATIC: &[Method] =
    &[plain("parse", &[("text", "string")], "Result<json, string>", RuntimeFunction::JsonParse)];

/// Whether the kind has this number.
fn is(call: LowerCall, number: i64) -> Expr {
    let args = call.receiver.into_iter().collect();
    let kind = runtime_value(RuntimeFunction::JsonKind, args, types::INT, call.span);
    equal(kind, int(number, call.span), call.span)
}

/// The first argument is a string or an int.
fn by_key(lowering: &mut dyn Lowering, mut call: LowerCall, name: RuntimeFunction, index: RuntimeFunction) -> Expr {
    let ty = call.args[0].ty.map_or(types::UNKNOWN, |ty| lowering.shallow(ty));
    let function = match lowering.types().get(ty) {
        Type::Int => index,
        Type::Byte | Type::Char => {
            let key = call.args.remove(0);
            call.args.insert(0, super::widened(lowering, key));
            index
        }
        Type::String | Type::Unknown | Type::Param(_) => name,
        _ => {
            let found = type_name(lowering.types(), ty);
            let message = format!("Type mismatch: expected string or int, found {found}");
            lowering.error(Diagnostic::new(Code::E0305, call.args[0].span, message));
            name
        }
    };
    let args = call.receiver.into_iter().chain(call.args).collect();
    runtime(function, args, call.result, call.span)
}

fn pretty(_: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    if call.args.is_empty() {
        call.args.push(int(2, call.span));
    }
    let args = call.receiver.into_iter().chain(call.args).collect();
    runtime(RuntimeFunction::JsonPretty, args, call.result, call.span)
}
