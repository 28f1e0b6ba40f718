//! Operators and ternaries (language reference 5.2 to 5.5).
//!
//! In: operands. Out: arithmetic, comparisons and conditional expressions; E0308 to E0310, E0501.
//! Deliberately not here: implicit conversions themselves (`convert`).

use super::body::{Body, assign, make, unknown};
use super::properties::Contains;
use super::unify::numeric_rank;
use crate::ast::{self, BinaryOp, ExprKind as Ast};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{ArithmeticOp, CompareOp, Expr, ExprKind, RuntimeFunction, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

impl<'a> Body<'_, 'a> {
    pub(crate) fn negate(&mut self, operand: &'a ast::Expr, op_span: Span, span: Span) -> Expr {
        if let Ast::Int(literal) = operand.kind {
            return self.int_literal(literal, true, span);
        }
        let value = self.expr(operand, None);
        let value = self.unwrapped(value);
        match self.shape(value.ty.unwrap_or(types::UNKNOWN)).clone() {
            Type::Unknown => value,
            Type::Param(_) if self.generic => value,
            Type::Variable(_) => self.still_open(&value, operand.span),
            Type::Float => match value.kind {
                ExprKind::Float(literal) => make(ExprKind::Float(-literal), types::FLOAT, span),
                _ => make(ExprKind::Negate(Box::new(value)), types::FLOAT, span),
            },
            ty if numeric_rank(&ty).is_some() => {
                let value = self.convert(value, types::INT, span);
                make(ExprKind::Negate(Box::new(value)), types::INT, span)
            }
            _ => {
                let name = self.type_name(value.ty.unwrap_or(types::UNKNOWN));
                self.error(Code::E0310, op_span, format!("Operator '-' is not defined for {name}"));
                unknown(span)
            }
        }
    }

    /// E0303 for a value whose outer type is needed and not known.
    pub(crate) fn still_open(&mut self, value: &Expr, span: Span) -> Expr {
        let what = match (&value.kind, self.frames.last()) {
            (ExprKind::Local(local), Some(frame)) => frame.locals[local.0 as usize].name.to_string(),
            (ExprKind::Unwrap(inner), Some(frame)) => match inner.kind {
                ExprKind::Local(local) => frame.locals[local.0 as usize].name.to_string(),
                _ => "nil".to_owned(),
            },
            _ => "expression".to_owned(),
        };
        self.error(Code::E0303, span, format!("Cannot infer the type of '{what}'; add an annotation"));
        // One mistake, one message.
        if let Some(ty) = value.ty {
            self.unify(ty, types::UNKNOWN);
        }
        unknown(span)
    }

    pub(crate) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let left = Box::new(self.condition_of(left));
                let right = Box::new(self.condition_of(right));
                let kind = if op == BinaryOp::And { ExprKind::And(left, right) } else { ExprKind::Or(left, right) };
                make(kind, types::BOOL, span)
            }
            BinaryOp::Coalesce => self.coalesce(left, right, op_span, span, expected),
            BinaryOp::Equal | BinaryOp::NotEqual => self.equality(op, op_span, left, right, span),
            BinaryOp::Less | BinaryOp::Greater | BinaryOp::LessEqual | BinaryOp::GreaterEqual => {
                let left = self.expr(left, None);
                let right = self.expr(right, left.ty);
                self.ordering(op, op_span, left, right, span)
            }
            _ => {
                let hint = self.expected_shape(expected);
                let hint = expected.filter(|_| matches!(hint, Some(Type::List(_) | Type::Array(_))));
                let left = self.expr(left, hint);
                let hint = match self.shape(left.ty.unwrap_or(types::UNKNOWN)) {
                    Type::List(_) | Type::Array(_) => left.ty,
                    _ => None,
                };
                let right = self.expr(right, hint);
                self.arithmetic(op, op_span, left, right)
            }
        }
    }

    /// `+ - * / %` on elaborated operands; also for compound assignment.
    pub(crate) fn arithmetic(&mut self, op: BinaryOp, op_span: Span, left: Expr, right: Expr) -> Expr {
        let (left, right) = (self.unwrapped(left), self.unwrapped(right));
        let (l, r) = (self.outer(&left), self.outer(&right));
        if matches!(l, Type::Variable(_)) {
            return self.still_open(&left, left.span);
        }
        if matches!(r, Type::Variable(_)) {
            return self.still_open(&right, right.span);
        }
        if let (Some(a), Some(b)) = (numeric_rank(&l), numeric_rank(&r)) {
            let ty = if a.max(b) == 2 { types::FLOAT } else { types::INT };
            let left = self.convert(left, ty, op_span);
            let right = self.convert(right, ty, op_span);
            if ty == types::FLOAT && op == BinaryOp::Remainder {
                let function = RuntimeFunction::FloatRemainder;
                return make(ExprKind::Runtime { function, args: vec![left, right] }, ty, op_span);
            }
            let op = arithmetic_op(op);
            return make(ExprKind::Arithmetic { op, left: Box::new(left), right: Box::new(right) }, ty, op_span);
        }
        if let Some(silent) = self.silent(&[&l, &r], op_span) {
            self.silence_beside(&l, &right);
            self.silence_beside(&r, &left);
            return silent;
        }
        if op == BinaryOp::Add {
            let function = match l {
                Type::String => Some(RuntimeFunction::StringConcat),
                Type::List(_) => Some(RuntimeFunction::ListConcat),
                Type::Array(_) => Some(RuntimeFunction::ArrayConcat),
                _ => None,
            };
            let same = std::mem::discriminant(&l) == std::mem::discriminant(&r);
            if let (Some(function), true, Some(ty)) = (function, same, left.ty)
                && self.unify(ty, right.ty.unwrap_or(types::UNKNOWN))
            {
                return make(ExprKind::Runtime { function, args: vec![left, right] }, ty, op_span);
            }
        }
        self.undefined_operator(op, op_span, &left, &right)
    }

    fn outer(&self, value: &Expr) -> Type {
        self.shape(value.ty.unwrap_or(types::UNKNOWN)).clone()
    }

    /// Unknown operands, and type parameters in the generic check, say nothing.
    fn silent(&mut self, operands: &[&Type], span: Span) -> Option<Expr> {
        let quiet = |ty: &&Type| match ty {
            Type::Unknown => true,
            Type::Param(_) => self.generic,
            _ => false,
        };
        operands.iter().any(quiet).then(|| unknown(span))
    }

    /// What an unknown operand would have told about the other one will never be known.
    fn silence_beside(&mut self, operand: &Type, other: &Expr) {
        if let (Type::Unknown, Some(ty)) = (operand, other.ty) {
            self.silence(ty);
        }
    }

    fn undefined_operator(&mut self, op: BinaryOp, op_span: Span, left: &Expr, right: &Expr) -> Expr {
        let (l, r) = (left.ty.unwrap_or(types::UNKNOWN), right.ty.unwrap_or(types::UNKNOWN));
        let (first, second) = self.type_names(l, r);
        let message = format!("Operator '{}' is not defined for {first} and {second}", op.as_str());
        let mut diagnostic = Diagnostic::new(Code::E0310, op_span, message)
            .secondary(left.span, format!("this is {first}"))
            .secondary(right.span, format!("this is {second}"));
        let text = self.shallow(l) == types::STRING || self.shallow(r) == types::STRING;
        if op == BinaryOp::Add && text {
            diagnostic = diagnostic.help("write String.from(…) or str(…) for the text of a value");
        } else if let (Type::Result(..), _) | (_, Type::Result(..)) = (self.shape(l), self.shape(r)) {
            diagnostic = diagnostic.help("write .unwrap() for the value of a Result");
        }
        self.report(diagnostic);
        self.silence(l);
        self.silence(r);
        unknown(op_span)
    }

    fn ordering(&mut self, op: BinaryOp, op_span: Span, left: Expr, right: Expr, span: Span) -> Expr {
        let (left, right) = (self.unwrapped(left), self.unwrapped(right));
        let (l, r) = (self.outer(&left), self.outer(&right));
        if matches!(l, Type::Variable(_)) {
            return self.still_open(&left, left.span);
        }
        if let Some(mut silent) = self.silent(&[&l, &r], span) {
            silent.ty = Some(types::BOOL);
            return silent;
        }
        let joined = match (left.ty, right.ty) {
            (Some(a), Some(b)) => self.join(a, b),
            _ => None,
        };
        let Some(ty) = joined.filter(|ty| !matches!(self.shape(*ty), Type::Optional(_))) else {
            return self.undefined_operator(op, op_span, &left, &right);
        };
        let ty = self.resolve(ty);
        if !self.c.is_ordered(ty) {
            return self.undefined_operator(op, op_span, &left, &right);
        }
        let left = Box::new(self.convert(left, ty, op_span));
        let right = Box::new(self.convert(right, ty, op_span));
        let op = match op {
            BinaryOp::Less => CompareOp::Less,
            BinaryOp::LessEqual => CompareOp::LessEqual,
            BinaryOp::Greater => CompareOp::Greater,
            _ => CompareOp::GreaterEqual,
        };
        if matches!(self.shape(ty), Type::String | Type::Tuple(_)) {
            let function =
                if ty == types::STRING { RuntimeFunction::StringCompare } else { RuntimeFunction::ValueCompare };
            let order = make(ExprKind::Runtime { function, args: vec![*left, *right] }, types::INT, op_span);
            let zero = Box::new(make(ExprKind::Int(0), types::INT, op_span));
            return make(ExprKind::Compare { op, left: Box::new(order), right: zero }, types::BOOL, span);
        }
        make(ExprKind::Compare { op, left, right }, types::BOOL, span)
    }

    fn equality(&mut self, op: BinaryOp, op_span: Span, left: &'a ast::Expr, right: &'a ast::Expr, span: Span) -> Expr {
        let negate = op == BinaryOp::NotEqual;
        // The side whose type is clear helps the other: `Done == reply`.
        let (first, second) = if needs_context(left) && !needs_context(right) {
            let probe = self.type_ahead(right);
            let first = self.expr(left, probe);
            let second = self.expr(right, None);
            (first, second)
        } else {
            let first = self.expr(left, None);
            let second = self.expr(right, first.ty);
            (first, second)
        };
        self.equal(first, second, negate, op_span, span)
    }

    /// The type of a plain name, without elaborating it.
    fn type_ahead(&mut self, ast: &'a ast::Expr) -> Option<TypeId> {
        match &ast.kind {
            Ast::Name(name) => {
                let local = self.lookup(*name)?;
                Some(self.local_type(local))
            }
            Ast::SelfValue => self.self_ty,
            _ => None,
        }
    }

    pub(crate) fn equal(&mut self, left: Expr, right: Expr, negate: bool, op_span: Span, span: Span) -> Expr {
        let (l, r) = (self.outer(&left), self.outer(&right));
        let nil = |value: &Expr| matches!(value.kind, ExprKind::Nil);
        let presence = |value: Expr| {
            let present = make(ExprKind::IsSome(Box::new(value)), types::BOOL, span);
            if negate { present } else { make(ExprKind::Not(Box::new(present)), types::BOOL, span) }
        };
        if nil(&right) && matches!(l, Type::Optional(_) | Type::Handle(_)) {
            self.unify_nil(&left, &right);
            return presence(left);
        }
        if nil(&left) && matches!(r, Type::Optional(_) | Type::Handle(_)) {
            self.unify_nil(&right, &left);
            return presence(right);
        }
        if (nil(&right) && l == Type::Json) || (nil(&left) && r == Type::Json) {
            let left = Box::new(self.convert(left, types::JSON, op_span));
            let right = Box::new(self.convert(right, types::JSON, op_span));
            return make(ExprKind::Equal { left, right, negate }, types::BOOL, span);
        }
        if self.silent(&[&l, &r], span).is_some() {
            self.silence_beside(&l, &right);
            self.silence_beside(&r, &left);
            return make(ExprKind::Bool(true), types::BOOL, span);
        }
        let op = if negate { BinaryOp::NotEqual } else { BinaryOp::Equal };
        if nil(&left) || nil(&right) {
            return self.undefined_operator(op, op_span, &left, &right);
        }
        let joined = match (left.ty, right.ty) {
            (Some(a), Some(b)) => self.join(a, b),
            _ => None,
        };
        let Some(ty) = joined else { return self.undefined_operator(op, op_span, &left, &right) };
        let ty = self.resolve(ty);
        if self.c.contains(ty, Contains::Function) {
            self.error(Code::E0309, op_span, "Functions cannot be compared");
            return make(ExprKind::Bool(true), types::BOOL, span);
        }
        let (left, right) = (self.lifted(left, ty), self.lifted(right, ty));
        let left = Box::new(self.convert(left, ty, op_span));
        let right = Box::new(self.convert(right, ty, op_span));
        make(ExprKind::Equal { left, right, negate }, types::BOOL, span)
    }

    /// An optional number as an optional one of another type, so that contents can be compared as numbers are.
    fn lifted(&mut self, value: Expr, ty: TypeId) -> Expr {
        let (Some(found), span) = (value.ty.map(|found| self.resolve(found)), value.span) else { return value };
        let (Type::Optional(inner), Type::Optional(wanted)) = (self.shape(found).clone(), self.shape(ty).clone())
        else {
            return value;
        };
        let is_number = |body: &Body, ty| numeric_rank(body.shape(ty)).is_some();
        if inner == wanted || !is_number(self, inner) || !is_number(self, wanted) {
            return value;
        }
        let local = self.temp(found, span);
        let read = |body: &Body| Box::new(body.local_expr(local, span));
        let condition = Box::new(make(ExprKind::IsSome(read(self)), types::BOOL, span));
        let present = make(ExprKind::UnwrapUnchecked(read(self)), inner, span);
        let present = self.convert(present, wanted, span);
        let then = Box::new(make(ExprKind::Some(Box::new(present)), ty, span));
        let otherwise = Box::new(make(ExprKind::Nil, ty, span));
        let chosen = Some(Box::new(make(ExprKind::If { condition, then, otherwise }, ty, span)));
        make(ExprKind::Block { stmts: vec![assign(local, value)], value: chosen }, ty, span)
    }

    /// The nil's own type follows the other side, so that nothing stays open.
    fn unify_nil(&mut self, value: &Expr, nil: &Expr) {
        let (Some(value), Some(nil)) = (value.ty, nil.ty) else { return };
        match *self.shape(value) {
            Type::Optional(_) => drop(self.unify(value, nil)),
            _ => {
                let wrapped = self.c.types.optional(value);
                self.unify(wrapped, nil);
            }
        }
    }

    fn coalesce(
        &mut self,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        op_span: Span,
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let value = self.left_of_coalesce(left, expected);
        let ty = value.ty.unwrap_or(types::UNKNOWN);
        let inner = match self.shape(ty).clone() {
            Type::Optional(inner) => inner,
            other => {
                let fallback = self.expr(right, expected);
                if self.silent(&[&other], span).is_none() {
                    self.error(Code::E0308, op_span, "Left side of '??' is never nil");
                }
                return Expr { kind: ExprKind::Zero, ty: fallback.ty.and(Some(types::UNKNOWN)), span };
            }
        };
        let mut fallback = self.expr(right, Some(ty));
        if self.expects_json(Some(inner)) && !self.expects_json(fallback.ty) {
            fallback = self.convert(fallback, types::JSON, right.span);
        }
        let fallback_ty = fallback.ty.unwrap_or(types::UNKNOWN);
        let optional = matches!(self.shape(fallback_ty), Type::Optional(_));
        let mut out = Vec::new();
        let local = self.temp(ty, span);
        out.push(assign(local, value));
        let read = |body: &Body| Box::new(body.local_expr(local, span));
        let condition = Box::new(make(ExprKind::IsSome(read(self)), types::BOOL, span));
        let present = make(ExprKind::UnwrapUnchecked(read(self)), inner, span);
        let present = if optional { make(ExprKind::Some(Box::new(present)), ty, span) } else { present };
        let (mut branches, result) = self.unified(vec![(present, left.span), (fallback, right.span)]);
        let (Some(otherwise), Some(then)) = (branches.pop(), branches.pop()) else { return unknown(span) };
        let kind = ExprKind::If { condition, then: Box::new(then), otherwise: Box::new(otherwise) };
        let value = Some(Box::new(make(kind, result, span)));
        make(ExprKind::Block { stmts: out, value }, result, span)
    }

    pub(crate) fn ternary(
        &mut self,
        condition: &'a ast::Expr,
        then: &'a ast::Expr,
        otherwise: &'a ast::Expr,
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let condition = Box::new(self.condition_of(condition));
        let moved = self.moved.clone();
        let first = self.expr_or_nothing(then, expected);
        let after_first = std::mem::replace(&mut self.moved, moved);
        let second = self.expr_or_nothing(otherwise, expected);
        self.merge_moved(after_first);
        if first.ty.is_none() && second.ty.is_none() {
            let kind = ExprKind::If { condition, then: Box::new(first), otherwise: Box::new(second) };
            return Expr { kind, ty: None, span };
        }
        let first = self.require_value(first, then);
        let second = self.require_value(second, otherwise);
        let target = expected.filter(|ty| !self.is_open(*ty));
        let converted = match target {
            Some(target) if self.fits(&first, &second, target) => {
                let first = self.convert(first, target, then.span);
                let second = self.convert(second, target, otherwise.span);
                Some((first, second, target))
            }
            _ => {
                let (mut both, ty) = self.unified(vec![(first, then.span), (second, otherwise.span)]);
                match (both.pop(), both.pop()) {
                    (Some(second), Some(first)) => Some((first, second, ty)),
                    _ => None,
                }
            }
        };
        let Some((first, second, ty)) = converted else { return unknown(span) };
        make(ExprKind::If { condition, then: Box::new(first), otherwise: Box::new(second) }, ty, span)
    }

    /// Whether the branches are better converted one by one than to their common type: what is expected may be no more
    /// than a hint, as for the operand of a cast.
    fn fits(&mut self, first: &Expr, second: &Expr, target: TypeId) -> bool {
        let (Some(a), Some(b)) = (first.ty, second.ty) else { return false };
        let (a, b, target) = (self.resolve(a), self.resolve(b), self.resolve(target));
        let narrows = matches!(target, types::BYTE | types::CHAR);
        (a != b || narrows && a != target) && self.accepts(first, target) && self.accepts(second, target)
    }

    fn accepts(&mut self, branch: &Expr, target: TypeId) -> bool {
        match (&branch.kind, branch.ty) {
            (_, None) => false,
            _ if self.expects_json(Some(target)) => true,
            (ExprKind::Nil, _) => matches!(self.shape(target), Type::Optional(_) | Type::Handle(_)),
            (ExprKind::Int(_), _) if matches!(target, types::BYTE | types::CHAR) => true,
            (_, Some(ty)) => self.converts(ty, target),
        }
    }

    pub(crate) fn require_value(&mut self, value: Expr, ast: &'a ast::Expr) -> Expr {
        if value.ty.is_some() {
            return value;
        }
        let name = super::expr::callee_name(ast);
        self.error(Code::E0302, ast.span, format!("Function '{name}' does not return a value"));
        unknown(ast.span)
    }

    /// `c ? a ! b`: returns from the function with `b` unless `c` holds.
    pub(crate) fn exit_ternary(
        &mut self,
        condition: &'a ast::Expr,
        then: &'a ast::Expr,
        otherwise: &'a ast::Expr,
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let condition = self.condition_of(condition);
        if self.frame().is_lambda {
            self.error(Code::E0501, span, "Exit ternary is not allowed in a lambda");
            self.expr_or_nothing(otherwise, None);
            return self.expr_or_nothing(then, expected);
        }
        let mut leave = Vec::new();
        self.exit_value(otherwise, &mut leave);
        let failed = make(ExprKind::Not(Box::new(condition)), types::BOOL, span);
        let kind = StmtKind::If { arms: vec![(failed, leave)], otherwise: Vec::new() };
        let value = super::tasks::at_once(self.expr_or_nothing(then, expected));
        let ty = value.ty;
        let stmts = vec![Stmt { kind, span }];
        if ty.is_none() {
            let mut stmts = stmts;
            stmts.push(Stmt { kind: StmtKind::Expr(value), span });
            return Expr { kind: ExprKind::Block { stmts, value: None }, ty, span };
        }
        Expr { kind: ExprKind::Block { stmts, value: Some(Box::new(value)) }, ty, span }
    }

    fn exit_value(&mut self, otherwise: &'a ast::Expr, leave: &mut Vec<Stmt>) {
        let span = otherwise.span;
        let Some(result) = self.frame().result else {
            let value = self.expr_or_nothing(otherwise, None);
            match (&value.kind, value.ty) {
                (ExprKind::Nil, Some(nil)) => self.silence(nil),
                (_, None) => leave.push(Stmt { kind: StmtKind::Expr(value), span }),
                _ => {
                    let name = self.frame().name;
                    self.error(Code::E0609, span, format!("'{name}' has no result type but returns a value"));
                }
            }
            leave.push(Stmt { kind: StmtKind::Return(None), span });
            return;
        };
        let value = self.expr(otherwise, Some(result));
        let ty = value.ty.unwrap_or(types::UNKNOWN);
        if let (Type::Result(ok, error), Type::Result(wanted, wanted_error)) =
            (self.shape(ty).clone(), self.shape(result).clone())
        {
            let differs = self.resolve(ok) != self.resolve(wanted) && !self.is_open(ok);
            if differs && self.unify(error, wanted_error) {
                let passed = self.pass_error(value, ty, wanted_error, result, leave);
                leave.push(Stmt { kind: StmtKind::Return(Some(passed)), span });
                return;
            }
        }
        let value = self.convert(value, result, span);
        leave.push(Stmt { kind: StmtKind::Return(Some(value)), span });
    }

    /// An Err of another Result type, passed on; an Ok panics.
    fn pass_error(&mut self, value: Expr, from: TypeId, error: TypeId, result: TypeId, leave: &mut Vec<Stmt>) -> Expr {
        let span = value.span;
        let local = self.temp(from, span);
        leave.push(assign(local, value));
        let tag = make(ExprKind::Tag(Box::new(self.local_expr(local, span))), types::INT, span);
        let zero = Box::new(make(ExprKind::Int(0), types::INT, span));
        let is_ok = make(ExprKind::Equal { left: Box::new(tag), right: zero, negate: false }, types::BOOL, span);
        let panic = ExprKind::Runtime { function: RuntimeFunction::PanicExitOk, args: Vec::new() };
        let panic = Stmt { kind: StmtKind::Expr(Expr { kind: panic, ty: None, span }), span };
        leave.push(Stmt { kind: StmtKind::If { arms: vec![(is_ok, vec![panic])], otherwise: Vec::new() }, span });
        let base = Box::new(self.local_expr(local, span));
        let payload = make(ExprKind::Payload { base, case: 1, field: 0 }, error, span);
        make(ExprKind::Case { case: 1, args: vec![payload] }, result, span)
    }
}

pub(crate) fn arithmetic_op(op: BinaryOp) -> ArithmeticOp {
    match op {
        BinaryOp::Add => ArithmeticOp::Add,
        BinaryOp::Subtract => ArithmeticOp::Subtract,
        BinaryOp::Multiply => ArithmeticOp::Multiply,
        BinaryOp::Divide => ArithmeticOp::Divide,
        BinaryOp::Remainder => ArithmeticOp::Remainder,
        _ => crate::bug!("'{}' is no arithmetic operator", op.as_str()),
    }
}

/// Forms whose type the other operand may decide.
fn needs_context(ast: &ast::Expr) -> bool {
    match &ast.kind {
        Ast::Nil | Ast::EmptyBraces => true,
        Ast::List(items) => items.is_empty(),
        Ast::Name(name) => name.as_str().starts_with(|first: char| first.is_ascii_uppercase()),
        _ => false,
    }
}
