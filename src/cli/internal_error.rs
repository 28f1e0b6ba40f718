//! Defects of the compiler itself: one clear report, exit status 70.
//!
//! In: a panic anywhere. Out: text with version, stage and where to report. Deliberately not here: faults of programs.

use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{exit, output};
use crate::driver::timing;

/// A second panic must not hide the first.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// Runs a command; whatever panics becomes a report and status 70.
pub(super) fn guard(work: impl FnOnce() -> u8 + panic::UnwindSafe) -> u8 {
    panic::set_hook(Box::new(|info| {
        if !REPORTED.swap(true, Ordering::Relaxed) {
            output::talk(&report(info));
        }
    }));
    panic::catch_unwind(work).unwrap_or(exit::INTERNAL)
}

fn report(info: &PanicHookInfo) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned());
    let place = info.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
    let words: Vec<String> = std::env::args().collect();
    format!(
        "internal failure of coexc {} ({}) in stage '{}'\n\n  {text}{place}\n  command: {}\n\n\
         This is a defect of the compiler, not of the program. Please report it as an issue of the Coex\n\
         project, with this text and the program that caused it.\n",
        env!("CARGO_PKG_VERSION"),
        &env!("COEX_BUILD_ID")[..12],
        timing::current().name(),
        words.join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_status_70() {
        assert_eq!(guard(|| 3), 3);
        assert_eq!(guard(|| panic!("on purpose")), exit::INTERNAL);
        // The tests' own panics are to be shown again.
        drop(panic::take_hook());
    }
}
