//! How far something that takes long has come.
//!
//! In: the news of whoever does it, from any thread. Out: what a watcher makes of them. Deliberately not here: how it
//! looks, and whether anybody looks (`cli`).

use std::fmt::Debug;

/// Somebody who watches. Calls are cheap and never fail: progress is not part of any result.
pub trait Watcher: Send + Sync + Debug {
    /// Something begins, perhaps while something else goes on; `total` is counted in `unit`s, where it is known.
    fn begin(&self, what: &str, total: Option<u64>, unit: Counted);
    /// That much more is done.
    fn advance(&self, amount: u64);
    /// What began has ended, one way or another.
    fn end(&self);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    Bytes,
    Files,
}

/// Nobody watches.
#[derive(Debug)]
pub struct Nobody;

impl Watcher for Nobody {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: Counted) {}
    fn advance(&self, _amount: u64) {}
    fn end(&self) {}
}

/// Whatever happens, the watcher learns of the end.
pub(crate) struct Watched<'w>(&'w dyn Watcher);

impl<'w> Watched<'w> {
    pub(crate) fn begin(watcher: &'w dyn Watcher, what: &str, total: Option<u64>, unit: Counted) -> Watched<'w> {
        watcher.begin(what, total, unit);
        Watched(watcher)
    }

    pub(crate) fn advance(&self, amount: u64) {
        self.0.advance(amount);
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
