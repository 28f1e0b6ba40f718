//! Runs the generated parser.
//!
//! In: a slice of the rewritten tokens. Out: ANTLR's tree of it, and the faults found.
//! Deliberately not here: how faults are worded, and what is done about them.

use std::sync::{Arc, Mutex, PoisonError};

use antlr4_runtime::errors::{ErrorListener, SyntaxErrorEvent};
use antlr4_runtime::recognizer::Recognizer;
use antlr4_runtime::token::{Token as _, TokenId, TokenSink, TokenSource, TokenSpec, TokenStoreError};
use antlr4_runtime::token_stream::CommonTokenStream;
use antlr4_runtime::tree::ParsedFile;

use super::generated::coex_parser::CoexParser;
use super::token::{Token, kind};

/// A token the grammar does not allow where it stands.
pub(super) struct Fault {
    /// Index of the token in the slice.
    pub token: usize,
    /// The runtime's own words; they name what was expected.
    pub message: String,
}

/// The tree of `tokens`, which end with `EOF`; nothing if even the runtime gave up.
pub(super) fn parse_tokens(tokens: &[Token]) -> (Option<ParsedFile>, Vec<Fault>) {
    let faults = FaultList::default();
    let Ok(stream) = CommonTokenStream::try_new(Source { tokens, next: 0 }) else {
        return (None, Vec::new());
    };
    let mut parser = CoexParser::new(stream);
    parser.remove_error_listeners();
    parser.add_error_listener(faults.clone());
    let tree = parser.file().ok().map(|root| parser.into_parsed_file(root));
    let mut list = std::mem::take(&mut *faults.0.lock().unwrap_or_else(PoisonError::into_inner));
    if tree.is_none() && list.is_empty() {
        list.push(Fault { token: 0, message: String::new() });
    }
    for fault in &mut list {
        fault.token = fault.token.min(tokens.len() - 1);
    }
    list.sort_by_key(|fault| fault.token);
    (tree, list)
}

struct Source<'a> {
    tokens: &'a [Token],
    next: usize,
}

impl TokenSource for Source<'_> {
    fn next_token(&mut self, sink: &mut TokenSink<'_>) -> Result<TokenId, TokenStoreError> {
        // The stream asks for nothing behind EOF.
        let token = self.tokens[self.next.min(self.tokens.len() - 1)];
        self.next += 1;
        sink.push(TokenSpec {
            token_type: if token.kind == kind::EOF { antlr4_runtime::TOKEN_EOF } else { i32::from(token.kind) },
            channel: antlr4_runtime::token::DEFAULT_CHANNEL,
            start: self.next - 1,
            stop: self.next - 1,
            start_byte: token.start as usize,
            stop_byte: token.end as usize,
            // The runtime compares faults by line first; distinct numbers keep that cheap.
            line: self.next,
            column: 0,
            text: None,
            source_backed: false,
        })
    }

    fn line(&self) -> usize {
        self.next
    }

    fn column(&self) -> usize {
        0
    }

    fn source_name(&self) -> &str {
        ""
    }
}

/// The listener must be `Send` and live as long as the parser, hence the shared list.
#[derive(Clone, Default)]
struct FaultList(Arc<Mutex<Vec<Fault>>>);

impl<R: Recognizer + ?Sized> ErrorListener<R> for FaultList {
    fn syntax_error(&mut self, _recognizer: &R, event: &SyntaxErrorEvent<'_>) {
        let token = event.offending.map_or(usize::MAX, |token| token.token_id().index());
        let fault = Fault { token, message: event.message.to_owned() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }
}
