//! The minor collection: young objects become old, or garbage.
//!
//! In: the stopped world's roots. Out: no young object is left. Objects that a word of a stack points at stay where they
//! are, and their block becomes old; every other live one is copied to old memory. Old objects are not looked at, except
//! those of the remembered set. Order: first all words of stacks (`pin_range`), then roots, then `finish`.

use super::heap::{BIT_WORDS, BLOCK_SHIFT, Heap, LINES, block_flag, block_state};
use super::object::{self, Types};
use super::remember::remembered;
use super::sweep::RECYCLE_LINES_MIN;
use crate::abi::{
    HEADER_FORWARDED, HEADER_LOGGED, HEADER_OLD, HEADER_PINNED, LARGE_OBJECT_BYTES, StringObject, type_id,
};
use crate::sched::worker;

pub(crate) struct Minor<'a> {
    heap: &'a mut Heap,
    // Copies of the heap's, which stores into its tables cannot change: they stay in registers.
    base: usize,
    bytes: usize,
    states: *const u8,
    stack: *mut usize,
    top: usize,
    types: Types,
    /// Objects that stacks point at and that may be changed before the next collection.
    exposed: Vec<usize>,
    copied_bytes: usize,
    copied: u64,
}

impl<'a> Minor<'a> {
    pub(crate) fn new(heap: &'a mut Heap) -> Minor<'a> {
        for &object in remembered().iter() {
            let block = heap.block((object - heap.base) >> BLOCK_SHIFT);
            // SAFETY: a row of the table.
            unsafe { (*block).flags |= block_flag::LOGGED };
        }
        Minor {
            base: heap.base,
            bytes: heap.bytes,
            states: heap.states,
            stack: heap.mark_stack,
            top: 0,
            types: heap.types(),
            exposed: Vec::new(),
            copied_bytes: 0,
            copied: 0,
            heap,
        }
    }

    /// All aligned words of `low..high`, which may be anything, and may point into the middle of an object.
    ///
    /// # Safety
    /// The range is readable.
    pub(crate) unsafe fn pin_range(&mut self, low: usize, high: usize) {
        let mut at = (low + 7) & !7;
        while at + 8 <= high {
            // SAFETY: the caller's promise.
            let word = unsafe { *(at as *const usize) };
            if word.wrapping_sub(self.base) < self.bytes {
                self.pin_word(word);
            }
            at += 8;
        }
    }

    fn pin_word(&mut self, word: usize) {
        let block = (word - self.base) >> BLOCK_SHIFT;
        let state = self.heap.state(block);
        // SAFETY: a row of the table.
        let logged = unsafe { (*self.heap.block(block)).flags } & block_flag::LOGGED != 0;
        if matches!(state, block_state::SMALL | block_state::RECYCLABLE) && !logged {
            return;
        }
        let Some(object) = self.heap.find_object(word) else { return };
        // SAFETY: the start of an object.
        let header = unsafe { *(object as *const u64) };
        if header & HEADER_OLD == 0 {
            self.keep_in_place(object, header);
            if self.types.has_references(object, header) {
                self.exposed.push(object);
            }
        } else if header & HEADER_LOGGED != 0 {
            // SAFETY: as above. `finish` sets the bit again.
            unsafe { *(object as *mut u64) = header & !HEADER_LOGGED };
            self.exposed.push(object);
        }
    }

    /// A young object becomes old where it is.
    #[cold]
    fn keep_in_place(&mut self, object: usize, header: u64) {
        let block = (object - self.base) >> BLOCK_SHIFT;
        if self.heap.state(block) == block_state::YOUNG {
            let row = self.heap.block(block);
            // SAFETY: a row of the table; the start of an object.
            let size = unsafe {
                if (*row).flags & block_flag::PINS == 0 {
                    (*row).flags |= block_flag::PINS;
                    self.heap.clear_marks(block);
                }
                self.types.size(object, header)
            };
            self.heap.set_mark(object);
            self.heap.mark_lines(object, size);
            self.heap.old_bytes += size;
        }
        // SAFETY: the start of an object.
        unsafe { *(object as *mut u64) = header | HEADER_OLD };
        self.push(object);
    }

    #[inline]
    fn push(&mut self, object: usize) {
        // SAFETY: the stack has room for every object of the heap.
        unsafe { *self.stack.add(self.top) = object };
        self.top += 1;
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
            if offset >= self.bytes || *self.states.add(offset >> BLOCK_SHIFT) < block_state::YOUNG {
                return;
            }
            let header = *(reference as *const u64);
            if header & HEADER_FORWARDED != 0 {
                *slot = (header & !HEADER_FORWARDED) as usize;
            } else if header & HEADER_OLD == 0 {
                *slot = self.move_out(reference, header);
            }
        }
    }

    /// The new place of a young object: its own when it cannot move.
    #[inline]
    unsafe fn move_out(&mut self, from: usize, header: u64) -> usize {
        // SAFETY: a complete young object; the memory for the copy belongs to nobody.
        unsafe {
            let size = self.types.size(from, header);
            if header & HEADER_PINNED != 0 || size > LARGE_OBJECT_BYTES as usize {
                self.keep_in_place(from, header);
                return from;
            }
            let Some(to) = self.heap.take_for_copy(size) else {
                self.keep_in_place(from, header);
                return from;
            };
            copy_object(from, to, size, header | HEADER_OLD);
            self.heap.set_start(to);
            *(from as *mut u64) = to as u64 | HEADER_FORWARDED;
            self.copied_bytes += size;
            self.copied += 1;
            if self.types.has_references(to, header) {
                self.push(to);
            }
            to
        }
    }

    fn drain(&mut self) {
        while self.top > 0 {
            self.top -= 1;
            // SAFETY: below the top; objects on the stack are complete and old.
            unsafe {
                let object = *self.stack.add(self.top);
                self.scan(object);
            }
        }
    }

    unsafe fn scan(&mut self, object: usize) {
        // SAFETY: a complete object.
        unsafe {
            let header = *(object as *const u64);
            let types = self.types;
            types.for_each_slot(object, header, |slot| self.forward(slot));
        }
    }

    /// After all ranges and words: everything that is reachable becomes old, the rest is free.
    pub(crate) fn finish(mut self) {
        let logged = core::mem::take(&mut *remembered());
        for &object in &logged {
            // SAFETY: objects of the remembered set are complete and old.
            unsafe {
                *(object as *mut u64) &= !HEADER_LOGGED;
                (*self.heap.block((object - self.base) >> BLOCK_SHIFT)).flags &= !block_flag::LOGGED;
                self.scan(object);
            }
        }
        self.drain();
        for &object in &self.exposed {
            // SAFETY: the start of an old object.
            unsafe { *(object as *mut u64) |= HEADER_LOGGED };
        }
        *remembered() = self.exposed;
        let statistics = &mut self.heap.statistics;
        statistics.minor += 1;
        statistics.relocated_bytes += self.copied_bytes as u64;
        statistics.relocated_objects += self.copied;
        self.heap.settle_young(self.copied_bytes);
    }
}

/// Copies a small object; text that lies within a string stays with it.
///
/// # Safety
/// `from` is an object of `size` bytes, `to` free memory for it.
#[inline]
pub(crate) unsafe fn copy_object(from: usize, to: usize, size: usize, header: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        let (source, target) = (from as *const u64, to as *mut u64);
        match size {
            16 => target.add(1).write(*source.add(1)),
            24 => target.add(1).cast::<[u64; 2]>().write(*source.add(1).cast()),
            32 => target.add(1).cast::<[u64; 3]>().write(*source.add(1).cast()),
            48 => target.add(1).cast::<[u64; 5]>().write(*source.add(1).cast()),
            _ => source.add(1).copy_to_nonoverlapping(target.add(1), size / 8 - 1),
        }
        *target = header;
        if object::type_of(header) == type_id::STRING {
            let string = to as *mut StringObject;
            if (*string).base.is_null() {
                (*string).data = (*string).data.wrapping_add(to.wrapping_sub(from));
            }
        }
    }
}

impl Heap {
    /// Memory for the copy of an object of up to [`LARGE_OBJECT_BYTES`].
    #[inline]
    pub(crate) fn take_for_copy(&mut self, size: usize) -> Option<usize> {
        let which = usize::from(size > super::heap::LINE_BYTES);
        let (cursor, end) = self.old_runs[which];
        if size <= end - cursor {
            self.old_runs[which].0 = cursor + size;
            return Some(cursor);
        }
        let (cursor, end) = self.take_old(size)?;
        self.old_runs[which] = (cursor + size, end);
        Some(cursor)
    }

    /// Blocks of young objects become free, or old when something in them stays.
    fn settle_young(&mut self, copied_bytes: usize) {
        let young = core::mem::take(&mut self.young);
        let (count, mut kept) = (young.len(), copied_bytes);
        for &block in &young {
            let block = block as usize;
            let row = self.block(block);
            // SAFETY: a row of the table, and the parts of the bit tables for this block.
            unsafe {
                let pins = (*row).flags & block_flag::PINS != 0;
                (*row).flags = 0;
                if !pins {
                    self.free_block(block);
                    continue;
                }
                let (marks, starts) = (self.marks.add(block * BIT_WORDS), self.starts.add(block * BIT_WORDS));
                marks.copy_to_nonoverlapping(starts, BIT_WORDS);
                kept += self.settle_block(block);
            }
        }
        self.young = young;
        self.young.clear();
        self.statistics.total_bytes += ((count << BLOCK_SHIFT) + self.young_large_bytes) as u64;
        self.settle_large();
        self.resize_nursery(count << BLOCK_SHIFT, kept);
    }

    /// A young block with objects that stayed, or an old one after a full collection. The result is the bytes of its lines.
    pub(crate) fn settle_block(&mut self, block: usize) -> usize {
        // SAFETY: a row of the table.
        let lines = unsafe { (*self.block(block)).lines };
        let used: u32 = lines.iter().map(|word| word.count_ones()).sum();
        self.poison_lines(block, &lines);
        let recyclable = LINES as u32 - used >= RECYCLE_LINES_MIN;
        self.set_state(block, if recyclable { block_state::RECYCLABLE } else { block_state::SMALL });
        if recyclable && block < self.recycle_cursor {
            (self.recycle_cursor, self.recycle_line) = (block, 0);
        }
        used as usize * super::heap::LINE_BYTES
    }

    fn settle_large(&mut self) {
        self.young_large_bytes = 0;
        for block in core::mem::take(&mut self.young_large) {
            let block = block as usize;
            // SAFETY: a row of the table; the head of a large object.
            let (count, live) = unsafe {
                let header = *(self.address(block) as *const u64);
                (*self.block(block)).flags = 0;
                ((*self.block(block)).large as usize, header & HEADER_OLD != 0)
            };
            if live {
                self.set_state(block, block_state::LARGE_HEAD);
                self.old_bytes += count << BLOCK_SHIFT;
                continue;
            }
            for freed in block..block + count {
                self.free_block(freed);
            }
        }
    }

    /// Much that survives makes collections rarer, so that more dies before they come.
    fn resize_nursery(&mut self, young_bytes: usize, kept: usize) {
        if young_bytes >= self.nursery && kept > young_bytes / 5 {
            let most = worker::all().count().max(1) * super::NURSERY_MAX;
            self.nursery = (2 * self.nursery).min(most.max(self.nursery));
        } else if kept < young_bytes / 20 {
            self.nursery = (self.nursery / 2).max(super::NURSERY_MIN);
        }
    }
}
