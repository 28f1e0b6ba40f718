//! Loops.
//!
//! In: `while` and `for` of the typed IR. Out: blocks. A loop looks at `fiber.poll` on its back edge, so that a
//! collector or scheduler never waits long; loops of bounded work look once per chunk. After a loop over a collection
//! `llvm.fake.use` keeps the addresses of the collection and of the elements visible to the conservative collector while
//! derived addresses walk: what it does not see may move.
//! Deliberately not here: what the runtime does when polled.

use super::emit::{Emit, Value, built};
use super::function::{Body, LoopTargets};
use crate::ir::{Block, Expr, Iteration, LocalId, RuntimeFunction};
use crate::types::{Type, TypeId};
use coex_runtime::abi::{ArrayObject, ListObject, MapIter, list_leaf_len, offset};
use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::types::IntType;
use inkwell::values::{BasicValue, IntValue, PointerValue};
use std::mem::{offset_of, size_of};

/// Rounds between two looks at `poll` when each is short.
const CHUNK: i64 = 4096;

/// Where rounds lead to.
struct Back<'ctx> {
    /// After the last one.
    end: BasicBlock<'ctx>,
    /// At a `break`.
    exit: BasicBlock<'ctx>,
    /// Every round looks for polls.
    poll: bool,
    /// Rounds are not part of a chunk, at whose end windows are kept.
    whole: bool,
}

/// What counts the rounds of a loop: from the first number on, up to the end and without it.
#[derive(Clone, Copy)]
struct Count<'ctx> {
    first: IntValue<'ctx>,
    end: IntValue<'ctx>,
    signed: bool,
}

impl<'ctx> Count<'ctx> {
    fn from_zero(emit: &Emit<'ctx>, end: IntValue<'ctx>) -> Count<'ctx> {
        Count { first: emit.types.int(0), end, signed: false }
    }

    fn below(self) -> IntPredicate {
        if self.signed { IntPredicate::SLT } else { IntPredicate::ULT }
    }
}

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn while_loop(&mut self, condition: &Expr, body: &Block) {
        let (head, round, exit) = (self.new_block(), self.new_block(), self.new_block());
        self.emit.jump(head);
        self.emit.at(head);
        let condition = self.int_value(condition);
        self.emit.branch(condition, round, exit);
        self.emit.at(round);
        let next = self.new_block();
        self.body_of_loop(body, next, exit);
        if !self.codegen.graph.polls(body) {
            self.poll();
        }
        self.keep_windows();
        self.emit.jump(head);
        self.emit.at(exit);
    }

    /// Lowers the body and goes to `next`, where building continues.
    fn body_of_loop(&mut self, body: &Block, next: BasicBlock<'ctx>, exit: BasicBlock<'ctx>) {
        let header = self.place();
        self.loops.push(LoopTargets { next, exit });
        self.block(body);
        self.loops.pop();
        self.emit.jump(next);
        self.emit.at(next);
        self.return_to(header);
    }

    pub(super) fn poll(&mut self) {
        let word = self.read_shared(self.emit.types.i32, offset::FIBER_POLL);
        let (slow, on) = (self.new_block(), self.new_block());
        let wanted = self.emit.is_not_zero(word);
        self.emit.branch_rarely(wanted, slow, on);
        self.emit.at(slow);
        self.look_at_poll();
        self.emit.jump(on);
        self.emit.at(on);
    }

    /// A word of the fiber that another thread writes: the load must stay in the loop. Volatile, not atomic: it then becomes a
    /// part of the comparison.
    pub(super) fn read_shared(&self, ty: IntType<'ctx>, at: usize) -> IntValue<'ctx> {
        let word = self.emit.load(ty, self.emit.offset(self.fiber, at as u64));
        if let Some(load) = word.as_instruction_value()
            && load.set_volatile(true).is_err()
        {
            crate::bug!("a load cannot be volatile");
        }
        word.into_int_value()
    }

    pub(super) fn fake_use(&self, value: PointerValue<'ctx>) {
        let intrinsic = self.codegen.intrinsic("llvm.fake.use", &[]);
        built(self.emit.builder.build_call(intrinsic, &[value.into()], ""));
    }

    pub(super) fn for_loop(&mut self, iteration: &Iteration, body: &Block) {
        match iteration {
            Iteration::Range { local, start, end, step } => self.for_range(*local, start, end, step.as_ref(), body),
            Iteration::List { local, list } => self.for_list(*local, list, body),
            Iteration::Array { local, array } => self.for_array(*local, array, body),
            Iteration::Set { local, set } => self.for_entries(*local, None, set, body),
            Iteration::MapKeys { local, map } => self.for_entries(*local, None, map, body),
            Iteration::MapEntries { key, value, map } => self.for_entries(*key, Some(*value), map, body),
            Iteration::String { local, string } => self.for_string(*local, string, body),
            Iteration::Channel { received, local, channel } => self.for_channel(*received, *local, channel, body),
        }
    }

    /// A receive looks for polls itself.
    fn for_channel(&mut self, received: LocalId, local: LocalId, channel: &Expr, body: &Block) {
        let ty = self.local_type(received);
        let site = self.codegen.site(channel.span);
        let channel = self.reference(channel);
        let [head, round, exit] = std::array::from_fn(|_| self.new_block());
        self.emit.jump(head);
        self.emit.at(head);
        let descriptor = self.codegen.descriptor(ty);
        let out = self.locals[received.0 as usize];
        let args = [self.fiber.into(), channel.into(), descriptor.into(), site.into(), out.into()];
        self.runtime_call(RuntimeFunction::ChannelReceive, &args);
        let value = self.get_local(received);
        let present = self.is_present(value);
        self.emit.branch(present, round, exit);
        self.emit.at(round);
        let item = self.contents(ty, value);
        self.set_local(local, item);
        let next = self.new_block();
        self.body_of_loop(body, next, exit);
        self.emit.jump(head);
        self.emit.at(exit);
    }

    fn for_range(&mut self, local: LocalId, start: &Expr, end: &Expr, step: Option<&Expr>, body: &Block) {
        let start = self.int_value(start);
        let end = self.int_value(end);
        let step = match step {
            Some(step) => {
                let span = step.span;
                let step = self.int_value(step);
                let bad = self.emit.is_zero(step);
                self.panic_if(bad, RuntimeFunction::PanicRangeStep, &[], span);
                step
            }
            None => self.emit.types.int(1),
        };
        if step.get_sign_extended_constant() == Some(1) {
            // The values themselves count: LLVM knows their bounds then.
            let range = match start.get_sign_extended_constant() {
                Some(0..) => Count { first: start, end: self.int_intrinsic("llvm.smax", end, start), signed: false },
                _ => Count { first: start, end, signed: true },
            };
            return self.counted_loop(range, body, |this, value| this.set_local(local, value.into()));
        }
        let rounds = Count::from_zero(&self.emit, self.range_rounds(start, end, step));
        self.counted_loop(rounds, body, |this, index| {
            let moved = built(this.emit.builder.build_int_mul(index, step, ""));
            let value = this.emit.add(start, moved);
            this.set_local(local, value.into());
        });
    }

    /// How many values a range yields; unsigned, so that no range overflows.
    pub(super) fn range_rounds(
        &self,
        start: IntValue<'ctx>,
        end: IntValue<'ctx>,
        step: IntValue<'ctx>,
    ) -> IntValue<'ctx> {
        let emit = &self.emit;
        let zero = emit.types.int(0);
        let up = emit.compare(IntPredicate::SGT, step, zero);
        let low = emit.select(up, start, end);
        let high = emit.select(up, end, start);
        let distance = emit.sub(high, low);
        let width = emit.select(up, step, emit.sub(zero, step));
        let whole = match step.get_sign_extended_constant() {
            Some(1 | -1) => distance,
            _ => {
                let before_last = emit.sub(distance, emit.types.int(1));
                let steps = built(emit.builder.build_int_unsigned_div(before_last, width, ""));
                emit.add(steps, emit.types.int(1))
            }
        };
        let some = emit.compare(IntPredicate::SLT, low, high);
        emit.select(some, whole, zero)
    }

    /// Rounds; `enter` assigns the loop's locals. When a round ends soon, the loop is cut into chunks that look for polls
    /// once, which leaves the inner loop to LLVM's vectoriser.
    fn counted_loop(&mut self, count: Count<'ctx>, body: &Block, enter: impl FnOnce(&mut Self, IntValue<'ctx>)) {
        let index_slot = self.alloca(self.emit.types.i64.into());
        self.emit.store(index_slot, count.first);
        let exit = self.new_block();
        if !self.codegen.graph.is_bounded(body) || self.codegen.graph.is_heavy(body) {
            let poll = !self.codegen.graph.polls(body);
            self.rounds(index_slot, count, body, enter, Back { end: exit, exit, poll, whole: true });
            return self.emit.at(exit);
        }
        let (chunk, chunk_end) = (self.new_block(), self.new_block());
        self.emit.jump(chunk);
        self.emit.at(chunk);
        let mut done = self.emit.load_int(index_slot);
        // In a form from which LLVM sees that no index reaches the end, and none comes before the first.
        let (add, least) = if count.signed {
            done = self.int_intrinsic("llvm.smax", done, count.first);
            self.emit.store(index_slot, done);
            ("llvm.sadd.sat", "llvm.smin")
        } else {
            ("llvm.uadd.sat", "llvm.umin")
        };
        let chunk_limit = self.int_intrinsic(add, done, self.emit.types.int(CHUNK));
        let limit = self.int_intrinsic(least, chunk_limit, count.end);
        let rounds = Count { end: limit, ..count };
        self.rounds(index_slot, rounds, body, enter, Back { end: chunk_end, exit, poll: false, whole: false });
        self.emit.at(chunk_end);
        let done = self.emit.load_int(index_slot);
        self.poll();
        self.keep_windows();
        let more = self.emit.compare(count.below(), done, count.end);
        self.emit.branch(more, chunk, exit);
        self.emit.at(exit);
    }

    pub(super) fn int_intrinsic(&self, name: &str, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        let function = self.codegen.intrinsic(name, &[self.emit.types.i64.into()]);
        self.emit.call(function, &[left.into(), right.into()]).try_as_basic_value().unwrap_basic().into_int_value()
    }

    /// Rounds from the index in the slot up to the end, then to `back.end`.
    fn rounds(
        &mut self,
        index_slot: PointerValue<'ctx>,
        count: Count<'ctx>,
        body: &Block,
        enter: impl FnOnce(&mut Self, IntValue<'ctx>),
        back: Back<'ctx>,
    ) {
        let [head, inside, next] = std::array::from_fn(|_| self.new_block());
        self.emit.jump(head);
        self.emit.at(head);
        let index = self.emit.load_int(index_slot);
        let more = self.emit.compare(count.below(), index, count.end);
        self.emit.branch(more, inside, back.end);
        self.emit.at(inside);
        enter(self, index);
        self.body_of_loop(body, next, back.exit);
        let (builder, one) = (&self.emit.builder, self.emit.types.int(1));
        let following = built(match count.signed {
            true => builder.build_int_nsw_add(index, one, ""),
            false => builder.build_int_nuw_add(index, one, ""),
        });
        self.emit.store(index_slot, following);
        if back.poll {
            self.poll();
        }
        if back.whole {
            self.keep_windows();
        }
        self.emit.jump(head);
    }

    fn element_type(&self, ty: TypeId) -> TypeId {
        match *self.codegen.program.types.get(ty) {
            Type::List(element) | Type::Array(element) | Type::Set(element) => element,
            _ => crate::bug!("elements of {}", self.codegen.type_name(ty)),
        }
    }

    fn for_array(&mut self, local: LocalId, array: &Expr, body: &Block) {
        let element = self.element_type(self.type_of(array));
        let array = self.reference(array);
        let len = self.emit.load_len(self.emit.offset(array, offset_of!(ArrayObject, len) as u64));
        let data = self.emit.load_ptr(self.emit.offset(array, offset_of!(ArrayObject, data) as u64));
        let stride = self.codegen.layout(element).slot.size;
        self.counted_loop(Count::from_zero(&self.emit, len), body, |this, index| {
            let value = this.load_slot(element, this.emit.element(data, index, stride));
            this.set_local(local, value);
        });
        self.fake_use(data);
        self.fake_use(array);
    }

    /// Leaf by leaf: the inner loop walks plain memory.
    fn for_list(&mut self, local: LocalId, list: &Expr, body: &Block) {
        let types = self.emit.types;
        let ty = self.type_of(list);
        let element = self.element_type(ty);
        let stride = self.codegen.layout(element).slot.size;
        let list = self.reference(list);
        let len = self.emit.load_len(self.emit.offset(list, offset_of!(ListObject, len) as u64));
        let (done_slot, index_slot) = (self.alloca(types.i64.into()), self.alloca(types.i64.into()));
        let whole = types.int(list_leaf_len(stride).into());
        self.emit.store(done_slot, types.int(0));
        let [leaf, leaf_end, exit] = std::array::from_fn(|_| self.new_block());
        let any = self.emit.is_not_zero(len);
        self.emit.branch(any, leaf, exit);

        self.emit.at(leaf);
        let done = self.emit.load_int(done_slot);
        let data = self.list_leaf(list, done, ty, stride);
        let rest = self.emit.sub(len, done);
        let last = self.emit.compare(IntPredicate::ULT, rest, whole);
        let count = self.emit.select(last, rest, whole);
        self.emit.store(index_slot, types.int(0));
        let enter = |this: &mut Self, index| {
            let value = this.load_slot(element, this.emit.element(data, index, stride));
            this.set_local(local, value);
        };
        let rounds = Count::from_zero(&self.emit, count);
        self.rounds(index_slot, rounds, body, enter, Back { end: leaf_end, exit, poll: false, whole: false });

        self.emit.at(leaf_end);
        self.fake_use(data);
        let done = self.emit.add(done, count);
        self.emit.store(done_slot, done);
        self.poll();
        self.keep_windows();
        let more = self.emit.compare(IntPredicate::ULT, done, len);
        self.emit.branch(more, leaf, exit);
        self.emit.at(exit);
        self.fake_use(list);
    }

    /// Sets, keys of maps, and entries of maps.
    fn for_entries(&mut self, key: LocalId, value: Option<LocalId>, collection: &Expr, body: &Block) {
        let ty = self.type_of(collection);
        let (key_type, value_type) = match *self.codegen.program.types.get(ty) {
            Type::Map(key, value) => (key, Some(value)),
            Type::Set(element) => (element, None),
            _ => crate::bug!("entries of {}", self.codegen.type_name(ty)),
        };
        let collection = self.reference(collection);
        let iterator = self.temporary(size_of::<MapIter>() as u32);
        let places = self.codegen.entry_places(key_type, value_type);
        self.runtime_call(RuntimeFunction::MapIterInit, &[iterator.address.into(), collection.into()]);
        let [head, inside, next, exit] = std::array::from_fn(|_| self.new_block());
        self.emit.jump(head);
        self.emit.at(head);
        let args = [iterator.address.into(), self.codegen.descriptor(ty).into()];
        let entry = self.runtime_value(RuntimeFunction::MapIterNext, &args).into_pointer_value();
        let end = self.emit.is_null(entry);
        self.emit.branch(end, exit, inside);
        self.emit.at(inside);
        let key_value = self.load_slot(key_type, entry);
        self.set_local(key, key_value);
        if let (Some(local), Some(value_type)) = (value, value_type) {
            let value = self.load_slot(value_type, self.emit.offset(entry, places.value_offset.into()));
            self.set_local(local, value);
        }
        self.body_of_loop(body, next, exit);
        self.poll();
        self.keep_windows();
        self.emit.jump(head);
        self.emit.at(exit);
        self.fake_use(collection);
        self.release(iterator);
    }

    fn for_string(&mut self, local: LocalId, string: &Expr, body: &Block) {
        let string = self.reference(string);
        let position = self.temporary(8);
        self.emit.store(position.address, self.emit.types.int(0));
        let [head, inside, next, exit] = std::array::from_fn(|_| self.new_block());
        self.emit.jump(head);
        self.emit.at(head);
        let args = [string.into(), position.address.into()];
        let code = self.runtime_value(RuntimeFunction::StringNext, &args).into_int_value();
        let end = self.emit.compare(IntPredicate::SLT, code, self.emit.types.int(0));
        self.emit.branch(end, exit, inside);
        self.emit.at(inside);
        let code: Value<'ctx> = code.into();
        self.set_local(local, code);
        self.body_of_loop(body, next, exit);
        self.poll();
        self.keep_windows();
        self.emit.jump(head);
        self.emit.at(exit);
        self.fake_use(string);
        self.release(position);
    }
}
