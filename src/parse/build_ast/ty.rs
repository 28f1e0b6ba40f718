//! Types as written.
//!
//! In: `type` rules. Out: [`TypeExpr`]s. Deliberately not here: whether such a type exists.

use super::{Builder, Rule, grammar};
use crate::ast::{FunctionKind, TypeExpr, TypeExprKind};
use crate::parse::token::{Token, kind};
use crate::source::Span;

/// The primitive type a word names.
pub(super) fn primitive(token_kind: u8) -> Option<TypeExprKind> {
    Some(match token_kind {
        kind::T_INT => TypeExprKind::Int,
        kind::T_FLOAT => TypeExprKind::Float,
        kind::T_BOOL => TypeExprKind::Bool,
        kind::T_STRING => TypeExprKind::String,
        kind::T_BYTE => TypeExprKind::Byte,
        kind::T_CHAR => TypeExprKind::Char,
        kind::JSON => TypeExprKind::Json,
        kind::ATOMIC_INT => TypeExprKind::AtomicInt,
        kind::ATOMIC_FLOAT => TypeExprKind::AtomicFloat,
        kind::ATOMIC_BOOL => TypeExprKind::AtomicBool,
        _ => return None,
    })
}

pub(super) fn function_kind(token: Token) -> FunctionKind {
    match token.kind {
        kind::FORMULA => FunctionKind::Formula,
        kind::TASK => FunctionKind::Task,
        _ => FunctionKind::Func,
    }
}

impl Builder<'_> {
    /// The type that must come; an unnamed one if it does not.
    pub(super) fn some_type(&mut self, rule: Option<Rule<'_>>) -> TypeExpr {
        match rule {
            Some(rule) => self.type_expr(rule),
            None => TypeExpr { kind: TypeExprKind::Json, span: Span::new(self.file, 0, 0) },
        }
    }

    pub(super) fn type_expr(&mut self, rule: Rule<'_>) -> TypeExpr {
        let mut children = self.cursor(rule);
        let first = children.token();
        let start = self.span(first);
        let mut result = match first.kind {
            kind::IDENT => {
                let mut name = self.ident(first);
                let mut module = None;
                if children.eat(kind::DOT_T).is_some() {
                    module = Some(std::mem::replace(&mut name, self.ident(children.token())));
                }
                let args_rule = children.eat_rule(grammar::RULE_TYPE_ARGS);
                let span = args_rule.map_or(start.to(name.span), |args| start.to(self.rule_span(args)));
                let args = args_rule.map_or(Vec::new(), |args| self.type_args(args));
                TypeExpr { kind: TypeExprKind::Named { module, name, args }, span }
            }
            kind::LBRACKET => {
                let element = self.some_type(children.eat_rule(grammar::RULE_TYPE));
                let span = start.to(self.span(children.token()));
                TypeExpr { kind: TypeExprKind::List(Box::new(element)), span }
            }
            kind::LPAREN => self.tuple_or_group(rule, &mut children, start),
            kind::FORMULA | kind::TASK | kind::FUNC => {
                children.eat(kind::LPAREN);
                let mut params = Vec::new();
                let mut span;
                loop {
                    if let Some(param) = children.eat_rule(grammar::RULE_TYPE) {
                        params.push(self.type_expr(param));
                    } else {
                        let token = children.token();
                        span = start.to(self.span(token));
                        if !matches!(token.kind, kind::COMMA | kind::TRAILING) {
                            break;
                        }
                    }
                }
                let mut result = None;
                if children.eat(kind::ARROW).is_some() {
                    let ty = self.some_type(children.eat_rule(grammar::RULE_TYPE));
                    span = start.to(ty.span);
                    result = Some(Box::new(ty));
                }
                TypeExpr { kind: TypeExprKind::Function { kind: function_kind(first), params, result }, span }
            }
            other => TypeExpr { kind: primitive(other).unwrap_or(TypeExprKind::Json), span: start },
        };
        if let Some(mark) = children.eat(kind::OPTIONAL) {
            let span = start.to(self.span(mark));
            result = TypeExpr { kind: TypeExprKind::Optional(Box::new(result)), span };
        }
        result
    }

    fn tuple_or_group(&mut self, rule: Rule<'_>, children: &mut super::Cursor<'_, '_>, start: Span) -> TypeExpr {
        let mut items = Vec::new();
        let mut label = None;
        let mut end = start;
        while !children.is_at_end() && children.peek() != kind::OPTIONAL {
            let Some(item) = children.eat_rule(grammar::RULE_TYPE_ITEM) else {
                end = self.span(children.token());
                continue;
            };
            let mut parts = self.cursor(item);
            let mut name = None;
            if let Some(token) = parts.eat(kind::LABEL).or_else(|| parts.eat(kind::WORD)) {
                label.get_or_insert(parts.token());
                name = Some(self.ident(token));
            }
            let ty = self.some_type(parts.eat_rule(grammar::RULE_TYPE));
            items.push((name, ty));
        }
        let span = start.to(end);
        if items.len() == 1 {
            if let Some(colon) = label {
                self.unexpected(colon, "a tuple type needs two or more items");
            }
            if let Some((_, ty)) = items.pop() {
                return TypeExpr { span: self.rule_span(rule), ..ty };
            }
        }
        TypeExpr { kind: TypeExprKind::Tuple(items), span }
    }

    pub(super) fn type_args(&mut self, rule: Rule<'_>) -> Vec<TypeExpr> {
        let mut children = self.cursor(rule);
        let mut args = Vec::new();
        while let Some(arg) = children.find_rule(grammar::RULE_TYPE) {
            args.push(self.type_expr(arg));
        }
        args
    }
}
