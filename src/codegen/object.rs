//! LLVM's back end: target, optimisation, machine code.
//!
//! In: a complete module. Out: bytes of an object file, or text. Errors that LLVM reports through its context are
//! collected by [`DiagnosticLog`], since some calls succeed in spite of them.
//! Deliberately not here: linking.

use super::context::Codegen;
use super::{CodegenError, CodegenOptions, Emit, OptLevel, Output, embedded};
use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::llvm_sys::LLVMDiagnosticSeverity;
use inkwell::llvm_sys::core::{
    LLVMContextSetDiagnosticHandler, LLVMDisposeMessage, LLVMGetDiagInfoDescription, LLVMGetDiagInfoSeverity,
};
use inkwell::llvm_sys::prelude::LLVMDiagnosticInfoRef;
use inkwell::llvm_sys::support::LLVMParseCommandLineOptions;
use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{CodeModel, FileType, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple};
use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::sync::Once;

#[cfg(target_arch = "x86_64")]
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
#[cfg(target_arch = "aarch64")]
const TRIPLE: &str = "aarch64-unknown-linux-gnu";

/// What every processor of the architecture has.
#[cfg(target_arch = "x86_64")]
const BASELINE_CPU: &str = "x86-64";
#[cfg(target_arch = "aarch64")]
const BASELINE_CPU: &str = "generic";

static INITIALISED: Once = Once::new();

fn initialise() {
    let parts = InitializationConfig {
        asm_parser: true,
        asm_printer: true,
        base: true,
        disassembler: false,
        info: true,
        machine_code: true,
    };
    #[cfg(target_arch = "x86_64")]
    Target::initialize_x86(&parts);
    #[cfg(target_arch = "aarch64")]
    Target::initialize_aarch64(&parts);
    no_table_of_names();
}

/// LLVM lists the names of a module that says nothing else about it. gdb then takes the list for that of the whole
/// executable and does not see the C code, whose compiler makes none.
fn no_table_of_names() {
    let words = [c"coexc".as_ptr(), c"-accel-tables=Disable".as_ptr()];
    // SAFETY: two NUL-terminated words; nobody else reads or sets LLVM's options.
    unsafe { LLVMParseCommandLineOptions(2, words.as_ptr(), std::ptr::null()) };
}

pub(super) fn target_machine(options: &CodegenOptions) -> Result<TargetMachine, CodegenError> {
    INITIALISED.call_once(initialise);
    let triple = TargetTriple::create(TRIPLE);
    let target = Target::from_triple(&triple).map_err(|error| CodegenError::Llvm(error.to_string()))?;
    let host = |text: inkwell::support::LLVMString| text.to_string();
    let (cpu, features) = match options.target_cpu.as_deref() {
        None => (BASELINE_CPU.to_owned(), String::new()),
        Some("native") => (host(TargetMachine::get_host_cpu_name()), host(TargetMachine::get_host_cpu_features())),
        Some(name) => (name.to_owned(), String::new()),
    };
    let level = match options.opt {
        OptLevel::Debug => OptimizationLevel::None,
        OptLevel::O1 => OptimizationLevel::Less,
        OptLevel::O2 => OptimizationLevel::Default,
        OptLevel::O3 => OptimizationLevel::Aggressive,
    };
    target
        .create_target_machine(&triple, &cpu, &features, level, RelocMode::PIC, CodeModel::Default)
        .ok_or(CodegenError::UnknownCpu(cpu))
}

pub(super) fn set_target(module: &Module<'_>, machine: &TargetMachine) {
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
}

/// Optimises and emits.
pub(super) fn finish(
    codegen: &Codegen<'_, '_>,
    machine: &TargetMachine,
    log: &DiagnosticLog,
) -> Result<Output, CodegenError> {
    let (module, options) = (&codegen.module, codegen.options);
    if let Some(debug) = &codegen.debug {
        debug.finish(codegen);
    }
    if options.verify || cfg!(debug_assertions) {
        module.verify().map_err(|error| CodegenError::Llvm(error.to_string()))?;
    }
    if options.opt != OptLevel::Debug {
        if codegen.uses_fast_paths.get() {
            embedded::link_fast_paths(codegen)?;
        }
        embedded::link_leaves(codegen)?;
        // Linking replaces the context's handler, see `DiagnosticLog`.
        log.attach(codegen.context);
        optimise(module, machine, options.opt)?;
    }
    log.check()?;
    let bytes = match options.emit {
        Emit::Llvm => module.print_to_string().to_bytes().to_vec(),
        Emit::Asm => machine_code(module, machine, FileType::Assembly)?,
        Emit::Object => machine_code(module, machine, FileType::Object)?,
    };
    log.check()?;
    Ok(Output { bytes })
}

/// Optimised machine code of a module that stands alone.
#[cfg(test)]
pub(super) fn to_object(module: &Module<'_>, machine: &TargetMachine, opt: OptLevel) -> Result<Vec<u8>, CodegenError> {
    optimise(module, machine, opt)?;
    machine_code(module, machine, FileType::Object)
}

fn machine_code(module: &Module<'_>, machine: &TargetMachine, kind: FileType) -> Result<Vec<u8>, CodegenError> {
    let buffer = machine.write_to_memory_buffer(module, kind).map_err(|error| CodegenError::Llvm(error.to_string()))?;
    let bytes = buffer.as_slice();
    // LLVM puts a NUL behind the buffer's contents, which inkwell may count.
    Ok(match (kind, bytes.split_last()) {
        (FileType::Assembly, Some((0, text))) => text.to_vec(),
        _ => bytes.to_vec(),
    })
}

fn optimise(module: &Module<'_>, machine: &TargetMachine, level: OptLevel) -> Result<(), CodegenError> {
    let passes = match level {
        OptLevel::Debug => return Ok(()),
        OptLevel::O1 => "default<O1>",
        OptLevel::O2 => "default<O2>,function(loop-mssa(simple-loop-unswitch<nontrivial>),simplifycfg)",
        OptLevel::O3 => "default<O3>",
    };
    let settings = PassBuilderOptions::create();
    settings.set_loop_vectorization(level != OptLevel::O1);
    settings.set_loop_slp_vectorization(level != OptLevel::O1);
    settings.set_loop_unrolling(true);
    module.run_passes(passes, machine, settings).map_err(|error| CodegenError::Llvm(error.to_string()))
}

/// Collects the errors that LLVM reports beside its results. Without a handler an error ends the process.
pub(super) struct DiagnosticLog {
    errors: Box<RefCell<Vec<String>>>,
}

impl DiagnosticLog {
    pub(super) fn install(context: &Context) -> DiagnosticLog {
        let log = DiagnosticLog { errors: Box::default() };
        log.attach(context);
        log
    }

    /// `LLVMLinkModules2` leaves its own handler behind: called again after every linking.
    pub(super) fn attach(&self, context: &Context) {
        let errors: *const RefCell<Vec<String>> = &*self.errors;
        // SAFETY: the context is used only while the log lives; the box does not move.
        unsafe {
            LLVMContextSetDiagnosticHandler(context.raw(), Some(on_diagnostic), errors.cast_mut().cast::<c_void>());
        }
    }

    pub(super) fn check(&self) -> Result<(), CodegenError> {
        let errors = self.errors.borrow();
        if errors.is_empty() { Ok(()) } else { Err(CodegenError::Llvm(errors.join("\n"))) }
    }
}

extern "C" fn on_diagnostic(info: LLVMDiagnosticInfoRef, data: *mut c_void) {
    // SAFETY: LLVM passes a diagnostic of its own and the pointer that `attach` registered.
    unsafe {
        if LLVMGetDiagInfoSeverity(info) != LLVMDiagnosticSeverity::LLVMDSError {
            return;
        }
        let text = LLVMGetDiagInfoDescription(info);
        let errors = &*data.cast::<RefCell<Vec<String>>>();
        errors.borrow_mut().push(CStr::from_ptr(text).to_string_lossy().into_owned());
        LLVMDisposeMessage(text);
    }
}
