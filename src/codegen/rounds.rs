//! Collecting loops whose rounds run side by side.
//!
//! In: the loop. Out: a function that runs the rounds of a chunk (`RangeInfo`), and the call that runs all chunks. A
//! round calls its task directly: no record is made for it. What rounds share with the function around them they copy
//! from an environment in its frame. Deliberately not here: how chunks are given to workers (runtime).

use super::debug_info::{Shared, Variables};
use super::emit::Value;
use super::function::{Body, parameter};
use crate::ir::{Block, Expr, ExprKind, FuncId, Iteration, LocalId, RuntimeFunction};
use crate::source::Span;
use crate::types::{Type, TypeId};
use coex_runtime::abi::{ArrayObject, ListObject, RangeRunner, task_flags};
use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, FunctionValue, IntValue, PointerValue};
use std::mem::offset_of;

/// A collecting loop.
pub(super) struct Rounds<'i> {
    pub(super) iteration: &'i Iteration,
    pub(super) body: &'i Block,
    pub(super) value: &'i Expr,
    pub(super) shared: &'i [LocalId],
}

/// The environment: two words of the iteration, then the shared variables.
struct Environment {
    places: Vec<u32>,
    size: u32,
}

/// The start of a range, the list, or the data of an array.
const FIRST: u64 = 0;
/// The array itself, so that the collector sees it.
const SECOND: u64 = 8;

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn collect_tasks(&mut self, rounds: &Rounds, ty: TypeId, span: Span) -> Value<'ctx> {
        let environment = self.environment(rounds.shared);
        let memory = self.alloca(self.emit.types.i64.array_type(environment.size.div_ceil(8)).into());
        let count = self.begin_rounds(rounds.iteration, memory);
        for (&local, &at) in rounds.shared.iter().zip(&environment.places) {
            let value = self.get_local(local);
            self.store_slot(self.local_type(local), self.emit.offset(memory, at.into()), value);
        }
        let func = self.outline_rounds(rounds, &environment, span);
        let info = self.range_info(func, rounds.value);
        self.at_place(span);
        let site = self.codegen.site(span);
        let args = [self.fiber.into(), info.into(), memory.into(), count.into(), site.into()];
        let results = self.runtime_value(RuntimeFunction::RangeRun, &args);
        let args = [self.fiber.into(), results, count.into(), self.codegen.descriptor(ty).into()];
        let list = self.runtime_value(RuntimeFunction::ListFrom, &args);
        self.runtime_call(RuntimeFunction::RangeFree, &[self.fiber.into(), results]);
        list
    }

    fn environment(&self, shared: &[LocalId]) -> Environment {
        let mut size = 16u32;
        let mut place = |local: &LocalId| {
            let slot = &self.codegen.layout(self.local_type(*local)).slot;
            let offset = size.next_multiple_of(slot.align.max(1));
            size = offset + slot.size;
            offset
        };
        Environment { places: shared.iter().map(&mut place).collect(), size }
    }

    /// Evaluates what the loop walks over, and says how many rounds there are.
    fn begin_rounds(&mut self, iteration: &Iteration, memory: PointerValue<'ctx>) -> IntValue<'ctx> {
        let first = self.emit.offset(memory, FIRST);
        match iteration {
            Iteration::Range { start, end, .. } => {
                let start = self.int_value(start);
                let end = self.int_value(end);
                self.emit.store(first, start);
                self.range_rounds(start, end, self.emit.types.int(1))
            }
            Iteration::List { list, .. } => {
                let list = self.reference(list);
                self.emit.store(first, list);
                self.emit.load_len(self.emit.offset(list, offset_of!(ListObject, len) as u64))
            }
            Iteration::Array { array, .. } => {
                let array = self.reference(array);
                let data = self.emit.load_ptr(self.emit.offset(array, offset_of!(ArrayObject, data) as u64));
                self.emit.store(first, data);
                self.emit.store(self.emit.offset(memory, SECOND), array);
                self.emit.load_len(self.emit.offset(array, offset_of!(ArrayObject, len) as u64))
            }
            _ => crate::bug!("rounds side by side over something else in {}", self.ir.name),
        }
    }

    /// `abi::RangeInfo`
    fn range_info(&self, func: FunctionValue<'ctx>, value: &Expr) -> PointerValue<'ctx> {
        let callee = called(value);
        let name = callee.map_or(self.ir.name.as_str(), |callee| &self.codegen.program.function(callee).name);
        let deep = callee.is_none_or(|callee| self.codegen.graph.is_deep(callee));
        let slot = &self.codegen.layout(self.type_of(value)).slot;
        let flags = if deep { task_flags::RECURSIVE } else { 0 };
        let words = [slot.size, u32::from(!slot.pointers.is_empty()), flags, 0];
        let mut members: Vec<Value<'ctx>> = vec![func.as_global_value().as_pointer_value().into()];
        members.push(self.codegen.text_constant(name).into());
        members.extend(words.map(|word| self.emit.types.word32(word).as_basic_value_enum()));
        self.codegen.constant("range", self.codegen.context.const_struct(&members, false).into()).as_pointer_value()
    }

    /// `void rounds(fiber, environment, runner)`
    fn outline_rounds(&self, rounds: &Rounds, environment: &Environment, span: Span) -> FunctionValue<'ctx> {
        let types = self.emit.types;
        let params = [BasicTypeEnum::from(types.ptr).into(); 3];
        let name = format!("{}.rounds", self.func.get_name().to_string_lossy());
        let func = self.codegen.declare(&name, types.void.fn_type(&params, false));
        let mut inner = Body::open(self.codegen, self.ir, func);
        inner.id = self.id;
        let memory = parameter(func, 1).into_pointer_value();
        let runner = parameter(func, 2).into_pointer_value();
        inner.locals = self.ir.locals.iter().map(|local| inner.alloca(self.codegen.slot_type(local.ty))).collect();
        inner.describe_function(Some("rounds"), Variables::Part { text: span, shared: Shared::Copied(rounds.shared) });
        for (&local, &at) in rounds.shared.iter().zip(&environment.places) {
            let value = inner.load_slot(inner.local_type(local), inner.emit.offset(memory, at.into()));
            inner.set_local(local, value);
        }
        inner.at_place(span);
        inner.rounds_of_chunk(rounds, memory, runner);
        inner.close();
        func
    }

    fn rounds_of_chunk(&mut self, rounds: &Rounds, memory: PointerValue<'ctx>, runner: PointerValue<'ctx>) {
        let item_type = self.type_of(rounds.value);
        let stride = self.codegen.layout(item_type).slot.size;
        let results = self.emit.load_ptr(self.emit.offset(runner, offset_of!(RangeRunner, results) as u64));
        let mut items = self.items(rounds.iteration, memory);
        let (index, chunk) = self.next_of_chunk(runner);
        self.next_item(&mut items, index);
        let header = self.place();
        self.block(rounds.body);
        self.at_place(rounds.value.span);
        let value = self.value(rounds.value);
        self.store_slot(item_type, self.emit.element(results, index, stride), value);
        self.return_to(header);
        self.poll();
        self.end_of_round(chunk);
        super::emit::built(self.emit.builder.build_return(None));
    }

    /// Goes on with the next index of a chunk, as long as there is one.
    pub(super) fn next_of_chunk(&mut self, runner: PointerValue<'ctx>) -> (IntValue<'ctx>, Chunk<'ctx>) {
        let next_at = self.emit.offset(runner, offset_of!(RangeRunner, next) as u64);
        let end_at = self.emit.offset(runner, offset_of!(RangeRunner, end) as u64);
        let [head, round, exit] = std::array::from_fn(|_| self.new_block());
        self.emit.jump(head);
        self.emit.at(head);
        let index = self.emit.load_int(next_at);
        let end = self.emit.load_int(end_at);
        let more = self.emit.compare(IntPredicate::SLT, index, end);
        self.emit.branch(more, round, exit);
        self.emit.at(round);
        let following = self.emit.add(index, self.emit.types.int(1));
        self.emit.store(next_at, following);
        (index, Chunk { head, exit })
    }

    /// Goes back for the next index, and on behind the last.
    pub(super) fn end_of_round(&mut self, chunk: Chunk<'ctx>) {
        self.emit.jump(chunk.head);
        self.emit.at(chunk.exit);
    }
}

/// Where the loop over a chunk begins each round, and where it leaves.
pub(super) struct Chunk<'ctx> {
    head: BasicBlock<'ctx>,
    exit: BasicBlock<'ctx>,
}

/// Where the items of a chunk come from.
enum Items<'ctx> {
    Range { local: LocalId, start: IntValue<'ctx> },
    Array { local: LocalId, data: PointerValue<'ctx>, element: TypeId },
    List(Leaves<'ctx>),
}

/// The part of a list that the last item came from.
struct Leaves<'ctx> {
    local: LocalId,
    list: PointerValue<'ctx>,
    ty: TypeId,
    element: TypeId,
    /// Of the leaf: address, index of its first item, number of its items.
    data: PointerValue<'ctx>,
    first: PointerValue<'ctx>,
    count: PointerValue<'ctx>,
}

impl<'ctx> Body<'_, 'ctx> {
    fn items(&mut self, iteration: &Iteration, memory: PointerValue<'ctx>) -> Items<'ctx> {
        let first = self.emit.offset(memory, FIRST);
        match iteration {
            Iteration::Range { local, .. } => Items::Range { local: *local, start: self.emit.load_int(first) },
            Iteration::Array { local, .. } => {
                Items::Array { local: *local, data: self.emit.load_ptr(first), element: self.local_type(*local) }
            }
            Iteration::List { local, list } => {
                let (ty, word) = (self.type_of(list), self.emit.types.i64);
                let Type::List(element) = *self.codegen.program.types.get(ty) else {
                    crate::bug!("items of {}", self.codegen.type_name(ty))
                };
                let list = self.emit.load_ptr(first);
                let [data, first, count] = std::array::from_fn(|_| self.alloca(word.into()));
                self.emit.store(count, word.const_zero());
                self.emit.store(first, word.const_zero());
                self.emit.store(data, self.emit.types.ptr.const_null());
                Items::List(Leaves { local: *local, list, ty, element, data, first, count })
            }
            _ => crate::bug!("rounds side by side over something else in {}", self.ir.name),
        }
    }

    fn next_item(&mut self, items: &mut Items<'ctx>, index: IntValue<'ctx>) {
        match items {
            Items::Range { local, start } => {
                let value = self.emit.add(*start, index);
                self.set_local(*local, value.into());
            }
            Items::Array { local, data, element } => {
                let stride = self.codegen.layout(*element).slot.size;
                let value = self.load_slot(*element, self.emit.element(*data, index, stride));
                self.set_local(*local, value);
            }
            Items::List(leaves) => self.next_of_list(leaves, index),
        }
    }

    fn next_of_list(&mut self, leaves: &Leaves<'ctx>, index: IntValue<'ctx>) {
        let first = self.emit.load_int(leaves.first);
        let count = self.emit.load_int(leaves.count);
        let inside = self.emit.compare(IntPredicate::ULT, self.emit.sub(index, first), count);
        let (load, find) = (self.new_block(), self.new_block());
        self.emit.branch(inside, load, find);
        self.emit.at(find);
        let descriptor = self.codegen.descriptor(leaves.ty);
        let args = [leaves.list.into(), index.into(), descriptor.into(), leaves.count.into()];
        let data = self.runtime_value(RuntimeFunction::ListLeaf, &args);
        self.emit.store(leaves.data, data);
        self.emit.store(leaves.first, index);
        self.emit.jump(load);
        self.emit.at(load);
        let at = self.emit.sub(index, self.emit.load_int(leaves.first));
        let stride = self.codegen.layout(leaves.element).slot.size;
        let value = self.load_slot(leaves.element, self.emit.element(self.emit.load_ptr(leaves.data), at, stride));
        self.set_local(leaves.local, value);
    }
}

/// The task that a round calls.
fn called(value: &Expr) -> Option<FuncId> {
    match &value.kind {
        ExprKind::Call { func, .. } => Some(*func),
        ExprKind::Convert { operand, .. }
        | ExprKind::Some(operand)
        | ExprKind::Unwrap(operand)
        | ExprKind::UnwrapUnchecked(operand) => called(operand),
        ExprKind::Runtime { args, .. } => args.first().and_then(called),
        _ => None,
    }
}
