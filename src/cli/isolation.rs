//! The text of `--report-isolation`.
//!
//! In: built libraries. Out: lines about each: the tier, the private variables, where every foreign symbol leads, and
//! which functions are leaves. Deliberately not here: how any of it is found out (`native`).

use std::fmt::Write;

use crate::native::{IsolationReport, NativeLibrary, SymbolClass};

/// All tiers that a manifest can name, the weakest promise first.
const TIERS: &str = "Tiers: shared, instance (pure: an instance without state), confined, process. \
                     'confined' is not built in this version (E0001).\n";

const WIDTH: usize = 100;

/// The report on all libraries; empty when there are none.
pub(super) fn text(libraries: &[NativeLibrary]) -> String {
    if libraries.is_empty() {
        return String::new();
    }
    let reports: String = libraries.iter().map(library).collect();
    format!("{reports}{TIERS}")
}

fn library(library: &NativeLibrary) -> String {
    let report = &library.report;
    let mut text = format!("{} {}\n  tier: {}\n", library.name, library.version, report.tier);
    let _ = writeln!(
        text,
        "  mutable globals: {}, {} bytes ({} with an initial value), {} relocations",
        report.members.len(),
        report.total_size,
        report.data_size,
        report.relocations
    );
    for member in &report.members {
        let place = if member.file.is_empty() { String::new() } else { format!("  {}:{}", member.file, member.line) };
        let _ = writeln!(text, "    {:>8} bytes  {}{place}", member.size, member.name);
    }
    text.push_str("  symbols from elsewhere:\n");
    let classes = [
        ("pure", SymbolClass::Pure),
        ("shimmed", SymbolClass::Instance),
        ("process-global (streams, files)", SymbolClass::Stdio),
        ("process-global (system)", SymbolClass::Process),
    ];
    for (title, class) in classes {
        names(&mut text, title, &of_class(report, class));
    }
    // Such a symbol ends the build (E1114), so what was built has none.
    names(&mut text, "refused", &[]);
    let leaves: Vec<&str> = library
        .functions
        .iter()
        .filter(|(_, function)| function.leaf.is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    text.push_str("  functions:\n");
    names(&mut text, "proven leaves", &leaves);
    text
}

/// As the C source calls them.
fn of_class(report: &IsolationReport, class: SymbolClass) -> Vec<&str> {
    let of_class = report.symbols.iter().filter(|(_, of)| **of == class);
    of_class.map(|(name, _)| name.strip_prefix("coex_shim_").unwrap_or(name)).collect()
}

/// `    title: a b c`, broken at [`WIDTH`].
fn names(text: &mut String, title: &str, names: &[&str]) {
    let mut line = format!("    {title}:");
    for name in if names.is_empty() { &["none"] } else { names } {
        if line.len() + 1 + name.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(6);
        }
        line.push(' ');
        line.push_str(name);
    }
    text.push_str(&line);
    text.push('\n');
}
