//! The two streams: data on standard output, talk on standard error.
//!
//! In: text. Out: an exit status where writing can fail. A reader that has gone away ends the program quietly.

use std::io::{self, ErrorKind, IsTerminal, Write};

use super::args::{ColorWhen, MessageFormat, Messages};
use super::exit;
use crate::diagnostics::render::{self, Paint};
use crate::diagnostics::{Diagnostic, json};
use crate::source::SourceMap;

/// Writes asked-for data.
pub(super) fn write(bytes: &[u8]) -> u8 {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => exit::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit::PIPE,
        Err(error) => {
            talk(&format!("error[E1404]: Cannot write 'standard output': {error}\n"));
            exit::TOOL
        }
    }
}

/// Says something; whoever does not listen misses it.
pub(super) fn talk(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// How messages are to look, decided once.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) paint: Paint,
    pub(super) format: MessageFormat,
}

impl Style {
    pub(super) fn new(messages: &Messages) -> Style {
        let variable = |name: &str| std::env::var(name).ok();
        let paint = paint(messages.color, &variable, io::stderr().is_terminal());
        Style { paint, format: messages.message_format }
    }

    /// Diagnostics, sorted already. JSON is asked-for data.
    pub(super) fn show(&self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        match self.format {
            MessageFormat::Human => talk(&render::render_all(diagnostics, sources, self.paint)),
            MessageFormat::Json => {
                write(json::render_all(diagnostics, sources).as_bytes());
            }
        }
    }

    /// An event for machines; people are not bothered.
    pub(super) fn event(&self, kind: &str, fields: &[(&str, String)]) {
        if self.format == MessageFormat::Json {
            write((json::event(kind, fields) + "\n").as_bytes());
        }
    }
}

/// `--color`, then `COEX_COLOR`, `NO_COLOR`, `CLICOLOR_FORCE`, the terminal, and `TERM=dumb`.
fn paint(option: Option<ColorWhen>, variable: &dyn Fn(&str) -> Option<String>, is_terminal: bool) -> Paint {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let named = match set("COEX_COLOR").as_deref() {
        Some("always") => Some(ColorWhen::Always),
        Some("never") => Some(ColorWhen::Never),
        _ => None,
    };
    let wanted = match option.filter(|when| *when != ColorWhen::Auto).or(named) {
        Some(when) => when == ColorWhen::Always,
        None if set("NO_COLOR").is_some() => false,
        None if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        None => is_terminal && set("TERM").as_deref() != Some("dumb"),
    };
    if wanted { Paint::Colour } else { Paint::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_order_of_wishes() {
        let ask = |option, list: &[(&str, &str)], terminal| {
            let list: Vec<(String, String)> = list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            paint(option, &|name| list.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()), terminal)
        };
        assert_eq!(ask(None, &[], true), Paint::Colour);
        assert_eq!(ask(None, &[], false), Paint::Plain);
        assert_eq!(ask(None, &[("TERM", "dumb")], true), Paint::Plain);
        assert_eq!(ask(None, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], false), Paint::Colour);
        assert_eq!(ask(None, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true), Paint::Plain);
        assert_eq!(ask(None, &[("NO_COLOR", "")], true), Paint::Colour);
        assert_eq!(ask(None, &[("COEX_COLOR", "always"), ("NO_COLOR", "1")], false), Paint::Colour);
        assert_eq!(ask(Some(ColorWhen::Never), &[("COEX_COLOR", "always")], true), Paint::Plain);
        assert_eq!(ask(Some(ColorWhen::Auto), &[("COEX_COLOR", "never")], true), Paint::Plain);
    }
}
