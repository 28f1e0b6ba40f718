//! `coexc FILE …` as a short form of `coexc run FILE …`.
//!
//! In: the arguments. Out: the arguments, `run` put before them where the first one is a file and no command.

use std::ffi::{OsStr, OsString};
use std::path::Path;

const COMMANDS: &[&str] = &[
    "build",
    "run",
    "check",
    "emit",
    "commentary",
    "explain",
    "cache",
    "doctor",
    "print",
    "completions",
    "man",
    "help",
];

/// The kernel calls `coexc SCRIPT ARGUMENTS…` for a script that begins with `#!/usr/bin/env coexc`.
pub(super) fn script_form(mut arguments: Vec<OsString>) -> Vec<OsString> {
    match arguments.first_mut() {
        Some(first) if is_script(first) => arguments.insert(0, OsString::from("run")),
        Some(first) if first == "--print" => *first = OsString::from("print"),
        _ => {}
    }
    arguments
}

/// A first argument that is a program.
pub(super) fn is_script(first: &OsStr) -> bool {
    let is_command = first.to_str().is_some_and(|word| word.starts_with('-') || COMMANDS.contains(&word));
    let path = Path::new(first);
    let is_script = path.extension().is_some_and(|extension| extension == "coex") || path.is_file();
    !is_command && is_script
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// A file of that name must not hide the command.
    #[test]
    fn every_command_is_known() {
        for command in crate::cli::args::Coexc::command().get_subcommands() {
            assert!(COMMANDS.contains(&command.get_name()), "COMMANDS lacks '{}'", command.get_name());
        }
    }

    #[test]
    fn a_file_is_run() {
        let words = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(script_form(words(&["a.coex", "--x"])), words(&["run", "a.coex", "--x"]));
        assert_eq!(script_form(words(&["build", "a.coex"])), words(&["build", "a.coex"]));
        assert_eq!(script_form(words(&["--help"])), words(&["--help"]));
        assert_eq!(script_form(words(&["nonsense"])), words(&["nonsense"]));
    }
}
