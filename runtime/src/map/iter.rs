//! Iteration over maps and sets: the entries of a node, then its children, in an order that follows from the keys.
//!
//! In: a [`MapIter`] in the caller's frame, which keeps the nodes alive. Out: addresses of entries.

use super::layout::{Layout, child, child_count, entry, entry_count};
use crate::abi::{MapIter, MapObject, TypeDesc};
use core::ptr;

pub unsafe fn start(map: *const MapObject) -> MapIter {
    let mut iter = MapIter { depth: 0, nodes: [ptr::null(); 16], positions: [0; 16] };
    if !(*map).root.is_null() {
        iter.depth = 1;
        iter.nodes[0] = (*map).root;
    }
    iter
}

/// Address of the next entry, or null at the end.
pub unsafe fn next(iter: &mut MapIter, layout: &Layout) -> *const u8 {
    while iter.depth > 0 {
        let level = iter.depth as usize - 1;
        let (node, position) = (iter.nodes[level], iter.positions[level] as usize);
        iter.positions[level] += 1;
        let entries = entry_count(node);
        if position < entries {
            return entry(node, layout, position);
        }
        if position < entries + child_count(node) {
            iter.nodes[level + 1] = child(node, layout, position - entries);
            iter.positions[level + 1] = 0;
            iter.depth += 1;
        } else {
            iter.depth -= 1;
        }
    }
    ptr::null()
}

/// Calls `visit` with the address of each entry.
pub unsafe fn for_each(map: *const MapObject, layout: &Layout, mut visit: impl FnMut(*const u8)) {
    let mut iter = start(map);
    loop {
        let entry = next(&mut iter, layout);
        if entry.is_null() {
            break;
        }
        visit(entry);
    }
    // `visit` may allocate: the nodes stay on the stack until here.
    core::hint::black_box(&iter);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_iter_init(iter: *mut MapIter, map: *const MapObject) {
    iter.write(start(map));
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_iter_next(iter: *mut MapIter, ty: *const TypeDesc) -> *const u8 {
    next(&mut *iter, &Layout::of(ty))
}
