//! ANTLR's tree to the syntax tree of the compiler.
//!
//! In: a tree without faults and the tokens it was made of. Out: headers and items.
//! Deliberately not here: names and types. What the grammar could not say with one token of lookahead is checked here
//! (reference 2.3, notes 7 and 8) and reported.

mod cursor;
mod decl;
mod expr;
mod literal;
mod operators;
mod pattern;
mod stmt;
mod ty;

use antlr4_runtime::tree::{ParsedFile, RuleNodeView};

use self::cursor::Cursor;
use super::generated::coex_parser as grammar;
use super::token::{Token, kind};
use crate::ast::{Ident, Module};
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span, Symbol};

/// Adds what `tree` contains to `module`.
pub(super) fn build(
    tree: &ParsedFile,
    tokens: &[Token],
    text: &str,
    module: &mut Module,
    diagnostics: &mut Diagnostics,
) {
    let Some(root) = tree.tree().as_rule() else { return };
    let mut builder = Builder { file: module.file, text, tokens, misplaced: Vec::new(), diagnostics };
    let mut children = builder.cursor(root);
    while let Some(node) = children.next_node() {
        let Some(rule) = node.as_rule() else { continue };
        match rule.rule_index() {
            grammar::RULE_HEADER => module.headers.extend(builder.header(rule)),
            grammar::RULE_TOPDECL => module.items.extend(builder.topdecl(rule)),
            _ => {}
        }
        builder.report_misplaced(0);
    }
}

type Rule<'t> = RuleNodeView<'t>;

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    tokens: &'a [Token],
    /// `_` and result-less `llvm_ir` that stand in an expression and are legal in some statements only.
    misplaced: Vec<Token>,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Builder<'a> {
    fn cursor<'t>(&self, rule: Rule<'t>) -> Cursor<'a, 't> {
        Cursor::new(self.tokens, rule)
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.file, token.start, token.end)
    }

    fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.start as usize..token.end as usize]
    }

    fn symbol(&self, token: Token) -> Symbol {
        Symbol::new(self.text_of(token))
    }

    fn ident(&self, token: Token) -> Ident {
        Ident { name: self.symbol(token), span: self.span(token) }
    }

    /// The place of a rule: from its first token to its last.
    fn rule_span(&self, rule: Rule<'_>) -> Span {
        let place = |id: Option<antlr4_runtime::token::TokenId>| id.and_then(|id| self.tokens.get(id.index())).copied();
        match (place(rule.start_id()), place(rule.stop_id())) {
            (Some(start), Some(stop)) => Span::new(self.file, start.start, stop.end.max(start.start)),
            (Some(start), None) => Span::new(self.file, start.start, start.start),
            _ => Span::new(self.file, 0, 0),
        }
    }

    /// Reports what was met since `misplaced` had this length.
    fn report_misplaced(&mut self, length: usize) {
        for token in self.misplaced.split_off(length) {
            let label = match token.kind {
                kind::UNDERSCORE => "'_' is no expression",
                _ => "expected '->' and a register: as an expression, 'llvm_ir' has a result",
            };
            self.unexpected(token, label);
        }
    }

    fn unexpected(&mut self, token: Token, label: impl Into<String>) {
        let message = super::syntax_errors::unexpected(self.text, token);
        self.diagnostics.push(Diagnostic::new(Code::E0201, self.span(token), message).label(label));
    }
}

/// What a valid tree always has; a defect of the parser otherwise, answered with an empty place.
const NO_TOKEN: Token = Token { kind: kind::EOF, newline: false, start: 0, end: 0 };
