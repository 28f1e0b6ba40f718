//! Methods of `string` (reference 9.6).

use super::build::*;
use super::sequence::{Parts, parts, position};
use super::{LowerCall, Lowering, Method, custom, plain};
use crate::ir::{ArithmeticOp, Expr, RuntimeFunction};
use crate::types;

pub(super) const METHODS: &[Method] = &[
    plain("len", &[], "int", RuntimeFunction::StringLen),
    custom("size", &[], "int", size),
    custom("is_empty", &[], "bool", is_empty),
    plain("get", &[("i", "int")], "int", RuntimeFunction::StringGet),
    plain("slice", &[("a", "int"), ("b", "int")], "string", RuntimeFunction::StringSlice),
    plain("getrange", &[("a", "int"), ("b", "int")], "string", RuntimeFunction::StringSlice),
    plain("setrange", &[("a", "int"), ("b", "int"), ("t", "string")], "string", RuntimeFunction::StringSetSlice)
        .changing(),
    plain("concat", &[("t", "string")], "string", RuntimeFunction::StringConcat).changing(),
    plain("eq", &[("t", "string")], "bool", RuntimeFunction::StringEqual),
    plain("contains", &[("t", "string")], "bool", RuntimeFunction::StringContains),
    plain("starts_with", &[("t", "string")], "bool", RuntimeFunction::StringStartsWith),
    plain("ends_with", &[("t", "string")], "bool", RuntimeFunction::StringEndsWith),
    custom("find", &[("t", "string")], "int?", find),
    custom("find_last", &[("t", "string")], "int?", find_last),
    plain("count", &[("t", "string")], "int", RuntimeFunction::StringCount),
    plain("replace", &[("old", "string"), ("new", "string")], "string", RuntimeFunction::StringReplace).changing(),
    plain("split", &[("sep", "string")], "List<string>", RuntimeFunction::StringSplit),
    plain("lines", &[], "List<string>", RuntimeFunction::StringLines),
    plain("chars", &[], "List<string>", RuntimeFunction::StringChars),
    plain("upper", &[], "string", RuntimeFunction::StringUpper).changing(),
    plain("lower", &[], "string", RuntimeFunction::StringLower).changing(),
    plain("trim", &[], "string", RuntimeFunction::StringTrim).changing(),
    plain("trim_start", &[], "string", RuntimeFunction::StringTrimStart).changing(),
    plain("trim_end", &[], "string", RuntimeFunction::StringTrimEnd).changing(),
    plain("repeat", &[("n", "int")], "string", RuntimeFunction::StringRepeat).changing(),
    plain("reverse", &[], "string", RuntimeFunction::StringReverse).changing(),
    custom("join", &[("parts", "List<string>")], "string", join),
    plain("pad_left", &[("n", "int"), ("fill", "string")], "string", RuntimeFunction::StringPadLeft).changing(),
    plain("pad_right", &[("n", "int"), ("fill", "string")], "string", RuntimeFunction::StringPadRight).changing(),
    plain("int", &[], "int?", RuntimeFunction::StringToInt),
    plain("int_hex", &[], "int?", RuntimeFunction::StringToIntHex),
    plain("float", &[], "float?", RuntimeFunction::StringToFloat),
    plain("bytes", &[], "List<byte>", RuntimeFunction::StringBytes),
    plain("validjson", &[], "bool", RuntimeFunction::StringValidJson),
];

/// 32 and the number of UTF-8 bytes (9.10).
fn size(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let span = call.span;
    let list = lowering.types().list(types::BYTE);
    let bytes = runtime_value(RuntimeFunction::StringBytes, vec![receiver.get()], list, span);
    let len = runtime_value(RuntimeFunction::ListLen, vec![bytes], types::INT, span);
    builder.value(arithmetic(ArithmeticOp::Add, int(32, span), len, types::INT, span))
}

fn is_empty(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, .. } = parts(lowering, &mut call);
    let len = runtime_value(RuntimeFunction::StringLen, vec![receiver.get()], types::INT, call.span);
    builder.value(equal(len, int(0, call.span), call.span))
}

fn found(lowering: &mut dyn Lowering, call: LowerCall, function: RuntimeFunction) -> Expr {
    let span = call.span;
    let args = call.receiver.into_iter().chain(call.args).collect();
    let index = runtime_value(function, args, types::INT, span);
    match call.result {
        Some(wanted) => position(lowering, index, wanted),
        None => index,
    }
}

fn find(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    found(lowering, call, RuntimeFunction::StringFind)
}

fn find_last(lowering: &mut dyn Lowering, call: LowerCall) -> Expr {
    found(lowering, call, RuntimeFunction::StringFindLast)
}

/// The receiver is the separator.
fn join(lowering: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    let Parts { builder, receiver, args } = parts(lowering, &mut call);
    let pieces = vec![args[0].get(), receiver.get()];
    builder.value(runtime(RuntimeFunction::ListJoin, pieces, call.result, call.span))
}
