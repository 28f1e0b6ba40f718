//! Detours: what code does when a look at the fiber finds something.
//!
//! In: slow paths of the runtime. Out: functions of the module that call them and keep every register but one and those for
//! floats, so that loops and recursive functions around the look have their registers for themselves. What the registers hold
//! lies on the stack meanwhile, where the collector sees it. Deliberately not here: when to look (`loops`, `function`,
//! `foreign`).

use super::context::Codegen;
use super::emit::{Value, built};
use super::function::{Body, parameter};
use crate::ir::RuntimeFunction;
use inkwell::attributes::AttributeLoc;
use inkwell::values::FunctionValue;

/// LLVM's number of the calling convention.
const PRESERVE_MOST: u32 = 14;

impl<'ctx> Body<'_, 'ctx> {
    /// Somebody wants something of the fiber.
    pub(super) fn look_at_poll(&self) {
        let name = "poll.slow";
        let known = self.codegen.module.get_function(name);
        self.call_detour(known.unwrap_or_else(|| self.codegen.detour(name, RuntimeFunction::PollSlow, &[])));
    }

    /// The stack ends, or somebody wants something. One detour a function, which names its place.
    pub(super) fn look_at_stack(&self) {
        let name = format!("{}.stack.slow", self.func.get_name().to_string_lossy());
        let site = self.codegen.site(self.ir.span);
        self.call_detour(self.codegen.detour(&name, RuntimeFunction::StackSlow, &[site.into()]));
    }

    fn call_detour(&self, detour: FunctionValue<'ctx>) {
        let call = self.codegen.mark_call(self.emit.call(detour, &[self.fiber.into()]));
        call.set_call_convention(PRESERVE_MOST);
    }
}

impl<'ctx> Codegen<'_, 'ctx> {
    fn detour(&self, name: &str, function: RuntimeFunction, args: &[Value<'ctx>]) -> FunctionValue<'ctx> {
        let detour = self.declare(name, self.types.void.fn_type(&[self.types.ptr.into()], false));
        detour.set_call_conventions(PRESERVE_MOST);
        detour.add_attribute(AttributeLoc::Function, self.attributes.cold);
        detour.add_attribute(AttributeLoc::Function, self.attributes.noinline);
        let emit = self.emit();
        emit.at(self.context.append_basic_block(detour, ""));
        let mut operands = vec![parameter(detour, 0)];
        operands.extend_from_slice(args);
        emit.call(self.runtime(function), &operands);
        built(emit.builder.build_return(None));
        detour
    }
}
