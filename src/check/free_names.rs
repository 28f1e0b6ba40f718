//! Which names a method body uses without declaring them (language reference 8.2).
//!
//! In: a function's syntax tree. Out: [`UsedNames`]. Follows the block rules of 4.2, so a local named like a field
//! does not count. Deliberately not here: what the names mean.

use super::fast_map::FastMap;
use crate::ast::*;
use crate::source::{Span, Symbol};

#[derive(Default)]
pub(crate) struct UsedNames {
    /// Free names read as values.
    pub(crate) values: FastMap<Symbol, Span>,
    /// Free names in call position.
    pub(crate) calls: FastMap<Symbol, Span>,
    pub(crate) uses_self: bool,
    locals: Vec<Symbol>,
    /// Cycles open at this point: what their blocks bind is visible in the whole block.
    cycles: u32,
}

impl UsedNames {
    pub(crate) fn of_function(function: &Function) -> UsedNames {
        let mut used = UsedNames::default();
        used.locals.extend(function.params.iter().map(|param| param.name.name));
        used.block(&function.body);
        used
    }

    fn block(&mut self, block: &Block) {
        let mark = self.locals.len();
        if self.cycles > 0 {
            self.locals.extend(super::cycle::bound_names(&block.stmts).iter().map(|(name, _)| name.name));
        }
        block.stmts.iter().for_each(|stmt| self.stmt(stmt));
        self.locals.truncate(mark);
    }

    fn bound_block(&mut self, binder: &Binder, block: &Block) {
        let mark = self.locals.len();
        self.binder(binder);
        self.block(block);
        self.locals.truncate(mark);
    }

    fn binder(&mut self, binder: &Binder) {
        match binder {
            Binder::Name(name) => self.locals.push(name.name),
            Binder::Skip(_) => {}
            Binder::Nested(parts, _) => parts.iter().for_each(|part| self.binder(part)),
        }
    }

    fn unpack(&mut self, target: &Unpack) {
        match target {
            Unpack::Name(name) => self.locals.push(name.name),
            Unpack::Skip(_) => {}
            Unpack::Nested(parts, _) => parts.iter().for_each(|part| self.unpack(part)),
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Path { path, args: None } if path.len() == 1 => self.locals.push(path[0].name),
            PatternKind::Path { args: Some(args), .. } => args.iter().for_each(|arg| self.pattern(arg)),
            PatternKind::Tuple(parts) => parts.iter().for_each(|part| self.pattern(part)),
            _ => {}
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Bind { name, value, .. } => {
                self.right_side(value);
                self.locals.push(name.name);
            }
            StmtKind::Unpack { target, value, .. } => {
                self.expr(value);
                self.unpack(target);
            }
            StmtKind::AssignPlace { place, value, .. } => {
                self.expr(place);
                self.right_side(value);
            }
            StmtKind::Compound { place, value, .. } => {
                self.expr(place);
                self.expr(value);
            }
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::If { arms, otherwise } => {
                for (condition, block) in arms {
                    self.expr(condition);
                    self.block(block);
                }
                otherwise.iter().for_each(|block| self.block(block));
            }
            StmtKind::For { binder, iterable, body } => {
                self.expr(iterable);
                self.bound_block(binder, body);
            }
            StmtKind::While { condition, cycle, body } => {
                self.expr(condition);
                self.cycles += u32::from(*cycle);
                self.block(body);
                self.cycles -= u32::from(*cycle);
            }
            StmtKind::Match { scrutinee, arms } => {
                self.expr(scrutinee);
                for arm in arms {
                    let mark = self.locals.len();
                    self.pattern(&arm.pattern);
                    self.block(&arm.body);
                    self.locals.truncate(mark);
                }
            }
            StmtKind::Select(select) => self.select(select),
            StmtKind::Within { duration, body, otherwise } => {
                self.expr(duration);
                self.block(body);
                otherwise.iter().for_each(|block| self.block(block));
            }
            StmtKind::Return(value) => value.iter().for_each(|value| self.expr(value)),
            StmtKind::Break | StmtKind::Continue | StmtKind::LlvmIr(_) => {}
        }
    }

    fn select(&mut self, select: &Select) {
        select.timeout.iter().for_each(|timeout| self.expr(timeout));
        for arm in &select.arms {
            let (name, subject, body) = match arm {
                SelectArm::Receive { name, channel, body, .. } => (*name, Some(channel), body),
                SelectArm::Foreign { name, call, body, .. } => (*name, Some(call), body),
                SelectArm::ResourceExhausted { body, .. } => (None, None, body),
            };
            subject.into_iter().for_each(|subject| self.expr(subject));
            let mark = self.locals.len();
            self.locals.extend(name.map(|name| name.name));
            self.block(body);
            self.locals.truncate(mark);
        }
        select.otherwise.iter().for_each(|block| self.block(block));
    }

    fn right_side(&mut self, value: &RightSide) {
        match value {
            RightSide::Expr(expr) => self.expr(expr),
            RightSide::Collect { binder, iterable, body, .. } => {
                self.expr(iterable);
                self.bound_block(binder, body);
            }
        }
    }

    fn name(&mut self, name: Symbol, span: Span, call: bool) {
        if self.locals.contains(&name) {
            return;
        }
        let set = if call { &mut self.calls } else { &mut self.values };
        set.entry(name).or_insert(span);
    }

    fn args(&mut self, args: &[Arg]) {
        args.iter().for_each(|arg| self.expr(&arg.value));
    }

    fn comprehension(&mut self, parts: &[&Expr], clauses: &[Clause]) {
        let mark = self.locals.len();
        for clause in clauses {
            self.expr(&clause.iterable);
            self.binder(&clause.binder);
            clause.filter.iter().for_each(|filter| self.expr(filter));
        }
        parts.iter().for_each(|part| self.expr(part));
        self.locals.truncate(mark);
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.name(*name, expr.span, false),
            ExprKind::Generic { name, .. } => self.name(name.name, name.span, true),
            ExprKind::SelfValue => self.uses_self = true,
            ExprKind::Group(inner)
            | ExprKind::Unary { operand: inner, .. }
            | ExprKind::Member { base: inner, .. }
            | ExprKind::Position { base: inner, .. }
            | ExprKind::Cast { operand: inner, .. }
            | ExprKind::PrimitiveCall { arg: inner, .. } => self.expr(inner),
            ExprKind::Tuple(items) => items.iter().for_each(|item| self.expr(&item.value)),
            ExprKind::List(items) | ExprKind::Set(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Map(entries) => {
                for (key, value) in entries {
                    self.expr(key);
                    self.expr(value);
                }
            }
            ExprKind::Json(entries) => entries.iter().for_each(|(_, value)| self.expr(value)),
            ExprKind::ListComprehension { element, clauses } | ExprKind::SetComprehension { element, clauses } => {
                self.comprehension(&[element], clauses);
            }
            ExprKind::MapComprehension { key, value, clauses } => self.comprehension(&[key, value], clauses),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Range { start, end } => {
                self.expr(start);
                self.expr(end);
            }
            ExprKind::Ternary { condition, then, otherwise, .. } => {
                self.expr(condition);
                self.expr(then);
                self.expr(otherwise);
            }
            ExprKind::Index { base, indices } => {
                self.expr(base);
                indices.iter().for_each(|index| self.expr(index));
            }
            ExprKind::Slice { base, start, end } => {
                self.expr(base);
                start.iter().for_each(|start| self.expr(start));
                end.iter().for_each(|end| self.expr(end));
            }
            ExprKind::Call { callee, args, .. } => {
                match &callee.kind {
                    ExprKind::Name(name) => self.name(*name, callee.span, true),
                    _ => self.expr(callee),
                }
                self.args(args);
            }
            ExprKind::JsonCall { args, .. } => self.args(args),
            ExprKind::Lambda(lambda) => {
                let mark = self.locals.len();
                self.locals.extend(lambda.params.iter().map(|param| param.name.name));
                self.expr(&lambda.body);
                self.locals.truncate(mark);
            }
            ExprKind::LlvmIr(ir) => {
                for input in &ir.inputs {
                    self.name(input.variable.name, input.variable.span, false);
                }
            }
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Nil
            | ExprKind::Cell
            | ExprKind::EmptyBraces
            | ExprKind::Error => {}
        }
    }
}
