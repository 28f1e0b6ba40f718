//! `select`: the table of its cases, and the call that waits.
//!
//! In: channels, strategy, timeout. Out: the number of the chosen case; its value lies in the case's local.
//! Deliberately not here: waiting (runtime), which block runs (check makes tests of the number).

use super::emit::Value;
use super::function::Body;
use crate::ir::{Expr, LocalId, RuntimeFunction, SelectCase as Case, SelectStrategy};
use crate::source::Span;
use coex_runtime::abi::{SelectCase, select_kind, select_strategy};
use std::mem::{offset_of, size_of};

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn select(
        &mut self,
        cases: &[Case],
        strategy: SelectStrategy,
        timeout: &Expr,
        memory: Option<LocalId>,
        span: Span,
    ) -> Value<'ctx> {
        let types = self.emit.types;
        let timeout = self.int_value(timeout);
        let table = self.temporary((size_of::<SelectCase>() * cases.len()) as u32);
        for (index, case) in cases.iter().enumerate() {
            let channel = self.reference(&case.channel);
            let entry = self.emit.offset(table.address, (size_of::<SelectCase>() * index) as u64);
            let field = |at: usize| self.emit.offset(entry, at as u64);
            let descriptor = self.codegen.descriptor(self.local_type(case.out));
            self.emit.store(field(offset_of!(SelectCase, kind)), types.word32(select_kind::RECEIVE));
            self.emit.store(field(offset_of!(SelectCase, reserved)), types.word32(0));
            self.emit.store(field(offset_of!(SelectCase, source)), channel);
            self.emit.store(field(offset_of!(SelectCase, out)), self.locals[case.out.0 as usize]);
            self.emit.store(field(offset_of!(SelectCase, desc)), descriptor);
        }
        let strategy = match strategy {
            SelectStrategy::Order => select_strategy::ORDER,
            SelectStrategy::Priority => select_strategy::PRIORITY,
            SelectStrategy::Fair => select_strategy::FAIR,
            SelectStrategy::Random => select_strategy::RANDOM,
        };
        let args = [
            self.fiber.into(),
            table.address.into(),
            types.int(cases.len() as i64).into(),
            types.int(strategy).into(),
            timeout.into(),
            memory.map_or(types.ptr.const_null(), |local| self.locals[local.0 as usize]).into(),
            self.codegen.site(span).into(),
        ];
        let chosen = self.runtime_value(RuntimeFunction::Select, &args);
        self.release(table);
        chosen
    }
}
