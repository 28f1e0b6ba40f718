//! From syntax trees to the typed IR.

pub mod builtins;
