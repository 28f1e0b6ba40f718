//! C calling conventions: where arguments and results travel.
//!
//! In: the scalars of a struct. Out: registers or memory. LLVM knows the rest of a convention, but structs by value are the
//! front end's business. Deliberately not here: instructions (`foreign`).

mod x86_64;

pub(super) use x86_64::{FLOAT_REGISTERS, INTEGER_REGISTERS, classify};

/// How a struct by value travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// Arguments: a copy on the stack. Results: at an address that the caller passes first.
    Memory,
    /// One register for each eight bytes.
    Registers(Vec<Eightbyte>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eightbyte {
    Integer,
    Float,
}
