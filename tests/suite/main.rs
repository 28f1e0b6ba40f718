//! One binary for all tests that need more than one module: archives, manifests, command lines, native libraries.

mod archive;
mod bad_input;
mod build_systems;
mod builds;
mod cli;
mod commentary;
mod corpus;
mod debugger;
mod depfiles;
mod exhaustion;
mod foreign_select;
mod full_pipe;
mod honest_archives;
mod hostile_archives;
mod hostile_bytes;
mod hostile_text;
mod internal_errors;
mod jobserver;
mod manifest;
mod matrices;
mod meter;
mod mixed;
mod native_build;
mod native_leaves;
mod native_privatise;
mod native_support;
mod packages;
mod packing;
mod pages;
mod progress;
mod promises;
mod random_programs;
mod sandbox;
mod shape;
mod shells;
mod tidy;
mod web;
mod workers;
mod world;
mod zip_builder;

#[global_allocator]
static HEAP: meter::Counting = meter::Counting;
