//! Where things are in the nodes of maps and sets.
//!
//! In: a Map's or Set's [`TypeDesc`], nodes. Out: offsets, entries, children.
//!
//! ```text
//! node       header, owner, entry bitmap, child bitmap, entries (key, then value), child references, room;
//!            aux counts the words behind the bitmaps
//! collision  both bitmaps 0; aux counts the entries, which are in canonical order of their keys
//! ```

use crate::abi::{Kind, MapNode, TypeDesc, map_entry_size, map_value_offset};
use crate::slot::{argument, aux, prefetch};

/// The layout of a map's entries.
pub struct Layout {
    pub key: *const TypeDesc,
    /// Null for a Set.
    pub value: *const TypeDesc,
    pub value_offset: usize,
    pub value_size: usize,
    pub key_size: usize,
    pub entry_size: usize,
    /// Of the key.
    pub kind: Kind,
    pub node_type: u32,
}

impl Layout {
    #[inline]
    pub unsafe fn of(desc: *const TypeDesc) -> Layout {
        let key = argument(desc, 0);
        let key_size = (*key).size;
        if (*desc).kind == Kind::Set {
            return Layout {
                key,
                value: core::ptr::null(),
                value_offset: key_size as usize,
                value_size: 0,
                key_size: key_size as usize,
                entry_size: map_entry_size(key_size, 0, 1) as usize,
                kind: (*key).kind,
                node_type: (*desc).node_type,
            };
        }
        let value = argument(desc, 1);
        Layout {
            key,
            value,
            value_offset: map_value_offset(key_size, (*value).align) as usize,
            value_size: (*value).size as usize,
            key_size: key_size as usize,
            entry_size: map_entry_size(key_size, (*value).size, (*value).align) as usize,
            kind: (*key).kind,
            node_type: (*desc).node_type,
        }
    }
}

#[inline]
pub unsafe fn is_collision(node: *const MapNode) -> bool {
    (*node).entry_bitmap | (*node).child_bitmap == 0
}

#[inline]
pub unsafe fn entry_count(node: *const MapNode) -> usize {
    if is_collision(node) { aux(node.cast()) as usize } else { (*node).entry_bitmap.count_ones() as usize }
}

#[inline]
pub unsafe fn child_count(node: *const MapNode) -> usize {
    (*node).child_bitmap.count_ones() as usize
}

#[inline]
pub unsafe fn entry(node: *const MapNode, layout: &Layout, index: usize) -> *mut u8 {
    node.add(1).cast::<u8>().add(index * layout.entry_size).cast_mut()
}

/// The child references, which follow the entries.
#[inline]
pub unsafe fn children(node: *const MapNode, layout: &Layout) -> *mut *mut MapNode {
    entry(node, layout, entry_count(node)).cast()
}

#[inline]
pub unsafe fn child(node: *const MapNode, layout: &Layout, index: usize) -> *mut MapNode {
    *children(node, layout).add(index)
}

/// Words behind the fixed part that a node of these contents needs; not for collision nodes.
#[inline]
pub unsafe fn words(entries: usize, children: usize, layout: &Layout) -> usize {
    entries * (layout.entry_size / 8) + children
}

/// Words behind the fixed part of a node that is not a collision node.
#[inline]
pub unsafe fn capacity(node: *const MapNode) -> usize {
    aux(node.cast()) as usize
}

/// Fetches what a search reads next of a node: its bitmaps tell only late which line that is, so all lines of nodes of usual
/// length come at once.
#[inline]
pub fn prefetch_node(node: *const MapNode) {
    for line in 0..4 {
        prefetch(node as usize + line * 64 + 16);
    }
}
