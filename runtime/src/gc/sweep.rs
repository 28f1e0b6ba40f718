//! Sweeping: line bits decide which blocks are free, which have holes, and what goes back to the system.
//!
//! In: the line and mark bits of a finished marking. Out: block states for the next cycle; `starts` and `marks` change places.
//! Cost: one row of the block table per block; dead objects are never looked at.

use super::heap::{BIT_WORDS, BLOCK_SHIFT, Heap, LINE_BYTES, LINE_SHIFT, LINES, block_state};
use super::stress;

/// Blocks with fewer free lines are not worth a visit of the allocator.
pub(crate) const RECYCLE_LINES_MIN: u32 = 4;
/// Free memory beyond the budget is kept up to this much.
const SLACK_BYTES: usize = 16 << 20;

impl Heap {
    /// Returns the live bytes.
    pub(crate) fn sweep(&mut self) -> usize {
        let mut live = 0;
        let mut block = 0;
        (self.recycle_cursor, self.recycle_line) = (0, 0);
        (self.medium_cursor, self.medium_line) = (0, 0);
        while block < self.frontier {
            let mut count = 1;
            match self.state(block) {
                block_state::SMALL | block_state::RECYCLABLE => live += self.sweep_small(block),
                block_state::LARGE_HEAD => {
                    // SAFETY: rows of the tables.
                    let marked = unsafe {
                        count = (*self.block(block)).large as usize;
                        *self.marks.add(block * BIT_WORDS) & 1 != 0
                    };
                    if marked {
                        live += count << BLOCK_SHIFT;
                    } else {
                        for freed in block..block + count {
                            self.free_block(freed);
                        }
                    }
                }
                _ => {}
            }
            block += count;
        }
        core::mem::swap(&mut self.starts, &mut self.marks);
        live
    }

    fn sweep_small(&mut self, block: usize) -> usize {
        // SAFETY: a row of the table.
        let lines = unsafe {
            (*self.block(block)).flags = 0;
            (*self.block(block)).lines
        };
        if lines == [0; LINES / 64] {
            self.free_block(block);
            return 0;
        }
        self.settle_block(block)
    }

    /// In stress mode: what still reads free lines shall notice.
    pub(crate) fn poison_lines(&self, block: usize, lines: &[u64; LINES / 64]) {
        if stress::poisons() {
            for line in (0..LINES).filter(|line| lines[line / 64] >> (line % 64) & 1 == 0) {
                stress::poison(self.address(block) + (line << LINE_SHIFT), LINE_BYTES);
            }
        }
    }

    /// Gives free memory back to the system that the next cycle will hardly need, from the top.
    pub(crate) fn release(&mut self) {
        let free = (0..self.frontier).filter(|&block| self.state(block) == block_state::FREE_DIRTY).count();
        let keep = (self.budget + self.nursery + SLACK_BYTES) >> BLOCK_SHIFT;
        let mut excess = free.saturating_sub(keep);
        let mut end = self.frontier;
        while excess > 0 && end > 0 {
            if self.state(end - 1) != block_state::FREE_DIRTY {
                end -= 1;
                continue;
            }
            let mut first = end - 1;
            while first > 0 && end - first < excess && self.state(first - 1) == block_state::FREE_DIRTY {
                first -= 1;
            }
            excess -= end - first;
            self.release_blocks(first, end);
            end = first;
        }
        while self.frontier > 0 && self.state(self.frontier - 1) == block_state::FREE_ZERO {
            self.frontier -= 1;
            self.set_state(self.frontier, block_state::UNUSED);
        }
    }

    fn release_blocks(&mut self, first: usize, end: usize) {
        let bytes = (end - first) << BLOCK_SHIFT;
        // SAFETY: free blocks of our reservation; their contents are not needed.
        let released = unsafe { libc::madvise(self.address(first) as *mut _, bytes, libc::MADV_DONTNEED) == 0 };
        if released {
            self.statistics.released_bytes += bytes as u64;
            for block in first..end {
                self.set_state(block, block_state::FREE_ZERO);
            }
        }
    }
}
