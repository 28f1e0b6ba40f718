//! Implicit conversions and conditions (language reference 3.4, 3.6, 3.8).
//!
//! In: an elaborated expression and the type it is used at. Out: the expression with its conversions; E0304, E0305,
//! E0312. Deliberately not here: `as` (`cast`).

use super::body::{Body, make, unknown};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Conversion, Expr, ExprKind, RuntimeFunction};
use crate::source::Span;
use crate::types::{self, FunctionKind, Type, TypeId};

/// As messages call what belongs to no library.
const PROGRAM: &str = "the program";

impl<'a> Body<'_, 'a> {
    /// Makes the value usable at the type; a mismatch is E0305 at the span.
    pub(crate) fn convert(&mut self, value: Expr, target: TypeId, span: Span) -> Expr {
        match self.try_convert(value, target) {
            Ok(converted) => converted,
            Err(value) => {
                if !self.is_assigned_to_atomic(&value, target, span) {
                    self.mismatch(&value, target, span);
                }
                unknown(span)
            }
        }
    }

    pub(crate) fn mismatch(&mut self, value: &Expr, target: TypeId, span: Span) {
        if let (Type::Handle(from), Type::Handle(to)) =
            (self.shape(value.ty.unwrap_or(types::UNKNOWN)).clone(), self.shape(target).clone())
        {
            let (from, to) = (self.library_name(from), self.library_name(to));
            let message = format!("Handle of library '{from}' passed to library '{to}'");
            let mut diagnostic = Diagnostic::new(Code::E1105, span, message);
            if to == PROGRAM {
                diagnostic = diagnostic.help(format!("outside of '{from}' its type is written {from}.handle"));
            }
            self.report(diagnostic);
            return;
        }
        if let (Type::Json, Some(ty)) = (self.shape(target).clone(), value.ty) {
            self.no_json(ty, span);
            self.silence(ty);
            return;
        }
        let (expected, found) = match value.ty {
            Some(_) if matches!(value.kind, ExprKind::Nil) => (self.type_name(target), "nil".to_owned()),
            Some(ty) => self.type_names(target, ty),
            None => (self.type_name(target), "no value".to_owned()),
        };
        let message = format!("Type mismatch: expected {expected}, found {found}");
        let mut diagnostic = Diagnostic::new(Code::E0305, span, message).label(format!("this is {found}"));
        let from = value.ty.map_or(types::UNKNOWN, |ty| self.shallow(ty));
        let (is_result, is_nil) = (matches!(self.shape(from), Type::Result(..)), matches!(value.kind, ExprKind::Nil));
        match (self.shallow(target), from) {
            _ if is_nil => {}
            _ if is_result => diagnostic = diagnostic.help("write .unwrap() for the value of a Result"),
            (types::INT, types::FLOAT) => diagnostic = diagnostic.help("write int(…) to truncate"),
            (_, types::JSON) => diagnostic = diagnostic.help(format!("write 'as {expected}' to read it from json")),
            (types::STRING, _) => diagnostic = diagnostic.help("write str(…) for its text"),
            (types::INT, types::STRING) => diagnostic = diagnostic.help("write .int() to read a number"),
            _ => {}
        }
        self.report(diagnostic);
        if let Some(ty) = value.ty {
            self.silence(ty);
        }
        self.silence(target);
    }

    fn library_name(&self, library: Option<crate::types::LibraryId>) -> &'static str {
        library.map_or(PROGRAM, |library| self.c.sources.libraries[library.0 as usize].name.as_str())
    }

    pub(crate) fn try_convert(&mut self, value: Expr, target: TypeId) -> Result<Expr, Expr> {
        let Some(from) = value.ty.map(|ty| self.shallow(ty)) else { return Err(value) };
        let to = self.shallow(target);
        if from == to {
            return Ok(value);
        }
        let span = value.span;
        let wrap = |conversion, operand: Expr, ty| {
            make(ExprKind::Convert { conversion, operand: Box::new(operand) }, ty, span)
        };
        match (self.c.types.get(from).clone(), self.c.types.get(to).clone()) {
            (Type::Unknown, _) | (_, Type::Unknown) => {
                // One mistake, one message: what is open follows it.
                self.silence(from);
                self.silence(to);
                Ok(Expr { ty: Some(types::UNKNOWN), ..value })
            }
            (Type::Variable(_), _) | (_, Type::Variable(_)) => self.same(value, to),
            (Type::Optional(_), Type::Optional(_)) if matches!(value.kind, ExprKind::Nil) => {
                self.unify(from, to);
                Ok(make(ExprKind::Nil, to, span))
            }
            (Type::Optional(_), Type::Optional(_)) => self.same(value, to),
            (Type::Param(_), Type::Json) if self.generic => Ok(value),
            (_, Type::Json) => self.to_json(value),
            (Type::Optional(_), Type::Handle(_)) if matches!(value.kind, ExprKind::Nil) => {
                self.silence(from);
                Ok(make(ExprKind::Nil, to, span))
            }
            (_, Type::Optional(inner)) => {
                let present = self.try_convert(value, inner)?;
                Ok(make(ExprKind::Some(Box::new(present)), to, span))
            }
            (Type::Optional(inner), _) => {
                if matches!(value.kind, ExprKind::Nil) {
                    return Err(value);
                }
                if !self.converts(inner, to) {
                    return Err(value);
                }
                self.try_convert(make(ExprKind::Unwrap(Box::new(value)), inner, span), to)
            }
            (Type::Byte | Type::Char, Type::Int) => Ok(wrap(Conversion::WidenToInt, value, types::INT)),
            (Type::Byte | Type::Char, Type::Float) => {
                let widened = wrap(Conversion::WidenToInt, value, types::INT);
                Ok(wrap(Conversion::IntToFloat, widened, types::FLOAT))
            }
            (Type::Int, Type::Float) => Ok(match value.kind {
                ExprKind::Int(literal) => make(ExprKind::Float(literal as f64), types::FLOAT, span),
                _ => wrap(Conversion::IntToFloat, value, types::FLOAT),
            }),
            (Type::Int, Type::Byte | Type::Char) => match value.kind {
                ExprKind::Int(literal) => Ok(self.narrow_literal(literal, to, span)),
                _ => Err(value),
            },
            (Type::List(a), Type::Array(b)) => self.container(value, a, b, to, RuntimeFunction::ListToArray),
            (Type::List(a), Type::Set(b)) => self.container(value, a, b, to, RuntimeFunction::ListToSet),
            (Type::Array(a), Type::List(b)) => self.container(value, a, b, to, RuntimeFunction::ArrayToList),
            (Type::Array(a), Type::Set(b)) => self.container(value, a, b, to, RuntimeFunction::ArrayToSet),
            (Type::Set(a), Type::List(b)) => self.container(value, a, b, to, RuntimeFunction::SetToList),
            (Type::Set(a), Type::Array(b)) => self.container(value, a, b, to, RuntimeFunction::SetToArray),
            (
                Type::Function { kind: FunctionKind::Formula, params: ps, result: r },
                Type::Function { kind: FunctionKind::Func, params: qs, result: s },
            ) => {
                if self.unify_signatures((&ps, r), (&qs, s)) {
                    Ok(wrap(Conversion::Identity, value, to))
                } else {
                    Err(value)
                }
            }
            _ => self.same(value, to),
        }
    }

    /// Whether an unwrapped value would convert; keeps E0305 naming the whole type.
    pub(crate) fn converts(&mut self, inner: TypeId, to: TypeId) -> bool {
        let probe = make(ExprKind::Zero, inner, self.c.decls.functions[self.function.0 as usize].ast.span);
        self.try_convert(probe, to).is_ok()
    }

    fn same(&mut self, value: Expr, to: TypeId) -> Result<Expr, Expr> {
        let Some(from) = value.ty else { return Err(value) };
        if !self.unify(from, to) {
            return Err(value);
        }
        // Tuples whose items are named on one side only are equal but not the same.
        let (plain, wanted) = (self.resolve(from), self.resolve(to));
        if plain == wanted || self.c.has_unknown(plain) || self.generic {
            return Ok(value);
        }
        let span = value.span;
        let conversion = Conversion::Identity;
        Ok(make(ExprKind::Convert { conversion, operand: Box::new(value) }, to, span))
    }

    fn container(
        &mut self,
        value: Expr,
        from: TypeId,
        to: TypeId,
        target: TypeId,
        function: RuntimeFunction,
    ) -> Result<Expr, Expr> {
        if !self.unify(from, to) {
            return Err(value);
        }
        let span = value.span;
        Ok(make(ExprKind::Runtime { function, args: vec![value] }, target, span))
    }

    /// An integer literal at byte or char.
    fn narrow_literal(&mut self, literal: i64, ty: TypeId, span: Span) -> Expr {
        let fits = match ty {
            types::BYTE => u8::try_from(literal).is_ok(),
            _ => u32::try_from(literal).is_ok_and(|code| char::from_u32(code).is_some()),
        };
        if !fits {
            let name = self.type_name(ty);
            let range = if ty == types::BYTE { "0 to 255" } else { "a Unicode scalar value" };
            let diagnostic = Diagnostic::new(Code::E0304, span, format!("Literal {literal} does not fit type {name}"))
                .label(format!("a {name} is {range}"));
            self.report(diagnostic);
            return unknown(span);
        }
        make(ExprKind::Int(literal), ty, span)
    }

    /// The checked unwrap of 3.6, where a plain value is demanded.
    pub(crate) fn unwrapped(&mut self, value: Expr) -> Expr {
        let Some(ty) = value.ty else { return value };
        match *self.shape(ty) {
            Type::Optional(inner) => {
                let span = value.span;
                make(ExprKind::Unwrap(Box::new(value)), inner, span)
            }
            _ => value,
        }
    }

    /// The value as a condition, of type bool.
    pub(crate) fn condition(&mut self, value: Expr, span: Span) -> Expr {
        let Some(ty) = value.ty.map(|ty| self.shallow(ty)) else { return unknown(span) };
        let not_zero = |zero: ExprKind, value: Expr| {
            let right = Box::new(make(zero, ty, span));
            make(ExprKind::Equal { left: Box::new(value), right, negate: true }, types::BOOL, span)
        };
        match self.c.types.get(ty).clone() {
            Type::Bool => value,
            Type::Unknown => Expr { ty: Some(types::BOOL), ..value },
            Type::Param(_) if self.generic => Expr { ty: Some(types::BOOL), ..value },
            Type::Int => not_zero(ExprKind::Int(0), value),
            Type::Float => not_zero(ExprKind::Float(0.0), value),
            Type::Result(..) => {
                let tag = make(ExprKind::Tag(Box::new(value)), types::INT, span);
                let ok = Box::new(make(ExprKind::Int(0), types::INT, span));
                make(ExprKind::Equal { left: Box::new(tag), right: ok, negate: false }, types::BOOL, span)
            }
            Type::Optional(inner) => match self.shape(inner) {
                Type::Int | Type::Float | Type::Bool => {
                    let name = self.type_name(ty);
                    let message = format!("Type '{name}' is not a condition");
                    let diagnostic = Diagnostic::new(Code::E0312, span, message).help("compare with nil, or unwrap");
                    self.report(diagnostic);
                    unknown(span)
                }
                _ => make(ExprKind::IsSome(Box::new(value)), types::BOOL, span),
            },
            Type::Variable(_) => {
                self.unify(ty, types::BOOL);
                value
            }
            _ => {
                let name = self.type_name(ty);
                let message = format!("Type '{name}' is not a condition");
                let help = match self.shape(ty) {
                    Type::Handle(_) => "compare it with nil",
                    _ => "write .len() > 0 or a comparison",
                };
                let diagnostic = Diagnostic::new(Code::E0312, span, message).help(help);
                self.report(diagnostic);
                unknown(span)
            }
        }
    }
}
