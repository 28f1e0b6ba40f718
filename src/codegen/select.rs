//! `select`: the table of its cases, and the call that waits.
//!
//! In: channels, calls of C, strategy, timeout. Out: the number of the chosen case; its value lies in the case's local. A call of C
//! is described like a task: the runtime starts it when it must, with a payload that is built here.
//! Deliberately not here: waiting (runtime), which block runs (check makes tests of the number).

use super::context::Codegen;
use super::emit::Value;
use super::function::{Body, Temporary, parameter};
use crate::ir::{
    Expr, ExprKind, ExternArg, ExternId, LocalId, RuntimeFunction, SelectCase as Case, SelectSource, SelectStrategy,
};
use crate::source::Span;
use crate::types::{self, TypeId};
use coex_runtime::abi::{SelectCase, select_kind, select_strategy};
use inkwell::values::PointerValue;
use std::mem::{offset_of, size_of};

/// Result, out variables, values, place of the call: where they lie in the payload of a call.
struct Payload {
    result: Option<TypeId>,
    outs: Vec<(TypeId, u64)>,
    values: Vec<(TypeId, u64)>,
    site: u64,
    size: u32,
}

/// The payload of a case, in the frame, and the variables that it goes to.
struct Call<'ctx> {
    image: Temporary<'ctx>,
    payload: Payload,
    out: Option<LocalId>,
    outs: Vec<LocalId>,
}

impl<'ctx> Codegen<'_, 'ctx> {
    fn foreign_payload(&self, id: ExternId) -> Payload {
        let external = self.program.external(id);
        let of = |out: bool| external.params.iter().filter(move |param| param.out == out).map(|param| param.ty);
        let outs = of(true).count();
        let params: Vec<TypeId> = of(true).chain(of(false)).chain([types::INT]).collect();
        let (places, size) = self.payload_places(&params, external.result);
        let mut all: Vec<_> = params.into_iter().zip(places.into_iter().map(u64::from)).collect();
        let site = all.pop().map_or(0, |(_, at)| at);
        let values = all.split_off(outs);
        Payload { result: external.result, outs: all, values, site, size }
    }

    /// The `TaskInfo` of a call of this extern in a `select`.
    fn foreign_info(&self, id: ExternId, payload: &Payload) -> PointerValue<'ctx> {
        let name = format!("foreign.{}", id.0);
        if let Some(known) = self.module.get_global(&name) {
            return known.as_pointer_value();
        }
        let (stub, emit, memory) = self.open_stub(&format!("{name}.stub"));
        let mut operands = vec![parameter(stub, 0)];
        operands.extend(payload.values.iter().map(|&(ty, at)| self.load_argument(&emit, ty, emit.offset(memory, at))));
        operands.extend(payload.outs.iter().map(|&(_, at)| Value::from(emit.offset(memory, at))));
        operands.push(emit.load_ptr(emit.offset(memory, payload.site)).into());
        let call = self.mark_call(emit.call(self.external(id), &operands));
        self.finish_stub(&emit, memory, payload.result, call.try_as_basic_value().basic());
        let text = self.program.external(id).name;
        self.info(&name, stub, text.as_str(), payload.size, false)
    }
}

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
        let mut calls = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let entry = self.emit.offset(table.address, (size_of::<SelectCase>() * index) as u64);
            calls.extend(self.select_case(case, entry));
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
        for call in calls {
            self.take_results(call);
        }
        chosen
    }

    fn select_case(&mut self, case: &Case, entry: PointerValue<'ctx>) -> Option<Call<'ctx>> {
        let null = self.emit.types.ptr.const_null();
        match (&case.source, case.out) {
            (SelectSource::Channel(channel), Some(out)) => {
                let channel = self.reference(channel);
                let descriptor = self.codegen.descriptor(self.local_type(out));
                let out = self.locals[out.0 as usize];
                self.fill_case(entry, select_kind::RECEIVE, select_kind::NO_LIBRARY, [channel, out, descriptor]);
                None
            }
            (SelectSource::Call(Expr { kind: ExprKind::CallExtern { callee, args }, span, .. }), out) => {
                let call = self.call_payload(*callee, args, out, *span);
                let library = self.codegen.bindings[callee.0 as usize].library;
                let library = library.map_or(select_kind::NO_LIBRARY, |library| library.0);
                let info = self.codegen.foreign_info(*callee, &call.payload);
                let site = self.codegen.site(*span);
                self.fill_case(entry, select_kind::FOREIGN, library, [info, call.image.address, site]);
                Some(call)
            }
            (SelectSource::Exhausted, _) => {
                self.fill_case(entry, select_kind::EXHAUSTED, select_kind::NO_LIBRARY, [null, null, null]);
                None
            }
            _ => crate::bug!("a case of select that is none in {}", self.ir.name),
        }
    }

    /// `abi::SelectCase`; the pointers are `source`, `out`, `about`.
    fn fill_case(&self, entry: PointerValue<'ctx>, kind: u32, library: u32, pointers: [PointerValue<'ctx>; 3]) {
        let types = self.emit.types;
        let field = |at: usize| self.emit.offset(entry, at as u64);
        let [source, out, about] = pointers;
        self.emit.store(field(offset_of!(SelectCase, kind)), types.word32(kind));
        self.emit.store(field(offset_of!(SelectCase, library)), types.word32(library));
        self.emit.store(field(offset_of!(SelectCase, source)), source);
        self.emit.store(field(offset_of!(SelectCase, out)), out);
        self.emit.store(field(offset_of!(SelectCase, about)), about);
    }

    fn call_payload(&mut self, callee: ExternId, args: &[ExternArg], out: Option<LocalId>, span: Span) -> Call<'ctx> {
        let payload = self.codegen.foreign_payload(callee);
        let image = self.temporary(payload.size);
        let mut values = payload.values.iter();
        let mut outs = Vec::new();
        for arg in args {
            match arg {
                ExternArg::Out(local) => outs.push(*local),
                ExternArg::Value(value) => {
                    let Some(&(ty, at)) = values.next() else { crate::bug!("too many arguments in {}", self.ir.name) };
                    let value = self.value(value);
                    self.store_slot(ty, self.emit.offset(image.address, at), value);
                }
            }
        }
        for (&local, &(ty, at)) in outs.iter().zip(&payload.outs) {
            let value = self.load_slot(ty, self.locals[local.0 as usize]);
            self.store_slot(ty, self.emit.offset(image.address, at), value);
        }
        self.emit.store(self.emit.offset(image.address, payload.site), self.codegen.site(span));
        Call { image, payload, out, outs }
    }

    /// What the case's variables hold only counts where the case was chosen.
    fn take_results(&mut self, call: Call<'ctx>) {
        let image = call.image.address;
        if let (Some(ty), Some(out)) = (call.payload.result, call.out) {
            self.store_slot(ty, self.locals[out.0 as usize], self.load_slot(ty, image));
        }
        for (&local, &(ty, at)) in call.outs.iter().zip(&call.payload.outs) {
            self.store_slot(ty, self.locals[local.0 as usize], self.load_slot(ty, self.emit.offset(image, at)));
        }
        self.release(call.image);
    }
}
