//! One library: look its object up, or make it.

use super::error::NativeError;
use super::sources::{LibrarySources, NativeLibrary, NativeOptions};
use super::store::Store;
use super::toolchain::Toolchain;

/// The object of a library, from the cache or compiled now, with what the compiler must know of it.
pub fn build_library(
    _toolchain: &Toolchain,
    _cache: &Store,
    _sources: &LibrarySources<'_>,
    _options: &NativeOptions,
) -> Result<NativeLibrary, NativeError> {
    Err(NativeError::Unsupported { what: "libraries with C sources".to_owned() })
}
