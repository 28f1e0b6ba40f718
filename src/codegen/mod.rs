//! Typed IR to machine code, through LLVM.
//!
//! In: a monomorphic [`Program`], the source texts (for positions), what is known of native libraries. Out: an object
//! file, LLVM text or assembly, in memory. LLVM's context is born and dies inside [`compile`].
//! Deliberately not here: optimisations that need to know Coex (`passes`), files, linking.
//!
//! Reading order: [`layout`] (values in memory), [`context`] (the module), [`function`], [`stmt`] and [`expr`] (bodies),
//! [`runtime_calls`], [`descriptors`] and [`types_table`] (what the runtime knows of types), [`start`], [`object`].

mod abi;
mod aggregate;
mod alloc;
mod arith;
mod atomic;
mod call;
mod call_graph;
mod compare;
mod context;
mod convert;
mod debug_info;
mod descriptors;
mod detours;
mod embedded;
mod emit;
mod enums;
mod expr;
mod fast;
mod fast_updates;
pub mod fatal;
mod foreign;
mod function;
mod grids;
pub mod inline_ir;
mod layout;
mod literals;
mod loops;
mod object;
mod optional;
mod roots;
mod rounds;
mod runtime_calls;
mod select;
mod start;
mod stmt;
mod tasks;
mod types_table;
mod windows;
mod within;

#[cfg(test)]
mod tests;

pub use embedded::{FAST_BITCODE, RUNTIME_ARCHIVE};

use crate::bind::Binding;
use crate::ir::Program;
use crate::source::SourceMap;
use context::Codegen;
use inkwell::context::Context;
use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptLevel {
    /// `-O0`: fastest build.
    Debug,
    O1,
    O2,
    O3,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emit {
    Object,
    Llvm,
    Asm,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodegenOptions {
    pub opt: OptLevel,
    pub debug_info: bool,
    /// What names of source files are relative to, for debug information.
    pub directory: String,
    pub emit: Emit,
    /// A name that LLVM knows, `native`, or `None` for the baseline of the architecture.
    pub target_cpu: Option<String>,
    /// Runs LLVM's verifier; debug builds of the compiler always do.
    pub verify: bool,
}

impl Default for CodegenOptions {
    fn default() -> CodegenOptions {
        CodegenOptions {
            opt: OptLevel::Debug,
            debug_info: false,
            directory: String::from("."),
            emit: Emit::Object,
            target_cpu: None,
            verify: false,
        }
    }
}

/// What a program needs of one of its libraries; in the order of `Program::libraries`.
#[derive(Clone, Debug)]
pub struct LibraryBinding {
    /// Name of the `LibraryDescriptor` in the library's object.
    pub descriptor_symbol: String,
    /// Its C code can read or write streams, so the print buffer is written before its calls.
    pub uses_stdio: bool,
    /// Its C code runs in worker processes.
    pub is_process: bool,
    /// Its calls take turns.
    pub is_serial: bool,
    /// One instance for the process: what fails in its C code ends the program.
    pub is_shared: bool,
    /// Its C code can read `errno`, which is then the instance's own.
    pub uses_errno: bool,
    /// Bitcode of its functions that are leaves; empty if there are none.
    pub leaves: Vec<u8>,
}

#[derive(Debug)]
pub struct Output {
    /// An object file, or text, as `Emit` asked for.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
pub enum CodegenError {
    /// LLVM does not know the processor.
    UnknownCpu(String),
    /// LLVM refused what it was given: a defect of the compiler, or of inline assembly.
    Llvm(String),
}

impl fmt::Display for CodegenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodegenError::UnknownCpu(name) => write!(formatter, "unknown processor '{name}'"),
            CodegenError::Llvm(text) => write!(formatter, "LLVM: {text}"),
        }
    }
}

impl std::error::Error for CodegenError {}

/// Lowers the program and runs LLVM on it.
pub fn compile(
    program: &Program,
    sources: &SourceMap,
    natives: &[LibraryBinding],
    externs: &[Binding],
    options: &CodegenOptions,
) -> Result<Output, CodegenError> {
    let machine = object::target_machine(options)?;
    let context = Context::create();
    let log = object::DiagnosticLog::install(&context);
    let codegen = Codegen::new(&context, program, sources, natives, externs, options);
    object::set_target(&codegen.module, &machine);
    inline_ir::link(&codegen, &log)?;

    for (id, _) in program.functions.iter().enumerate() {
        function::define(&codegen, crate::ir::FuncId(id as u32));
    }
    foreign::define(&codegen);
    descriptors::define_all(&codegen);
    let (types, type_count) = types_table::define(&codegen);
    start::define(&codegen, types, type_count);
    object::finish(&codegen, &machine, &log)
}
