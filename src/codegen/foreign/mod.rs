//! Calls of C: one internal function per extern, which copies arguments, switches stacks and copies results.
//!
//! In: the externs that calls mention (`Codegen::externs`), each declared as
//! `extern.NAME(fiber, value arguments in order, addresses of out variables' slots in order, site) -> result`, and the
//! plans of `bind`. Out: their bodies, in the steps of the call protocol:
//!
//! 1. the library's instance of this root, made at its first call; calls with numbers alone leave it to step 3
//! 2. arguments as C values; buffers and strings are copies in the instance's arena
//! 3. base and errno of the instance are installed unless they are, the print buffer is written if C may write too
//! 4. the thunk switches to the system stack, calls C and comes back
//! 5. errno is kept, results are copied out, the arena is reset; the base stays for the next call
//!
//! A function that is proven to be a leaf needs none of these but the instance (`leaf`).
//!
//! Deliberately not here: which declarations agree (`bind`), the thunk itself (runtime).

mod arguments;
mod leaf;
mod protocol;
mod remote;
mod results;
mod structs;

use super::abi;
use super::context::Codegen;
use super::emit::Value;
use super::function::{Body, parameter};
use super::{LibraryBinding, OptLevel};
use crate::bind::{Binding, ParamPlan, ResultPlan, SuccessPlan};
use crate::ir::{Extern, ExternId, Function, RuntimeFunction};
use crate::types::FunctionKind;
use inkwell::attributes::AttributeLoc;
use inkwell::values::{FunctionValue, IntValue, PointerValue};
use std::cell::Cell;

/// One argument as C gets it.
#[derive(Clone, Copy)]
struct CValue<'ctx> {
    value: Value<'ctx>,
    /// The value is the address of a struct of so many bytes, whose copy travels on the stack.
    on_stack: Option<u64>,
}

impl<'ctx, T: Into<Value<'ctx>>> From<T> for CValue<'ctx> {
    fn from(value: T) -> CValue<'ctx> {
        CValue { value: value.into(), on_stack: None }
    }
}

/// How a call gets on with the loop around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// It ends soon, and is no call at all.
    Short,
    /// It may last, and looks for polls at its end.
    Polls,
    /// It may last.
    Unknown,
}

pub(super) fn pace(binding: &Binding, natives: &[LibraryBinding], opt: OptLevel) -> Pace {
    match () {
        () if is_remote(binding, natives) => Pace::Unknown,
        () if leaf::of(binding, natives, opt).is_some() => Pace::Short,
        () if is_plain(binding) => Pace::Polls,
        () => Pace::Unknown,
    }
}

/// Nothing but numbers crosses, in registers.
fn is_plain(binding: &Binding) -> bool {
    let floats = binding.params.iter().filter(|plan| matches!(plan, ParamPlan::Float { .. })).count();
    leaf::has_only_numbers(binding)
        && floats <= abi::FLOAT_REGISTERS
        && binding.params.len() - floats <= abi::INTEGER_REGISTERS
}

/// Gives every mentioned extern its body.
pub(super) fn define(codegen: &Codegen<'_, '_>) {
    let mentioned: Vec<_> = codegen.externs.borrow().clone();
    for (id, function) in mentioned {
        if !is_remote(&codegen.bindings[id.0 as usize], codegen.natives) {
            define_one(codegen, id, function, None);
            continue;
        }
        define_one(codegen, id, remote::local(codegen, function), None);
        let entry = remote::define_entry(codegen, id, function);
        define_one(codegen, id, function, Some(entry));
    }
}

/// Its C code runs in worker processes.
fn is_remote(binding: &Binding, natives: &[LibraryBinding]) -> bool {
    binding.library.is_some_and(|library| natives[library.0 as usize].is_process)
}

/// With an `entry` the body is that of a remote extern.
fn define_one<'ctx>(
    codegen: &Codegen<'_, 'ctx>,
    id: ExternId,
    func: FunctionValue<'ctx>,
    entry: Option<FunctionValue<'ctx>>,
) {
    let external = codegen.program.external(id);
    let binding = &codegen.bindings[id.0 as usize];
    let stub = stub(external);
    let count = func.count_params();
    let mut foreign = Foreign {
        body: Body::open(codegen, &stub, func),
        external,
        binding,
        site: parameter(func, count - 1).into_pointer_value(),
        is_plain: is_plain(binding),
        instance: codegen.types.ptr.const_null(),
        arena_used: Cell::new(false),
    };
    match entry {
        Some(entry) => foreign.run_remote(entry),
        None => foreign.run(),
    }
    let is_short = entry.is_none() && foreign.is_short();
    foreign.body.close();
    if is_short && codegen.options.opt != OptLevel::Debug {
        func.add_attribute(AttributeLoc::Function, codegen.attributes.alwaysinline);
    }
}

/// What `Body` wants to know of the function that it builds.
fn stub(external: &Extern) -> Function {
    Function {
        name: format!("extern {}", external.name),
        kind: FunctionKind::Func,
        isolated: false,
        params: Vec::new(),
        captures: Vec::new(),
        locals: Vec::new(),
        result: external.result,
        body: Vec::new(),
        span: external.span,
    }
}

/// State while the body of one extern is built.
struct Foreign<'a, 'ctx> {
    body: Body<'a, 'ctx>,
    external: &'a Extern,
    binding: &'a Binding,
    /// Place of the call, for panics.
    site: PointerValue<'ctx>,
    /// Nothing but numbers crosses, in registers.
    is_plain: bool,
    /// Null for externs of the program, and for plain calls that need no more than its base.
    instance: PointerValue<'ctx>,
    /// Arguments were copied, so the arena must be reset.
    arena_used: Cell<bool>,
}

impl<'ctx> Foreign<'_, 'ctx> {
    fn run(&mut self) {
        if let Some(leaf) = self.leaf() {
            return self.run_leaf(leaf);
        }
        // Made before the library's turn begins: constructors take a turn of their own.
        if !self.is_plain || self.uses_errno() || self.is_serial() {
            self.find_instance();
        }
        let mark = self.arena_mark();
        let arguments = self.arguments();
        self.flush_prints();
        self.enter();
        let result = self.call_extern(arguments.values.clone());
        self.keep_errno();
        let value = self.result(result);
        self.copy_outs(&arguments.outs, result);
        self.reset_arena(mark);
        self.body.leave(value);
    }

    /// Plain values in and out: the steps around the C function then cost less than a second call.
    fn is_short(&self) -> bool {
        let plain = matches!(
            &self.binding.result,
            ResultPlan::Plain(
                SuccessPlan::Int { .. } | SuccessPlan::Bool { .. } | SuccessPlan::Float { .. } | SuccessPlan::Nothing
            )
        );
        plain && !self.arena_used.get()
    }

    // ------------------------------------------------------------------------------------------ short names

    fn fiber_field(&self, offset: usize) -> PointerValue<'ctx> {
        self.body.emit.offset(self.body.fiber, offset as u64)
    }

    fn is_library(&self) -> bool {
        self.binding.library.is_some()
    }

    fn native(&self) -> Option<&LibraryBinding> {
        self.binding.library.map(|library| &self.body.codegen.natives[library.0 as usize])
    }

    /// Calls of the library take turns.
    fn is_serial(&self) -> bool {
        self.native().is_some_and(|native| native.is_serial)
    }

    /// Panics of this function name the place of the call, which is a parameter.
    fn panic_when(&self, condition: IntValue<'ctx>, function: RuntimeFunction, args: &[Value<'ctx>]) {
        let (bad, good) = (self.body.new_block(), self.body.new_block());
        self.body.emit.branch(condition, bad, good);
        self.body.emit.at(bad);
        self.panic(function, args);
        self.body.emit.at(good);
    }

    fn panic(&self, function: RuntimeFunction, args: &[Value<'ctx>]) {
        let mut operands = vec![self.body.fiber.into()];
        operands.extend_from_slice(args);
        operands.push(self.site.into());
        self.body.runtime_call(function, &operands);
        self.body.emit.unreachable();
    }

    fn text(&self, text: &str) -> Value<'ctx> {
        self.body.codegen.string(text).into()
    }

    fn plans(&self) -> impl Iterator<Item = (usize, &ParamPlan)> {
        self.binding.params.iter().enumerate()
    }
}
