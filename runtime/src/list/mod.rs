//! Lists: the persistent vector's layout, reading, and iteration by leaves.
//!
//! In: [`ListObject`]s. Out: elements and their addresses. Changes are in `edit`, construction in `build`.
//!
//! ```text
//! ListObject { len, depth, root, tail }
//!   root   (depth 0) a full leaf, or null; (depth d) an inner node of 32 references to trees of depth d - 1
//!   tail   the last 1 ..= leaf length elements; the tree holds all full leaves before it
//! leaf         Elements of the element's slots; aux = capacity, owner = token << 10 | number of slots taken
//! inner node   Elements of 32 references, null where there is nothing; owner = token of the builder that may change it
//! ```
//!
//! A tail may have more slots than its list uses: the list whose length equals the slots taken may take the next one
//! in place, since no other list can see it. So `append` writes one slot and a new [`ListObject`].

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

pub mod build;
pub mod convert;
pub mod edit;
pub mod search;
pub mod sort;

pub use build::{Builder, from_run};
pub use search::position_in_run;
pub use sort::sorted;

use crate::abi::{
    ELEMENTS_OFFSET, Elements, Fiber, HEADER_OLD, LEAF_TAKEN_BITS, LIST_FANOUT, ListObject, Site, TypeDesc, header,
    list_leaf_len, type_id,
};
use crate::slot::{allocate, argument, check_size, copy, fail_index, resolve_index};
use core::ptr;

struct Constant(ListObject);

// SAFETY: never written.
unsafe impl Sync for Constant {}

static EMPTY: Constant = Constant(ListObject {
    header: header(type_id::LIST, 0) | HEADER_OLD,
    owner: 0,
    len: 0,
    depth: 0,
    root: ptr::null_mut(),
    tail: ptr::null_mut(),
});

pub fn empty() -> *mut ListObject {
    (&raw const EMPTY.0).cast_mut()
}

/// Bits of an index that select within an inner node.
pub(super) const FANOUT_BITS: u32 = LIST_FANOUT.trailing_zeros();

/// Bits of an index that select within a leaf of elements of `size` bytes.
#[inline]
pub(super) fn leaf_bits(size: usize) -> u32 {
    // The sizes of nearly all elements, without a division.
    match size {
        8 => const { list_leaf_len(8).trailing_zeros() },
        1 => const { list_leaf_len(1).trailing_zeros() },
        16 => const { list_leaf_len(16).trailing_zeros() },
        _ => list_leaf_len(size as u32).trailing_zeros(),
    }
}

/// Address of the first slot of an `Elements` object.
#[inline]
pub unsafe fn slots(elements: *const Elements) -> *mut u8 {
    elements.cast::<u8>().add(ELEMENTS_OFFSET as usize).cast_mut()
}

/// How many slots of a leaf with this `owner` are taken.
#[inline]
pub(super) fn taken_of(owner: u64) -> usize {
    owner as usize & ((1 << LEAF_TAKEN_BITS) - 1)
}

#[inline]
pub(super) unsafe fn leaf_token(leaf: *const Elements) -> u64 {
    (*leaf).owner >> LEAF_TAKEN_BITS
}

#[inline]
pub(super) unsafe fn mark_leaf(leaf: *mut Elements, taken: usize, token: u64) {
    (*leaf).owner = token << LEAF_TAKEN_BITS | taken as u64;
}

/// The child references of an inner node.
#[inline]
pub(super) unsafe fn children(node: *const Elements) -> *mut *mut Elements {
    slots(node).cast()
}

/// Index of the first element of the tail.
#[inline]
pub(super) unsafe fn tail_offset(list: *const ListObject, bits: u32) -> usize {
    let len = (*list).len as usize;
    if len == 0 { 0 } else { (len - 1) >> bits << bits }
}

/// The leaf that holds `index`.
#[inline]
unsafe fn leaf_of(list: *const ListObject, bits: u32, index: usize) -> *const Elements {
    if index >= tail_offset(list, bits) {
        return (*list).tail;
    }
    let mut node = (*list).root;
    let mut shift = bits + FANOUT_BITS * (*list).depth as u32;
    while shift > bits {
        shift -= FANOUT_BITS;
        node = *children(node).add(index >> shift & (LIST_FANOUT - 1));
    }
    node
}

/// Address of the slot at `index`, which is in range.
#[inline]
pub unsafe fn slot(list: *const ListObject, size: usize, index: usize) -> *const u8 {
    let bits = leaf_bits(size);
    let inside = index & ((1 << bits) - 1);
    slots(leaf_of(list, bits, index)).add(inside * size)
}

/// Calls `visit(address, count)` for the contiguous runs of the elements `start..end`.
#[inline]
pub unsafe fn for_each_run(
    list: *const ListObject,
    size: usize,
    start: usize,
    end: usize,
    mut visit: impl FnMut(*const u8, usize),
) {
    let bits = leaf_bits(size);
    let mut index = start;
    while index < end {
        let inside = index & ((1 << bits) - 1);
        let count = ((1 << bits) - inside).min(end - index);
        visit(slots(leaf_of(list, bits, index)).add(inside * size), count);
        index += count;
    }
}

/// A new list header.
pub(super) unsafe fn new_list(
    fiber: *mut Fiber,
    len: usize,
    depth: i64,
    root: *mut Elements,
    tail: *mut Elements,
) -> *mut ListObject {
    let header = header(type_id::LIST, 0);
    let list = allocate(fiber, size_of::<ListObject>(), header).cast::<ListObject>();
    list.write(ListObject { header, owner: 0, len: len as i64, depth, root, tail });
    list
}

/// A leaf or buffer of `capacity` slots whose first `taken` are for the caller to fill at once; the rest is zero.
pub unsafe fn new_elements(
    fiber: *mut Fiber,
    element: *const TypeDesc,
    capacity: usize,
    taken: usize,
) -> *mut Elements {
    let size = (*element).size as usize;
    check_size(fiber, capacity);
    let header = header((*element).element_type, capacity as u32);
    let leaf = allocate(fiber, ELEMENTS_OFFSET as usize + capacity * size, header).cast::<Elements>();
    (*leaf).owner = taken as u64;
    ptr::write_bytes(slots(leaf).add(taken * size), 0, (capacity - taken) * size);
    leaf
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_len(list: *const ListObject) -> i64 {
    (*list).len
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_get(
    fiber: *mut Fiber,
    list: *const ListObject,
    index: i64,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    let Some(position) = resolve_index(index, (*list).len) else { fail_index(fiber, site, index, (*list).len) };
    let size = (*argument(ty, 0)).size as usize;
    copy(size, slot(list, size, position), out);
}

/// Address of the leaf part that starts at `index`, or null at the end; the number of elements there goes to `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_leaf(
    list: *const ListObject,
    index: i64,
    ty: *const TypeDesc,
    count: *mut i64,
) -> *const u8 {
    if index < 0 || index >= (*list).len {
        *count = 0;
        return ptr::null();
    }
    let size = (*argument(ty, 0)).size as usize;
    let bits = leaf_bits(size);
    let inside = index & ((1 << bits) - 1);
    *count = ((1 << bits) - inside).min((*list).len - index);
    slots(leaf_of(list, bits, index as usize)).add(inside as usize * size)
}

#[cfg(test)]
mod tests;
