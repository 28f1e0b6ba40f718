//! The Coex compiler, in reading order.

pub mod source;
pub mod diagnostics;
pub mod ast;
