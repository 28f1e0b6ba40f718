//! One binary for all tests that need more than one module.

mod native_build;
mod native_privatise;
mod native_support;
