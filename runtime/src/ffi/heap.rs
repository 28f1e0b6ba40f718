//! The private heap of an instance: what its C code gets from `malloc`.
//!
//! In: sizes. Out: memory that is freed as a whole when the instance ends. Not locked: an instance runs one call at a time;
//! only its units come from a pool that all share. Up to 8 KiB: size classes in units, free slots in a list per class.
//! Above: runs of units. Deliberately not here: the names of the C library (`shims`).

use core::ptr::null_mut;

use super::units::{UNIT_BYTES, kind, units};

const SMALL_MAX: usize = 8 << 10;
/// 16 to 128 in steps of 16, then four classes for each doubling.
pub(crate) const CLASSES: usize = 8 + 4 * 6;
const UNIT_MASK: usize = UNIT_BYTES - 1;

const SIZES: [u16; CLASSES] = {
    let mut sizes = [0u16; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        sizes[class] = if class < 8 {
            (class as u16 + 1) * 16
        } else {
            let doubling = (class as u16 - 8) / 4;
            (32 << doubling) * (5 + (class as u16 - 8) % 4)
        };
        class += 1;
    }
    sizes
};

/// Class for sizes up to 1 KiB, by (size + 15) / 16.
const CLASS_OF: [u8; 65] = {
    let mut table = [0u8; 65];
    let mut step = 0;
    while step <= 64 {
        let mut class = 0;
        while (SIZES[class] as usize) < step * 16 {
            class += 1;
        }
        table[step] = class as u8;
        step += 1;
    }
    table
};

#[inline]
fn class_of(size: usize) -> usize {
    if size <= 1024 {
        return CLASS_OF[(size + 15) >> 4] as usize;
    }
    // Position of the leading bit of size - 1 gives the doubling, the next two bits the quarter.
    let top = usize::BITS as usize - 1 - (size - 1).leading_zeros() as usize;
    8 + (top - 7) * 4 + ((size - 1) >> (top - 2) & 3)
}

#[repr(C)]
pub(crate) struct Heap {
    /// Free slots, linked through their first words.
    free: [*mut u8; CLASSES],
    /// Next fresh slot; exhausted when it is aligned to a unit or too near the end of one.
    fresh: [usize; CLASSES],
    /// Units of this heap, index plus 1.
    owned: u32,
    pub(crate) unit_count: u32,
}

impl Heap {
    pub(crate) const fn new() -> Heap {
        Heap { free: [null_mut(); CLASSES], fresh: [0; CLASSES], owned: 0, unit_count: 0 }
    }

    /// Null when the limit or the system refuses.
    #[inline]
    pub(crate) fn allocate(&mut self, size: usize) -> *mut u8 {
        if size > SMALL_MAX {
            return self.allocate_large(size);
        }
        let class = class_of(size);
        let slot = self.free[class];
        if !slot.is_null() {
            // SAFETY: a free slot holds the next one.
            self.free[class] = unsafe { *slot.cast::<*mut u8>() };
            return slot;
        }
        self.allocate_fresh(class)
    }

    #[inline]
    fn allocate_fresh(&mut self, class: usize) -> *mut u8 {
        let size = SIZES[class] as usize;
        let slot = self.fresh[class];
        let within = slot & UNIT_MASK;
        if within == 0 || within + size > UNIT_BYTES {
            return self.allocate_in_new_unit(class);
        }
        self.fresh[class] = slot + size;
        slot as *mut u8
    }

    #[cold]
    #[inline(never)]
    fn allocate_in_new_unit(&mut self, class: usize) -> *mut u8 {
        let Some(unit) = self.take(1) else { return null_mut() };
        let pool = units();
        // SAFETY: a row of the table.
        unsafe {
            (*pool.row(unit)).set_kind(kind::SMALL);
            (*pool.row(unit)).class = class as u8;
        }
        let slot = pool.address(unit);
        self.fresh[class] = slot + SIZES[class] as usize;
        slot as *mut u8
    }

    #[cold]
    #[inline(never)]
    fn allocate_large(&mut self, size: usize) -> *mut u8 {
        let Some(bytes) = size.checked_add(UNIT_MASK) else { return null_mut() };
        let count = bytes / UNIT_BYTES;
        let Some(first) = self.take(count) else { return null_mut() };
        set_large(first, count);
        units().address(first) as *mut u8
    }

    /// A run in the list of this heap.
    fn take(&mut self, count: usize) -> Option<usize> {
        let pool = units();
        let first = pool.take(count)?;
        self.unit_count += count as u32;
        // SAFETY: rows of the table.
        unsafe {
            let row = pool.row(first);
            (*row).len = count as u32;
            (*row).next = self.owned;
            (*row).previous = 0;
            if self.owned != 0 {
                (*pool.row(self.owned as usize - 1)).previous = first as u32 + 1;
            }
        }
        self.owned = first as u32 + 1;
        Some(first)
    }

    /// Takes back a slot or run of this heap. Other addresses of the pool are ignored: C code that frees them is wrong.
    ///
    /// # Safety
    /// `pointer` lies in the pool, comes from this heap, and is not used any more.
    #[inline]
    pub(crate) unsafe fn free(&mut self, pointer: *mut u8) {
        let pool = units();
        let index = pool.index(pointer as usize);
        // SAFETY: a row of the table; the slot is free from now on.
        unsafe {
            let row = pool.row(index);
            if (*row).kind() == kind::SMALL {
                let class = (*row).class as usize;
                *pointer.cast::<*mut u8>() = self.free[class];
                self.free[class] = pointer;
                return;
            }
        }
        self.free_large(index);
    }

    #[cold]
    #[inline(never)]
    fn free_large(&mut self, index: usize) {
        let pool = units();
        // SAFETY: rows of the table.
        unsafe {
            let mut first = index;
            if (*pool.row(first)).kind() == kind::LARGE_BODY {
                first -= (*pool.row(first)).len as usize;
            }
            let row = pool.row(first);
            if (*row).kind() != kind::LARGE_HEAD {
                return;
            }
            let (len, next, previous) = ((*row).len, (*row).next, (*row).previous);
            if next != 0 {
                (*pool.row(next as usize - 1)).previous = previous;
            }
            if previous != 0 {
                (*pool.row(previous as usize - 1)).next = next;
            } else {
                self.owned = next;
            }
            self.unit_count -= len;
            pool.give(first, len as usize);
        }
    }

    /// Bytes that fit behind the pointer.
    ///
    /// # Safety
    /// As [`Heap::free`].
    pub(crate) unsafe fn usable(&self, pointer: *mut u8) -> usize {
        let pool = units();
        let index = pool.index(pointer as usize);
        // SAFETY: rows of the table.
        unsafe {
            let row = pool.row(index);
            match (*row).kind() {
                kind::SMALL => {
                    let size = SIZES[(*row).class as usize] as usize;
                    // An aligned pointer may lie within its slot.
                    size - (pointer as usize & UNIT_MASK) % size
                }
                kind::LARGE_HEAD => pool.address(index + (*row).len as usize) - pointer as usize,
                kind::LARGE_BODY => {
                    let first = index - (*row).len as usize;
                    pool.address(first + (*pool.row(first)).len as usize) - pointer as usize
                }
                _ => 0,
            }
        }
    }

    /// Null when memory is refused; the old block is then still valid.
    ///
    /// # Safety
    /// As [`Heap::free`]; the contents move with the result.
    pub(crate) unsafe fn reallocate(&mut self, pointer: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: forwarded.
        unsafe {
            let old = self.usable(pointer);
            if size <= old && (size >= old / 2 || old <= 64) {
                return pointer;
            }
            if size > SMALL_MAX && self.resize_large(pointer, size) {
                return pointer;
            }
            let new = self.allocate(size);
            if !new.is_null() {
                core::ptr::copy_nonoverlapping(pointer, new, old.min(size));
                self.free(pointer);
            }
            new
        }
    }

    /// Shrinks a run, or enlarges it by free units behind it.
    unsafe fn resize_large(&mut self, pointer: *mut u8, size: usize) -> bool {
        let pool = units();
        let first = pool.index(pointer as usize);
        let Some(bytes) = size.checked_add(UNIT_MASK) else { return false };
        let wanted = bytes / UNIT_BYTES;
        // SAFETY: a row of the table.
        unsafe {
            let row = pool.row(first);
            if (*row).kind() != kind::LARGE_HEAD {
                return false;
            }
            let count = (*row).len as usize;
            if wanted > count && !pool.pool().extend(first, count, wanted) {
                return false;
            }
            let (next, previous) = ((*row).next, (*row).previous);
            if wanted < count {
                pool.give(first + wanted, count - wanted);
            }
            self.unit_count = self.unit_count + wanted as u32 - count as u32;
            set_large(first, wanted);
            (*row).len = wanted as u32;
            (*row).next = next;
            (*row).previous = previous;
        }
        true
    }

    /// Memory at a multiple of `alignment`, a power of two.
    pub(crate) fn allocate_aligned(&mut self, alignment: usize, size: usize) -> *mut u8 {
        if alignment <= 16 {
            return self.allocate(size);
        }
        // Classes that are powers of two have slots at multiples of their size.
        if let Some(slot) = size.max(alignment).checked_next_power_of_two().filter(|&slot| slot <= SMALL_MAX) {
            return self.allocate(slot);
        }
        if alignment <= UNIT_BYTES {
            return self.allocate_large(size);
        }
        let Some(all) = size.checked_add(alignment) else { return null_mut() };
        let start = self.allocate_large(all) as usize;
        if start == 0 {
            return null_mut();
        }
        ((start + alignment - 1) & !(alignment - 1)) as *mut u8
    }

    /// Returns every unit to the pool.
    pub(crate) fn free_all(&mut self) {
        if self.owned == 0 {
            return;
        }
        let mut pool = units().pool();
        let mut next = self.owned;
        while next != 0 {
            let first = next as usize - 1;
            // SAFETY: a row of the table.
            unsafe {
                let row = units().row(first);
                next = (*row).next;
                pool.give(first, (*row).len as usize);
            }
        }
        self.owned = 0;
        self.unit_count = 0;
    }
}

/// Every row of a large run leads to its head.
fn set_large(first: usize, count: usize) {
    let pool = units();
    // SAFETY: rows of the table.
    unsafe {
        (*pool.row(first)).set_kind(kind::LARGE_HEAD);
        for distance in 1..count {
            let row = pool.row(first + distance);
            (*row).set_kind(kind::LARGE_BODY);
            (*row).len = distance as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, Heap, SIZES, class_of};
    use crate::ffi::units::units;
    use crate::gc::tests::lock;

    #[test]
    fn classes_are_tight_and_ascending() {
        assert_eq!(usize::from(SIZES[CLASSES - 1]), 8 << 10);
        for size in 1..=8 << 10 {
            let class = class_of(size);
            assert!(SIZES[class] as usize >= size, "{size}");
            assert!(class == 0 || (SIZES[class - 1] as usize) < size, "{size}");
        }
    }

    /// Random operations against a model that knows what every block must contain.
    #[test]
    fn blocks_keep_their_contents() {
        let _guard = lock();
        let used = units().used();
        let mut heap = Heap::new();
        let mut blocks: Vec<(*mut u8, usize, u8)> = Vec::new();
        let mut random = 0x9E37_79B9_7F4A_7C15u64;
        for step in 0..200_000u64 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let size = match random >> 60 {
                0 => (random >> 20) as usize % 300_000,
                1..4 => (random >> 20) as usize % 20_000,
                _ => (random >> 20) as usize % 500,
            };
            let fill = step as u8;
            // SAFETY: blocks of this heap, each freed once.
            unsafe {
                match (random >> 8) % 8 {
                    0..4 if blocks.len() < 3000 => {
                        let alignment = 16usize << ((random >> 12) % 8 * u64::from(random.is_multiple_of(5)));
                        let block = heap.allocate_aligned(alignment, size);
                        assert!(!block.is_null() && (block as usize).is_multiple_of(alignment));
                        assert!(heap.usable(block) >= size);
                        block.write_bytes(fill, size);
                        blocks.push((block, size, fill));
                    }
                    4 if !blocks.is_empty() => {
                        let at = random as usize % blocks.len();
                        let (block, old, was) = blocks[at];
                        let block = heap.reallocate(block, size);
                        assert!((0..old.min(size)).all(|byte| *block.add(byte) == was));
                        block.write_bytes(fill, size);
                        blocks[at] = (block, size, fill);
                    }
                    _ if !blocks.is_empty() => {
                        let (block, size, was) = blocks.swap_remove(random as usize % blocks.len());
                        assert!((0..size).all(|byte| *block.add(byte) == was), "step {step}");
                        heap.free(block);
                    }
                    _ => {}
                }
            }
        }
        heap.free_all();
        assert_eq!(units().used(), used);
    }
}
