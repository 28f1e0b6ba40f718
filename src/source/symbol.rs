//! Interned names: comparing two is comparing two pointers.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, OnceLock};

/// An interned string that lives as long as the process. Ordered by its text.
#[derive(Clone, Copy)]
pub struct Symbol(&'static str);

static INTERNED: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();

impl Symbol {
    pub fn new(text: &str) -> Symbol {
        let mut table = match INTERNED.get_or_init(Mutex::default).lock() {
            Ok(table) => table,
            // A panic elsewhere cannot leave the set half changed.
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(&known) = table.get(text) {
            return Symbol(known);
        }
        let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
        table.insert(kept);
        Symbol(kept)
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl PartialEq for Symbol {
    fn eq(&self, other: &Symbol) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Symbol {}

impl Hash for Symbol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

impl Ord for Symbol {
    fn cmp(&self, other: &Symbol) -> std::cmp::Ordering {
        self.0.cmp(other.0)
    }
}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Symbol) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl From<&str> for Symbol {
    fn from(text: &str) -> Symbol {
        Symbol::new(text)
    }
}
