//! Rewrites all code that names a private variable: `&variable` becomes `base + offset`.
//!
//! In: a module and its [`Layout`]. Out: the module without its members. Deliberately not here: initial values
//! (`template`).
//!
//! The base is loaded once at the entry of each function that needs it. Constant expressions over members become
//! instructions there too, also those of PHIs: the entry block dominates every place, so one value serves all edges.

use std::collections::HashMap;

use inkwell::module::Module;

use super::builder::{Builder, Constants};
use super::layout::Layout;
use super::llvm::{Value, functions, globals};
use super::{Refusal, origin};

/// Rewrites every function, then removes the members.
pub(super) fn rewrite<'c>(module: &Module<'c>, layout: &Layout<'c>) -> Result<(), Vec<Refusal>> {
    let constants = Constants::of(module);
    keep_lists_without_members(module, layout, constants);
    let address_of = constants.thread_local_address();
    let base = constants.declare_base();
    let builder = Builder::new(constants);
    let mut refusals = Vec::new();
    for function in functions(module).into_iter().filter(|function| !function.is_declaration()) {
        let uses = Uses::of(function, layout, address_of);
        if uses.is_empty() {
            continue;
        }
        builder.at_entry(function);
        let start = builder.load_base(address_of, base, layout.align);
        let mut rewriter = Rewriter { builder: &builder, layout, start, known: HashMap::new() };
        if !rewriter.apply(&uses) {
            refusals.push(Refusal {
                place: origin::place(function),
                message: format!(
                    "function '{}' computes with the address of a variable in a way that cannot be made private to \
                     an instance",
                    function.name()
                ),
            });
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    relax_memory_attributes(module);
    assert_gone(module, layout);
    // Members mention one another: first empty all, then delete.
    for member in &layout.members {
        member.variable.set_initializer_poison();
    }
    for variable in layout.replaced() {
        variable.delete_global();
    }
    if base.is_unused() {
        base.delete_global();
    }
    Ok(())
}

struct Uses<'c> {
    /// (instruction, operand index, constant)
    operands: Vec<(Value<'c>, u32, Value<'c>)>,
    /// Calls of `llvm.threadlocal.address` on a member. The verifier wants a variable there, so the call is replaced.
    thread_local: Vec<Value<'c>>,
}

impl<'c> Uses<'c> {
    fn of(function: Value<'c>, layout: &Layout<'c>, address_of: Value<'c>) -> Uses<'c> {
        let mut uses = Uses { operands: Vec::new(), thread_local: Vec::new() };
        for instruction in function.instructions() {
            let names_thread_local = instruction.is_call()
                && instruction.callee() == address_of
                && layout.offset(instruction.operand(0)).is_some();
            if names_thread_local {
                uses.thread_local.push(instruction);
                continue;
            }
            for (index, operand) in instruction.operands().enumerate() {
                if operand.is_constant() && layout.mentions(operand) {
                    uses.operands.push((instruction, index as u32, operand));
                }
            }
        }
        uses
    }

    fn is_empty(&self) -> bool {
        self.operands.is_empty() && self.thread_local.is_empty()
    }
}

struct Rewriter<'r, 'm, 'c> {
    builder: &'r Builder<'m, 'c>,
    layout: &'r Layout<'c>,
    start: Value<'c>,
    known: HashMap<Value<'c>, Value<'c>>,
}

impl<'c> Rewriter<'_, '_, 'c> {
    fn apply(&mut self, uses: &Uses<'c>) -> bool {
        for (instruction, index, constant) in &uses.operands {
            let Some(value) = self.expand(*constant) else { return false };
            instruction.set_operand(*index, value);
        }
        for call in &uses.thread_local {
            let Some(value) = self.expand(call.operand(0)) else { return false };
            call.replace_all_uses_with(value);
            call.erase();
        }
        true
    }

    /// The constant as instructions at the entry; `None` for an expression that has no instruction.
    fn expand(&mut self, constant: Value<'c>) -> Option<Value<'c>> {
        if !self.layout.mentions(constant) {
            return Some(constant);
        }
        if let Some(value) = self.known.get(&constant) {
            return Some(*value);
        }
        let value = match self.layout.offset(constant) {
            Some(offset) => self.builder.member(self.start, offset),
            None => {
                let operands: Option<Vec<Value<'c>>> =
                    constant.operands().map(|operand| self.expand(operand)).collect();
                let operands = operands?;
                if constant.kind() == inkwell::llvm_sys::LLVMValueKind::LLVMConstantExprValueKind {
                    self.builder.like_expression(constant, &operands)?
                } else {
                    self.builder.aggregate(constant.ty(), &operands)
                }
            }
        };
        self.known.insert(constant, value);
        Some(value)
    }
}

/// `llvm.used` and `llvm.compiler.used` may only name globals: they are rebuilt without members, before anything else.
fn keep_lists_without_members<'c>(module: &Module<'c>, layout: &Layout<'c>, constants: Constants<'_, 'c>) {
    for list in globals(module) {
        let name = list.name();
        if name == "llvm.global.annotations" {
            list.set_initializer_poison();
            list.delete_global();
            continue;
        }
        let Some(items) = list.initializer() else { continue };
        if (name != "llvm.used" && name != "llvm.compiler.used") || !layout.mentions(items) {
            continue;
        }
        let kept: Vec<Value<'c>> = items.operands().filter(|item| !layout.mentions(*item)).collect();
        list.set_name("");
        list.set_initializer_poison();
        list.delete_global();
        if !kept.is_empty() {
            constants.appending_pointers(&name, &kept);
        }
    }
}

/// A function marked `const` or `pure` in C now reads the base, and what it reads may differ between calls of two
/// instances. LLVM infers the attribute anew where it holds.
fn relax_memory_attributes(module: &Module<'_>) {
    for function in functions(module).into_iter().filter(|function| !function.is_declaration()) {
        function.remove_function_attribute("memory");
        for instruction in function.instructions().into_iter().filter(|instruction| instruction.is_call()) {
            let callee = instruction.callee();
            if !callee.is_function() || !callee.is_declaration() {
                instruction.remove_call_attribute("memory");
            }
        }
    }
}

/// A mention that is left would silently become poison.
fn assert_gone<'c>(module: &Module<'c>, layout: &Layout<'c>) {
    for function in functions(module) {
        for instruction in function.instructions() {
            if instruction.operands().any(|operand| operand.is_constant() && layout.mentions(operand)) {
                crate::bug!("a private variable is still named in '{}'", function.name());
            }
        }
    }
}
