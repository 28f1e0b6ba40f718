//! Exit statuses (language reference 14).
//!
//! In: what went wrong. Out: a number.

use super::output;
use crate::diagnostics::{Code, Diagnostic, Severity};

pub(super) const SUCCESS: u8 = 0;
pub(super) const FAULT: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const TOOL: u8 = 3;
pub(super) const ARCHIVE: u8 = 4;
pub(super) const NETWORK: u8 = 5;
pub(super) const BUSY: u8 = 6;
pub(super) const INTERNAL: u8 = 70;
/// What a shell reports of a process that a closed pipe has ended.
pub(super) const PIPE: u8 = 141;

/// A fault of the program, a manifest or C source is named first: it is the user's own.
pub(super) fn of_diagnostics(diagnostics: &[Diagnostic]) -> u8 {
    let statuses: Vec<u8> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity() == Severity::Error)
        .map(|diagnostic| of_code(diagnostic.code))
        .collect();
    [FAULT, ARCHIVE, TOOL, NETWORK, BUSY].into_iter().find(|status| statuses.contains(status)).unwrap_or(SUCCESS)
}

pub(super) fn of_code(code: Code) -> u8 {
    match code {
        Code::E1109
        | Code::E1501
        | Code::E1502
        | Code::E1503
        | Code::E1504
        | Code::E1505
        | Code::E1506
        | Code::E1507
        | Code::E1510 => ARCHIVE,
        Code::E1508 => NETWORK,
        Code::E1509 => BUSY,
        Code::E1111
        | Code::E1401
        | Code::E1402
        | Code::E1403
        | Code::E1404
        | Code::E1405
        | Code::E1406
        | Code::E1407
        | Code::E1409 => TOOL,
        _ => FAULT,
    }
}

/// Help and version are asked-for data; everything else that clap says is wrong use.
pub(super) fn usage(error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    if error.use_stderr() {
        output::talk(&text);
        return USAGE;
    }
    output::write(text.as_bytes())
}
