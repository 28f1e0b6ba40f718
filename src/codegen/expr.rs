//! Expressions: dispatch, constants, control flow inside expressions.
//!
//! In: expressions of the typed IR. Out: values in registers. Operands are lowered in order, left to right.
//! Deliberately not here: each construct's details, which have files of their own.

use super::emit::{Value, poison, zero};
use super::function::Body;
use super::rounds::Rounds;
use crate::ir::{Expr, ExprKind};
use crate::types::TypeId;
use inkwell::values::{IntValue, PointerValue};

impl<'ctx> Body<'_, 'ctx> {
    /// The value; poison when the expression does not return.
    pub(super) fn value(&mut self, expr: &Expr) -> Value<'ctx> {
        match self.expr_or_poison(expr) {
            Some(value) => value,
            // Only code that nothing reaches asks an expression without value for one.
            None => self.emit.types.i64.get_poison().into(),
        }
    }

    pub(super) fn expr_or_poison(&mut self, expr: &Expr) -> Option<Value<'ctx>> {
        let value = self.expr(expr);
        value.or_else(|| expr.ty.map(|ty| poison(self.codegen.value_type(ty))))
    }

    pub(super) fn values(&mut self, exprs: &[Expr]) -> Vec<Value<'ctx>> {
        exprs.iter().map(|expr| self.value(expr)).collect()
    }

    pub(super) fn int_value(&mut self, expr: &Expr) -> IntValue<'ctx> {
        match self.value(expr) {
            Value::IntValue(value) => value,
            _ => crate::bug!("expected an integer in {}", self.ir.name),
        }
    }

    pub(super) fn reference(&mut self, expr: &Expr) -> PointerValue<'ctx> {
        match self.value(expr) {
            Value::PointerValue(value) => value,
            _ => crate::bug!("expected a reference in {}", self.ir.name),
        }
    }

    pub(super) fn type_of(&self, expr: &Expr) -> TypeId {
        match expr.ty {
            Some(ty) => ty,
            None => crate::bug!("an operand without type in {}", self.ir.name),
        }
    }

    /// `None` when the expression has no value or does not return.
    pub(super) fn expr(&mut self, expr: &Expr) -> Option<Value<'ctx>> {
        let types = self.emit.types;
        let value = match &expr.kind {
            ExprKind::Int(value) => self.int_constant(*value, self.type_of(expr)),
            ExprKind::Float(value) => types.f64.const_float(*value).into(),
            ExprKind::Bool(value) => types.i1.const_int((*value).into(), false).into(),
            ExprKind::Str(text) => self.codegen.string(text).into(),
            ExprKind::Nil => zero(self.codegen.value_type(self.type_of(expr))),
            ExprKind::Zero => self.zero(self.type_of(expr)),
            ExprKind::Local(local) => self.get_local(*local),
            ExprKind::FunctionValue(func) => self.codegen.function_value(*func).into(),
            ExprKind::Closure { func, captures } => self.closure(*func, captures),

            ExprKind::Arithmetic { op, left, right } => self.arithmetic(*op, left, right, expr.span),
            ExprKind::Negate(operand) => self.negate(operand),
            ExprKind::Bits { op, left, right } => self.bits(*op, left, right),
            ExprKind::Compare { op, left, right } => self.compare(*op, left, right),
            ExprKind::Equal { left, right, negate } => self.equal(left, right, *negate),
            ExprKind::And(left, right) => self.short_circuit(left, right, false),
            ExprKind::Or(left, right) => self.short_circuit(left, right, true),
            ExprKind::Not(operand) => {
                let operand = self.int_value(operand);
                self.emit.not(operand).into()
            }
            ExprKind::If { condition, then, otherwise } => return self.if_expr(condition, then, otherwise, expr.ty),
            ExprKind::Block { stmts, value } => {
                self.block(stmts);
                return value.as_ref().and_then(|value| self.expr(value));
            }
            ExprKind::Math { op, operand } => self.math(*op, operand),

            ExprKind::Call { func, args } => return self.call(*func, args, expr.span),
            ExprKind::CallValue { callee, args } => return self.call_value(callee, args, expr.span),
            ExprKind::Spawn { func, args } => self.spawn(*func, args, expr.span),
            ExprKind::SpawnValue { callee, args } => self.spawn_value(callee, args, expr.span),
            ExprKind::Join(task) => return self.join(task, expr.ty, expr.span),
            ExprKind::DropTask(task) => {
                self.drop_task(task);
                return None;
            }
            ExprKind::Collect { iteration, body, value, shared } => {
                let rounds = Rounds { iteration, body, value, shared };
                self.collect_tasks(&rounds, self.type_of(expr), expr.span)
            }
            ExprKind::CallExtern { callee, args } => return self.call_extern(*callee, args, expr.span),
            ExprKind::Runtime { function, args } => return self.runtime_expr(*function, args, expr.ty, expr.span),

            ExprKind::Aggregate(items) => self.aggregate(self.type_of(expr), items),
            ExprKind::Case { case, args } => self.case(self.type_of(expr), *case, args),
            ExprKind::Field { base, index } => self.field(base, *index),
            ExprKind::WithField { base, index, value } => self.with_field(base, *index, value),
            ExprKind::Tag(base) => self.tag(base),
            ExprKind::Payload { base, case, field } => self.payload(base, *case, *field),
            ExprKind::Some(operand) => self.some(self.type_of(expr), operand),
            ExprKind::IsSome(operand) => self.is_some(operand).into(),
            ExprKind::Unwrap(operand) => self.unwrap(operand, expr.span),
            ExprKind::UnwrapUnchecked(operand) => self.unwrap_unchecked(operand),

            ExprKind::ListLiteral(items) => self.sequence_literal(self.type_of(expr), items),
            ExprKind::ArrayLiteral(items) => self.sequence_literal(self.type_of(expr), items),
            ExprKind::SetLiteral(items) => self.sequence_literal(self.type_of(expr), items),
            ExprKind::MapLiteral(entries) => self.map_literal(self.type_of(expr), entries),

            ExprKind::Convert { conversion, operand } => self.convert(*conversion, operand, expr.span),

            ExprKind::Inline { block, args } => return self.inline_block(*block, args),
            ExprKind::InGrid { x, y, size } => self.in_grid(x, y, *size),
            ExprKind::GridCell { matrix, index } => self.grid_cell(matrix, index, self.type_of(expr)),
            ExprKind::NextGrid { matrix, cell, args, parallel } => {
                self.next_grid(matrix, *cell, args, *parallel, expr.span)
            }

            ExprKind::Cell(value) => self.cell(self.type_of(expr), value),
            ExprKind::Atomic { op, cell, operands } => return self.atomic(*op, cell, operands),
            ExprKind::Select { cases, strategy, timeout, memory } => {
                self.select(cases, *strategy, timeout, *memory, expr.span)
            }
        };
        Some(value)
    }

    fn int_constant(&self, value: i64, ty: TypeId) -> Value<'ctx> {
        match self.codegen.value_type(ty) {
            inkwell::types::BasicTypeEnum::IntType(ty) => ty.const_int(value as u64, true).into(),
            _ => crate::bug!("an integer literal of type {}", self.codegen.type_name(ty)),
        }
    }

    /// `decided`: the value of the left operand with which the right one is not evaluated.
    fn short_circuit(&mut self, left: &Expr, right: &Expr, decided: bool) -> Value<'ctx> {
        if self.is_cheap(right) {
            let (left, right) = (self.int_value(left), self.int_value(right));
            let decided_value = self.emit.types.i1.const_int(decided.into(), false);
            let (then, otherwise) = if decided { (decided_value, right) } else { (right, decided_value) };
            return self.emit.select(left, then, otherwise).into();
        }
        let left = self.int_value(left);
        let (from_left, more, end) = (self.emit.block(), self.new_block(), self.new_block());
        match decided {
            true => self.emit.branch(left, end, more),
            false => self.emit.branch(left, more, end),
        }
        self.emit.at(more);
        let right = self.value(right);
        let from_right = self.emit.block();
        self.emit.jump(end);
        self.emit.at(end);
        let decided = self.emit.types.i1.const_int(decided.into(), false);
        self.emit.phi(&[(decided.into(), from_left), (right, from_right)])
    }

    fn if_expr(&mut self, condition: &Expr, then: &Expr, otherwise: &Expr, ty: Option<TypeId>) -> Option<Value<'ctx>> {
        let condition = self.int_value(condition);
        let (then_block, else_block, end) = (self.new_block(), self.new_block(), self.new_block());
        self.emit.branch(condition, then_block, else_block);
        let mut incoming = Vec::new();
        for (block, branch) in [(then_block, then), (else_block, otherwise)] {
            self.emit.at(block);
            let value = self.expr(branch);
            if let Some(ty) = ty {
                // A branch that does not return contributes an arbitrary value.
                let value = value.unwrap_or_else(|| poison(self.codegen.value_type(ty)));
                incoming.push((value, self.emit.block()));
            }
            self.emit.jump(end);
        }
        self.emit.at(end);
        ty.map(|_| self.emit.phi(&incoming))
    }
}
