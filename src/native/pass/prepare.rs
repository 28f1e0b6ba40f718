//! From the bitcode of C files to one module.
//!
//! In: bitcode made by clang with `-g` and no LLVM passes. Out: the [`Merged`] module and the C functions that Coex
//! code calls, with their types. Deliberately not here: what the code may do (`checks`), and making it private.
//!
//! What concerns one file alone is done for all files at the same time, each in a context of its own: reading debug
//! information and, unless it is wanted, dropping it; keeping variables in registers. Merging is for one thread, and has
//! a third of the work then.

use std::collections::BTreeMap;

use coex_runtime::abi;
use inkwell::module::Module;

use super::debug_info::{Place, function_place, signature};
use super::llvm::{LlvmContext, Value, aliases, functions};
use super::{PassError, PassInput, Refusal, checks, emit, origin};
use crate::native::signature::CFunction;
use crate::native::sources::OptLevel;
use crate::native::workers::Workers;

pub(super) struct Merged<'c> {
    pub(super) module: Module<'c>,
    /// By C name.
    pub(super) functions: BTreeMap<String, CFunction>,
}

/// What one file has of a wanted function.
enum Wanted {
    Static,
    Defined { function: CFunction, is_weak: bool },
}

/// A file that is ready to be merged.
struct Prepared {
    wanted: Vec<(String, Wanted)>,
    refusals: Vec<Refusal>,
}

pub(super) fn merge<'c>(
    context: &'c LlvmContext,
    input: &PassInput,
    bitcode: &[Vec<u8>],
    workers: &Workers,
) -> Result<Merged<'c>, PassError> {
    let (module, prepared) = match (input.files.as_slice(), bitcode) {
        ([], _) | (_, []) => {
            choose(Vec::new(), input)?;
            return Err(PassError::Llvm("no C files".to_owned()));
        }
        ([name], [bitcode]) => {
            let module = parse(context, name, bitcode)?;
            let prepared = prepare(context, &module, 0, input)?;
            (module, vec![prepared])
        }
        (_, files) => link(context, input, files, workers)?,
    };
    let mut refusals = Vec::new();
    let mut wanted = Vec::new();
    for file in prepared {
        refusals.extend(file.refusals);
        wanted.extend(file.wanted);
    }
    let functions = choose(wanted, input)?;
    if refusals.is_empty() { Ok(Merged { module, functions }) } else { Err(PassError::Refused(refusals)) }
}

fn link<'c>(
    context: &'c LlvmContext,
    input: &PassInput,
    files: &[Vec<u8>],
    workers: &Workers,
) -> Result<(Module<'c>, Vec<Prepared>), PassError> {
    let work = |number: usize| {
        let context = LlvmContext::new();
        let module = parse(&context, &input.files[number], &files[number])?;
        let prepared = prepare(&context, &module, number, input)?;
        Ok((module.write_bitcode_to_memory().as_slice().to_vec(), prepared))
    };
    let mut all = Vec::new();
    let mut merged: Option<Module<'c>> = None;
    for (result, name) in workers.run_all(files.len(), work).into_iter().zip(&input.files) {
        let (bitcode, prepared) = result?;
        all.push(prepared);
        let module = parse(context, name, &bitcode)?;
        match &merged {
            None => merged = Some(module),
            Some(into) => context.link(into, module).map_err(|errors| {
                let lines = errors.iter().map(|error| format!("{name}: error: {error}"));
                PassError::Llvm(lines.collect::<Vec<_>>().join("\n"))
            })?,
        }
    }
    let Some(module) = merged else { crate::bug!("nothing to link") };
    Ok((module, all))
}

fn parse<'c>(context: &'c LlvmContext, name: &str, bitcode: &[u8]) -> Result<Module<'c>, PassError> {
    context.parse(bitcode).map_err(|error| PassError::Llvm(format!("{name}: {error}")))
}

fn prepare(
    context: &LlvmContext,
    module: &Module<'_>,
    number: usize,
    input: &PassInput,
) -> Result<Prepared, PassError> {
    let wanted = wanted(context, module, input)?;
    let refusals = checks::check_directives(module);
    origin::mark(module, number);
    if !input.debug_info {
        module.strip_debug_info();
    }
    if input.opt_level != OptLevel::None && refusals.is_empty() {
        emit::promote(module, &emit::target_machine(input)?)?;
    }
    Ok(Prepared { wanted, refusals })
}

/// The C functions that Coex code calls, as far as this file has them.
fn wanted(context: &LlvmContext, module: &Module<'_>, input: &PassInput) -> Result<Vec<(String, Wanted)>, PassError> {
    let functions = functions(module).into_iter().filter(|function| !function.is_declaration());
    let named: Vec<(String, Value<'_>)> = functions
        .map(|function| (function.name(), function))
        .chain(aliases(module).into_iter().map(|alias| (alias.name(), alias.aliasee())))
        .filter(|(name, function)| function.is_function() && input.symbols.contains(name))
        .collect();
    let mut wanted = Vec::new();
    for (name, function) in named {
        if function.is_local() {
            wanted.push((name, Wanted::Static));
            continue;
        }
        let Some(signature) = signature(context.raw(), function) else {
            return Err(PassError::Llvm(format!("no debug information for '{name}'")));
        };
        let Place { file, line } = function_place(function);
        let link_name = abi::library_symbol(&input.library, &input.key, &name);
        let is_weak = function.may_be_replaced();
        let function = CFunction { link_name, signature, file, line, leaf: None };
        wanted.push((name, Wanted::Defined { function, is_weak }));
    }
    Ok(wanted)
}

/// Each function must be defined and visible; as for linkers, a weak definition gives way.
fn choose(found: Vec<(String, Wanted)>, input: &PassInput) -> Result<BTreeMap<String, CFunction>, PassError> {
    let mut statics = Vec::new();
    let mut chosen: BTreeMap<String, (CFunction, bool)> = BTreeMap::new();
    for (name, wanted) in found {
        match wanted {
            Wanted::Static => statics.push(name),
            Wanted::Defined { function, is_weak } => {
                if chosen.get(&name).is_none_or(|(_, was_weak)| *was_weak && !is_weak) {
                    chosen.insert(name, (function, is_weak));
                }
            }
        }
    }
    if let Some(symbol) = input.symbols.iter().find(|symbol| !chosen.contains_key(*symbol)) {
        return Err(PassError::SymbolNotDefined { symbol: symbol.clone(), is_static: statics.contains(symbol) });
    }
    Ok(chosen.into_iter().map(|(name, (function, _))| (name, function)).collect())
}
