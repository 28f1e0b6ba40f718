//! Corruption: stores to made-up addresses in C code, beside neighbours that check their state.
//!
//! What is promised depends on the tier: `instance` reports a store that hits no memory, and those are nearly all;
//! tiers with walls of their own promise that no neighbour changes.

use super::{built_as, lines, number, program};
use crate::sandbox::ran;

const STORES: usize = 10_000;

/// Of [`STORES`] stores: the crashes that were reported, and whether the neighbours are what they were.
fn wild_stores(tier: &str) -> (usize, bool) {
    let sandbox = built_as("wild_stores", tier);
    let lines = lines(ran(program(&sandbox).arg(STORES.to_string())));
    (number(&lines[1]) as usize, lines[0] == "true")
}

#[test]
fn the_tier_instance_reports_nearly_all() {
    let (reported, intact) = wild_stores("instance");
    assert!(reported > STORES * 99 / 100, "{reported} of {STORES} reported");
    assert!(intact);
}
