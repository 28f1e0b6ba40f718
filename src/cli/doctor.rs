//! `coexc doctor`: is everything there that builds need?
//!
//! In: the machine. Out: one line for each need on standard output, and status 3 when a required one is not met.

use super::{exit, output};
use crate::link::find_linker;
use crate::native::{Store, find_toolchain};
use crate::sandbox::Kernel;

pub(super) fn doctor() -> u8 {
    let mut report = Report { text: String::new(), is_well: true };
    report.line(true, "coexc", &format!("{} (build {})", env!("CARGO_PKG_VERSION"), &env!("COEX_BUILD_ID")[..12]));
    report.line(true, "llvm", "22 (linked in)");
    match Store::open_default() {
        Ok(store) => {
            report.line(true, "cache", &store.directory().display().to_string());
            match find_toolchain(&store) {
                Ok(toolchain) => report.line(true, "clang", &toolchain.clang.display().to_string()),
                Err(error) => report.line(false, "clang", &error.to_string()),
            }
        }
        Err(error) => report.line(false, "cache", &format!("{}: {}", error.directory.display(), error.reason)),
    }
    match find_linker(std::env::var_os("PATH").as_deref()) {
        Ok(linker) => report.line(true, "linker", &linker.path.display().to_string()),
        Err(error) => report.line(false, "linker", &error.to_string()),
    }
    match Kernel::of_this_machine().lacks() {
        Some(lacking) => report.line(true, "sandbox", lacking),
        None => report.line(true, "sandbox", "whole"),
    }
    // Only libraries with system dependencies need it.
    match std::process::Command::new("pkg-config").arg("--version").output() {
        Ok(result) if result.status.success() => {
            report.line(true, "pkg-config", String::from_utf8_lossy(&result.stdout).trim());
        }
        _ => report.line(true, "pkg-config", "not found (needed by libraries with system dependencies only)"),
    }
    let status = output::write(report.text.as_bytes());
    if report.is_well { status } else { exit::TOOL }
}

struct Report {
    text: String,
    is_well: bool,
}

impl Report {
    fn line(&mut self, is_well: bool, what: &str, found: &str) {
        let mark = if is_well { "ok     " } else { "missing" };
        let found = found.replace('\n', "\n                     ");
        self.text.push_str(&format!("{mark}  {what:<10}  {found}\n"));
        self.is_well &= is_well;
    }
}
