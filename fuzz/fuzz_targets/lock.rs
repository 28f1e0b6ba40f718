//! The readers' word, as in the test `hostile_packages`.

#![no_main]

#[path = "../../tests/suite/hostile_packages/lock.rs"]
mod lock;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lock::read(bytes));
