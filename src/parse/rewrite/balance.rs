//! Keeps brackets and blocks balanced, so that the parser meets faults of one statement at a time.
//!
//! In: opening and closing tokens. Out: the same, with what is missing supplied and what is superfluous left out, each
//! reported once (E0201). Deliberately not here: whether a block may stand where it does.

use super::{Block, BlockKind, Frame, Rewriter};
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::token::{ENDS_OPERAND, FUNCTION_KINDS, Token, kind};
use crate::source::Span;

fn closing(open: u8) -> u8 {
    match open {
        kind::LPAREN => kind::RPAREN,
        kind::LBRACKET => kind::RBRACKET,
        _ => kind::RBRACE,
    }
}

impl Rewriter<'_> {
    pub(super) fn open_bracket(&mut self, token: Token, kind: u8) {
        let is_params = kind == kind::LPAREN && (self.in_signature || FUNCTION_KINDS.contains(self.last));
        self.emit(token, kind);
        let at = self.out.len() - 1;
        self.frames.push(Frame { is_params, ..Frame::new(kind, at) });
        self.nest(token);
    }

    pub(super) fn close_bracket(&mut self, token: Token, kind: u8) {
        // An inner bracket that was forgotten: `f(a[1)`.
        if let Some(position) =
            self.frames.iter().rposition(|frame| closing(frame.open) == kind && frame.open != kind::EOF)
        {
            while self.frames.len() > position + 1 {
                self.close_forgotten_bracket(token.start);
            }
            self.emit(token, kind);
            self.leave_bracket();
        } else {
            self.unexpected(token, "no bracket is open that this could close");
        }
    }

    fn leave_bracket(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.depth -= 1 + frame.extra + frame.prefix;
        }
        // The operand that the run of prefix operators outside waited for is complete.
        let run = std::mem::take(&mut self.frame().prefix);
        self.depth -= run;
    }

    pub(super) fn close_all_brackets(&mut self, place: u32) {
        while self.in_brackets() {
            self.close_forgotten_bracket(place);
        }
    }

    /// Whether a text or comment without end, which is reported, hides what should have closed something.
    fn is_swallowed(&self, from: u32, to: u32) -> bool {
        self.endless.iter().any(|&(_, start)| from <= start && start <= to)
    }

    /// At the end of a line: closes the brackets opened in it whose closing ones a text without end has taken.
    pub(super) fn close_swallowed(&mut self) {
        let Some(last) = self.out.last().filter(|last| last.kind == kind::STRING) else { return };
        let (start, taken) = (last.start, self.token_text(*last).to_owned());
        if !self.endless.contains(&(Code::E0105, start)) {
            return;
        }
        let line = self.text[..start as usize].rfind(['\n', '\r']).map_or(0, |end| end + 1);
        while self.in_brackets() {
            let (open, at) = (self.frame().open, self.frame().at);
            let closer = match closing(open) {
                kind::RPAREN => ')',
                kind::RBRACKET => ']',
                _ => '}',
            };
            if (self.out[at].start as usize) < line || !taken.contains(closer) {
                return;
            }
            self.close_forgotten_bracket(start);
        }
    }

    fn close_forgotten_bracket(&mut self, place: u32) {
        let (open, at) = (self.frame().open, self.frame().at);
        let opening = self.out[at];
        if !self.is_swallowed(opening.start, place) {
            let message = format!("Syntax error: unexpected '{}'", self.token_text(opening));
            let diagnostic = Diagnostic::new(Code::E0201, self.span(opening), message);
            self.diagnostics.push(diagnostic.label("this bracket is never closed"));
        }
        let supplied = Token { kind: kind::IDENT, newline: false, start: place, end: place };
        let is_complete = ENDS_OPERAND.contains(self.last) || self.last == open || self.last == kind::TRAILING;
        if self.last == kind::COMMA {
            if let Some(last) = self.out.last_mut() {
                last.kind = kind::TRAILING;
            }
        } else if !is_complete {
            self.emit(supplied, kind::IDENT);
        }
        self.emit(supplied, closing(open));
        self.leave_bracket();
    }

    pub(super) fn open_block(&mut self, token: Token, kind: BlockKind) {
        let span = self.span(token);
        self.blocks.push(Block { kind, span });
        self.nest(token);
    }

    pub(super) fn close_block(&mut self, token: Token) {
        self.close_all_brackets(token.start);
        if self.blocks.pop().is_some() {
            self.depth -= 1;
            self.emit(token, kind::CLOSE);
            self.begin_statement();
        } else {
            self.unexpected(token, "no block is open that this could close");
        }
    }

    /// A declaration begins at a line inside of blocks that cannot contain it: they were not closed.
    pub(super) fn close_forgotten_blocks(&mut self, token: Token, kind: u8) {
        let takes_members =
            |block: &Block| matches!(block.kind, BlockKind::Type | BlockKind::Trait | BlockKind::Matrix);
        let mut keep = 0;
        if FUNCTION_KINDS.contains(kind) {
            if self.blocks.last().is_none_or(takes_members) {
                return;
            }
            // The column tells what the writer meant: a method or a function.
            let before = &self.text[..token.start as usize];
            let at_margin = before.is_empty() || before.ends_with(['\n', '\r']);
            if !at_margin {
                keep = self.blocks.iter().rposition(takes_members).map_or(0, |position| position + 1);
            }
        } else if self.blocks.is_empty() {
            return;
        }
        let found = self.token_text(token).to_owned();
        self.supply_closers(keep, self.span(token), &found);
        let end = self.end();
        self.separate(end, end);
    }

    fn supply_closers(&mut self, keep: usize, span: Span, found: &str) {
        let Some(innermost) = self.blocks.last() else { return };
        // A text takes the rest of its line only, and blocks are seldom closed there.
        if !self.endless.iter().any(|&(code, _)| code == Code::E0102) {
            let message = format!("Syntax error: unexpected '{found}'");
            let diagnostic = Diagnostic::new(Code::E0201, span, message).label("expected '~' before this");
            let diagnostic = diagnostic.secondary(innermost.span, "this block is not closed");
            self.diagnostics.push(diagnostic.help("a block ends with '~' or 'end'"));
        }
        while self.blocks.len() > keep {
            self.blocks.pop();
            self.depth -= 1;
            let token = Token { kind: kind::CLOSE, newline: false, start: span.start, end: span.start };
            self.emit(token, kind::CLOSE);
        }
    }

    pub(super) fn end_of_file(&mut self, token: Token) {
        self.close_all_brackets(token.start);
        if !self.blocks.is_empty() {
            let end = self.end();
            self.supply_closers(0, Span::new(self.file, end, end), "end of file");
        }
        let end = self.end();
        self.separate(end, end);
        self.emit(Token { start: end, end, ..token }, kind::EOF);
    }

    fn unexpected(&mut self, token: Token, label: &str) {
        // The compiler prints no more than 50 faults.
        self.faults += 1;
        if self.faults > 50 {
            return;
        }
        let message = format!("Syntax error: unexpected '{}'", self.token_text(token));
        self.diagnostics.push(Diagnostic::new(Code::E0201, self.span(token), message).label(label));
    }
}
