//! What `antlr4-rust-gen` made of `grammar/Coex.g4`; see `grammar/README.md`. Never edited.

#[allow(dead_code, unused_imports, unreachable_pub, clippy::all, reason = "generated")]
#[rustfmt::skip]
pub(super) mod coex_parser;
