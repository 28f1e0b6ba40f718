//! From a library's bitcode to one object: merge, make private, optimise, emit.
//!
//! In: bitcode files made by clang with `-g` and no LLVM passes. Out: [`PassOutput`]: the object and what must be known of
//! it. Deliberately not here: clang, files of the cache, and which libc symbols mean what (`native::symbols`).
//!
//! The order matters:
//! 1. signatures are read while all debug information is there;
//! 2. libc names are redirected before LLVM knows them by name;
//! 3. `globalopt` before privatising: most "variables" of C code are constants in truth;
//! 4. privatising before LLVM's main passes, so that these see the code as it will run.

mod assembly;
mod builder;
mod checks;
mod code;
mod debug_info;
mod descriptor;
mod emit;
mod layout;
mod leaf_code;
mod leaves;
mod llvm;
mod ranges;
mod template;
mod uses;

use std::collections::BTreeMap;
use std::path::PathBuf;

use inkwell::module::Module;

use self::debug_info::{Moved, Place, function_place, moved_variables, signature, variable_place};
use self::descriptor::State;
use self::leaves::Library;
use self::llvm::{DataLayout, LlvmContext, Value, aliases, functions, globals};
use super::signature::{CFunction, CLeaf, leaf_symbol};
use super::sources::{Limits, MemberReport, OptLevel, PrivatiseMode};
use super::symbols;
use crate::sandbox::Fault;

/// Part of every key: raise it when the object of the same bitcode changes.
pub(super) const PASS_VERSION: u32 = 3;

pub(super) struct PassInput<'a> {
    pub(super) library: &'a str,
    /// The 16 hex digits of the content key.
    pub(super) key: &'a str,
    /// Archive-relative names of the C files, with their bitcode, in link order.
    pub(super) bitcode: &'a [(String, PathBuf)],
    pub(super) symbols: &'a [String],
    /// `abi::library_flags`, without those that the pass finds out.
    pub(super) flags: u32,
    pub(super) limits: Limits,
    pub(super) threads: bool,
    pub(super) target: &'a str,
    pub(super) cpu: &'a str,
    pub(super) opt_level: OptLevel,
    pub(super) debug_info: bool,
    pub(super) privatise: PrivatiseMode,
}

#[derive(Debug)]
pub(super) struct PassOutput {
    pub(super) object: Vec<u8>,
    /// Bitcode of the functions that are leaves, if there are any.
    pub(super) leaves: Option<Vec<u8>>,
    pub(super) functions: BTreeMap<String, CFunction>,
    pub(super) members: Vec<MemberReport>,
    pub(super) data_size: u64,
    pub(super) total_size: u64,
    pub(super) relocations: u64,
    /// Names that the object takes from elsewhere.
    pub(super) undefined: Vec<String>,
    pub(super) uses_stdio: bool,
}

#[derive(Debug)]
pub(super) enum PassError {
    SymbolNotDefined {
        symbol: String,
        is_static: bool,
    },
    Refused(Vec<Refusal>),
    /// The linker's or the code generator's complaints about the library's code.
    Llvm(String),
    /// What reads a stranger's assembly cannot be confined.
    Sandbox(Fault),
}

/// Something in the C code that cannot be kept private to an instance.
#[derive(Debug)]
pub(super) struct Refusal {
    place: Place,
    message: String,
}

impl Refusal {
    /// In the form of clang's own lines.
    pub(super) fn line(&self) -> String {
        format!("{}error: {}", self.place.prefix(), self.message)
    }
}

pub(super) fn build_object(input: &PassInput<'_>) -> Result<PassOutput, PassError> {
    let context = LlvmContext::new();
    let module = merge(&context, input)?;
    let machine = emit::target_machine(input)?;
    let mut found = read_functions(&context, &module, input)?;
    if input.privatise == PrivatiseMode::On {
        redirect(&module);
    }
    let refusals = checks::check_directives(&module);
    if !refusals.is_empty() {
        return Err(PassError::Refused(refusals));
    }
    emit::simplify(&module, &machine, input.symbols)?;
    let undefined = undefined_symbols(&module);
    let uses_stdio = symbols::use_stdio(&undefined);
    let mut output = match input.privatise {
        PrivatiseMode::On => {
            refuse_symbols(&undefined, input.threads)?;
            privatise(&module, input, uses_stdio)?
        }
        PrivatiseMode::Off => plain(&module, input, uses_stdio),
    };
    verify(&module)?;
    if !input.debug_info {
        module.strip_debug_info();
    }
    emit::optimise(&module, &machine, input.opt_level)?;
    if input.privatise == PrivatiseMode::On {
        output.leaves = find_leaves(&module, &mut found, output.total_size);
    }
    output.object = emit::object(&module, &machine)?;
    let errors = context.take_errors();
    if !errors.is_empty() {
        return Err(PassError::Llvm(errors.join("\n")));
    }
    Ok(PassOutput { functions: found, undefined, uses_stdio, ..output })
}

fn merge<'c>(context: &'c LlvmContext, input: &PassInput<'_>) -> Result<Module<'c>, PassError> {
    let mut merged: Option<Module<'c>> = None;
    for (name, path) in input.bitcode {
        let module = context.read(path).map_err(|error| PassError::Llvm(format!("{name}: {error}")))?;
        match &merged {
            None => merged = Some(module),
            Some(into) => context.link(into, module).map_err(|errors| {
                PassError::Llvm(
                    errors.iter().map(|error| format!("{name}: error: {error}")).collect::<Vec<_>>().join("\n"),
                )
            })?,
        }
    }
    merged.ok_or_else(|| match input.symbols.first() {
        Some(symbol) => PassError::SymbolNotDefined { symbol: symbol.clone(), is_static: false },
        None => PassError::Llvm("no C files".to_owned()),
    })
}

/// The C functions that Coex code calls: each must be defined and visible.
fn read_functions(
    context: &LlvmContext,
    module: &Module<'_>,
    input: &PassInput<'_>,
) -> Result<BTreeMap<String, CFunction>, PassError> {
    let mut defined: BTreeMap<String, Value<'_>> = BTreeMap::new();
    for function in functions(module).into_iter().filter(|function| !function.is_declaration()) {
        defined.insert(function.name(), function);
    }
    let mut found = BTreeMap::new();
    for symbol in input.symbols {
        let alias = || aliases(module).into_iter().find(|alias| alias.name() == *symbol).map(Value::aliasee);
        let function = defined.get(symbol).copied().or_else(alias).filter(|function| function.is_function());
        let missing = |is_static| PassError::SymbolNotDefined { symbol: symbol.clone(), is_static };
        let function = function.ok_or_else(|| missing(false))?;
        if function.is_local() {
            return Err(missing(true));
        }
        let Some(signature) = signature(context.raw(), function) else {
            return Err(PassError::Llvm(format!("no debug information for '{symbol}'")));
        };
        let Place { file, line } = function_place(function);
        let link_name = coex_runtime::abi::library_symbol(input.library, input.key, symbol);
        found.insert(symbol.clone(), CFunction { link_name, signature, file, line, leaf: None });
    }
    Ok(found)
}

/// Declared and used, by name; LLVM's own functions are none.
fn undefined_symbols(module: &Module<'_>) -> Vec<String> {
    let mut names: Vec<String> = functions(module)
        .into_iter()
        .chain(globals(module))
        .filter(|value| value.is_declaration() && !value.is_unused())
        .map(Value::name)
        .filter(|name| !["llvm.", "__start_", "__stop_"].iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    names.sort();
    names
}

/// Functions of libc with state, or that end the process, become the runtime's.
fn redirect(module: &Module<'_>) {
    for function in functions(module).into_iter().filter(|function| function.is_declaration()) {
        if let Some(shim) = symbols::shim(&function.name()) {
            function.set_name(&shim);
        }
    }
}

fn refuse_symbols(undefined: &[String], threads: bool) -> Result<(), PassError> {
    let refusals: Vec<Refusal> = undefined
        .iter()
        .filter_map(|name| symbols::refusal(name, threads))
        .map(|message| Refusal { place: Place::default(), message })
        .collect();
    if refusals.is_empty() { Ok(()) } else { Err(PassError::Refused(refusals)) }
}

fn privatise(module: &Module<'_>, input: &PassInput<'_>, uses_stdio: bool) -> Result<PassOutput, PassError> {
    let some = |refusals: Vec<Refusal>| if refusals.is_empty() { Ok(()) } else { Err(PassError::Refused(refusals)) };
    some(checks::check_forms(module))?;
    checks::resolve_variable_aliases(module);
    let constructors = descriptor::take_structors(module, "llvm.global_ctors");
    let destructors = descriptor::take_structors(module, "llvm.global_dtors");
    let layout = layout::lay_out(module);
    if layout.total_size >= layout::MAX_SIZE {
        let message = format!("{} bytes of variables are more than an instance can have", layout.total_size);
        return Err(PassError::Refused(vec![Refusal { place: Place::default(), message }]));
    }
    some(checks::check_assembly(module, &layout))?;
    let members = layout
        .members
        .iter()
        .map(|member| {
            let Place { file, line } = variable_place(member.variable);
            MemberReport { name: member.name.clone(), size: member.size, file, line }
        })
        .collect();
    let template = template::build(module, &layout).map_err(PassError::Refused)?;
    let relocations = template.relocations.len() as u64;
    let described = layout.members.iter().flat_map(|member| Moved::of(member.variable, member.offset)).collect();
    uses::rewrite(module, &layout).map_err(PassError::Refused)?;
    if input.debug_info {
        moved_variables(module, described);
    }
    layout::rename_constant_sections(module, input.key);
    let (data_size, total_size, align) = (layout.data_size, layout.total_size, layout.align);
    let state = State { template: Some(template), data_size, total_size, align, constructors, destructors };
    finish(module, input, uses_stdio, &state);
    Ok(PassOutput { members, data_size, total_size, relocations, ..empty() })
}

/// The control build: everything stays the process's own, and constructors run when the program starts.
fn plain(module: &Module<'_>, input: &PassInput<'_>, uses_stdio: bool) -> PassOutput {
    let (constructors, destructors) = (Vec::new(), Vec::new());
    let state = State { template: None, data_size: 0, total_size: 0, align: 1, constructors, destructors };
    finish(module, input, uses_stdio, &state);
    empty()
}

fn finish<'c>(module: &Module<'c>, input: &PassInput<'_>, uses_stdio: bool, state: &State<'c>) {
    let stdio = if uses_stdio { coex_runtime::abi::library_flags::USES_STDIO } else { 0 };
    descriptor::gather_text(module, input.key);
    descriptor::export(module, input);
    descriptor::emit(module, &PassInput { flags: input.flags | stdio, ..*input }, state);
}

/// Marks the functions that need no transition; their code, if there are any.
fn find_leaves(module: &Module<'_>, found: &mut BTreeMap<String, CFunction>, total_size: u64) -> Option<Vec<u8>> {
    let base = globals(module).into_iter().find(|global| global.name() == coex_runtime::abi::INSTANCE_BASE_SYMBOL);
    let library = Library { data: DataLayout::of(module), total_size, base };
    let mut leaves = Vec::new();
    for function in functions(module).into_iter().filter(|function| !function.is_declaration()) {
        let name = function.name();
        let Some(known) = found.values_mut().find(|known| known.link_name == name) else { continue };
        let Some(leaf) = leaves::prove(function, &known.signature, &library) else { continue };
        known.leaf = Some(CLeaf { needs_instance: leaf.needs_instance });
        leaves.push((leaf_symbol(&name), leaf));
    }
    (!leaves.is_empty()).then(|| leaf_code::bitcode(module, &library, &leaves))
}

fn empty() -> PassOutput {
    PassOutput {
        object: Vec::new(),
        leaves: None,
        functions: BTreeMap::new(),
        members: Vec::new(),
        data_size: 0,
        total_size: 0,
        relocations: 0,
        undefined: Vec::new(),
        uses_stdio: false,
    }
}

/// A module that LLVM finds broken is our fault, never the library's.
fn verify(module: &Module<'_>) -> Result<(), PassError> {
    if let Err(error) = module.verify() {
        crate::bug!("the privatised module is broken: {}", error.to_string());
    }
    Ok(())
}
