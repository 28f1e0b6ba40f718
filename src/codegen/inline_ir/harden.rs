//! Makes a block that LLVM has read one that can do nothing undefined.
//!
//! In: a function of arithmetic and local variables. Out: refusals of pointers that are used as values and of too much
//! code; then the function with its divisors, conditions and result fixed: a division by zero yields some number, and what
//! breaks a promise (`nsw`, a shift by too much, an uninitialised variable) yields some value, the same at every use. So the
//! optimiser can conclude nothing from a block about the code around it.
//! Deliberately not here: the words of the text (`text`).

use super::Refusal;
use inkwell::llvm_sys::core::*;
use inkwell::llvm_sys::prelude::{LLVMBasicBlockRef, LLVMBuilderRef, LLVMTypeRef, LLVMValueRef};
use inkwell::llvm_sys::{LLVMIntPredicate, LLVMOpcode, LLVMTypeKind};
use inkwell::module::Module;
use inkwell::values::{AsValueRef, FunctionValue};

/// Scalars that all instructions together may yield.
const MOST_SCALARS: u64 = 20_000;
/// Of one local variable, and of the aggregate that one instruction yields.
const MOST_PARTS: u64 = 64;
/// Divisions are long sequences where the processor has none for vectors.
const DIVISION_COST: u64 = 8;

pub(super) fn harden(module: &Module<'_>, function: FunctionValue<'_>) -> Result<(), Refusal> {
    // SAFETY: a module that LLVM has read, walked while nothing else changes it.
    unsafe {
        for other in module.get_functions() {
            if other != function && other.count_basic_blocks() > 0 {
                return Err(Refusal::of("a second function"));
            }
        }
        let function = function.as_value_ref();
        let instructions = instructions(function);
        let mut scalars = 0;
        for &instruction in &instructions {
            scalars += refuse(function, instruction)?;
            if scalars > MOST_SCALARS {
                return Err(Refusal::of("the block computes too much"));
            }
        }
        let builder = LLVMCreateBuilderInContext(LLVMGetModuleContext(module.as_mut_ptr()));
        for &instruction in &instructions {
            define(builder, instruction);
        }
        LLVMDisposeBuilder(builder);
    }
    Ok(())
}

unsafe fn instructions(function: LLVMValueRef) -> Vec<LLVMValueRef> {
    let mut found = Vec::new();
    // SAFETY: the caller's promise.
    unsafe {
        let mut block: LLVMBasicBlockRef = LLVMGetFirstBasicBlock(function);
        while !block.is_null() {
            let mut instruction = LLVMGetFirstInstruction(block);
            while !instruction.is_null() {
                found.push(instruction);
                instruction = LLVMGetNextInstruction(instruction);
            }
            block = LLVMGetNextBasicBlock(block);
        }
    }
    found
}

/// What a value of the type consists of.
unsafe fn parts(ty: LLVMTypeRef) -> u64 {
    // SAFETY: a type of the block; texts nest them a few levels deep.
    unsafe {
        match LLVMGetTypeKind(ty) {
            LLVMTypeKind::LLVMVectorTypeKind => {
                u64::from(LLVMGetVectorSize(ty)).saturating_mul(parts(LLVMGetElementType(ty)))
            }
            LLVMTypeKind::LLVMArrayTypeKind => LLVMGetArrayLength2(ty).saturating_mul(parts(LLVMGetElementType(ty))),
            LLVMTypeKind::LLVMStructTypeKind => {
                (0..LLVMCountStructElementTypes(ty)).map(|index| parts(LLVMStructGetTypeAtIndex(ty, index))).sum()
            }
            _ => 1,
        }
    }
}

unsafe fn is_pointer(value: LLVMValueRef) -> bool {
    // SAFETY: the caller's promise.
    unsafe { LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMTypeKind::LLVMPointerTypeKind }
}

/// A refusal, or how much the instruction yields.
unsafe fn refuse(function: LLVMValueRef, instruction: LLVMValueRef) -> Result<u64, Refusal> {
    use LLVMOpcode::*;
    // SAFETY: an instruction of the function.
    unsafe {
        let opcode = LLVMGetInstructionOpcode(instruction);
        let ty = LLVMTypeOf(instruction);
        let yielded = parts(ty);
        if yielded > MOST_PARTS {
            return Err(Refusal::of(format!("a value has at most {MOST_PARTS} parts")));
        }
        let operands: Vec<LLVMValueRef> =
            (0..LLVMGetNumOperands(instruction)).map(|index| LLVMGetOperand(instruction, index as u32)).collect();
        // Where an address may stand.
        let address = match opcode {
            LLVMAlloca => {
                let in_entry = LLVMGetInstructionParent(instruction) == LLVMGetEntryBasicBlock(function);
                let count = operands.first().map_or(0, |count| match LLVMIsConstant(*count) {
                    0 => 0,
                    _ => LLVMConstIntGetZExtValue(*count),
                });
                if !in_entry || count != 1 || LLVMGetAlignment(instruction) > 64 {
                    return Err(Refusal::of("an alloca stands in the first block, for one value"));
                }
                let size = parts(LLVMGetAllocatedType(instruction));
                return if size <= MOST_PARTS {
                    Ok(size)
                } else {
                    Err(Refusal::of(format!("a local variable has at most {MOST_PARTS} parts")))
                };
            }
            LLVMLoad => Some((0, ty)),
            LLVMStore => Some((1, LLVMTypeOf(operands[0]))),
            LLVMCall => None,
            _ => None,
        };
        if let Some((index, accessed)) = address {
            let variable = operands[index];
            let is_variable = !LLVMIsAAllocaInst(variable).is_null()
                && LLVMGetAllocatedType(variable) == accessed
                && LLVMGetAlignment(instruction) <= LLVMGetAlignment(variable);
            if !is_variable {
                return Err(Refusal::of("load and store take the address of an alloca of their type"));
            }
        }
        for (index, &operand) in operands.iter().enumerate() {
            let is_callee = opcode == LLVMCall && index + 1 == operands.len();
            if is_callee && LLVMIsAFunction(operand).is_null() {
                return Err(Refusal::of("only intrinsics are called"));
            }
            if !is_callee && address.is_none_or(|(at, _)| at != index) && is_pointer(operand) {
                return Err(Refusal::of("an address is not a value here"));
            }
        }
        if is_pointer(instruction) {
            return Err(Refusal::of("an address is not a value here"));
        }
        let cost = match opcode {
            LLVMUDiv | LLVMSDiv | LLVMURem | LLVMSRem | LLVMFRem | LLVMCall => DIVISION_COST,
            _ => 1,
        };
        Ok(yielded * cost)
    }
}

/// Fixes what would be undefined for some operands.
unsafe fn define(builder: LLVMBuilderRef, instruction: LLVMValueRef) {
    use LLVMOpcode::*;
    const NAME: *const core::ffi::c_char = c"".as_ptr();
    // SAFETY: an instruction of the block; what is built stands directly before it.
    unsafe {
        LLVMPositionBuilderBefore(builder, instruction);
        let fix = |index: u32| {
            let fixed = LLVMBuildFreeze(builder, LLVMGetOperand(instruction, index), NAME);
            LLVMSetOperand(instruction, index, fixed);
            fixed
        };
        match LLVMGetInstructionOpcode(instruction) {
            LLVMUDiv | LLVMSDiv | LLVMURem | LLVMSRem => {
                let (number, divisor) = (fix(0), fix(1));
                let ty = LLVMTypeOf(divisor);
                let equal = LLVMIntPredicate::LLVMIntEQ;
                // By 0: as by 1.
                let is_zero = LLVMBuildICmp(builder, equal, divisor, LLVMConstNull(ty), NAME);
                let mut divisor = LLVMBuildOr(builder, divisor, LLVMBuildZExt(builder, is_zero, ty, NAME), NAME);
                if matches!(LLVMGetInstructionOpcode(instruction), LLVMSDiv | LLVMSRem) {
                    // By -1: the negative number by 1, which cannot overflow.
                    let is_minus_one = LLVMBuildICmp(builder, equal, divisor, LLVMConstAllOnes(ty), NAME);
                    let one = LLVMBuildZExt(builder, is_minus_one, ty, NAME);
                    divisor = LLVMBuildSelect(builder, is_minus_one, one, divisor, NAME);
                    let negative = LLVMBuildSub(builder, LLVMConstNull(ty), number, NAME);
                    let number = LLVMBuildSelect(builder, is_minus_one, negative, number, NAME);
                    LLVMSetOperand(instruction, 0, number);
                }
                LLVMSetOperand(instruction, 1, divisor);
            }
            LLVMBr if LLVMIsConditional(instruction) != 0 => {
                let fixed = LLVMBuildFreeze(builder, LLVMGetCondition(instruction), NAME);
                LLVMSetCondition(instruction, fixed);
            }
            LLVMSwitch => {
                fix(0);
            }
            LLVMRet if LLVMGetNumOperands(instruction) == 1 => {
                fix(0);
            }
            _ => {}
        }
    }
}
