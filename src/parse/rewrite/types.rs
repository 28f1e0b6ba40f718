//! Finds types in the token stream and marks their `<`, `>`, `?` and `.` (reference 2.3, 5 and 9).
//!
//! In: an index where a type may begin. Out: marks on the raw tokens.
//! Deliberately not here: building types; what is no type is left alone for the parser to complain about.

use super::{MAX_NESTING, Rewriter};
use crate::parse::token::{CONTINUES, FUNCTION_KINDS, PRIMITIVE_TYPES, kind};

impl Rewriter<'_> {
    /// Marks the type that begins at `index`, if one does.
    pub(super) fn mark_type(&mut self, index: usize) {
        if let Some(end) = self.type_end(index, 0) {
            self.mark(index, end);
        }
    }

    /// Marks `<…>` at `index` if it is a list of types that stands where an application may end.
    pub(super) fn mark_generic(&mut self, index: usize) -> bool {
        let Some(end) = self.type_args_end(index, 0) else { return false };
        let Some(next) = self.raw.get(end) else { return false };
        let follows = matches!(
            next.kind,
            kind::LPAREN
                | kind::DOT
                | kind::RPAREN
                | kind::RBRACKET
                | kind::RBRACE
                | kind::COMMA
                | kind::COLON
                | kind::SEMICOLON
                | kind::CLOSE
                | kind::EOF
        ) || (next.newline && !self.in_brackets());
        if follows {
            self.mark(index, end);
        }
        follows
    }

    /// Marks the type parameters at `index`: names, bounds and commas up to a `>`.
    pub(super) fn mark_type_params(&mut self, index: usize) -> bool {
        let mut end = index + 1;
        while matches!(self.kind_at(end), kind::IDENT | kind::COLON | kind::PLUS | kind::COMMA) {
            end += 1;
        }
        if self.kind_at(end) != kind::GREATER {
            return false;
        }
        for token in &mut self.raw[index..end] {
            if token.kind == kind::COLON {
                token.kind = kind::COLON_T;
            }
        }
        self.mark(index, end + 1);
        true
    }

    fn mark(&mut self, start: usize, end: usize) {
        self.types_end = self.types_end.max(end);
        for token in &mut self.raw[start..end] {
            token.kind = match token.kind {
                kind::LESS => kind::LESS_T,
                kind::GREATER => kind::GREATER_T,
                kind::QUESTION => kind::OPTIONAL,
                kind::DOT => kind::DOT_T,
                other => other,
            };
        }
    }

    fn kind_at(&self, index: usize) -> u8 {
        self.raw.get(index).map_or(kind::EOF, |token| token.kind)
    }

    /// The kind at `index`, or `EOF` if a separator stands before it.
    fn continued(&self, index: usize) -> u8 {
        match self.raw.get(index) {
            Some(token) if !token.newline || self.in_brackets() || CONTINUES.contains(self.kind_at(index - 1)) => {
                token.kind
            }
            _ => kind::EOF,
        }
    }

    /// The index behind the type at `index`. Types already marked read as they did before.
    fn type_end(&mut self, index: usize, level: usize) -> Option<usize> {
        if self.depth + level > MAX_NESTING {
            let token = self.raw[index.min(self.raw.len() - 1)];
            self.report_depth(token);
            return None;
        }
        let first = self.kind_at(index);
        let end = match first {
            kind::IDENT => {
                let mut end = index + 1;
                if matches!(self.continued(end), kind::DOT | kind::DOT_T) && self.kind_at(end + 1) == kind::IDENT {
                    end += 2;
                }
                if matches!(self.continued(end), kind::LESS | kind::LESS_T) {
                    end = self.type_args_end(end, level + 1).unwrap_or(end);
                }
                end
            }
            kind::LBRACKET => {
                let end = self.type_end(index + 1, level + 1)?;
                if self.kind_at(end) != kind::RBRACKET {
                    return None;
                }
                end + 1
            }
            kind::LPAREN => self.type_list_end(index + 1, kind::RPAREN, level + 1)?,
            _ if FUNCTION_KINDS.contains(first) => {
                if self.kind_at(index + 1) != kind::LPAREN {
                    return None;
                }
                let end = if self.kind_at(index + 2) == kind::RPAREN {
                    index + 3
                } else {
                    self.type_list_end(index + 2, kind::RPAREN, level + 1)?
                };
                if self.continued(end) == kind::ARROW {
                    return self.type_end(end + 1, level + 1);
                }
                end
            }
            _ if PRIMITIVE_TYPES.contains(first) => index + 1,
            _ => return None,
        };
        let is_optional = matches!(self.continued(end), kind::QUESTION | kind::OPTIONAL);
        Some(end + usize::from(is_optional))
    }

    fn type_args_end(&mut self, index: usize, level: usize) -> Option<usize> {
        if let Some(&known) = self.generics.get(&index) {
            return known;
        }
        let end = self.type_list_end(index + 1, kind::GREATER, level);
        self.generics.insert(index, end);
        end
    }

    /// Types, possibly labelled, separated by commas, up to `close`; the index behind it.
    fn type_list_end(&mut self, index: usize, close: u8, level: usize) -> Option<usize> {
        let mut at = index;
        loop {
            if close == kind::RPAREN && self.kind_at(at + 1) == kind::COLON {
                at += 2;
            }
            at = self.type_end(at, level)?;
            let mut next = self.kind_at(at);
            if next == kind::COMMA {
                at += 1;
                next = self.kind_at(at);
                if next != close {
                    continue;
                }
            }
            let closed = next == close || (close == kind::GREATER && next == kind::GREATER_T);
            return closed.then_some(at + 1);
        }
    }
}
