//! The heap's address space and its tables.
//!
//! One reservation, of which the system backs what is touched:
//!
//! ```text
//! | heap: blocks of 32 KiB | starts | marks | Block table | states | mark stack |
//!                            1 bit per 8 bytes  64 bytes   1 byte   8 bytes per 16 bytes of heap
//! ```
//!
//! In: sizes. Out: free blocks, zeroed runs, large objects. Deliberately not here: when to collect (`gc`), and what is
//! reachable (`mark`).
//!
//! Invariants between collections:
//! * `starts` has a bit for every object that survived the last collection. Objects allocated since lie in `runs` and get
//!   their bits when somebody asks (`find`); the inline allocation writes no table.
//! * Memory of a run is zero before it is handed out: a word that is not yet written is a null reference.
//! * Memory of `FREE_ZERO` blocks and above `frontier` is zero.

use core::ptr::null_mut;

use super::object::{self, Plan};
use crate::abi::TypeInfo;

pub(crate) const BLOCK_SHIFT: usize = 15;
pub(crate) const BLOCK_BYTES: usize = 1 << BLOCK_SHIFT;
pub(crate) const LINE_SHIFT: usize = 7;
pub(crate) const LINE_BYTES: usize = 1 << LINE_SHIFT;
pub(crate) const LINES: usize = BLOCK_BYTES / LINE_BYTES;
/// Words of a bit table per block, one bit for 8 bytes.
pub(crate) const BIT_WORDS: usize = BLOCK_BYTES / 8 / 64;

/// Tried first; halved until the system agrees.
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
    pub(crate) const SMALL: u8 = 3;
    /// Small objects, with free lines that the sweep found.
    pub(crate) const RECYCLABLE: u8 = 4;
    pub(crate) const LARGE_HEAD: u8 = 5;
    pub(crate) const LARGE_BODY: u8 = 6;
}

/// One row of the block table.
#[repr(C, align(64))]
pub(crate) struct Block {
    /// One bit for each line that holds a part of a live object.
    pub(crate) lines: [u64; LINES / 64],
    /// Newest run in this block since the last collection, plus 1; 0 for none.
    pub(crate) first_run: u32,
    /// Head of a large object: its number of blocks. Body: distance to the head.
    pub(crate) large: u32,
}

/// Memory that was handed out for bump allocation since the last collection.
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) next: u32,
}

#[derive(Default, Clone, Copy)]
pub(crate) struct Statistics {
    pub(crate) collections: u64,
    /// Bytes handed out in all collections before, and large objects among them.
    pub(crate) total_bytes: u64,
    pub(crate) large_objects: u64,
    /// Of the last collection.
    pub(crate) live_bytes: u64,
    pub(crate) live_objects: u64,
    pub(crate) released_bytes: u64,
}

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
    /// Second bump run, for objects that do not fit into holes.
    pub(crate) overflow: (usize, usize),
    /// Rest of a run of which only small parts are handed out (stress mode).
    pub(crate) pending: (usize, usize),
    /// Bytes handed out since the last collection, and how many start the next one.
    pub(crate) allocated: usize,
    pub(crate) budget: usize,
    pub(crate) runs: Vec<Run>,
    pub(crate) types: *const TypeInfo,
    pub(crate) type_count: u32,
    /// One for each row of the type table, made by the first collection.
    pub(crate) plans: Vec<Plan>,
    pub(crate) statistics: Statistics,
    machine_asked: bool,
    huge_pages_advised: bool,
}

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
            allocated: 0,
            budget: super::BUDGET_MIN,
            runs: Vec::new(),
            types: core::ptr::null(),
            type_count: 0,
            plans: Vec::new(),
            statistics: Statistics {
                collections: 0,
                total_bytes: 0,
                large_objects: 0,
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
        let mut bytes = RESERVE_BYTES;
        while bytes >= RESERVE_BYTES_MIN {
            let blocks = bytes >> BLOCK_SHIFT;
            let tables = 2 * (bytes / 64) + blocks * size_of::<Block>() + blocks + bytes / 2;
            if let Some(base) = map(bytes + tables + ALIGNMENT) {
                let base = (base + ALIGNMENT - 1) & !(ALIGNMENT - 1);
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
                return true;
            }
            bytes /= 2;
        }
        false
    }

    #[cfg(test)]
    pub(crate) fn unmap(&mut self) {
        if self.base != 0 {
            // SAFETY: the reservation, to the end of the mark stack; its slack for alignment stays.
            unsafe { libc::munmap(self.base as *mut _, self.mark_stack as usize + self.bytes / 2 - self.base) };
        }
    }

    pub(crate) fn make_plans(&mut self) {
        if self.plans.is_empty() && self.type_count > 0 {
            // SAFETY: the table of the program has `type_count` rows.
            let rows = unsafe { core::slice::from_raw_parts(self.types, self.type_count as usize) };
            self.plans = rows.iter().map(object::plan).collect();
        }
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

    /// Memory for bump allocation, zeroed: a hole between live lines, else a block. None: the heap is full.
    pub(crate) fn take_run(&mut self) -> Option<(usize, usize)> {
        self.take_hole().or_else(|| self.take_block())
    }

    fn take_hole(&mut self) -> Option<(usize, usize)> {
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

    /// Memory for bump allocation of an object longer than a line: a hole with room for some of its size. Holes that are
    /// passed over here remain for small objects. None: there are no such holes.
    pub(crate) fn take_wide_hole(&mut self, size: usize) -> Option<(usize, usize)> {
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

    fn give_hole(&mut self, block: usize, first: usize, end: usize) -> (usize, usize) {
        // The other search must not find these lines again.
        for line in first..end {
            // SAFETY: a row of the table.
            unsafe { (*self.block(block)).lines[line / 64] |= 1 << (line % 64) };
        }
        let start = self.address(block) + (first << LINE_SHIFT);
        let end = self.address(block) + (end << LINE_SHIFT);
        // SAFETY: no live object covers these lines.
        unsafe { (start as *mut u8).write_bytes(0, end - start) };
        self.record_run(block, start, end);
        (start, end)
    }

    /// A whole block for bump allocation, zeroed.
    pub(crate) fn take_block(&mut self) -> Option<(usize, usize)> {
        let block = self.find_free_block()?;
        let start = self.address(block);
        if self.state(block) == block_state::FREE_DIRTY {
            // SAFETY: a free block.
            unsafe { (start as *mut u8).write_bytes(0, BLOCK_BYTES) };
        }
        self.set_state(block, block_state::SMALL);
        self.clear_starts(block);
        // SAFETY: a row of the table.
        unsafe {
            (*self.block(block)).first_run = 0;
        }
        self.record_run(block, start, start + BLOCK_BYTES);
        Some((start, start + BLOCK_BYTES))
    }

    fn record_run(&mut self, block: usize, start: usize, end: usize) {
        self.allocated += end - start;
        let row = self.block(block);
        // SAFETY: a row of the table.
        unsafe {
            self.runs.push(Run { start, end, next: (*row).first_run });
            (*row).first_run = self.runs.len() as u32;
        }
    }

    fn clear_starts(&mut self, block: usize) {
        // SAFETY: the table has BIT_WORDS words for every block.
        unsafe { self.starts.add(block * BIT_WORDS).write_bytes(0, BIT_WORDS) }
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

    /// A zeroed object that fills whole blocks.
    pub(crate) fn take_large(&mut self, size: usize) -> Option<usize> {
        let count = size.checked_add(BLOCK_BYTES - 1)? >> BLOCK_SHIFT;
        if count > self.bytes >> BLOCK_SHIFT {
            return None;
        }
        let first = self.find_free_blocks(count)?;
        for block in first..first + count {
            if self.state(block) == block_state::FREE_DIRTY {
                // SAFETY: a free block.
                unsafe { (self.address(block) as *mut u8).write_bytes(0, BLOCK_BYTES) };
            }
            self.set_state(block, block_state::LARGE_BODY);
            // SAFETY: a row of the table.
            unsafe {
                (*self.block(block)).large = (block - first) as u32;
                (*self.block(block)).first_run = 0;
            }
        }
        self.set_state(first, block_state::LARGE_HEAD);
        self.clear_starts(first);
        // SAFETY: a row of the table, a word of the bit table.
        unsafe {
            (*self.block(first)).large = count as u32;
            *self.starts.add(first * BIT_WORDS) = 1;
        }
        self.allocated += count << BLOCK_SHIFT;
        self.statistics.large_objects += 1;
        Some(self.address(first))
    }

    /// First fit. The cursors only move forward between collections, since nothing becomes free meanwhile.
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

/// A private mapping at a random high address, so that integers rarely look like references.
fn map(bytes: usize) -> Option<usize> {
    // SAFETY: AT_RANDOM is the address of 16 random bytes; the mapping is fresh.
    unsafe {
        let random = libc::getauxval(libc::AT_RANDOM) as *const u64;
        let random = if random.is_null() { 0 } else { random.read_unaligned() as usize };
        let hint = 0x2000_0000_0000 + ((random & 0xF_FFFF) << 21);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let base = libc::mmap(hint as *mut _, bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        (base != libc::MAP_FAILED).then_some(base as usize)
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
