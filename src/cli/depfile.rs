//! What a build tool wants beside an output: a depfile, and a time.
//!
//! In: a finished output and what it was made from. Out: the depfile, never newer than the output; nothing after a failed
//! build. Deliberately not here: the text of a depfile (`driver::depfile`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::args::{Contract, EmitList};
use super::{emit, exit, output};
use crate::diagnostics::Code;
use crate::driver::depfile;
use crate::driver::inputs::Inputs;

/// What was asked for, with names.
pub(super) struct Beside {
    depfile: Option<PathBuf>,
    touch: bool,
}

impl Beside {
    /// A depfile without a name is that of the output with `.d` behind it. `Err` is a status: there is no file that a rule
    /// could be about.
    pub(super) fn new(contract: &Contract, list: &EmitList, output: Option<&Path>) -> Result<Beside, u8> {
        let wanted = contract.depfile.is_some() || list.dep_info.is_some();
        let Some(output) = output.filter(|output| *output != Path::new("-")) else {
            if wanted {
                output::talk(
                    "error: a depfile tells what a file was made from, and the output is none; -o names one\n",
                );
                return Err(exit::USAGE);
            }
            return Ok(Beside { depfile: None, touch: false });
        };
        let named = contract.depfile.clone().or_else(|| list.dep_info.clone().flatten());
        let mut beside = output.as_os_str().to_owned();
        beside.push(".d");
        let depfile = wanted.then(|| named.unwrap_or_else(|| PathBuf::from(beside)));
        Ok(Beside { depfile, touch: contract.touch })
    }

    /// Called when the output is in its place. Returns a status.
    pub(super) fn finish(&self, output: &Path, root: &Path, inputs: &Inputs) -> u8 {
        let now = SystemTime::now();
        if self.touch
            && let Err(error) = File::open(output).and_then(|file| file.set_modified(now))
        {
            return emit::cannot_write(output, &error);
        }
        let Some(path) = &self.depfile else { return exit::SUCCESS };
        let directory = std::env::current_dir().unwrap_or_default();
        let text = match depfile::text(output, root, &directory, inputs) {
            Ok(text) => text,
            Err(name) => {
                let reason = format!("the name {:?} cannot be written in it", name.as_os_str());
                return output::fault(Code::E1404, format!("Cannot write '{}': {reason}", path.display()));
            }
        };
        let status = emit::write_file(path, &text);
        if status == exit::SUCCESS && path != Path::new("-") {
            not_newer(path, output);
        }
        status
    }
}

/// Some tools take a depfile that is newer than its output for one of another build. Pipes and devices have no such time.
fn not_newer(path: &Path, output: &Path) {
    let time = std::fs::metadata(output).and_then(|output| output.modified());
    let old = std::fs::metadata(path).and_then(|file| file.modified());
    if let (Ok(time), Ok(old)) = (time, old)
        && old > time
    {
        let _ = File::open(path).and_then(|file| file.set_modified(time));
    }
}
