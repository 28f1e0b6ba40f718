//! The runtime that every Coex program is linked with.
//!
//! In: calls of compiled code, by the names in [`exports`]. Out: memory, values, output, foreign calls.
//! Deliberately not here: anything about one program's types; all of it is driven by the tables of [`abi`].
//!
//! Map: `start` (a program begins and ends), `alloc` and `gc` (memory), `panic`, `signals`, `ffi` (libraries' instances),
//! `arch` (assembly). A failure of the runtime itself aborts; nothing unwinds.

pub mod abi;
pub mod alloc;
pub mod arch;
pub mod exports;
pub mod ffi;
pub mod gc;
pub mod panic;
pub mod program;
pub mod signals;
pub mod start;
