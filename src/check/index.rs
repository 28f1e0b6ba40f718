//! Subscripts and slices as values (language reference 5.8, 8.2).
//!
//! In: a base and bounds. Out: runtime calls, or calls of the indexing protocol; E0507.
//! Deliberately not here: assignment to them (`place`).

use super::body::{Body, assign, make, unknown};
use super::tasks::at_once;
use crate::ast::{self, ExprKind as Ast};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, ArithmeticOp, CompareOp, Expr, ExprKind, RuntimeFunction};
use crate::source::{Span, Symbol};
use crate::types::{self, DeclId, Type, TypeId};

impl<'a> Body<'_, 'a> {
    pub(crate) fn index(&mut self, base: &'a ast::Expr, indices: &'a [ast::Expr], span: Span) -> Expr {
        if let [ast::Expr { kind: Ast::Range { start, end }, .. }] = indices {
            return self.slice(base, Some(start), Some(end), span);
        }
        if matches!(base.kind, Ast::Cell) {
            return self.neighbour(base.span, indices, span);
        }
        let base = self.consumed(base, None);
        let base = self.unwrapped(base);
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        if let Some(decl) = self.as_matrix(ty) {
            return self.matrix_index(base, decl, indices, span);
        }
        if let Type::User { decl, .. } = *self.shape(ty)
            && let Some(get) = self.protocol(decl, "get")
        {
            let args = indices.iter().map(|index| (self.consumed(index, None), index.span)).collect();
            let Some(call) = self.call_method(get, base, args, span) else { return unknown(span) };
            return self.value_of_protocol(call, "get", span);
        }
        let key = match *self.shape(ty) {
            Type::Map(key, _) => key,
            _ => types::INT,
        };
        let index = match indices {
            [index] if matches!(self.shape(ty), Type::Json) => (self.consumed(index, None), index.span),
            [index] => {
                let value = self.consumed(index, Some(key));
                (value, index.span)
            }
            _ => {
                let values: Vec<Expr> = indices.iter().map(|index| self.expr(index, None)).collect();
                drop(values);
                return self.not_indexable(ty, base.span, span);
            }
        };
        self.element(base, index, span)
    }

    /// One element of a value; the base is unwrapped.
    pub(crate) fn element(&mut self, base: Expr, (index, at): (Expr, Span), span: Span) -> Expr {
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        let (function, key, result) = match *self.shape(ty) {
            Type::List(element) => (RuntimeFunction::ListGet, types::INT, element),
            Type::Array(element) => (RuntimeFunction::ArrayGet, types::INT, element),
            Type::String => (RuntimeFunction::StringGet, types::INT, types::INT),
            Type::Map(key, value) => (RuntimeFunction::MapIndex, key, value),
            Type::Json => return self.json_element(base, (index, at), span),
            Type::Variable(_) => return self.still_open(&base, base.span),
            _ => return self.not_indexable(ty, base.span, span),
        };
        let index = self.convert(index, key, at);
        make(ExprKind::Runtime { function, args: vec![base, index] }, result, span)
    }

    pub(crate) fn not_indexable(&mut self, ty: TypeId, base: Span, span: Span) -> Expr {
        let quiet = match self.shape(ty) {
            Type::Unknown => true,
            Type::Param(_) => self.generic,
            _ => false,
        };
        if !quiet {
            let name = self.short_name(ty);
            let diagnostic = Diagnostic::new(Code::E0507, base, format!("Type '{name}' cannot be indexed"));
            self.report(diagnostic);
        }
        unknown(span)
    }

    pub(crate) fn protocol(&self, decl: DeclId, name: &str) -> Option<super::decls::FnId> {
        self.c.decls.types[decl.0 as usize].methods.get(&Symbol::new(name)).copied()
    }

    fn value_of_protocol(&mut self, call: Expr, name: &str, span: Span) -> Expr {
        if call.ty.is_some() {
            return call;
        }
        self.error(Code::E0302, span, format!("Function '{name}' does not return a value"));
        unknown(span)
    }

    pub(crate) fn slice(
        &mut self,
        base: &'a ast::Expr,
        start: Option<&'a ast::Expr>,
        end: Option<&'a ast::Expr>,
        span: Span,
    ) -> Expr {
        let base = self.consumed(base, None);
        let base = self.unwrapped(base);
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        if let Type::User { decl, .. } = *self.shape(ty)
            && let Some(getrange) = self.protocol(decl, "getrange")
        {
            let mut out = Vec::new();
            let base = self.to_temp(base, &mut out);
            let bounds = self.protocol_bounds(decl, &base, start, end, span, &mut out);
            let Some(call) = self.call_method(getrange, base, bounds, span) else { return unknown(span) };
            let call = self.value_of_protocol(call, "getrange", span);
            let ty = call.ty.unwrap_or(types::UNKNOWN);
            return make(ExprKind::Block { stmts: out, value: Some(Box::new(call)) }, ty, span);
        }
        let (start, end) = self.bounds(start, end, span);
        let function = match self.shape(ty) {
            Type::List(_) => RuntimeFunction::ListSlice,
            Type::Array(_) => RuntimeFunction::ArraySlice,
            Type::String => RuntimeFunction::StringSlice,
            Type::Variable(_) => return self.still_open(&base, base.span),
            _ => return self.not_indexable(ty, base.span, span),
        };
        make(ExprKind::Runtime { function, args: vec![base, start, end] }, ty, span)
    }

    /// Slice bounds; the runtime clamps, so a missing end is the largest number.
    pub(crate) fn bounds(
        &mut self,
        start: Option<&'a ast::Expr>,
        end: Option<&'a ast::Expr>,
        span: Span,
    ) -> (Expr, Expr) {
        let start = match start {
            Some(start) => at_once(self.expr_to(start, types::INT)),
            None => make(ExprKind::Int(0), types::INT, span),
        };
        let end = match end {
            Some(end) => at_once(self.expr_to(end, types::INT)),
            None => make(ExprKind::Int(i64::MAX), types::INT, span),
        };
        (start, end)
    }

    /// Bounds for `getrange` and `setrange` of a user type: with a `len()` they count from the end when negative.
    pub(crate) fn protocol_bounds(
        &mut self,
        decl: DeclId,
        base: &Expr,
        start: Option<&'a ast::Expr>,
        end: Option<&'a ast::Expr>,
        span: Span,
        out: &mut ir::Block,
    ) -> Vec<(Expr, Span)> {
        let missing_end = end.is_none();
        let (start, end) = self.bounds(start, end, span);
        let len = self.protocol(decl, "len").and_then(|len| {
            let receiver = super::body::copy(base);
            self.call_method(len, receiver, Vec::new(), span)
        });
        let Some(len) = len.filter(|len| len.ty == Some(types::INT)) else {
            return vec![(start, span), (end, span)];
        };
        let start = self.to_temp(start, out);
        let end = self.to_temp(end, out);
        let len = self.to_temp(len, out);
        let clamped_start = self.from_end(start, &len, span, out);
        let clamped_end = if missing_end { super::body::copy(&len) } else { self.from_end(end, &len, span, out) };
        vec![(clamped_start, span), (clamped_end, span)]
    }

    /// A bound counted from the end when negative, clamped to `0..len`.
    fn from_end(&mut self, bound: Expr, len: &Expr, span: Span, out: &mut ir::Block) -> Expr {
        use super::body::copy;
        let int = |value| make(ExprKind::Int(value), types::INT, span);
        let less = |left: Expr, right: Expr| {
            let kind = ExprKind::Compare { op: CompareOp::Less, left: Box::new(left), right: Box::new(right) };
            make(kind, types::BOOL, span)
        };
        let choose = |condition: Expr, then: Expr, otherwise: Expr| {
            let (condition, then, otherwise) = (Box::new(condition), Box::new(then), Box::new(otherwise));
            make(ExprKind::If { condition, then, otherwise }, types::INT, span)
        };
        let (left, right) = (Box::new(copy(&bound)), Box::new(copy(len)));
        let sum = make(ExprKind::Arithmetic { op: ArithmeticOp::Add, left, right }, types::INT, span);
        let local = self.temp(types::INT, span);
        out.push(assign(local, choose(less(copy(&bound), int(0)), sum, copy(&bound))));
        let read = self.local_expr(local, span);
        let upper = choose(less(copy(len), copy(&read)), copy(len), copy(&read));
        let clamped = self.temp(types::INT, span);
        out.push(assign(clamped, choose(less(copy(&read), int(0)), int(0), upper)));
        self.local_expr(clamped, span)
    }
}
