//! The C of a library, from sources to objects in the cache.
//!
//! In: validated C sources of one `.cxz` library ([`LibrarySources`]). Out: [`NativeLibrary`]: object files whose
//! mutable state is private to an instance, and the facts the compiler needs (signatures, link arguments, a report).
//! Deliberately not here: archives and manifests (`cxz`), linking (`link`), and what a call of C looks like (`codegen`).
//!
//! Reading order: [`sources`] and [`signature`] (the data), `build` (hit or miss), `key` (what an object depends on),
//! [`store`] (where it is kept), `compile` (clang, by several [`Workers`]), [`helper`] (a process for
//! what comes next), `pass` (LLVM: merge, privatise, cut, optimise, emit).

pub mod build;
mod codec;
mod companions;
mod compile;
pub mod error;
pub mod files;
mod headers;
pub mod helper;
mod key;
mod order;
mod pass;
mod record;
pub mod signature;
pub mod sources;
pub mod store;
mod symbols;
mod system;
mod tokens;
pub mod toolchain;
mod workers;

pub use build::{build_library, host_triple};
pub use error::NativeError;
pub use signature::{CField, CFunction, CLeaf, CSignature, CType, leaf_symbol};
pub use sources::{
    CacheOutcome, Install, IsolationReport, IsolationTier, LibrarySources, Limits, MemberReport, NativeLibrary,
    NativeOptions, OptLevel, PackageFiles, PrivatiseMode, SymbolClass, SystemDependency, SystemHeaders, Unit,
};
pub use store::Store;
pub use toolchain::{Toolchain, find_program, find_toolchain};
pub use workers::Workers;
