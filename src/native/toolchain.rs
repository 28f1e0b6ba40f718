//! The clang that compiles libraries: where it is and who it is.
//!
//! In: the environment. Out: [`Toolchain`]. Deliberately not here: command lines (`compile`).

use std::path::PathBuf;

use super::error::NativeError;
use super::store::Store;

#[derive(Clone, Debug)]
pub struct Toolchain {
    /// What is run.
    pub clang: PathBuf,
    /// Content hash of the real compiler behind any wrapper.
    pub identity: String,
}

/// `$COEX_CLANG`, else `clang-22`, else `clang` on the path; its version must be 22.
pub fn find_toolchain(_cache: &Store) -> Result<Toolchain, NativeError> {
    Err(NativeError::ClangNotFound { searched: Vec::new() })
}
