//! Builds what programs are linked with and hands it to the compiler.

fn main() {}
