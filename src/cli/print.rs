//! `coexc print`: facts about the compiler, for other programs.
//!
//! In: which one. Out: text on standard output, a fact a line. Deliberately not here: how any of it comes about.

use super::args::{Fact, PrintArguments};
use super::output;
use crate::diagnostics::json;
use crate::driver::session::search_paths;
use crate::native;

pub(super) fn print(arguments: &PrintArguments) -> u8 {
    let text = match arguments.fact {
        Fact::MessageSchema => json::DESCRIPTION.to_owned(),
        Fact::SearchPaths => {
            let mut paths = search_paths();
            paths.options.clone_from(&arguments.library_dirs);
            paths.directories().iter().map(|path| format!("{}\n", path.display())).collect()
        }
        Fact::Target => format!("{}\n", native::host_triple()),
        Fact::VersionJson => version(),
    };
    output::write(text.as_bytes())
}

fn version() -> String {
    let fields = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("build", env!("COEX_BUILD_ID")[..12].to_owned()),
        ("target", native::host_triple()),
        ("messages", json::SCHEMA.to_owned()),
    ];
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}:{}", json::string(name), json::string(value))).collect();
    format!("{{{}}}\n", fields.join(","))
}
