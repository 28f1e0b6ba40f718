//! Inserting into the tree of a map.
//!
//! In: nodes, a key's hash, a key and a value in their slots. Out: changed trees. A node whose `owner` is the editor's
//! token belongs to this editor alone and is changed in place while it has room; others are copied. What an editor with a
//! token makes larger gets some room.

use super::layout::{Layout, capacity, child_count, children, entry, entry_count, is_collision, prefetch_node, words};
use crate::abi::{Fiber, Kind, MapNode, StringObject, header};
use crate::gc;
use crate::slot::{allocate, copy, reference};
use crate::value::{compare, hash, same_key};
use core::cmp::Ordering;
use core::ptr;

/// Bits of the hash that one level uses.
pub(super) const LEVEL_BITS: u32 = 5;
/// Below this level all bits of the hash are used up, and keys that still agree share a collision node.
const HASH_BITS: u32 = 65;

/// The slot of `hash` in a node of the level that begins at bit `shift`.
#[inline]
pub(super) fn slot_bit(hash: u64, shift: u32) -> u32 {
    1 << (hash >> shift & 31)
}

/// How many bits of `bitmap` are set below `bit`.
#[inline]
pub(super) fn rank(bitmap: u32, bit: u32) -> usize {
    (bitmap & (bit - 1)).count_ones() as usize
}

/// What a sequence of changes shares.
pub struct Editor {
    pub fiber: *mut Fiber,
    pub layout: Layout,
    /// 0: nothing is changed in place.
    pub token: u64,
    /// Whether the last insertion added a key.
    pub added: bool,
}

/// An entry that is not in a node yet.
#[derive(Clone, Copy)]
pub(super) struct Fresh {
    pub(super) key: *const u8,
    pub(super) value: *const u8,
}

impl Editor {
    /// A node whose entries and children are for the caller to fill at once.
    pub(super) unsafe fn new_node(&self, entry_bitmap: u32, child_bitmap: u32, collisions: usize) -> *mut MapNode {
        let entries = entry_bitmap.count_ones() as usize + collisions;
        let words = words(entries, child_bitmap.count_ones() as usize, &self.layout);
        self.allocate_node(entry_bitmap, child_bitmap, words, if collisions > 0 { collisions } else { words })
    }

    /// A node with room for entries that follow soon, if it can be changed in place.
    unsafe fn growing_node(&self, entry_bitmap: u32, child_bitmap: u32) -> *mut MapNode {
        let (entries, children) = (entry_bitmap.count_ones() as usize, child_bitmap.count_ones() as usize);
        let needed = words(entries, children, &self.layout);
        let room = if self.token == 0 { 0 } else { needed / 2 + self.layout.entry_size / 8 };
        let words = (needed + room).min(words(32, 0, &self.layout));
        self.allocate_node(entry_bitmap, child_bitmap, words, words)
    }

    unsafe fn allocate_node(&self, entry_bitmap: u32, child_bitmap: u32, words: usize, aux: usize) -> *mut MapNode {
        let size = size_of::<MapNode>() + words * 8;
        let header = header(self.layout.node_type, aux as u32);
        let node = allocate(self.fiber, size, header).cast::<MapNode>();
        node.write(MapNode { header, owner: self.token, entry_bitmap, child_bitmap });
        node
    }

    pub(super) unsafe fn write_entry(&self, node: *mut MapNode, index: usize, fresh: Fresh) {
        let at = entry(node, &self.layout, index);
        // The gaps between key, value and the next entry are never read, but are kept zero for the collector's sake.
        if self.layout.key_size + self.layout.value_size != self.layout.entry_size {
            ptr::write_bytes(at, 0, self.layout.entry_size);
        }
        copy(self.layout.key_size, fresh.key, at);
        if !fresh.value.is_null() {
            copy(self.layout.value_size, fresh.value, at.add(self.layout.value_offset));
        }
    }

    /// The entry at `at` in a node, as one to put elsewhere.
    pub(super) unsafe fn lift(&self, at: *const u8) -> Fresh {
        let value = if self.layout.value.is_null() { ptr::null() } else { at.add(self.layout.value_offset) };
        Fresh { key: at, value }
    }

    pub(super) unsafe fn copy_entries(
        &self,
        from: *const MapNode,
        first: usize,
        count: usize,
        to: *mut MapNode,
        at: usize,
    ) {
        let (from, to) = (entry(from, &self.layout, first), entry(to, &self.layout, at));
        ptr::copy_nonoverlapping(from, to, count * self.layout.entry_size);
    }

    pub(super) unsafe fn copy_children(
        &self,
        from: *const MapNode,
        first: usize,
        count: usize,
        to: *mut MapNode,
        at: usize,
    ) {
        ptr::copy_nonoverlapping(children(from, &self.layout).add(first), children(to, &self.layout).add(at), count);
    }

    /// `node`, if it may be changed in place, or a copy.
    pub(super) unsafe fn owned(&self, node: *mut MapNode) -> *mut MapNode {
        if self.token != 0 && (*node).owner == self.token {
            return node;
        }
        let collisions = if is_collision(node) { entry_count(node) } else { 0 };
        let copy = self.new_node((*node).entry_bitmap, (*node).child_bitmap, collisions);
        self.copy_entries(node, 0, entry_count(node), copy, 0);
        self.copy_children(node, 0, child_count(node), copy, 0);
        copy
    }

    #[inline]
    unsafe fn owns(&self, node: *const MapNode) -> bool {
        self.token != 0 && (*node).owner == self.token
    }

    /// The tree with the entry added or its value replaced: down through the nodes that the editor owns, without a trace of
    /// the way back, since only the last of them can become another one.
    #[inline(always)]
    pub(super) unsafe fn insert_into(&mut self, root: *mut MapNode, hash: u64, fresh: Fresh) -> *mut MapNode {
        let (mut node, mut shift) = (root, 0);
        let (mut parent, mut link) = (ptr::null_mut::<MapNode>(), ptr::null_mut::<*mut MapNode>());
        let changed = loop {
            if node.is_null() || !self.owns(node) || is_collision(node) {
                break self.insert(node, hash, shift, fresh);
            }
            let bit = slot_bit(hash, shift);
            if (*node).child_bitmap & bit == 0 {
                break self.insert_here(node, bit, hash, shift, fresh);
            }
            link = children(node, &self.layout).add(rank((*node).child_bitmap, bit));
            parent = node;
            node = *link;
            prefetch_node(node);
            shift += LEVEL_BITS;
        };
        if changed == node {
            return root;
        }
        if parent.is_null() {
            return changed;
        }
        gc::barrier(self.fiber, parent);
        *link = changed;
        root
    }

    /// The tree with the entry added or its value replaced.
    unsafe fn insert(&mut self, node: *mut MapNode, hash: u64, shift: u32, fresh: Fresh) -> *mut MapNode {
        if node.is_null() {
            self.added = true;
            let node = self.new_node(slot_bit(hash, shift), 0, 0);
            self.write_entry(node, 0, fresh);
            return node;
        }
        if is_collision(node) {
            return self.insert_collision(node, fresh);
        }
        let bit = slot_bit(hash, shift);
        if (*node).child_bitmap & bit != 0 {
            let index = rank((*node).child_bitmap, bit);
            let old = *children(node, &self.layout).add(index);
            let new = self.insert(old, hash, shift + LEVEL_BITS, fresh);
            if new == old {
                return node;
            }
            let node = self.owned(node);
            gc::barrier(self.fiber, node);
            *children(node, &self.layout).add(index) = new;
            return node;
        }
        self.insert_here(node, bit, hash, shift, fresh)
    }

    /// As [`Editor::insert`], where no child has the slot.
    #[inline(always)]
    unsafe fn insert_here(
        &mut self,
        node: *mut MapNode,
        bit: u32,
        hash: u64,
        shift: u32,
        fresh: Fresh,
    ) -> *mut MapNode {
        let index = rank((*node).entry_bitmap, bit);
        if (*node).entry_bitmap & bit == 0 {
            self.added = true;
            return self.with_entry(node, bit, index, fresh);
        }
        let present = entry(node, &self.layout, index);
        if same(present, fresh.key, &self.layout) {
            return self.replace_value(node, index, fresh);
        }
        self.added = true;
        let present_hash = hash_of(present, &self.layout);
        let pair = self.pair(self.lift(present), present_hash, fresh, hash, shift + LEVEL_BITS);
        self.entry_to_child(node, bit, index, pair)
    }

    unsafe fn replace_value(&mut self, node: *mut MapNode, index: usize, fresh: Fresh) -> *mut MapNode {
        if fresh.value.is_null() {
            return node;
        }
        let node = self.owned(node);
        gc::barrier(self.fiber, node);
        copy(self.layout.value_size, fresh.value, entry(node, &self.layout, index).add(self.layout.value_offset));
        node
    }

    #[inline(always)]
    unsafe fn with_entry(&self, node: *mut MapNode, bit: u32, index: usize, fresh: Fresh) -> *mut MapNode {
        let (count, child_count) = ((*node).entry_bitmap.count_ones() as usize, child_count(node));
        if self.owns(node) && words(count + 1, child_count, &self.layout) <= capacity(node) {
            gc::barrier(self.fiber, node);
            let at = entry(node, &self.layout, index);
            let behind = (count - index) * self.layout.entry_size + child_count * 8;
            ptr::copy(at, at.add(self.layout.entry_size), behind);
            (*node).entry_bitmap |= bit;
            self.write_entry(node, index, fresh);
            return node;
        }
        let result = self.growing_node((*node).entry_bitmap | bit, (*node).child_bitmap);
        self.copy_entries(node, 0, index, result, 0);
        self.write_entry(result, index, fresh);
        self.copy_entries(node, index, count - index, result, index + 1);
        self.copy_children(node, 0, child_count, result, 0);
        result
    }

    /// The entry at `index` moves into the child.
    unsafe fn entry_to_child(&self, node: *mut MapNode, bit: u32, index: usize, child: *mut MapNode) -> *mut MapNode {
        let (entries, old_children) = (entry_count(node), child_count(node));
        let at = rank((*node).child_bitmap, bit);
        if self.owns(node) {
            // An entry is at least as long as a reference.
            gc::barrier(self.fiber, node);
            let (gap, old) = (entry(node, &self.layout, index), children(node, &self.layout));
            let new = old.cast::<u8>().sub(self.layout.entry_size).cast::<*mut MapNode>();
            ptr::copy(gap.add(self.layout.entry_size), gap, (entries - 1 - index) * self.layout.entry_size + at * 8);
            ptr::copy(old.add(at), new.add(at + 1), old_children - at);
            *new.add(at) = child;
            (*node).entry_bitmap &= !bit;
            (*node).child_bitmap |= bit;
            return node;
        }
        let result = self.new_node((*node).entry_bitmap & !bit, (*node).child_bitmap | bit, 0);
        self.copy_entries(node, 0, index, result, 0);
        self.copy_entries(node, index + 1, entries - index - 1, result, index);
        self.copy_children(node, 0, at, result, 0);
        *children(result, &self.layout).add(at) = child;
        self.copy_children(node, at, old_children - at, result, at + 1);
        result
    }

    /// The smallest tree of two different keys.
    unsafe fn pair(&self, one: Fresh, one_hash: u64, other: Fresh, other_hash: u64, shift: u32) -> *mut MapNode {
        if shift >= HASH_BITS {
            let node = self.new_node(0, 0, 2);
            let in_order = compare(one.key, other.key, self.layout.key) == Ordering::Less;
            self.write_entry(node, !in_order as usize, one);
            self.write_entry(node, in_order as usize, other);
            return node;
        }
        let (one_bit, other_bit) = (slot_bit(one_hash, shift), slot_bit(other_hash, shift));
        if one_bit == other_bit {
            let below = self.pair(one, one_hash, other, other_hash, shift + LEVEL_BITS);
            let node = self.new_node(0, one_bit, 0);
            *children(node, &self.layout) = below;
            return node;
        }
        let node = self.new_node(one_bit | other_bit, 0, 0);
        self.write_entry(node, (one_bit > other_bit) as usize, one);
        self.write_entry(node, (one_bit < other_bit) as usize, other);
        node
    }

    unsafe fn insert_collision(&mut self, node: *mut MapNode, fresh: Fresh) -> *mut MapNode {
        match search_collision(node, &self.layout, fresh.key) {
            Ok(index) => self.replace_value(node, index, fresh),
            Err(index) => {
                self.added = true;
                let count = entry_count(node);
                let result = self.new_node(0, 0, count + 1);
                self.copy_entries(node, 0, index, result, 0);
                self.write_entry(result, index, fresh);
                self.copy_entries(node, index, count - index, result, index + 1);
                result
            }
        }
    }
}

/// Where `key` is in a collision node, or where it belongs.
pub(super) unsafe fn search_collision(node: *const MapNode, layout: &Layout, key: *const u8) -> Result<usize, usize> {
    let (mut low, mut high) = (0, entry_count(node));
    while low < high {
        let middle = (low + high) / 2;
        match compare(entry(node, layout, middle), key, layout.key) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => return Ok(middle),
        }
    }
    Err(low)
}

/// Whether two keys are the same key, the kinds of nearly all keys first.
#[inline]
pub(super) unsafe fn same(left: *const u8, right: *const u8, layout: &Layout) -> bool {
    match layout.kind {
        Kind::Int => left.cast::<u64>().read_unaligned() == right.cast::<u64>().read_unaligned(),
        Kind::String => {
            let (left, right) = (reference(left).cast::<StringObject>(), reference(right).cast::<StringObject>());
            crate::string::equal(left, right)
        }
        _ => same_key(left, right, layout.key),
    }
}

/// The hash of a key. Tests replace it by a poor one to see collisions.
#[inline]
pub(super) unsafe fn hash_of(key: *const u8, layout: &Layout) -> u64 {
    let hash = hash(key, layout.key);
    #[cfg(test)]
    let hash = hash & super::tests::HASH_MASK.with(core::cell::Cell::get);
    hash
}
