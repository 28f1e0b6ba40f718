//! Roots: tasks and `@isolated` functions see instances of the libraries of their own.
//!
//! In: a function that runs under a root. Out: a `Root` in its frame, entered first and left at every return, however
//! the function was called. Programs without libraries have none of this.
//! Deliberately not here: what entering and leaving do (runtime).

use super::function::Body;
use crate::ir::RuntimeFunction;
use coex_runtime::abi::offset;

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn enter_root(&mut self) {
        let libraries = self.codegen.natives.len();
        let words = offset::ROOT_INSTANCES / 8 + libraries;
        let root = self.alloca(self.emit.types.i64.array_type(words as u32).into());
        let count = self.emit.types.int(libraries as i64);
        self.runtime_call(RuntimeFunction::RootEnter, &[self.fiber.into(), root.into(), count.into()]);
    }

    pub(super) fn leave_root(&mut self) {
        self.runtime_call(RuntimeFunction::RootLeave, &[self.fiber.into()]);
    }
}
