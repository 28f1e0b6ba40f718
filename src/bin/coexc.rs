//! The compiler.

fn main() {}
