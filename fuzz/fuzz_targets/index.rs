//! The readers' word, as in the test `hostile_packages`.

#![no_main]

#[path = "../../tests/suite/hostile_packages/index.rs"]
mod index;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| index::read(bytes));
