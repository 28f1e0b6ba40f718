//! Questions about instructions, blocks and types of functions, beside those of `llvm`.
//!
//! In: [`Value`]s and [`Type`]s. Out: answers, and a few changes of one instruction. Deliberately not here: decisions.

use inkwell::llvm_sys::core::*;
use inkwell::llvm_sys::debuginfo::LLVMInstructionSetDebugLoc;
use inkwell::llvm_sys::{LLVMOpcode, LLVMTypeKind, LLVMValueKind};
use std::ptr;

use super::llvm::{Type, Value};

impl<'c> Type<'c> {
    /// Of an integer type.
    pub(super) fn int_bits(self) -> Option<u32> {
        // SAFETY: a live type; asked of integer types only.
        (self.kind() == LLVMTypeKind::LLVMIntegerTypeKind).then(|| unsafe { LLVMGetIntTypeWidth(self.raw()) })
    }

    pub(super) fn is_pointer(self) -> bool {
        self.kind() == LLVMTypeKind::LLVMPointerTypeKind
    }

    pub(super) fn is_void(self) -> bool {
        self.kind() == LLVMTypeKind::LLVMVoidTypeKind
    }

    /// `float` or `double`.
    pub(super) fn float_bits(self) -> Option<u32> {
        match self.kind() {
            LLVMTypeKind::LLVMFloatTypeKind => Some(32),
            LLVMTypeKind::LLVMDoubleTypeKind => Some(64),
            _ => None,
        }
    }

    /// Of a function type.
    pub(super) fn result(self) -> Type<'c> {
        // SAFETY: a live function type.
        Type::new(unsafe { LLVMGetReturnType(self.raw()) })
    }

    /// Of a function type.
    pub(super) fn params(self) -> Vec<Type<'c>> {
        // SAFETY: a live function type; the vector has room for all.
        unsafe {
            let mut raw = vec![ptr::null_mut(); LLVMCountParamTypes(self.raw()) as usize];
            LLVMGetParamTypes(self.raw(), raw.as_mut_ptr());
            raw.into_iter().map(Type::new).collect()
        }
    }
}

impl<'c> Value<'c> {
    /// Of an instruction.
    pub(super) fn opcode(self) -> LLVMOpcode {
        // SAFETY: a live instruction.
        unsafe { LLVMGetInstructionOpcode(self.raw()) }
    }

    pub(super) fn is_instruction(self) -> bool {
        self.kind() == LLVMValueKind::LLVMInstructionValueKind
    }

    pub(super) fn is_argument(self) -> bool {
        self.kind() == LLVMValueKind::LLVMArgumentValueKind
    }

    pub(super) fn is_block(self) -> bool {
        self.kind() == LLVMValueKind::LLVMBasicBlockValueKind
    }

    /// What `getelementptr` computes, as an instruction or an expression.
    pub(super) fn is_element_address(self) -> bool {
        match self.kind() {
            LLVMValueKind::LLVMInstructionValueKind => self.opcode() == LLVMOpcode::LLVMGetElementPtr,
            LLVMValueKind::LLVMConstantExprValueKind => self.const_opcode() == LLVMOpcode::LLVMGetElementPtr,
            _ => false,
        }
    }

    /// Of a function, in order.
    pub(super) fn blocks(self) -> Vec<Value<'c>> {
        let mut blocks = Vec::new();
        // SAFETY: a live function.
        unsafe {
            let mut block = LLVMGetFirstBasicBlock(self.raw());
            while !block.is_null() {
                blocks.push(Value::new(LLVMBasicBlockAsValue(block)));
                block = LLVMGetNextBasicBlock(block);
            }
        }
        blocks
    }

    /// Of a block: where its terminator may go.
    pub(super) fn successors(self) -> Vec<Value<'c>> {
        // SAFETY: a live block of a complete function.
        unsafe {
            let terminator = LLVMGetBasicBlockTerminator(LLVMValueAsBasicBlock(self.raw()));
            let count = LLVMGetNumSuccessors(terminator);
            (0..count).map(|index| Value::new(LLVMBasicBlockAsValue(LLVMGetSuccessor(terminator, index)))).collect()
        }
    }

    /// Of a block.
    pub(super) fn block_instructions(self) -> Vec<Value<'c>> {
        let mut all = Vec::new();
        // SAFETY: a live block.
        unsafe {
            let mut instruction = LLVMGetFirstInstruction(LLVMValueAsBasicBlock(self.raw()));
            while !instruction.is_null() {
                all.push(Value::new(instruction));
                instruction = LLVMGetNextInstruction(instruction);
            }
        }
        all
    }

    /// Of a function.
    pub(super) fn arguments(self) -> Vec<Value<'c>> {
        // SAFETY: a live function.
        unsafe { (0..LLVMCountParams(self.raw())).map(|index| Value::new(LLVMGetParam(self.raw(), index))).collect() }
    }

    /// Of a PHI: values and the blocks that they come from.
    pub(super) fn incoming(self) -> Vec<(Value<'c>, Value<'c>)> {
        // SAFETY: a live PHI.
        unsafe {
            let pair = |index| {
                let block = LLVMBasicBlockAsValue(LLVMGetIncomingBlock(self.raw(), index));
                (Value::new(LLVMGetIncomingValue(self.raw(), index)), Value::new(block))
            };
            (0..LLVMCountIncoming(self.raw())).map(pair).collect()
        }
    }

    pub(super) fn add_incoming(self, incoming: &[(Value<'c>, Value<'c>)]) {
        let mut values: Vec<_> = incoming.iter().map(|(value, _)| value.raw()).collect();
        // SAFETY: a live PHI; values and blocks of its function.
        unsafe {
            let mut blocks: Vec<_> = incoming.iter().map(|(_, block)| LLVMValueAsBasicBlock(block.raw())).collect();
            LLVMAddIncoming(self.raw(), values.as_mut_ptr(), blocks.as_mut_ptr(), values.len() as u32);
        }
    }

    /// Of a function as a whole.
    pub(super) fn add_function_attribute(self, name: &str) {
        // SAFETY: a live function; an attribute without a value.
        unsafe {
            let kind = LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
            let context = LLVMGetTypeContext(LLVMTypeOf(self.raw()));
            LLVMAddAttributeAtIndex(self.raw(), u32::MAX, LLVMCreateEnumAttribute(context, kind, 0));
        }
    }

    /// A load or store that means nothing but the memory's value.
    pub(super) fn is_plain_access(self) -> bool {
        // SAFETY: asked of loads and stores.
        unsafe { LLVMGetVolatile(self.raw()) == 0 && LLVMIsAtomic(self.raw()) == 0 }
    }

    pub(super) fn set_alignment(self, align: u32) {
        // SAFETY: asked of loads and stores.
        unsafe { LLVMSetAlignment(self.raw(), align) }
    }

    /// Removes everything that lets the optimiser assume what the operands do not prove: flags and metadata.
    pub(super) fn drop_assumptions(self) {
        use LLVMOpcode::*;
        let raw = self.raw();
        // SAFETY: a live instruction; each flag is touched only where its opcode has it.
        unsafe {
            match self.opcode() {
                LLVMAdd | LLVMSub | LLVMMul | LLVMShl | LLVMTrunc => {
                    LLVMSetNSW(raw, 0);
                    LLVMSetNUW(raw, 0);
                }
                LLVMUDiv | LLVMSDiv | LLVMLShr | LLVMAShr => LLVMSetExact(raw, 0),
                LLVMOr => LLVMSetIsDisjoint(raw, 0),
                LLVMZExt | LLVMUIToFP => LLVMSetNNeg(raw, 0),
                LLVMICmp => LLVMSetICmpSameSign(raw, 0),
                LLVMGetElementPtr => LLVMGEPSetNoWrapFlags(raw, 0),
                _ => {}
            }
            if LLVMCanValueUseFastMathFlags(raw) != 0 {
                LLVMSetFastMathFlags(raw, 0);
            }
            LLVMInstructionSetDebugLoc(raw, ptr::null_mut());
            let mut count = 0;
            let entries = LLVMInstructionGetAllMetadataOtherThanDebugLoc(raw, &mut count);
            for index in 0..count as u32 {
                LLVMSetMetadata(raw, LLVMValueMetadataEntriesGetKind(entries, index), ptr::null_mut());
            }
            LLVMDisposeValueMetadataEntries(entries);
        }
    }
}
