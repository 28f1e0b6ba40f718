//! The readers' word, as in the test `hostile_packages`.

#![no_main]

#[path = "../../tests/suite/hostile_packages/archive.rs"]
mod archive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| archive::read(bytes));
