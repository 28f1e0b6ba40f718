//! Removing from the tree of a map, which keeps the one form that its keys have.
//!
//! In: nodes, a key and its hash. Out: changed trees. A node below the root that would keep a single entry dissolves: the
//! entry moves up.

use super::insert::{Editor, Fresh, LEVEL_BITS, rank, search_collision, slot_bit};
use super::layout::{child_count, children, entry, entry_count, is_collision};
use crate::abi::MapNode;
use crate::gc;
use crate::value::same_key;

/// What is left of a tree.
pub(super) enum Removed {
    /// The key was not there.
    Missing,
    /// Null when nothing is left (only for the root).
    Tree(*mut MapNode),
    /// This entry alone.
    Single(*const u8),
}

impl Editor {
    pub(super) unsafe fn remove(&self, node: *mut MapNode, hash: u64, shift: u32, key: *const u8) -> Removed {
        if is_collision(node) {
            return self.remove_collision(node, key);
        }
        let bit = slot_bit(hash, shift);
        if (*node).child_bitmap & bit != 0 {
            let index = rank((*node).child_bitmap, bit);
            let old = *children(node, &self.layout).add(index);
            return match self.remove(old, hash, shift + LEVEL_BITS, key) {
                Removed::Missing => Removed::Missing,
                Removed::Tree(new) if new == old => Removed::Tree(node),
                Removed::Tree(new) => {
                    let node = self.owned(node);
                    gc::barrier(self.fiber, node);
                    *children(node, &self.layout).add(index) = new;
                    Removed::Tree(node)
                }
                Removed::Single(single) if shift > 0 && entry_count(node) == 0 && child_count(node) == 1 => {
                    Removed::Single(single)
                }
                Removed::Single(single) => Removed::Tree(self.child_to_entry(node, bit, index, self.lift(single))),
            };
        }
        if (*node).entry_bitmap & bit == 0 {
            return Removed::Missing;
        }
        let index = rank((*node).entry_bitmap, bit);
        if !same_key(entry(node, &self.layout, index), key, self.layout.key) {
            return Removed::Missing;
        }
        match (entry_count(node), child_count(node)) {
            (1, 0) => Removed::Tree(core::ptr::null_mut()),
            (2, 0) if shift > 0 => Removed::Single(entry(node, &self.layout, 1 - index)),
            (entries, children) => {
                if self.token != 0 && (*node).owner == self.token {
                    let at = entry(node, &self.layout, index);
                    let behind = (entries - 1 - index) * self.layout.entry_size + children * 8;
                    core::ptr::copy(at.add(self.layout.entry_size), at, behind);
                    (*node).entry_bitmap &= !bit;
                    return Removed::Tree(node);
                }
                let result = self.new_node((*node).entry_bitmap & !bit, (*node).child_bitmap, 0);
                self.copy_entries(node, 0, index, result, 0);
                self.copy_entries(node, index + 1, entries - index - 1, result, index);
                self.copy_children(node, 0, child_count(node), result, 0);
                Removed::Tree(result)
            }
        }
    }

    unsafe fn remove_collision(&self, node: *mut MapNode, key: *const u8) -> Removed {
        let Ok(index) = search_collision(node, &self.layout, key) else { return Removed::Missing };
        let count = entry_count(node);
        if count == 2 {
            return Removed::Single(entry(node, &self.layout, 1 - index));
        }
        let result = self.new_node(0, 0, count - 1);
        self.copy_entries(node, 0, index, result, 0);
        self.copy_entries(node, index + 1, count - index - 1, result, index);
        Removed::Tree(result)
    }

    /// The child at `index` is replaced by its only entry.
    unsafe fn child_to_entry(&self, node: *mut MapNode, bit: u32, index: usize, single: Fresh) -> *mut MapNode {
        let (entries, old_children) = (entry_count(node), child_count(node));
        let result = self.new_node((*node).entry_bitmap | bit, (*node).child_bitmap & !bit, 0);
        let at = rank((*node).entry_bitmap, bit);
        self.copy_entries(node, 0, at, result, 0);
        self.write_entry(result, at, single);
        self.copy_entries(node, at, entries - at, result, at + 1);
        self.copy_children(node, 0, index, result, 0);
        self.copy_children(node, index + 1, old_children - index - 1, result, index);
        result
    }
}
