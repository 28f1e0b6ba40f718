//! Packages: registries, versions that fit together, the lock file, installed archives.
//!
//! In: names, a registry, a directory with `coex.lock`. Out: archives below `~/.coex/lib`, and a lock file that names
//! them by content. Whatever a registry, an index or a lock file says is judged before a path is made of it.
//! Deliberately not here: how commands are spelt (`cli`), and what an archive may look like (`cxz`).
//! Reading order:
//!
//! ```text
//! identity ── what names, versions and hashes may be      signature ── who answers for a release
//! index, snapshot, registry ── what there is          maintain ── how it gets there
//! location, web, copies, remote ── the same on a web server
//! resolve ── which versions fit together
//! lock, store ── what was chosen            project ── install, remove, update
//! ```

mod copies;
mod error;
pub mod identity;
pub mod index;
mod location;
pub mod lock;
pub mod locked;
pub mod maintain;
pub mod project;
mod ranges;
pub mod registry;
pub mod remote;
mod resolve;
pub mod signature;
mod snapshot;
pub mod store;
pub mod web;

pub use error::{PackageError, printable};
