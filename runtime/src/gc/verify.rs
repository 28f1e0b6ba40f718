//! The heap verifier.
//!
//! In: the heap before a collection, or after marking. Out: the number of inconsistencies, each reported on standard error.

use super::heap::{BIT_WORDS, BLOCK_SHIFT, Heap, block_state};
use super::object;
use crate::abi::{HEADER_LOGGED, HEADER_OLD};
use crate::panic::{Line, write_stderr};

/// More than these are counted but not written.
const REPORTS_MAX: u64 = 20;

impl Heap {
    /// Checks every old object with a bit in `live`: known type, extent within its block; its references lead to such
    /// objects, or, if the object is in the remembered set, to young ones.
    pub(crate) fn verify(&self, live: *const u64) -> u64 {
        let mut faults = 0;
        self.for_each_bit(live, |object| {
            // SAFETY: bits stand at starts of complete objects.
            unsafe {
                let header = *(object as *const u64);
                let Some(info) = self.type_info(header).filter(|_| object::type_of(header) != 0) else {
                    complain(&mut faults, b"unknown type of object", object, header as usize);
                    return;
                };
                if header & HEADER_OLD == 0 {
                    complain(&mut faults, b"young object among old ones", object, header as usize);
                    return;
                }
                let size = object::size(object, header, info);
                let block = (object - self.base) >> BLOCK_SHIFT;
                if self.state(block) != block_state::LARGE_HEAD && object + size > self.address(block + 1) {
                    complain(&mut faults, b"object reaches over its block", object, size);
                    return;
                }
                object::for_each_reference(object, header, info, |slot| {
                    let reference = *slot;
                    if !self.contains(reference) {
                        return;
                    }
                    match self.state((reference - self.base) >> BLOCK_SHIFT) {
                        block_state::YOUNG | block_state::LARGE_YOUNG => {
                            if header & HEADER_LOGGED == 0 {
                                complain(&mut faults, b"young object behind an old one", object, reference);
                            }
                        }
                        _ if self.has_bit(live, reference) => {}
                        _ => complain(&mut faults, b"reference to no object", object, reference),
                    }
                });
            }
        });
        faults
    }

    fn has_bit(&self, table: *const u64, address: usize) -> bool {
        let granule = (address - self.base) >> 3;
        // SAFETY: the table has a bit for every granule.
        address & 7 == 0 && unsafe { *table.add(granule >> 6) } >> (granule & 63) & 1 != 0
    }

    /// Calls `visit` with the address of every set bit in blocks of old objects.
    pub(crate) fn for_each_bit(&self, table: *const u64, mut visit: impl FnMut(usize)) {
        for block in 0..self.frontier {
            if !matches!(self.state(block), block_state::SMALL | block_state::RECYCLABLE | block_state::LARGE_HEAD) {
                continue;
            }
            for word in block * BIT_WORDS..(block + 1) * BIT_WORDS {
                // SAFETY: words of the table.
                let mut bits = unsafe { *table.add(word) };
                while bits != 0 {
                    visit(self.base + (((word << 6) + bits.trailing_zeros() as usize) << 3));
                    bits &= bits - 1;
                }
            }
        }
    }
}

fn complain(faults: &mut u64, what: &[u8], object: usize, value: usize) {
    *faults += 1;
    if *faults <= REPORTS_MAX {
        let mut line = Line::new();
        line.push(b"coex: heap: ").push(what).push(b": object ").push_hex(object).push(b", ").push_hex(value);
        write_stderr(line.push(b"\n").bytes());
    }
}
