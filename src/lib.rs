//! The Coex compiler, in reading order.

pub mod ast;
pub mod diagnostics;
pub mod native;
pub mod source;
