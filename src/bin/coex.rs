//! The package tool: arguments in, exit status out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(coexc::cli::coex(std::env::args_os().skip(1).collect()))
}
