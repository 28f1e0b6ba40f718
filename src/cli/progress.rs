//! Progress bars: on a terminal, for what takes long, and nowhere else.
//!
//! In: the news of a download or of C compilation. Out: one line on standard error that is redrawn, and gone at the end.
//! There is none where nobody looks (a pipe, `CI`, JSON), where lines cannot be redrawn (`TERM=dumb`), and before 300 ms.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::MessageFormat;
use crate::diagnostics::{Counted, Nobody, Watcher};

const DELAY: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(150);

/// Whoever watches a command with such messages.
pub(super) fn watcher(format: MessageFormat) -> Arc<dyn Watcher> {
    match is_wanted(format, &|name| std::env::var(name).ok(), io::stderr().is_terminal()) {
        true => Arc::new(Terminal::default()),
        false => Arc::new(Nobody),
    }
}

fn is_wanted(format: MessageFormat, variable: &dyn Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    is_terminal
        && format == MessageFormat::Human
        && set("CI").is_none()
        && set("TERM").is_some_and(|terminal| terminal != "dumb")
}

#[derive(Default, Debug)]
struct Terminal {
    shared: Arc<Mutex<Shown>>,
}

#[derive(Default, Debug)]
struct Shown {
    has_begun: bool,
    /// Time enough has passed.
    is_visible: bool,
    current: Option<Current>,
    bar: Option<ProgressBar>,
}

#[derive(Debug)]
struct Current {
    /// Of the first of those that go on at the same time.
    what: String,
    /// How many these are.
    count: usize,
    total: Option<u64>,
    unit: Counted,
    done: u64,
}

impl Terminal {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Watcher for Terminal {
    fn begin(&self, what: &str, total: Option<u64>, unit: Counted) {
        let mut shown = self.lock();
        match &mut shown.current {
            Some(current) => {
                current.count += 1;
                current.total = current.total.zip(total).map(|(known, more)| known.saturating_add(more));
            }
            None => shown.current = Some(Current { what: what.to_owned(), count: 1, total, unit, done: 0 }),
        }
        if !shown.has_begun {
            shown.has_begun = true;
            let shared = Arc::clone(&self.shared);
            std::thread::spawn(move || {
                std::thread::sleep(DELAY);
                let mut shown = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                shown.is_visible = true;
                shown.draw();
            });
        }
        shown.draw();
    }

    fn advance(&self, amount: u64) {
        let mut shown = self.lock();
        if let Some(current) = &mut shown.current {
            current.done += amount;
        }
        if let Some(bar) = &shown.bar {
            bar.inc(amount);
        }
    }

    fn end(&self) {
        let mut shown = self.lock();
        if let Some(current) = shown.current.as_mut().filter(|current| current.count > 1) {
            current.count -= 1;
            return;
        }
        shown.current = None;
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Shown {
    fn draw(&mut self) {
        let Some(current) = self.current.as_ref().filter(|_| self.is_visible) else { return };
        let bar = ProgressBar::with_draw_target(current.total, ProgressDrawTarget::stderr());
        let template = match (current.total, current.unit) {
            (Some(_), Counted::Bytes) => "{msg} [{bar:30}] {bytes}/{total_bytes}",
            (None, Counted::Bytes) => "{msg} {spinner} {bytes}",
            (Some(_), Counted::Files) => "{msg} [{bar:30}] {pos}/{len}",
            (None, Counted::Files) => "{msg} {spinner} {pos}",
        };
        // Without colours, and in signs that every terminal has.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> ").tick_chars("-\\|/ "));
        bar.set_message(current.what.clone());
        bar.set_position(current.done);
        bar.enable_steady_tick(TICK);
        if let Some(old) = self.bar.replace(bar) {
            old.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_for_people_at_terminals() {
        let ask = |format, list: &[(&str, &str)], terminal| {
            let get = |name: &str| list.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            is_wanted(format, &get, terminal)
        };
        let xterm = ("TERM", "xterm");
        assert!(ask(MessageFormat::Human, &[xterm], true));
        assert!(!ask(MessageFormat::Human, &[xterm], false));
        assert!(!ask(MessageFormat::Json, &[xterm], true));
        assert!(!ask(MessageFormat::Human, &[("TERM", "dumb")], true));
        assert!(!ask(MessageFormat::Human, &[], true));
        assert!(!ask(MessageFormat::Human, &[xterm, ("CI", "true")], true));
    }
}
