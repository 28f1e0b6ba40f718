//! Any bytes that are text, through parse, check and passes. The property is that of the test `hostile_text`.

#![no_main]

#[path = "../../tests/suite/hostile_text/front_end.rs"]
mod front_end;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        front_end::read(text);
    }
});
