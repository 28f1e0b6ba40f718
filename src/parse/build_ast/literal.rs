//! Literals: numbers with their limits, strings with their escapes (reference 1.6).
//!
//! In: the text of a token. Out: its value. Deliberately not here: types of literals.

use super::Builder;
use crate::ast::IntLiteral;
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::token::Token;
use crate::source::Span;

impl Builder<'_> {
    /// A decimal literal; `negated` tells whether a minus sign stands directly before it.
    pub(super) fn decimal(&mut self, token: Token, negated: bool) -> IntLiteral {
        let limit = i64::MAX as u64 + u64::from(negated);
        match self.text_of(token).parse::<u64>() {
            Ok(value) if value <= limit => IntLiteral::Decimal(value),
            _ => {
                self.out_of_range(token, "the largest int is 9223372036854775807");
                IntLiteral::Decimal(0)
            }
        }
    }

    /// A hexadecimal or binary literal.
    pub(super) fn bit_pattern(&mut self, token: Token, radix: u32) -> IntLiteral {
        let digits = self.text_of(token)[2..].trim_start_matches('0');
        if digits.is_empty() {
            return IntLiteral::Pattern(0);
        }
        match u64::from_str_radix(digits, radix) {
            Ok(value) => IntLiteral::Pattern(value),
            Err(_) => {
                self.out_of_range(token, "an int has 64 bits");
                IntLiteral::Pattern(0)
            }
        }
    }

    pub(super) fn float(&mut self, token: Token) -> f64 {
        let value = self.text_of(token).parse::<f64>().unwrap_or(f64::INFINITY);
        if value.is_finite() {
            return value;
        }
        self.out_of_range(token, "the largest float is 1.7976931348623157e308");
        0.0
    }

    fn out_of_range(&mut self, token: Token, label: &str) {
        self.diagnostics
            .push(Diagnostic::new(Code::E0104, self.span(token), "Number literal out of range").label(label));
    }

    /// The text of a string literal, quotes included, with its escapes translated.
    pub(super) fn string(&mut self, token: Token) -> String {
        let quoted = self.text_of(token);
        let inside = quoted.get(1..).unwrap_or("");
        // An unterminated literal, reported by the lexer, ends without its quote.
        let inside = match quoted.chars().next() {
            Some(quote) => inside.strip_suffix(quote).unwrap_or(inside),
            None => inside,
        };
        if !inside.contains('\\') {
            return inside.to_owned();
        }
        self.unescape(inside, token.start + 1)
    }

    fn unescape(&mut self, text: &str, offset: u32) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            result.push_str(&rest[..at]);
            let escape = &rest[at + 1..];
            let (character, length) = translate(escape);
            match character {
                Some(character) => result.push(character),
                None => {
                    let start = offset + (text.len() - rest.len() + at) as u32;
                    let written = &escape[..length];
                    let span = Span::new(self.file, start, start + 1 + length as u32);
                    self.diagnostics.push(
                        Diagnostic::new(Code::E0106, span, format!("Invalid escape sequence '\\{written}'")).help(
                            "escapes are \\n \\t \\r \\b \\f \\\" \\' \\\\ \\xHH \\uHHHH and octal \\o \\oo \\ooo; a backslash is written \\\\",
                        ),
                    );
                }
            }
            rest = &escape[length..];
        }
        result.push_str(rest);
        result
    }
}

/// The character of the escape behind a backslash, and how many bytes the escape takes.
fn translate(escape: &str) -> (Option<char>, usize) {
    let Some(first) = escape.chars().next() else { return (None, 0) };
    let simple = match first {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        '"' | '\'' | '\\' => first,
        'x' => return coded(escape, 2),
        'u' => return coded(escape, 4),
        '0'..='7' => {
            let length = escape.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            let code = u32::from_str_radix(&escape[..length], 8).unwrap_or(u32::MAX);
            return (char::from_u32(code).filter(|_| code <= 255), length);
        }
        other => return (None, other.len_utf8()),
    };
    (Some(simple), 1)
}

/// `xHH` or `uHHHH`.
fn coded(escape: &str, digits: usize) -> (Option<char>, usize) {
    let count = escape.bytes().skip(1).take(digits).take_while(u8::is_ascii_hexdigit).count();
    let code = u32::from_str_radix(&escape[1..1 + count], 16).ok().filter(|_| count == digits);
    (code.and_then(char::from_u32), 1 + count)
}
