//! The compiler: arguments in, exit status out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(coexc::cli::coexc(std::env::args_os().skip(1).collect()))
}
