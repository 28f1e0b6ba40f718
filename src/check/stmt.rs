//! Statements: one function that dispatches, and the simple ones.
//!
//! In: blocks. Out: IR statements, and whether control can reach the point behind; E0404, E0609, E0610, W0601, W0602,
//! W0605. Deliberately not here: loops, `match`, places.

use super::body::{Body, make};
use crate::ast::{self, ExprKind as Ast, RightSide, StmtKind as AstStmt};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Expr, Stmt, StmtKind};
use crate::source::{Span, Symbol};
use crate::types::{self, FunctionKind, Type, TypeId};

/// What the last call was, for the warnings about its unused result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LastCall {
    /// Nothing to say.
    Effect,
    /// A value without effects.
    Pure {
        name: Symbol,
        changes: bool,
    },
    /// A built-in with effects.
    Builtin(Symbol),
    Task,
    /// A func or an extern.
    Other(Symbol),
}

impl LastCall {
    pub(crate) fn of_kind(kind: FunctionKind, name: Symbol) -> LastCall {
        match kind {
            FunctionKind::Formula => LastCall::Pure { name, changes: false },
            FunctionKind::Task => LastCall::Task,
            FunctionKind::Func => LastCall::Other(name),
        }
    }
}

impl<'a> Body<'_, 'a> {
    pub(crate) fn set_last_call(&mut self, kind: FunctionKind, name: Symbol) {
        self.last_call = LastCall::of_kind(kind, name);
    }

    /// A block with a scope of its own; true when control can reach its end.
    pub(crate) fn block(&mut self, block: &'a ast::Block, out: &mut ir::Block) -> bool {
        let mark = self.enter_block();
        let falls = self.in_region(block.span, |this| this.stmts(&block.stmts, out));
        self.leave_block(mark);
        falls
    }

    pub(crate) fn stmts(&mut self, stmts: &'a [ast::Stmt], out: &mut ir::Block) -> bool {
        self.declare_cycle_variables(stmts);
        let mut falls = true;
        for (index, stmt) in stmts.iter().enumerate() {
            let outer = std::mem::replace(&mut self.statement, stmt.span);
            falls &= self.stmt(stmt, out);
            self.statement = outer;
            let leaving = matches!(stmt.kind, AstStmt::Return(_) | AstStmt::Break | AstStmt::Continue);
            if let (true, Some(next)) = (leaving, stmts.get(index + 1)) {
                self.error(Code::W0605, next.span, "Statement is never reached");
                // Checked, but no code.
                let mut ignored = Vec::new();
                self.stmts(&stmts[index + 1..], &mut ignored);
                return falls;
            }
        }
        falls
    }

    fn stmt(&mut self, stmt: &'a ast::Stmt, out: &mut ir::Block) -> bool {
        let span = stmt.span;
        match &stmt.kind {
            AstStmt::Bind { is_const, name, ty, moves, value } => {
                self.binding(*is_const, *name, ty.as_ref(), *moves, value, out);
                true
            }
            AstStmt::Unpack { is_const, target, value } => {
                let value = self.expr(value, None);
                self.unpack(target, *is_const, value, out);
                true
            }
            AstStmt::AssignPlace { place, op_span, value } => {
                self.assign_place(place, *op_span, value, out);
                true
            }
            AstStmt::Compound { place, op, op_span, value } => {
                self.compound(place, *op, *op_span, value, out);
                true
            }
            AstStmt::Expr(expr) => self.expr_stmt(expr, span, out),
            AstStmt::If { arms, otherwise } => self.if_stmt(arms, otherwise.as_ref(), span, out),
            AstStmt::For { binder, iterable, body } => {
                self.for_stmt(binder, iterable, body, span, out);
                true
            }
            AstStmt::While { condition, cycle, body } => self.while_stmt(condition, *cycle, body, span, out),
            AstStmt::Match { scrutinee, arms } => self.match_stmt(scrutinee, arms, span, out),
            AstStmt::Select(select) => self.select_stmt(select, keyword(span, 6), out),
            AstStmt::Within { duration, body, otherwise } => {
                self.effect_in_formula("within", keyword(span, 6));
                self.within(duration, body, otherwise.as_ref(), span, out)
            }
            AstStmt::Return(value) => {
                self.return_stmt(value.as_ref(), span, out);
                false
            }
            AstStmt::Break | AstStmt::Continue => {
                self.leave_loop(matches!(stmt.kind, AstStmt::Break), span, out);
                false
            }
            AstStmt::LlvmIr(block) => {
                let value = self.inline_ir(block, span);
                out.push(Stmt { kind: StmtKind::Expr(value), span });
                true
            }
        }
    }

    /// `x = e`, `x: T = e`, `const x := e`.
    fn binding(
        &mut self,
        is_const: bool,
        name: ast::Ident,
        ty: Option<&'a ast::TypeExpr>,
        moves: bool,
        value: &'a RightSide,
        out: &mut ir::Block,
    ) {
        let written = ty.map(|ty| self.lower_type(ty));
        let variable = if is_const { None } else { self.rebindable(name.name) };
        let in_cycle = variable.is_some_and(|variable| self.is_cycle_variable(variable));
        let known = variable.map(|local| self.local_type(local));
        if let (Some(written), Some(known)) = (written, known)
            && !self.unify(written, known)
        {
            let shown = self.type_name(known);
            let message = format!("'{}' is already declared with type {shown}", name.name);
            self.error(Code::E0404, name.span, message);
            self.right_side(value, Some(written), out);
            return;
        }
        // The first binding of a cycle variable says its type.
        let target = written.or(known.filter(|known| !(in_cycle && self.is_open(*known))));
        let (value, moved) = {
            let moved = match value {
                RightSide::Expr(ast::Expr { kind: Ast::Name(source), span }) if moves => {
                    Some(ast::Ident { name: *source, span: *span })
                }
                _ => None,
            };
            (self.right_side(value, target, out), moved)
        };
        let pending = super::tasks::is_task_call(&value);
        let value = match target {
            // A variable that is rebound converts in `bind`, with the same place.
            Some(target) => {
                let span = value.span;
                match known {
                    Some(_) if !in_cycle || written.is_none() => self.convert(value, target, span),
                    _ => self.convert_or_cell(value, target, span),
                }
            }
            None => value,
        };
        if let Some(source) = moved {
            self.move_out(source);
        }
        self.bind_value(name, is_const, value, pending, out);
    }

    pub(crate) fn right_side(&mut self, value: &'a RightSide, target: Option<TypeId>, out: &mut ir::Block) -> Expr {
        match value {
            RightSide::Expr(expr) => self.expr(expr, target),
            RightSide::Collect { binder, iterable, body, span } => {
                self.collect(binder, iterable, body, *span, target, out)
            }
        }
    }

    fn expr_stmt(&mut self, expr: &'a ast::Expr, span: Span, out: &mut ir::Block) -> bool {
        if self.matrix_statement(expr, out) {
            return true;
        }
        self.last_call = LastCall::Effect;
        let value = self.expr_or_nothing(expr, None);
        self.warn_unused(expr, &value);
        let ends = matches!(value.kind, ir::ExprKind::Runtime { function: ir::RuntimeFunction::Panic, .. });
        out.push(Stmt { kind: StmtKind::Expr(value), span });
        !ends
    }

    /// W0601 and W0602 (6.1).
    fn warn_unused(&mut self, expr: &'a ast::Expr, value: &Expr) {
        let Some(ty) = value.ty else { return };
        if matches!(self.shape(ty), Type::Unknown) {
            return;
        }
        let plain = |name: String| {
            Diagnostic::new(Code::W0601, expr.span, format!("Result of '{name}' is unused; write 'x = …'"))
        };
        match &expr.kind {
            Ast::Group(inner) => self.warn_unused(inner, value),
            Ast::Unary { op: ast::UnaryOp::Await, operand, .. } => self.warn_unused(operand, value),
            Ast::Call { callee, .. } => match self.last_call {
                LastCall::Pure { name, changes } => {
                    let message = if changes {
                        let receiver = match &callee.kind {
                            Ast::Member { base, .. } => receiver_name(base),
                            _ => "x".to_owned(),
                        };
                        format!("Result of '{name}' is unused; write '{receiver} = {receiver}.{name}(...)'")
                    } else {
                        format!("Result of '{name}' is unused; write 'x = {name}(...)'")
                    };
                    self.error(Code::W0601, expr.span, message);
                }
                LastCall::Builtin(name) if matches!(name.as_str(), "close" | "writeln") => {}
                LastCall::Other(name) | LastCall::Builtin(name) if matches!(self.shape(ty), Type::Result(..)) => {
                    self.error(Code::W0602, expr.span, format!("Result value of '{name}' is ignored"));
                }
                _ => {}
            },
            Ast::Binary { op, .. } => {
                let diagnostic = plain(op.as_str().to_owned());
                self.report(diagnostic);
            }
            Ast::Unary { .. } => {
                let diagnostic = plain("operator".to_owned());
                self.report(diagnostic);
            }
            Ast::Int(_)
            | Ast::Float(_)
            | Ast::Bool(_)
            | Ast::Str(_)
            | Ast::Tuple(_)
            | Ast::List(_)
            | Ast::Set(_)
            | Ast::Map(_)
            | Ast::Json(_) => {
                let diagnostic = plain("literal".to_owned());
                self.report(diagnostic);
            }
            // Reading a variable may join a task.
            _ => {}
        }
    }

    fn return_stmt(&mut self, value: Option<&'a ast::Expr>, span: Span, out: &mut ir::Block) {
        let name = self.frame().name;
        let result = self.frame().result;
        let value = match (value, result) {
            (None, None) => None,
            (None, Some(result)) => {
                let shown = self.type_name(result);
                self.error(Code::E0610, span, format!("'{name}' must return {shown}"));
                None
            }
            (Some(value), None) => {
                let returned = self.expr_or_nothing(value, None);
                if returned.ty != Some(types::UNKNOWN) {
                    let diagnostic = Diagnostic::new(
                        Code::E0609,
                        value.span,
                        format!("'{name}' has no result type but returns a value"),
                    )
                    .help(format!("declare the result: '{name}(…) -> …'"));
                    self.report(diagnostic);
                }
                None
            }
            (Some(value), Some(result)) => {
                let returned = self.expr_to(value, result);
                self.check_returned(&returned, value.span);
                Some(returned)
            }
        };
        out.push(Stmt { kind: StmtKind::Return(value), span });
    }

    /// Paths that fall through meet again; the others do not count.
    pub(crate) fn if_stmt(
        &mut self,
        arms: &'a [(ast::Expr, ast::Block)],
        otherwise: Option<&'a ast::Block>,
        span: Span,
        out: &mut ir::Block,
    ) -> bool {
        let mut lowered = Vec::new();
        let mut ends = Vec::new();
        let mut falls = false;
        for (condition, body) in arms {
            let condition = self.condition_of(condition);
            let before = self.moved.clone();
            let mut stmts = Vec::new();
            let goes_on = self.block(body, &mut stmts);
            let after = std::mem::replace(&mut self.moved, before);
            if goes_on {
                ends.push(after);
                falls = true;
            }
            lowered.push((condition, stmts));
        }
        let mut rest = Vec::new();
        let goes_on = match otherwise {
            Some(block) => self.block(block, &mut rest),
            None => true,
        };
        if !goes_on {
            self.moved.clear();
        }
        falls |= goes_on;
        ends.into_iter().for_each(|end| self.merge_moved(end));
        out.push(Stmt { kind: StmtKind::If { arms: lowered, otherwise: rest }, span });
        falls
    }

    /// An int constant, for lowering.
    pub(crate) fn int(&self, value: i64, span: Span) -> Expr {
        make(ir::ExprKind::Int(value), types::INT, span)
    }
}

fn receiver_name(base: &ast::Expr) -> String {
    match &base.kind {
        Ast::Name(name) => name.to_string(),
        _ => "x".to_owned(),
    }
}

/// The first bytes of a statement: its keyword.
fn keyword(span: Span, length: u32) -> Span {
    Span { end: (span.start + length).min(span.end), ..span }
}
