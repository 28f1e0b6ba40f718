//! The full collection: marks everything reachable, and empties sparse blocks.
//!
//! In: the stopped world's roots, after a minor collection: there are no young objects. Out: mark and line bits of
//! everything live, for `sweep`. Objects of blocks chosen for evacuation move to other blocks, unless a word of a stack
//! points into their block. Order: first all words of stacks (`mark_range`), then roots, then `finish`. An object is
//! pushed at most once, and the mark stack has room for all that fit into the heap. Objects pass a short queue between
//! push and scan, so that their memory is on its way when they are looked at.

use super::heap::{BLOCK_SHIFT, Block, Heap, LINES, Run, block_flag, block_state};
use super::minor::copy_object;
use super::object::Types;
use super::parallel::{self, Tables};
use super::stress;
use crate::abi::{HEADER_FORWARDED, HEADER_PINNED, LARGE_OBJECT_BYTES};
use crate::sched::{thread, world};
use crate::slot::prefetch;

const QUEUE: usize = 8;
/// Less than this is marked by one thread sooner than others wake up.
const PARALLEL_BYTES: usize = if cfg!(test) { 1 } else { 16 << 20 };
/// Blocks with fewer lines in use are emptied.
const SPARSE_LINES: u32 = LINES as u32 / 4;
/// One block of so many must be sparse.
const SPARSE_PART: usize = 8;

pub(crate) struct Full<'a> {
    pub(crate) heap: &'a mut Heap,
    // Copies of the heap's, which stores into its tables cannot change: they stay in registers.
    base: usize,
    bytes: usize,
    marks: *mut u64,
    blocks: *mut Block,
    stack: *mut usize,
    top: usize,
    types: Types,
    /// Some blocks are to be emptied; where their objects go.
    moving: bool,
    target: Run,
    copied_bytes: usize,
    copied: u64,
    pub(crate) objects: u64,
}

impl<'a> Full<'a> {
    pub(crate) fn new(heap: &'a mut Heap) -> Full<'a> {
        heap.old_runs = [(0, 0); 2];
        let moving = heap.prepare_marking();
        Full {
            base: heap.base,
            bytes: heap.bytes,
            marks: heap.marks,
            blocks: heap.blocks,
            stack: heap.mark_stack,
            top: 0,
            types: heap.types(),
            moving,
            target: (0, 0),
            copied_bytes: 0,
            copied: 0,
            objects: 0,
            heap,
        }
    }

    /// All aligned words of `low..high`, which may be anything, and may point into the middle of an object.
    ///
    /// # Safety
    /// The range is readable.
    pub(crate) unsafe fn mark_range(&mut self, low: usize, high: usize) {
        let mut at = (low + 7) & !7;
        while at + 8 <= high {
            // SAFETY: the caller's promise.
            let word = unsafe { *(at as *const usize) };
            at += 8;
            let Some(object) = self.heap.find_object(word) else { continue };
            // SAFETY: a row of the table.
            unsafe { (*self.blocks.add((object - self.base) >> BLOCK_SHIFT)).flags &= !block_flag::EVACUATE };
            self.mark_object(object);
        }
    }

    /// The start of an object that stays.
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

    /// A word that is a reference or null.
    ///
    /// # Safety
    /// The word is writable.
    #[inline]
    pub(crate) unsafe fn forward(&mut self, slot: *mut usize) {
        // SAFETY: the caller's promise; references are starts of objects.
        unsafe {
            let reference = *slot;
            let offset = reference.wrapping_sub(self.base);
            if offset >= self.bytes {
                return;
            }
            if self.moving && (*self.blocks.add(offset >> BLOCK_SHIFT)).flags & block_flag::EVACUATE != 0 {
                *slot = self.move_out(reference);
            } else {
                self.mark_object(reference);
            }
        }
    }

    /// The new place of an object in a block that is emptied: its own when it cannot move.
    #[cold]
    unsafe fn move_out(&mut self, from: usize) -> usize {
        // SAFETY: a complete object; the memory for the copy belongs to nobody.
        unsafe {
            let header = *(from as *const u64);
            if header & HEADER_FORWARDED != 0 {
                return (header & !HEADER_FORWARDED) as usize;
            }
            let size = self.types.size(from, header);
            let target = if header & HEADER_PINNED != 0 { None } else { self.take(size) };
            let Some(to) = target else {
                self.mark_object(from);
                return from;
            };
            copy_object(from, to, size, header);
            *(from as *mut u64) = to as u64 | HEADER_FORWARDED;
            self.copied_bytes += size;
            self.copied += 1;
            self.mark_object(to);
            to
        }
    }

    fn take(&mut self, size: usize) -> Option<usize> {
        let (cursor, end) = self.target;
        let (cursor, end) = if size <= end - cursor { (cursor, end) } else { self.heap.take_evacuation_block()? };
        self.target = (cursor + size, end);
        Some(cursor)
    }

    fn drain(&mut self) {
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

    fn drain_together(&mut self) {
        let tables =
            Tables { base: self.base, bytes: self.bytes, marks: self.marks, blocks: self.blocks, types: self.types };
        // SAFETY: the objects below the top are marked, nothing moves.
        unsafe {
            let objects = core::slice::from_raw_parts(self.stack, self.top);
            self.objects = parallel::mark(tables, objects, world::wake_stopped);
        }
        self.top = 0;
    }

    /// Marks the lines of an object and looks at what it refers to.
    #[inline]
    fn scan(&mut self, object: usize) {
        self.objects += 1;
        // SAFETY: marked objects are complete objects of the heap.
        unsafe {
            let header = *(object as *const u64);
            let types = self.types;
            let size = types.size(object, header);
            if size <= LARGE_OBJECT_BYTES as usize {
                self.heap.mark_lines(object, size);
            }
            types.for_each_slot(object, header, |slot| self.forward(slot));
        }
    }

    /// Marks everything that is reachable. The result is the number of live objects.
    pub(crate) fn finish(mut self) -> u64 {
        if !self.moving && thread::count() > 1 && self.heap.old_size() >= PARALLEL_BYTES {
            self.drain_together();
        } else {
            self.drain();
        }
        let statistics = &mut self.heap.statistics;
        statistics.full += 1;
        statistics.relocated_bytes += self.copied_bytes as u64;
        statistics.relocated_objects += self.copied;
        self.objects
    }
}

impl Heap {
    /// An upper bound of what is to be marked.
    fn old_size(&self) -> usize {
        self.statistics.live_bytes as usize + self.old_bytes
    }

    /// Clears the marks of blocks in use, and chooses those to be emptied; true when there are some. A few sparse blocks
    /// stay: their holes are filled, and marking without moving is shared between threads.
    fn prepare_marking(&mut self) -> bool {
        let (mut in_use, mut sparse) = (0, Vec::new());
        for block in 0..self.frontier {
            match self.state(block) {
                block_state::SMALL | block_state::RECYCLABLE => {
                    in_use += 1;
                    // SAFETY: a row of the table.
                    let used: u32 = unsafe { (*self.block(block)).lines.iter().map(|word| word.count_ones()).sum() };
                    if used < SPARSE_LINES || stress::enabled() {
                        sparse.push(block);
                    }
                    // SAFETY: as above.
                    unsafe { (*self.block(block)).flags = 0 };
                    self.clear_marks(block);
                }
                block_state::LARGE_HEAD => self.clear_marks(block),
                _ => {}
            }
        }
        if sparse.len() * SPARSE_PART < in_use {
            return false;
        }
        for &block in &sparse {
            // SAFETY: as above.
            unsafe { (*self.block(block)).flags = block_flag::EVACUATE };
        }
        !sparse.is_empty()
    }

    /// A block that objects move to: nothing in it is marked yet.
    fn take_evacuation_block(&mut self) -> Option<Run> {
        let (start, end) = self.take_old_block()?;
        self.clear_marks((start - self.base) >> BLOCK_SHIFT);
        Some((start, end))
    }
}
