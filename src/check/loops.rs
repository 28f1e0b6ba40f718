//! Loops (language reference 6.5, 6.6) and what they walk over.
//!
//! In: iterables and binders. Out: `For` and `While`; E0508, E0604, E0605, E0707.
//! Deliberately not here: collecting loops and comprehensions, which use this.

use super::body::{Body, make};
use crate::ast::{self, Binder, ExprKind as Ast};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Conversion, Expr, ExprKind, Iteration, LocalId, RuntimeFunction, Stmt, StmtKind};
use crate::source::{Span, Symbol};
use crate::types::{self, TupleItem, Type, TypeId};

/// An iterable, elaborated; the locals of its items wait for a binder.
pub(crate) enum Walk {
    Range {
        start: Expr,
        end: Expr,
        step: Option<Expr>,
    },
    Items {
        value: Expr,
        item: TypeId,
    },
    Entries {
        map: Expr,
        key: TypeId,
        value: TypeId,
    },
    /// Until it is closed and drained.
    Channel {
        channel: Expr,
        item: TypeId,
    },
    /// After a diagnostic.
    Unknown,
}

impl<'a> Body<'_, 'a> {
    /// Elaborates an iterable; `pairs` says that the binder is a tuple of two.
    pub(crate) fn walk(&mut self, iterable: &'a ast::Expr, binder: &Binder) -> Walk {
        match &iterable.kind {
            Ast::Range { start, end } => {
                let start = self.expr_to(start, types::INT);
                let end = self.expr_to(end, types::INT);
                return Walk::Range { start, end, step: None };
            }
            Ast::Call { callee, args, .. } => {
                if let Ast::Name(name) = callee.kind
                    && let Some(walk) = self.range_call(name, iterable.span, args)
                {
                    return walk;
                }
            }
            Ast::Group(inner) => return self.walk(inner, binder),
            _ => {}
        }
        let value = self.expr(iterable, None);
        let value = self.unwrapped(value);
        let ty = value.ty.unwrap_or(types::UNKNOWN);
        match self.shape(ty).clone() {
            Type::List(item) | Type::Array(item) | Type::Set(item) => Walk::Items { value, item },
            Type::String => Walk::Items { value, item: types::INT },
            Type::Map(key, entry) => match binder {
                Binder::Nested(parts, _) if parts.len() == 2 => Walk::Entries { map: value, key, value: entry },
                _ => Walk::Items { value, item: key },
            },
            Type::Json => self.json_walk(value, binder),
            Type::Channel(item) => {
                self.effect_in_formula("a channel", iterable.span);
                Walk::Channel { channel: value, item }
            }
            Type::Unknown => Walk::Unknown,
            Type::Param(_) if self.generic => Walk::Unknown,
            Type::Variable(_) => {
                self.still_open(&value, iterable.span);
                Walk::Unknown
            }
            _ => {
                let name = self.short_name(ty);
                let mut diagnostic =
                    Diagnostic::new(Code::E0605, iterable.span, format!("Type '{name}' cannot be iterated"));
                if ty == types::INT {
                    diagnostic = diagnostic.help("write '0..n' for the numbers below n");
                }
                self.report(diagnostic);
                Walk::Unknown
            }
        }
    }

    /// `range(…)` as an iterable generates lazily.
    fn range_call(&mut self, name: Symbol, span: Span, args: &'a [ast::Arg]) -> Option<Walk> {
        let plain = name.as_str() == "range" && (1..=3).contains(&args.len());
        let hidden = self.names.contains_key(&name) || args.iter().any(|arg| arg.name.is_some());
        if !plain || hidden || !matches!(self.c.value_entity(self.scope, name), super::scope::Found::None) {
            return None;
        }
        let mut bounds = args.iter().map(|arg| self.expr_to(&arg.value, types::INT)).collect::<Vec<_>>().into_iter();
        let (first, second, step) = (bounds.next()?, bounds.next(), bounds.next());
        Some(match second {
            None => Walk::Range { start: make(ExprKind::Int(0), types::INT, first.span), end: first, step: None },
            Some(end) => {
                // A step of zero is a fault of the call.
                let at_call = |step| {
                    let operand = Box::new(step);
                    make(ExprKind::Convert { conversion: Conversion::Identity, operand }, types::INT, span)
                };
                Walk::Range { start: first, end, step: step.map(at_call) }
            }
        })
    }

    /// Emits the loop around a body that `inner` fills in; binders are in scope there.
    pub(crate) fn for_loop(
        &mut self,
        walk: Walk,
        binder: &Binder,
        span: Span,
        out: &mut ir::Block,
        inner: impl FnOnce(&mut Self, &mut ir::Block),
    ) {
        let mark = self.enter_block();
        self.begin_loop();
        let mut body = Vec::new();
        let at = binder_span(binder);
        let item_local = |this: &mut Self, ty: TypeId, body: &mut ir::Block| -> LocalId {
            if let Binder::Name(name) = binder {
                let is_const = this.in_formula();
                return this.declare(*name, ty, is_const);
            }
            let local = this.temp(ty, at);
            let item = this.local_expr(local, at);
            this.binder(binder, item, body);
            local
        };
        let iteration = match walk {
            Walk::Range { start, end, step } => {
                let local = item_local(self, types::INT, &mut body);
                Iteration::Range { local, start, end, step }
            }
            Walk::Items { value, item } => {
                let local = item_local(self, item, &mut body);
                self.items(value, local)
            }
            Walk::Entries { map, key, value } => {
                let (key_local, value_local) = (self.temp(key, at), self.temp(value, at));
                if let Binder::Nested(parts, _) = binder {
                    let key = self.local_expr(key_local, at);
                    self.binder(&parts[0], key, &mut body);
                    let value = self.local_expr(value_local, at);
                    self.binder(&parts[1], value, &mut body);
                }
                Iteration::MapEntries { key: key_local, value: value_local, map }
            }
            Walk::Channel { channel, item } => {
                let received = self.c.types.optional(item);
                let received = self.temp(received, at);
                let local = item_local(self, item, &mut body);
                Iteration::Channel { received, local, channel }
            }
            Walk::Unknown => {
                let local = item_local(self, types::UNKNOWN, &mut body);
                let list = super::body::unknown(at);
                Iteration::List { local, list }
            }
        };
        inner(self, &mut body);
        self.end_loop();
        self.leave_block(mark);
        out.push(Stmt { kind: StmtKind::For { iteration, body }, span });
    }

    /// Elements of an array, keys of an object; two names take keys and values.
    fn json_walk(&mut self, value: Expr, binder: &Binder) -> Walk {
        let span = value.span;
        let runtime = |function, ty| make(ExprKind::Runtime { function, args: vec![value] }, ty, span);
        match binder {
            Binder::Nested(parts, _) if parts.len() == 2 => {
                let items = [types::STRING, types::JSON].map(|ty| TupleItem { name: None, ty });
                let item = self.c.types.intern(Type::Tuple(items.into()));
                let list = self.c.types.list(item);
                Walk::Items { value: runtime(RuntimeFunction::JsonEntries, list), item }
            }
            _ => {
                let array = self.c.types.array(types::JSON);
                Walk::Items { value: runtime(RuntimeFunction::JsonItems, array), item: types::JSON }
            }
        }
    }

    fn items(&mut self, value: Expr, local: LocalId) -> Iteration {
        match self.shape(value.ty.unwrap_or(types::UNKNOWN)) {
            Type::Array(_) => Iteration::Array { local, array: value },
            Type::Set(_) => Iteration::Set { local, set: value },
            Type::Map(..) => Iteration::MapKeys { local, map: value },
            Type::String => Iteration::String { local, string: value },
            _ => Iteration::List { local, list: value },
        }
    }

    pub(crate) fn for_stmt(
        &mut self,
        binder: &'a Binder,
        iterable: &'a ast::Expr,
        body: &'a ast::Block,
        span: Span,
        out: &mut ir::Block,
    ) {
        let walk = self.walk(iterable, binder);
        self.in_region(body.span, |this| {
            this.for_loop(walk, binder, span, out, |this, stmts| {
                this.block(body, stmts);
            });
        });
    }

    /// Whether control can reach the statement after it.
    pub(crate) fn while_stmt(
        &mut self,
        condition: &'a ast::Expr,
        cycle: bool,
        body: &'a ast::Block,
        span: Span,
        out: &mut ir::Block,
    ) -> bool {
        if self.in_formula() {
            self.error(Code::E0707, span_start(span, 5), "Formulas must iterate with for or a comprehension");
        }
        let endless = matches!(condition.kind, Ast::Bool(true));
        let condition = self.condition_of(condition);
        self.begin_loop();
        let mut stmts = Vec::new();
        if cycle {
            self.cycle_body(body, out, &mut stmts);
        } else {
            self.block(body, &mut stmts);
        }
        let broken = self.end_loop();
        out.push(Stmt { kind: StmtKind::While { condition, body: stmts }, span });
        !endless || broken
    }

    /// `break` and `continue`.
    pub(crate) fn leave_loop(&mut self, is_break: bool, span: Span, out: &mut ir::Block) {
        let word = if is_break { "break" } else { "continue" };
        if self.frame().loops.is_empty() {
            self.error(Code::E0604, span, format!("'{word}' outside of a loop"));
            return;
        }
        self.moved_at_leave(is_break);
        if is_break && let Some(open) = self.frame().loops.last_mut() {
            open.broken = true;
        }
        if !is_break {
            self.generation_at_continue(span, out);
        }
        out.push(Stmt { kind: if is_break { StmtKind::Break } else { StmtKind::Continue }, span });
    }
}

pub(crate) fn binder_span(binder: &Binder) -> Span {
    match binder {
        Binder::Name(name) => name.span,
        Binder::Skip(span) | Binder::Nested(_, span) => *span,
    }
}

/// The first bytes of a statement: its keyword.
fn span_start(span: Span, length: u32) -> Span {
    Span { end: (span.start + length).min(span.end), ..span }
}
