//! Statements as text.
//!
//! In: statements. Out: lines of the printer. Deliberately not here: expressions.

use std::fmt::Write as _;

use super::Printer;
use super::expr::{show_binder, show_expr, show_llvm, show_type};
use crate::ast::*;

impl Printer {
    pub(super) fn block(&mut self, block: &Block) {
        self.nested(|printer| {
            for stmt in &block.stmts {
                printer.stmt(stmt);
            }
        });
    }

    fn headed(&mut self, head: impl AsRef<str>, block: &Block) {
        self.line(head);
        self.block(block);
    }

    fn otherwise(&mut self, block: &Option<Block>) {
        if let Some(block) = block {
            self.headed("else", block);
        }
    }

    /// `head value`, where the value may be a loop.
    fn right_side(&mut self, head: String, value: &RightSide) {
        match value {
            RightSide::Expr(value) => self.line(format!("{head} {}", show_expr(value))),
            RightSide::Collect { binder, iterable, body, .. } => {
                self.headed(format!("{head} for {} {}", show_binder(binder), show_expr(iterable)), body);
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Bind { is_const, name, ty, moves, value } => {
                let mut head = format!("{} {}", if *is_const { "const" } else { "bind" }, name.name);
                if let Some(ty) = ty {
                    let _ = write!(head, ": {}", show_type(ty));
                }
                head.push_str(if *moves { " :=" } else { " =" });
                self.right_side(head, value);
            }
            StmtKind::Unpack { is_const, target, value } => {
                let head = if *is_const { "const" } else { "unpack" };
                self.line(format!("{head} {} = {}", show_unpack(target), show_expr(value)));
            }
            StmtKind::AssignPlace { place, value, .. } => {
                self.right_side(format!("assign {} =", show_expr(place)), value)
            }
            StmtKind::Compound { place, op, value, .. } => {
                self.line(format!("assign {} {}= {}", show_expr(place), op.as_str(), show_expr(value)));
            }
            StmtKind::Expr(expr) => self.line(show_expr(expr)),
            StmtKind::If { arms, otherwise } => {
                for (index, (condition, block)) in arms.iter().enumerate() {
                    let word = if index == 0 { "if" } else { "else if" };
                    self.headed(format!("{word} {}", show_expr(condition)), block);
                }
                self.otherwise(otherwise);
            }
            StmtKind::For { binder, iterable, body } => {
                self.headed(format!("for {} {}", show_binder(binder), show_expr(iterable)), body);
            }
            StmtKind::While { condition, cycle, body } => {
                self.headed(format!("while {}{}", show_expr(condition), if *cycle { " cycle" } else { "" }), body);
            }
            StmtKind::Match { scrutinee, arms } => {
                self.line(format!("match {}", show_expr(scrutinee)));
                self.nested(|printer| {
                    for arm in arms {
                        printer.headed(format!("case {}", show_pattern(&arm.pattern)), &arm.body);
                    }
                });
            }
            StmtKind::Select(select) => self.select(select),
            StmtKind::Within { duration, body, otherwise } => {
                self.headed(format!("within {}", show_expr(duration)), body);
                self.otherwise(otherwise);
            }
            StmtKind::Return(Some(value)) => self.line(format!("return {}", show_expr(value))),
            StmtKind::Return(None) => self.line("return"),
            StmtKind::Break => self.line("break"),
            StmtKind::Continue => self.line("continue"),
            StmtKind::LlvmIr(ir) => self.line(show_llvm(ir)),
        }
    }

    fn select(&mut self, select: &Select) {
        let mut head = "select".to_owned();
        match select.strategy {
            Some(Strategy::Fair) => head.push_str(" fair"),
            Some(Strategy::Random) => head.push_str(" random"),
            Some(Strategy::Priority) => head.push_str(" priority"),
            None => {}
        }
        if let Some(timeout) = &select.timeout {
            let _ = write!(head, " timeout {}", show_expr(timeout));
        }
        self.line(head);
        let shown = |name: &Option<Ident>| name.map_or("_", |name| name.name.as_str());
        self.nested(|printer| {
            for arm in &select.arms {
                match arm {
                    SelectArm::Receive { name, channel, body, .. } => {
                        printer.headed(format!("case {} <- {}", shown(name), show_expr(channel)), body);
                    }
                    SelectArm::Foreign { name, call, body, .. } => {
                        printer.headed(format!("case {} = {}", shown(name), show_expr(call)), body);
                    }
                    SelectArm::ResourceExhausted { body, .. } => printer.headed("case ResourceExhausted", body),
                }
            }
        });
        self.otherwise(&select.otherwise);
    }
}

fn show_unpack(target: &Unpack) -> String {
    match target {
        Unpack::Name(name) => name.name.to_string(),
        Unpack::Skip(_) => "_".to_owned(),
        Unpack::Nested(parts, _) => format!("({})", parts.iter().map(show_unpack).collect::<Vec<_>>().join(" ")),
    }
}

fn show_pattern(pattern: &Pattern) -> String {
    let list = |patterns: &[Pattern]| patterns.iter().map(show_pattern).collect::<Vec<_>>().join(" ");
    let sign = |negative: bool| if negative { "-" } else { "" };
    match &pattern.kind {
        PatternKind::Any => "_".to_owned(),
        PatternKind::Int { value, negative } => format!("{}{}", sign(*negative), super::expr::show_int(*value)),
        PatternKind::Float { value, negative } => format!("{}{value:?}", sign(*negative)),
        PatternKind::Str(text) => format!("{text:?}"),
        PatternKind::Bool(value) => value.to_string(),
        PatternKind::Nil => "nil".to_owned(),
        PatternKind::Path { path, args: None } => super::joined(path, "."),
        PatternKind::Path { path, args: Some(args) } => format!("({} {})", super::joined(path, "."), list(args)),
        PatternKind::Tuple(parts) => format!("(tuple {})", list(parts)),
    }
}
