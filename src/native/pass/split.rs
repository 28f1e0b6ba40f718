//! Which C files of a library are optimised together, so that several processors can work on it.
//!
//! In: the merged module, private to an instance already. Out: [`Part`]s, by names, and the module prepared for being cut:
//! what more than one part names has a name for the linker. Deliberately not here: the cutting (`part`).
//!
//! Parts are made of whole files, in link order, and the cuts depend on the code alone: the objects are the same on every
//! machine. So a library of one file is never cut, and no call inside a file crosses a cut. What crosses one:
//!
//! * a function is defined in the part of its file; others declare it, and where it is short they have its body as well,
//!   to be inlined (`available_externally`, as ThinLTO's imports are);
//! * a constant whose address means nothing is copied into each part that reads it, unless it is large;
//! * other constants belong to the part that asked first; others declare them, with the value if it names nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use coex_runtime::abi;
use inkwell::llvm_sys::{LLVMLinkage, LLVMValueKind};
use inkwell::module::Module;

use super::llvm::{DataLayout, Value, aliases, functions, globals, ifuncs, module_asm};
use super::{PassInput, origin};

/// Each part reads the bitcode of the whole library. With more parts that costs more than the better balance between
/// processors saves.
const MAX_PARTS: usize = 8;

/// Instructions. Less is not worth a part.
const MIN_PART: usize = 1000;

/// No longer than a call of it. With 20 instructions Lua's code would be 15 % larger and take 20 % longer, and without any
/// it would be 1 % smaller.
const MAX_IMPORTED_INSTRUCTIONS: usize = 4;

/// A longer constant exists once.
const MAX_COPIED_BYTES: u64 = 256;

/// What one part has, by name; everything else is only declared there.
#[derive(Default)]
pub(super) struct Part {
    /// Instructions.
    pub(super) size: usize,
    pub(super) defined: HashSet<String>,
    /// Bodies to be inlined, values to be folded: nothing of them is emitted.
    pub(super) imported: HashSet<String>,
}

/// The parts of a library that is worth cutting and can be cut; the first one has what belongs to the library as a whole.
pub(super) fn split(module: &Module<'_>, input: &PassInput) -> Option<Vec<Part>> {
    // Debug information describes the library as a whole. Assembly between functions and second names tie together what
    // they mention in ways that are not seen here.
    if input.debug_info || !module_asm(module).is_empty() || !aliases(module).is_empty() || !ifuncs(module).is_empty() {
        return None;
    }
    let (homes, sizes) = homes(module)?;
    let mut graph = Graph::of(module, homes)?;
    graph.spread(module);
    graph.blocks_stay_home().then(|| graph.parts(module, input, &sizes))
}

/// The part of each function that has a body, and how many instructions each part has.
fn homes<'c>(module: &Module<'c>) -> Option<(HashMap<Value<'c>, usize>, Vec<usize>)> {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    let mut files = Vec::new();
    for function in functions(module).into_iter().filter(|function| !function.is_declaration()) {
        let file = origin::file_number(function).unwrap_or(0);
        *sizes.entry(file).or_default() += function.instructions().len();
        files.push((function, file));
    }
    let parts = cut(&sizes);
    let mut part_sizes = vec![0; 1 + parts.values().max()?];
    for (file, size) in &sizes {
        part_sizes[parts[file]] += size;
    }
    let homes = files.into_iter().map(|(function, file)| (function, parts[&file])).collect();
    (part_sizes.len() > 1).then_some((homes, part_sizes))
}

/// The part of each file: neighbours together, in parts of about the same size. A file goes where its middle lies.
fn cut(sizes: &BTreeMap<usize, usize>) -> BTreeMap<usize, usize> {
    let total = sizes.values().sum::<usize>().max(1);
    let count = (total / MIN_PART).clamp(1, MAX_PARTS);
    let mut before = 0;
    let mut shares: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (file, size) in sizes {
        shares.entry((before + size / 2) * count / total).or_default().push(*file);
        before += size;
    }
    // Not every share has the middle of a file in it.
    let parts = shares.into_values().enumerate();
    parts.flat_map(|(part, files)| files.into_iter().map(move |file| (file, part))).collect()
}

/// A set of parts, a bit each.
#[derive(Clone, Copy, Default)]
struct Parts(u8);

impl Parts {
    fn add(&mut self, part: usize) -> bool {
        let is_new = self.0 & (1 << part) == 0;
        self.0 |= 1 << part;
        is_new
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_PARTS).filter(move |part| self.0 & (1 << part) != 0)
    }

    fn is_one(self) -> bool {
        self.0.count_ones() == 1
    }
}

/// What each definition names, and in which parts it is named.
struct Graph<'c> {
    names: HashMap<Value<'c>, Vec<Value<'c>>>,
    /// Variables that hold addresses inside a function, which then cannot be only declared where they are.
    of_blocks: Vec<(Value<'c>, Value<'c>)>,
    /// Where a body may stand beside its home.
    travels: HashSet<Value<'c>>,
    homes: HashMap<Value<'c>, usize>,
    needed: HashMap<Value<'c>, Parts>,
}

impl<'c> Graph<'c> {
    /// `None` for a module with something whose meaning across parts is not known here.
    fn of(module: &Module<'c>, homes: HashMap<Value<'c>, usize>) -> Option<Graph<'c>> {
        let (names, of_blocks, travels, needed) = Default::default();
        let mut graph = Graph { names, of_blocks, travels, homes, needed };
        for function in functions(module).into_iter().filter(|function| !function.is_declaration()) {
            graph.add_function(function)?;
        }
        let data = DataLayout::of(module);
        for variable in globals(module).into_iter().filter(|variable| !variable.is_declaration()) {
            graph.add_variable(variable, data);
        }
        graph.names.keys().all(|value| has_known_linkage(*value)).then_some(graph)
    }

    /// `None` if it holds addresses inside another function.
    fn add_function(&mut self, function: Value<'c>) -> Option<()> {
        let instructions = function.instructions();
        let mut mentioned = Mentioned::default();
        for operand in instructions.iter().flat_map(|instruction| instruction.operands()).chain(function.operands()) {
            if operand.is_constant() {
                mentioned.add(operand);
            }
        }
        if mentioned.blocks_of.iter().any(|owner| *owner != function) {
            return None;
        }
        let may_be_inlined = instructions.len() <= MAX_IMPORTED_INSTRUCTIONS
            && mentioned.blocks_of.is_empty()
            && !function.value_type().is_variadic()
            && !["noinline", "optnone"].iter().any(|name| function.has_attribute(name));
        if function.is_available_externally() || may_be_inlined {
            self.travels.insert(function);
        }
        self.names.insert(function, mentioned.globals);
        Some(())
    }

    fn add_variable(&mut self, variable: Value<'c>, data: DataLayout<'c>) {
        let mut mentioned = Mentioned::default();
        variable.operands().for_each(|operand| mentioned.add(operand));
        // The control build has variables.
        let is_copied = variable.is_constant_variable()
            && variable.is_local()
            && variable.is_unnamed()
            && data.size(variable.value_type()) <= MAX_COPIED_BYTES
            && mentioned.blocks_of.is_empty();
        if is_copied {
            self.travels.insert(variable);
        }
        self.of_blocks.extend(mentioned.blocks_of.iter().map(|function| (variable, *function)));
        self.names.insert(variable, mentioned.globals);
    }

    /// Finds all parts that need a definition or a declaration.
    fn spread(&mut self, module: &Module<'c>) {
        let functions = functions(module).into_iter().filter(|function| !function.is_available_externally());
        for function in functions {
            if let Some(home) = self.homes.get(&function).copied() {
                self.need(function, home);
            }
        }
        for variable in globals(module).into_iter().filter(|variable| !variable.is_local()) {
            self.need(variable, 0);
        }
    }

    fn need(&mut self, value: Value<'c>, part: usize) {
        let mut asked = vec![value];
        while let Some(value) = asked.pop() {
            // Declarations of the library's own needs are wanted wherever they are named.
            let Some(names) = self.names.get(&value) else { continue };
            if !self.needed.entry(value).or_default().add(part) {
                continue;
            }
            let home = *self.homes.entry(value).or_insert(part);
            if home == part || self.travels.contains(&value) {
                asked.extend(names);
            }
        }
    }

    /// A table of places inside a function is cut with it.
    fn blocks_stay_home(&self) -> bool {
        self.of_blocks.iter().all(|(variable, function)| {
            let needed = self.needed.get(variable).copied().unwrap_or_default();
            needed.iter().all(|part| self.homes.get(function) == Some(&part))
        })
    }

    fn parts(&self, module: &Module<'c>, input: &PassInput, sizes: &[usize]) -> Vec<Part> {
        let mut parts: Vec<Part> = sizes.iter().map(|size| Part { size: *size, ..Part::default() }).collect();
        for value in functions(module).into_iter().chain(globals(module)) {
            let (Some(needed), Some(home)) = (self.needed.get(&value), self.homes.get(&value)) else { continue };
            let is_copied = value.is_global_variable() && self.travels.contains(&value);
            if value.name().is_empty() {
                value.set_name("unnamed");
            }
            if value.is_local() && !is_copied && !needed.is_one() {
                value.set_name(&abi::library_symbol(&input.library, &input.key, &value.name()));
                value.export_hidden();
            }
            let name = value.name();
            for part in needed.iter() {
                if !value.is_available_externally() && (part == *home || is_copied) {
                    parts[part].defined.insert(name.clone());
                } else if self.travels.contains(&value) || self.is_closed(value) {
                    parts[part].imported.insert(name.clone());
                }
            }
        }
        parts
    }

    /// A constant whose value means the same in every part.
    fn is_closed(&self, value: Value<'c>) -> bool {
        value.is_global_variable()
            && value.is_constant_variable()
            && self.names.get(&value).is_some_and(Vec::is_empty)
            && !self.of_blocks.iter().any(|(variable, _)| *variable == value)
    }
}

fn has_known_linkage(value: Value<'_>) -> bool {
    use LLVMLinkage::*;
    value.is_local()
        || matches!(value.linkage(), LLVMExternalLinkage | LLVMAppendingLinkage | LLVMAvailableExternallyLinkage)
}

/// The globals that constants name.
#[derive(Default)]
struct Mentioned<'c> {
    globals: Vec<Value<'c>>,
    blocks_of: Vec<Value<'c>>,
    seen: HashSet<Value<'c>>,
}

impl<'c> Mentioned<'c> {
    fn add(&mut self, constant: Value<'c>) {
        use LLVMValueKind::*;
        if !self.seen.insert(constant) {
            return;
        }
        match constant.kind() {
            LLVMFunctionValueKind | LLVMGlobalVariableValueKind => self.globals.push(constant),
            LLVMBlockAddressValueKind => self.blocks_of.push(constant.function_of_block()),
            _ if constant.is_composite_constant() => constant.operands().for_each(|operand| self.add(operand)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(sizes: impl IntoIterator<Item = usize>) -> Vec<usize> {
        cut(&sizes.into_iter().enumerate().collect()).into_values().collect()
    }

    #[test]
    fn neighbours_stay_together_in_parts_of_about_the_same_size() {
        assert_eq!(parts([MIN_PART / 2; 7]), [0, 0, 1, 1, 1, 2, 2]);
        assert_eq!(parts([10, 100 * MIN_PART, 10, 10]), [0, 1, 2, 2]);
        assert_eq!(parts([MIN_PART / 3; 3]), [0; 3]);
        assert_eq!(parts([]), [0; 0]);
    }

    #[test]
    fn there_are_never_more_parts_than_bits() {
        assert_eq!(parts([MIN_PART; 10_000]).last(), Some(&(MAX_PARTS - 1)));
        assert_eq!(MAX_PARTS as u32, u8::BITS);
    }
}
