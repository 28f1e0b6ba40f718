//! Finding entries by the keys that nearly all maps have, without a descriptor.
//!
//! In: a map, an int or a string. Out: the address of the entry, or null. Programs call these in line with what they do with
//! the entry. Deliberately not here: other keys, see `map::find`.

use super::insert::{LEVEL_BITS, rank, slot_bit};
use super::layout::{is_collision, prefetch_node};
use crate::abi::{MapNode, MapObject, StringObject};
use crate::slot::{aux, reference};
use crate::value::hash::{hash_bytes, scramble};
use core::ptr;

/// Walks down by the hash; `same` compares the key of the entry at an address.
#[inline(always)]
unsafe fn walk(map: *const MapObject, hash: u64, entry_size: usize, same: impl Fn(*const u8) -> bool) -> *const u8 {
    #[cfg(test)]
    let hash = hash & super::tests::HASH_MASK.with(core::cell::Cell::get);
    let mut node: *const MapNode = (*map).root;
    if node.is_null() {
        return ptr::null();
    }
    let mut shift = 0;
    loop {
        let (entries, children) = ((*node).entry_bitmap, (*node).child_bitmap);
        let bit = slot_bit(hash, shift);
        let first = node.add(1).cast::<u8>();
        if children & bit != 0 {
            let references = first.add(entries.count_ones() as usize * entry_size).cast::<*const MapNode>();
            node = *references.add(rank(children, bit));
            prefetch_node(node);
            shift += LEVEL_BITS;
            continue;
        }
        if entries & bit != 0 {
            let found = first.add(rank(entries, bit) * entry_size);
            return if same(found) { found } else { ptr::null() };
        }
        if !is_collision(node) {
            return ptr::null();
        }
        let count = aux(node.cast()) as usize;
        let found = (0..count).map(|index| first.add(index * entry_size)).find(|&entry| same(entry));
        return found.unwrap_or(ptr::null());
    }
}

#[inline(always)]
unsafe fn find_int(map: *const MapObject, key: i64, entry_size: usize) -> *const u8 {
    walk(map, scramble(key as u64), entry_size, |entry| entry.cast::<i64>().read() == key)
}

#[inline(always)]
unsafe fn find_string(map: *const MapObject, key: *const StringObject, entry_size: usize) -> *const u8 {
    let hash = hash_bytes(crate::string::bytes(key));
    walk(map, hash, entry_size, |entry| crate::string::equal(reference(entry).cast(), key))
}

/// The same for processors that count bits in one instruction, which nearly all can.
#[cfg(target_arch = "x86_64")]
mod counting {
    use super::{MapObject, StringObject};

    #[target_feature(enable = "popcnt")]
    pub(super) unsafe fn find_int(map: *const MapObject, key: i64, entry_size: usize) -> *const u8 {
        // SAFETY: forwarded.
        unsafe { super::find_int(map, key, entry_size) }
    }

    #[target_feature(enable = "popcnt")]
    pub(super) unsafe fn find_string(map: *const MapObject, key: *const StringObject, entry_size: usize) -> *const u8 {
        // SAFETY: forwarded.
        unsafe { super::find_string(map, key, entry_size) }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_find_int(map: *const MapObject, key: i64, entry_size: i64) -> *const u8 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") {
        return counting::find_int(map, key, entry_size as usize);
    }
    find_int(map, key, entry_size as usize)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_find_string(
    map: *const MapObject,
    key: *const StringObject,
    entry_size: i64,
) -> *const u8 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") {
        return counting::find_string(map, key, entry_size as usize);
    }
    find_string(map, key, entry_size as usize)
}
