//! `--emit=ir`: the typed IR as text.

use super::Program;

/// One statement a line, types written out.
pub fn print_program(program: &Program) -> String {
    format!("{program:#?}\n")
}
