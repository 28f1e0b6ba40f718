//! How functions and variables are seen by other modules, beside what `llvm` says of them.
//!
//! In: [`Value`]s of globals. Out: answers, and changes of one global. Deliberately not here: decisions.

use inkwell::llvm_sys::core::*;
use inkwell::llvm_sys::prelude::LLVMMetadataRef;
use inkwell::llvm_sys::{LLVMLinkage, LLVMUnnamedAddr, LLVMVisibility};

use super::llvm::Value;

/// Where LLVM keeps the attributes of a function as a whole.
const WHOLE_FUNCTION: u32 = u32::MAX;

impl<'c> Value<'c> {
    pub(super) fn linkage(self) -> LLVMLinkage {
        // SAFETY: a live global.
        unsafe { LLVMGetLinkage(self.raw()) }
    }

    pub(super) fn set_linkage(self, linkage: LLVMLinkage) {
        // SAFETY: a live global; who calls sees to it that the linkage fits what it is.
        unsafe { LLVMSetLinkage(self.raw(), linkage) }
    }

    /// A body that may be inlined, and is emitted in another module.
    pub(super) fn is_available_externally(self) -> bool {
        self.linkage() == LLVMLinkage::LLVMAvailableExternallyLinkage
    }

    /// Its address means nothing: another constant of the same value may take its place.
    pub(super) fn is_unnamed(self) -> bool {
        // SAFETY: a live global.
        unsafe { LLVMGetUnnamedAddress(self.raw()) == LLVMUnnamedAddr::LLVMGlobalUnnamedAddr }
    }

    pub(super) fn is_local(self) -> bool {
        matches!(self.linkage(), LLVMLinkage::LLVMInternalLinkage | LLVMLinkage::LLVMPrivateLinkage)
    }

    /// Visible to the linker, but not outside the program.
    pub(super) fn export_hidden(self) {
        self.set_linkage(LLVMLinkage::LLVMExternalLinkage);
        // SAFETY: a live global.
        unsafe { LLVMSetVisibility(self.raw(), LLVMVisibility::LLVMHiddenVisibility) }
    }

    /// The metadata of a function or variable as a whole, each with its kind.
    pub(super) fn attached(self) -> Vec<(u32, LLVMMetadataRef)> {
        let mut count = 0;
        // SAFETY: a live global; the entries are disposed of after their last use, what they name belongs to the context.
        unsafe {
            let entries = LLVMGlobalCopyAllMetadata(self.raw(), &mut count);
            let entry = |index| {
                let kind = LLVMValueMetadataEntriesGetKind(entries, index);
                (kind, LLVMValueMetadataEntriesGetMetadata(entries, index))
            };
            let all = (0..count as u32).map(entry).collect();
            LLVMDisposeValueMetadataEntries(entries);
            all
        }
    }

    /// Of the address of a block: the function that has it.
    pub(super) fn function_of_block(self) -> Value<'c> {
        // SAFETY: asked of addresses of blocks.
        Value::new(unsafe { LLVMGetBlockAddressFunction(self.raw()) })
    }

    pub(super) fn has_attribute(self, name: &str) -> bool {
        // SAFETY: a live function; the name is one of LLVM's.
        unsafe {
            let kind = LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
            !LLVMGetEnumAttributeAtIndex(self.raw(), WHOLE_FUNCTION, kind).is_null()
        }
    }

    /// A weak definition, which another one may replace.
    pub(super) fn may_be_replaced(self) -> bool {
        use LLVMLinkage::*;
        matches!(
            self.linkage(),
            LLVMWeakAnyLinkage | LLVMWeakODRLinkage | LLVMLinkOnceAnyLinkage | LLVMLinkOnceODRLinkage
        ) || self.is_available_externally()
    }
}
