//! Where a function or variable was written, and in which of the library's C files.
//!
//! In: modules with clang's debug information. Out: metadata of our own on every definition, which stays when debug
//! information goes and when files are merged. Deliberately not here: what debug information says (`debug_info`).
//!
//! ```text
//! @counter = internal global i32 0, !coex.origin !7
//! !7 = !{!"3 41 ffi/src/counter.c"}        file number, line, file
//! ```

use std::collections::HashMap;
use std::ptr;

use inkwell::llvm_sys::core::*;
use inkwell::module::Module;

use super::debug_info::{Place, function_place, variable_place};
use super::llvm::{Value, functions, globals};

const KIND: &str = "coex.origin";

/// Marks all that a C file defines.
pub(super) fn mark(module: &Module<'_>, file_number: usize) {
    for value in functions(module).into_iter().filter(|value| !value.is_declaration()) {
        set(module, value, &text(file_number, &function_place(value)));
    }
    for value in globals(module).into_iter().filter(|value| !value.is_declaration()) {
        set(module, value, &text(file_number, &variable_place(value)));
    }
}

fn text(file_number: usize, Place { file, line }: &Place) -> String {
    format!("{file_number} {line} {file}")
}

/// The number of the C file that a value came from.
pub(super) fn file_number(value: Value<'_>) -> Option<usize> {
    get(value)?.split(' ').next()?.parse().ok()
}

pub(super) fn place(value: Value<'_>) -> Place {
    let text = get(value).unwrap_or_default();
    let mut words = text.splitn(3, ' ').skip(1);
    let line = words.next().and_then(|line| line.parse().ok()).unwrap_or_default();
    Place { file: words.next().unwrap_or_default().to_owned(), line }
}

/// The origins of variables, before LLVM divides some into their fields.
pub(super) fn of_variables(module: &Module<'_>) -> HashMap<String, String> {
    globals(module).into_iter().filter_map(|variable| Some((variable.name(), get(variable)?))).collect()
}

/// `pair.1`, a field of what was `pair`, comes from where that came from.
pub(super) fn pass_on_to_fields(module: &Module<'_>, known: &HashMap<String, String>) {
    for variable in globals(module).into_iter().filter(|variable| !variable.is_declaration()) {
        if get(variable).is_some() {
            continue;
        }
        let name = variable.name();
        let mut stems = std::iter::successors(Some(name.as_str()), |name| name.rsplit_once('.').map(|(stem, _)| stem));
        if let Some(origin) = stems.find_map(|stem| known.get(stem)) {
            set(module, variable, origin);
        }
    }
}

fn set(module: &Module<'_>, value: Value<'_>, text: &str) {
    // SAFETY: a live global of the module, whose context owns what is made.
    unsafe {
        let context = LLVMGetModuleContext(module.as_mut_ptr());
        let kind = LLVMGetMDKindIDInContext(context, KIND.as_ptr().cast(), KIND.len() as u32);
        let mut text = [LLVMMDStringInContext2(context, text.as_ptr().cast(), text.len())];
        LLVMGlobalSetMetadata(value.raw(), kind, LLVMMDNodeInContext2(context, text.as_mut_ptr(), 1));
    }
}

fn get(value: Value<'_>) -> Option<String> {
    // SAFETY: the context of a live global; the node that `set` has made, whose text is copied.
    unsafe {
        let context = LLVMGetTypeContext(LLVMTypeOf(value.raw()));
        let kind = LLVMGetMDKindIDInContext(context, KIND.as_ptr().cast(), KIND.len() as u32);
        let (_, node) = value.attached().into_iter().find(|(found, _)| *found == kind)?;
        let (mut operand, mut length) = (ptr::null_mut(), 0);
        LLVMGetMDNodeOperands(LLVMMetadataAsValue(context, node), &mut operand);
        let text = LLVMGetMDString(operand, &mut length);
        Some(String::from_utf8_lossy(std::slice::from_raw_parts(text.cast::<u8>(), length as usize)).into_owned())
    }
}
