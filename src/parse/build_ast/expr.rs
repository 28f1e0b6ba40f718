//! Expressions.
//!
//! In: `expr` and `operand` rules. Out: [`Expr`]s. Deliberately not here: precedence (`operators`).

use super::operators::Item;
use super::stmt::MAX_CHAIN;
use super::{Builder, Cursor, Rule, grammar};
use crate::ast::*;
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::token::{FUNCTION_KINDS, Token, kind};
use crate::source::Span;

impl Builder<'_> {
    /// The expression that must come.
    pub(super) fn some_expr(&mut self, rule: Option<Rule<'_>>) -> Expr {
        match rule {
            Some(rule) => self.expr(rule),
            None => Expr { kind: ExprKind::Error, span: Span::new(self.file, 0, 0) },
        }
    }

    pub(super) fn next_expr(&mut self, children: &mut Cursor<'_, '_>) -> Expr {
        let rule = children.eat_rule(grammar::RULE_EXPR);
        self.some_expr(rule)
    }

    pub(super) fn expr(&mut self, rule: Rule<'_>) -> Expr {
        let mut children = self.cursor(rule);
        if FUNCTION_KINDS.contains(children.peek()) {
            return self.lambda(&mut children);
        }
        let first = match children.eat_rule(grammar::RULE_OPERAND) {
            Some(operand) if children.is_at_end() && self.cursor(operand).peek() != kind::NOT => {
                return self.operand(operand, &mut Vec::new());
            }
            first => first,
        };
        let mut items = Vec::new();
        let mut next = first;
        while let Some(operand) = next {
            let expr = self.operand(operand, &mut items);
            items.push(Item::Operand(expr));
            if matches!(children.peek(), kind::QUESTION | kind::EOF) {
                break;
            }
            items.push(Item::Operator(children.token()));
            next = children.eat_rule(grammar::RULE_OPERAND);
        }
        let condition = self.combine(items);
        if children.eat(kind::QUESTION).is_none() {
            return condition;
        }
        let then = self.next_expr(&mut children);
        let exit = children.token().kind == kind::BANG;
        let otherwise = self.next_expr(&mut children);
        let span = condition.span.to(otherwise.span);
        let (condition, then, otherwise) = (Box::new(condition), Box::new(then), Box::new(otherwise));
        Expr { kind: ExprKind::Ternary { condition, then, otherwise, exit }, span }
    }

    fn lambda(&mut self, children: &mut Cursor<'_, '_>) -> Expr {
        let first = children.token();
        children.eat(kind::LPAREN);
        let params = children.eat_rule(grammar::RULE_PARAMS).map_or(Vec::new(), |params| self.params(params));
        children.eat(kind::RPAREN);
        children.eat(kind::FAT_ARROW);
        let body = self.next_expr(children);
        let span = self.span(first).to(body.span);
        let kind = super::ty::function_kind(first);
        Expr { kind: ExprKind::Lambda(Box::new(Lambda { kind, params, body })), span }
    }

    /// An operand with its prefix operators and postfixes; a leading `not` goes to `items` instead.
    fn operand(&mut self, rule: Rule<'_>, items: &mut Vec<Item>) -> Expr {
        let mut children = self.cursor(rule);
        let mut prefixes: Vec<Token> = Vec::new();
        while matches!(children.peek(), kind::MINUS | kind::NOT | kind::AWAIT) {
            let token = children.token();
            match token.kind {
                kind::NOT if prefixes.is_empty() => items.push(Item::Not(token)),
                kind::NOT => self.unexpected(token, "'not' binds less than this operator; put it into parentheses"),
                _ => prefixes.push(token),
            }
        }
        let negated = prefixes.last().is_some_and(|token| token.kind == kind::MINUS);
        let mut expr = self.primary(&mut children, negated);
        let mut members = 0;
        while let Some(token) = children.peek_token() {
            members += 1;
            if members == MAX_CHAIN + 1 {
                self.chain_too_long(token);
                break;
            }
            expr = self.postfix(expr, &mut children);
        }
        for token in prefixes.into_iter().rev() {
            let op = if token.kind == kind::MINUS { UnaryOp::Negate } else { UnaryOp::Await };
            let op_span = self.span(token);
            let span = op_span.to(expr.span);
            expr = Expr { kind: ExprKind::Unary { op, op_span, operand: Box::new(expr) }, span };
        }
        expr
    }

    fn primary(&mut self, children: &mut Cursor<'_, '_>, negated: bool) -> Expr {
        if let Some(rule) = children.peek_rule() {
            children.next_node();
            let span = self.rule_span(rule);
            let kind = match rule.rule_index() {
                grammar::RULE_LIST => self.list(rule),
                grammar::RULE_BRACES => self.braces(rule),
                grammar::RULE_IR_BLOCK => self.ir_block(rule),
                _ => ExprKind::Error,
            };
            return Expr { kind, span };
        }
        let first = children.token();
        let span = self.span(first);
        let kind = match first.kind {
            // A sign belongs to the literal only if nothing binds tighter.
            kind::INT => ExprKind::Int(self.decimal(first, negated && children.is_at_end())),
            kind::HEX => ExprKind::Int(self.bit_pattern(first, 16)),
            kind::BIN => ExprKind::Int(self.bit_pattern(first, 2)),
            kind::FLOAT => ExprKind::Float(self.float(first)),
            kind::STRING => ExprKind::Str(self.string(first)),
            kind::TRUE => ExprKind::Bool(true),
            kind::FALSE => ExprKind::Bool(false),
            kind::NIL => ExprKind::Nil,
            kind::SELF => ExprKind::SelfValue,
            kind::CELL => ExprKind::Cell,
            kind::UNDERSCORE => {
                self.misplaced.push(first);
                ExprKind::Name(self.symbol(first))
            }
            kind::IDENT => match children.eat_rule(grammar::RULE_TYPE_ARGS) {
                Some(args) => {
                    let name = self.ident(first);
                    let span = span.to(self.rule_span(args));
                    return Expr { kind: ExprKind::Generic { name, type_args: self.type_args(args) }, span };
                }
                None => ExprKind::Name(self.symbol(first)),
            },
            kind::LPAREN => return self.parenthesised(first, children),
            kind::JSON => {
                children.eat(kind::DOT);
                let name = self.ident(children.token());
                let (args, args_span) = self.call_args(children);
                return Expr { kind: ExprKind::JsonCall { name, args }, span: span.to(args_span) };
            }
            other => {
                let ty = super::ty::primitive(other).unwrap_or(TypeExprKind::Json);
                children.eat(kind::LPAREN);
                let arg = Box::new(self.next_expr(children));
                let close = self.span(children.token());
                let kind = ExprKind::PrimitiveCall { ty: TypeExpr { kind: ty, span }, arg };
                return Expr { kind, span: span.to(close) };
            }
        };
        Expr { kind, span }
    }

    fn parenthesised(&mut self, open: Token, children: &mut Cursor<'_, '_>) -> Expr {
        let mut args = children.eat_rule(grammar::RULE_ARGS).map_or(Vec::new(), |args| self.args(args));
        let span = self.span(open).to(self.span(children.token()));
        if args.len() != 1 {
            let items = args.into_iter().map(|arg| TupleItem { name: arg.name, value: arg.value }).collect();
            return Expr { kind: ExprKind::Tuple(items), span };
        }
        let Some(arg) = args.pop() else { return Expr { kind: ExprKind::Error, span } };
        if let Some(name) = arg.name {
            let token = Token { kind: kind::LABEL, newline: false, start: name.span.start, end: name.span.end };
            self.unexpected(token, "a tuple has two or more items");
        }
        Expr { kind: ExprKind::Group(Box::new(arg.value)), span }
    }

    fn postfix(&mut self, base: Expr, children: &mut Cursor<'_, '_>) -> Expr {
        let start = base.span;
        let base = Box::new(base);
        let (kind, end) = match children.peek() {
            kind::DOT => {
                children.token();
                let token = children.token();
                let span = self.span(token);
                if token.kind == kind::POSITION {
                    let position = self.text_of(token).parse().unwrap_or(u32::MAX);
                    (ExprKind::Position { base, position, position_span: span }, span)
                } else {
                    let name = self.ident(token);
                    let args = children.eat_rule(grammar::RULE_TYPE_ARGS);
                    let end = args.map_or(span, |args| self.rule_span(args));
                    let type_args = args.map_or(Vec::new(), |args| self.type_args(args));
                    (ExprKind::Member { base, name, type_args }, end)
                }
            }
            kind::LBRACKET => {
                children.token();
                let kind = self.subscript(base, children);
                (kind, self.span(children.token()))
            }
            kind::LPAREN => {
                let (args, args_span) = self.call_args(children);
                (ExprKind::Call { callee: base, args, args_span }, args_span)
            }
            _ => {
                children.token();
                let ty = self.some_type(children.eat_rule(grammar::RULE_TYPE));
                let end = ty.span;
                (ExprKind::Cast { operand: base, ty }, end)
            }
        };
        Expr { kind, span: start.to(end) }
    }

    /// What stands between the brackets.
    fn subscript(&mut self, base: Box<Expr>, children: &mut Cursor<'_, '_>) -> ExprKind {
        let mut indices = Vec::new();
        while let Some(index) = children.eat_rule(grammar::RULE_EXPR) {
            indices.push(self.expr(index));
            if children.eat(kind::COMMA).or_else(|| children.eat(kind::TRAILING)).is_none() {
                break;
            }
        }
        if children.eat(kind::COLON).is_none() {
            return ExprKind::Index { base, indices };
        }
        let start = indices.pop().map(Box::new);
        let end = children.eat_rule(grammar::RULE_EXPR).map(|end| Box::new(self.expr(end)));
        ExprKind::Slice { base, start, end }
    }

    /// `( args? )` and its place.
    fn call_args(&mut self, children: &mut Cursor<'_, '_>) -> (Vec<Arg>, Span) {
        let open = self.span(children.token());
        let args = children.eat_rule(grammar::RULE_ARGS).map_or(Vec::new(), |args| self.args(args));
        (args, open.to(self.span(children.token())))
    }

    fn args(&mut self, rule: Rule<'_>) -> Vec<Arg> {
        let mut children = self.cursor(rule);
        let mut args = Vec::new();
        while !children.is_at_end() {
            let name = children.eat(kind::LABEL).or_else(|| children.eat(kind::WORD)).map(|token| self.ident(token));
            children.eat(kind::COLON);
            args.push(Arg { name, value: self.next_expr(&mut children) });
            // The comma.
            children.next_node();
        }
        args
    }

    fn list(&mut self, rule: Rule<'_>) -> ExprKind {
        let mut children = self.cursor(rule);
        let mut elements = Vec::new();
        let mut clauses = Vec::new();
        while let Some(node) = children.next_node() {
            let Some(part) = node.as_rule() else { continue };
            if part.rule_index() == grammar::RULE_CLAUSE {
                clauses.push(self.clause(part));
            } else {
                elements.push(self.expr(part));
            }
        }
        match elements.pop() {
            Some(element) if !clauses.is_empty() => ExprKind::ListComprehension { element: Box::new(element), clauses },
            Some(last) => {
                elements.push(last);
                ExprKind::List(elements)
            }
            None => ExprKind::List(elements),
        }
    }

    fn clause(&mut self, rule: Rule<'_>) -> Clause {
        let mut children = self.cursor(rule);
        children.eat(kind::FOR);
        let binder = self.some_binder(children.eat_rule(grammar::RULE_BINDER));
        children.eat(kind::IN);
        let iterable = self.next_expr(&mut children);
        let filter = children.eat(kind::IF).map(|_| self.next_expr(&mut children));
        Clause { binder, iterable, filter }
    }

    fn ir_block(&mut self, rule: Rule<'_>) -> ExprKind {
        let mut children = self.cursor(rule);
        let mut ir = LlvmIr { inputs: Vec::new(), output: None, text: String::new(), text_span: self.rule_span(rule) };
        while !children.is_at_end() {
            if let Some(input) = children.eat_rule(grammar::RULE_IR_INPUT) {
                let mut parts = self.cursor(input);
                let variable = self.ident(parts.token());
                parts.eat(kind::ARROW);
                let register = self.register(parts.token());
                let hint = parts.eat(kind::COLON).map(|_| self.ident(parts.token()));
                ir.inputs.push(LlvmInput { variable, register, hint });
                continue;
            }
            let token = children.token();
            match token.kind {
                kind::REGISTER => {
                    children.eat(kind::COLON);
                    ir.output = Some((self.register(token), self.ident(children.token())));
                }
                kind::TRIPLE => {
                    let quoted = self.text_of(token);
                    ir.text = quoted.get(3..quoted.len().saturating_sub(3)).unwrap_or("").to_owned();
                    ir.text_span = self.span(token);
                    if ir.output.is_none() {
                        self.misplaced.push(token);
                    }
                }
                _ => {}
            }
        }
        ExprKind::LlvmIr(Box::new(ir))
    }

    /// The name of a register, without its `%`.
    fn register(&self, token: Token) -> crate::source::Symbol {
        crate::source::Symbol::new(self.text_of(token).trim_start_matches('%'))
    }

    fn braces(&mut self, rule: Rule<'_>) -> ExprKind {
        let mut children = self.cursor(rule);
        let mut items = Vec::new();
        let mut clauses = Vec::new();
        while let Some(node) = children.next_node() {
            let Some(part) = node.as_rule() else { continue };
            if part.rule_index() == grammar::RULE_CLAUSE {
                clauses.push(self.clause(part));
            } else {
                items.push(self.brace_item(part));
            }
        }
        if !clauses.is_empty() {
            return self.brace_comprehension(items, clauses);
        }
        let Some(first) = items.first() else { return ExprKind::EmptyBraces };
        let keyed = first.colon.is_some();
        if let Some(odd) = items.iter().find(|item| item.colon.is_some() != keyed) {
            let place = Token { start: odd.value.span.start, end: odd.value.span.end, ..first.first };
            let token = odd.colon.unwrap_or(place);
            self.unexpected(token, "either all items of a literal have keys, or none");
            return ExprKind::Error;
        }
        if !keyed {
            return ExprKind::Set(items.into_iter().map(|item| item.value).collect());
        }
        self.keyed(items)
    }

    fn brace_item(&mut self, rule: Rule<'_>) -> BraceItem {
        let mut children = self.cursor(rule);
        if let Some(word) = children.eat(kind::WORD) {
            let colon = children.eat(kind::COLON);
            let key = Some(Key::Bare(self.ident(word)));
            return BraceItem { first: word, key, colon, value: self.next_expr(&mut children) };
        }
        let first = self.cursor(rule).peek_token().unwrap_or(super::NO_TOKEN);
        let value = self.next_expr(&mut children);
        let Some(colon) = children.eat(kind::COLON) else {
            return BraceItem { first, key: None, colon: None, value };
        };
        let key = match value.kind {
            ExprKind::Name(name) => Key::Bare(Ident { name, span: value.span }),
            _ => Key::Expr(value),
        };
        BraceItem { first, key: Some(key), colon: Some(colon), value: self.next_expr(&mut children) }
    }

    fn brace_comprehension(&mut self, mut items: Vec<BraceItem>, clauses: Vec<Clause>) -> ExprKind {
        let Some(item) = items.pop() else { return ExprKind::Error };
        let value = Box::new(item.value);
        let key = match item.key {
            None => return ExprKind::SetComprehension { element: value, clauses },
            Some(Key::Expr(key)) => key,
            // Not a json key here, but a variable (reference 2.3, 7).
            Some(Key::Bare(name)) if item.first.kind == kind::WORD => {
                self.unexpected(item.first, "the key of a comprehension is an expression");
                Expr { kind: ExprKind::Error, span: name.span }
            }
            Some(Key::Bare(name)) => Expr { kind: ExprKind::Name(name.name), span: name.span },
        };
        ExprKind::MapComprehension { key: Box::new(key), value, clauses }
    }

    /// A literal whose items all have keys: json if they are bare names.
    fn keyed(&mut self, items: Vec<BraceItem>) -> ExprKind {
        let (mut bare, mut mapped) = (Vec::new(), Vec::new());
        for item in items {
            match item.key {
                Some(Key::Bare(name)) => bare.push((name, item.value)),
                Some(Key::Expr(key)) => mapped.push((key, item.value)),
                None => {}
            }
        }
        match (bare.first(), mapped.first()) {
            (Some((name, _)), Some((key, _))) => {
                let (earlier, later) = if name.span < key.span { (name.span, key.span) } else { (key.span, name.span) };
                self.diagnostics.push(
                    Diagnostic::new(Code::E0203, later, "Bare and expression keys cannot be mixed in one literal")
                        .label("this key is of the other sort")
                        .secondary(earlier, "the first key")
                        .help("write a variable as a key in parentheses: {(k): v}; quote the keys of a Map"),
                );
                ExprKind::Error
            }
            (Some(_), None) => ExprKind::Json(bare),
            _ => ExprKind::Map(mapped),
        }
    }
}

/// `value`, or `key: value`.
struct BraceItem {
    first: Token,
    key: Option<Key>,
    colon: Option<Token>,
    value: Expr,
}

enum Key {
    Bare(Ident),
    Expr(Expr),
}
