//! Calls of leaves: plain calls of code in the program's own module, which the optimiser inlines.
//!
//! In: externs whose C function is proven to be a leaf. Out: their bodies without transition: no stack is switched, nothing
//! is installed, nothing can fail. The base of the instance is an argument. Deliberately not here: the proof
//! (`native::pass`), linking the leaves' bitcode (`embedded`).

use super::Foreign;
use crate::bind::{Binding, ParamPlan, ResultPlan, SuccessPlan};
use crate::codegen::emit::Value;
use crate::codegen::{LibraryBinding, OptLevel};
use crate::native::{CLeaf, CType, leaf_symbol};
use coex_runtime::abi::offset;
use inkwell::types::{BasicType, BasicTypeEnum};

/// The function is a leaf and everything that crosses is a number.
pub(super) fn of(binding: &Binding, natives: &[LibraryBinding], opt: OptLevel) -> Option<CLeaf> {
    let leaf = binding.leaf.filter(|_| opt != OptLevel::Debug)?;
    let native = &natives[binding.library?.0 as usize];
    let is_there = !native.leaves.is_empty() && !native.is_process;
    (is_there && has_only_numbers(binding)).then_some(leaf)
}

pub(super) fn has_only_numbers(binding: &Binding) -> bool {
    let is_number =
        |plan: &ParamPlan| matches!(plan, ParamPlan::Int { .. } | ParamPlan::Bool { .. } | ParamPlan::Float { .. });
    let plain_result = matches!(
        &binding.result,
        ResultPlan::Plain(
            SuccessPlan::Int { .. } | SuccessPlan::Bool { .. } | SuccessPlan::Float { .. } | SuccessPlan::Nothing
        )
    );
    plain_result && binding.params.iter().all(is_number)
}

impl<'ctx> Foreign<'_, 'ctx> {
    pub(super) fn leaf(&self) -> Option<CLeaf> {
        let codegen = self.body.codegen;
        of(self.binding, codegen.natives, codegen.options.opt)
    }

    pub(super) fn run_leaf(&mut self, leaf: CLeaf) {
        let mut values: Vec<Value<'ctx>> = Vec::new();
        if leaf.needs_instance {
            self.find_instance();
            let emit = &self.body.emit;
            values.push(emit.load_ptr(emit.offset(self.instance, offset::INSTANCE_BASE as u64)).into());
        }
        let given = self.arguments().values;
        for (given, ty) in given.iter().zip(&self.binding.signature.params) {
            // Arguments travel in at least 32 bits; a leaf takes them in their own width.
            values.push(match (given.value, self.leaf_type(ty)) {
                (Value::IntValue(number), BasicTypeEnum::IntType(ty)) => self.body.emit.resize(number, ty).into(),
                (value, _) => value,
            });
        }
        let result = self.call_leaf(&values);
        let value = self.external.result.and_then(|ty| match &self.binding.result {
            ResultPlan::Plain(success) => Some(self.success(success, ty, result)),
            ResultPlan::Fallible { .. } => None,
        });
        self.body.leave(value);
    }

    /// The result as other C functions yield it.
    fn call_leaf(&self, values: &[Value<'ctx>]) -> Option<Value<'ctx>> {
        let (codegen, emit) = (self.body.codegen, &self.body.emit);
        codegen.uses_leaves.borrow_mut().extend(self.binding.library);
        let symbol = leaf_symbol(&self.binding.symbol);
        let params: Vec<_> = values.iter().map(|value| value.get_type().into()).collect();
        let result = &self.binding.signature.result;
        let ty = match result {
            CType::Void => emit.types.void.fn_type(&params, false),
            other => self.leaf_type(other).fn_type(&params, false),
        };
        let known = codegen.module.get_function(&symbol);
        let function = known.unwrap_or_else(|| codegen.module.add_function(&symbol, ty, None));
        let value = emit.call(function, values).try_as_basic_value().basic()?;
        Some(match (result, value) {
            (CType::Bool, Value::IntValue(bit)) => emit.resize(bit, emit.types.i8).into(),
            _ => value,
        })
    }

    /// As LLVM's functions have it, see the proof.
    fn leaf_type(&self, ty: &CType) -> BasicTypeEnum<'ctx> {
        match ty {
            CType::Bool => self.body.emit.types.i1.into(),
            CType::Int { bits, .. } => self.int_type(*bits).into(),
            CType::Float { bits: 32, .. } => self.body.codegen.context.f32_type().into(),
            _ => self.body.emit.types.f64.into(),
        }
    }
}
