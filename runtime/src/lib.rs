//! The runtime that every Coex program is linked with.
//!
//! In: calls of compiled code, by the names in [`exports`]. Out: memory, values, output, foreign calls.
//! Deliberately not here: anything about one program's types; all of it is driven by the tables of [`abi`].
//!
//! Map: `start` (a program begins and ends), `alloc` and `gc` (memory), `rust_heap` (that of the runtime itself), `panic`, `signals`, `ffi` (libraries' instances),
//! `arch` (assembly), `sched` and `task` (what runs side by side). Values: `slot` (their contract), `value` (equality, order, hashes), `text` and `io` (printing),
//! `string`, `list`, `array`, `map`, `set`, `json`, `number`, `posix`, `atomic`. A failure of the runtime itself aborts; nothing unwinds.

#![allow(clippy::missing_safety_doc, reason = "the contracts stand in the heads of the modules")]

pub mod abi;
pub mod alloc;
pub mod arch;
pub mod array;
pub mod atomic;
pub mod channel;
pub mod exports;
pub mod ffi;
pub mod gc;
pub mod io;
pub mod json;
pub mod list;
pub mod map;
pub mod number;
pub mod panic;
pub mod posix;
pub mod program;
pub mod restrict;
mod rust_heap;
pub(crate) mod sched;
pub mod set;
pub mod signals;
pub mod slot;
pub(crate) mod space;
pub mod start;
pub mod string;
pub(crate) mod sync;
pub(crate) mod task;
pub mod text;
pub mod value;
