//! What a compilation has to say beside its diagnostics; the command line decides what of it is shown.

use crate::native::NativeLibrary;

#[derive(Clone, Default, Debug)]
pub struct Log {
    /// Commands that were run, as a user would type them.
    pub commands: Vec<String>,
    /// `--explain-cache`: one line for each decision.
    pub cache: Vec<String>,
    /// One-line notes that are always shown: a damaged cache entry was rebuilt.
    pub notes: Vec<String>,
    /// For `--report-isolation`.
    pub libraries: Vec<NativeLibrary>,
}
