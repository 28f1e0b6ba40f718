//! The constant through which the runtime knows a library, and the names that the program links to.
//!
//! In: a module whose state was made private. Out: the same with `LibraryDescriptor`, exported names and one text
//! section. Deliberately not here: the layout of the descriptor, which is the ABI's.

use std::ffi::CString;
use std::mem::offset_of;

use coex_runtime::abi::{self, LibraryDescriptor};
use inkwell::module::Module;

use super::PassInput;
use super::builder::Constants;
use super::llvm::{DataLayout, Value, aliases, functions, globals};
use super::template::Template;
use crate::bug;

/// What the privatising steps made.
pub(super) struct State<'c> {
    pub(super) template: Option<Template<'c>>,
    pub(super) data_size: u64,
    pub(super) total_size: u64,
    pub(super) align: u64,
    pub(super) constructors: Vec<Value<'c>>,
    pub(super) destructors: Vec<Value<'c>>,
}

/// Takes the functions out of `llvm.global_ctors` or `llvm.global_dtors`, in the order of their priority: they run when
/// an instance is created, not when the program starts.
pub(super) fn take_structors<'c>(module: &Module<'c>, list: &str) -> Vec<Value<'c>> {
    let Some(global) = globals(module).into_iter().find(|global| global.name() == list) else { return Vec::new() };
    let mut entries: Vec<(i64, Value<'c>)> = global
        .initializer()
        .into_iter()
        .flat_map(|entries| entries.operands().collect::<Vec<_>>())
        .map(|entry| (entry.operand(0).const_int().unwrap_or(65535), entry.operand(1)))
        .filter(|(_, function)| !function.is_null())
        .collect();
    entries.sort_by_key(|(priority, _)| *priority);
    global.set_initializer_poison();
    global.delete_global();
    entries.into_iter().map(|(_, function)| function).collect()
}

/// The section of a library's code: the linker gives `__start_` and `__stop_` for names that are C identifiers.
fn text_section(key: &str) -> String {
    format!("coextext_{key}")
}

/// Puts all code into one section; fault handlers and the reaper need its bounds.
pub(super) fn gather_text(module: &Module<'_>, key: &str) {
    let section = CString::new(text_section(key)).unwrap_or_default();
    for function in functions(module).into_iter().filter(|function| !function.is_declaration()) {
        function.set_section(&section);
    }
}

/// Gives the wanted functions their linker names.
pub(super) fn export(module: &Module<'_>, input: &PassInput) {
    for value in functions(module).into_iter().chain(aliases(module)) {
        let name = value.name();
        if input.symbols.contains(&name) && !value.is_declaration() {
            value.set_name(&abi::library_symbol(&input.library, &input.key, &name));
            value.export_hidden();
        }
    }
}

/// `flags` are those of the input and what the pass has found out.
pub(super) fn emit<'c>(module: &Module<'c>, input: &PassInput, flags: u32, state: &State<'c>) {
    let constants = Constants::of(module);
    let null = constants.null(constants.pointer_type());
    let word = |value: u64| constants.int(64, value);
    let library_name = constants.private_constant("coex.name", constants.text(&input.library), 1);
    let template = match &state.template {
        Some(template) if state.data_size > 0 => {
            constants.private_constant("coex.template", template.value, state.align)
        }
        _ => null,
    };
    let relocations = state.template.as_ref().map(|template| template.relocations.as_slice()).unwrap_or_default();
    let [text_start, text_end] = match functions(module).iter().any(|function| !function.is_declaration()) {
        true => ["__start_", "__stop_"].map(|prefix| {
            let bound = constants.declare(&format!("{prefix}{}", text_section(&input.key)), constants.int_type(8));
            bound.export_hidden();
            bound
        }),
        false => [null, null],
    };
    let fields = [
        (offset_of!(LibraryDescriptor, abi_version), constants.int(32, u64::from(abi::ABI_VERSION))),
        (offset_of!(LibraryDescriptor, flags), constants.int(32, u64::from(flags))),
        (offset_of!(LibraryDescriptor, name), library_name),
        (offset_of!(LibraryDescriptor, template), template),
        (offset_of!(LibraryDescriptor, data_size), word(state.data_size)),
        (offset_of!(LibraryDescriptor, total_size), word(state.total_size)),
        (offset_of!(LibraryDescriptor, align), word(state.align)),
        (offset_of!(LibraryDescriptor, relocations), relocation_table(constants, relocations)),
        (offset_of!(LibraryDescriptor, relocation_count), word(relocations.len() as u64)),
        (offset_of!(LibraryDescriptor, text_start), text_start),
        (offset_of!(LibraryDescriptor, text_end), text_end),
        (offset_of!(LibraryDescriptor, constructors), function_table(constants, "constructors", &state.constructors)),
        (offset_of!(LibraryDescriptor, constructor_count), word(state.constructors.len() as u64)),
        (offset_of!(LibraryDescriptor, destructors), function_table(constants, "destructors", &state.destructors)),
        (offset_of!(LibraryDescriptor, destructor_count), word(state.destructors.len() as u64)),
        (offset_of!(LibraryDescriptor, max_instances), word(input.limits.instances)),
        (offset_of!(LibraryDescriptor, max_handles), word(input.limits.handles)),
        (offset_of!(LibraryDescriptor, max_arena_bytes), word(input.limits.arena_bytes)),
    ];
    let value = constants.structure(&fields.map(|(_, value)| value), false);
    check_layout(module, value, &fields.map(|(offset, _)| offset));
    let symbol = abi::library_descriptor_symbol(&input.library, &input.key);
    constants.private_constant(&symbol, value, 8).export_hidden();
}

/// The runtime reads this memory as its own structure.
fn check_layout(module: &Module<'_>, value: Value<'_>, offsets: &[usize]) {
    let data = DataLayout::of(module);
    let agree =
        offsets.iter().enumerate().all(|(index, offset)| data.field_offset(value.ty(), index as u32) == *offset as u64);
    if !agree || data.size(value.ty()) != size_of::<LibraryDescriptor>() as u64 {
        bug!("the library descriptor does not have the layout of the ABI");
    }
}

fn relocation_table<'c>(constants: Constants<'_, 'c>, relocations: &[(u64, u64)]) -> Value<'c> {
    let rows: Vec<Value<'c>> = relocations
        .iter()
        .map(|(at, addend)| constants.structure(&[constants.int(64, *at), constants.int(64, *addend)], false))
        .collect();
    match rows.first() {
        Some(first) => constants.private_constant("coex.relocations", constants.array(first.ty(), &rows), 16),
        None => constants.null(constants.pointer_type()),
    }
}

fn function_table<'c>(constants: Constants<'_, 'c>, name: &str, list: &[Value<'c>]) -> Value<'c> {
    if list.is_empty() {
        return constants.null(constants.pointer_type());
    }
    constants.private_constant(&format!("coex.{name}"), constants.array(constants.pointer_type(), list), 8)
}
