//! Text to raw tokens (language reference, chapter 1).
//!
//! In: the text of a file. Out: its tokens, each with the mark whether a line end stands before it.
//! Deliberately not here: anything that needs more context than the two tokens before; that is `rewrite`.

use super::token::{Token, keyword, kind};
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// The tokens of `text`, with an `EOF` at the end. Faults are reported and skipped.
pub(super) fn lex(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Vec<Token> {
    let mut lexer = Lexer {
        file,
        text,
        bytes: text.as_bytes(),
        position: 0,
        newline: false,
        in_llvm_ir: false,
        faults: 0,
        previous: kind::EOF,
        before_previous: kind::EOF,
        tokens: Vec::with_capacity(text.len() / 4 + 8),
        diagnostics,
    };
    if text.starts_with('\u{feff}') {
        lexer.position = '\u{feff}'.len_utf8();
    }
    while lexer.skip_blanks() {
        lexer.token();
    }
    lexer.push(kind::EOF, text.len());
    lexer.tokens
}

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    /// A line end was passed since the last token.
    newline: bool,
    /// Between `llvm_ir` and its text, where `%name` is a register.
    in_llvm_ir: bool,
    faults: usize,
    previous: u8,
    before_previous: u8,
    tokens: Vec<Token>,
    diagnostics: &'a mut Diagnostics,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.position + ahead).copied().unwrap_or(0)
    }

    /// Takes the token that starts at `position` and ends at `end`.
    fn push(&mut self, kind: u8, end: usize) {
        self.tokens.push(Token { kind, newline: self.newline, start: self.position as u32, end: end as u32 });
        self.position = end;
        self.newline = false;
        self.before_previous = self.previous;
        self.previous = kind;
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start as u32, end as u32)
    }

    /// Skips blanks, line ends and comments; false at the end of the text.
    fn skip_blanks(&mut self) -> bool {
        while let Some(&byte) = self.bytes.get(self.position) {
            match byte {
                b' ' | b'\t' => self.position += 1,
                b'\n' | b'\r' => {
                    self.newline = true;
                    self.position += 1;
                }
                b'#' if self.peek(1) == b'#' => self.block_comment(),
                b'#' => self.position = self.line_end(),
                _ => return true,
            }
        }
        false
    }

    fn line_end(&self) -> usize {
        let rest = &self.bytes[self.position..];
        rest.iter().position(|&byte| byte == b'\n' || byte == b'\r').map_or(self.bytes.len(), |n| self.position + n)
    }

    fn block_comment(&mut self) {
        let start = self.position;
        let inside = &self.text[start + 2..];
        let Some(length) = inside.find("##") else {
            self.diagnostics.push(
                Diagnostic::new(Code::E0102, self.span(start, start + 2), "Unterminated block comment")
                    .label("this comment never ends")
                    .help("a comment line begins with a single '#'"),
            );
            self.position = self.bytes.len();
            return;
        };
        self.newline |= inside.as_bytes()[..length].iter().any(|&byte| byte == b'\n' || byte == b'\r');
        self.position = start + 2 + length + 2;
    }

    fn token(&mut self) {
        match self.bytes[self.position] {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.number(),
            b'"' | b'\'' => self.string(),
            b'%' if self.in_llvm_ir && is_word_byte(self.peek(1)) => {
                let end = self.word_end(self.position + 1);
                self.push(kind::REGISTER, end);
            }
            _ => self.punctuation(),
        }
    }

    fn word_end(&self, from: usize) -> usize {
        let rest = &self.bytes[from..];
        from + rest.iter().position(|&byte| !is_word_byte(byte)).unwrap_or(rest.len())
    }

    fn word(&mut self) {
        let end = self.word_end(self.position);
        let word = &self.bytes[self.position..end];
        let kind = keyword(word);
        if kind == kind::LLVM_IR && !matches!(self.previous, kind::DOT | kind::FORMULA | kind::TASK | kind::FUNC) {
            let next = self.bytes[end..].iter().find(|&&byte| byte != b' ' && byte != b'\t');
            self.in_llvm_ir = matches!(next, Some(b'(' | b'-' | b'"' | b'\''));
        }
        self.push(kind, end);
    }

    fn digits_end(&self, from: usize) -> usize {
        let rest = &self.bytes[from..];
        from + rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
    }

    fn number(&mut self) {
        let start = self.position;
        if self.previous == kind::DOT {
            let end = self.digits_end(start);
            return self.push(kind::POSITION, end);
        }
        if self.bytes[start] == b'0' && matches!(self.peek(1), b'x' | b'X' | b'b' | b'B') {
            let is_hex = matches!(self.peek(1), b'x' | b'X');
            let rest = &self.bytes[start + 2..];
            let is_digit = |byte: &u8| if is_hex { byte.is_ascii_hexdigit() } else { matches!(byte, b'0' | b'1') };
            let count = rest.iter().position(|byte| !is_digit(byte)).unwrap_or(rest.len());
            if count > 0 {
                return self.push(if is_hex { kind::HEX } else { kind::BIN }, start + 2 + count);
            }
        }
        let mut end = self.digits_end(start);
        let mut kind = kind::INT;
        let digit_at = |at: usize| self.bytes.get(at).is_some_and(u8::is_ascii_digit);
        if self.bytes.get(end) == Some(&b'.') && digit_at(end + 1) {
            kind = kind::FLOAT;
            end = self.digits_end(end + 1);
        }
        if matches!(self.bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.bytes.get(end + 1), Some(b'+' | b'-')));
            if digit_at(end + 1 + sign) {
                kind = kind::FLOAT;
                end = self.digits_end(end + 1 + sign);
            }
        }
        self.push(kind, end);
    }

    fn string(&mut self) {
        let start = self.position;
        let quote = self.bytes[start];
        if self.peek(1) == quote && self.peek(2) == quote {
            return self.triple(quote);
        }
        let mut at = start + 1;
        loop {
            match self.bytes.get(at) {
                Some(&byte) if byte == quote => return self.push(kind::STRING, at + 1),
                // The byte behind a backslash belongs to the escape, unless the line ends there.
                Some(b'\\') if !matches!(self.bytes.get(at + 1), None | Some(b'\n' | b'\r')) => at += 2,
                None | Some(b'\n' | b'\r') => break,
                Some(_) => at += 1,
            }
        }
        self.unterminated(start, at);
        self.push(kind::STRING, at);
    }

    fn triple(&mut self, quote: u8) {
        let start = self.position;
        let mark = if quote == b'"' { "\"\"\"" } else { "'''" };
        self.in_llvm_ir = false;
        match self.text[start + 3..].find(mark) {
            Some(length) => self.push(kind::TRIPLE, start + 3 + length + 3),
            None => {
                self.unterminated(start, self.line_end());
                self.push(kind::TRIPLE, self.bytes.len());
            }
        }
    }

    fn unterminated(&mut self, start: usize, end: usize) {
        // The compiler prints no more than 50 faults.
        self.faults += 1;
        if self.faults > 50 {
            return;
        }
        self.diagnostics.push(
            Diagnostic::new(Code::E0105, self.span(start, end), "Unterminated string literal")
                .label("the closing quote is missing"),
        );
    }

    fn punctuation(&mut self) {
        let (kind, length) = match (self.bytes[self.position], self.peek(1)) {
            (b'+', b'=') => (kind::PLUS_ASSIGN, 2),
            (b'+', _) => (kind::PLUS, 1),
            (b'-', b'>') => (kind::ARROW, 2),
            (b'-', b'=') => (kind::MINUS_ASSIGN, 2),
            (b'-', _) => (kind::MINUS, 1),
            (b'*', b'=') => (kind::STAR_ASSIGN, 2),
            (b'*', _) => (kind::STAR, 1),
            (b'/', b'=') => (kind::SLASH_ASSIGN, 2),
            (b'/', _) => (kind::SLASH, 1),
            (b'%', b'=') => (kind::PERCENT_ASSIGN, 2),
            (b'%', _) => (kind::PERCENT, 1),
            (b'=', b'=') => (kind::EQUAL, 2),
            (b'=', b'>') => (kind::FAT_ARROW, 2),
            (b'=', _) => (kind::ASSIGN, 1),
            (b'!', b'=') => (kind::NOT_EQUAL, 2),
            (b'!', _) => (kind::BANG, 1),
            (b'<', b'=') => (kind::LESS_EQUAL, 2),
            (b'<', b'-') if self.receives() => (kind::LEFT_ARROW, 2),
            (b'<', _) => (kind::LESS, 1),
            (b'>', b'=') => (kind::GREATER_EQUAL, 2),
            (b'>', _) => (kind::GREATER, 1),
            (b':', b'=') => (kind::MOVE, 2),
            (b':', _) => (kind::COLON, 1),
            (b'.', b'.') => (kind::RANGE, 2),
            (b'.', _) => (kind::DOT, 1),
            (b'?', b'?') => (kind::COALESCE, 2),
            (b'?', _) => (kind::QUESTION, 1),
            (b'~', _) => (kind::CLOSE, 1),
            (b';', _) => (kind::SEMICOLON, 1),
            (b',', _) => (kind::COMMA, 1),
            (b'@', _) => (kind::AT, 1),
            (b'(', _) => (kind::LPAREN, 1),
            (b')', _) => (kind::RPAREN, 1),
            (b'[', _) => (kind::LBRACKET, 1),
            (b']', _) => (kind::RBRACKET, 1),
            (b'{', _) => (kind::LBRACE, 1),
            (b'}', _) => (kind::RBRACE, 1),
            _ => return self.stray(),
        };
        self.push(kind, self.position + length);
    }

    /// `<-` is one token only directly after `case` and a name (1.5).
    fn receives(&self) -> bool {
        self.before_previous == kind::CASE && matches!(self.previous, kind::IDENT | kind::UNDERSCORE)
    }

    /// A run of characters that begin no token; the parser finds that it may stand nowhere.
    fn stray(&mut self) {
        let begins_token =
            |c: char| c.is_ascii() && (c.is_ascii_graphic() || c.is_ascii_whitespace()) && !"$&\\^`|".contains(c);
        let rest = &self.text[self.position..];
        let length = rest.find(begins_token).unwrap_or(rest.len()).max(1);
        self.push(kind::STRAY, self.position + length);
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
