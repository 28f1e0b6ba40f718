//! `.cxz` libraries: archive, manifest, search, packing, unpacking.
//!
//! In: paths and bytes. Out: a [`Library`]: its checked manifest and its files in memory; nothing of an archive is ever
//! written to a place that the archive names. Deliberately not here: compiling the C of a library (`native`), and
//! checking its Coex sources (the compiler's phases).

pub mod archive;
pub mod glob;
pub mod library;
pub mod manifest;
pub mod pack;
pub mod search;
pub mod unpack;

pub use archive::{ArchiveError, Fault};
pub use library::Library;
pub use manifest::Manifest;
