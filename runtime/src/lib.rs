//! The runtime that every Coex program is linked with.

pub mod abi;
pub mod exports;
