//! How faults of syntax are worded.
//!
//! In: a token and what the runtime says about it. Out: E0201 diagnostics.
//! Deliberately not here: finding them, and going on behind them.

use super::token::{Token, kind};
use super::tree::Fault;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// The message about a token that must not stand where it does.
pub(super) fn unexpected(text: &str, token: Token) -> String {
    format!("Syntax error: unexpected '{}'", shown(text, token))
}

fn shown(text: &str, token: Token) -> String {
    let written = text.get(token.start as usize..token.end as usize).unwrap_or("");
    match token.kind {
        kind::EOF => "end of file".to_owned(),
        kind::SEP if written != ";" => "end of line".to_owned(),
        kind::ELSE_IF => "else if".to_owned(),
        kind::TRIPLE => written[..3].to_owned(),
        kind::STRAY => written.chars().next().map_or(String::new(), |first| first.escape_debug().to_string()),
        _ => {
            let short: String = written.chars().take(40).collect();
            if short.len() < written.len() { format!("{short}…") } else { short }
        }
    }
}

/// The diagnostic about `fault`, which was found in `tokens`.
pub(super) fn describe(file: FileId, text: &str, tokens: &[Token], fault: &Fault) -> Diagnostic {
    let token = tokens[fault.token];
    let mut diagnostic = Diagnostic::new(Code::E0201, Span::new(file, token.start, token.end), unexpected(text, token));
    let before = fault.token.checked_sub(1).map_or(kind::EOF, |index| tokens[index].kind);
    if token.kind == kind::STRAY {
        diagnostic = diagnostic.label("no token begins like this");
    } else if let Some(expected) = expected(&fault.message, before) {
        diagnostic = diagnostic.label(format!("expected {expected}"));
    }
    match help(text, token, before) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Hints for those who come from other languages.
fn help(text: &str, token: Token, before: u8) -> Option<&'static str> {
    let first = text.as_bytes().get(token.start as usize);
    match (token.kind, first) {
        (kind::STRAY, Some(b'&')) => Some("write 'and'"),
        (kind::STRAY, Some(b'|')) => Some("write 'or'"),
        (kind::BANG, _) => Some("write 'not'"),
        (kind::LBRACE, _) => Some("a block begins with ':' or a new line and ends with '~'"),
        (kind::ASSIGN, _) if before == kind::ASSIGN => Some("equality is written '=='"),
        _ => None,
    }
}

/// What the runtime expected, as far as it can be said in a few words.
fn expected(message: &str, before: u8) -> Option<String> {
    if let Some((_, set)) = message.split_once("expecting ") {
        let names: Vec<&str> = set.trim_matches(['{', '}']).split(", ").collect();
        let has = |name: &str| names.contains(&name);
        let mut named: Vec<String> = Vec::new();
        for name in names.iter().filter_map(|name| readable(name)) {
            if !named.contains(&name) {
                named.push(name);
            }
        }
        if has("INT") && has("'('") {
            return Some("an expression".to_owned());
        }
        if has("'int'") && has("'json'") {
            return Some("a type".to_owned());
        }
        // Behind the header of a block: its opener was optional, so the runtime does not name it.
        if has("CLOSE") && !has("SEP") {
            return Some("':' or a new line".to_owned());
        }
        if !named.is_empty() && named.len() <= 5 {
            return Some(named.join(" or "));
        }
    }
    EXPECTS_EXPRESSION.contains(&before).then(|| "an expression".to_owned())
}

/// Behind these an expression must come.
const EXPECTS_EXPRESSION: &[u8] = &[
    kind::ASSIGN,
    kind::MOVE,
    kind::PLUS,
    kind::MINUS,
    kind::STAR,
    kind::SLASH,
    kind::PERCENT,
    kind::EQUAL,
    kind::NOT_EQUAL,
    kind::LESS,
    kind::GREATER,
    kind::LESS_EQUAL,
    kind::GREATER_EQUAL,
    kind::RANGE,
    kind::COALESCE,
    kind::AND,
    kind::OR,
    kind::NOT,
    kind::QUESTION,
    kind::TERNARY,
    kind::BANG,
    kind::LPAREN,
    kind::LBRACKET,
    kind::LBRACE,
    kind::COMMA,
    kind::IF,
    kind::WHILE,
    kind::MATCH,
    kind::WITHIN,
    kind::IN,
    kind::FAT_ARROW,
    kind::LEFT_ARROW,
    kind::PLUS_ASSIGN,
    kind::MINUS_ASSIGN,
    kind::STAR_ASSIGN,
    kind::SLASH_ASSIGN,
    kind::PERCENT_ASSIGN,
    kind::AWAIT,
];

/// A token of the grammar as the reader knows it.
fn readable(name: &str) -> Option<String> {
    Some(
        match name {
            "SEP" => "a new line",
            "OPEN" => "':'",
            "CLOSE" => "'~'",
            "ELSE_IF" | "TRAILING" => return None,
            "TERNARY" => "':'",
            "LABEL" | "IDENT" => "a name",
            "WORD" => "a member name",
            "POSITION" => "a tuple position",
            "LESS_T" => "'<'",
            "GREATER_T" => "'>'",
            "OPTIONAL" => "'?'",
            "DOT_T" => "'.'",
            "TRIPLE" => "a triple-quoted text",
            "REGISTER" => "a register",
            "INT" | "HEX" | "BIN" | "FLOAT" => "a number",
            "STRING" => "a string",
            "<EOF>" => "the end of the file",
            other if other.starts_with('\'') => other,
            other => return Some(format!("'{}'", other.to_lowercase())),
        }
        .to_owned(),
    )
}
