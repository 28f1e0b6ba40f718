//! How far something that takes long has come.
//!
//! In: the news of whoever does it, from any thread. Out: what a watcher makes of them. Deliberately not here: how it
//! looks, and whether anybody looks (`cli`).

/// Somebody who watches. Calls are cheap and never fail: progress is not part of any result.
pub trait Watcher: Sync {
    /// Something begins; `total` is in `unit`s, where it is known.
    fn begin(&self, what: &str, total: Option<u64>, unit: Unit);
    /// That much more is done.
    fn advance(&self, amount: u64);
    /// It has ended, one way or another.
    fn end(&self);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    Bytes,
    Files,
}

/// Nobody watches.
#[derive(Debug)]
pub struct Nobody;

impl Watcher for Nobody {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: Unit) {}
    fn advance(&self, _amount: u64) {}
    fn end(&self) {}
}
