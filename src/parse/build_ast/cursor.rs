//! Walks over the children of a rule.
//!
//! In: a rule of the tree. Out: its tokens and rules in order. Deliberately not here: what they mean.

use antlr4_runtime::tree::{Node, NodeChildren, NodeKind};

use super::{NO_TOKEN, Rule};
use crate::parse::token::{Token, kind};

pub(super) struct Cursor<'a, 't> {
    tokens: &'a [Token],
    children: NodeChildren<'t>,
    ahead: Option<Node<'t>>,
}

impl<'a, 't> Cursor<'a, 't> {
    pub(super) fn new(tokens: &'a [Token], rule: Rule<'t>) -> Cursor<'a, 't> {
        let mut children = rule.children();
        let ahead = children.next();
        Cursor { tokens, children, ahead }
    }

    pub(super) fn next_node(&mut self) -> Option<Node<'t>> {
        std::mem::replace(&mut self.ahead, self.children.next())
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.ahead.is_none()
    }

    fn token_of(&self, node: Node<'t>) -> Option<Token> {
        let terminal = node.as_terminal()?;
        self.tokens.get(terminal.token_id().index()).copied()
    }

    pub(super) fn peek_token(&self) -> Option<Token> {
        self.token_of(self.ahead?)
    }

    /// The kind of the next child if it is a token, else `EOF`.
    pub(super) fn peek(&self) -> u8 {
        self.peek_token().map_or(kind::EOF, |token| token.kind)
    }

    /// Takes the next child if it is a token of this kind.
    pub(super) fn eat(&mut self, kind: u8) -> Option<Token> {
        let token = self.peek_token().filter(|token| token.kind == kind)?;
        self.next_node();
        Some(token)
    }

    /// Takes the next child, which is a token.
    pub(super) fn token(&mut self) -> Token {
        self.next_node().and_then(|node| self.token_of(node)).unwrap_or(NO_TOKEN)
    }

    pub(super) fn peek_rule(&self) -> Option<Rule<'t>> {
        self.ahead.filter(|node| node.kind() == NodeKind::Rule)?.as_rule()
    }

    /// Takes the next child if it is a rule of this index.
    pub(super) fn eat_rule(&mut self, index: usize) -> Option<Rule<'t>> {
        let rule = self.peek_rule().filter(|rule| rule.rule_index() == index)?;
        self.next_node();
        Some(rule)
    }

    /// Skips to the next rule of this index among the remaining children.
    pub(super) fn find_rule(&mut self, index: usize) -> Option<Rule<'t>> {
        while let Some(node) = self.next_node() {
            if let Some(rule) = node.as_rule()
                && rule.rule_index() == index
            {
                return Some(rule);
            }
        }
        None
    }
}
