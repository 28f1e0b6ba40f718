//! The package tool.

fn main() {}
