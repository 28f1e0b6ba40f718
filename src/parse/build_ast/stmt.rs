//! Statements.
//!
//! In: `body` and `stmt` rules. Out: blocks. Deliberately not here: what an assignment does; only the shape of its left
//! side is checked (reference 2.3, 8).

use super::{Builder, Cursor, Rule, grammar};
use crate::ast::*;
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::token::{Token, kind};
use crate::source::Span;

/// Members of a chain of operators, postfixes or `else if` (reference 2.3, 11).
pub(super) const MAX_CHAIN: usize = 10_000;

impl Builder<'_> {
    /// `body CLOSE`; the span reaches over the closer.
    pub(super) fn closed_body(&mut self, children: &mut Cursor<'_, '_>) -> Block {
        let mut block = self.body(children);
        if let Some(closer) = children.eat(kind::CLOSE) {
            block.span = block.span.to(self.span(closer));
        }
        block
    }

    fn body(&mut self, children: &mut Cursor<'_, '_>) -> Block {
        let Some(rule) = children.eat_rule(grammar::RULE_BODY) else {
            return Block { stmts: Vec::new(), span: Span::new(self.file, 0, 0) };
        };
        let mut parts = self.cursor(rule);
        let mut stmts = Vec::new();
        while let Some(stmt) = parts.find_rule(grammar::RULE_STMT) {
            stmts.push(self.stmt(stmt));
        }
        Block { stmts, span: self.rule_span(rule) }
    }

    fn stmt(&mut self, rule: Rule<'_>) -> Stmt {
        let span = self.rule_span(rule);
        let mut children = self.cursor(rule);
        let misplaced = self.misplaced.len();
        let kind = self.stmt_kind(&mut children);
        self.report_misplaced(misplaced);
        Stmt { kind, span }
    }

    fn stmt_kind(&mut self, children: &mut Cursor<'_, '_>) -> StmtKind {
        if let Some(expr) = children.eat_rule(grammar::RULE_EXPR) {
            return self.expression_stmt(expr, children);
        }
        if let Some(rule) = children.eat_rule(grammar::RULE_FOR_LOOP) {
            let (binder, iterable, body) = self.for_loop(rule);
            return StmtKind::For { binder, iterable, body };
        }
        match children.token().kind {
            kind::CONST => self.const_stmt(children),
            kind::RETURN => StmtKind::Return(children.eat_rule(grammar::RULE_EXPR).map(|expr| self.expr(expr))),
            kind::BREAK => StmtKind::Break,
            kind::CONTINUE => StmtKind::Continue,
            kind::IF => self.if_stmt(children),
            kind::WHILE => {
                let condition = self.next_expr(children);
                let cycle = children.eat(kind::CYCLE).is_some();
                StmtKind::While { condition, cycle, body: self.closed_body(children) }
            }
            kind::MATCH => self.match_stmt(children),
            kind::SELECT => self.select_stmt(children),
            _ => {
                let duration = self.next_expr(children);
                let mut body = self.body(children);
                let otherwise = children.eat(kind::ELSE).map(|_| self.closed_body(children));
                if let Some(closer) = children.eat(kind::CLOSE) {
                    body.span = body.span.to(self.span(closer));
                }
                StmtKind::Within { duration, body, otherwise }
            }
        }
    }

    fn const_stmt(&mut self, children: &mut Cursor<'_, '_>) -> StmtKind {
        if let Some(rule) = children.eat_rule(grammar::RULE_UNPACK) {
            let target = self.unpack(rule);
            let operator = children.token();
            let right = self.right_side(children);
            return self.unpack_stmt(true, target, operator, right);
        }
        let name = self.ident(children.token());
        let ty = children.eat(kind::COLON).map(|_| self.some_type(children.eat_rule(grammar::RULE_TYPE)));
        let operator = children.token();
        let value = self.right_side(children);
        self.check_collects(operator, &value);
        StmtKind::Bind { is_const: true, name, ty, moves: operator.kind == kind::MOVE, value }
    }

    fn unpack_stmt(&mut self, is_const: bool, target: Unpack, operator: Token, right: RightSide) -> StmtKind {
        if operator.kind == kind::MOVE {
            self.unexpected(operator, "a destructuring is written with '='");
        }
        let value = match right {
            RightSide::Expr(value) => value,
            RightSide::Collect { span, .. } => {
                self.unexpected(operator, "the list of a collecting loop goes to one name");
                Expr { kind: ExprKind::Error, span }
            }
        };
        StmtKind::Unpack { is_const, target, value }
    }

    /// A collecting loop needs `=`.
    fn check_collects(&mut self, operator: Token, value: &RightSide) {
        if operator.kind == kind::MOVE && matches!(value, RightSide::Collect { .. }) {
            self.unexpected(operator, "a collecting loop is written with '='");
        }
    }

    fn right_side(&mut self, children: &mut Cursor<'_, '_>) -> RightSide {
        if let Some(rule) = children.eat_rule(grammar::RULE_FOR_LOOP) {
            let span = self.rule_span(rule);
            let (binder, iterable, body) = self.for_loop(rule);
            return RightSide::Collect { binder, iterable, body, span };
        }
        RightSide::Expr(self.next_expr(children))
    }

    fn for_loop(&mut self, rule: Rule<'_>) -> (Binder, Expr, Block) {
        let mut children = self.cursor(rule);
        children.eat(kind::FOR);
        let binder = self.some_binder(children.eat_rule(grammar::RULE_BINDER));
        children.eat(kind::IN);
        let iterable = self.next_expr(&mut children);
        (binder, iterable, self.closed_body(&mut children))
    }

    fn if_stmt(&mut self, children: &mut Cursor<'_, '_>) -> StmtKind {
        let mut arms = Vec::new();
        loop {
            let condition = self.next_expr(children);
            let body = self.body(children);
            arms.push((condition, body));
            let Some(token) = children.eat(kind::ELSE_IF) else { break };
            if arms.len() == MAX_CHAIN + 1 {
                self.chain_too_long(token);
            }
            children.eat(kind::IF);
        }
        let otherwise = children.eat(kind::ELSE).map(|_| self.closed_body(children));
        if let (Some(closer), Some((_, body))) = (children.eat(kind::CLOSE), arms.last_mut()) {
            body.span = body.span.to(self.span(closer));
        }
        StmtKind::If { arms, otherwise }
    }

    pub(super) fn chain_too_long(&mut self, token: Token) {
        self.diagnostics.push(
            Diagnostic::new(Code::E0204, self.span(token), "Nesting is too deep")
                .label(format!("a chain has at most {MAX_CHAIN} members")),
        );
    }

    fn match_stmt(&mut self, children: &mut Cursor<'_, '_>) -> StmtKind {
        let scrutinee = self.next_expr(children);
        let mut arms = Vec::new();
        while let Some(rule) = children.find_rule(grammar::RULE_MATCH_ARM) {
            let mut parts = self.cursor(rule);
            parts.eat(kind::CASE);
            let pattern = match parts.eat_rule(grammar::RULE_PATTERN) {
                Some(pattern) => self.pattern(pattern),
                None => Pattern { kind: PatternKind::Any, span: self.rule_span(rule) },
            };
            arms.push(MatchArm { pattern, body: self.closed_body(&mut parts), span: self.rule_span(rule) });
        }
        StmtKind::Match { scrutinee, arms }
    }

    fn select_stmt(&mut self, children: &mut Cursor<'_, '_>) -> StmtKind {
        let mut select = Select { strategy: None, timeout: None, arms: Vec::new(), otherwise: None };
        select.strategy = match children.peek() {
            kind::FAIR => Some(Strategy::Fair),
            kind::RANDOM => Some(Strategy::Random),
            kind::PRIORITY => Some(Strategy::Priority),
            _ => None,
        };
        while !children.is_at_end() {
            if let Some(arm) = children.eat_rule(grammar::RULE_SELECT_ARM) {
                select.arms.extend(self.select_arm(arm));
                continue;
            }
            match children.token().kind {
                kind::TIMEOUT => select.timeout = Some(self.next_expr(children)),
                kind::ELSE => select.otherwise = Some(self.closed_body(children)),
                _ => {}
            }
        }
        StmtKind::Select(Box::new(select))
    }

    fn select_arm(&mut self, rule: Rule<'_>) -> Option<SelectArm> {
        let span = self.rule_span(rule);
        let mut children = self.cursor(rule);
        children.eat(kind::CASE);
        let first = children.token();
        let name = (first.kind == kind::IDENT).then(|| self.ident(first));
        if children.eat(kind::LEFT_ARROW).is_some() {
            let channel = self.next_expr(&mut children);
            return Some(SelectArm::Receive { name, channel, body: self.closed_body(&mut children), span });
        }
        if children.eat(kind::ASSIGN).is_some() {
            let call = self.next_expr(&mut children);
            return Some(SelectArm::Foreign { name, call, body: self.closed_body(&mut children), span });
        }
        let body = self.closed_body(&mut children);
        if self.text_of(first) != "ResourceExhausted" {
            self.unexpected(first, "expected 'name <- channel', 'name = call' or 'ResourceExhausted'");
            return None;
        }
        Some(SelectArm::ResourceExhausted { body, span })
    }

    /// A statement that begins with an expression.
    fn expression_stmt(&mut self, rule: Rule<'_>, children: &mut Cursor<'_, '_>) -> StmtKind {
        let misplaced = self.misplaced.len();
        let expr = self.expr(rule);
        if children.is_at_end() {
            return match expr.kind {
                ExprKind::LlvmIr(ir) if ir.output.is_none() => {
                    self.misplaced.truncate(misplaced);
                    StmtKind::LlvmIr(ir)
                }
                kind => StmtKind::Expr(Expr { kind, span: expr.span }),
            };
        }
        let colon = children.eat(kind::COLON);
        let ty = colon.map(|_| self.some_type(children.eat_rule(grammar::RULE_TYPE)));
        let operator = children.token();
        if let (Some(colon), false) = (colon, matches!(expr.kind, ExprKind::Name(_))) {
            self.unexpected(colon, "only a name can be declared");
            return StmtKind::Expr(expr);
        }
        if let Some(op) = compound_operator(operator.kind) {
            let value = self.next_expr(children);
            let op_span = self.span(operator);
            return match place_root(&expr) {
                Root::Name => StmtKind::Compound { place: expr, op, op_span, value },
                root => self.not_assignable(expr, operator, root),
            };
        }
        let value = self.right_side(children);
        let moves = operator.kind == kind::MOVE;
        match expr.kind {
            ExprKind::Name(name) => {
                self.check_collects(operator, &value);
                let name = Ident { name, span: expr.span };
                StmtKind::Bind { is_const: false, name, ty, moves, value }
            }
            ExprKind::Tuple(_) => match unpack_target(&expr) {
                Some(target) => {
                    self.misplaced.truncate(misplaced);
                    self.unpack_stmt(false, target, operator, value)
                }
                None => self.not_assignable(expr, operator, Root::Other),
            },
            _ => match place_root(&expr) {
                Root::Name => {
                    if matches!(value, RightSide::Collect { .. }) {
                        self.unexpected(operator, "the list of a collecting loop goes to one name");
                    }
                    StmtKind::AssignPlace { place: expr, op_span: self.span(operator), value }
                }
                root => self.not_assignable(expr, operator, root),
            },
        }
    }

    fn not_assignable(&mut self, expr: Expr, operator: Token, root: Root) -> StmtKind {
        if matches!(root, Root::SelfValue) {
            self.diagnostics.push(
                Diagnostic::new(Code::E0602, expr.span, "Methods cannot change 'self'; return a new value")
                    .label("assigned here"),
            );
        } else {
            self.unexpected(operator, "what stands before it cannot be assigned");
        }
        StmtKind::Expr(expr)
    }
}

fn compound_operator(token_kind: u8) -> Option<BinaryOp> {
    Some(match token_kind {
        kind::PLUS_ASSIGN => BinaryOp::Add,
        kind::MINUS_ASSIGN => BinaryOp::Subtract,
        kind::STAR_ASSIGN => BinaryOp::Multiply,
        kind::SLASH_ASSIGN => BinaryOp::Divide,
        kind::PERCENT_ASSIGN => BinaryOp::Remainder,
        _ => return None,
    })
}

/// What a chain of `.name`, `.0` and `[…]` begins with.
enum Root {
    Name,
    SelfValue,
    Other,
}

fn place_root(expr: &Expr) -> Root {
    let mut expr = expr;
    loop {
        expr = match &expr.kind {
            ExprKind::Name(_) => return Root::Name,
            ExprKind::SelfValue => return Root::SelfValue,
            ExprKind::Member { base, type_args, .. } if type_args.is_empty() => base,
            ExprKind::Position { base, .. } | ExprKind::Index { base, .. } | ExprKind::Slice { base, .. } => base,
            _ => return Root::Other,
        };
    }
}

/// `(a, (b, _))` as the target of a destructuring.
fn unpack_target(expr: &Expr) -> Option<Unpack> {
    match &expr.kind {
        ExprKind::Name(name) if name.as_str() == "_" => Some(Unpack::Skip(expr.span)),
        ExprKind::Name(name) => Some(Unpack::Name(Ident { name: *name, span: expr.span })),
        ExprKind::Tuple(items) => {
            let parts = items.iter().map(|item| item.name.is_none().then(|| unpack_target(&item.value)).flatten());
            Some(Unpack::Nested(parts.collect::<Option<Vec<_>>>()?, expr.span))
        }
        _ => None,
    }
}
