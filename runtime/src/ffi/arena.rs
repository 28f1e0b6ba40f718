//! Bump memory in chunks: copies of arguments, scratch of `coex_ffi_alloc`, the arena of older wrappers.
//!
//! In: sizes. Out: memory at multiples of 16 that lives until the arena is reset. The first chunk stays, so that a call with
//! small arguments never asks anybody. Deliberately not here: the inline part, which compiled code has for arguments.

use core::ptr::null_mut;

use super::units::{UNIT_BYTES, units};

/// In front of every chunk.
#[repr(C)]
struct Chunk {
    previous: *mut Chunk,
    units: usize,
}

const HEAD_BYTES: usize = size_of::<Chunk>();

/// The chunks; cursor and limit are the user's, because compiled code keeps them elsewhere.
#[repr(C)]
pub(crate) struct Chunks {
    current: *mut Chunk,
    unit_count: usize,
}

impl Chunks {
    pub(crate) const fn new() -> Chunks {
        Chunks { current: null_mut(), unit_count: 0 }
    }

    /// `size` bytes where the current chunk has no room; null when memory is refused.
    #[cold]
    #[inline(never)]
    pub(crate) fn grow(&mut self, cursor: &mut *mut u8, limit: &mut *mut u8, size: usize, max_bytes: u64) -> *mut u8 {
        let Some(size) = size.max(1).checked_next_multiple_of(16) else { return null_mut() };
        if size <= *limit as usize - *cursor as usize {
            // SAFETY: within the chunk.
            *cursor = unsafe { cursor.add(size) };
            return cursor.wrapping_sub(size);
        }
        let Some(bytes) = size.checked_add(HEAD_BYTES + UNIT_BYTES - 1) else { return null_mut() };
        let count = bytes / UNIT_BYTES;
        let total = ((self.unit_count + count) * UNIT_BYTES) as u64;
        if max_bytes != 0 && total > max_bytes.max(UNIT_BYTES as u64) {
            return null_mut();
        }
        let Some(first) = units().take(count) else { return null_mut() };
        let chunk = units().address(first) as *mut Chunk;
        // SAFETY: a fresh run.
        unsafe {
            *chunk = Chunk { previous: self.current, units: count };
            self.current = chunk;
            self.unit_count += count;
            let start = chunk.cast::<u8>().add(HEAD_BYTES);
            *cursor = start.add(size);
            *limit = chunk.cast::<u8>().add(count * UNIT_BYTES);
            start
        }
    }

    /// Frees what was allocated after `mark` was the cursor; null or unknown marks empty the arena.
    pub(crate) fn reset(&mut self, cursor: &mut *mut u8, limit: &mut *mut u8, mark: *mut u8) {
        while !self.current.is_null() {
            // SAFETY: a chunk of this arena.
            unsafe {
                let Chunk { previous, units: count } = *self.current;
                let start = self.current.cast::<u8>().add(HEAD_BYTES);
                let end = self.current.cast::<u8>().add(count * UNIT_BYTES);
                let contains = mark >= start && mark <= end;
                if contains || previous.is_null() {
                    *cursor = if contains { mark } else { start };
                    *limit = end;
                    return;
                }
                self.drop_current();
            }
        }
    }

    unsafe fn drop_current(&mut self) {
        // SAFETY: there is a current chunk.
        unsafe {
            let Chunk { previous, units: count } = *self.current;
            units().give(units().index(self.current as usize), count);
            self.unit_count -= count;
            self.current = previous;
        }
    }

    pub(crate) fn free_all(&mut self) {
        while !self.current.is_null() {
            // SAFETY: checked.
            unsafe { self.drop_current() };
        }
    }
}

/// Chunks with their own cursor and limit.
#[repr(C)]
pub(crate) struct Arena {
    cursor: *mut u8,
    limit: *mut u8,
    chunks: Chunks,
}

impl Arena {
    pub(crate) const fn new() -> Arena {
        Arena { cursor: null_mut(), limit: null_mut(), chunks: Chunks::new() }
    }

    pub(crate) fn allocate(&mut self, size: usize, max_bytes: u64) -> *mut u8 {
        self.chunks.grow(&mut self.cursor, &mut self.limit, size, max_bytes)
    }

    pub(crate) fn reset(&mut self) {
        self.chunks.reset(&mut self.cursor, &mut self.limit, null_mut());
    }

    pub(crate) fn free_all(&mut self) {
        self.chunks.free_all();
        self.cursor = null_mut();
        self.limit = null_mut();
    }
}
