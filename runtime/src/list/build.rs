//! Building lists from left to right, leaf by leaf.
//!
//! In: elements, or runs of them. Out: a [`ListObject`]. A builder may start from an existing list and shares its
//! tree; inner nodes that the builder made itself carry its token and are changed in place.
//! A `Builder` must live on the stack, where the collector sees its references.

use super::{
    FANOUT_BITS, children, empty, for_each_run, leaf_bits, leaf_token, mark_leaf, new_elements, new_list, slots,
    tail_offset,
};
use crate::abi::{ELEMENTS_OFFSET, Elements, Fiber, LIST_FANOUT, ListObject, Site, TypeDesc, header, type_id};
use crate::gc;
use crate::slot::{allocate, argument, copy, fail, fresh_token};
use core::ptr;

/// A tree of full leaves under construction or change.
pub(super) struct Tree {
    pub(super) root: *mut Elements,
    pub(super) depth: i64,
}

/// An inner node that `token` may change: `old` itself, or a copy (of nothing, if `old` is null).
unsafe fn own_node(fiber: *mut Fiber, old: *mut Elements, token: u64) -> *mut Elements {
    if !old.is_null() && token != 0 && (*old).owner == token {
        return old;
    }
    let bytes = LIST_FANOUT * size_of::<usize>();
    let header = header(type_id::LIST_NODE, LIST_FANOUT as u32);
    let node = allocate(fiber, ELEMENTS_OFFSET as usize + bytes, header).cast::<Elements>();
    (*node).owner = token;
    match old.is_null() {
        true => ptr::write_bytes(slots(node), 0, bytes),
        false => ptr::copy_nonoverlapping(slots(old), slots(node), bytes),
    }
    node
}

impl Tree {
    /// Adds a full leaf behind the `count` leaves that the tree has.
    pub(super) unsafe fn push(&mut self, fiber: *mut Fiber, count: usize, leaf: *mut Elements, token: u64) {
        if count == 0 {
            (self.root, self.depth) = (leaf, 0);
            return;
        }
        if count == 1 << (FANOUT_BITS * self.depth as u32) {
            let root = own_node(fiber, ptr::null_mut(), token);
            *children(root) = self.root;
            self.root = root;
            self.depth += 1;
        }
        self.replace(fiber, count, leaf, token);
    }

    /// Puts `leaf` at the leaf position `position`; the nodes on the way are owned or copied.
    pub(super) unsafe fn replace(&mut self, fiber: *mut Fiber, position: usize, leaf: *mut Elements, token: u64) {
        if self.depth == 0 {
            self.root = leaf;
            return;
        }
        let root = own_node(fiber, self.root, token);
        let mut node = root;
        let mut shift = FANOUT_BITS * (self.depth as u32 - 1);
        while shift > 0 {
            let link = children(node).add(position >> shift & (LIST_FANOUT - 1));
            let child = own_node(fiber, *link, token);
            gc::barrier(fiber, node);
            *link = child;
            node = child;
            shift -= FANOUT_BITS;
        }
        gc::barrier(fiber, node);
        *children(node).add(position & (LIST_FANOUT - 1)) = leaf;
        self.root = root;
    }

    /// Keeps the first `count` leaves.
    pub(super) unsafe fn truncate(&mut self, fiber: *mut Fiber, count: usize) {
        if count == 0 {
            (self.root, self.depth) = (ptr::null_mut(), 0);
            return;
        }
        while self.depth > 0 && count <= 1 << (FANOUT_BITS * (self.depth as u32 - 1)) {
            self.root = *children(self.root);
            self.depth -= 1;
        }
        if self.depth == 0 {
            return;
        }
        let mut shift = FANOUT_BITS * (self.depth as u32 - 1);
        self.root = own_node(fiber, self.root, 0);
        let mut node = self.root;
        loop {
            let last = (count - 1) >> shift & (LIST_FANOUT - 1);
            ptr::write_bytes(children(node).add(last + 1), 0, LIST_FANOUT - 1 - last);
            if shift == 0 {
                return;
            }
            let link = children(node).add(last);
            *link = own_node(fiber, *link, 0);
            node = *link;
            shift -= FANOUT_BITS;
        }
    }
}

/// A list under construction.
pub struct Builder {
    fiber: *mut Fiber,
    element: *const TypeDesc,
    size: usize,
    bits: u32,
    token: u64,
    /// The token that leaves carry; 0 but for changes in place.
    leaf_token: u64,
    tree: Tree,
    tail: *mut Elements,
    len: usize,
}

impl Builder {
    /// Of elements of the type `element`.
    pub unsafe fn new(fiber: *mut Fiber, element: *const TypeDesc) -> Builder {
        Builder {
            fiber,
            element,
            size: (*element).size as usize,
            bits: leaf_bits((*element).size as usize),
            token: 0,
            leaf_token: 0,
            tree: Tree { root: ptr::null_mut(), depth: 0 },
            tail: ptr::null_mut(),
            len: 0,
        }
    }

    /// Continues behind the elements of `list`, which stays as it is.
    pub unsafe fn resume(fiber: *mut Fiber, list: *const ListObject, element: *const TypeDesc) -> Builder {
        let mut builder = Builder::new(fiber, element);
        if (*list).len > 0 {
            builder.tree = Tree { root: (*list).root, depth: (*list).depth };
            builder.len = (*list).len as usize;
            let taken = builder.len - tail_offset(list, builder.bits);
            builder.tail = (*list).tail;
            builder.grow_tail(taken, 1 << builder.bits);
        }
        builder
    }

    /// As [`Builder::resume`], but what carries the token is changed in place: the tail too, if it is the list's alone.
    pub(super) unsafe fn resume_owned(
        fiber: *mut Fiber,
        list: *const ListObject,
        element: *const TypeDesc,
        token: u64,
    ) -> Builder {
        let owned = (*list).len > 0 && (*list).owner == token && leaf_token((*list).tail) == token;
        let mut builder = match owned {
            true => Builder::new(fiber, element),
            false => Builder::resume(fiber, list, element),
        };
        if owned {
            builder.tree = Tree { root: (*list).root, depth: (*list).depth };
            builder.len = (*list).len as usize;
            builder.tail = (*list).tail;
        }
        (builder.token, builder.leaf_token) = (token, token);
        builder
    }

    /// Slots of the tail that are in use; a full tail counts as full, not as empty.
    fn taken(&self) -> usize {
        if self.len == 0 { 0 } else { ((self.len - 1) & ((1 << self.bits) - 1)) + 1 }
    }

    /// A new tail with the `taken` elements of the present one.
    unsafe fn grow_tail(&mut self, taken: usize, capacity: usize) {
        let tail = new_elements(self.fiber, self.element, capacity, taken);
        if taken > 0 {
            ptr::copy_nonoverlapping(slots(self.tail), slots(tail), taken * self.size);
        }
        self.tail = tail;
    }

    /// Makes room for at least one more element; `expected` more are likely. Yields the free slots.
    unsafe fn reserve(&mut self, expected: usize) -> usize {
        let (taken, full) = (self.taken(), 1 << self.bits);
        if taken == full {
            if self.token == 0 {
                self.token = fresh_token();
            }
            mark_leaf(self.tail, full, self.leaf_token);
            let count = (self.len >> self.bits) - 1;
            self.tree.push(self.fiber, count, self.tail, self.token);
            let tail = new_elements(self.fiber, self.element, full, 0);
            self.tail = tail;
            return full;
        }
        let capacity = if self.tail.is_null() { 0 } else { crate::slot::aux(self.tail.cast()) as usize };
        if taken == capacity {
            let wanted = (taken + expected).max(taken * 2).max(4).next_power_of_two();
            self.grow_tail(taken, wanted.min(full));
            return wanted.min(full) - taken;
        }
        capacity - taken
    }

    /// Adds the element in the slot at `value`.
    #[inline]
    pub unsafe fn push(&mut self, value: *const u8) {
        self.reserve(1);
        let taken = if self.taken() == 1 << self.bits { 0 } else { self.taken() };
        copy(self.size, value, slots(self.tail).add(taken * self.size));
        self.len += 1;
    }

    /// Adds `count` elements in a row.
    pub unsafe fn extend(&mut self, mut values: *const u8, mut count: usize) {
        while count > 0 {
            let run = self.reserve(count).min(count);
            let taken = if self.taken() == 1 << self.bits { 0 } else { self.taken() };
            // It may have been there before the builder.
            gc::barrier(self.fiber, self.tail);
            ptr::copy_nonoverlapping(values, slots(self.tail).add(taken * self.size), run * self.size);
            self.len += run;
            values = values.add(run * self.size);
            count -= run;
        }
    }

    /// Adds the elements `start..end` of a list.
    pub unsafe fn extend_list(&mut self, list: *const ListObject, start: usize, end: usize) {
        for_each_run(list, self.size, start, end, |run, count| self.extend(run, count));
    }

    /// What a list of the result consists of.
    pub(super) unsafe fn into_parts(self) -> (usize, Tree, *mut Elements) {
        mark_leaf(self.tail, self.taken(), self.leaf_token);
        (self.len, self.tree, self.tail)
    }

    pub unsafe fn finish(self) -> *mut ListObject {
        if self.len == 0 {
            return empty();
        }
        mark_leaf(self.tail, self.taken(), self.leaf_token);
        new_list(self.fiber, self.len, self.tree.depth, self.tree.root, self.tail)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_from(
    fiber: *mut Fiber,
    elements: *const u8,
    count: i64,
    ty: *const TypeDesc,
) -> *mut ListObject {
    from_run(fiber, argument(ty, 0), elements, count as usize)
}

/// A list of `count` elements in a row.
pub unsafe fn from_run(
    fiber: *mut Fiber,
    element: *const TypeDesc,
    elements: *const u8,
    count: usize,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, element);
    builder.extend(elements, count);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_range(
    fiber: *mut Fiber,
    start: i64,
    end: i64,
    step: i64,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ListObject {
    if step == 0 {
        fail(fiber, site, "range step is zero");
    }
    let mut builder = Builder::new(fiber, argument(ty, 0));
    let mut value = start;
    while if step > 0 { value < end } else { value > end } {
        builder.push((&raw const value).cast());
        match value.checked_add(step) {
            Some(next) => value = next,
            None => break,
        }
    }
    builder.finish()
}
