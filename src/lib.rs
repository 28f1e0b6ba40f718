//! The Coex compiler, in reading order.

pub mod source;

pub mod cxz;
pub mod diagnostics;

pub mod ast;
pub mod parse;

pub mod resolve;

pub mod types;

pub mod ir;

pub mod check;

pub mod passes;

pub mod codegen;

pub mod native;

pub mod bind;

pub mod link;

pub mod driver;

pub mod cli;

/// Stops the compiler because of a defect of its own; the panic hook says where to report it.
#[macro_export]
macro_rules! bug {
    ($($argument:tt)*) => { panic!("internal error: {}", format_args!($($argument)*)) };
}
