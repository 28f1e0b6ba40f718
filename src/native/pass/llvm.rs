//! A small safe face of the LLVM C API: what the pass needs and inkwell does not wrap.
//!
//! In: a [`LlvmContext`] and bitcode. Out: [`Value`]s, [`Type`]s and questions about them.
//! Deliberately not here: any decision. This file, with `code`, `debug_info`, `builder` and `emit`, is the only one of
//! the library pipeline that calls LLVM.
//!
//! Why the `unsafe` is sound, said once: a `Value<'c>` or `Type<'c>` is only made from a live object of the context that
//! it borrows; one thread uses a context; a value is deleted only by [`Value::delete_global`] and [`Value::erase`],
//! whose callers hold the last copy that is used.

use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr;

use inkwell::context::Context;
use inkwell::llvm_sys::bit_reader::LLVMParseBitcodeInContext2;
use inkwell::llvm_sys::core::*;
use inkwell::llvm_sys::linker::LLVMLinkModules2;
use inkwell::llvm_sys::prelude::*;
use inkwell::llvm_sys::target;
use inkwell::llvm_sys::{LLVMDiagnosticSeverity, LLVMOpcode, LLVMTypeKind, LLVMValueKind};
use inkwell::module::Module;

/// A context whose errors are collected: without a handler LLVM ends the process at some of them.
pub(super) struct LlvmContext {
    context: Context,
    /// Boxed: LLVM holds its address.
    errors: Box<RefCell<Vec<String>>>,
}

impl LlvmContext {
    pub(super) fn new() -> LlvmContext {
        let context = LlvmContext { context: Context::create(), errors: Box::default() };
        let errors: *const RefCell<Vec<String>> = &raw const *context.errors;
        // SAFETY: the box lives as long as the context, and only `on_diagnostic` uses the pointer.
        unsafe {
            LLVMContextSetDiagnosticHandler(
                context.context.raw(),
                Some(on_diagnostic),
                errors.cast_mut().cast::<c_void>(),
            );
        }
        context
    }

    /// What LLVM complained about since the last time.
    pub(super) fn take_errors(&self) -> Vec<String> {
        self.errors.take()
    }

    pub(super) fn raw(&self) -> LLVMContextRef {
        self.context.raw()
    }

    /// Reads bitcode.
    pub(super) fn parse(&self, bitcode: &[u8]) -> Result<Module<'_>, String> {
        let mut module = ptr::null_mut();
        // SAFETY: the buffer is a copy with the NUL at its end that LLVM wants, and is disposed of here; the module is owned
        // by the result.
        unsafe {
            let start = bitcode.as_ptr().cast();
            let buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(start, bitcode.len(), c"bitcode".as_ptr());
            let failed = LLVMParseBitcodeInContext2(self.raw(), buffer, &mut module) != 0;
            LLVMDisposeMemoryBuffer(buffer);
            if failed { Err(self.take_errors().join("\n")) } else { Ok(Module::new(module)) }
        }
    }

    /// Links `from` into `into`. Not inkwell's `link_in_module`: that one leaves its own handler in the context, with a
    /// pointer to its dead frame.
    pub(super) fn link<'c>(&'c self, into: &Module<'c>, from: Module<'c>) -> Result<(), Vec<String>> {
        let raw = from.as_mut_ptr();
        // The linker destroys the source module; the wrapper must not do it again.
        std::mem::forget(from);
        // SAFETY: both modules are live and of this context.
        let failed = unsafe { LLVMLinkModules2(into.as_mut_ptr(), raw) } != 0;
        if failed { Err(self.take_errors()) } else { Ok(()) }
    }
}

extern "C" fn on_diagnostic(info: LLVMDiagnosticInfoRef, data: *mut c_void) {
    // SAFETY: LLVM passes a live diagnostic and the pointer given to it, which `LlvmContext` keeps valid.
    unsafe {
        if LLVMGetDiagInfoSeverity(info) as u32 != LLVMDiagnosticSeverity::LLVMDSError as u32 {
            return;
        }
        let text = LLVMGetDiagInfoDescription(info);
        let errors = &*data.cast::<RefCell<Vec<String>>>();
        errors.borrow_mut().push(CStr::from_ptr(text).to_string_lossy().into_owned());
        LLVMDisposeMessage(text);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Value<'c> {
    raw: LLVMValueRef,
    context: PhantomData<&'c ()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Type<'c> {
    raw: LLVMTypeRef,
    context: PhantomData<&'c ()>,
}

impl<'c> Type<'c> {
    pub(super) fn new(raw: LLVMTypeRef) -> Type<'c> {
        Type { raw, context: PhantomData }
    }

    pub(super) fn raw(self) -> LLVMTypeRef {
        self.raw
    }

    pub(super) fn kind(self) -> LLVMTypeKind {
        // SAFETY: see the head of this file.
        unsafe { LLVMGetTypeKind(self.raw) }
    }

    /// Of an array or vector.
    pub(super) fn element(self) -> Type<'c> {
        // SAFETY: see the head of this file.
        Type::new(unsafe { LLVMGetElementType(self.raw) })
    }

    pub(super) fn field(self, index: u32) -> Type<'c> {
        // SAFETY: see the head of this file.
        Type::new(unsafe { LLVMStructGetTypeAtIndex(self.raw, index) })
    }

    pub(super) fn is_packed(self) -> bool {
        // SAFETY: see the head of this file.
        unsafe { LLVMIsPackedStruct(self.raw) != 0 }
    }

    pub(super) fn is_named_struct(self) -> bool {
        // SAFETY: see the head of this file.
        unsafe { !LLVMGetStructName(self.raw).is_null() }
    }

    pub(super) fn is_variadic(self) -> bool {
        // SAFETY: see the head of this file; asked of function types only.
        unsafe { LLVMIsFunctionVarArg(self.raw) != 0 }
    }
}

impl<'c> Value<'c> {
    pub(super) fn new(raw: LLVMValueRef) -> Value<'c> {
        Value { raw, context: PhantomData }
    }

    fn optional(raw: LLVMValueRef) -> Option<Value<'c>> {
        (!raw.is_null()).then(|| Value::new(raw))
    }

    pub(super) fn raw(self) -> LLVMValueRef {
        self.raw
    }

    pub(super) fn kind(self) -> LLVMValueKind {
        // SAFETY: see the head of this file.
        unsafe { LLVMGetValueKind(self.raw) }
    }

    pub(super) fn is_global_variable(self) -> bool {
        self.kind() == LLVMValueKind::LLVMGlobalVariableValueKind
    }

    pub(super) fn is_function(self) -> bool {
        self.kind() == LLVMValueKind::LLVMFunctionValueKind
    }

    /// A constant that holds others: an expression or an aggregate. Other globals are not stepped into.
    pub(super) fn is_composite_constant(self) -> bool {
        use LLVMValueKind::*;
        matches!(
            self.kind(),
            LLVMConstantExprValueKind
                | LLVMConstantStructValueKind
                | LLVMConstantArrayValueKind
                | LLVMConstantVectorValueKind
        )
    }

    pub(super) fn is_undefined(self) -> bool {
        matches!(self.kind(), LLVMValueKind::LLVMUndefValueValueKind | LLVMValueKind::LLVMPoisonValueKind)
    }

    pub(super) fn is_null(self) -> bool {
        // SAFETY: see the head of this file.
        unsafe { LLVMIsNull(self.raw) != 0 }
    }

    pub(super) fn name(self) -> String {
        let mut length = 0;
        // SAFETY: see the head of this file; the text is copied before anything can rename the value.
        unsafe {
            let text = LLVMGetValueName2(self.raw, &mut length);
            String::from_utf8_lossy(std::slice::from_raw_parts(text.cast::<u8>(), length)).into_owned()
        }
    }

    pub(super) fn set_name(self, name: &str) {
        // SAFETY: see the head of this file.
        unsafe { LLVMSetValueName2(self.raw, name.as_ptr().cast(), name.len()) }
    }

    pub(super) fn ty(self) -> Type<'c> {
        // SAFETY: see the head of this file.
        Type::new(unsafe { LLVMTypeOf(self.raw) })
    }

    pub(super) fn operand_count(self) -> u32 {
        // SAFETY: see the head of this file. The count of a `User` is never negative.
        unsafe { LLVMGetNumOperands(self.raw) as u32 }
    }

    pub(super) fn operand(self, index: u32) -> Value<'c> {
        // SAFETY: see the head of this file; indices come from `operand_count`.
        Value::new(unsafe { LLVMGetOperand(self.raw, index) })
    }

    pub(super) fn operands(self) -> impl Iterator<Item = Value<'c>> {
        (0..self.operand_count()).map(move |index| self.operand(index))
    }

    pub(super) fn set_operand(self, index: u32, value: Value<'c>) {
        // SAFETY: see the head of this file.
        unsafe { LLVMSetOperand(self.raw, index, value.raw) }
    }

    pub(super) fn is_constant(self) -> bool {
        // SAFETY: see the head of this file.
        unsafe { LLVMIsConstant(self.raw) != 0 }
    }

    pub(super) fn is_unused(self) -> bool {
        // SAFETY: see the head of this file.
        unsafe { LLVMGetFirstUse(self.raw).is_null() }
    }

    pub(super) fn replace_all_uses_with(self, other: Value<'c>) {
        // SAFETY: see the head of this file; the types are equal, both are pointers.
        unsafe { LLVMReplaceAllUsesWith(self.raw, other.raw) }
    }

    // Constants.

    pub(super) fn const_opcode(self) -> LLVMOpcode {
        // SAFETY: see the head of this file.
        unsafe { LLVMGetConstOpcode(self.raw) }
    }

    /// The value of an integer constant.
    pub(super) fn const_int(self) -> Option<i64> {
        let is_int = self.kind() == LLVMValueKind::LLVMConstantIntValueKind;
        // SAFETY: see the head of this file.
        is_int.then(|| unsafe { LLVMConstIntGetSExtValue(self.raw) })
    }

    pub(super) fn gep_source(self) -> Type<'c> {
        // SAFETY: see the head of this file; asked of getelementptr only.
        Type::new(unsafe { LLVMGetGEPSourceElementType(self.raw) })
    }

    // Global variables, functions, aliases.

    pub(super) fn is_declaration(self) -> bool {
        // SAFETY: see the head of this file.
        unsafe { LLVMIsDeclaration(self.raw) != 0 }
    }

    pub(super) fn is_constant_variable(self) -> bool {
        // SAFETY: see the head of this file.
        unsafe { LLVMIsGlobalConstant(self.raw) != 0 }
    }

    pub(super) fn initializer(self) -> Option<Value<'c>> {
        // SAFETY: see the head of this file.
        Value::optional(unsafe { LLVMGetInitializer(self.raw) })
    }

    pub(super) fn value_type(self) -> Type<'c> {
        // SAFETY: see the head of this file; asked of global values only.
        Type::new(unsafe { LLVMGlobalGetValueType(self.raw) })
    }

    pub(super) fn alignment(self) -> u64 {
        // SAFETY: see the head of this file.
        u64::from(unsafe { LLVMGetAlignment(self.raw) })
    }

    pub(super) fn section(self) -> Option<String> {
        // SAFETY: see the head of this file; LLVM yields null or a NUL-terminated text.
        unsafe {
            let text = LLVMGetSection(self.raw);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
        .filter(|name| !name.is_empty())
    }

    pub(super) fn set_section(self, name: &CStr) {
        // SAFETY: see the head of this file.
        unsafe { LLVMSetSection(self.raw, name.as_ptr()) }
    }

    pub(super) fn set_initializer_poison(self) {
        // SAFETY: see the head of this file; asked of global variables only.
        unsafe { LLVMSetInitializer(self.raw, LLVMGetPoison(self.value_type().raw)) }
    }

    /// Uses that are left (dead constant expressions stay in the context) become poison.
    pub(super) fn delete_global(self) {
        // SAFETY: see the head of this file.
        unsafe {
            LLVMReplaceAllUsesWith(self.raw, LLVMGetPoison(LLVMTypeOf(self.raw)));
            LLVMDeleteGlobal(self.raw);
        }
    }

    pub(super) fn aliasee(self) -> Value<'c> {
        // SAFETY: see the head of this file; asked of aliases only.
        Value::new(unsafe { LLVMAliasGetAliasee(self.raw) })
    }

    /// Removes an attribute from a function as a whole.
    pub(super) fn remove_function_attribute(self, name: &str) {
        // SAFETY: see the head of this file; asked of functions only.
        unsafe {
            let kind = LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
            LLVMRemoveEnumAttributeAtIndex(self.raw, u32::MAX, kind);
        }
    }

    pub(super) fn remove_call_attribute(self, name: &str) {
        // SAFETY: see the head of this file; asked of calls only.
        unsafe {
            let kind = LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
            LLVMRemoveCallSiteEnumAttribute(self.raw, u32::MAX, kind);
        }
    }

    // Code.

    pub(super) fn instructions(self) -> Vec<Value<'c>> {
        let mut all = Vec::new();
        // SAFETY: see the head of this file; asked of functions only.
        unsafe {
            let mut block = LLVMGetFirstBasicBlock(self.raw);
            while !block.is_null() {
                let mut instruction = LLVMGetFirstInstruction(block);
                while !instruction.is_null() {
                    all.push(Value::new(instruction));
                    instruction = LLVMGetNextInstruction(instruction);
                }
                block = LLVMGetNextBasicBlock(block);
            }
        }
        all
    }

    pub(super) fn is_call(self) -> bool {
        // SAFETY: see the head of this file; asked of instructions only.
        unsafe { LLVMGetInstructionOpcode(self.raw) == LLVMOpcode::LLVMCall }
    }

    pub(super) fn is_inline_asm(self) -> bool {
        self.kind() == LLVMValueKind::LLVMInlineAsmValueKind
    }

    /// A call of inline assembly, also one that may jump to other places.
    pub(super) fn is_asm_call(self) -> bool {
        // SAFETY: see the head of this file; asked of instructions only.
        let opcode = unsafe { LLVMGetInstructionOpcode(self.raw) };
        let is_call = opcode == LLVMOpcode::LLVMCall || opcode == LLVMOpcode::LLVMCallBr;
        is_call && self.callee().is_inline_asm()
    }

    /// What a call calls.
    pub(super) fn callee(self) -> Value<'c> {
        // SAFETY: see the head of this file; asked of calls only.
        Value::new(unsafe { LLVMGetCalledValue(self.raw) })
    }

    /// As LLVM prints it.
    pub(super) fn text(self) -> String {
        // SAFETY: see the head of this file; the text is disposed of after it was copied.
        unsafe {
            let printed = LLVMPrintValueToString(self.raw);
            let text = CStr::from_ptr(printed).to_string_lossy().into_owned();
            LLVMDisposeMessage(printed);
            text
        }
    }

    pub(super) fn asm_text(self) -> String {
        let mut length = 0;
        // SAFETY: see the head of this file; asked of inline assembly only.
        unsafe {
            let text = LLVMGetInlineAsmAsmString(self.raw, &mut length);
            String::from_utf8_lossy(std::slice::from_raw_parts(text.cast::<u8>(), length)).into_owned()
        }
    }

    pub(super) fn asm_constraints(self) -> String {
        let mut length = 0;
        // SAFETY: see the head of this file; asked of inline assembly only.
        unsafe {
            let text = LLVMGetInlineAsmConstraintString(self.raw, &mut length);
            String::from_utf8_lossy(std::slice::from_raw_parts(text.cast::<u8>(), length)).into_owned()
        }
    }

    pub(super) fn erase(self) {
        // SAFETY: see the head of this file.
        unsafe { LLVMInstructionEraseFromParent(self.raw) }
    }
}

pub(super) fn globals<'c>(module: &Module<'c>) -> Vec<Value<'c>> {
    // SAFETY: the module is live.
    walk(unsafe { LLVMGetFirstGlobal(module.as_mut_ptr()) }, LLVMGetNextGlobal)
}

pub(super) fn functions<'c>(module: &Module<'c>) -> Vec<Value<'c>> {
    // SAFETY: the module is live.
    walk(unsafe { LLVMGetFirstFunction(module.as_mut_ptr()) }, LLVMGetNextFunction)
}

/// Declared or defined.
pub(super) fn function_named<'c>(module: &Module<'c>, name: &str) -> Option<Value<'c>> {
    // SAFETY: the module is live.
    Value::optional(unsafe { LLVMGetNamedFunctionWithLength(module.as_mut_ptr(), name.as_ptr().cast(), name.len()) })
}

pub(super) fn aliases<'c>(module: &Module<'c>) -> Vec<Value<'c>> {
    // SAFETY: the module is live.
    walk(unsafe { LLVMGetFirstGlobalAlias(module.as_mut_ptr()) }, LLVMGetNextGlobalAlias)
}

pub(super) fn ifuncs<'c>(module: &Module<'c>) -> Vec<Value<'c>> {
    // SAFETY: the module is live.
    walk(unsafe { LLVMGetFirstGlobalIFunc(module.as_mut_ptr()) }, LLVMGetNextGlobalIFunc)
}

fn walk<'c>(first: LLVMValueRef, next: unsafe extern "C" fn(LLVMValueRef) -> LLVMValueRef) -> Vec<Value<'c>> {
    let (mut all, mut current) = (Vec::new(), first);
    while !current.is_null() {
        all.push(Value::new(current));
        // SAFETY: `current` is a live value of the list that `next` walks.
        current = unsafe { next(current) };
    }
    all
}

/// File-level assembly of all sources together.
pub(super) fn module_asm(module: &Module<'_>) -> String {
    let mut length = 0;
    // SAFETY: the module is live; the text is copied.
    unsafe {
        let text = LLVMGetModuleInlineAsm(module.as_mut_ptr(), &mut length);
        String::from_utf8_lossy(std::slice::from_raw_parts(text.cast::<u8>(), length)).into_owned()
    }
}

/// Sizes and offsets of the target.
#[derive(Clone, Copy)]
pub(super) struct DataLayout<'c> {
    raw: LLVMTargetDataRef,
    machine: PhantomData<&'c ()>,
}

type LLVMTargetDataRef = target::LLVMTargetDataRef;

impl<'c> DataLayout<'c> {
    pub(super) fn of(module: &Module<'c>) -> DataLayout<'c> {
        // SAFETY: the module is live and owns its layout.
        DataLayout { raw: unsafe { target::LLVMGetModuleDataLayout(module.as_mut_ptr()) }, machine: PhantomData }
    }

    pub(super) fn size(self, ty: Type<'_>) -> u64 {
        // SAFETY: see the head of this file; asked of sized types only.
        unsafe { target::LLVMABISizeOfType(self.raw, ty.raw) }
    }

    pub(super) fn alignment(self, ty: Type<'_>) -> u64 {
        // SAFETY: see the head of this file.
        u64::from(unsafe { target::LLVMABIAlignmentOfType(self.raw, ty.raw) })
    }

    pub(super) fn field_offset(self, ty: Type<'_>, index: u32) -> u64 {
        // SAFETY: see the head of this file.
        unsafe { target::LLVMOffsetOfElement(self.raw, ty.raw, index) }
    }
}
