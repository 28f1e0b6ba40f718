//! Marking: from the roots through every reachable object, without recursion.
//!
//! In: roots and the bit table `marks`, cleared. Out: mark bits and line bits of everything reachable. An object is pushed at
//! most once, and the mark stack has room for all that fit into the heap. Objects pass a short queue between push and
//! scan, so that their memory is on its way when they are looked at.

use super::heap::{BLOCK_SHIFT, Block, Heap, LINE_SHIFT, LINES};
use super::object::{self, Plan};
use crate::abi::LARGE_OBJECT_BYTES;

const QUEUE: usize = 8;

pub(crate) struct Marker<'a> {
    pub(crate) heap: &'a mut Heap,
    // Copies of the heap's, which stores into its tables cannot change: they stay in registers.
    base: usize,
    bytes: usize,
    marks: *mut u64,
    blocks: *mut Block,
    stack: *mut usize,
    plans: *const Plan,
    plan_count: usize,
    top: usize,
    pub(crate) objects: u64,
}

impl<'a> Marker<'a> {
    pub(crate) fn new(heap: &'a mut Heap) -> Marker<'a> {
        Marker {
            base: heap.base,
            bytes: heap.bytes,
            marks: heap.marks,
            blocks: heap.blocks,
            stack: heap.mark_stack,
            plans: heap.plans.as_ptr(),
            plan_count: heap.plans.len(),
            heap,
            top: 0,
            objects: 0,
        }
    }

    /// A word of a stack: it may be anything, and may point into the middle of an object.
    pub(crate) fn mark_word(&mut self, word: usize) {
        if let Some(object) = self.heap.find_object(word) {
            self.mark_object(object);
        }
    }

    /// All aligned words of `low..high`, then everything reachable from them.
    ///
    /// # Safety
    /// The range is readable.
    pub(crate) unsafe fn mark_range(&mut self, low: usize, high: usize) {
        let mut at = (low + 7) & !7;
        while at + 8 <= high {
            // SAFETY: the caller's promise.
            let word = unsafe { *(at as *const usize) };
            if self.heap.contains(word) {
                self.mark_word(word);
            }
            at += 8;
        }
        self.drain();
    }

    /// The start of an object of the heap.
    #[inline]
    fn mark_object(&mut self, object: usize) {
        let granule = (object - self.base) >> 3;
        // SAFETY: the table has a bit for every granule; the stack has room for every object.
        unsafe {
            let word = self.marks.add(granule >> 6);
            let bit = 1u64 << (granule & 63);
            if *word & bit != 0 {
                return;
            }
            *word |= bit;
            *self.stack.add(self.top) = object;
            self.top += 1;
        }
    }

    pub(crate) fn drain(&mut self) {
        let mut queue = [0usize; QUEUE];
        let mut at = 0;
        let mut waiting = 0;
        while self.top > 0 || waiting > 0 {
            let next = if self.top > 0 {
                self.top -= 1;
                // SAFETY: below the top.
                unsafe { *self.stack.add(self.top) }
            } else {
                0
            };
            if next != 0 {
                prefetch(next);
                waiting += 1;
            }
            let object = core::mem::replace(&mut queue[at], next);
            at = (at + 1) % QUEUE;
            if object != 0 {
                waiting -= 1;
                self.scan(object);
            }
        }
    }

    /// Marks the lines of an object and pushes what it refers to.
    #[inline]
    fn scan(&mut self, object: usize) {
        self.objects += 1;
        // SAFETY: marked objects are complete objects of the heap.
        let header = unsafe { *(object as *const u64) };
        let id = object::type_of(header) as usize;
        // SAFETY: below the number of plans.
        let plan = if id < self.plan_count { unsafe { *self.plans.add(id) } } else { Plan { size: 0, words: 0 } };
        match plan {
            Plan { size, mut words } if size != 0 => {
                self.mark_lines(object, size as usize);
                while words != 0 {
                    // SAFETY: a word of the object.
                    self.mark_reference(unsafe { *(object as *const usize).add(words.trailing_zeros() as usize) });
                    words &= words - 1;
                }
            }
            _ => self.scan_by_table(object, header),
        }
    }

    fn scan_by_table(&mut self, object: usize, header: u64) {
        let Some(info) = self.heap.type_info(header) else { super::corrupted(object) };
        // SAFETY: marked objects are complete objects of the heap.
        unsafe {
            let size = object::size(object, header, info);
            if size <= LARGE_OBJECT_BYTES as usize {
                self.mark_lines(object, size);
            }
            object::for_each_reference(object, header, info, |slot| self.mark_reference(*slot));
        }
    }

    #[inline]
    fn mark_reference(&mut self, reference: usize) {
        if reference.wrapping_sub(self.base) < self.bytes {
            self.mark_object(reference);
        }
    }

    #[inline]
    fn mark_lines(&mut self, object: usize, size: usize) {
        let offset = object - self.base;
        let first = (offset >> LINE_SHIFT) % LINES;
        let last = ((offset + size - 1) >> LINE_SHIFT) % LINES;
        // SAFETY: a small object lies in one block.
        let lines = unsafe { &mut (*self.blocks.add(offset >> BLOCK_SHIFT)).lines };
        lines[first / 64] |= 1 << (first % 64);
        for line in first + 1..=last {
            lines[line / 64] |= 1 << (line % 64);
        }
    }
}

#[inline]
fn prefetch(object: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(object as *const i8);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = object;
}
