//! Static members (`String.from`, `posix.open`), constants of `time`, and the methods of `posix` (reference 13.4).

use super::functions::show;
use super::{Lowering, Method, custom, plain};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::RuntimeFunction;
use crate::source::Span;
use crate::types::{Type, TypeId, display::type_name};

const STRING: &[Method] = &[
    custom("from", &[("x", "X")], "string", |l, call| show(l, call, RuntimeFunction::ValueToString)),
    plain("from_hex", &[("n", "int")], "string", RuntimeFunction::StringFromHex),
    plain("from_bytes", &[("b", "List<byte>")], "string", RuntimeFunction::StringFromBytes),
    plain("from_char", &[("c", "int")], "string", RuntimeFunction::StringFromChar),
];

const POSIX_STATIC: &[Method] = &[
    plain("open", &[("path", "string"), ("mode", "string")], "Result<posix, string>", RuntimeFunction::PosixOpen)
        .effect(),
    plain("time", &[], "int", RuntimeFunction::PosixTime).effect(),
    plain("time_ns", &[], "int", RuntimeFunction::PosixTimeNs).effect(),
    plain("getenv", &[("name", "string")], "string?", RuntimeFunction::PosixGetenv).effect(),
    plain("random_seed", &[], "int", RuntimeFunction::PosixRandomSeed).effect(),
    plain("urandom", &[("n", "int")], "List<byte>", RuntimeFunction::PosixUrandom).effect(),
    plain("exit", &[("status", "int")], "int", RuntimeFunction::PosixExit).without_result().effect(),
];

const TIME: &[Method] = &[plain("now", &[], "int", RuntimeFunction::PosixTimeNs).effect()];

pub(super) const POSIX: &[Method] = &[
    plain("read", &[("n", "int")], "Result<List<byte>, string>", RuntimeFunction::PosixRead).effect(),
    plain("read_all", &[], "Result<string, string>", RuntimeFunction::PosixReadAll).effect(),
    plain("read_line", &[], "Result<string?, string>", RuntimeFunction::PosixReadLine).effect(),
    plain("write", &[("data", "List<byte>")], "Result<int, string>", RuntimeFunction::PosixWrite).effect(),
    plain("writeln", &[("text", "string")], "Result<int, string>", RuntimeFunction::PosixWriteln).effect(),
    plain("seek", &[("offset", "int"), ("whence", "int")], "Result<int, string>", RuntimeFunction::PosixSeek).effect(),
    plain("close", &[], "Result<bool, string>", RuntimeFunction::PosixClose).effect(),
];

/// `owner.name(…)` for a built-in owner: `String`, `json`, `posix`, `time`.
pub fn static_member(owner: &str, name: &str) -> Option<&'static Method> {
    let rows = match owner {
        "String" | "string" => STRING,
        "json" => super::json::STATIC,
        "posix" => POSIX_STATIC,
        "time" => TIME,
        _ => return None,
    };
    rows.iter().find(|row| row.name == name)
}

/// `time.second` and its kin, in nanoseconds (10.7).
pub fn constant(owner: &str, name: &str) -> Option<i64> {
    let value = match (owner, name) {
        ("time", "nanosecond") => 1,
        ("time", "microsecond") => 1_000,
        ("time", "millisecond") => 1_000_000,
        ("time", "second") => 1_000_000_000,
        ("time", "minute") => 60_000_000_000,
        ("time", "hour") => 3_600_000_000_000,
        _ => return None,
    };
    Some(value)
}

/// Reports E1301 for a type that has no text.
pub(super) fn printable(lowering: &mut dyn Lowering, ty: TypeId, span: Span) {
    let ty = lowering.shallow(ty);
    let opaque = matches!(
        lowering.types().get(ty),
        Type::Function { .. } | Type::Channel(_) | Type::Atomic(_) | Type::AtomicRef(_) | Type::Posix | Type::Handle(_)
    );
    if opaque {
        let name = type_name(lowering.types(), ty);
        lowering.error(Diagnostic::new(Code::E1301, span, format!("Cannot print value of type '{name}'")));
    }
}
