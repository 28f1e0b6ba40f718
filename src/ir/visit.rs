//! Walks over the typed IR: the direct parts of an expression or a statement.
//!
//! In: a node. Out: calls of a function for each part, in evaluation order; once for those who change it, once for those
//! who only look. Deliberately not here: what to do with them.

use super::{Block, Expr, ExprKind, ExternArg, Iteration, Stmt, StmtKind};

macro_rules! walk {
    ($visitor:ident, $stmt_parts:ident, $iteration_parts:ident, $expr_parts:ident, $case_expr:ident $(, $mut:tt)?) => {
        /// Something that goes through expressions and blocks.
        pub trait $visitor {
            fn expr(&mut self, expr: &$($mut)? Expr);

            fn stmt(&mut self, stmt: &$($mut)? Stmt) {
                $stmt_parts(stmt, self);
            }

            fn block(&mut self, block: &$($mut)? Block) {
                for stmt in block {
                    self.stmt(stmt);
                }
            }
        }

        /// The expressions and blocks directly in a statement.
        pub fn $stmt_parts<V: $visitor + ?Sized>(stmt: &$($mut)? Stmt, visitor: &mut V) {
            match &$($mut)? stmt.kind {
                StmtKind::Assign { value, .. }
                | StmtKind::Pend { value, .. }
                | StmtKind::Expr(value)
                | StmtKind::Return(Some(value)) => visitor.expr(value),
                StmtKind::If { arms, otherwise } => {
                    for (condition, block) in arms {
                        visitor.expr(condition);
                        visitor.block(block);
                    }
                    visitor.block(otherwise);
                }
                StmtKind::While { condition, body } => {
                    visitor.expr(condition);
                    visitor.block(body);
                }
                StmtKind::For { iteration, body } => {
                    $iteration_parts(iteration, visitor);
                    visitor.block(body);
                }
                StmtKind::Within { duration, body, otherwise, .. } => {
                    visitor.expr(duration);
                    visitor.block(body);
                    visitor.block(otherwise);
                }
                StmtKind::Scope(body) => visitor.block(body),
                StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => {}
            }
        }

        /// What is evaluated once, before the first round.
        pub fn $iteration_parts<V: $visitor + ?Sized>(iteration: &$($mut)? Iteration, visitor: &mut V) {
            match iteration {
                Iteration::Range { start, end, step, .. } => {
                    visitor.expr(start);
                    visitor.expr(end);
                    if let Some(step) = step {
                        visitor.expr(step);
                    }
                }
                Iteration::List { list: over, .. }
                | Iteration::Array { array: over, .. }
                | Iteration::Set { set: over, .. }
                | Iteration::MapKeys { map: over, .. }
                | Iteration::MapEntries { map: over, .. }
                | Iteration::Channel { channel: over, .. }
                | Iteration::String { string: over, .. } => visitor.expr(over),
            }
        }

        /// The expressions and blocks directly in an expression.
        pub fn $expr_parts<V: $visitor + ?Sized>(expr: &$($mut)? Expr, visitor: &mut V) {
            match &$($mut)? expr.kind {
                ExprKind::Int(_)
                | ExprKind::Float(_)
                | ExprKind::Bool(_)
                | ExprKind::Str(_)
                | ExprKind::Nil
                | ExprKind::Zero
                | ExprKind::Local(_)
                | ExprKind::FunctionValue(_) => {}
                ExprKind::Arithmetic { left, right, .. }
                | ExprKind::Bits { left, right, .. }
                | ExprKind::Compare { left, right, .. }
                | ExprKind::Equal { left, right, .. }
                | ExprKind::And(left, right)
                | ExprKind::Or(left, right)
                | ExprKind::WithField { base: left, value: right, .. }
                | ExprKind::InGrid { x: left, y: right, .. }
                | ExprKind::GridCell { matrix: left, index: right } => {
                    visitor.expr(left);
                    visitor.expr(right);
                }
                ExprKind::Negate(operand)
                | ExprKind::Not(operand)
                | ExprKind::Math { operand, .. }
                | ExprKind::Field { base: operand, .. }
                | ExprKind::Tag(operand)
                | ExprKind::Payload { base: operand, .. }
                | ExprKind::Some(operand)
                | ExprKind::IsSome(operand)
                | ExprKind::Unwrap(operand)
                | ExprKind::UnwrapUnchecked(operand)
                | ExprKind::Join(operand)
                | ExprKind::DropTask(operand)
                | ExprKind::Cell(operand)
                | ExprKind::Convert { operand, .. } => visitor.expr(operand),
                ExprKind::If { condition, then, otherwise } => {
                    visitor.expr(condition);
                    visitor.expr(then);
                    visitor.expr(otherwise);
                }
                ExprKind::Block { stmts, value } => {
                    visitor.block(stmts);
                    if let Some(value) = value {
                        visitor.expr(value);
                    }
                }
                ExprKind::Closure { captures: list, .. }
                | ExprKind::Call { args: list, .. }
                | ExprKind::Spawn { args: list, .. }
                | ExprKind::Runtime { args: list, .. }
                | ExprKind::Inline { args: list, .. }
                | ExprKind::Aggregate(list)
                | ExprKind::Case { args: list, .. }
                | ExprKind::ListLiteral(list)
                | ExprKind::ArrayLiteral(list)
                | ExprKind::SetLiteral(list) => {
                    for item in list {
                        visitor.expr(item);
                    }
                }
                ExprKind::CallValue { callee, args }
                | ExprKind::SpawnValue { callee, args }
                | ExprKind::NextGrid { matrix: callee, args, .. } => {
                    visitor.expr(callee);
                    for arg in args {
                        visitor.expr(arg);
                    }
                }
                ExprKind::CallExtern { args, .. } => {
                    for arg in args {
                        if let ExternArg::Value(value) = arg {
                            visitor.expr(value);
                        }
                    }
                }
                ExprKind::Collect { iteration, body, value, .. } => {
                    $iteration_parts(iteration, visitor);
                    visitor.block(body);
                    visitor.expr(value);
                }
                ExprKind::MapLiteral(entries) => {
                    for (key, value) in entries {
                        visitor.expr(key);
                        visitor.expr(value);
                    }
                }
                ExprKind::Atomic { cell, operands, .. } => {
                    visitor.expr(cell);
                    for operand in operands {
                        visitor.expr(operand);
                    }
                }
                ExprKind::Select { cases, timeout, .. } => {
                    visitor.expr(timeout);
                    for case in cases {
                        if let Some(expr) = case.$case_expr() {
                            visitor.expr(expr);
                        }
                    }
                }
            }
        }
    };
}

walk!(Visitor, stmt_parts, iteration_parts, expr_parts, expr_mut, mut);
walk!(Reader, parts_of_stmt, parts_of_iteration, parts_of_expr, expr);
