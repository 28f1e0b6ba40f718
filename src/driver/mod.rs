//! Runs the phases on one program.
//!
//! In: a [`Session`]. Out: an executable or the text of one representation, diagnostics, and facts for the talk on
//! standard error. Reading order: [`session`] (what is asked), [`pipeline`] (the phases), [`load`] (reading), the rest.
//! Deliberately not here: options and printing (`cli`), and any phase.

pub mod commentary;
pub mod depfile;
mod facts;
mod imports;
pub mod inputs;
pub mod library;
mod linking;
pub mod load;
mod locked;
pub mod log;
mod native_libraries;
pub mod output_cache;
mod phases;
pub mod pipeline;
pub mod program_key;
pub mod run;
pub mod session;
pub mod timing;

pub use pipeline::{Failure, Product, Record};
pub use run::run;
pub use session::{Emit, OptLevel, Session, Switch};
pub use timing::Stage;
