//! Allocation of objects in line.
//!
//! In: type id and size. Out: the address of an object with its header set. Rule A of the runtime: the caller computes
//! all fields first, allocates, and stores them before anything else can run, so no half-built object is ever seen.
//! Deliberately not here: large objects and the collector (runtime).

use super::emit::Value;
use super::function::Body;
use crate::ir::RuntimeFunction;
use coex_runtime::abi::{LARGE_OBJECT_BYTES, header, offset};
use inkwell::IntPredicate;
use inkwell::values::PointerValue;

impl<'ctx> Body<'_, 'ctx> {
    /// `bytes` is a multiple of 8, at least 16.
    pub(super) fn allocate(&mut self, type_id: u32, bytes: u32) -> PointerValue<'ctx> {
        let types = self.emit.types;
        let head = types.int(header(type_id, 0) as i64);
        let size = types.int(bytes.into());
        if u64::from(bytes) > LARGE_OBJECT_BYTES {
            return self.allocate_slowly(size.into(), head.into());
        }
        let cursor_address = self.emit.offset(self.fiber, offset::FIBER_CURSOR as u64);
        let cursor = self.emit.load_ptr(cursor_address);
        let limit = self.emit.load_int(self.emit.offset(self.fiber, offset::FIBER_LIMIT as u64));
        let start = super::emit::built(self.emit.builder.build_ptr_to_int(cursor, types.i64, ""));
        let room = self.emit.sub(limit, start);
        let fits = self.emit.compare(IntPredicate::UGE, room, size);
        let (fast, slow, end) = (self.new_block(), self.new_block(), self.new_block());
        self.emit.branch(fits, fast, slow);

        self.emit.at(fast);
        self.emit.store(cursor_address, self.emit.offset(cursor, bytes.into()));
        self.emit.store(cursor, head);
        self.emit.jump(end);

        self.emit.at(slow);
        let from_runtime = self.allocate_slowly(size.into(), head.into());
        self.emit.jump(end);

        self.emit.at(end);
        self.emit.phi(&[(cursor.into(), fast), (from_runtime.into(), slow)]).into_pointer_value()
    }

    fn allocate_slowly(&mut self, size: Value<'ctx>, head: Value<'ctx>) -> PointerValue<'ctx> {
        self.runtime_value(RuntimeFunction::AllocSlow, &[self.fiber.into(), size, head]).into_pointer_value()
    }
}
