//! Patterns and binders.
//!
//! In: `pattern`, `binder` and `unpack` rules. Out: their syntax tree. Deliberately not here: what a name in a pattern is.

use super::{Builder, Rule, grammar};
use crate::ast::{Binder, Pattern, PatternKind, Unpack};
use crate::parse::token::kind;
use crate::source::Span;

impl Builder<'_> {
    pub(super) fn pattern(&mut self, rule: Rule<'_>) -> Pattern {
        let span = self.rule_span(rule);
        let mut children = self.cursor(rule);
        let negative = children.eat(kind::MINUS).is_some();
        let first = children.token();
        let kind = match first.kind {
            kind::UNDERSCORE => PatternKind::Any,
            kind::INT => PatternKind::Int { value: self.decimal(first, negative), negative },
            kind::HEX => PatternKind::Int { value: self.bit_pattern(first, 16), negative },
            kind::BIN => PatternKind::Int { value: self.bit_pattern(first, 2), negative },
            kind::FLOAT => PatternKind::Float { value: self.float(first), negative },
            kind::STRING => PatternKind::Str(self.string(first)),
            kind::TRUE => PatternKind::Bool(true),
            kind::FALSE => PatternKind::Bool(false),
            kind::NIL => PatternKind::Nil,
            kind::IDENT => {
                let mut path = vec![self.ident(first)];
                while children.eat(kind::DOT).is_some() {
                    path.push(self.ident(children.token()));
                }
                let args = children.eat(kind::LPAREN).map(|_| self.patterns(&mut children));
                PatternKind::Path { path, args }
            }
            _ => PatternKind::Tuple(self.patterns(&mut children)),
        };
        Pattern { kind, span }
    }

    fn patterns(&mut self, children: &mut super::Cursor<'_, '_>) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        while let Some(rule) = children.find_rule(grammar::RULE_PATTERN) {
            patterns.push(self.pattern(rule));
        }
        patterns
    }

    pub(super) fn some_binder(&mut self, rule: Option<Rule<'_>>) -> Binder {
        match rule {
            Some(rule) => self.binder(rule),
            None => Binder::Skip(Span::new(self.file, 0, 0)),
        }
    }

    fn binder(&mut self, rule: Rule<'_>) -> Binder {
        let mut children = self.cursor(rule);
        let first = children.token();
        match first.kind {
            kind::IDENT => Binder::Name(self.ident(first)),
            kind::UNDERSCORE => Binder::Skip(self.span(first)),
            _ => {
                let mut parts = Vec::new();
                while let Some(part) = children.find_rule(grammar::RULE_BINDER) {
                    parts.push(self.binder(part));
                }
                Binder::Nested(parts, self.rule_span(rule))
            }
        }
    }

    /// The target of `const (a, b) = e`.
    pub(super) fn unpack(&mut self, rule: Rule<'_>) -> Unpack {
        let mut children = self.cursor(rule);
        let mut parts = Vec::new();
        while let Some(part) = children.find_rule(grammar::RULE_UNPACK_NAME) {
            let mut inside = self.cursor(part);
            parts.push(match inside.eat_rule(grammar::RULE_UNPACK) {
                Some(nested) => self.unpack(nested),
                None => {
                    let token = inside.token();
                    if token.kind == kind::UNDERSCORE {
                        Unpack::Skip(self.span(token))
                    } else {
                        Unpack::Name(self.ident(token))
                    }
                }
            });
        }
        Unpack::Nested(parts, self.rule_span(rule))
    }
}
