//! A worker's queue: its owner pushes and pops at the bottom, thieves take from the top.
//!
//! Source: D. Chase, Y. Lev, "Dynamic Circular Work-Stealing Deque", SPAA 2005, with the orders of N. M. Lê et al.,
//! "Correct and Efficient Work-Stealing for Weak Memory Models", PPoPP 2013, for a fixed capacity: what does not fit goes to
//! the global queue. In: words that are not 0. Out: each word once. Deliberately not here: what the words mean.

use super::atomics::{AtomicI64, AtomicUsize, Ordering, full_fence};

/// How far below the youngest [`Deque::take`] looks.
const DEEPEST: i64 = 16;

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
        full_fence();
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

    /// Owner only: takes this word out if it is among the youngest; those above it move down.
    #[inline]
    pub(crate) fn take(&self, word: usize) -> bool {
        let bottom = self.bottom.load(Ordering::Relaxed);
        let lowest = self.top.load(Ordering::Relaxed).max(bottom - DEEPEST);
        let mut at = bottom - 1;
        while at >= lowest && self.word(at).load(Ordering::Relaxed) != word {
            at -= 1;
        }
        at >= lowest && self.take_at(at, bottom)
    }

    /// What [`pop`](Self::pop) does for the youngest: with `at` as the bottom no thief gets there any more.
    #[inline]
    fn take_at(&self, at: i64, bottom: i64) -> bool {
        self.bottom.store(at, Ordering::Relaxed);
        full_fence();
        let top = self.top.load(Ordering::Relaxed);
        if top < at {
            for index in at + 1..bottom {
                self.word(index - 1).store(self.word(index).load(Ordering::Relaxed), Ordering::Relaxed);
            }
            self.bottom.store(bottom - 1, Ordering::Release);
            return true;
        }
        // The oldest: a thief may be on its way to it. What lies above stays where it is.
        let mine = top == at && self.top.compare_exchange(top, top + 1, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        self.bottom.store(bottom, Ordering::Release);
        mine
    }

    /// Anybody: the oldest.
    pub(crate) fn steal(&self) -> Option<usize> {
        loop {
            let top = self.top.load(Ordering::Acquire);
            full_fence();
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
