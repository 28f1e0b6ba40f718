//! Packages: registries, versions that fit together, the lock file, installed archives.
//!
//! In: names, a registry, a directory with `coex.lock`. Out: archives below `~/.coex/lib`, and a lock file that names
//! them by content. Whatever a registry, an index or a lock file says is judged before a path is made of it.
//! Deliberately not here: how commands are spelt (`cli`), and what an archive may look like (`cxz`).
//! Reading order:
//!
//! ```text
//! identity ── what names, versions and hashes may be      signature ── who answers for a release
//! index, registry ── what there is          maintain ── how it gets there
//! resolve ── which versions fit together
//! lock, store ── what was chosen            project ── install, remove, update
//! ```

mod error;
pub mod identity;
pub mod index;
pub mod lock;
pub mod locked;
pub mod maintain;
pub mod project;
mod ranges;
pub mod registry;
mod resolve;
pub mod signature;
pub mod store;

pub use error::{PackageError, printable};
