//! Literals of numbers, tuples and collections (language reference 5.9).
//!
//! In: literals and the expected type. Out: IR literals; E0104, E0303, E0306, E0311.
//! Deliberately not here: comprehensions.

use super::body::{Body, make, unknown};
use crate::ast::{self, IntLiteral};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{self, TupleItem, Type, TypeId};

impl<'a> Body<'_, 'a> {
    pub(crate) fn int_literal(&mut self, literal: IntLiteral, negative: bool, span: Span) -> Expr {
        let Some(value) = literal_value(literal, negative) else {
            self.error(Code::E0104, span, "Number literal out of range");
            return unknown(span);
        };
        make(ExprKind::Int(value), types::INT, span)
    }

    /// nil of a type still open.
    pub(crate) fn nil(&mut self, span: Span) -> Expr {
        let inner = self.fresh_for(span, "nil");
        let ty = self.c.types.optional(inner);
        make(ExprKind::Nil, ty, span)
    }

    pub(crate) fn tuple(&mut self, items: &'a [ast::TupleItem], span: Span, expected: Option<TypeId>) -> Expr {
        let wanted = match self.expected_shape(expected) {
            Some(Type::Tuple(wanted)) if wanted.len() == items.len() => Some(wanted),
            _ => None,
        };
        let mut values = Vec::new();
        let mut parts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let target = wanted.as_ref().map(|wanted| wanted[index].ty);
            let mut value = self.expr(&item.value, target);
            if let Some(target) = target {
                value = self.convert(value, target, item.value.span);
            }
            let written = item.name.map(|name| name.name);
            let name = written.or(wanted.as_ref().and_then(|wanted| wanted[index].name));
            parts.push(TupleItem { name, ty: value.ty.unwrap_or(types::UNKNOWN) });
            values.push(value);
        }
        let ty = self.c.types.intern(Type::Tuple(parts));
        make(ExprKind::Aggregate(values), ty, span)
    }

    pub(crate) fn list(&mut self, items: &'a [ast::Expr], span: Span, expected: Option<TypeId>) -> Expr {
        let expected = self.expected_shape(expected);
        if matches!(expected, Some(Type::Json)) {
            return self.json_array(items, span);
        }
        let element = match expected {
            Some(Type::List(element) | Type::Array(element) | Type::Set(element)) => Some(element),
            _ => None,
        };
        let (values, element) = self.elements(items, span, element, "[]");
        match expected {
            Some(Type::Array(_)) => {
                let ty = self.c.types.array(element);
                make(ExprKind::ArrayLiteral(values), ty, span)
            }
            Some(Type::Set(_)) => self.set_of(values, element, span),
            _ => {
                let ty = self.c.types.list(element);
                make(ExprKind::ListLiteral(values), ty, span)
            }
        }
    }

    pub(crate) fn set(&mut self, items: &'a [ast::Expr], span: Span, expected: Option<TypeId>) -> Expr {
        let element = match self.expected_shape(expected) {
            Some(Type::List(element) | Type::Array(element) | Type::Set(element)) => Some(element),
            _ => None,
        };
        let (values, element) = self.elements(items, span, element, "{}");
        self.set_of(values, element, span)
    }

    fn set_of(&mut self, values: Vec<Expr>, element: TypeId, span: Span) -> Expr {
        let ty = self.c.types.intern(Type::Set(element));
        self.key_checks.push((element, span));
        make(ExprKind::SetLiteral(values), ty, span)
    }

    /// Elements of one type: the expected one, or their common one.
    fn elements(
        &mut self,
        items: &'a [ast::Expr],
        span: Span,
        element: Option<TypeId>,
        what: &str,
    ) -> (Vec<Expr>, TypeId) {
        // An open element type is decided by the elements together, not by the first.
        if let Some(element) = element.filter(|element| items.is_empty() || !self.is_open(*element)) {
            return (items.iter().map(|item| self.expr_to(item, element)).collect(), element);
        }
        if items.is_empty() {
            let element = self.fresh_for(span, what);
            return (Vec::new(), element);
        }
        let values: Vec<(Expr, Span)> = items.iter().map(|item| (self.expr(item, None), item.span)).collect();
        self.unified(values)
    }

    /// Converts values to their common type; E0306 when they have none.
    pub(crate) fn unified(&mut self, values: Vec<(Expr, Span)>) -> (Vec<Expr>, TypeId) {
        let mut common: Option<TypeId> = None;
        for (value, span) in &values {
            let ty = value.ty.unwrap_or(types::UNKNOWN);
            let Some(so_far) = common else {
                common = Some(ty);
                continue;
            };
            match self.join(so_far, ty) {
                Some(joined) => common = Some(joined),
                None => {
                    self.different_elements((so_far, values[0].1), (ty, *span));
                    return (Vec::new(), types::UNKNOWN);
                }
            }
        }
        let common = common.unwrap_or(types::UNKNOWN);
        let types: Vec<(TypeId, Span)> =
            values.iter().map(|(value, span)| (self.shallow(value.ty.unwrap_or(common)), *span)).collect();
        let mut converted = Vec::new();
        for (value, span) in values {
            match self.try_convert(value, common) {
                Ok(value) => converted.push(value),
                // An optional number beside a plain one of another type: only a plain value widens.
                Err(value) => {
                    let found = self.shallow(value.ty.unwrap_or(common));
                    let other = *types.iter().find(|(other, _)| *other != found).unwrap_or(&types[0]);
                    self.different_elements(other, (found, span));
                    return (Vec::new(), types::UNKNOWN);
                }
            }
        }
        (converted, common)
    }

    fn different_elements(&mut self, first: (TypeId, Span), second: (TypeId, Span)) {
        let (first_name, second_name) = self.type_names(first.0, second.0);
        let message = format!("Elements have different types: {first_name} and {second_name}");
        let diagnostic = Diagnostic::new(Code::E0306, second.1, message)
            .label(format!("this is {second_name}"))
            .secondary(first.1, format!("this is {first_name}"));
        self.report(diagnostic);
    }

    pub(crate) fn map(&mut self, entries: &'a [(ast::Expr, ast::Expr)], span: Span, expected: Option<TypeId>) -> Expr {
        if self.expects_json(expected)
            && let Some(object) = self.quoted_object(entries, span)
        {
            return object;
        }
        let wanted = match self.expected_shape(expected) {
            Some(Type::Map(key, value)) if !self.is_open(key) && !self.is_open(value) => Some((key, value)),
            _ => None,
        };
        let mut keys = Vec::new();
        let mut values = Vec::new();
        for (key, value) in entries {
            let key_value = self.expr(key, wanted.map(|(key, _)| key));
            keys.push((key_value, key.span));
            let value_value = self.expr(value, wanted.map(|(_, value)| value));
            values.push((value_value, value.span));
        }
        let (keys, key_ty, values, value_ty) = match wanted {
            Some((key, value)) => {
                let keys = keys.into_iter().map(|(expr, span)| self.convert(expr, key, span)).collect();
                let values = values.into_iter().map(|(expr, span)| self.convert(expr, value, span)).collect();
                (keys, key, values, value)
            }
            None => {
                let (keys, key) = self.unified(keys);
                let (values, value) = self.unified(values);
                (keys, key, values, value)
            }
        };
        let ty = self.c.types.intern(Type::Map(key_ty, value_ty));
        self.key_checks.push((key_ty, entries.first().map_or(span, |(key, _)| key.span)));
        make(ExprKind::MapLiteral(keys.into_iter().zip(values).collect()), ty, span)
    }

    pub(crate) fn empty_braces(&mut self, span: Span, expected: Option<TypeId>) -> Expr {
        match self.expected_shape(expected) {
            Some(Type::Set(element)) => self.set_of(Vec::new(), element, span),
            Some(Type::Map(key, value)) => {
                let ty = self.c.types.intern(Type::Map(key, value));
                make(ExprKind::MapLiteral(Vec::new()), ty, span)
            }
            Some(Type::Unknown) => unknown(span),
            _ => self.json_empty(span),
        }
    }
}

/// The value of a literal, or nothing when it is out of range.
pub(crate) fn literal_value(literal: IntLiteral, negative: bool) -> Option<i64> {
    match (literal, negative) {
        (IntLiteral::Decimal(magnitude), false) => i64::try_from(magnitude).ok(),
        (IntLiteral::Decimal(magnitude), true) => (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg()),
        (IntLiteral::Pattern(bits), false) => Some(bits as i64),
        (IntLiteral::Pattern(bits), true) => Some((bits as i64).wrapping_neg()),
    }
}
