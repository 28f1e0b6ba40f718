//! Channels and atomic cells: creation, and what may be in them (language reference 10.3, 10.6).
//!
//! In: creation forms, plain values where a cell is wanted, types that hold others. Out: IR; E0309, E0705, E1001, E1002,
//! E1006, E1007. Deliberately not here: their methods (`builtins`), `select`.

use super::Checker;
use super::args::Called;
use super::body::{Body, make, unknown};
use super::call::Written;
use super::properties::Contains;
use super::stmt::LastCall;
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind, RuntimeFunction};
use crate::source::{Span, Symbol};
use crate::types::{self, AtomicKind, Type, TypeId};

const ASSIGNED: &str = "Atomics cannot be assigned; use store or fetch_add";

/// The type of what a cell holds.
fn content(kind: AtomicKind) -> TypeId {
    match kind {
        AtomicKind::Int => types::INT,
        AtomicKind::Float => types::FLOAT,
        AtomicKind::Bool => types::BOOL,
    }
}

impl Checker<'_> {
    /// E1001, E1002 and E1007 for a type that is written or inferred.
    pub(crate) fn check_shared(&mut self, ty: TypeId, span: Span) {
        match self.types.get(ty).clone() {
            Type::Channel(element) if matches!(self.types.get(element), Type::Optional(_)) => {
                let diagnostic = Diagnostic::new(Code::E1001, span, "Channel element type cannot be optional")
                    .note("receive() yields nil once the channel is closed and drained");
                self.report(diagnostic);
            }
            Type::Channel(element) if self.contains(element, Contains::Handle) => {
                self.error(Code::E1002, span, "Cannot send FFI handle on a channel");
            }
            Type::AtomicRef(inner) if self.contains(inner, Contains::Handle) => {
                self.error(Code::E1007, span, "Cannot store FFI handle in an atomic");
            }
            _ => {}
        }
    }
}

impl<'a> Body<'_, 'a> {
    /// What types and operations asked for, now that all types are known.
    pub(crate) fn finish_shared_checks(&mut self) {
        for (ty, span) in std::mem::take(&mut self.shared_checks) {
            let ty = self.resolve(ty);
            match self.c.types.get(ty).clone() {
                Type::Channel(_) | Type::AtomicRef(_) => self.c.check_shared(ty, span),
                _ if self.c.contains(ty, Contains::Function) => {
                    self.error(Code::E0309, span, "Functions cannot be compared");
                }
                _ => {}
            }
        }
    }

    /// `Channel<T>.new(…)` and `atomic_ref.new(…)`; other members are E0504.
    pub(crate) fn call_shared_static(
        &mut self,
        owner: &'static str,
        type_args: &'a [ast::TypeExpr],
        name: ast::Ident,
        written: Written<'a>,
    ) -> Expr {
        let is_channel = owner == "Channel";
        if self.effect_in_formula(if is_channel { "a channel" } else { "an atomic" }, written.span) {
            return self.drop_args(written);
        }
        if name.name.as_str() != "new" {
            let message = format!("Undefined method '{}' on type '{owner}'", name.name);
            self.error(Code::E0504, name.span, message);
            return self.drop_args(written);
        }
        let (inner, at) = match type_args {
            [] => (self.fresh_for(written.name_span, owner), written.name_span),
            [arg] => (self.lower_type(arg), arg.span),
            several => {
                let found = several.len();
                let message = format!("Wrong arguments for '{owner}': expected 1 type argument, found {found}");
                self.error(Code::E0506, written.name_span, message);
                return self.drop_args(written);
            }
        };
        let ty = self.c.types.intern(if is_channel { Type::Channel(inner) } else { Type::AtomicRef(inner) });
        self.shared_checks.push((ty, at));
        if let Some(expected) = written.expected {
            self.expect_result(ty, expected);
        }
        if is_channel { self.new_channel(ty, written) } else { self.new_reference(ty, inner, written) }
    }

    fn new_channel(&mut self, ty: TypeId, written: Written<'a>) -> Expr {
        let params = [types::INT];
        let called = Called {
            name: "Channel.new",
            params: vec![(Symbol::new("buffer"), false)],
            types: &params,
            optional: 1,
            cells: false,
            span: written.name_span,
        };
        let Some((_, mut args)) = self.arguments(&called, written.args, None) else {
            self.silence(ty);
            return unknown(written.span);
        };
        if args.is_empty() {
            args.push(self.int(0, written.span));
        }
        self.last_call = LastCall::Effect;
        make(ExprKind::Runtime { function: RuntimeFunction::ChannelNew, args }, ty, written.span)
    }

    fn new_reference(&mut self, ty: TypeId, inner: TypeId, written: Written<'a>) -> Expr {
        let params = [self.c.types.optional(inner)];
        let called = Called {
            name: "atomic_ref.new",
            params: vec![(Symbol::new("v"), false)],
            types: &params,
            optional: 0,
            cells: false,
            span: written.name_span,
        };
        let Some((_, args)) = self.arguments(&called, written.args, None) else {
            self.silence(ty);
            return unknown(written.span);
        };
        self.last_call = LastCall::Effect;
        self.check_sent_to_shared(ty, "new", &args, written);
        make(ExprKind::Runtime { function: RuntimeFunction::AtomicRefNew, args }, ty, written.span)
    }

    /// `atomic_int(0)`
    pub(crate) fn new_cell(&mut self, ty: &'a ast::TypeExpr, arg: &'a ast::Expr, span: Span) -> Expr {
        let target = self.lower_type(ty);
        let value = self.expr(arg, None);
        if self.effect_in_formula("an atomic", span) {
            return unknown(span);
        }
        let mut cell = self.convert_or_cell(value, target, arg.span);
        cell.span = span;
        cell
    }

    /// Conversion where a plain value makes a fresh cell: declarations and fields (3.4).
    pub(crate) fn convert_or_cell(&mut self, value: Expr, target: TypeId, span: Span) -> Expr {
        let from = value.ty.map(|ty| self.shape(ty).clone());
        match self.shape(target).clone() {
            Type::Atomic(kind) if !matches!(from, None | Some(Type::Atomic(_) | Type::Unknown)) => {
                if self.effect_in_formula("an atomic", span) {
                    return unknown(span);
                }
                match self.try_convert(value, content(kind)) {
                    Ok(value) => make(ExprKind::Cell(Box::new(value)), target, span),
                    Err(value) => {
                        self.mismatch(&value, target, span);
                        unknown(span)
                    }
                }
            }
            Type::AtomicRef(inner) if matches!(value.kind, ExprKind::Nil) => {
                if self.effect_in_formula("an atomic", span) {
                    return unknown(span);
                }
                let content = self.c.types.optional(inner);
                let nil = self.convert(value, content, span);
                make(ExprKind::Runtime { function: RuntimeFunction::AtomicRefNew, args: vec![nil] }, target, span)
            }
            _ => self.convert(value, target, span),
        }
    }

    /// E1006: a plain value where a cell is wanted.
    pub(crate) fn is_assigned_to_atomic(&mut self, value: &Expr, target: TypeId, span: Span) -> bool {
        let plain = match self.shape(target) {
            Type::Atomic(_) => {
                let ty = value.ty.unwrap_or(types::UNKNOWN);
                matches!(self.shape(ty), Type::Int | Type::Float | Type::Bool | Type::Byte | Type::Char)
            }
            Type::AtomicRef(_) => matches!(value.kind, ExprKind::Nil),
            _ => false,
        };
        if plain {
            self.report(Diagnostic::new(Code::E1006, span, ASSIGNED));
            // Nothing else will say what is open in a nil.
            value.ty.into_iter().for_each(|ty| self.silence(ty));
        }
        plain
    }

    /// E1006 for `c += 1`.
    pub(crate) fn is_atomic_compound(&mut self, place: &Expr, span: Span) -> bool {
        let found = matches!(self.shape(place.ty.unwrap_or(types::UNKNOWN)), Type::Atomic(_) | Type::AtomicRef(_));
        if found {
            self.report(Diagnostic::new(Code::E1006, span, ASSIGNED));
        }
        found
    }

    /// E0705 for a method of a channel or an atomic.
    pub(crate) fn is_shared_in_formula(&mut self, receiver: TypeId, span: Span) -> bool {
        match self.shape(receiver) {
            Type::Channel(_) => self.effect_in_formula("a channel", span),
            Type::Atomic(_) | Type::AtomicRef(_) => self.effect_in_formula("an atomic", span),
            _ => false,
        }
    }

    /// Function values that capture a handle must not leave; compared contents must have `==`.
    pub(crate) fn check_sent_to_shared(&mut self, receiver: TypeId, name: &str, values: &[Expr], written: Written<'a>) {
        let (code, message) = match *self.shape(receiver) {
            Type::Channel(_) => (Code::E1002, "Cannot send FFI handle on a channel"),
            Type::AtomicRef(inner) => {
                if name == "compare_and_swap" {
                    self.shared_checks.push((inner, written.name_span));
                }
                (Code::E1007, "Cannot store FFI handle in an atomic")
            }
            _ => return,
        };
        for value in values {
            let inner = match &value.kind {
                ExprKind::Some(inner) => inner,
                _ => value,
            };
            if self.captures_handle(inner) {
                self.error(code, value.span, message);
            }
        }
    }
}
