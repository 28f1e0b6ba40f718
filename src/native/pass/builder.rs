//! Making constants and instructions.
//!
//! In: a module. Out: new [`Value`]s in it. Deliberately not here: what is made of them (`template`, `uses`,
//! `descriptor`).

use std::ffi::CString;
use std::ptr;

use inkwell::llvm_sys::core::*;
use inkwell::llvm_sys::prelude::*;
use inkwell::llvm_sys::{
    LLVMGEPFlagInBounds, LLVMGEPFlagNUW, LLVMLinkage, LLVMOpcode, LLVMThreadLocalMode, LLVMUnnamedAddr,
};
use inkwell::module::Module;

use super::llvm::{Type, Value};

/// Constants, types and globals of one module.
#[derive(Clone, Copy)]
pub(super) struct Constants<'m, 'c> {
    module: &'m Module<'c>,
    context: LLVMContextRef,
}

impl<'m, 'c> Constants<'m, 'c> {
    pub(super) fn of(module: &'m Module<'c>) -> Constants<'m, 'c> {
        // SAFETY: the module is live.
        Constants { module, context: unsafe { LLVMGetModuleContext(module.as_mut_ptr()) } }
    }

    pub(super) fn int_type(&self, bits: u32) -> Type<'c> {
        // SAFETY: the context is live.
        Type::new(unsafe { LLVMIntTypeInContext(self.context, bits) })
    }

    pub(super) fn pointer_type(&self) -> Type<'c> {
        // SAFETY: the context is live.
        Type::new(unsafe { LLVMPointerTypeInContext(self.context, 0) })
    }

    pub(super) fn int(&self, bits: u32, value: u64) -> Value<'c> {
        self.int_of(self.int_type(bits), value)
    }

    pub(super) fn int_of(&self, ty: Type<'c>, value: u64) -> Value<'c> {
        // SAFETY: an integer type of this context.
        Value::new(unsafe { LLVMConstInt(ty.raw(), value, 0) })
    }

    pub(super) fn null(&self, ty: Type<'c>) -> Value<'c> {
        // SAFETY: a type of this context.
        Value::new(unsafe { LLVMConstNull(ty.raw()) })
    }

    pub(super) fn zero_bytes(&self, count: u64) -> Value<'c> {
        // SAFETY: the context is live.
        self.null(Type::new(unsafe { LLVMArrayType2(self.int_type(8).raw(), count) }))
    }

    pub(super) fn text(&self, text: &str) -> Value<'c> {
        // SAFETY: the text is copied; a NUL is added.
        Value::new(unsafe { LLVMConstStringInContext2(self.context, text.as_ptr().cast(), text.len(), 0) })
    }

    pub(super) fn structure(&self, fields: &[Value<'c>], packed: bool) -> Value<'c> {
        let mut raw = raws(fields);
        // SAFETY: constants of this context.
        Value::new(unsafe {
            LLVMConstStructInContext(self.context, raw.as_mut_ptr(), raw.len() as u32, LLVMBool::from(packed))
        })
    }

    /// A structure constant of the type that `like` has.
    pub(super) fn structure_like(&self, like: Type<'c>, fields: &[Value<'c>]) -> Value<'c> {
        if !like.is_named_struct() {
            return self.structure(fields, like.is_packed());
        }
        let mut raw = raws(fields);
        // SAFETY: as many constants of this context as the type has fields.
        Value::new(unsafe { LLVMConstNamedStruct(like.raw(), raw.as_mut_ptr(), raw.len() as u32) })
    }

    pub(super) fn array(&self, element: Type<'c>, items: &[Value<'c>]) -> Value<'c> {
        let mut raw = raws(items);
        // SAFETY: constants of this context and of the element type.
        Value::new(unsafe { LLVMConstArray2(element.raw(), raw.as_mut_ptr(), raw.len() as u64) })
    }

    pub(super) fn vector(&self, items: &[Value<'c>]) -> Value<'c> {
        let mut raw = raws(items);
        // SAFETY: constants of this context.
        Value::new(unsafe { LLVMConstVector(raw.as_mut_ptr(), raw.len() as u32) })
    }

    /// A constant variable of the module's own.
    pub(super) fn private_constant(&self, name: &str, value: Value<'c>, align: u64) -> Value<'c> {
        let global = self.declare(name, value.ty());
        // SAFETY: a fresh global of this module.
        unsafe {
            LLVMSetInitializer(global.raw(), value.raw());
            LLVMSetGlobalConstant(global.raw(), 1);
            LLVMSetLinkage(global.raw(), LLVMLinkage::LLVMPrivateLinkage);
            LLVMSetUnnamedAddress(global.raw(), LLVMUnnamedAddr::LLVMGlobalUnnamedAddr);
            LLVMSetAlignment(global.raw(), align as u32);
        }
        global
    }

    /// A variable that is defined elsewhere.
    pub(super) fn declare(&self, name: &str, ty: Type<'c>) -> Value<'c> {
        let name = CString::new(name).unwrap_or_default();
        // SAFETY: the module is live.
        Value::new(unsafe { LLVMAddGlobal(self.module.as_mut_ptr(), ty.raw(), name.as_ptr()) })
    }

    /// The thread-local that holds the instance's base.
    pub(super) fn declare_base(&self) -> Value<'c> {
        let base = self.declare(coex_runtime::abi::INSTANCE_BASE_SYMBOL, self.pointer_type());
        // Never the general-dynamic model: a call a function, 2.5 times the cost.
        // SAFETY: a fresh global of this module.
        unsafe { LLVMSetThreadLocalMode(base.raw(), LLVMThreadLocalMode::LLVMInitialExecTLSModel) };
        base
    }

    /// A function to be defined.
    pub(super) fn declare_function(&self, name: &str, result: Type<'c>, params: &[Type<'c>]) -> Value<'c> {
        let name = CString::new(name).unwrap_or_default();
        let mut params: Vec<LLVMTypeRef> = params.iter().map(|param| param.raw()).collect();
        // SAFETY: types of this context; the module is live.
        unsafe {
            let ty = LLVMFunctionType(result.raw(), params.as_mut_ptr(), params.len() as u32, 0);
            Value::new(LLVMAddFunction(self.module.as_mut_ptr(), name.as_ptr(), ty))
        }
    }

    /// An empty block at the end of a function.
    pub(super) fn append_block(&self, function: Value<'c>) -> Value<'c> {
        // SAFETY: a function of this context.
        Value::new(unsafe {
            LLVMBasicBlockAsValue(LLVMAppendBasicBlockInContext(self.context, function.raw(), c"".as_ptr()))
        })
    }

    /// The intrinsic of this name, which one type overloads.
    pub(super) fn intrinsic(&self, name: &str, ty: Type<'c>) -> Value<'c> {
        let mut overload = [ty.raw()];
        // SAFETY: a known intrinsic with one overloaded type.
        unsafe {
            let id = LLVMLookupIntrinsicID(name.as_ptr().cast(), name.len());
            Value::new(LLVMGetIntrinsicDeclaration(self.module.as_mut_ptr(), id, overload.as_mut_ptr(), 1))
        }
    }

    /// `getelementptr` of constants: the base, then the indices.
    pub(super) fn element_address(&self, source: Type<'c>, operands: &[Value<'c>]) -> Value<'c> {
        let mut indices = raws(&operands[1..]);
        // SAFETY: constants of this context that have the types of an existing expression's operands.
        Value::new(unsafe {
            LLVMConstGEP2(source.raw(), operands[0].raw(), indices.as_mut_ptr(), indices.len() as u32)
        })
    }

    /// `llvm.threadlocal.address`, the only way to name a thread-local variable in code.
    pub(super) fn thread_local_address(&self) -> Value<'c> {
        let name = "llvm.threadlocal.address";
        let mut overload = [self.pointer_type().raw()];
        // SAFETY: a known intrinsic with one overloaded type.
        unsafe {
            let id = LLVMLookupIntrinsicID(name.as_ptr().cast(), name.len());
            Value::new(LLVMGetIntrinsicDeclaration(self.module.as_mut_ptr(), id, overload.as_mut_ptr(), 1))
        }
    }

    /// An `appending` array of pointers such as `llvm.used`.
    pub(super) fn appending_pointers(&self, name: &str, items: &[Value<'c>]) {
        let value = self.array(self.pointer_type(), items);
        let global = self.declare(name, value.ty());
        // SAFETY: a fresh global of this module; the section is what LLVM expects of these names.
        unsafe {
            LLVMSetInitializer(global.raw(), value.raw());
            LLVMSetLinkage(global.raw(), LLVMLinkage::LLVMAppendingLinkage);
            LLVMSetSection(global.raw(), c"llvm.metadata".as_ptr());
        }
    }
}

fn raws(values: &[Value<'_>]) -> Vec<LLVMValueRef> {
    values.iter().map(|value| value.raw()).collect()
}

/// Builds instructions before one instruction.
pub(super) struct Builder<'m, 'c> {
    raw: LLVMBuilderRef,
    constants: Constants<'m, 'c>,
}

impl Drop for Builder<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, disposed of once.
        unsafe { LLVMDisposeBuilder(self.raw) }
    }
}

impl<'m, 'c> Builder<'m, 'c> {
    pub(super) fn new(constants: Constants<'m, 'c>) -> Builder<'m, 'c> {
        // SAFETY: the context is live.
        Builder { raw: unsafe { LLVMCreateBuilderInContext(constants.context) }, constants }
    }

    /// At the start of a function's entry block. Allocas that follow stay static: they are in the entry block still.
    pub(super) fn at_entry(&self, function: Value<'c>) {
        // SAFETY: the function has a body, and blocks have at least a terminator.
        unsafe {
            let first = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(function.raw()));
            LLVMPositionBuilderBefore(self.raw, first);
        }
    }

    /// At the end of a block.
    pub(super) fn at_end(&self, block: Value<'c>) {
        // SAFETY: a live block.
        unsafe { LLVMPositionBuilderAtEnd(self.raw, LLVMValueAsBasicBlock(block.raw())) }
    }

    /// The same instruction once more, with the same operands.
    pub(super) fn copy(&self, instruction: Value<'c>) -> Value<'c> {
        // SAFETY: a live instruction; its copy belongs to nobody until it is inserted, at a valid position.
        unsafe {
            let copy = LLVMInstructionClone(instruction.raw());
            LLVMInsertIntoBuilder(self.raw, copy);
            Value::new(copy)
        }
    }

    pub(super) fn phi(&self, ty: Type<'c>) -> Value<'c> {
        // SAFETY: at a valid position.
        Value::new(unsafe { LLVMBuildPhi(self.raw, ty.raw(), c"".as_ptr()) })
    }

    pub(super) fn and(&self, left: Value<'c>, right: Value<'c>) -> Value<'c> {
        // SAFETY: integers of one type, at a valid position.
        Value::new(unsafe { LLVMBuildAnd(self.raw, left.raw(), right.raw(), c"".as_ptr()) })
    }

    pub(super) fn float_product(&self, left: Value<'c>, right: Value<'c>) -> Value<'c> {
        // SAFETY: floats of one type, at a valid position.
        Value::new(unsafe { LLVMBuildFMul(self.raw, left.raw(), right.raw(), c"".as_ptr()) })
    }

    pub(super) fn float_sum(&self, left: Value<'c>, right: Value<'c>) -> Value<'c> {
        // SAFETY: as above.
        Value::new(unsafe { LLVMBuildFAdd(self.raw, left.raw(), right.raw(), c"".as_ptr()) })
    }

    pub(super) fn freeze(&self, value: Value<'c>) -> Value<'c> {
        // SAFETY: at a valid position.
        Value::new(unsafe { LLVMBuildFreeze(self.raw, value.raw(), c"".as_ptr()) })
    }

    pub(super) fn call(&self, function: Value<'c>, arguments: &[Value<'c>]) -> Value<'c> {
        let mut raw = raws(arguments);
        // SAFETY: arguments of the function's types, at a valid position.
        Value::new(unsafe {
            let ty = function.value_type().raw();
            LLVMBuildCall2(self.raw, ty, function.raw(), raw.as_mut_ptr(), raw.len() as u32, c"".as_ptr())
        })
    }

    /// The base of the instance that runs: the same during the whole call.
    pub(super) fn load_base(&self, address_of: Value<'c>, base: Value<'c>, align: u64) -> Value<'c> {
        let pointer = self.constants.pointer_type().raw();
        let mut arguments = [base.raw()];
        // SAFETY: values of this context, at a valid position.
        unsafe {
            let callee = address_of.value_type().raw();
            let slot = LLVMBuildCall2(self.raw, callee, address_of.raw(), arguments.as_mut_ptr(), 1, c"".as_ptr());
            let load = LLVMBuildLoad2(self.raw, pointer, slot, c"instance".as_ptr());
            self.annotate(load, "invariant.load", &mut []);
            self.annotate(load, "nonnull", &mut []);
            // Without it vector code would use unaligned moves.
            let mut align = [LLVMValueAsMetadata(self.constants.int(64, align).raw())];
            self.annotate(load, "align", &mut align);
            Value::new(load)
        }
    }

    /// SAFETY: `instruction` is live and the operands are metadata of this context.
    unsafe fn annotate(&self, instruction: LLVMValueRef, kind: &str, operands: &mut [LLVMMetadataRef]) {
        let context = self.constants.context;
        // SAFETY: as the caller promises.
        unsafe {
            let kind = LLVMGetMDKindIDInContext(context, kind.as_ptr().cast(), kind.len() as u32);
            let data = if operands.is_empty() { ptr::null_mut() } else { operands.as_mut_ptr() };
            let node = LLVMMetadataAsValue(context, LLVMMDNodeInContext2(context, data, operands.len()));
            LLVMSetMetadata(instruction, kind, node);
        }
    }

    pub(super) fn member(&self, base: Value<'c>, offset: u64) -> Value<'c> {
        let mut index = [self.constants.int(64, offset).raw()];
        let flags = LLVMGEPFlagInBounds | LLVMGEPFlagNUW;
        let byte = self.constants.int_type(8).raw();
        // SAFETY: values of this context, at a valid position.
        Value::new(unsafe {
            LLVMBuildGEPWithNoWrapFlags(self.raw, byte, base.raw(), index.as_mut_ptr(), 1, c"".as_ptr(), flags)
        })
    }

    /// The instruction that does what a constant expression says, on other operands.
    pub(super) fn like_expression(&self, expression: Value<'c>, operands: &[Value<'c>]) -> Option<Value<'c>> {
        use LLVMOpcode::*;
        let (mut raw, name, ty) = (raws(operands), c"".as_ptr(), expression.ty().raw());
        // SAFETY: values of this context with the types of the expression's operands, at a valid position.
        let built = unsafe {
            match expression.const_opcode() {
                LLVMGetElementPtr => {
                    let flags = LLVMGEPGetNoWrapFlags(expression.raw());
                    let (base, count) = (raw[0], raw.len() as u32 - 1);
                    let indices = raw[1..].as_mut_ptr();
                    LLVMBuildGEPWithNoWrapFlags(
                        self.raw,
                        expression.gep_source().raw(),
                        base,
                        indices,
                        count,
                        name,
                        flags,
                    )
                }
                opcode @ (LLVMPtrToInt | LLVMIntToPtr | LLVMTrunc | LLVMBitCast | LLVMAddrSpaceCast) => {
                    LLVMBuildCast(self.raw, opcode, raw[0], ty, name)
                }
                opcode @ (LLVMAdd | LLVMSub | LLVMXor | LLVMMul | LLVMAnd | LLVMOr) => {
                    LLVMBuildBinOp(self.raw, opcode, raw[0], raw[1], name)
                }
                _ => return None,
            }
        };
        Some(Value::new(built))
    }

    /// A structure, array or vector from its items.
    pub(super) fn aggregate(&self, ty: Type<'c>, items: &[Value<'c>]) -> Value<'c> {
        use inkwell::llvm_sys::LLVMTypeKind::LLVMVectorTypeKind;
        // SAFETY: values of this context with the types of the items, at a valid position.
        unsafe {
            let mut whole = LLVMGetPoison(ty.raw());
            for (index, item) in items.iter().enumerate() {
                whole = if ty.kind() == LLVMVectorTypeKind {
                    let index = self.constants.int(32, index as u64).raw();
                    LLVMBuildInsertElement(self.raw, whole, item.raw(), index, c"".as_ptr())
                } else {
                    LLVMBuildInsertValue(self.raw, whole, item.raw(), index as u32, c"".as_ptr())
                };
            }
            Value::new(whole)
        }
    }
}
