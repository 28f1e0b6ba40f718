//! `select` (language reference 10.4).
//!
//! In: the statement. Out: a `Select` that yields the number of the chosen case, and tests of that number around the
//! blocks; E1003 to E1005, E1008, E1009. Deliberately not here: waiting, and when calls of C begin (runtime).

use super::body::{Body, OutParts, assign, make};
use super::properties::Contains;
use crate::ast::{self, Ident, SelectArm, Strategy};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{
    self, CompareOp, Expr, ExprKind, ExternArg, ExternId, LocalId, SelectCase, SelectSource, SelectStrategy, Stmt,
    StmtKind,
};
use crate::source::Span;
use crate::types::{self, Type};

/// A case whose operands are evaluated, and the block that runs when it is chosen.
struct Arm<'a> {
    name: Option<Ident>,
    out: Option<LocalId>,
    outs: Outs<'a>,
    body: &'a ast::Block,
}

/// What the `out` arguments of a call of C are when its case is chosen.
#[derive(Default)]
struct Outs<'a> {
    /// The variable, and its new value.
    variables: Vec<(LocalId, LocalId)>,
    /// The part of a variable, and its new value; stored behind the variables.
    parts: OutParts<'a>,
}

impl<'a> Body<'_, 'a> {
    /// Whether control can reach the statement after it.
    pub(crate) fn select_stmt(&mut self, select: &'a ast::Select, keyword: Span, out: &mut ir::Block) -> bool {
        self.effect_in_formula("select", keyword);
        if select.arms.is_empty() && select.timeout.is_none() {
            self.error(Code::E1003, keyword, "Select without cases needs a timeout");
        }
        let mark = self.enter_block();
        let timeout = self.select_timeout(select, keyword, out);
        let mut cases = Vec::new();
        let mut arms = Vec::new();
        let mut foreign = Vec::new();
        for arm in &select.arms {
            match arm {
                SelectArm::Receive { name, channel, body, span } => {
                    let case = self.receive_case(*name, channel, *span, out);
                    arms.push(Arm { name: *name, out: case.out, outs: Outs::default(), body });
                    cases.push(case);
                }
                SelectArm::Foreign { name, call, body, span } => {
                    let (case, outs) = self.foreign_case(*name, call, *span, out);
                    foreign.push((case.as_ref().and_then(callee), *span));
                    let place = case.as_ref().and_then(|case| case.out);
                    let place = place.or_else(|| name.map(|name| self.temp(types::UNKNOWN, name.span)));
                    arms.push(Arm { name: *name, out: place, outs, body });
                    cases.extend(case);
                }
                SelectArm::ResourceExhausted { body, .. } => {
                    cases.push(SelectCase { source: SelectSource::Exhausted, out: None });
                    arms.push(Arm { name: None, out: None, outs: Outs::default(), body });
                }
            }
        }
        self.check_foreign_cases(select, &foreign);
        let strategy = match select.strategy {
            None => SelectStrategy::Order,
            Some(Strategy::Priority) => SelectStrategy::Priority,
            Some(Strategy::Fair) => SelectStrategy::Fair,
            Some(Strategy::Random) => SelectStrategy::Random,
        };
        let memory = (strategy == SelectStrategy::Fair).then(|| self.select_memory(keyword));
        let chosen = self.temp(types::INT, keyword);
        let kind = ExprKind::Select { cases, strategy, timeout: Box::new(timeout), memory };
        out.push(assign(chosen, make(kind, types::INT, keyword)));
        let falls = self.select_blocks(select, chosen, arms, keyword, out);
        self.leave_block(mark);
        falls
    }

    /// Nanoseconds as the runtime wants them: below 0 for none. What is not positive does not wait.
    fn select_timeout(&mut self, select: &'a ast::Select, keyword: Span, out: &mut ir::Block) -> Expr {
        let Some(written) = &select.timeout else {
            return self.int(if select.otherwise.is_some() { 0 } else { -1 }, keyword);
        };
        let span = written.span;
        let value = self.expr_to(written, types::INT);
        let local = self.temp(types::INT, span);
        out.push(assign(local, value));
        let (left, right) = (Box::new(self.local_expr(local, span)), Box::new(self.int(0, span)));
        let condition = make(ExprKind::Compare { op: CompareOp::Less, left, right }, types::BOOL, span);
        let (then, otherwise) = (Box::new(self.int(0, span)), Box::new(self.local_expr(local, span)));
        make(ExprKind::If { condition: Box::new(condition), then, otherwise }, types::INT, span)
    }

    fn receive_case(
        &mut self,
        name: Option<Ident>,
        channel: &'a ast::Expr,
        span: Span,
        out: &mut ir::Block,
    ) -> SelectCase {
        let at = name.map_or(span, |name| name.span);
        let value = self.expr(channel, None);
        let value = self.unwrapped(value);
        let element = match *self.shape(value.ty.unwrap_or(types::UNKNOWN)) {
            Type::Channel(element) => element,
            Type::Unknown => types::UNKNOWN,
            Type::Param(_) if self.generic => types::UNKNOWN,
            Type::Variable(_) => {
                self.still_open(&value, channel.span);
                types::UNKNOWN
            }
            _ => {
                self.not_a_case(channel.span);
                types::UNKNOWN
            }
        };
        let channel = self.to_temp(value, out);
        let received = if element == types::UNKNOWN { element } else { self.c.types.optional(element) };
        SelectCase { source: SelectSource::Channel(channel), out: Some(self.temp(received, at)) }
    }

    fn not_a_case(&mut self, span: Span) {
        self.error(Code::E1005, span, "Select case must receive from a channel or call an extern");
    }

    /// A call of C with its arguments evaluated, and what its `out` arguments rebind; none after an error.
    fn foreign_case(
        &mut self,
        name: Option<Ident>,
        call: &'a ast::Expr,
        span: Span,
        out: &mut ir::Block,
    ) -> (Option<SelectCase>, Outs<'a>) {
        self.case_parts = Some(Vec::new());
        let mut value = if name.is_some() { self.expr(call, None) } else { self.expr_or_nothing(call, None) };
        let mut outs = Outs { variables: Vec::new(), parts: self.case_parts.take().unwrap_or_default() };
        let mut before = Vec::new();
        while let ExprKind::Block { mut stmts, value: last } = value.kind {
            let Some(last) = last.map(|last| *last).or_else(|| last_call(&mut stmts)) else {
                self.not_a_case(call.span);
                return (None, outs);
            };
            before.append(&mut stmts);
            value = last;
        }
        match &mut value.kind {
            ExprKind::CallExtern { callee, args } => {
                self.not_across_fibers(*callee, span);
                // A case that is not chosen leaves the write buffers of a cycle alone: the call works on copies only.
                before.retain(|stmt| !self.copies_read_buffer(stmt));
                out.append(&mut before);
                for arg in args {
                    match arg {
                        ExternArg::Value(value) => {
                            let taken = std::mem::replace(value, make(ExprKind::Zero, types::UNKNOWN, span));
                            *value = self.to_temp(taken, out);
                        }
                        ExternArg::Out(local) => {
                            let copy = self.temp(self.local_type(*local), span);
                            let old = self.read_buffer(*local).unwrap_or(*local);
                            out.push(assign(copy, self.local_expr(old, span)));
                            outs.variables.push((*local, copy));
                            *local = copy;
                        }
                    }
                }
            }
            _ if value.ty == Some(types::UNKNOWN) && matches!(call.kind, ast::ExprKind::Call { .. }) => {
                return (None, outs);
            }
            _ => {
                self.not_a_case(if call.span.start == call.span.end { span } else { call.span });
                return (None, outs);
            }
        }
        let place = name.and_then(|name| value.ty.map(|ty| self.temp(ty, name.span)));
        (Some(SelectCase { source: SelectSource::Call(value), out: place }), outs)
    }

    /// Handles of the program's own externs belong to a fiber, and the call is made on another one.
    fn not_across_fibers(&mut self, callee: ExternId, span: Span) {
        let external = self.c.external(callee);
        if external.library.is_some() {
            return;
        }
        let mentioned: Vec<_> = external.params.iter().map(|param| param.ty).chain(external.result).collect();
        if mentioned.into_iter().any(|ty| self.c.contains(ty, Contains::Handle)) {
            self.unsupported(span, "foreign cases with handles of the program's own externs");
        }
    }

    fn check_foreign_cases(&mut self, select: &ast::Select, foreign: &[(Option<ExternId>, Span)]) {
        let exhausted = select.arms.iter().filter_map(|arm| match arm {
            SelectArm::ResourceExhausted { span, .. } => Some(*span),
            _ => None,
        });
        for (index, span) in exhausted.enumerate() {
            if index > 0 || foreign.is_empty() {
                let message = "'ResourceExhausted' needs one foreign case in the same select";
                self.error(Code::E1004, span, message);
            }
        }
        let Some((_, first)) = foreign.first() else { return };
        let mut seen = Vec::new();
        for (id, span) in foreign {
            let Some(library) = id.and_then(|id| self.c.external(id).library) else { continue };
            if seen.contains(&library) {
                let name = self.c.sources.libraries[library.0 as usize].name;
                self.error(Code::E1008, *span, format!("Library '{name}' has two foreign cases in one select"));
            }
            seen.push(library);
        }
        if select.otherwise.is_some() && select.timeout.is_none() {
            let message = "A foreign case needs a select that can wait";
            self.report(Diagnostic::new(Code::E1009, *first, message).help("write 'timeout'"));
        }
    }

    /// What a fair select remembers between its executions in one activation.
    fn select_memory(&mut self, span: Span) -> LocalId {
        let local = self.temp(types::INT, span);
        self.frame().select_memories.push(local);
        local
    }

    fn select_blocks(
        &mut self,
        select: &'a ast::Select,
        chosen: LocalId,
        arms: Vec<Arm<'a>>,
        span: Span,
        out: &mut ir::Block,
    ) -> bool {
        let before = self.moved.clone();
        let mut ends = Vec::new();
        let mut lowered = Vec::new();
        for (index, arm) in arms.into_iter().enumerate() {
            self.moved = before.clone();
            let mut stmts = Vec::new();
            let mark = self.enter_block();
            for (local, copy) in arm.outs.variables {
                stmts.push(assign(local, self.local_expr(copy, span)));
            }
            self.store_parts(arm.outs.parts, &mut stmts);
            if let (Some(name), Some(out)) = (arm.name, arm.out) {
                let received = self.local_expr(out, name.span);
                let ty = self.local_type(out);
                let local = self.in_region(arm.body.span, |this| this.declare(name, ty, false));
                stmts.push(assign(local, received));
            }
            let falls = self.block(arm.body, &mut stmts);
            self.leave_block(mark);
            ends.extend(falls.then(|| self.moved.clone()));
            let (left, right) = (Box::new(self.local_expr(chosen, span)), Box::new(self.int(index as i64, span)));
            lowered.push((make(ExprKind::Equal { left, right, negate: false }, types::BOOL, span), stmts));
        }
        self.moved = before;
        let mut otherwise = Vec::new();
        let falls = match &select.otherwise {
            Some(block) => self.block(block, &mut otherwise),
            None => select.timeout.is_some(),
        };
        ends.extend(falls.then(|| self.moved.clone()));
        self.moved.clear();
        let reached = !ends.is_empty();
        ends.into_iter().for_each(|end| self.merge_moved(end));
        if lowered.is_empty() {
            out.append(&mut otherwise);
        } else {
            out.push(Stmt { kind: StmtKind::If { arms: lowered, otherwise }, span });
        }
        reached
    }
}

fn callee(case: &SelectCase) -> Option<ExternId> {
    match case.source {
        SelectSource::Call(Expr { kind: ExprKind::CallExtern { callee, .. }, .. }) => Some(callee),
        _ => None,
    }
}

/// A call without a value stands at the end of the block that evaluates its arguments.
fn last_call(stmts: &mut ir::Block) -> Option<Expr> {
    match stmts.pop()?.kind {
        StmtKind::Expr(call) => Some(call),
        _ => None,
    }
}
