//! `e as T` and `T(e)` (language reference 3.5).
//!
//! In: a value and a type. Out: conversions, checked at run time where they can fail; E0307, E1106.
//! Deliberately not here: implicit conversions.

use super::body::{Body, assign, copy, make, unknown};
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{CompareOp, Conversion, Expr, ExprKind, RuntimeFunction, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

impl<'a> Body<'_, 'a> {
    pub(crate) fn cast(&mut self, operand: &'a ast::Expr, ty: &'a ast::TypeExpr, span: Span) -> Expr {
        let target = self.lower_type(ty);
        let value = self.expr(operand, Some(target));
        self.cast_to(value, target, span)
    }

    fn cast_to(&mut self, value: Expr, target: TypeId, span: Span) -> Expr {
        let from = self.shallow(value.ty.unwrap_or(types::UNKNOWN));
        let to = self.shallow(target);
        let (source, wanted) = (self.c.types.get(from).clone(), self.c.types.get(to).clone());
        match (&source, &wanted) {
            (Type::Unknown, _) | (_, Type::Unknown) => return unknown(span),
            (Type::Param(_), _) | (_, Type::Param(_)) if self.generic => return Expr { ty: Some(target), ..value },
            (Type::Variable(_), _) => {
                self.unify(from, to);
                return value;
            }
            (Type::Handle(_), _) if from != to => {
                self.error(Code::E1106, span, "Handles cannot be converted");
                return unknown(span);
            }
            _ => {}
        }
        if from == to {
            return value;
        }
        if source == Type::Json {
            let kept = value.ty;
            return match self.from_json(value, to, span) {
                Some(cast) => cast,
                None => self.no_cast(&Expr { kind: ExprKind::Zero, ty: kept, span }, to, span),
            };
        }
        if wanted == Type::Json {
            return self.convert(value, to, span);
        }
        if let Type::Optional(inner) = wanted {
            return self.cast_optional(value, from, inner, to, span);
        }
        if let Type::Optional(inner) = source {
            if self.unify(inner, to) {
                return make(ExprKind::Unwrap(Box::new(value)), to, span);
            }
            let plain = make(ExprKind::Unwrap(Box::new(value)), inner, span);
            return self.cast_to(plain, target, span);
        }
        match self.plain_cast(value, from, to, span) {
            Ok(cast) => cast,
            Err(value) => self.no_cast(&value, to, span),
        }
    }

    fn no_cast(&mut self, value: &Expr, to: TypeId, span: Span) -> Expr {
        let found = self.type_name(value.ty.unwrap_or(types::UNKNOWN));
        let wanted = self.type_name(to);
        self.report(Diagnostic::new(Code::E0307, span, format!("Cannot convert {found} to {wanted}")));
        unknown(span)
    }

    /// A cast that panics when it fails.
    fn plain_cast(&mut self, value: Expr, from: TypeId, to: TypeId, span: Span) -> Result<Expr, Expr> {
        let wrap =
            |conversion, operand, ty| make(ExprKind::Convert { conversion, operand: Box::new(operand) }, ty, span);
        Ok(match (from, to) {
            (types::INT, types::FLOAT) => wrap(Conversion::IntToFloat, value, to),
            (types::FLOAT, types::INT) => wrap(Conversion::FloatToInt, value, to),
            (types::BYTE | types::CHAR, types::INT) => wrap(Conversion::WidenToInt, value, to),
            (types::BYTE | types::CHAR, types::FLOAT) => {
                wrap(Conversion::IntToFloat, wrap(Conversion::WidenToInt, value, types::INT), to)
            }
            (types::INT, types::BYTE) => wrap(Conversion::IntToByte, value, to),
            (types::INT, types::CHAR) => wrap(Conversion::IntToChar, value, to),
            (types::BYTE, types::CHAR) => {
                wrap(Conversion::IntToChar, wrap(Conversion::WidenToInt, value, types::INT), to)
            }
            (types::CHAR, types::BYTE) => {
                wrap(Conversion::IntToByte, wrap(Conversion::WidenToInt, value, types::INT), to)
            }
            (types::BOOL, types::INT) => wrap(Conversion::BoolToInt, value, to),
            (types::INT, types::BOOL) => wrap(Conversion::IntToBool, value, to),
            (types::CHAR, types::STRING) => {
                let code = wrap(Conversion::WidenToInt, value, types::INT);
                let function = RuntimeFunction::StringFromChar;
                make(ExprKind::Runtime { function, args: vec![code] }, to, span)
            }
            (types::INT | types::FLOAT | types::BOOL | types::BYTE, types::STRING) => {
                let function = RuntimeFunction::ValueToString;
                make(ExprKind::Runtime { function, args: vec![value] }, to, span)
            }
            (types::STRING, types::INT | types::FLOAT) => self.parse_cast(value, to, span),
            _ => {
                let sequence = matches!(self.shape(from), Type::List(_) | Type::Array(_) | Type::Set(_))
                    && matches!(self.shape(to), Type::List(_) | Type::Array(_) | Type::Set(_));
                if sequence {
                    return self.try_convert(value, to);
                }
                let (a, b) = (self.resolve(from), self.resolve(to));
                if a != b && !self.c.has_variable(a) && !self.c.has_variable(b) {
                    return Err(value);
                }
                if !self.unify(from, to) {
                    return Err(value);
                }
                value
            }
        })
    }

    fn parsed(&mut self, text: Expr, to: TypeId, span: Span) -> (Expr, TypeId) {
        let function = if to == types::INT { RuntimeFunction::StringToInt } else { RuntimeFunction::StringToFloat };
        let optional = self.c.types.optional(to);
        (make(ExprKind::Runtime { function, args: vec![text] }, optional, span), optional)
    }

    /// `text as int`: panics `cannot convert "…" to int`.
    fn parse_cast(&mut self, text: Expr, to: TypeId, span: Span) -> Expr {
        let mut stmts = Vec::new();
        let local = self.temp(types::STRING, span);
        stmts.push(assign(local, text));
        let read = self.local_expr(local, span);
        let (parsed, optional) = self.parsed(copy(&read), to, span);
        let number = self.temp(optional, span);
        stmts.push(assign(number, parsed));
        let present = make(ExprKind::IsSome(Box::new(self.local_expr(number, span))), types::BOOL, span);
        let name = self.type_name(to);
        let name = make(ExprKind::Str(name), types::STRING, span);
        let panic = ExprKind::Runtime { function: RuntimeFunction::PanicConvert, args: vec![read, name] };
        let panic = Stmt { kind: StmtKind::Expr(Expr { kind: panic, ty: None, span }), span };
        let absent = make(ExprKind::Not(Box::new(present)), types::BOOL, span);
        stmts.push(Stmt { kind: StmtKind::If { arms: vec![(absent, vec![panic])], otherwise: Vec::new() }, span });
        let value = make(ExprKind::UnwrapUnchecked(Box::new(self.local_expr(number, span))), to, span);
        make(ExprKind::Block { stmts, value: Some(Box::new(value)) }, to, span)
    }

    /// `e as T?`: nil where `e as T` would panic.
    fn cast_optional(&mut self, value: Expr, from: TypeId, inner: TypeId, to: TypeId, span: Span) -> Expr {
        let inner = self.shallow(inner);
        let some = |value| make(ExprKind::Some(Box::new(value)), to, span);
        let nil = make(ExprKind::Nil, to, span);
        match (from, inner) {
            (types::STRING, types::INT | types::FLOAT) => self.parsed(value, inner, span).0,
            (types::INT, types::BYTE) => {
                let local = self.temp(from, span);
                let read = self.local_expr(local, span);
                let fits = within(&read, 0, 255, span);
                self.checked(local, value, fits, inner, to, nil, span)
            }
            (types::INT | types::BYTE, types::CHAR) => {
                let value = self.convert(value, types::INT, span);
                let local = self.temp(types::INT, span);
                let read = self.local_expr(local, span);
                let low = Box::new(within(&read, 0, 0xD7FF, span));
                let high = Box::new(within(&read, 0xE000, 0x10_FFFF, span));
                let fits = make(ExprKind::Or(low, high), types::BOOL, span);
                self.checked(local, value, fits, inner, to, nil, span)
            }
            (types::CHAR, types::BYTE) => {
                let value = self.convert(value, types::INT, span);
                let local = self.temp(types::INT, span);
                let read = self.local_expr(local, span);
                let fits = within(&read, 0, 255, span);
                self.checked(local, value, fits, inner, to, nil, span)
            }
            (types::FLOAT, types::INT) => {
                let local = self.temp(from, span);
                let read = self.local_expr(local, span);
                let bound = |value| Box::new(make(ExprKind::Float(value), types::FLOAT, span));
                let compare = |op, left, right| make(ExprKind::Compare { op, left, right }, types::BOOL, span);
                // -2^63 <= x < 2^63; both are floats exactly, and a NaN fails both.
                let low = compare(CompareOp::LessEqual, bound(-9_223_372_036_854_775_808.0), Box::new(copy(&read)));
                let high = compare(CompareOp::Less, Box::new(copy(&read)), bound(9_223_372_036_854_775_808.0));
                let fits = make(ExprKind::And(Box::new(low), Box::new(high)), types::BOOL, span);
                self.checked(local, value, fits, inner, to, nil, span)
            }
            _ => {
                if let Type::Optional(held) = *self.shape(from) {
                    return self.cast_held(value, held, to, span);
                }
                match self.plain_cast(value, from, inner, span) {
                    Ok(cast) => some(cast),
                    Err(value) => self.no_cast(&value, to, span),
                }
            }
        }
    }

    /// An optional to another optional: the contents are cast when present.
    fn cast_held(&mut self, value: Expr, held: TypeId, to: TypeId, span: Span) -> Expr {
        if matches!(value.kind, ExprKind::Nil) {
            return make(ExprKind::Nil, to, span);
        }
        let ty = value.ty.unwrap_or(types::UNKNOWN);
        let local = self.temp(ty, span);
        let stmts = vec![assign(local, value)];
        let read = self.local_expr(local, span);
        let condition = Box::new(make(ExprKind::IsSome(Box::new(copy(&read))), types::BOOL, span));
        let contents = make(ExprKind::UnwrapUnchecked(Box::new(read)), held, span);
        let then = Box::new(self.cast_to(contents, to, span));
        let otherwise = Box::new(make(ExprKind::Nil, to, span));
        let choice = make(ExprKind::If { condition, then, otherwise }, to, span);
        make(ExprKind::Block { stmts, value: Some(Box::new(choice)) }, to, span)
    }

    /// `{ local = value; fits ? Some(local as inner) : nil }`
    #[allow(clippy::too_many_arguments, reason = "the parts of one shape of code")]
    fn checked(
        &mut self,
        local: crate::ir::LocalId,
        value: Expr,
        fits: Expr,
        inner: TypeId,
        to: TypeId,
        nil: Expr,
        span: Span,
    ) -> Expr {
        let stmts = vec![assign(local, value)];
        let read = self.local_expr(local, span);
        let from = self.local_type(local);
        let cast = match self.plain_cast(read, from, inner, span) {
            Ok(cast) => cast,
            Err(value) => return self.no_cast(&value, to, span),
        };
        let then = Box::new(make(ExprKind::Some(Box::new(cast)), to, span));
        let kind = ExprKind::If { condition: Box::new(fits), then, otherwise: Box::new(nil) };
        let value = Some(Box::new(make(kind, to, span)));
        make(ExprKind::Block { stmts, value }, to, span)
    }
}

/// `low <= value <= high` for an int.
fn within(value: &Expr, low: i64, high: i64, span: Span) -> Expr {
    let bound = |bound| Box::new(make(ExprKind::Int(bound), types::INT, span));
    let compare = |left, right| make(ExprKind::Compare { op: CompareOp::LessEqual, left, right }, types::BOOL, span);
    let low = Box::new(compare(bound(low), Box::new(copy(value))));
    let high = Box::new(compare(Box::new(copy(value)), bound(high)));
    make(ExprKind::And(low, high), types::BOOL, span)
}
