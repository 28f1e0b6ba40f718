//! Which words are names, labels, keywords or contextual keywords where they stand (reference 1.4).
//!
//! In: a word and the tokens around it. Out: its kind. Deliberately not here: what the names mean.

use super::{BlockKind, Rewriter};
use crate::parse::token::{ENDS_OPERAND, FUNCTION_KINDS, KindSet, PRIMITIVE_TYPES, RESERVED, Token, kind};

/// Words that keep their meaning in front of a colon in braces.
const NO_JSON_KEY: KindSet =
    KindSet::new(&[kind::TRUE, kind::FALSE, kind::NIL, kind::NOT, kind::SELF, kind::CELL, kind::AWAIT]);

/// Behind these a name is the name of a declaration.
const NAMES_DECLARATION: KindSet =
    KindSet::new(&[kind::FORMULA, kind::TASK, kind::FUNC, kind::EXTERN, kind::TYPE, kind::TRAIT, kind::CASE]);

impl Rewriter<'_> {
    /// The kind of the token at `index`, where reserved words that serve as names are `WORD`, and labels `LABEL`.
    pub(super) fn name_kind(&mut self, index: usize) -> u8 {
        let token = self.raw[index];
        let is_reserved = RESERVED.contains(token.kind) || (token.kind == kind::CLOSE && token.end - token.start == 3);
        if token.kind != kind::IDENT && !is_reserved {
            return token.kind;
        }
        let before_colon = self.next_kind(index) == kind::COLON;
        if before_colon && self.separator.is_none() {
            let behind_comma = self.last == kind::COMMA;
            let open = self.frame().open;
            match open {
                kind::LPAREN if behind_comma || self.last == kind::LPAREN => {
                    return if is_reserved { kind::WORD } else { kind::LABEL };
                }
                kind::LBRACE if is_reserved && (behind_comma || self.last == kind::LBRACE) => {
                    return if NO_JSON_KEY.contains(token.kind) { token.kind } else { kind::WORD };
                }
                _ => {}
            }
        }
        if !is_reserved {
            return kind::IDENT;
        }
        let is_name = (self.separator.is_none()
            && (self.last == kind::DOT
                || FUNCTION_KINDS.contains(self.last)
                || (self.in_llvm_ir && self.last == kind::COLON)))
            || (before_colon && self.top_block() == Some(BlockKind::Type) && !self.in_brackets() && self.at_start());
        if is_name { kind::WORD } else { token.kind }
    }

    pub(super) fn identifier(&mut self, index: usize) {
        let token = self.raw[index];
        let names_declaration = NAMES_DECLARATION.contains(self.last) && self.separator.is_none();
        self.note_typed_name(index);
        let kind = self.contextual_kind(index);
        self.emit(token, kind);
        self.in_signature |= names_declaration;
    }

    /// A name that begins a statement or follows `const` and stands before a colon is followed by its type.
    pub(super) fn note_typed_name(&mut self, index: usize) {
        if self.next_kind(index) == kind::COLON && !self.in_brackets() && (self.last == kind::CONST || self.at_start())
        {
            self.typed_name = self.out.len() + usize::from(self.separator.is_some());
        }
        // A method's name may be a reserved word.
        if FUNCTION_KINDS.contains(self.last) && self.separator.is_none() {
            self.in_signature = true;
        }
    }

    fn contextual_kind(&self, index: usize) -> u8 {
        let token = self.raw[index];
        if token.end - token.start > 9 || self.last == kind::DOT {
            return kind::IDENT;
        }
        let separated = self.separator.is_some();
        match self.token_text(token) {
            "cycle" if !separated && ENDS_OPERAND.contains(self.last) && self.top_block() == Some(BlockKind::While) => {
                kind::CYCLE
            }
            "fair" if !separated && self.last == kind::SELECT => kind::FAIR,
            "random" if !separated && self.last == kind::SELECT => kind::RANDOM,
            "priority" if !separated && self.last == kind::SELECT => kind::PRIORITY,
            "timeout"
                if !separated && matches!(self.last, kind::SELECT | kind::FAIR | kind::RANDOM | kind::PRIORITY) =>
            {
                kind::TIMEOUT
            }
            "out" if self.last == kind::COLON && self.frames.last().is_some_and(|frame| frame.is_params) => {
                if self.is_out(index) { kind::OUT } else { kind::IDENT }
            }
            "with" if !separated && self.last == kind::IDENT && self.before_last == kind::REPLACE => kind::WITH,
            "on" if !separated && matches!(self.last, kind::PRINTING | kind::DEBUGGING) => kind::ON,
            "off" if !separated && matches!(self.last, kind::PRINTING | kind::DEBUGGING) => kind::OFF,
            "replace" if self.at_header_line() && self.next_kind(index) == kind::IDENT => kind::REPLACE,
            "printing" if self.at_header_line() && self.ends_directive(index + 1) => kind::PRINTING,
            "debugging" if self.at_header_line() && self.ends_directive(index + 1) => kind::DEBUGGING,
            _ => kind::IDENT,
        }
    }

    fn at_header_line(&self) -> bool {
        self.blocks.is_empty() && !self.in_brackets() && self.at_start()
    }

    fn ends_directive(&self, index: usize) -> bool {
        self.raw.get(index).is_none_or(|token| {
            token.newline
                || matches!(token.kind, kind::EOF | kind::SEMICOLON)
                || (token.kind == kind::IDENT && matches!(self.token_text(*token), "on" | "off"))
        })
    }

    /// Whether the token at `index` is the `out` of a foreign parameter: a type follows it.
    pub(super) fn is_out(&self, index: usize) -> bool {
        let is_word = |token: &Token| token.kind == kind::IDENT && self.token_text(*token) == "out";
        let begins_type = |kind: u8| {
            matches!(kind, kind::IDENT | kind::LBRACKET | kind::LPAREN)
                || PRIMITIVE_TYPES.contains(kind)
                || FUNCTION_KINDS.contains(kind)
        };
        self.raw.get(index).is_some_and(is_word) && begins_type(self.next_kind(index))
    }
}
