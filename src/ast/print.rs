//! `--emit=ast`: the syntax tree as text.
//!
//! In: a module. Out: an indented rendering. Deliberately not here: anything a program could depend on.

use super::Module;

/// One node a line, indented by depth.
pub fn print_module(module: &Module) -> String {
    format!("{module:#?}\n")
}
