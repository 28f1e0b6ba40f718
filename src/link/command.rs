//! The linker's argument list, as data.
//!
//! In: everything that is linked. Out: the words of one command. Deliberately not here: running it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Linker, StartFiles};

pub struct LinkInputs<'a> {
    pub start_files: &'a StartFiles,
    /// Objects of libraries, in order.
    pub libraries: &'a [PathBuf],
    pub runtime: &'a Path,
    /// `-lz`, `-L/dir`, `-pthread`.
    pub extra: &'a [String],
}

/// The command line, its first word the linker.
pub fn arguments(linker: &Linker, inputs: &LinkInputs, program: &Path, output: &Path) -> Vec<OsString> {
    let mut words = vec![linker.path.clone().into(), "-o".into(), output.into()];
    words.extend(inputs.start_files.before.iter().map(OsString::from));
    // The runtime is an archive of large sections of which a program uses a part.
    words.push("--gc-sections".into());
    words.push(program.into());
    words.extend(inputs.libraries.iter().map(OsString::from));
    words.push(inputs.runtime.into());
    for argument in inputs.extra {
        // The driver's spelling; the C library has had threads inside for years.
        words.push(if argument == "-pthread" { "-lpthread".into() } else { argument.into() });
    }
    words.extend(["--as-needed", "-lm", "-ldl", "-lpthread", "--no-as-needed"].map(OsString::from));
    words.extend(inputs.start_files.after.iter().map(OsString::from));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::shell::command_line;

    #[test]
    fn objects_stand_between_the_start_files() {
        let start_files = StartFiles { before: vec!["-pie".to_owned()], after: vec!["-lc".to_owned()] };
        let linker = Linker { path: PathBuf::from("/bin/mold"), name: "mold", passed_over: Vec::new() };
        let libraries = [PathBuf::from("l.o")];
        let extra = ["-lz".to_owned(), "-pthread".to_owned()];
        let inputs =
            LinkInputs { start_files: &start_files, libraries: &libraries, runtime: Path::new("r.a"), extra: &extra };
        let words = arguments(&linker, &inputs, Path::new("p.o"), Path::new("out x"));
        assert_eq!(
            command_line(&words),
            "/bin/mold -o 'out x' -pie --gc-sections p.o l.o r.a -lz -lpthread --as-needed -lm -ldl -lpthread \
             --no-as-needed -lc"
        );
    }
}
