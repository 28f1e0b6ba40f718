//! Code that is there already: the runtime's archive, its fast paths as bitcode, leaves of libraries as bitcode.
//!
//! In: files that the build script made, and leaves from the native cache. Out: the archive for the linker, and the
//! bitcode linked into a module that mentions it. Deliberately not here: how it is made (`runtime/embed.rs`,
//! `native::pass`), who calls it (`fast`, `foreign`).

use super::CodegenError;
use super::context::Codegen;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::{Linkage, Module};

/// Static archive to link programs with.
pub const RUNTIME_ARCHIVE: &[u8] = include_bytes!(env!("COEX_RUNTIME_ARCHIVE"));

/// `coex_fast_*`: short paths of runtime functions, to be inlined.
pub const FAST_BITCODE: &[u8] = include_bytes!(env!("COEX_FAST_BITCODE"));

/// Links the fast paths into the module and has the optimiser inline all of them.
pub(super) fn link_fast_paths(codegen: &Codegen<'_, '_>) -> Result<(), CodegenError> {
    let refuse = |error: inkwell::support::LLVMString| CodegenError::Llvm(format!("fast paths: {error}"));
    let buffer = MemoryBuffer::create_from_memory_range_copy(FAST_BITCODE, "coex_fast");
    let fast = Module::parse_bitcode_from_buffer(&buffer, codegen.context).map_err(refuse)?;
    fast.set_triple(&codegen.module.get_triple());
    fast.set_data_layout(&codegen.module.get_data_layout());

    let always_inline = Attribute::get_named_enum_kind_id("alwaysinline");
    let always_inline = codegen.context.create_enum_attribute(always_inline, 0);
    let mut names = Vec::new();
    for function in fast.get_functions().filter(|function| function.count_basic_blocks() > 0) {
        names.push(function.get_name().to_owned());
        function.add_attribute(AttributeLoc::Function, always_inline);
        // The program's own processor counts, and its stacks need no probes.
        for name in ["probe-stack", "target-cpu", "target-features"] {
            function.remove_string_attribute(AttributeLoc::Function, name);
        }
    }
    codegen.module.link_in_module(fast).map_err(refuse)?;
    for name in names {
        if let Some(function) = name.to_str().ok().and_then(|name| codegen.module.get_function(name)) {
            function.set_linkage(Linkage::Private);
        }
    }
    Ok(())
}

/// Links the leaves of the libraries whose leaves are called.
pub(super) fn link_leaves(codegen: &Codegen<'_, '_>) -> Result<(), CodegenError> {
    let refuse = |error: inkwell::support::LLVMString| CodegenError::Llvm(format!("leaves: {error}"));
    for library in codegen.uses_leaves.borrow().iter() {
        let bitcode = &codegen.natives[library.0 as usize].leaves;
        let buffer = MemoryBuffer::create_from_memory_range_copy(bitcode, "leaves");
        let leaves = Module::parse_bitcode_from_buffer(&buffer, codegen.context).map_err(refuse)?;
        leaves.set_triple(&codegen.module.get_triple());
        leaves.set_data_layout(&codegen.module.get_data_layout());
        let defined = leaves.get_functions().filter(|function| function.count_basic_blocks() > 0);
        let names: Vec<_> = defined.map(|function| function.get_name().to_owned()).collect();
        codegen.module.link_in_module(leaves).map_err(refuse)?;
        for function in names.iter().filter_map(|name| codegen.module.get_function(name.to_str().ok()?)) {
            function.set_linkage(Linkage::Private);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::FAST_BITCODE;
    use inkwell::context::Context;
    use inkwell::memory_buffer::MemoryBuffer;
    use inkwell::module::Module;

    /// Anything else, such as the message code of a Rust panic, would not resolve when a program is linked.
    #[test]
    fn fast_paths_need_only_the_runtime() {
        let context = Context::create();
        let buffer = MemoryBuffer::create_from_memory_range_copy(FAST_BITCODE, "coex_fast");
        let module = Module::parse_bitcode_from_buffer(&buffer, &context).expect("bitcode of this LLVM");
        let mut defined = 0;
        for function in module.get_functions() {
            let name = function.get_name().to_string_lossy();
            if function.count_basic_blocks() > 0 {
                defined += 1;
                // Helpers of the file keep the name Rust gives them.
                assert!(name.starts_with("coex_fast_") || name.contains("9coex_fast"), "{name}");
            } else {
                assert!(name.starts_with("llvm.") || name.starts_with("coex_"), "{name}");
            }
        }
        assert!(defined >= 4);
    }
}
