//! Which functions are leaves: so short and harmless that a call needs no transition.
//!
//! In: an optimised module whose state is private. Out: the functions that are proven, with what their calls need.
//! Deliberately not here: the form in which their code travels (`leaf_code`).
//!
//! A leaf runs as if it were Coex code: on the task's stack, where a fault would end the program, and where the collector
//! waits for it. So it must be *total*, for every argument and every content of memory:
//!
//! * it ends soon: no cycle of blocks, at most [`MAX_INSTRUCTIONS`];
//! * it cannot fault: no division but by a constant, no memory but constants of the library and the instance's own
//!   variables, at offsets whose range is known; memory behind a pointer is out of reach, since nobody knows its bounds;
//! * it calls nothing, but operations of the processor that LLVM spells as functions;
//! * it neither asks for nor changes anything else: no volatile or atomic access, assembly, stack memory.
//!
//! What C leaves undefined is no assumption here. The copy that is inlined carries no flags and no attributes.

use std::collections::HashMap;

use inkwell::llvm_sys::{LLVMOpcode, LLVMValueKind};

use super::llvm::{DataLayout, Type, Value};
use super::ranges::{self, Root};
use crate::native::signature::{CSignature, CType};

const MAX_INSTRUCTIONS: usize = 256;

pub(super) struct Leaf<'c> {
    pub(super) function: Value<'c>,
    pub(super) needs_instance: bool,
    /// Each behind those that lead to it.
    pub(super) blocks: Vec<Value<'c>>,
}

/// What the proof must know of the library.
pub(super) struct Library<'c> {
    pub(super) data: DataLayout<'c>,
    /// Bytes of an instance's variables.
    pub(super) total_size: u64,
    /// The thread-local that holds the base; absent without state.
    pub(super) base: Option<Value<'c>>,
}

/// The function as a leaf, if it is one.
pub(super) fn prove<'c>(function: Value<'c>, signature: &CSignature, library: &Library<'c>) -> Option<Leaf<'c>> {
    let instructions = function.instructions();
    let is_leaf = instructions.len() <= MAX_INSTRUCTIONS
        && has_plain_type(function, signature)
        && instructions.iter().all(|instruction| library.is_harmless(*instruction));
    let blocks = order(function).filter(|_| is_leaf)?;
    let needs_instance = instructions.iter().any(|instruction| library.is_base(*instruction));
    Some(Leaf { function, needs_instance, blocks })
}

/// Numbers in and out, as codegen declares them: `intN` as iN, `_Bool` as i1.
fn has_plain_type(function: Value<'_>, signature: &CSignature) -> bool {
    let (ty, CSignature { result, params, variadic }) = (function.value_type(), signature);
    let result_fits = match result {
        CType::Void => ty.result().is_void(),
        other => is_number(other, ty.result()),
    };
    let given = ty.params();
    let params_fit = given.len() == params.len() && params.iter().zip(given).all(|(c, ty)| is_number(c, ty));
    result_fits && params_fit && !variadic
}

fn is_number(c: &CType, ty: Type<'_>) -> bool {
    match c {
        CType::Bool => ty.int_bits() == Some(1),
        CType::Int { bits, .. } => matches!(bits, 8 | 16 | 32 | 64) && ty.int_bits() == Some(*bits),
        CType::Float { bits, .. } => ty.float_bits() == Some(*bits),
        _ => false,
    }
}

/// The blocks in an order in which each follows those that lead to it; `None` if they go round, or if some is never
/// reached.
fn order<'c>(function: Value<'c>) -> Option<Vec<Value<'c>>> {
    let blocks = function.blocks();
    let (mut done, mut is_on_path) = (Vec::new(), HashMap::new());
    let mut path: Vec<(Value<'c>, Vec<Value<'c>>)> = Vec::new();
    let entry = *blocks.first()?;
    is_on_path.insert(entry, true);
    path.push((entry, entry.successors()));
    while let Some((block, left)) = path.last_mut() {
        let Some(next) = left.pop() else {
            is_on_path.insert(*block, false);
            done.push(*block);
            path.pop();
            continue;
        };
        match is_on_path.get(&next) {
            Some(true) => return None,
            Some(false) => {}
            None => {
                is_on_path.insert(next, true);
                path.push((next, next.successors()));
            }
        }
    }
    done.reverse();
    (done.len() == blocks.len()).then_some(done)
}

impl<'c> Library<'c> {
    /// `load @coex_inst_base`.
    pub(super) fn is_base(&self, value: Value<'c>) -> bool {
        value.is_instruction()
            && value.opcode() == LLVMOpcode::LLVMLoad
            && value.ty().is_pointer()
            && value.is_plain_access()
            && self.is_base_address(value.operand(0))
    }

    /// The address of the thread-local, which has no other use in a leaf.
    pub(super) fn is_base_address(&self, value: Value<'c>) -> bool {
        value.is_instruction()
            && value.is_call()
            && value.callee().name().starts_with("llvm.threadlocal.address")
            && Some(value.operand(0)) == self.base
    }

    fn is_harmless(&self, instruction: Value<'c>) -> bool {
        use LLVMOpcode::*;
        if self.is_base(instruction) || self.is_base_address(instruction) {
            return true;
        }
        let ty = instruction.ty();
        let divisor = || instruction.operand(1).const_int();
        let allowed = match instruction.opcode() {
            LLVMRet | LLVMBr | LLVMSwitch => true,
            LLVMAdd | LLVMSub | LLVMMul | LLVMAnd | LLVMOr | LLVMXor | LLVMICmp | LLVMFCmp | LLVMFNeg | LLVMFAdd
            | LLVMFSub | LLVMFMul | LLVMFDiv | LLVMTrunc | LLVMZExt | LLVMSExt | LLVMUIToFP | LLVMSIToFP
            | LLVMFPToUI | LLVMFPToSI | LLVMFPTrunc | LLVMFPExt | LLVMBitCast | LLVMPHI | LLVMSelect | LLVMFreeze
            | LLVMGetElementPtr => true,
            // Distances are taken modulo the width, which must be a power of two.
            LLVMShl | LLVMLShr | LLVMAShr => ty.int_bits().is_some_and(u32::is_power_of_two),
            LLVMUDiv | LLVMURem => divisor().is_some_and(|divisor| divisor != 0),
            LLVMSDiv | LLVMSRem => divisor().is_some_and(|divisor| !matches!(divisor, 0 | -1)),
            LLVMLoad => self.is_inside(instruction, instruction.operand(0), ty, false),
            LLVMStore => self.is_inside(instruction, instruction.operand(1), instruction.operand(0).ty(), true),
            LLVMCall => is_operation(instruction),
            _ => false,
        };
        allowed && (is_scalar(ty) || ty.is_void()) && self.operands_are_plain(instruction)
    }

    /// Memory of the instance, or of a constant, whatever the index.
    fn is_inside(&self, access: Value<'c>, pointer: Value<'c>, ty: Type<'c>, is_store: bool) -> bool {
        let found = ranges::address(pointer, self.data, &|value| self.is_base(value));
        let Some(address) = found.filter(|_| access.is_plain_access() && is_scalar(ty)) else { return false };
        let size = match address.root {
            Root::Instance => self.total_size,
            Root::Constant(_) if is_store => return false,
            Root::Constant(variable) if is_table(variable) => self.data.size(variable.value_type()),
            Root::Constant(_) => return false,
        };
        let end = address.offset.high + i128::from(self.data.size(ty));
        address.offset.low >= 0 && end <= i128::from(size)
    }

    /// No operand that is left open (`undef`), and no address but of constants.
    fn operands_are_plain(&self, instruction: Value<'c>) -> bool {
        let is_call = instruction.is_call();
        let last = instruction.operand_count().saturating_sub(1);
        instruction.operands().enumerate().all(|(index, operand)| {
            let is_callee = is_call && index as u32 == last;
            let is_value = operand.is_argument() || operand.is_instruction();
            is_callee
                || operand.is_block()
                || (is_value && is_scalar(operand.ty()) && !self.is_base_address(operand))
                || is_plain_constant(operand)
        })
    }
}

fn is_plain_constant(value: Value<'_>) -> bool {
    use LLVMValueKind::*;
    match value.kind() {
        LLVMConstantIntValueKind | LLVMConstantFPValueKind => is_scalar(value.ty()),
        LLVMConstantPointerNullValueKind => true,
        LLVMGlobalVariableValueKind => is_table(value),
        LLVMConstantExprValueKind => {
            value.is_element_address()
                && is_plain_constant(value.operand(0))
                && (1..value.operand_count()).all(|index| value.operand(index).const_int().is_some())
        }
        _ => false,
    }
}

/// A constant of this library that names nothing else.
fn is_table(variable: Value<'_>) -> bool {
    let is_closed = |value: Value<'_>| {
        fn names_nothing(value: Value<'_>) -> bool {
            use LLVMValueKind::*;
            !matches!(value.kind(), LLVMGlobalVariableValueKind | LLVMFunctionValueKind | LLVMGlobalAliasValueKind)
                && value.kind() != LLVMConstantExprValueKind
                && value.kind() != LLVMBlockAddressValueKind
                && (!value.is_composite_constant() || value.operands().all(names_nothing))
        }
        names_nothing(value)
    };
    variable.is_constant_variable() && !variable.is_declaration() && variable.initializer().is_some_and(is_closed)
}

fn is_scalar(ty: Type<'_>) -> bool {
    ty.int_bits().is_some_and(|bits| bits <= 64) || ty.float_bits().is_some() || ty.is_pointer()
}

/// An operation that the processor has, or that LLVM replaces by a few instructions; overloaded by one type.
fn is_operation(call: Value<'_>) -> bool {
    const NAMES: [&str; 19] = [
        "smax",
        "smin",
        "umax",
        "umin",
        "abs",
        "ctpop",
        "ctlz",
        "cttz",
        "bswap",
        "bitreverse",
        "fshl",
        "fshr",
        "fabs",
        "sqrt",
        "uadd.sat",
        "usub.sat",
        "sadd.sat",
        "ssub.sat",
        // How Clang writes a * b + c.
        "fmuladd",
    ];
    let name = call.callee().name();
    let Some((name, _)) = name.strip_prefix("llvm.").and_then(|name| name.rsplit_once('.')) else { return false };
    call.callee().is_function() && NAMES.contains(&name)
}
