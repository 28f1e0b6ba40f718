//! The readers' word, as in the test `hostile_packages`.

#![no_main]

#[path = "../../tests/suite/hostile_packages/manifest.rs"]
mod manifest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| manifest::read(bytes));
