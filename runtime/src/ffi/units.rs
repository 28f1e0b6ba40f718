//! Memory of the foreign side: one reservation, handed out in runs of 16 KiB units.
//!
//! In: numbers of units. Out: runs, dirty. A table with a row per unit says for every address what it belongs to, so that
//! `free` recognises pointers of the C library by one comparison. Free runs are joined with their neighbours; single
//! units pass a small cache, because instances come and go with a few of them. The pool is locked; the rows of a run are
//! its owner's, except for `kind`, which neighbours read. Deliberately not here: who owns a unit; `heap` and `instance`
//! keep lists through the rows.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use super::limits;
use super::lock::{Held, Lock};
use crate::space::{self, Wish};

pub(crate) const UNIT_SHIFT: usize = 14;
pub(crate) const UNIT_BYTES: usize = 1 << UNIT_SHIFT;
const RESERVE_BYTES: usize = 64 << 30;
const RESERVE_BYTES_MIN: usize = 16 << 20;
const CACHE: usize = 256;
/// Free runs up to this many units have a list per length.
const BINS: usize = 32;
/// While more is free, long free runs go back to the system.
const KEPT_UNITS: usize = (64 << 20) >> UNIT_SHIFT;
const RELEASED_RUN: u32 = 16;

pub(crate) mod kind {
    pub(crate) const FREE_HEAD: u8 = 1;
    pub(crate) const FREE_TAIL: u8 = 2;
    /// Slots of one size class.
    pub(crate) const SMALL: u8 = 3;
    pub(crate) const LARGE_HEAD: u8 = 4;
    pub(crate) const LARGE_BODY: u8 = 5;
    /// In the cache, or memory of the runtime itself.
    pub(crate) const OTHER: u8 = 6;
}

/// One row of the table.
#[repr(C)]
pub(crate) struct Unit {
    kind: AtomicU8,
    /// Size class of `SMALL`.
    pub(crate) class: u8,
    /// Heads: units of the run. Tail and body: distance to the head.
    pub(crate) len: u32,
    /// List of the owner, or of the free runs; indices plus 1.
    pub(crate) next: u32,
    pub(crate) previous: u32,
}

impl Unit {
    #[inline]
    pub(crate) fn kind(&self) -> u8 {
        self.kind.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set_kind(&self, kind: u8) {
        self.kind.store(kind, Ordering::Relaxed);
    }
}

/// The reservation, which never changes once it is made, and the pool.
pub(crate) struct Units {
    base: AtomicUsize,
    bytes: AtomicUsize,
    table: AtomicPtr<Unit>,
    /// Units handed out, for the limit of all instances.
    used: AtomicUsize,
    pool: Lock<Pool>,
}

pub(crate) struct Pool {
    frontier: usize,
    cached: usize,
    cache: [u32; CACHE],
    /// `bins[n]` for runs of n units; `bins[0]` for longer ones.
    bins: [u32; BINS + 1],
    free: usize,
}

static UNITS: Units = Units {
    base: AtomicUsize::new(0),
    bytes: AtomicUsize::new(0),
    table: AtomicPtr::new(null_mut()),
    used: AtomicUsize::new(0),
    pool: Lock::new(Pool { frontier: 0, cached: 0, cache: [0; CACHE], bins: [0; BINS + 1], free: 0 }),
};

#[inline]
pub(crate) fn units() -> &'static Units {
    &UNITS
}

impl Units {
    #[inline]
    pub(crate) fn contains(&self, address: usize) -> bool {
        let bytes = self.bytes.load(Ordering::Acquire);
        address.wrapping_sub(self.base.load(Ordering::Relaxed)) < bytes
    }

    #[inline]
    pub(crate) fn index(&self, address: usize) -> usize {
        (address - self.base.load(Ordering::Relaxed)) >> UNIT_SHIFT
    }

    #[inline]
    pub(crate) fn address(&self, index: usize) -> usize {
        self.base.load(Ordering::Relaxed) + (index << UNIT_SHIFT)
    }

    #[inline]
    pub(crate) fn row(&self, index: usize) -> *mut Unit {
        // SAFETY: the table has a row for every unit of the reservation.
        unsafe { self.table.load(Ordering::Relaxed).add(index) }
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn unit_count(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) >> UNIT_SHIFT
    }

    /// For several changes in a row.
    #[inline]
    pub(crate) fn pool(&self) -> Held<'_, Pool> {
        self.pool.hold()
    }

    /// A run of `count` units, as far as the limit allows; its rows are `OTHER`.
    pub(crate) fn take(&self, count: usize) -> Option<usize> {
        self.pool().take(count)
    }

    /// Takes back a run, or a part at the end of one.
    pub(crate) fn give(&self, first: usize, count: usize) {
        self.pool().give(first, count);
    }

    /// Under the lock of the pool.
    pub(crate) fn reserve(&self) -> bool {
        let wish = Wish { bytes: RESERVE_BYTES, bytes_min: RESERVE_BYTES_MIN, share: 4, flags: 0, hint: 0 };
        let Some((start, bytes)) = space::reserve(&wish, mapped_bytes) else { return false };
        let base = start.next_multiple_of(UNIT_BYTES);
        self.base.store(base, Ordering::Relaxed);
        self.table.store((base + bytes) as *mut Unit, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Release);
        true
    }
}

/// Units, their table, and what alignment may cost.
fn mapped_bytes(bytes: usize) -> usize {
    bytes + (bytes >> UNIT_SHIFT) * size_of::<Unit>() + UNIT_BYTES
}

impl Pool {
    pub(crate) fn take(&mut self, count: usize) -> Option<usize> {
        if !limits::admits_units(count) || limits::injected_failure() {
            return None;
        }
        let first = if count == 1 && self.cached > 0 {
            self.cached -= 1;
            self.cache[self.cached] as usize
        } else {
            self.take_slowly(count)?
        };
        UNITS.used.fetch_add(count, Ordering::Relaxed);
        Some(first)
    }

    #[inline(never)]
    fn take_slowly(&mut self, count: usize) -> Option<usize> {
        if UNITS.unit_count() == 0 && !UNITS.reserve() {
            return None;
        }
        let first = match self.take_free(count) {
            Some(first) => first,
            None => {
                if count > UNITS.unit_count() - self.frontier {
                    return None;
                }
                self.frontier += count;
                self.frontier - count
            }
        };
        // SAFETY: rows of the table.
        unsafe {
            (*UNITS.row(first)).set_kind(kind::OTHER);
            (*UNITS.row(first + count - 1)).set_kind(kind::OTHER);
        }
        Some(first)
    }

    fn take_free(&mut self, count: usize) -> Option<usize> {
        for bin in count..=BINS {
            if self.bins[bin] != 0 {
                return Some(self.split(self.bins[bin] as usize - 1, count));
            }
        }
        let mut next = self.bins[0];
        while next != 0 {
            let first = next as usize - 1;
            // SAFETY: a free head.
            unsafe {
                if (*UNITS.row(first)).len as usize >= count {
                    return Some(self.split(first, count));
                }
                next = (*UNITS.row(first)).next;
            }
        }
        None
    }

    fn split(&mut self, first: usize, count: usize) -> usize {
        // SAFETY: a free head.
        let len = unsafe { (*UNITS.row(first)).len } as usize;
        self.unlink(first);
        if len > count {
            self.link(first + count, len - count);
        }
        first
    }

    fn bin(len: usize) -> usize {
        if len <= BINS { len } else { 0 }
    }

    fn link(&mut self, first: usize, len: usize) {
        let bin = Pool::bin(len);
        let next = self.bins[bin];
        self.free += len;
        // SAFETY: rows of the table; the tail is written first, since it may be the head as well.
        unsafe {
            let tail = UNITS.row(first + len - 1);
            (*tail).set_kind(kind::FREE_TAIL);
            (*tail).len = len as u32 - 1;
            let head = UNITS.row(first);
            (*head).set_kind(kind::FREE_HEAD);
            (*head).len = len as u32;
            (*head).next = next;
            (*head).previous = 0;
            if next != 0 {
                (*UNITS.row(next as usize - 1)).previous = first as u32 + 1;
            }
        }
        self.bins[bin] = first as u32 + 1;
    }

    fn unlink(&mut self, first: usize) {
        // SAFETY: a free head and its neighbours in the list.
        unsafe {
            let row = UNITS.row(first);
            let (len, next, previous) = ((*row).len, (*row).next, (*row).previous);
            self.free -= len as usize;
            if next != 0 {
                (*UNITS.row(next as usize - 1)).previous = previous;
            }
            if previous != 0 {
                (*UNITS.row(previous as usize - 1)).next = next;
            } else {
                self.bins[Pool::bin(len as usize)] = next;
            }
        }
    }

    pub(crate) fn give(&mut self, first: usize, count: usize) {
        UNITS.used.fetch_sub(count, Ordering::Relaxed);
        if count == 1 && self.cached < CACHE {
            // SAFETY: a row of the table.
            unsafe { (*UNITS.row(first)).set_kind(kind::OTHER) };
            self.cache[self.cached] = first as u32;
            self.cached += 1;
            return;
        }
        self.give_slowly(first, count);
    }

    #[inline(never)]
    fn give_slowly(&mut self, first: usize, count: usize) {
        let (mut first, mut len) = (first, count);
        // SAFETY: rows of the table; `len` is read of free runs only.
        unsafe {
            if first + len < self.frontier && (*UNITS.row(first + len)).kind() == kind::FREE_HEAD {
                let next = first + len;
                len += (*UNITS.row(next)).len as usize;
                self.unlink(next);
            }
            if first > 0 {
                let before = UNITS.row(first - 1);
                let head = match (*before).kind() {
                    kind::FREE_TAIL => Some(first - 1 - (*before).len as usize),
                    // A run of one unit is its own tail.
                    kind::FREE_HEAD => Some(first - 1),
                    _ => None,
                };
                if let Some(head) = head {
                    self.unlink(head);
                    len += first - head;
                    first = head;
                }
            }
        }
        self.link(first, len);
        if self.free > KEPT_UNITS && count as u32 >= RELEASED_RUN {
            // SAFETY: free memory of the reservation; only this run, the rest of the joined one was released before.
            unsafe { libc::madvise(UNITS.address(first) as *mut _, len << UNIT_SHIFT, libc::MADV_DONTNEED) };
        }
    }

    /// Enlarges a run in place by free units behind it.
    pub(crate) fn extend(&mut self, first: usize, count: usize, wanted: usize) -> bool {
        let next = first + count;
        let more = wanted - count;
        if !limits::admits_units(more) || limits::injected_failure() {
            return false;
        }
        // SAFETY: rows of the table; `len` is read of free runs only.
        unsafe {
            if next == self.frontier {
                if more > UNITS.unit_count() - next {
                    return false;
                }
                self.frontier += more;
            } else {
                if (*UNITS.row(next)).kind() != kind::FREE_HEAD || ((*UNITS.row(next)).len as usize) < more {
                    return false;
                }
                let next = self.split(next, more);
                debug_assert_eq!(next, first + count);
            }
        }
        UNITS.used.fetch_add(more, Ordering::Relaxed);
        true
    }
}
