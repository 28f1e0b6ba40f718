//! Which variables are private to an instance, and where they lie in it.
//!
//! In: a merged, internalised module. Out: [`Layout`]: the members in order with their offsets from the instance's base.
//! Deliberately not here: their initial values (`template`) and the code that uses them (`uses`).
//!
//! ```text
//! base ─▶ members with a value, by falling alignment and name │ zero members, likewise │ padding
//!         ◀──────────────── data_size ───────────────────────▶
//!         ◀──────────────────────────────── total_size ──────────────────────────────▶
//! ```
//!
//! Members are all defined variables that are not constant, thread-local ones too (an instance runs on one thread), and
//! every constant whose initial value mentions a member: its bytes differ between instances. Variables of one `section`
//! whose bounds the code asks for (`__start_NAME`) stay together, in link order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use inkwell::module::Module;

use super::llvm::{DataLayout, Value, globals};

#[derive(Clone)]
pub(super) struct Member<'c> {
    pub(super) variable: Value<'c>,
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) size: u64,
    align: u64,
    is_zero: bool,
}

pub(super) struct Layout<'c> {
    pub(super) members: Vec<Member<'c>>,
    /// Of members, and of the declared bounds of their sections.
    offsets: HashMap<Value<'c>, u64>,
    pub(super) data_size: u64,
    pub(super) total_size: u64,
    pub(super) align: u64,
}

/// Cache lines: two instances never share one.
const MIN_ALIGN: u64 = 64;
/// Offsets are computed with 32 bits in code.
pub(super) const MAX_SIZE: u64 = 1 << 31;

impl<'c> Layout<'c> {
    pub(super) fn offset(&self, value: Value<'c>) -> Option<u64> {
        self.offsets.get(&value).copied()
    }

    /// The constant is a member or holds the address of one.
    pub(super) fn mentions(&self, value: Value<'c>) -> bool {
        mentions(value, &self.offsets)
    }

    /// Everything that must be gone from the module at the end.
    pub(super) fn replaced(&self) -> impl Iterator<Item = Value<'c>> + '_ {
        // Deletion only: the order of this map is not seen in the result.
        self.offsets.keys().copied()
    }
}

fn mentions<'c>(value: Value<'c>, members: &HashMap<Value<'c>, u64>) -> bool {
    members.contains_key(&value)
        || (value.is_composite_constant() && value.operands().any(|operand| mentions(operand, members)))
}

pub(super) fn lay_out<'c>(module: &Module<'c>) -> Layout<'c> {
    let all = globals(module);
    let sections = bounded_sections(&all);
    let mut offsets = choose(&all, &sections);
    let data = DataLayout::of(module);
    let members: Vec<Member<'c>> = all
        .iter()
        .filter(|variable| offsets.contains_key(variable) && !variable.is_declaration())
        .map(|variable| describe(*variable, data))
        .collect();
    let mut place = Placer::default();
    let (bounded, mut free): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|member| member.variable.section().is_some_and(|name| sections.contains_key(&name)));
    // A bounded section is one block; it counts as having a value.
    for (name, bounds) in &sections {
        let mut start = None;
        for member in bounded.iter().filter(|member| member.variable.section().as_deref() == Some(name)) {
            let offset = place.put(member.clone());
            start.get_or_insert(offset);
        }
        if let Some(start) = start {
            offsets.extend(bounds.start.map(|bound| (bound, start)));
            offsets.extend(bounds.end.map(|bound| (bound, place.end)));
        }
    }
    free.sort_by(|left, right| {
        let key = |member: &Member<'_>| (member.is_zero, Reverse(member.align));
        key(left).cmp(&key(right)).then_with(|| left.name.cmp(&right.name))
    });
    for member in free {
        place.put(member);
    }
    for member in &place.members {
        offsets.insert(member.variable, member.offset);
    }
    let align = place.members.iter().map(|member| member.align).max().unwrap_or(1).max(MIN_ALIGN);
    let total_size = place.end.next_multiple_of(align);
    Layout { members: place.members, offsets, data_size: place.data_end, total_size, align }
}

#[derive(Default)]
struct Placer<'c> {
    members: Vec<Member<'c>>,
    end: u64,
    data_end: u64,
}

impl<'c> Placer<'c> {
    fn put(&mut self, mut member: Member<'c>) -> u64 {
        member.offset = self.end.next_multiple_of(member.align);
        self.end = member.offset + member.size;
        if !member.is_zero {
            self.data_end = self.end;
        }
        let offset = member.offset;
        self.members.push(member);
        offset
    }
}

fn describe<'c>(variable: Value<'c>, data: DataLayout<'c>) -> Member<'c> {
    let ty = variable.value_type();
    let is_zero = variable.initializer().is_none_or(|value| value.is_null() || value.is_undefined());
    Member {
        variable,
        name: variable.name(),
        offset: 0,
        size: data.size(ty),
        align: variable.alignment().max(data.alignment(ty)).max(1),
        is_zero,
    }
}

/// The members, each with offset 0 for now.
fn choose<'c>(all: &[Value<'c>], sections: &BTreeMap<String, Bounds<'c>>) -> HashMap<Value<'c>, u64> {
    // `llvm.used` and its like are lists for the compiler, not variables.
    let own: Vec<Value<'c>> =
        all.iter().copied().filter(|variable| !variable.is_declaration() && !is_compiler_list(*variable)).collect();
    let mut members: HashMap<Value<'c>, u64> =
        own.iter().filter(|variable| !variable.is_constant_variable()).map(|variable| (*variable, 0)).collect();
    loop {
        let mutable_sections: Vec<String> = own
            .iter()
            .filter(|variable| members.contains_key(variable))
            .filter_map(|variable| variable.section())
            .filter(|name| sections.contains_key(name))
            .collect();
        let joining: Vec<Value<'c>> = own
            .iter()
            .copied()
            .filter(|variable| !members.contains_key(variable))
            .filter(|variable| {
                variable.initializer().is_some_and(|value| mentions(value, &members))
                    || variable.section().is_some_and(|name| mutable_sections.contains(&name))
            })
            .collect();
        if joining.is_empty() {
            return members;
        }
        members.extend(joining.into_iter().map(|variable| (variable, 0)));
    }
}

pub(super) fn is_compiler_list(variable: Value<'_>) -> bool {
    variable.name().starts_with("llvm.")
}

#[derive(Default)]
pub(super) struct Bounds<'c> {
    start: Option<Value<'c>>,
    end: Option<Value<'c>>,
}

/// Sections whose `__start_NAME` or `__stop_NAME` the code declares.
fn bounded_sections<'c>(all: &[Value<'c>]) -> BTreeMap<String, Bounds<'c>> {
    let mut sections: BTreeMap<String, Bounds<'c>> = BTreeMap::new();
    for variable in all.iter().filter(|variable| variable.is_declaration()) {
        let name = variable.name();
        if let Some(section) = name.strip_prefix("__start_") {
            sections.entry(section.to_owned()).or_default().start = Some(*variable);
        } else if let Some(section) = name.strip_prefix("__stop_") {
            sections.entry(section.to_owned()).or_default().end = Some(*variable);
        }
    }
    sections
}

/// Sections of constants whose bounds the code asks for stay sections; their names get the library's key, or the linker
/// would put those of two libraries together.
pub(super) fn rename_constant_sections(module: &Module<'_>, key: &str) {
    let all = globals(module);
    for (name, bounds) in bounded_sections(&all) {
        let new = format!("{name}_{key}");
        let Ok(section) = std::ffi::CString::new(new.as_str()) else { continue };
        for variable in all.iter().filter(|variable| variable.section().as_deref() == Some(&name)) {
            variable.set_section(&section);
        }
        for (bound, prefix) in [(bounds.start, "__start_"), (bounds.end, "__stop_")] {
            if let Some(bound) = bound {
                bound.set_name(&format!("{prefix}{new}"));
            }
        }
    }
}
