//! Inserting into the tree of a map.
//!
//! In: nodes, a key's hash, a key and a value in their slots. Out: changed trees. A node whose `owner` is the editor's
//! token belongs to this editor alone and is changed in place where its size stays the same; others are copied.

use super::layout::{Layout, child_count, children, entry, entry_count, is_collision};
use crate::abi::{Fiber, MapNode, header};
use crate::gc;
use crate::slot::{allocate, copy};
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
        let size = size_of::<MapNode>() + entries * self.layout.entry_size + child_bitmap.count_ones() as usize * 8;
        let header = header(self.layout.node_type, collisions as u32);
        let node = allocate(self.fiber, size, header).cast::<MapNode>();
        node.write(MapNode { header, owner: self.token, entry_bitmap, child_bitmap });
        node
    }

    pub(super) unsafe fn write_entry(&self, node: *mut MapNode, index: usize, fresh: Fresh) {
        let at = entry(node, &self.layout, index);
        // The gaps between key, value and the next entry are never read, but are kept zero for the collector's sake.
        ptr::write_bytes(at, 0, self.layout.entry_size);
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

    /// The tree with the entry added or its value replaced.
    pub(super) unsafe fn insert(&mut self, node: *mut MapNode, hash: u64, shift: u32, fresh: Fresh) -> *mut MapNode {
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
        let index = rank((*node).entry_bitmap, bit);
        if (*node).entry_bitmap & bit == 0 {
            self.added = true;
            return self.with_entry(node, bit, index, fresh);
        }
        let present = entry(node, &self.layout, index);
        if same_key(present, fresh.key, self.layout.key) {
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

    unsafe fn with_entry(&self, node: *mut MapNode, bit: u32, index: usize, fresh: Fresh) -> *mut MapNode {
        let count = entry_count(node);
        let result = self.new_node((*node).entry_bitmap | bit, (*node).child_bitmap, 0);
        self.copy_entries(node, 0, index, result, 0);
        self.write_entry(result, index, fresh);
        self.copy_entries(node, index, count - index, result, index + 1);
        self.copy_children(node, 0, child_count(node), result, 0);
        result
    }

    /// The entry at `index` moves into the child.
    unsafe fn entry_to_child(&self, node: *mut MapNode, bit: u32, index: usize, child: *mut MapNode) -> *mut MapNode {
        let (entries, old_children) = (entry_count(node), child_count(node));
        let result = self.new_node((*node).entry_bitmap & !bit, (*node).child_bitmap | bit, 0);
        let at = rank((*node).child_bitmap, bit);
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

/// The hash of a key. Tests replace it by a poor one to see collisions.
#[inline]
pub(super) unsafe fn hash_of(key: *const u8, layout: &Layout) -> u64 {
    let hash = hash(key, layout.key);
    #[cfg(test)]
    let hash = hash & super::tests::HASH_MASK.with(core::cell::Cell::get);
    hash
}
