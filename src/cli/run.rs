//! `coexc run`: compile into the cache and become the program.
//!
//! In: arguments. Out: the program's own exit status; this process is replaced by it.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::args::Run;
use super::{build, exit, output};
use crate::crash;
use crate::diagnostics::io_reason;
use crate::driver::Product;
use crate::native::store::{Key, cache_directory};

pub(super) fn run(arguments: &Run) -> u8 {
    let (file, own) = (arguments.file.as_path(), &arguments.arguments);
    let Some(output) = output_path(file, arguments) else {
        output::talk("error[E1403]: Cannot use the cache directory '~/.coex/cache': HOME is not set\n");
        return exit::TOOL;
    };
    if let Some(directory) = output.parent()
        && let Err(error) = std::fs::create_dir_all(directory)
    {
        let reason = io_reason(&error);
        let directory = directory.parent().unwrap_or(directory).display();
        output::talk(&format!("error[E1403]: Cannot use the cache directory '{directory}': {reason}\n"));
        return exit::TOOL;
    }
    let session = build::session(file, output.clone(), &arguments.common);
    let compiled = build::compile(&session, &arguments.common);
    build::end(compiled.status, &arguments.common);
    if !matches!(compiled.product, Some(Product::Executable { .. })) {
        return compiled.status;
    }
    output::end("coexc", compiled.status);
    replace_by(&output, file.as_os_str(), own)
}

/// This process becomes another program. Returns only if that cannot be.
pub(super) fn replace_by(program: &Path, name: &OsStr, arguments: &[OsString]) -> u8 {
    crash::interrupt::hand_over();
    let error = Command::new(program).arg0(name).args(arguments).exec();
    output::talk(&format!("error[E1404]: Cannot run '{}': {error}\n", program.display()));
    exit::TOOL
}

/// One executable for each program and set of options: two runs of different programs never share one.
fn output_path(file: &Path, arguments: &Run) -> Option<PathBuf> {
    let directory = cache_directory(|name| std::env::var_os(name))?;
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let options = format!("{:?}", arguments.common);
    let key = Key::of(&[b"run-1", absolute.as_os_str().as_encoded_bytes(), options.as_bytes()]);
    Some(directory.join("run").join(&key.hex()[..32]))
}
