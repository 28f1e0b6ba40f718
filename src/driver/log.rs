//! What a compilation has to say beside its diagnostics; the command line decides what of it is shown.

use std::fmt::{self, Display};

use crate::native::NativeLibrary;

#[derive(Clone, Default, Debug)]
pub struct Log {
    /// Commands that were run, as a user would type them.
    pub commands: Vec<String>,
    /// `--explain-cache`: each decision.
    pub cache: Vec<Decision>,
    /// One-line notes that are always shown: a damaged cache entry was rebuilt.
    pub notes: Vec<String>,
    /// For `--report-isolation`.
    pub libraries: Vec<NativeLibrary>,
}

/// What the cache had of something.
#[derive(Clone, Debug)]
pub struct Decision {
    /// `program main.coex`, `library regex 1.0.0`
    pub subject: String,
    /// Under which it is kept, in hexadecimal digits.
    pub key: String,
    pub result: CacheResult,
}

#[derive(Clone, Debug)]
pub enum CacheResult {
    Hit,
    /// Made anew, with the reason.
    Miss(String),
    /// Made anew to compare, and found equal.
    Verified,
}

impl CacheResult {
    pub fn as_str(&self) -> &'static str {
        match self {
            CacheResult::Hit => "hit",
            CacheResult::Miss(_) => "miss",
            CacheResult::Verified => "verified",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            CacheResult::Miss(reason) => Some(reason),
            CacheResult::Hit | CacheResult::Verified => None,
        }
    }
}

impl Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.subject, self.result.as_str())?;
        self.result.reason().map_or(Ok(()), |reason| write!(formatter, ", {reason}"))
    }
}
