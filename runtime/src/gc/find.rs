//! From a word that may be a reference to the object that it points into.
//!
//! In: any word of a stack. Out: the start of the object, live or dead, that covers this address. Blocks of young objects
//! are parsed here, on demand: headers make them walkable, and what lies between the objects is zero.

use super::heap::{BIT_WORDS, BLOCK_BYTES, BLOCK_SHIFT, Heap, block_flag, block_state};
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
            block_state::SMALL | block_state::RECYCLABLE => self.find_small(block, address),
            block_state::YOUNG => {
                self.parse(block);
                self.find_small(block, address)
            }
            block_state::LARGE_HEAD | block_state::LARGE_YOUNG => self.check_extent(self.address(block), address),
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

    /// Gives the objects of a young block their start bits. Nothing of it has moved yet.
    fn parse(&mut self, block: usize) {
        let row = self.block(block);
        // SAFETY: a row of the table.
        unsafe {
            if (*row).flags & block_flag::PARSED != 0 {
                return;
            }
            (*row).flags |= block_flag::PARSED;
        }
        self.clear_starts(block);
        let mut at = self.address(block);
        let end = at + BLOCK_BYTES;
        while at < end {
            // SAFETY: within the block, which holds complete objects and zero words.
            unsafe {
                let header = *(at as *const u64);
                if header == 0 {
                    at += 8;
                    continue;
                }
                let Some(info) = self.type_info(header) else { super::corrupted(at) };
                self.set_start(at);
                at += object::size(at, header, info);
            }
        }
    }

    #[inline]
    pub(crate) fn set_start(&mut self, object: usize) {
        let granule = (object - self.base) >> 3;
        // SAFETY: the table has a bit for every granule.
        unsafe { *self.starts.add(granule >> 6) |= 1 << (granule & 63) };
    }

    /// Sets the mark bit of an object; false if it was set.
    #[inline]
    pub(crate) fn set_mark(&mut self, object: usize) -> bool {
        let granule = (object - self.base) >> 3;
        let bit = 1u64 << (granule & 63);
        // SAFETY: the table has a bit for every granule.
        unsafe {
            let word = self.marks.add(granule >> 6);
            let fresh = *word & bit == 0;
            *word |= bit;
            fresh
        }
    }

    /// The row of the type table for this header.
    #[inline]
    pub(crate) fn type_info(&self, header: u64) -> Option<&'static TypeInfo> {
        let id = object::type_of(header);
        if id >= self.row_count {
            return None;
        }
        // SAFETY: the table of the program has `row_count` rows and is constant.
        Some(unsafe { &*self.rows.add(id as usize) })
    }
}
