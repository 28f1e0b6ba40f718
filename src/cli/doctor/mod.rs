//! `coexc doctor`: is everything there that builds need?
//!
//! In: the machine and the environment. Out: one finding for each need on standard output, and status 3 when a build
//! cannot do without what is missing. Reading order: `report` (what a finding is), `machine` (directories, limits, the
//! environment), `tools` (clang, its headers, the linker, pkg-config, the sandbox). Deliberately not here: mending
//! anything.

mod machine;
mod report;
mod tools;

use self::report::Report;
use super::args::{MessageFormat, Messages};
use super::{exit, output};

pub(super) fn doctor(messages: &Messages) -> u8 {
    let mut report = Report::default();
    report.well("coexc", format!("{} (build {})", env!("CARGO_PKG_VERSION"), &env!("COEX_BUILD_ID")[..12]));
    report.well("llvm", "22 (linked in)");
    machine::home(&mut report);
    let store = machine::cache(&mut report);
    machine::temporary_files(&mut report);
    machine::limits(&mut report);
    machine::locale(&mut report);
    let clang = store.as_ref().and_then(|store| tools::clang(store.store(), &mut report));
    if let Some(clang) = &clang {
        tools::headers(clang, &mut report);
    }
    tools::linker(&mut report);
    if let Some(clang) = &clang {
        tools::start_files(clang, &mut report);
    }
    tools::sandbox(&mut report);
    tools::pkg_config(&mut report);
    machine::registry(&mut report);
    let text = match messages.message_format {
        MessageFormat::Human => report.text(),
        MessageFormat::Json => report.json(),
        // A document of no results; findings are about the machine, not about files.
        MessageFormat::Sarif => {
            output::Style::new(messages);
            report.text()
        }
    };
    let status = output::write(text.as_bytes());
    if report.is_well() { status } else { exit::TOOL }
}
