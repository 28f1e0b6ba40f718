//! The two streams: data on standard output, talk on standard error.
//!
//! In: text. Out: an exit status where writing can fail. A reader that has gone away ends the program quietly.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::args::{ColorWhen, MessageFormat, Messages};
use super::exit;
use crate::diagnostics::render::{self, Paint};
use crate::diagnostics::{Code, Diagnostic, codes, io_reason, json, sarif};
use crate::driver::output_cache::Replay;
use crate::source::SourceMap;

/// The style of this run, once a command has one: whoever writes data must know whether it stands between messages.
static STYLE: Mutex<Option<Style>> = Mutex::new(None);

/// Results for the one document at the end, with their codes.
static RESULTS: Mutex<Results> = Mutex::new(Results { results: Vec::new(), codes: BTreeSet::new() });

struct Results {
    results: Vec<String>,
    codes: BTreeSet<&'static str>,
}

fn locked<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(|error| error.into_inner())
}

/// Writes asked-for data: between messages for programs as one of them, beside a document on standard error.
pub(super) fn write(bytes: &[u8]) -> u8 {
    let style = *locked(&STYLE);
    match (style.map(|style| style.format), std::str::from_utf8(bytes)) {
        (Some(MessageFormat::Json | MessageFormat::Sarif), Ok("")) => exit::SUCCESS,
        (Some(MessageFormat::Json), Ok(text)) => {
            write_as_it_is((json::event("text", &[("text", json::string(text))]) + "\n").as_bytes())
        }
        (Some(MessageFormat::Sarif), Ok(text)) => {
            talk(text);
            exit::SUCCESS
        }
        _ => write_as_it_is(bytes),
    }
}

fn write_as_it_is(bytes: &[u8]) -> u8 {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => exit::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => failed(exit::PIPE),
        Err(error) => {
            if FAILED.load(Ordering::Relaxed) == exit::SUCCESS {
                talk(&format!("error[E1404]: Cannot write 'standard output': {}\n", io_reason(&error)));
            }
            failed(exit::TOOL)
        }
    }
}

/// A fault of the machine that no diagnostic was made for.
pub(super) fn fault(code: Code, message: String) -> u8 {
    let style = locked(&STYLE).unwrap_or(Style { paint: Paint::Plain, format: MessageFormat::Human });
    let diagnostics = [Diagnostic::without_place(code, message)];
    match style.format {
        // Without the line that counts, as for any other tool.
        MessageFormat::Human => talk(&format!("error[{}]: {}\n", code.as_str(), diagnostics[0].message)),
        MessageFormat::Json | MessageFormat::Sarif => style.show(&diagnostics, &SourceMap::default()),
    }
    exit::of_diagnostics(&diagnostics)
}

/// When nothing more will be said: the document, if there is to be one.
pub(super) fn end(tool: &str, status: u8) -> u8 {
    if locked(&STYLE).take().is_some_and(|style| style.format == MessageFormat::Sarif) {
        let found = locked(&RESULTS);
        let codes: Vec<&str> = found.codes.iter().copied().collect();
        write_as_it_is((sarif::document(tool, &found.results, &codes, status) + "\n").as_bytes());
    }
    status
}

/// The status of the first write that failed.
static FAILED: AtomicU8 = AtomicU8::new(exit::SUCCESS);

fn failed(status: u8) -> u8 {
    match FAILED.compare_exchange(exit::SUCCESS, status, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => status,
        Err(first) => first,
    }
}

/// Whoever asked for data and did not get all of it must learn of it, unless something worse is to be told.
pub(super) fn status_with_writes(status: u8) -> u8 {
    if status == exit::SUCCESS { FAILED.load(Ordering::Relaxed) } else { status }
}

/// Says something; whoever does not listen misses it.
pub(super) fn talk(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// How messages are to look, decided once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) paint: Paint,
    pub(super) format: MessageFormat,
}

impl Style {
    pub(super) fn new(messages: &Messages) -> Style {
        let variable = |name: &str| std::env::var(name).ok();
        let paint = paint(messages.color, &variable, io::stderr().is_terminal());
        let style = Style { paint, format: messages.message_format };
        *locked(&STYLE) = Some(style);
        style
    }

    /// Diagnostics, sorted already. JSON is asked-for data.
    pub(super) fn show(&self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        match self.format {
            MessageFormat::Human => talk(&render::render_all(diagnostics, sources, self.paint)),
            MessageFormat::Json => {
                write_as_it_is(json::render_all(diagnostics, sources).as_bytes());
            }
            MessageFormat::Sarif => {
                let mut found = locked(&RESULTS);
                found.results.extend(sarif::results(diagnostics, sources));
                found.codes.extend(diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()));
            }
        }
    }

    /// The warnings of a build that is not repeated.
    pub(super) fn show_again(&self, warnings: &Replay) {
        match (self.format, self.paint) {
            (MessageFormat::Json, _) => {
                write_as_it_is(warnings.json.as_bytes());
            }
            (MessageFormat::Sarif, _) => {
                let mut found = locked(&RESULTS);
                let codes = codes::ALL.iter().map(|code| code.as_str());
                let named = codes.filter(|code| warnings.sarif.contains(&format!("\"ruleId\":\"{code}\"")));
                found.codes.extend(named);
                found.results.extend(warnings.sarif.lines().map(str::to_owned));
            }
            (MessageFormat::Human, Paint::Plain) => talk(&warnings.plain),
            (MessageFormat::Human, Paint::Colour) => talk(&warnings.colour),
        }
    }

    /// An event for machines; people are not bothered.
    pub(super) fn event(&self, kind: &str, fields: &[(&str, String)]) {
        if self.format == MessageFormat::Json {
            write_as_it_is((json::event(kind, fields) + "\n").as_bytes());
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
