//! One binary for all tests that need more than one module: archives, manifests, command lines, native libraries.

mod archive;
mod bad_input;
mod builds;
mod cli;
mod commentary;
mod corpus;
mod debugger;
mod exhaustion;
mod foreign_select;
mod full_pipe;
mod hostile_bytes;
mod hostile_text;
mod manifest;
mod matrices;
mod mixed;
mod native_build;
mod native_leaves;
mod native_privatise;
mod native_support;
mod pages;
mod promises;
mod random_programs;
mod sandbox;
mod tidy;
mod workers;
mod zip_builder;
