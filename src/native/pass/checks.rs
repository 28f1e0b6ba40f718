//! What cannot be made private is refused, with the place.
//!
//! In: a file's module, or the merged one (and for the last check its [`Layout`]). Out: [`Refusal`]s. Deliberately not here: symbols that
//! lead outside (`native::symbols`).

use inkwell::module::Module;

use super::debug_info::{Place, function_place};
use super::layout::Layout;
use super::llvm::{Value, aliases, functions, ifuncs, module_asm};
use super::{Refusal, assembly, origin};

/// Forms that have no meaning inside an instance at all.
pub(super) fn check_forms(module: &Module<'_>) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = ifuncs(module)
        .into_iter()
        .map(|ifunc| Refusal {
            place: Place::default(),
            message: format!(
                "'{}' is chosen by an ifunc resolver, which runs before any instance exists",
                ifunc.name()
            ),
        })
        .collect();
    let text = module_asm(module);
    let data = [".data", ".bss", ".comm", ".lcomm", ".tbss", ".tdata"];
    if let Some(directive) = words(&text).find(|word| data.contains(word)) {
        refusals.push(Refusal {
            place: Place::default(),
            message: format!(
                "file-level assembly defines data ('{directive}'), which cannot be private to an instance"
            ),
        });
    }
    refusals
}

/// Assembly of a C file that could do more than be assembled.
pub(super) fn check_directives(module: &Module<'_>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if let Some(fault) = assembly::fault(&module_asm(module)) {
        refusals.push(Refusal { place: Place::default(), message: format!("file-level assembly {fault}") });
    }
    for function in functions(module) {
        let calls = function.instructions().into_iter().filter(|instruction| instruction.is_asm_call());
        if let Some(fault) = calls.filter_map(|call| assembly::fault(&call.callee().asm_text())).next() {
            let message = format!("inline assembly in '{}' {fault}", function.name());
            refusals.push(Refusal { place: function_place(function), message });
        }
    }
    refusals
}

/// Assembly that names a member: its text is not rewritten.
pub(super) fn check_assembly<'c>(module: &Module<'c>, layout: &Layout<'c>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let named = |text: &str| {
        let found = layout.members.iter().find(|member| words(text).any(|word| word == member.name));
        found.map(|member| (member.name.clone(), origin::place(member.variable)))
    };
    if let Some((name, place)) = named(&module_asm(module)) {
        let message = format!("file-level assembly names the variable '{name}', which is private to an instance");
        refusals.push(Refusal { place, message });
    }
    for function in functions(module) {
        for instruction in function.instructions() {
            if !instruction.is_call() || !instruction.callee().is_inline_asm() {
                continue;
            }
            let assembly = instruction.callee();
            let name = named(&assembly.asm_text())
                .map(|(name, _)| name)
                .or_else(|| immediate_member(instruction, &assembly.asm_constraints(), layout));
            if let Some(name) = name {
                let message = format!(
                    "inline assembly in '{}' names the variable '{name}', which is private to an instance",
                    function.name()
                );
                refusals.push(Refusal { place: origin::place(function), message });
            }
        }
    }
    refusals
}

/// A member under a constraint that allows constants only: its address is no constant any more.
fn immediate_member<'c>(call: Value<'c>, constraints: &str, layout: &Layout<'c>) -> Option<String> {
    let arguments = constraints.split(',').filter(|constraint| {
        let output = constraint.starts_with('=') && !constraint.contains('*');
        !output && !constraint.starts_with(['~', '!'])
    });
    for (index, constraint) in arguments.enumerate() {
        let operand = call.operand(index as u32);
        let constant_only = constraint.chars().all(|letter| matches!(letter, 'i' | 's' | 'n'));
        if constant_only && operand.is_constant() && layout.mentions(operand) {
            let member = layout.members.iter().find(|member| member.variable == operand);
            return Some(member.map_or_else(|| "?".to_owned(), |member| member.name.clone()));
        }
    }
    None
}

/// Names as assemblers see them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '$')))
        .filter(|word| !word.is_empty())
}

/// Other names of variables are replaced by what they stand for; other names of functions may stay.
pub(super) fn resolve_variable_aliases(module: &Module<'_>) {
    for alias in aliases(module) {
        let target = alias.aliasee();
        let mut root = target;
        while root.is_composite_constant() {
            root = root.operand(0);
        }
        if root.is_global_variable() {
            alias.replace_all_uses_with(target);
            alias.delete_global();
        }
    }
}
