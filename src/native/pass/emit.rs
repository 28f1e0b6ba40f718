//! LLVM's own passes and the object file.
//!
//! In: a module. Out: machine code in memory. Deliberately not here: what the passes run over.

use std::sync::Once;

use inkwell::OptimizationLevel;
use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{CodeModel, FileType, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple};

use super::{PassError, PassInput};
use crate::native::sources::OptLevel;

pub(super) fn target_machine(input: &PassInput) -> Result<TargetMachine, PassError> {
    static INITIALISED: Once = Once::new();
    INITIALISED.call_once(|| {
        Target::initialize_x86(&InitializationConfig::default());
        Target::initialize_aarch64(&InitializationConfig::default());
    });
    let triple = TargetTriple::create(&input.target);
    let level = match input.opt_level {
        OptLevel::None => OptimizationLevel::None,
        OptLevel::Less => OptimizationLevel::Less,
        OptLevel::Default => OptimizationLevel::Default,
        OptLevel::Aggressive => OptimizationLevel::Aggressive,
    };
    let target = Target::from_triple(&triple).map_err(|error| PassError::Llvm(error.to_string()))?;
    target
        .create_target_machine(&triple, &input.cpu, "", level, RelocMode::PIC, CodeModel::Default)
        .ok_or_else(|| PassError::Llvm(format!("no code generator for {}", input.target)))
}

/// Keeps local variables in registers: what the main passes begin with, for one file.
pub(super) fn promote(module: &Module<'_>, machine: &TargetMachine) -> Result<(), PassError> {
    run(module, machine, "function(lower-expect,simplifycfg,sroa,early-cse)")
}

/// Forgets what nobody can call, and turns variables that are never written into constants.
pub(super) fn simplify(module: &Module<'_>, machine: &TargetMachine, symbols: &[String]) -> Result<(), PassError> {
    let keep: Vec<String> = symbols.iter().map(|name| format!("preserve-gv={name}")).collect();
    run(module, machine, &format!("internalize<{}>,globalopt,globaldce,constmerge", keep.join(";")))
}

/// Makes declarations of all that is only "available externally".
pub(super) fn drop_available_externally(module: &Module<'_>, machine: &TargetMachine) -> Result<(), PassError> {
    run(module, machine, "elim-avail-extern")
}

pub(super) fn optimise(module: &Module<'_>, machine: &TargetMachine, level: OptLevel) -> Result<(), PassError> {
    let passes = match level {
        OptLevel::None => "default<O0>",
        OptLevel::Less => "default<O1>",
        OptLevel::Default => "default<O2>",
        OptLevel::Aggressive => "default<O3>",
    };
    run(module, machine, passes)
}

fn run(module: &Module<'_>, machine: &TargetMachine, passes: &str) -> Result<(), PassError> {
    let options = PassBuilderOptions::create();
    // As clang sets them at -O2.
    options.set_loop_vectorization(true);
    options.set_loop_slp_vectorization(true);
    options.set_loop_unrolling(true);
    options.set_loop_interleaving(true);
    module.run_passes(passes, machine, options).map_err(|error| PassError::Llvm(error.to_string()))
}

/// LLVM reads inline assembly here, which can name files to read; the process has none.
pub(super) fn object(module: &Module<'_>, machine: &TargetMachine) -> Result<Vec<u8>, PassError> {
    let buffer = machine.write_to_memory_buffer(module, FileType::Object);
    buffer.map(|buffer| buffer.as_slice().to_vec()).map_err(|error| PassError::Llvm(error.to_string()))
}
