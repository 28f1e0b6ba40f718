//! From a library's bitcode to its objects: merge, make private, cut, optimise, emit.
//!
//! In: bitcode made by clang with `-g` and no LLVM passes. Out: [`PassOutput`]: the objects and what must be known of
//! them. Deliberately not here: clang, files of the cache, and which libc symbols mean what (`native::symbols`).
//!
//! The order matters:
//! 1. signatures and places are read while all debug information is there (`prepare`);
//! 2. libc names are redirected before LLVM's main passes know them by name, and after merging: a library may define
//!    such a function itself;
//! 3. `globalopt` before privatising: most "variables" of C code are constants in truth;
//! 4. privatising before LLVM's main passes, so that these see the code as it will run;
//! 5. these passes and the code generator work on parts of the library at the same time (`split`, `part`).

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
mod linkage;
mod llvm;
mod origin;
mod part;
mod prepare;
mod ranges;
mod split;
mod template;
mod uses;

use std::collections::BTreeMap;

use inkwell::module::Module;

use self::debug_info::{Moved, Place, moved_variables};
use self::descriptor::State;
use self::llvm::{LlvmContext, Value, functions, globals};
use self::part::Whole;
use self::prepare::Merged;
use super::signature::{CFunction, CLeaf};
use super::sources::{Limits, MemberReport, OptLevel, PrivatiseMode};
use super::symbols;
use super::workers::Workers;

/// Part of every key: raise it when the object of the same bitcode changes.
pub(super) const PASS_VERSION: u32 = 4;

/// What is to be made of the bitcode of some files.
#[derive(PartialEq, Debug)]
pub(super) struct PassInput {
    pub(super) library: String,
    /// The 16 hex digits of the content key.
    pub(super) key: String,
    /// Archive-relative names of the C files, in link order.
    pub(super) files: Vec<String>,
    pub(super) symbols: Vec<String>,
    /// `abi::library_flags`, without those that the pass finds out.
    pub(super) flags: u32,
    pub(super) limits: Limits,
    pub(super) threads: bool,
    pub(super) target: String,
    pub(super) cpu: String,
    pub(super) opt_level: OptLevel,
    pub(super) debug_info: bool,
    pub(super) privatise: PrivatiseMode,
}

#[derive(Debug, PartialEq)]
pub(super) struct PassOutput {
    /// At least one, to be linked in this order.
    pub(super) objects: Vec<Vec<u8>>,
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

/// `bitcode` is that of `input.files`. The result does not depend on the number of workers.
pub(super) fn build_objects(
    input: &PassInput,
    bitcode: &[Vec<u8>],
    workers: &Workers,
) -> Result<PassOutput, PassError> {
    let context = LlvmContext::new();
    let Merged { module, functions: mut found } = prepare::merge(&context, input, bitcode, workers)?;
    if input.privatise == PrivatiseMode::On {
        redirect(&module);
    }
    let origins = origin::of_variables(&module);
    emit::simplify(&module, &emit::target_machine(input)?, &input.symbols)?;
    origin::pass_on_to_fields(&module, &origins);
    let undefined = undefined_symbols(&module);
    let uses_stdio = symbols::use_stdio(&undefined);
    let mut output = match input.privatise {
        PrivatiseMode::On => {
            refuse_symbols(&undefined, input.threads)?;
            privatise(&module, input, uses_stdio)?
        }
        PrivatiseMode::Off => plain(&module, input, uses_stdio),
    };
    require_no_errors(&context)?;
    let whole = Whole { input, functions: &found, total_size: output.total_size };
    let parts = part::generate(&context, &module, whole, workers)?;
    for (name, needs_instance) in parts.iter().flat_map(|part| &part.leaves) {
        if let Some(function) = found.get_mut(name) {
            function.leaf = Some(CLeaf { needs_instance: *needs_instance });
        }
    }
    let (objects, leaves): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.object, part.leaf_code)).unzip();
    output.leaves = leaf_code::join(leaves.into_iter().flatten().collect());
    Ok(PassOutput { objects, functions: found, undefined, uses_stdio, ..output })
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

fn privatise(module: &Module<'_>, input: &PassInput, uses_stdio: bool) -> Result<PassOutput, PassError> {
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
            let Place { file, line } = origin::place(member.variable);
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
    layout::rename_constant_sections(module, &input.key);
    let (data_size, total_size, align) = (layout.data_size, layout.total_size, layout.align);
    let state = State { template: Some(template), data_size, total_size, align, constructors, destructors };
    finish(module, input, uses_stdio, &state);
    Ok(PassOutput { members, data_size, total_size, relocations, ..empty() })
}

/// The control build: everything stays the process's own, and constructors run when the program starts.
fn plain(module: &Module<'_>, input: &PassInput, uses_stdio: bool) -> PassOutput {
    let (constructors, destructors) = (Vec::new(), Vec::new());
    let state = State { template: None, data_size: 0, total_size: 0, align: 1, constructors, destructors };
    finish(module, input, uses_stdio, &state);
    empty()
}

fn finish<'c>(module: &Module<'c>, input: &PassInput, uses_stdio: bool, state: &State<'c>) {
    let stdio = if uses_stdio { coex_runtime::abi::library_flags::USES_STDIO } else { 0 };
    descriptor::gather_text(module, &input.key);
    descriptor::export(module, input);
    descriptor::emit(module, input, input.flags | stdio, state);
}

fn empty() -> PassOutput {
    PassOutput {
        objects: Vec::new(),
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

fn require_no_errors(context: &LlvmContext) -> Result<(), PassError> {
    let errors = context.take_errors();
    if errors.is_empty() { Ok(()) } else { Err(PassError::Llvm(errors.join("\n"))) }
}

/// A module that LLVM finds broken is our fault, never the library's.
fn verify(module: &Module<'_>) {
    if let Err(error) = module.verify() {
        crate::bug!("the privatised module is broken: {}", error.to_string());
    }
}
