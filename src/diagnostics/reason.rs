//! Why the operating system refused something, as part of a message.
//!
//! In: its error. Out: its words. Deliberately not here: what was tried; the caller's message says so.

use std::io;

/// Without the number that the standard library appends.
pub fn io_reason(error: &io::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.find(" (os error").unwrap_or(text.len()));
    text
}
