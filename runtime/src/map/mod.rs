//! Maps: lookup and changed copies, over a CHAMP tree whose form depends on the keys alone.
//!
//! In: [`MapObject`]s, keys and values in slots. Out: values, new maps, lists. Sets use the same trees, see `set`.
//! Submodules: `layout` of nodes, `insert`, `remove`, `iter`.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

pub mod find;
pub mod insert;
pub mod iter;
pub mod layout;
pub mod remove;

use self::insert::{Editor, Fresh, LEVEL_BITS, hash_of, rank, search_collision, slot_bit};
use self::layout::{Layout, children, entry, is_collision};
use self::remove::Removed;
use crate::abi::{Fiber, HEADER_OLD, Kind, ListObject, MapObject, SLOT_WORDS, Site, TypeDesc, header, type_id};
use crate::gc;
use crate::list::Builder;
use crate::slot::{allocate, argument, copy, fail, fresh_token, keep, write_nil, write_some};
use crate::value::{SlotBuffer, canonical_key};
use core::ptr;

struct Constant(MapObject);

// SAFETY: never written.
unsafe impl Sync for Constant {}

static EMPTY: Constant =
    Constant(MapObject { header: header(type_id::MAP, 0) | HEADER_OLD, owner: 0, len: 0, root: ptr::null_mut() });

pub fn empty() -> *mut MapObject {
    (&raw const EMPTY.0).cast_mut()
}

unsafe fn new_map(fiber: *mut Fiber, len: i64, root: *mut crate::abi::MapNode) -> *mut MapObject {
    if root.is_null() {
        return empty();
    }
    let header = header(type_id::MAP, 0);
    let map = allocate(fiber, size_of::<MapObject>(), header).cast::<MapObject>();
    map.write(MapObject { header, owner: 0, len, root });
    map
}

/// Address of the entry of `key`, or null.
pub unsafe fn find(map: *const MapObject, layout: &Layout, key: *const u8) -> *const u8 {
    let mut node = (*map).root;
    if node.is_null() {
        return ptr::null();
    }
    let hash = hash_of(key, layout);
    let mut shift = 0;
    loop {
        if is_collision(node) {
            return match search_collision(node, layout, key) {
                Ok(index) => entry(node, layout, index),
                Err(_) => ptr::null(),
            };
        }
        let bit = slot_bit(hash, shift);
        if (*node).entry_bitmap & bit != 0 {
            let found = entry(node, layout, rank((*node).entry_bitmap, bit));
            return if insert::same(found, key, layout) { found } else { ptr::null() };
        }
        if (*node).child_bitmap & bit == 0 {
            return ptr::null();
        }
        node = *children(node, layout).add(rank((*node).child_bitmap, bit));
        shift += LEVEL_BITS;
    }
}

/// A map or set under construction, or a series of changes to one. Lives on the stack.
pub struct MapBuilder {
    pub editor: Editor,
    root: *mut crate::abi::MapNode,
    len: i64,
}

impl MapBuilder {
    /// Starts with the entries of `map`, whose type is `desc`.
    pub unsafe fn new(fiber: *mut Fiber, desc: *const TypeDesc, map: *const MapObject) -> MapBuilder {
        let editor = Editor { fiber, layout: Layout::of(desc), token: fresh_token(), added: false };
        MapBuilder { editor, root: (*map).root, len: (*map).len }
    }

    /// `value` is null for sets.
    #[inline(always)]
    pub unsafe fn insert(&mut self, key: *const u8, value: *const u8) {
        let mut buffer: SlotBuffer = [0; SLOT_WORDS];
        let mut stored = key;
        if !matches!(self.editor.layout.kind, Kind::Int | Kind::String) {
            let canonical = (&raw mut buffer).cast::<u8>();
            canonical_key(self.editor.fiber, key, self.editor.layout.key, canonical);
            stored = canonical;
        }
        let hash = hash_of(stored, &self.editor.layout);
        self.editor.added = false;
        self.root = self.editor.insert_into(self.root, hash, Fresh { key: stored, value });
        self.len += self.editor.added as i64;
    }

    pub unsafe fn finish(self) -> *mut MapObject {
        new_map(self.editor.fiber, self.len, self.root)
    }
}

/// The map with these parts: `map` itself if the token owns it, else a new one.
unsafe fn with_parts(
    fiber: *mut Fiber,
    map: *mut MapObject,
    len: i64,
    root: *mut crate::abi::MapNode,
    token: u64,
) -> *mut MapObject {
    if token != 0 && (*map).owner == token && !root.is_null() {
        gc::barrier(fiber, map);
        (*map).len = len;
        (*map).root = root;
        return map;
    }
    let map = new_map(fiber, len, root);
    if token != 0 && !root.is_null() {
        (*map).owner = token;
    }
    map
}

/// `map` with the entry; `value` is null for sets. A token of 0 owns nothing.
pub unsafe fn inserted(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    value: *const u8,
    token: i64,
    desc: *const TypeDesc,
) -> *mut MapObject {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") {
        return inserted_counting(fiber, map, key, value, token, desc);
    }
    inserted_anywhere(fiber, map, key, value, token, desc)
}

/// For processors that count bits in one instruction, see `find`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
unsafe fn inserted_counting(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    value: *const u8,
    token: i64,
    desc: *const TypeDesc,
) -> *mut MapObject {
    inserted_anywhere(fiber, map, key, value, token, desc)
}

#[inline(always)]
unsafe fn inserted_anywhere(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    value: *const u8,
    token: i64,
    desc: *const TypeDesc,
) -> *mut MapObject {
    let editor = Editor { fiber, layout: Layout::of(desc), token: token as u64, added: false };
    let mut builder = MapBuilder { editor, root: (*map).root, len: (*map).len };
    builder.insert(key, value);
    if builder.root == (*map).root && builder.len == (*map).len {
        return map;
    }
    with_parts(fiber, map, builder.len, builder.root, token as u64)
}

/// `map` without the key.
pub unsafe fn removed(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    token: i64,
    desc: *const TypeDesc,
) -> *mut MapObject {
    if (*map).root.is_null() {
        return map;
    }
    let editor = Editor { fiber, layout: Layout::of(desc), token: token as u64, added: false };
    match editor.remove((*map).root, hash_of(key, &editor.layout), 0, key) {
        Removed::Missing => map,
        Removed::Tree(root) => with_parts(fiber, map, (*map).len - 1, root, token as u64),
        // The root keeps a single entry.
        Removed::Single(_) => unreachable!(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_from(
    fiber: *mut Fiber,
    entries: *const u8,
    count: i64,
    ty: *const TypeDesc,
) -> *mut MapObject {
    let mut builder = MapBuilder::new(fiber, ty, empty());
    let (entry_size, value_offset) = (builder.editor.layout.entry_size, builder.editor.layout.value_offset);
    for index in 0..count as usize {
        let at = entries.add(index * entry_size);
        builder.insert(at, at.add(value_offset));
    }
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_len(map: *const MapObject) -> i64 {
    (*map).len
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_get(
    fiber: *mut Fiber,
    map: *const MapObject,
    key: *const u8,
    ty: *const TypeDesc,
    result: *const TypeDesc,
    out: *mut u8,
) {
    let layout = Layout::of(ty);
    let found = find(map, &layout, key);
    if found.is_null() {
        write_nil(result, out);
        return;
    }
    let value = found.add(layout.value_offset);
    // `V?` of an optional V is V itself.
    if (*layout.value).kind == crate::abi::Kind::Optional {
        copy(layout.value_size, value, out);
        return;
    }
    write_some(fiber, result, value, out);
    keep(map);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_index(
    fiber: *mut Fiber,
    map: *const MapObject,
    key: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    let layout = Layout::of(ty);
    let found = find(map, &layout, key);
    if found.is_null() {
        fail(fiber, site, "key not found");
    }
    copy(layout.value_size, found.add(layout.value_offset), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_has(map: *const MapObject, key: *const u8, ty: *const TypeDesc) -> bool {
    !find(map, &Layout::of(ty), key).is_null()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_set(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    value: *const u8,
    ty: *const TypeDesc,
) -> *mut MapObject {
    inserted(fiber, map, key, value, 0, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_set_owned(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    value: *const u8,
    token: i64,
    ty: *const TypeDesc,
) -> *mut MapObject {
    inserted(fiber, map, key, value, token, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_remove(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    ty: *const TypeDesc,
) -> *mut MapObject {
    removed(fiber, map, key, 0, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_remove_owned(
    fiber: *mut Fiber,
    map: *mut MapObject,
    key: *const u8,
    token: i64,
    ty: *const TypeDesc,
) -> *mut MapObject {
    removed(fiber, map, key, token, ty)
}

/// The parts at `offset` of all entries, as a list.
unsafe fn column(
    fiber: *mut Fiber,
    map: *mut MapObject,
    ty: *const TypeDesc,
    element: *const TypeDesc,
    offset: usize,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, element);
    iter::for_each(map, &Layout::of(ty), |entry| builder.push(entry.add(offset)));
    keep(map);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_keys(
    fiber: *mut Fiber,
    map: *mut MapObject,
    ty: *const TypeDesc,
    result: *const TypeDesc,
) -> *mut ListObject {
    column(fiber, map, ty, argument(result, 0), 0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_values(
    fiber: *mut Fiber,
    map: *mut MapObject,
    ty: *const TypeDesc,
    result: *const TypeDesc,
) -> *mut ListObject {
    column(fiber, map, ty, argument(result, 0), Layout::of(ty).value_offset)
}

/// The entries of `other` win.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_map_merge(
    fiber: *mut Fiber,
    map: *mut MapObject,
    other: *mut MapObject,
    ty: *const TypeDesc,
) -> *mut MapObject {
    if (*map).len == 0 {
        return other;
    }
    if (*other).len == 0 {
        return map;
    }
    let mut builder = MapBuilder::new(fiber, ty, map);
    let layout = Layout::of(ty);
    iter::for_each(other, &layout, |entry| builder.insert(entry, entry.add(layout.value_offset)));
    keep(other);
    builder.finish()
}

#[cfg(test)]
mod tests;
