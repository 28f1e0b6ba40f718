//! Free built-in functions (reference 13.1). `len(x)` is `x.len()` and belongs to the checker.

use super::build::*;
use super::number::math;
use super::statics::printable;
use super::{How, LowerCall, Lowering, Method, custom, plain};
use crate::ir::{Expr, MathOp, RuntimeFunction};

pub(super) const FUNCTIONS: &[Method] = &[
    custom("print", &[("x", "X")], "int", |l, call| show(l, call, RuntimeFunction::Print)).without_result().effect(),
    custom("debug", &[("x", "X")], "int", |l, call| show(l, call, RuntimeFunction::Debug)).without_result().effect(),
    custom("range", &[("a", "int"), ("b", "int"), ("step", "int")], "List<int>", range).optional(2),
    custom("str", &[("x", "X")], "string", |l, call| show(l, call, RuntimeFunction::ValueToString)),
    custom("sqrt", &[("x", "float")], "float", sqrt),
    plain("sleep", &[("ns", "int")], "int", RuntimeFunction::Sleep).without_result().effect(),
    plain("panic", &[("message", "string")], "int", RuntimeFunction::Panic).without_result(),
    plain("gc", &[], "int", RuntimeFunction::Gc).without_result().effect(),
    plain("gc_async", &[], "int", RuntimeFunction::GcAsync).without_result().effect(),
    plain("gc_dump_stats", &[], "int", RuntimeFunction::GcDumpStats).without_result().effect(),
    plain("gc_dump_heap", &[], "int", RuntimeFunction::GcDumpHeap).without_result().effect(),
    plain("gc_dump_roots", &[], "int", RuntimeFunction::GcDumpRoots).without_result().effect(),
    plain("gc_dump_handle_table", &[], "int", RuntimeFunction::GcDumpHandleTable).without_result().effect(),
    plain("gc_dump_shadow_stacks", &[], "int", RuntimeFunction::GcDumpShadowStacks).without_result().effect(),
    plain("gc_fragmentation_report", &[], "int", RuntimeFunction::GcFragmentationReport).without_result().effect(),
    plain("gc_validate_heap", &[], "int", RuntimeFunction::GcValidateHeap).effect(),
    plain("gc_set_trace_level", &[("n", "int")], "int", RuntimeFunction::GcSetTraceLevel).without_result().effect(),
    plain("gc_install_watermark", &[], "int", RuntimeFunction::GcInstallWatermark).without_result().effect(),
];

/// The built-in function of that name.
pub fn function(name: &str) -> Option<&'static Method> {
    FUNCTIONS.iter().find(|row| row.name == name)
}

impl Method {
    /// `panic` ends the path it stands on.
    pub fn diverges(&self) -> bool {
        matches!(self.how, How::Runtime(RuntimeFunction::Panic | RuntimeFunction::PosixExit))
    }
}

/// `print`, `debug` and the two spellings of text conversion.
pub(super) fn show(lowering: &mut dyn Lowering, call: LowerCall, function: RuntimeFunction) -> Expr {
    if let Some(ty) = call.args.first().and_then(|arg| arg.ty) {
        printable(lowering, ty, call.args[0].span);
    }
    runtime(function, call.args, call.result, call.span)
}

/// `range(n)`, `range(a, b)`, `range(a, b, step)` as a list.
fn range(_: &mut dyn Lowering, call: LowerCall) -> Expr {
    let span = call.span;
    let mut args = call.args;
    if args.len() == 1 {
        args.insert(0, int(0, span));
    }
    if args.len() == 2 {
        args.push(int(1, span));
    }
    runtime(RuntimeFunction::ListRange, args, call.result, span)
}

fn sqrt(_: &mut dyn Lowering, mut call: LowerCall) -> Expr {
    call.receiver = call.args.pop();
    math(call, MathOp::Sqrt)
}
