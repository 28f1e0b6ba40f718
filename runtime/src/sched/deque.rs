//! A worker's queue: its owner pushes and pops at the bottom, thieves take from the top.
//!
//! Source: D. Chase, Y. Lev, "Dynamic Circular Work-Stealing Deque", SPAA 2005, with the orders of N. M. Lê et al.,
//! "Correct and Efficient Work-Stealing for Weak Memory Models", PPoPP 2013, for a fixed capacity: what does not fit goes to
//! the global queue. In: words that are not 0. Out: each word once. Deliberately not here: what the words mean.

use super::atomics::{AtomicI64, AtomicUsize, Ordering, fence};

/// `CAPACITY` is a power of two.
pub(crate) struct Deque<const CAPACITY: usize> {
    top: AtomicI64,
    bottom: AtomicI64,
    words: [AtomicUsize; CAPACITY],
}

impl<const CAPACITY: usize> Deque<CAPACITY> {
    pub(crate) fn new() -> Deque<CAPACITY> {
        Deque {
            top: AtomicI64::new(0),
            bottom: AtomicI64::new(0),
            words: core::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    fn word(&self, index: i64) -> &AtomicUsize {
        &self.words[index as usize & (CAPACITY - 1)]
    }

    /// Owner only. False: it is full.
    #[inline]
    pub(crate) fn push(&self, word: usize) -> bool {
        let bottom = self.bottom.load(Ordering::Relaxed);
        if bottom - self.top.load(Ordering::Acquire) >= CAPACITY as i64 {
            return false;
        }
        self.word(bottom).store(word, Ordering::Relaxed);
        self.bottom.store(bottom + 1, Ordering::Release);
        true
    }

    /// Owner only: the youngest.
    #[inline]
    pub(crate) fn pop(&self) -> Option<usize> {
        let bottom = self.bottom.load(Ordering::Relaxed) - 1;
        if bottom < self.top.load(Ordering::Relaxed) {
            return None;
        }
        self.bottom.store(bottom, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let top = self.top.load(Ordering::Relaxed);
        if top < bottom {
            return Some(self.word(bottom).load(Ordering::Relaxed));
        }
        let mut word = None;
        if top == bottom {
            let last = self.word(bottom).load(Ordering::Relaxed);
            if self.top.compare_exchange(top, top + 1, Ordering::SeqCst, Ordering::Relaxed).is_ok() {
                word = Some(last);
            }
        }
        self.bottom.store(bottom + 1, Ordering::Relaxed);
        word
    }

    /// Owner only: pops the youngest if it is this word.
    #[inline]
    pub(crate) fn pop_if(&self, word: usize) -> bool {
        let bottom = self.bottom.load(Ordering::Relaxed);
        // What lies above the top is the owner's to read; a word that a thief takes meanwhile is not popped.
        bottom > self.top.load(Ordering::Relaxed)
            && self.word(bottom - 1).load(Ordering::Relaxed) == word
            && self.pop().is_some()
    }

    /// Anybody: the oldest.
    pub(crate) fn steal(&self) -> Option<usize> {
        loop {
            let top = self.top.load(Ordering::Acquire);
            fence(Ordering::SeqCst);
            if top >= self.bottom.load(Ordering::Acquire) {
                return None;
            }
            let word = self.word(top).load(Ordering::Relaxed);
            if self.top.compare_exchange(top, top + 1, Ordering::SeqCst, Ordering::Relaxed).is_ok() {
                return Some(word);
            }
            core::hint::spin_loop();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.top.load(Ordering::Relaxed) >= self.bottom.load(Ordering::Relaxed)
    }
}
