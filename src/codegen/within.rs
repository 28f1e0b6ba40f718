//! `within`: its body becomes a function of its own, which the runtime can leave from anywhere.
//!
//! In: the statement. Out: the function, and the call of it through `coex_land`. The body reaches the variables that it
//! shares with its function through pointers; what it says at its end tells where control goes on. No tables for
//! unwinding: the frames of a cancelled body are dropped. Deliberately not here: deadlines, landings (runtime).

use super::debug_info::{Shared, Variables};
use super::emit::{Value, built};
use super::function::{Body, parameter};
use crate::ir::{Block, Expr, LocalId, RuntimeFunction};
use crate::source::Span;
use coex_runtime::abi::{LANDED, Landing};
use inkwell::types::BasicTypeEnum;
use inkwell::values::{FunctionValue, IntValue, PointerValue};

/// What a body yields when it was not cancelled.
mod ending {
    pub(super) const FELL_OFF: i64 = 0;
    pub(super) const RETURN: i64 = 1;
    pub(super) const BREAK: i64 = 2;
    pub(super) const CONTINUE: i64 = 3;
}

/// A body that is being lowered.
#[derive(Clone, Copy)]
pub(super) struct Outlined<'ctx> {
    /// Where `return e` leaves its value.
    result: PointerValue<'ctx>,
    returns: bool,
    breaks: bool,
    continues: bool,
}

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn within(&mut self, duration: &Expr, body: &Block, otherwise: &Block, shared: &[LocalId], span: Span) {
        let types = self.emit.types;
        let duration = self.int_value(duration);
        let result = self.result_slot();
        let env = self.alloca(types.ptr.array_type(shared.len() as u32 + 1).into());
        let pointers = shared.iter().map(|local| self.locals[local.0 as usize]);
        for (index, pointer) in std::iter::once(result).chain(pointers).enumerate() {
            self.emit.store(self.emit.offset(env, 8 * index as u64), pointer);
        }
        let (func, endings) = self.outline_within(body, shared, span);
        let landing = self.alloca(types.i64.array_type((size_of::<Landing>() / 8) as u32).into());
        let args = [self.fiber.into(), landing.into(), duration.into()];
        let entered = self.runtime_value(RuntimeFunction::WithinEnter, &args).into_int_value();
        let [run, in_time, late, end] = std::array::from_fn(|_| self.new_block());
        self.emit.branch(entered, run, late);

        self.emit.at(run);
        let code = func.as_global_value().as_pointer_value();
        let none = types.ptr.const_null();
        let args = [self.fiber.into(), landing.into(), code.into(), env.into(), none.into()];
        let ending = self.emit.call(self.landing_call(), &args).try_as_basic_value().unwrap_basic().into_int_value();
        let landed = self.emit.compare(inkwell::IntPredicate::EQ, ending, types.int(LANDED));
        self.emit.branch(landed, late, in_time);

        self.emit.at(in_time);
        self.runtime_call(RuntimeFunction::WithinLeave, &[self.fiber.into(), landing.into()]);
        self.go_on(ending, endings, result);
        self.emit.jump(end);
        self.emit.at(late);
        self.block(otherwise);
        self.emit.jump(end);
        self.emit.at(end);
    }

    /// Where the body's `return e` leaves its value: in the frame of the function.
    fn result_slot(&mut self) -> PointerValue<'ctx> {
        match (&self.outlined, self.ir.result) {
            (Some(outlined), _) => outlined.result,
            (None, Some(ty)) => self.alloca(self.codegen.slot_type(ty)),
            (None, None) => self.emit.types.ptr.const_null(),
        }
    }

    /// `coex_land(fiber, landing, body, environment, null)`
    fn landing_call(&self) -> FunctionValue<'ctx> {
        const NAME: &str = "coex_land";
        self.codegen.module.get_function(NAME).unwrap_or_else(|| {
            let params = [BasicTypeEnum::from(self.emit.types.ptr).into(); 5];
            self.codegen.module.add_function(NAME, self.emit.types.i64.fn_type(&params, false), None)
        })
    }

    fn outline_within(&self, body: &Block, shared: &[LocalId], span: Span) -> (FunctionValue<'ctx>, Outlined<'ctx>) {
        let types = self.emit.types;
        let params = [BasicTypeEnum::from(types.ptr).into(); 3];
        let name = format!("{}.within", self.func.get_name().to_string_lossy());
        let func = self.codegen.declare(&name, types.i64.fn_type(&params, false));
        let mut inner = Body::open(self.codegen, self.ir, func);
        inner.id = self.id;
        let env = parameter(func, 1).into_pointer_value();
        let result = inner.emit.load_ptr(env);
        inner.locals = self.ir.locals.iter().map(|local| inner.alloca(self.codegen.slot_type(local.ty))).collect();
        for (index, local) in shared.iter().enumerate() {
            inner.locals[local.0 as usize] = inner.emit.load_ptr(inner.emit.offset(env, 8 * (index as u64 + 1)));
        }
        inner.describe_function(Some("within"), Variables::Part { text: span, shared: Shared::Referred(shared) });
        inner.at_place(span);
        inner.outlined = Some(Outlined { result, returns: false, breaks: false, continues: false });
        inner.block(body);
        inner.end_outlined(ending::FELL_OFF);
        let Some(endings) = inner.outlined else { crate::bug!("the body of a 'within' is lost") };
        inner.close();
        (func, endings)
    }

    /// Does in this function what the body said.
    fn go_on(&mut self, ending: IntValue<'ctx>, endings: Outlined<'ctx>, result: PointerValue<'ctx>) {
        if endings.returns {
            self.when(ending, ending::RETURN, |this| {
                let value = this.ir.result.map(|ty| this.load_slot(ty, result));
                this.leave(value);
            });
        }
        if endings.breaks {
            self.when(ending, ending::BREAK, |this| this.leave_loop(true));
        }
        if endings.continues {
            self.when(ending, ending::CONTINUE, |this| this.leave_loop(false));
        }
    }

    /// `act` ends its block.
    fn when(&mut self, ending: IntValue<'ctx>, wanted: i64, act: impl FnOnce(&mut Self)) {
        let (here, on) = (self.new_block(), self.new_block());
        let is = self.emit.compare(inkwell::IntPredicate::EQ, ending, self.emit.types.int(wanted));
        self.emit.branch(is, here, on);
        self.emit.at(here);
        act(self);
        self.emit.at(on);
    }

    fn end_outlined(&mut self, ending: i64) {
        let ending: Value<'ctx> = self.emit.types.int(ending).into();
        built(self.emit.builder.build_return(Some(&ending)));
    }

    /// `return` out of a body; true when this is one.
    pub(super) fn return_outlined(&mut self, value: Option<Value<'ctx>>) -> bool {
        let Some(outlined) = &mut self.outlined else { return false };
        outlined.returns = true;
        let result = outlined.result;
        if let (Some(value), Some(ty)) = (value, self.ir.result) {
            self.store_slot(ty, result, value);
        }
        self.end_outlined(ending::RETURN);
        true
    }

    /// `break` and `continue`, also out of a body.
    pub(super) fn leave_loop(&mut self, is_break: bool) {
        if let Some(targets) = self.loops.last() {
            return self.emit.jump(if is_break { targets.exit } else { targets.next });
        }
        let Some(outlined) = &mut self.outlined else { crate::bug!("break or continue outside a loop") };
        match is_break {
            true => outlined.breaks = true,
            false => outlined.continues = true,
        }
        self.leave_scopes();
        self.end_outlined(if is_break { ending::BREAK } else { ending::CONTINUE });
    }
}
