//! From a word that may be a reference to the object that it points into.
//!
//! In: any word of a stack. Out: the start of the object, live or dead, that covers this address. Runs of fresh objects are
//! parsed here, on demand: headers make them walkable, and their tails are zero.

use super::heap::{BIT_WORDS, BLOCK_SHIFT, Heap, block_state};
use super::object;
use crate::abi::TypeInfo;

impl Heap {
    /// The object that contains `address`, if there is one.
    pub(crate) fn find_object(&mut self, address: usize) -> Option<usize> {
        if !self.contains(address) {
            return None;
        }
        let block = (address - self.base) >> BLOCK_SHIFT;
        match self.state(block) {
            block_state::SMALL | block_state::RECYCLABLE => {
                self.parse_runs(block);
                self.find_small(block, address)
            }
            block_state::LARGE_HEAD => self.check_extent(self.address(block), address),
            block_state::LARGE_BODY => {
                // SAFETY: a row of the table.
                let distance = unsafe { (*self.block(block)).large } as usize;
                self.check_extent(self.address(block - distance), address)
            }
            _ => None,
        }
    }

    fn check_extent(&self, start: usize, address: usize) -> Option<usize> {
        // SAFETY: `start` is the start of an object.
        let size = unsafe {
            let header = *(start as *const u64);
            object::size(start, header, self.type_info(header)?)
        };
        (address < start + size).then_some(start)
    }

    /// The nearest start at or below the address, if its object reaches so far.
    fn find_small(&self, block: usize, address: usize) -> Option<usize> {
        let granule = (address - self.base) >> 3;
        let first_word = block * BIT_WORDS;
        let mut word = granule >> 6;
        // SAFETY: all words belong to the block's part of the table.
        let mut bits = unsafe { *self.starts.add(word) } & (u64::MAX >> (63 - (granule & 63)));
        loop {
            if bits != 0 {
                let start = (word << 6) + 63 - bits.leading_zeros() as usize;
                return self.check_extent(self.base + (start << 3), address);
            }
            if word == first_word {
                return None;
            }
            word -= 1;
            // SAFETY: as above.
            bits = unsafe { *self.starts.add(word) };
        }
    }

    /// Gives the objects of the block that were allocated since the last collection their start bits.
    pub(crate) fn parse_runs(&mut self, block: usize) {
        // SAFETY: a row of the table.
        let mut next = unsafe { core::mem::take(&mut (*self.block(block)).first_run) };
        while next != 0 {
            let run = &self.runs[next as usize - 1];
            let (start, end) = (run.start, run.end);
            next = run.next;
            self.parse_run(start, end);
        }
    }

    fn parse_run(&mut self, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            // SAFETY: within the run, which holds complete objects and zero words.
            unsafe {
                let header = *(at as *const u64);
                if header == 0 {
                    at += 8;
                    continue;
                }
                let Some(info) = self.type_info(header) else { super::corrupted(at) };
                let granule = (at - self.base) >> 3;
                *self.starts.add(granule >> 6) |= 1 << (granule & 63);
                at += object::size(at, header, info);
            }
        }
    }

    /// The row of the type table for this header.
    #[inline]
    pub(crate) fn type_info(&self, header: u64) -> Option<&'static TypeInfo> {
        let id = object::type_of(header);
        if id >= self.type_count {
            return None;
        }
        // SAFETY: the table of the program has `type_count` rows and is constant.
        Some(unsafe { &*self.types.add(id as usize) })
    }
}
