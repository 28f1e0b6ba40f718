//! The heap's address space and its tables.
//!
//! One reservation, of which the system backs what is touched:
//!
//! ```text
//! | heap: blocks of 32 KiB | starts | marks | Block table | states | mark stack |
//!                            1 bit per 8 bytes  64 bytes   1 byte   8 bytes per 16 bytes of heap
//! ```
//!
//! In: sizes. Out: free blocks, runs for young and old objects, large objects. Deliberately not here: when to collect (`gc`),
//! and what is reachable (`minor`, `full`).
//!
//! Invariants between collections:
//! * Young objects lie in blocks of their own (`YOUNG`), complete and in a row, between zero words: a word that is not yet
//!   written is a null reference. They have no start bits; `find` parses a block when a word of a stack points into it.
//! * `starts` has a bit for every old object that survived the last full collection or was made old since.
//! * Memory of `FREE_ZERO` blocks and above `frontier` is zero.

use core::ptr::null_mut;

use super::object::{self, Plan, Types};
use super::stress;
use crate::abi::{TypeInfo, type_id};
use crate::space::{self, Wish};

pub(crate) const BLOCK_SHIFT: usize = 15;
pub(crate) const BLOCK_BYTES: usize = 1 << BLOCK_SHIFT;
pub(crate) const LINE_SHIFT: usize = 7;
pub(crate) const LINE_BYTES: usize = 1 << LINE_SHIFT;
pub(crate) const LINES: usize = BLOCK_BYTES / LINE_BYTES;
/// Words of a bit table per block, one bit for 8 bytes.
pub(crate) const BIT_WORDS: usize = BLOCK_BYTES / 8 / 64;

const RESERVE_BYTES: usize = 64 << 30;
const RESERVE_BYTES_MIN: usize = 64 << 20;
const ALIGNMENT: usize = 2 << 20;
/// Below this much heap, huge pages cost more at start-up than they save, whatever the system's default is.
const HUGE_PAGES_FROM: usize = 8 << 20;
/// From here on the machine's memory is asked for.
const UNCHECKED_BYTES: usize = 1 << 30;

/// Objects longer than a line are put in holes of at least this much.
const WIDE_HOLE_BYTES: usize = 512;

/// What a block holds.
pub(crate) mod block_state {
    pub(crate) const UNUSED: u8 = 0;
    pub(crate) const FREE_ZERO: u8 = 1;
    pub(crate) const FREE_DIRTY: u8 = 2;
    /// Small old objects.
    pub(crate) const SMALL: u8 = 3;
    /// Small old objects, and free lines.
    pub(crate) const RECYCLABLE: u8 = 4;
    pub(crate) const LARGE_HEAD: u8 = 5;
    pub(crate) const LARGE_BODY: u8 = 6;
    /// Small objects allocated since the last collection. From here on states mean young.
    pub(crate) const YOUNG: u8 = 7;
    /// Head of a large object allocated since the last collection.
    pub(crate) const LARGE_YOUNG: u8 = 8;
    pub(crate) const COUNT: usize = 9;
}

/// Bits of `Block::flags`, all clear between collections.
pub(crate) mod block_flag {
    /// Young: `starts` is filled.
    pub(crate) const PARSED: u32 = 1;
    /// Young: some objects stay where they are; `marks` and `lines` tell which.
    pub(crate) const PINS: u32 = 2;
    /// Holds an object of the remembered set.
    pub(crate) const LOGGED: u32 = 4;
    /// Old: all objects move to other blocks.
    pub(crate) const EVACUATE: u32 = 8;
}

/// One row of the block table.
#[repr(C, align(64))]
pub(crate) struct Block {
    /// One bit for each line that holds a part of a live object, or was handed out.
    pub(crate) lines: [u64; LINES / 64],
    /// [`block_flag`]
    pub(crate) flags: u32,
    /// Head of a large object: its number of blocks. Body: distance to the head.
    pub(crate) large: u32,
}

#[derive(Default, Clone, Copy)]
pub(crate) struct Statistics {
    pub(crate) minor: u64,
    pub(crate) full: u64,
    /// Bytes handed out before the last collection, and large objects among them.
    pub(crate) total_bytes: u64,
    pub(crate) large_objects: u64,
    /// Copied by all collections.
    pub(crate) relocated_bytes: u64,
    pub(crate) relocated_objects: u64,
    /// Of the last full collection.
    pub(crate) live_bytes: u64,
    pub(crate) live_objects: u64,
    pub(crate) released_bytes: u64,
}

/// From cursor to end: memory for bump allocation.
pub(crate) type Run = (usize, usize);

pub(crate) struct Heap {
    pub(crate) base: usize,
    pub(crate) bytes: usize,
    pub(crate) starts: *mut u64,
    pub(crate) marks: *mut u64,
    pub(crate) blocks: *mut Block,
    pub(crate) states: *mut u8,
    pub(crate) mark_stack: *mut usize,
    /// Blocks below it have been used at some time.
    pub(crate) frontier: usize,
    /// Blocks that may be used; grows once the machine's memory is known.
    pub(crate) limit: usize,
    pub(crate) recycle_cursor: usize,
    pub(crate) recycle_line: usize,
    /// As the two above, for objects longer than a line.
    pub(crate) medium_cursor: usize,
    pub(crate) medium_line: usize,
    pub(crate) free_cursor: usize,
    /// For up to 4 blocks, and for more.
    pub(crate) large_cursors: [usize; 2],
    /// Second run of young memory, for objects that do not fit into the rest of a task's run.
    pub(crate) overflow: Run,
    /// Rest of a run of which only small parts are handed out (stress mode).
    pub(crate) pending: Run,
    /// Old memory: for objects up to a line, and for longer ones.
    pub(crate) old_runs: [Run; 2],
    /// Blocks of young objects, and heads of large ones.
    pub(crate) young: Vec<u32>,
    pub(crate) young_large: Vec<u32>,
    pub(crate) young_large_bytes: usize,
    /// Bytes of young blocks that start a collection.
    pub(crate) nursery: usize,
    /// Bytes that became old since the last full collection, and how many start the next one.
    pub(crate) old_bytes: usize,
    pub(crate) budget: usize,
    pub(crate) rows: *const TypeInfo,
    pub(crate) row_count: u32,
    /// One for each row of the type table, made by the first collection.
    pub(crate) plans: Vec<Plan>,
    pub(crate) statistics: Statistics,
    machine_asked: bool,
    huge_pages_advised: bool,
}

// SAFETY: the addresses are those of a mapping that belongs to the heap.
unsafe impl Send for Heap {}

impl Heap {
    pub(crate) const fn new() -> Heap {
        Heap {
            base: 0,
            bytes: 0,
            starts: null_mut(),
            marks: null_mut(),
            blocks: null_mut(),
            states: null_mut(),
            mark_stack: null_mut(),
            frontier: 0,
            limit: 0,
            recycle_cursor: 0,
            recycle_line: 0,
            medium_cursor: 0,
            medium_line: 0,
            free_cursor: 0,
            large_cursors: [0; 2],
            overflow: (0, 0),
            pending: (0, 0),
            old_runs: [(0, 0); 2],
            young: Vec::new(),
            young_large: Vec::new(),
            young_large_bytes: 0,
            nursery: super::NURSERY_MIN,
            old_bytes: 0,
            budget: super::BUDGET_MIN,
            rows: core::ptr::null(),
            row_count: 0,
            plans: Vec::new(),
            statistics: Statistics {
                minor: 0,
                full: 0,
                total_bytes: 0,
                large_objects: 0,
                relocated_bytes: 0,
                relocated_objects: 0,
                live_bytes: 0,
                live_objects: 0,
                released_bytes: 0,
            },
            machine_asked: false,
            huge_pages_advised: false,
        }
    }

    /// Reserves address space. False when the system refuses even a small heap.
    pub(crate) fn reserve(&mut self) -> bool {
        let wish =
            Wish { bytes: RESERVE_BYTES, bytes_min: RESERVE_BYTES_MIN, share: 2, flags: 0, hint: random_address() };
        let Some((start, bytes)) = space::reserve(&wish, mapped_bytes) else { return false };
        let blocks = bytes >> BLOCK_SHIFT;
        let base = start.next_multiple_of(ALIGNMENT);
        // SAFETY: advice on our own reservation.
        unsafe { libc::madvise(base as *mut _, HUGE_PAGES_FROM, libc::MADV_NOHUGEPAGE) };
        self.base = base;
        self.bytes = bytes;
        self.starts = (base + bytes) as *mut u64;
        self.marks = (base + bytes + bytes / 64) as *mut u64;
        self.blocks = (base + bytes + bytes / 32) as *mut Block;
        self.states = (base + bytes + bytes / 32 + blocks * size_of::<Block>()) as *mut u8;
        self.mark_stack = (self.states as usize + blocks) as *mut usize;
        self.limit = blocks.min(UNCHECKED_BYTES >> BLOCK_SHIFT);
        true
    }

    #[cfg(test)]
    pub(crate) fn unmap(&mut self) {
        if self.base != 0 {
            // SAFETY: the reservation, to the end of the mark stack; its slack for alignment stays.
            unsafe { libc::munmap(self.base as *mut _, self.mark_stack as usize + self.bytes / 2 - self.base) };
        }
    }

    /// What tracing must know of types.
    pub(crate) fn types(&mut self) -> Types {
        if self.plans.is_empty() && self.row_count > 0 {
            // SAFETY: the table of the program has `row_count` rows.
            let rows = unsafe { core::slice::from_raw_parts(self.rows, self.row_count as usize) };
            self.plans = rows.iter().enumerate().map(|(id, row)| object::plan(id as u32, row)).collect();
        }
        Types { plans: self.plans.as_ptr(), rows: self.rows, count: self.plans.len() }
    }

    #[inline]
    pub(crate) fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.bytes
    }

    #[inline]
    pub(crate) fn state(&self, block: usize) -> u8 {
        // SAFETY: the table has a byte for every block of the reservation.
        unsafe { *self.states.add(block) }
    }

    #[inline]
    pub(crate) fn set_state(&mut self, block: usize, state: u8) {
        // SAFETY: as above.
        unsafe { *self.states.add(block) = state }
    }

    #[inline]
    pub(crate) fn block(&self, block: usize) -> *mut Block {
        // SAFETY: the table has a row for every block of the reservation.
        unsafe { self.blocks.add(block) }
    }

    pub(crate) fn address(&self, block: usize) -> usize {
        self.base + (block << BLOCK_SHIFT)
    }

    /// Bytes that young objects may take in all.
    pub(crate) fn young_bytes(&self) -> usize {
        (self.young.len() << BLOCK_SHIFT) + self.young_large_bytes
    }

    /// Zeroed memory for young objects. None: the heap is full.
    pub(crate) fn take_young(&mut self) -> Option<Run> {
        let block = self.find_free_block()?;
        let start = self.address(block);
        if self.state(block) == block_state::FREE_DIRTY {
            // SAFETY: a free block.
            unsafe { (start as *mut u8).write_bytes(0, BLOCK_BYTES) };
        }
        self.set_state(block, block_state::YOUNG);
        // SAFETY: a row of the table.
        unsafe { (*self.block(block)).flags = 0 };
        self.young.push(block as u32);
        Some((start, start + BLOCK_BYTES))
    }

    /// Memory for an object of `size` bytes that becomes old: in a hole between live lines, else in a free block. Not zeroed.
    pub(crate) fn take_old(&mut self, size: usize) -> Option<Run> {
        let run = match size <= LINE_BYTES {
            true => self.take_hole(),
            false => self.take_wide_hole(size),
        };
        let run = run.or_else(|| self.take_old_block())?;
        self.old_bytes += run.1 - run.0;
        Some(run)
    }

    fn take_hole(&mut self) -> Option<Run> {
        while self.recycle_cursor < self.frontier {
            let block = self.recycle_cursor;
            if self.state(block) == block_state::RECYCLABLE {
                // SAFETY: a row of the table.
                let lines = unsafe { (*self.block(block)).lines };
                if let Some((first, end)) = next_hole(&lines, self.recycle_line) {
                    self.recycle_line = end;
                    return Some(self.give_hole(block, first, end));
                }
                self.set_state(block, block_state::SMALL);
            }
            self.recycle_cursor += 1;
            self.recycle_line = 0;
        }
        None
    }

    /// A hole with room for some objects longer than a line. Holes that are passed over here remain for small objects.
    fn take_wide_hole(&mut self, size: usize) -> Option<Run> {
        let wanted = (2 * size).max(WIDE_HOLE_BYTES).div_ceil(LINE_BYTES);
        while self.medium_cursor < self.frontier {
            let block = self.medium_cursor;
            if self.state(block) == block_state::RECYCLABLE {
                // SAFETY: a row of the table.
                let lines = unsafe { (*self.block(block)).lines };
                while let Some((first, end)) = next_hole(&lines, self.medium_line) {
                    self.medium_line = end;
                    if end - first >= wanted {
                        return Some(self.give_hole(block, first, end));
                    }
                }
            }
            self.medium_cursor += 1;
            self.medium_line = 0;
        }
        None
    }

    fn give_hole(&mut self, block: usize, first: usize, end: usize) -> Run {
        // The other search must not find these lines again.
        for line in first..end {
            // SAFETY: a row of the table.
            unsafe { (*self.block(block)).lines[line / 64] |= 1 << (line % 64) };
        }
        (self.address(block) + (first << LINE_SHIFT), self.address(block) + (end << LINE_SHIFT))
    }

    /// A whole block for objects that become old.
    pub(crate) fn take_old_block(&mut self) -> Option<Run> {
        let block = self.find_free_block()?;
        self.set_state(block, block_state::SMALL);
        self.clear_starts(block);
        // SAFETY: a row of the table.
        unsafe {
            (*self.block(block)).lines = [u64::MAX; LINES / 64];
            (*self.block(block)).flags = 0;
        }
        Some((self.address(block), self.address(block) + BLOCK_BYTES))
    }

    /// The block holds nothing any more.
    pub(crate) fn free_block(&mut self, block: usize) {
        self.set_state(block, block_state::FREE_DIRTY);
        self.free_cursor = self.free_cursor.min(block);
        self.large_cursors = self.large_cursors.map(|cursor| cursor.min(block));
        if stress::poisons() {
            stress::poison(self.address(block), BLOCK_BYTES);
        }
    }

    pub(crate) fn clear_starts(&mut self, block: usize) {
        // SAFETY: the table has BIT_WORDS words for every block.
        unsafe { self.starts.add(block * BIT_WORDS).write_bytes(0, BIT_WORDS) }
    }

    pub(crate) fn clear_marks(&mut self, block: usize) {
        // SAFETY: as above; a row of the table.
        unsafe {
            self.marks.add(block * BIT_WORDS).write_bytes(0, BIT_WORDS);
            (*self.block(block)).lines = [0; LINES / 64];
        }
    }

    /// Marks the lines of a small object.
    #[inline]
    pub(crate) fn mark_lines(&mut self, object: usize, size: usize) {
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

    fn find_free_block(&mut self) -> Option<usize> {
        while self.free_cursor < self.frontier {
            let block = self.free_cursor;
            self.free_cursor += 1;
            if matches!(self.state(block), block_state::FREE_ZERO | block_state::FREE_DIRTY) {
                return Some(block);
            }
        }
        let block = self.grow(1)?;
        self.free_cursor = self.frontier;
        Some(block)
    }

    /// First of `count` fresh blocks above the frontier.
    fn grow(&mut self, count: usize) -> Option<usize> {
        if self.frontier + count > self.limit && !self.raise_limit(self.frontier + count) {
            return None;
        }
        let first = self.frontier;
        self.frontier += count;
        for block in first..self.frontier {
            self.set_state(block, block_state::FREE_ZERO);
        }
        if !self.huge_pages_advised && self.frontier << BLOCK_SHIFT > HUGE_PAGES_FROM {
            self.huge_pages_advised = true;
            let bytes = self.bytes - HUGE_PAGES_FROM;
            // SAFETY: advice on our own reservation.
            unsafe { libc::madvise((self.base + HUGE_PAGES_FROM) as *mut _, bytes, libc::MADV_HUGEPAGE) };
        }
        Some(first)
    }

    /// Asks once how much memory the machine has; a heap beyond that is out of memory.
    #[cold]
    fn raise_limit(&mut self, wanted: usize) -> bool {
        if !self.machine_asked {
            self.machine_asked = true;
            // SAFETY: the structure is plain data that the system fills.
            let memory = unsafe {
                let mut info: libc::sysinfo = core::mem::zeroed();
                if libc::sysinfo(&raw mut info) == 0 {
                    (info.totalram + info.totalswap) as usize * info.mem_unit as usize
                } else {
                    self.bytes
                }
            };
            // The rest is for stacks, foreign code, and the system: better a panic than to be killed.
            let memory = memory - memory / 8;
            self.limit = (memory.min(self.bytes) >> BLOCK_SHIFT).max(self.limit.min(self.bytes >> BLOCK_SHIFT));
        }
        wanted <= self.limit
    }

    /// An object that fills whole blocks. Texts and bytes hold anything, other objects without references zeros in their
    /// first block only.
    pub(crate) fn take_large(&mut self, size: usize, header: u64) -> Option<usize> {
        let is_text = matches!(object::type_of(header), type_id::STRING | type_id::BYTES);
        let count = size.checked_add(BLOCK_BYTES - 1)? >> BLOCK_SHIFT;
        if count > self.bytes >> BLOCK_SHIFT {
            return None;
        }
        let first = self.find_free_blocks(count)?;
        let has_references = self.types().has_references(self.address(first), header);
        for block in first..first + count {
            let is_seen = block == first || has_references;
            if self.state(block) == block_state::FREE_DIRTY && is_seen && !is_text {
                // SAFETY: a free block.
                unsafe { (self.address(block) as *mut u8).write_bytes(0, BLOCK_BYTES) };
            }
            self.set_state(block, block_state::LARGE_BODY);
            // SAFETY: a row of the table.
            unsafe {
                (*self.block(block)).large = (block - first) as u32;
                (*self.block(block)).flags = 0;
            }
        }
        self.set_state(first, block_state::LARGE_YOUNG);
        self.clear_starts(first);
        // SAFETY: a row of the table, a word of the bit table.
        unsafe {
            (*self.block(first)).large = count as u32;
            *self.starts.add(first * BIT_WORDS) = 1;
        }
        self.young_large.push(first as u32);
        self.young_large_bytes += count << BLOCK_SHIFT;
        self.statistics.large_objects += 1;
        Some(self.address(first))
    }

    /// First fit. The cursors only move forward until something becomes free.
    fn find_free_blocks(&mut self, count: usize) -> Option<usize> {
        let cursor = usize::from(count > 4);
        let mut block = self.large_cursors[cursor].max(if count == 1 { self.free_cursor } else { 0 });
        let mut found = 0;
        while block < self.frontier {
            if matches!(self.state(block), block_state::FREE_ZERO | block_state::FREE_DIRTY) {
                found += 1;
                if found == count {
                    self.large_cursors[cursor] = block + 1;
                    return Some(block + 1 - count);
                }
            } else {
                found = 0;
            }
            block += 1;
        }
        self.large_cursors[cursor] = self.frontier - found;
        // A free stretch below the frontier is the beginning of the object.
        let first = self.frontier - found;
        self.grow(count - found)?;
        self.large_cursors[cursor] = self.frontier;
        Some(first)
    }
}

/// The heap, its tables, and what alignment may cost.
fn mapped_bytes(bytes: usize) -> usize {
    let blocks = bytes >> BLOCK_SHIFT;
    bytes + 2 * (bytes / 64) + blocks * size_of::<Block>() + blocks + bytes / 2 + ALIGNMENT
}

/// High, so that integers rarely look like references.
fn random_address() -> usize {
    // SAFETY: AT_RANDOM is the address of 16 random bytes.
    unsafe {
        let random = libc::getauxval(libc::AT_RANDOM) as *const u64;
        let random = if random.is_null() { 0 } else { random.read_unaligned() as usize };
        0x2000_0000_0000 + ((random & 0xF_FFFF) << 21)
    }
}

/// The next free lines at or after `from`: first and one past the last.
fn next_hole(lines: &[u64; LINES / 64], from: usize) -> Option<(usize, usize)> {
    let first = next_line(lines, from, false)?;
    Some((first, next_line(lines, first, true).unwrap_or(LINES)))
}

/// The next line at or after `from` that is live, or free.
fn next_line(lines: &[u64; LINES / 64], from: usize, live: bool) -> Option<usize> {
    let mut line = from;
    while line < LINES {
        let word = if live { lines[line / 64] } else { !lines[line / 64] };
        let rest = word >> (line % 64);
        if rest != 0 {
            return Some(line + rest.trailing_zeros() as usize);
        }
        line = (line / 64 + 1) * 64;
    }
    None
}
