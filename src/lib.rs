//! The Coex compiler, in reading order.
//!
//! A program goes through these phases, each a function from a finished structure to a finished structure; the list
//! itself stands in [`driver::pipeline`]:
//!
//! ```text
//! text ── parse ──▶ ast ── resolve, check ──▶ ir ── passes ──▶ ir ── codegen ──▶ object ── link ──▶ executable
//!                              libraries: cxz ── native ──▶ objects ── bind (externs meet C) ──┘
//! ```

pub mod files;

// What was written.
pub mod source;

pub mod diagnostics;

pub mod ast;

pub mod parse;

// What it means.
pub mod types;

pub mod ir;

pub mod resolve;

pub mod check;

pub mod passes;

// Libraries and their C.
pub mod sandbox;

pub mod cxz;

pub mod packages;

pub mod native;

pub mod bind;

// What the machine runs.
pub mod codegen;

pub mod link;

// How it all comes together.
pub mod driver;

pub mod cli;

// When it fails.
pub mod crash;

#[global_allocator]
static ALLOCATOR: crash::memory::Allocator = crash::memory::Allocator;

/// Stops the compiler because of a defect of its own; the panic hook says where to report it.
#[macro_export]
macro_rules! bug {
    ($($argument:tt)*) => { panic!("internal error: {}", format_args!($($argument)*)) };
}
