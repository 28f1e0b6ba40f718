//! The command line of `coexc` and `coex`.
//!
//! In: arguments. Out: an exit status; asked-for data on standard output, talk on standard error. Reading order:
//! [`args`] (what can be asked), then one file a command. Deliberately not here: anything that compiles.

pub mod args;
mod build;
mod cache;
mod commentary;
mod depfile;
mod doctor;
mod emit;
mod exit;
mod explain;
mod internal_error;
mod isolation;
mod network;
mod output;
mod packages;
mod pages;
mod print;
mod progress;
mod reference;
mod registry;
mod reproducer;
mod response;
mod rows;
mod run;
mod script;

use clap::{CommandFactory, Parser};

use args::{Coexc, Command};
pub use packages::coex;

use crate::native;

/// `coexc`, with the arguments after the program's name. Returns the exit status.
pub fn coexc(arguments: Vec<std::ffi::OsString>) -> u8 {
    if let Some(rest) = arguments.strip_prefix(&[packages::AS_COEX.into()]) {
        return packages::run(rest.to_vec(), Some(packages::look));
    }
    if arguments == [native::helper::ARGUMENT] {
        return native::helper::serve();
    }
    let words = arguments.clone();
    internal_error::guard("coexc", &words, || {
        // Asked for by scripts and editors all the time: nothing else is set up for it.
        if let [only] = arguments.as_slice()
            && (only == "--version" || only == "-V")
        {
            return output::write(format!("coexc {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
        }
        let arguments = match response::expand(arguments, Coexc::command) {
            Ok(arguments) => arguments,
            Err(status) => return status,
        };
        let name = std::ffi::OsString::from("coexc");
        let words = std::iter::once(name).chain(script::script_form(arguments));
        match Coexc::try_parse_from(words) {
            Ok(parsed) => output::end("coexc", dispatch(parsed.command)),
            Err(error) => exit::usage(&error),
        }
    })
}

fn dispatch(command: Command) -> u8 {
    match command {
        Command::Build(arguments) => build::build(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => build::check(&arguments),
        Command::Emit(arguments) => emit::emit(&arguments),
        Command::Commentary(arguments) => commentary::commentary(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Cache(arguments) => cache::cache(&arguments),
        Command::Doctor(messages) => doctor::doctor(&messages),
        Command::Print(arguments) => print::print(&arguments),
        Command::Completions(arguments) => reference::completions(Coexc::command(), &arguments),
        Command::Man(arguments) => reference::manual(Coexc::command(), &arguments),
    }
}
