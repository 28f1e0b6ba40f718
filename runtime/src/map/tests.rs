//! Tests of the module.
use core::cell::Cell;
thread_local! {
    pub(super) static HASH_MASK: Cell<u64> = const { Cell::new(u64::MAX) };
}
