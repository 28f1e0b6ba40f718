//! Raw tokens to the tokens of the grammar: everything that depends on context is decided here (reference 1.2, 2.3).
//!
//! In: the lexer's tokens. Out: tokens whose brackets and blocks are balanced, whose line ends are either separators or
//! gone, and whose ambiguous marks (`<`, `?`, `:`, `.`, reserved words as names) have a kind of their own. Nesting is
//! counted here, before anything recursive sees the text (E0204).
//! Deliberately not here: the syntax of statements; the parser behind finds what is wrong inside them.

mod balance;
mod names;
mod types;

use std::collections::HashMap;

use super::token::{CONTINUES, DECLARATIONS, ENDS_OPERAND, FUNCTION_KINDS, KindSet, Token, kind};
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// Brackets, blocks, types, prefix operators, lambda bodies and ternaries may nest this deep together.
const MAX_NESTING: usize = 1000;

/// The least distance of two places where a text may be cut.
const CUT: usize = 1024;

/// What the parser gets.
pub(super) struct Rewritten {
    pub tokens: Vec<Token>,
    /// Where top-level declarations begin, as indices of `tokens`.
    pub declarations: Vec<usize>,
    /// Some separators, far from each other, with the number of blocks open there: a text may be cut before them.
    pub cuts: Vec<(usize, usize)>,
}

/// Nothing if the text is nested too deeply to be looked at any further.
pub(super) fn rewrite(file: FileId, text: &str, raw: Vec<Token>, diagnostics: &mut Diagnostics) -> Option<Rewritten> {
    let is_endless = |code: Code| matches!(code, Code::E0102 | Code::E0105);
    let spans = diagnostics
        .iter()
        .filter(|known| is_endless(known.code))
        .filter_map(|known| Some((known.code, known.primary?)));
    let endless = spans.filter(|(_, span)| span.file == file).map(|(code, span)| (code, span.start)).collect();
    let mut rewriter = Rewriter {
        file,
        text,
        out: Vec::with_capacity(raw.len() + raw.len() / 8),
        raw,
        declarations: Vec::new(),
        cuts: Vec::new(),
        faults: 0,
        frames: vec![Frame::new(kind::EOF, 0)],
        blocks: Vec::new(),
        last: kind::EOF,
        before_last: kind::EOF,
        separator: None,
        typed_name: usize::MAX,
        in_signature: false,
        in_annotation: false,
        in_llvm_ir: false,
        depth: 0,
        too_deep: false,
        generics: HashMap::new(),
        endless,
        types_end: 0,
        diagnostics,
    };
    let mut index = 0;
    while index < rewriter.raw.len() && !rewriter.too_deep {
        rewriter.token(index);
        index += 1;
    }
    let Rewriter { out, declarations, cuts, too_deep, .. } = rewriter;
    (!too_deep).then_some(Rewritten { tokens: out, declarations, cuts })
}

struct Rewriter<'a> {
    file: FileId,
    text: &'a str,
    raw: Vec<Token>,
    out: Vec<Token>,
    declarations: Vec<usize>,
    cuts: Vec<(usize, usize)>,
    /// Reported faults of balance.
    faults: usize,
    /// The open brackets; the first stands for the text outside of all.
    frames: Vec<Frame>,
    blocks: Vec<Block>,
    /// The kinds of the last two tokens in `out`.
    last: u8,
    before_last: u8,
    /// A separator that was met and not written yet, by the place where it stands.
    separator: Option<(u32, u32)>,
    /// Index in `out` of a name that begins a statement and stands before a colon: a type follows.
    typed_name: usize,
    /// Behind the name of a declaration, before its parameters.
    in_signature: bool,
    in_annotation: bool,
    in_llvm_ir: bool,
    depth: usize,
    too_deep: bool,
    /// What the type scanner found for a `<`: the index behind the matching `>`, if it opens type arguments.
    generics: HashMap<usize, Option<usize>>,
    /// The faults of texts and comments that never end: what should close something may be inside of them.
    endless: Vec<(Code, u32)>,
    /// Behind the last token that belongs to a type found so far.
    types_end: usize,
    diagnostics: &'a mut Diagnostics,
}

/// An open bracket.
struct Frame {
    open: u8,
    /// Index of the opening token in `out`.
    at: usize,
    is_params: bool,
    /// Ternaries that wait for their colon.
    ternaries: u32,
    /// Nesting by ternaries and lambda bodies since the last comma or separator.
    extra: usize,
    /// Length of the run of prefix operators just read.
    prefix: usize,
}

impl Frame {
    fn new(open: u8, at: usize) -> Frame {
        Frame { open, at, is_params: false, ternaries: 0, extra: 0, prefix: 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Type,
    Trait,
    Matrix,
    While,
    /// Every other.
    Plain,
}

struct Block {
    kind: BlockKind,
    span: Span,
}

/// Between operands; behind one of them a line that a block keyword begins can only be a new statement.
const STATEMENT_ONLY: KindSet = KindSet::new(&[
    kind::WHILE,
    kind::MATCH,
    kind::SELECT,
    kind::WITHIN,
    kind::BREAK,
    kind::CONTINUE,
    kind::RETURN,
    kind::CONST,
    kind::CASE,
]);

impl Rewriter<'_> {
    fn next_kind(&self, index: usize) -> u8 {
        self.raw.get(index + 1).map_or(kind::EOF, |token| token.kind)
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.file, token.start, token.end)
    }

    fn token_text(&self, token: Token) -> &str {
        &self.text[token.start as usize..token.end as usize]
    }

    fn in_brackets(&self) -> bool {
        self.frames.len() > 1
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or_else(|| unreachable!("the outermost frame is never closed"))
    }

    fn top_block(&self) -> Option<BlockKind> {
        self.blocks.last().map(|block| block.kind)
    }

    /// Whether the next token begins a statement, a member or a declaration.
    fn at_start(&self) -> bool {
        self.separator.is_some()
            || matches!(self.last, kind::SEP | kind::OPEN | kind::CLOSE | kind::EOF)
            || (self.in_annotation && matches!(self.last, kind::IDENT | kind::RPAREN))
    }

    fn token(&mut self, index: usize) {
        let token = self.raw[index];
        if token.newline {
            self.newline(index);
        }
        let mut kind = self.name_kind(index);
        if kind == kind::VAR {
            let message = "'var' is not used in Coex; write 'x = value'";
            self.diagnostics.push(Diagnostic::new(Code::E0103, self.span(token), message).label("remove this word"));
            if self.raw.get(index + 1).is_some_and(|next| next.kind == kind::IDENT) {
                return;
            }
            // Meant as a name.
            kind = kind::IDENT;
        }
        self.count_prefix(kind);
        match kind {
            kind::SEMICOLON if self.in_brackets() => self.emit(token, kind::SEP),
            kind::SEMICOLON => self.separate(token.start, token.end),
            kind::LPAREN | kind::LBRACKET | kind::LBRACE => self.open_bracket(token, kind),
            kind::RPAREN | kind::RBRACKET | kind::RBRACE => self.close_bracket(token, kind),
            kind::CLOSE => self.close_block(token),
            kind::EOF => self.end_of_file(token),
            kind::COMMA => self.comma(index),
            kind::COLON => self.colon(index),
            kind::COLON_T => self.emit(token, kind::COLON),
            kind::QUESTION => {
                self.frame().ternaries += 1;
                self.emit(token, kind);
                self.nest_in_expression(token);
            }
            kind::BANG => {
                let frame = self.frame();
                frame.ternaries = frame.ternaries.saturating_sub(1);
                self.emit(token, kind);
            }
            kind::LESS => self.less(index),
            kind::FAT_ARROW => {
                self.emit(token, kind);
                self.nest_in_expression(token);
            }
            kind::ARROW | kind::AS => {
                self.emit(token, kind);
                if !self.in_llvm_ir {
                    self.mark_type(index + 1);
                }
            }
            kind::IDENT => self.identifier(index),
            kind::LABEL | kind::WORD => {
                self.note_typed_name(index);
                self.emit(token, kind);
            }
            kind::LLVM_IR => {
                self.emit(token, kind);
                self.in_llvm_ir = true;
            }
            kind::TRIPLE => {
                self.emit(token, kind);
                self.in_llvm_ir = false;
            }
            kind::AT => {
                self.note_declaration();
                self.emit(token, kind);
                self.in_annotation = true;
            }
            kind::FORMULA..=kind::CONST => self.keyword(index, kind),
            _ => self.emit(token, kind),
        }
    }

    /// A line end stands before the token at `index`.
    fn newline(&mut self, index: usize) {
        let token = self.raw[index];
        self.close_swallowed();
        if self.in_brackets() {
            let next = self.next_kind(index);
            let ends_brackets = (DECLARATIONS.contains(token.kind) && next == kind::IDENT)
                || (STATEMENT_ONLY.contains(token.kind) && next != kind::COLON && self.last != kind::DOT);
            if !ends_brackets {
                return;
            }
            self.close_all_brackets(token.start);
        }
        let continued = token.kind == kind::DOT
            || CONTINUES.contains(self.last)
            || (self.in_annotation && matches!(self.last, kind::IDENT | kind::RPAREN));
        if !continued {
            let end = self.out.last().map_or(0, |last| last.end);
            self.separate(end, end);
        }
    }

    fn separate(&mut self, start: u32, end: u32) {
        if !matches!(self.last, kind::SEP | kind::OPEN | kind::EOF) {
            self.separator.get_or_insert((start, end));
        }
    }

    /// Writes a token, and before it the separator that was met, if it separates something.
    fn emit(&mut self, token: Token, kind: u8) {
        if let Some((start, end)) = self.separator.take()
            && !matches!(kind, kind::CLOSE | kind::ELSE | kind::ELSE_IF)
        {
            if self.out.len() >= self.cuts.last().map_or(0, |&(cut, _)| cut) + CUT {
                self.cuts.push((self.out.len(), self.blocks.len()));
            }
            self.write(Token { kind: kind::SEP, newline: false, start, end });
            self.begin_statement();
        }
        self.write(Token { kind, ..token });
    }

    fn write(&mut self, token: Token) {
        self.out.push(token);
        self.before_last = self.last;
        self.last = token.kind;
        self.in_signature &= IN_SIGNATURE.contains(token.kind);
        self.in_annotation &= IN_ANNOTATION.contains(token.kind);
    }

    fn begin_statement(&mut self) {
        let frame = self.frame();
        let extra = std::mem::take(&mut frame.extra);
        frame.ternaries = 0;
        self.depth -= extra;
        self.in_llvm_ir = false;
    }

    fn nest(&mut self, token: Token) {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            self.report_depth(token);
        }
    }

    fn report_depth(&mut self, token: Token) {
        if !self.too_deep {
            self.too_deep = true;
            self.diagnostics.push(
                Diagnostic::new(Code::E0204, self.span(token), "Nesting is too deep")
                    .label(format!("level {} begins here", MAX_NESTING + 1))
                    .help("give inner parts names of their own"),
            );
        }
    }

    fn nest_in_expression(&mut self, token: Token) {
        self.frame().extra += 1;
        self.nest(token);
    }

    /// Runs of prefix operators nest; brackets behind one stay inside of it.
    fn count_prefix(&mut self, kind: u8) {
        let is_prefix = match kind {
            kind::NOT | kind::AWAIT => true,
            kind::MINUS => !ENDS_OPERAND.contains(self.last),
            _ => false,
        };
        if is_prefix {
            self.frame().prefix += 1;
            let token = Token { kind, newline: false, start: self.end(), end: self.end() };
            self.nest(token);
        } else if self.frame().prefix > 0 && !matches!(kind, kind::LPAREN | kind::LBRACKET | kind::LBRACE) {
            let run = std::mem::take(&mut self.frame().prefix);
            self.depth -= run;
        }
    }

    fn end(&self) -> u32 {
        self.out.last().map_or(0, |token| token.end)
    }

    fn comma(&mut self, index: usize) {
        let token = self.raw[index];
        let next = self.next_kind(index);
        let trailing = matches!(next, kind::RPAREN | kind::RBRACKET | kind::RBRACE | kind::GREATER_T);
        self.emit(token, if trailing { kind::TRAILING } else { kind::COMMA });
        if index < self.types_end {
            // Between type arguments: the expression they stand in goes on.
            return;
        }
        let frame = self.frame();
        frame.ternaries = 0;
        let extra = std::mem::take(&mut frame.extra);
        self.depth -= extra;
    }

    fn colon(&mut self, index: usize) {
        let token = self.raw[index];
        let names_something = matches!(self.last, kind::LABEL | kind::WORD);
        if self.frame().ternaries > 0 && !(names_something && self.in_brackets()) {
            self.frame().ternaries -= 1;
            return self.emit(token, kind::TERNARY);
        }
        if self.in_brackets() || self.in_llvm_ir {
            self.emit(token, kind::COLON);
            if self.frame().is_params {
                let is_out = self.is_out(index + 1);
                self.mark_type(index + 1 + usize::from(is_out));
            }
            return;
        }
        if self.separator.is_none() && self.typed_name.wrapping_add(1) == self.out.len() {
            let is_init = self.top_block() == Some(BlockKind::Matrix) && self.last == kind::IDENT;
            self.emit(token, kind::COLON);
            if !is_init {
                self.mark_type(index + 1);
            }
            return;
        }
        self.emit(token, kind::OPEN);
        self.begin_statement();
    }

    fn less(&mut self, index: usize) {
        let token = self.raw[index];
        if matches!(self.last, kind::IDENT | kind::WORD) && self.separator.is_none() {
            let is_generic = if self.in_signature { self.mark_type_params(index) } else { self.mark_generic(index) };
            if is_generic {
                return self.emit(token, kind::LESS_T);
            }
        }
        self.emit(token, kind::LESS);
    }

    fn note_declaration(&mut self) {
        if self.blocks.is_empty() && !self.in_brackets() && !self.in_annotation {
            // A separator not written yet comes first.
            self.declarations.push(self.out.len() + usize::from(self.separator.is_some()));
        }
    }

    /// Words from `formula` to `const` that are no names here.
    fn keyword(&mut self, index: usize, kind: u8) {
        let token = self.raw[index];
        let next = self.next_kind(index);
        // A word that is assigned to opens nothing: it was taken for a name.
        if self.in_brackets() || ASSIGNS.contains(next) {
            return self.emit(token, kind);
        }
        let at_start = self.at_start();
        let block = match kind {
            kind::FORMULA | kind::TASK | kind::FUNC if at_start && next != kind::LPAREN => {
                return self.declaration(index, kind, BlockKind::Plain);
            }
            kind::TYPE if at_start && next == kind::COLON => {
                self.typed_name = self.out.len() + usize::from(self.separator.is_some());
                return self.emit(token, kind);
            }
            kind::EXTERN if at_start => return self.declaration(index, kind, BlockKind::Plain),
            kind::TYPE if at_start => return self.declaration(index, kind, BlockKind::Type),
            kind::TRAIT if at_start => return self.declaration(index, kind, BlockKind::Trait),
            kind::MATRIX if at_start => return self.declaration(index, kind, BlockKind::Matrix),
            kind::ELSE if next == kind::IF && !self.raw[index + 1].newline => return self.emit(token, kind::ELSE_IF),
            kind::IF if at_start && self.last != kind::ELSE_IF => Some(BlockKind::Plain),
            kind::FOR if at_start || ASSIGNS.contains(self.last) => Some(BlockKind::Plain),
            kind::WHILE if at_start => Some(BlockKind::While),
            kind::MATCH | kind::SELECT | kind::WITHIN if at_start => Some(BlockKind::Plain),
            kind::CASE if self.top_block() != Some(BlockKind::Type) => Some(BlockKind::Plain),
            _ => None,
        };
        self.emit(token, kind);
        if let Some(block) = block {
            self.open_block(token, block);
        }
    }

    fn declaration(&mut self, index: usize, kind: u8, block: BlockKind) {
        let token = self.raw[index];
        if token.newline && self.next_kind(index) == kind::IDENT {
            self.close_forgotten_blocks(token, kind);
        }
        self.note_declaration();
        self.emit(token, kind);
        let is_signature = FUNCTION_KINDS.contains(kind) && self.top_block() == Some(BlockKind::Trait);
        if !is_signature {
            self.open_block(token, block);
        }
    }
}

pub(super) const ASSIGNS: KindSet = KindSet::new(&[
    kind::ASSIGN,
    kind::MOVE,
    kind::PLUS_ASSIGN,
    kind::MINUS_ASSIGN,
    kind::STAR_ASSIGN,
    kind::SLASH_ASSIGN,
    kind::PERCENT_ASSIGN,
]);

/// What may stand between the name of a declaration and its parameters.
const IN_SIGNATURE: KindSet = KindSet::new(&[
    kind::IDENT,
    kind::WORD,
    kind::LESS_T,
    kind::GREATER_T,
    kind::COLON,
    kind::PLUS,
    kind::COMMA,
    kind::TRAILING,
]);

const IN_ANNOTATION: KindSet = KindSet::new(&[kind::AT, kind::IDENT, kind::LPAREN, kind::STRING, kind::RPAREN]);
