//! Results on their way back from C (language reference 11.6).
//!
//! In: the C result. Out: the Coex value: a copy, a handle, a Result, or a panic at the place of the call.
//! Deliberately not here: out variables.

use super::Foreign;
use crate::bind::{Failure, Owner, ResultPlan, SuccessPlan};
use crate::codegen::emit::{Value, built};
use crate::ir::{ErrorRule, RuntimeFunction};
use crate::native::CType;
use crate::types::{LibraryId, Type, TypeId};
use coex_runtime::abi::{CoexBytes, offset};
use inkwell::IntPredicate;
use inkwell::values::{IntValue, PointerValue};
use std::mem::offset_of;

const OK: u32 = 0;
const ERR: u32 = 1;
const RESOURCE_EXHAUSTED: &str = "ResourceExhausted";
/// `COEX_FFI_RESOURCE_EXHAUSTED` of `coex_ffi.h`, negated like every error of the rule `negative`.
const EXHAUSTED_CODE: i64 = 100;

impl<'ctx> Foreign<'_, 'ctx> {
    pub(super) fn result(&mut self, c: Option<Value<'ctx>>) -> Option<Value<'ctx>> {
        let binding = self.binding;
        match &binding.result {
            ResultPlan::Plain(success) => {
                if self.is_plain {
                    self.look();
                } else if self.is_library() {
                    self.panic_when(self.has_failed(), RuntimeFunction::PanicFfiFailure, &[]);
                }
                let ty = self.external.result?;
                Some(self.success(success, ty, c))
            }
            ResultPlan::Fallible { rule, success, failure } => {
                let Some(ty) = self.external.result else { crate::bug!("a fallible extern without result") };
                Some(self.fallible(ty, *rule, success, failure, c))
            }
        }
    }

    /// The runtime makes the instance. Without resources for it an extern with string errors yields one; others panic.
    pub(super) fn new_instance(&mut self, library: LibraryId) -> Value<'ctx> {
        let index = self.body.emit.types.int(library.0.into());
        let fiber = self.body.fiber.into();
        let (ResultPlan::Fallible { failure: Failure::Text { .. }, .. }, Some(ty)) =
            (&self.binding.result, self.external.result)
        else {
            return self.body.runtime_value(RuntimeFunction::InstanceGet, &[fiber, index.into(), self.site.into()]);
        };
        let made = self.body.runtime_value(RuntimeFunction::InstanceTryGet, &[fiber, index.into()]);
        let (refused, granted) = (self.body.new_block(), self.body.new_block());
        self.body.emit.branch(self.body.emit.is_null(made.into_pointer_value()), refused, granted);
        self.body.emit.at(refused);
        let error = self.text(RESOURCE_EXHAUSTED);
        let error = self.body.case_of(ty, ERR, vec![error]);
        self.body.leave(Some(error));
        self.body.emit.at(granted);
        made
    }

    /// `coex_ffi_fail` was called.
    pub(super) fn has_failed(&self) -> IntValue<'ctx> {
        let emit = &self.body.emit;
        let flag = self.body.read_shared(emit.types.i32, offset::FIBER_FFI_FAILED);
        emit.is_not_zero(flag)
    }

    // ------------------------------------------------------------------------------------------------- success

    pub(super) fn success(&mut self, plan: &SuccessPlan, ty: TypeId, c: Option<Value<'ctx>>) -> Value<'ctx> {
        if let SuccessPlan::True = plan {
            return self.body.emit.types.i1.const_int(1, false).into();
        }
        let Some(c) = c else { crate::bug!("extern {} has no C result", self.external.name) };
        match plan {
            SuccessPlan::Int { signed, .. } => {
                let value = self.widen(c.into_int_value(), *signed);
                match self.body.codegen.value_type(ty) {
                    inkwell::types::BasicTypeEnum::IntType(wanted) => self.body.emit.resize(value, wanted).into(),
                    _ => value.into(),
                }
            }
            SuccessPlan::Bool { .. } => self.body.emit.is_not_zero(c.into_int_value()).into(),
            SuccessPlan::Float { bits: 32 } => {
                let double = self.body.emit.types.f64;
                built(self.body.emit.builder.build_float_ext(c.into_float_value(), double, "")).into()
            }
            SuccessPlan::Float { .. } => c,
            SuccessPlan::String { nullable, owner } => self.string(c.into_pointer_value(), *nullable, owner),
            SuccessPlan::Bytes { array } => self.bytes(ty, *array, c.into_pointer_value()),
            SuccessPlan::Handle { token, nullable, release } => {
                let handle = self.wrapped_handle(c, *token, release.as_deref());
                if *nullable { self.nil_or_handle(ty, handle) } else { handle }
            }
            SuccessPlan::Struct(plan) => self.struct_result(ty, plan, c),
            SuccessPlan::Nothing | SuccessPlan::True => crate::bug!("a result that carries nothing"),
        }
    }

    /// A copy; then the owner's function gets the pointer back.
    fn string(&self, pointer: PointerValue<'ctx>, nullable: bool, owner: &Owner) -> Value<'ctx> {
        let emit = &self.body.emit;
        let is_null = emit.is_null(pointer);
        if !nullable {
            let name = self.text(self.external.name.as_str());
            self.panic_when(is_null, RuntimeFunction::PanicNullString, &[name]);
            return self.taken_string(pointer, owner);
        }
        let before = emit.block();
        let (present, end) = (self.body.new_block(), self.body.new_block());
        emit.branch(is_null, end, present);
        emit.at(present);
        let taken = self.taken_string(pointer, owner);
        let taken_in = emit.block();
        emit.jump(end);
        emit.at(end);
        emit.phi(&[(emit.types.ptr.const_null().into(), before), (taken, taken_in)])
    }

    fn taken_string(&self, pointer: PointerValue<'ctx>, owner: &Owner) -> Value<'ctx> {
        let copy = self.body.runtime_value(RuntimeFunction::StringFromC, &[self.body.fiber.into(), pointer.into()]);
        match owner {
            Owner::Borrowed => {}
            Owner::Free => {
                let free = if self.is_library() { "coex_shim_free" } else { "free" };
                self.call_c(free, &CType::Void, &[pointer.into()]);
            }
            Owner::Function(symbol) => {
                self.call_c(symbol, &CType::Void, &[pointer.into()]);
            }
        }
        copy
    }

    /// From a `coex_bytes *`; NULL gives no bytes.
    fn bytes(&self, ty: TypeId, array: bool, pointer: PointerValue<'ctx>) -> Value<'ctx> {
        let emit = &self.body.emit;
        let before = emit.block();
        let (present, end) = (self.body.new_block(), self.body.new_block());
        emit.branch(emit.is_null(pointer), end, present);
        emit.at(present);
        let len = emit.load_int(emit.offset(pointer, offset_of!(CoexBytes, len) as u64));
        let data = emit.load_ptr(emit.offset(pointer, offset_of!(CoexBytes, data) as u64));
        let value = self.bytes_value(ty, array, data, len);
        let value_in = emit.block();
        emit.jump(end);
        emit.at(end);
        emit.phi(&[(self.body.codegen.zero_value(ty), before), (value, value_in)])
    }

    /// NULL and 0 are the nil handle, which the runtime knows.
    fn wrapped_handle(&self, c: Value<'ctx>, token: bool, release: Option<&str>) -> Value<'ctx> {
        let emit = &self.body.emit;
        let pointer: Value<'ctx> =
            if token { built(emit.builder.build_int_to_ptr(c.into_int_value(), emit.types.ptr, "")).into() } else { c };
        let release: Value<'ctx> = match release {
            None => emit.types.ptr.const_null().into(),
            Some(symbol) => {
                let module = &self.body.codegen.module;
                let declared = module.get_function(symbol).unwrap_or_else(|| {
                    module.add_function(symbol, emit.types.void.fn_type(&[emit.types.ptr.into()], false), None)
                });
                declared.as_global_value().as_pointer_value().into()
            }
        };
        let args = [self.body.fiber.into(), self.instance.into(), pointer, release];
        self.body.runtime_value(RuntimeFunction::HandleWrap, &args)
    }

    /// `handle?`: the nil handle becomes nil.
    fn nil_or_handle(&mut self, ty: TypeId, handle: Value<'ctx>) -> Value<'ctx> {
        let emit = &self.body.emit;
        let before = emit.block();
        let (present, end) = (self.body.new_block(), self.body.new_block());
        emit.branch(emit.is_zero(handle.into_int_value()), end, present);
        emit.at(present);
        let some = self.body.some_of(ty, handle);
        let emit = &self.body.emit;
        let some_in = emit.block();
        emit.jump(end);
        emit.at(end);
        emit.phi(&[(self.body.codegen.zero_value(ty), before), (some, some_in)])
    }

    // -------------------------------------------------------------------------------------------------- errors

    fn fallible(
        &mut self,
        ty: TypeId,
        rule: ErrorRule,
        success: &SuccessPlan,
        failure: &Failure,
        c: Option<Value<'ctx>>,
    ) -> Value<'ctx> {
        let Type::Result(value_ty, _) = *self.body.codegen.program.types.get(ty) else {
            crate::bug!("a fallible extern without Result")
        };
        let (said, unsaid) = (self.body.new_block(), self.body.new_block());
        let (bad, good, end) = (self.body.new_block(), self.body.new_block(), self.body.new_block());
        self.body.emit.branch(self.has_failed(), said, unsaid);

        // The C code said so itself.
        self.body.emit.at(said);
        let error = self.failure_said(failure);
        let from_said = self.body.case_of(ty, ERR, vec![error]);
        let said_in = self.body.emit.block();
        self.body.emit.jump(end);

        self.body.emit.at(unsaid);
        let wrong = self.is_wrong(rule, c);
        self.body.emit.branch(wrong, bad, good);

        self.body.emit.at(bad);
        let error = self.failure_by_rule(rule, failure, c);
        let from_bad = self.body.case_of(ty, ERR, vec![error]);
        let bad_in = self.body.emit.block();
        self.body.emit.jump(end);

        self.body.emit.at(good);
        let value = self.success(success, value_ty, c);
        let from_good = self.body.case_of(ty, OK, vec![value]);
        let good_in = self.body.emit.block();
        self.body.emit.jump(end);

        self.body.emit.at(end);
        self.body.emit.phi(&[(from_said, said_in), (from_bad, bad_in), (from_good, good_in)])
    }

    pub(super) fn failure_said(&self, failure: &Failure) -> Value<'ctx> {
        let function = match failure {
            Failure::Code => RuntimeFunction::FfiFailureCode,
            Failure::Text { .. } => RuntimeFunction::FfiFailureText,
        };
        self.body.runtime_value(function, &[self.body.fiber.into()])
    }

    /// Whether the C result means failure.
    fn is_wrong(&self, rule: ErrorRule, c: Option<Value<'ctx>>) -> IntValue<'ctx> {
        let emit = &self.body.emit;
        match (rule, c) {
            (ErrorRule::Negative, Some(Value::IntValue(result))) => {
                emit.compare(IntPredicate::SLT, self.wide_result(result), emit.types.int(0))
            }
            (ErrorRule::Nonzero, Some(Value::IntValue(result))) => emit.is_not_zero(result),
            (ErrorRule::Errno, Some(Value::IntValue(result))) => {
                emit.compare(IntPredicate::EQ, self.wide_result(result), emit.types.int(-1))
            }
            (ErrorRule::Null | ErrorRule::Errno, Some(Value::PointerValue(result))) => emit.is_null(result),
            _ => emit.types.i1.const_zero(),
        }
    }

    /// The C result as a 64-bit number, by the sign of its C type.
    fn wide_result(&self, result: IntValue<'ctx>) -> IntValue<'ctx> {
        let signed = matches!(self.binding.signature.result, CType::Int { signed: true, .. });
        self.widen(result, signed)
    }

    fn failure_by_rule(&self, rule: ErrorRule, failure: &Failure, c: Option<Value<'ctx>>) -> Value<'ctx> {
        let emit = &self.body.emit;
        // NULL says nothing of the reason but what errno holds.
        let by_errno = matches!(rule, ErrorRule::Errno | ErrorRule::Null);
        let code = match (rule, c) {
            (ErrorRule::Negative, Some(Value::IntValue(result))) => {
                emit.sub(emit.types.int(0), self.wide_result(result))
            }
            (ErrorRule::Nonzero, Some(Value::IntValue(result))) => self.wide_result(result),
            _ => self.widen(self.current_errno().into_int_value(), true),
        };
        if let Failure::Code = failure {
            return code.into();
        }
        if !matches!(rule, ErrorRule::Negative) {
            return self.failure_text(failure, by_errno, code);
        }
        // The wrapper may say itself that resources are exhausted.
        let is_exhausted = emit.compare(IntPredicate::EQ, code, emit.types.int(EXHAUSTED_CODE));
        let (exhausted, other, end) = (self.body.new_block(), self.body.new_block(), self.body.new_block());
        emit.branch(is_exhausted, exhausted, other);
        emit.at(exhausted);
        emit.jump(end);
        emit.at(other);
        let text = self.failure_text(failure, by_errno, code);
        let other_in = emit.block();
        emit.jump(end);
        emit.at(end);
        emit.phi(&[(self.text(RESOURCE_EXHAUSTED), exhausted), (text, other_in)])
    }

    /// The text of an error that has a code.
    fn failure_text(&self, failure: &Failure, by_errno: bool, code: IntValue<'ctx>) -> Value<'ctx> {
        let fiber = self.body.fiber.into();
        match failure {
            Failure::Code => code.into(),
            Failure::Text { error_text: Some(symbol) } => {
                let pointer_type = CType::Pointer { to: Box::new(CType::Void), is_const: true };
                let text = self.call_c(symbol, &pointer_type, &[code.into()]);
                let Some(Value::PointerValue(text)) = text else { crate::bug!("error_text without a result") };
                self.string(text, false, &Owner::Borrowed)
            }
            Failure::Text { error_text: None } if by_errno => {
                self.body.runtime_value(RuntimeFunction::ErrnoText, &[fiber, code.into()])
            }
            Failure::Text { error_text: None } => {
                self.body.runtime_value(RuntimeFunction::ErrorCodeText, &[fiber, code.into()])
            }
        }
    }
}
