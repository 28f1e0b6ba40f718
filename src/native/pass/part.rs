//! Machine code: of a library as a whole, or of each of its parts, at the same time.
//!
//! In: the module that is private to an instance, and how it is to be cut. Out: [`Code`] of each part. Deliberately not
//! here: where the cuts are (`split`), LLVM's own passes (`emit`).
//!
//! A context of LLVM belongs to one thread, so each part reads the library's bitcode into a context of its own and drops
//! what it has not. LLVM has a pass that does this (`elim-avail-extern`): a function that is "available externally"
//! becomes a declaration with the same type, attributes and users.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use inkwell::llvm_sys::LLVMLinkage;
use inkwell::module::Module;
use inkwell::targets::TargetMachine;

use super::leaves::Library;
use super::llvm::{DataLayout, LlvmContext, function_named, functions, globals};
use super::split::{Part, split};
use super::{PassError, PassInput, emit, layout, leaf_code, leaves, require_no_errors, verify};
use crate::native::signature::{CFunction, leaf_symbol};
use crate::native::sources::PrivatiseMode;
use crate::native::workers::Workers;

/// What a part becomes.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) object: Vec<u8>,
    /// Functions that are leaves: C name, and whether they need the instance.
    pub(super) leaves: Vec<(String, bool)>,
    /// Their bitcode, if there are any.
    pub(super) leaf_code: Option<Vec<u8>>,
}

/// What is the same for all parts.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) input: &'a PassInput,
    /// What Coex code calls.
    pub(super) functions: &'a BTreeMap<String, CFunction>,
    pub(super) total_size: u64,
}

/// The code of a library, part by part in link order.
pub(super) fn generate(
    context: &LlvmContext,
    module: &Module<'_>,
    whole: Whole<'_>,
    workers: &Workers,
) -> Result<Vec<Code>, PassError> {
    let Some(parts) = split(module, whole.input) else {
        return Ok(vec![compile(context, module, &emit::target_machine(whole.input)?, whole)?]);
    };
    let bitcode = module.write_bitcode_to_memory();
    let bitcode = bitcode.as_slice();
    let work = |index: usize| {
        let context = LlvmContext::new();
        let module = context.parse(bitcode).unwrap_or_else(|error| crate::bug!("our own bitcode is broken: {error}"));
        let machine = emit::target_machine(whole.input)?;
        reduce(&module, &parts[index], &machine)?;
        compile(&context, &module, &machine, whole)
    };
    // The longest work first: at the end nobody waits long for the last one.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| Reverse(parts[*index].size));
    let done = workers.run_all(order.len(), |turn| work(order[turn]));
    let mut done: Vec<_> = order.into_iter().zip(done).collect();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, code)| code).collect()
}

/// Leaves of a copy of the library what one part has.
fn reduce(module: &Module<'_>, part: &Part, machine: &TargetMachine) -> Result<(), PassError> {
    let mut imported = Vec::new();
    for value in functions(module).into_iter().chain(globals(module)).filter(|value| !value.is_declaration()) {
        let name = value.name();
        if part.imported.contains(&name) {
            // Not yet: the pass would drop it.
            value.set_linkage(LLVMLinkage::LLVMExternalLinkage);
            imported.push(value);
        } else if !part.defined.contains(&name) {
            if layout::is_compiler_list(value) {
                value.set_initializer_poison();
                value.delete_global();
            } else {
                value.set_linkage(LLVMLinkage::LLVMAvailableExternallyLinkage);
            }
        }
    }
    emit::drop_available_externally(module, machine)?;
    for value in imported {
        value.set_linkage(LLVMLinkage::LLVMAvailableExternallyLinkage);
    }
    Ok(())
}

fn compile(
    context: &LlvmContext,
    module: &Module<'_>,
    machine: &TargetMachine,
    whole: Whole<'_>,
) -> Result<Code, PassError> {
    verify(module);
    emit::optimise(module, machine, whole.input.opt_level)?;
    let (leaves, leaf_code) = match whole.input.privatise {
        PrivatiseMode::On => find_leaves(module, whole),
        PrivatiseMode::Off => Default::default(),
    };
    let object = emit::object(module, machine)?;
    require_no_errors(context)?;
    Ok(Code { object, leaves, leaf_code })
}

/// The functions that need no transition, and their code, if there are any.
fn find_leaves(module: &Module<'_>, whole: Whole<'_>) -> (Vec<(String, bool)>, Option<Vec<u8>>) {
    let base = globals(module).into_iter().find(|global| global.name() == coex_runtime::abi::INSTANCE_BASE_SYMBOL);
    let library = Library { data: DataLayout::of(module), total_size: whole.total_size, base };
    let (mut found, mut proven) = (Vec::new(), Vec::new());
    for (name, known) in whole.functions {
        let function = function_named(module, &known.link_name);
        let here = function.filter(|function| !function.is_declaration() && !function.is_available_externally());
        let leaf = here.and_then(|function| leaves::prove(function, &known.signature, &library));
        let Some(leaf) = leaf else { continue };
        found.push((name.clone(), leaf.needs_instance));
        proven.push((leaf_symbol(&known.link_name), leaf));
    }
    let code = (!proven.is_empty()).then(|| leaf_code::bitcode(module, &library, &proven));
    (found, code)
}
