//! Changed copies of lists: set, append, pop, slices, joins.
//!
//! In: lists and elements. Out: new lists that share what stays the same. `append`, `set`, `pop` and prefixes cost
//! O(log n); what moves elements costs the number of elements moved.

use super::build::Tree;
use super::{
    Builder, empty, leaf_bits, leaf_of, leaf_token, mark_leaf, new_elements, new_list, slot, slots, tail_offset,
    taken_of,
};
use crate::abi::{Elements, Fiber, ListObject, Site, TypeDesc};
use crate::gc;
use crate::slot::{argument, aux, claim, copy, fail, fail_index, keep, resolve_index, resolve_slice};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

/// The first `count` elements.
pub(super) unsafe fn truncate(fiber: *mut Fiber, list: *mut ListObject, size: usize, count: usize) -> *mut ListObject {
    if count == (*list).len as usize {
        return list;
    }
    if count == 0 {
        return empty();
    }
    let bits = leaf_bits(size);
    let offset = (count - 1) >> bits << bits;
    if offset == tail_offset(list, bits) {
        return new_list(fiber, count, (*list).depth, (*list).root, (*list).tail);
    }
    // The leaf that becomes the tail leaves the tree.
    let tail = slot(list, size, offset).sub(crate::abi::ELEMENTS_OFFSET as usize).cast_mut().cast();
    let mut tree = Tree { root: (*list).root, depth: (*list).depth };
    tree.truncate(fiber, offset >> bits);
    new_list(fiber, count, tree.depth, tree.root, tail)
}

/// The list with these parts: `list` itself if the token owns it, else a new one.
unsafe fn with_parts(
    fiber: *mut Fiber,
    list: *mut ListObject,
    len: usize,
    tree: Tree,
    tail: *mut Elements,
    token: u64,
) -> *mut ListObject {
    if token != 0 && (*list).owner == token {
        gc::barrier(fiber, list);
        (*list).len = len as i64;
        (*list).depth = tree.depth;
        (*list).root = tree.root;
        (*list).tail = tail;
        return list;
    }
    let list = new_list(fiber, len, tree.depth, tree.root, tail);
    (*list).owner = token;
    list
}

unsafe fn set(
    fiber: *mut Fiber,
    list: *mut ListObject,
    position: usize,
    value: *const u8,
    element: *const TypeDesc,
    token: u64,
) -> *mut ListObject {
    let (size, len) = ((*element).size as usize, (*list).len as usize);
    let bits = leaf_bits(size);
    let offset = tail_offset(list, bits);
    let inside = position & ((1 << bits) - 1);
    let old = slot(list, size, position - inside);
    let old_leaf = old.sub(crate::abi::ELEMENTS_OFFSET as usize).cast::<Elements>().cast_mut();
    if token != 0 && (*list).owner == token && leaf_token(old_leaf) == token {
        gc::barrier(fiber, old_leaf);
        copy(size, value, slots(old_leaf).add(inside * size));
        return list;
    }
    let in_tail = position >= offset;
    let in_use = if in_tail { len - offset } else { 1 << bits };
    let leaf = new_elements(fiber, element, aux(old_leaf.cast()) as usize, in_use);
    mark_leaf(leaf, in_use, token);
    ptr::copy_nonoverlapping(old, slots(leaf), in_use * size);
    copy(size, value, slots(leaf).add(inside * size));
    let mut tree = Tree { root: (*list).root, depth: (*list).depth };
    if in_tail {
        return with_parts(fiber, list, len, tree, leaf, token);
    }
    tree.replace(fiber, position >> bits, leaf, token);
    with_parts(fiber, list, len, tree, (*list).tail, token)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_set(
    fiber: *mut Fiber,
    list: *mut ListObject,
    index: i64,
    value: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ListObject {
    coex_list_set_owned(fiber, list, index, value, 0, ty, site)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_set_owned(
    fiber: *mut Fiber,
    list: *mut ListObject,
    index: i64,
    value: *const u8,
    token: i64,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ListObject {
    let Some(position) = resolve_index(index, (*list).len) else { fail_index(fiber, site, index, (*list).len) };
    set(fiber, list, position, value, argument(ty, 0), token as u64)
}

/// As [`coex_list_set_owned`] of an element to itself, at a position of the list: for stores that follow at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_own(
    fiber: *mut Fiber,
    list: *mut ListObject,
    position: i64,
    token: i64,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let (element, token, position) = (argument(ty, 0), token as u64, position as usize);
    let size = (*element).size as usize;
    let bits = leaf_bits(size);
    let owned = |list: *const ListObject| (*list).owner == token && leaf_token(leaf_of(list, bits, position)) == token;
    let list = if owned(list) { list } else { set(fiber, list, position, slot(list, size, position), element, token) };
    gc::barrier(fiber, leaf_of(list, bits, position).cast_mut());
    list
}

/// Takes the slot behind the first `in_use` ones of the tail, if nobody has it.
#[inline]
unsafe fn take_slot(list: *const ListObject, tail: *mut Elements, in_use: usize, token: u64) -> bool {
    let owner = AtomicU64::from_ptr(&raw mut (*tail).owner).load(Ordering::Relaxed);
    if taken_of(owner) != in_use {
        return false;
    }
    if token != 0 && (*list).owner == token && leaf_token(tail) == token {
        // Only this variable has the leaf.
        (*tail).owner = owner + 1;
        return true;
    }
    claim(&raw mut (*tail).owner, owner, owner + 1)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_append(
    fiber: *mut Fiber,
    list: *mut ListObject,
    value: *const u8,
    ty: *const TypeDesc,
) -> *mut ListObject {
    coex_list_append_owned(fiber, list, value, 0, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_append_owned(
    fiber: *mut Fiber,
    list: *mut ListObject,
    value: *const u8,
    token: i64,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let (element, token) = (argument(ty, 0), token as u64);
    let size = (*element).size as usize;
    let (bits, len) = (leaf_bits(size), (*list).len as usize);
    let in_use = len - tail_offset(list, bits);
    let tail = (*list).tail;
    if len > 0 && in_use < aux(tail.cast()) as usize && take_slot(list, tail, in_use, token) {
        gc::barrier(fiber, tail);
        copy(size, value, slots(tail).add(in_use * size));
        if token != 0 && (*list).owner == token {
            (*list).len += 1;
            return list;
        }
        let tree = Tree { root: (*list).root, depth: (*list).depth };
        return with_parts(fiber, list, len + 1, tree, tail, token);
    }
    let full = 1 << bits;
    let mut tree = Tree { root: (*list).root, depth: (*list).depth };
    if len > 0 && in_use == full {
        tree.push(fiber, (len >> bits) - 1, tail, token);
        let leaf = new_elements(fiber, element, full, 1);
        mark_leaf(leaf, 1, token);
        copy(size, value, slots(leaf));
        return with_parts(fiber, list, len + 1, tree, leaf, token);
    }
    let leaf = new_elements(fiber, element, (in_use * 2).max(4).next_power_of_two().min(full), in_use + 1);
    mark_leaf(leaf, in_use + 1, token);
    if in_use > 0 {
        ptr::copy_nonoverlapping(slots(tail), slots(leaf), in_use * size);
    }
    copy(size, value, slots(leaf).add(in_use * size));
    with_parts(fiber, list, len + 1, tree, leaf, token)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_insert(
    fiber: *mut Fiber,
    list: *mut ListObject,
    index: i64,
    value: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ListObject {
    let len = (*list).len;
    if index == len {
        return coex_list_append(fiber, list, value, ty);
    }
    let Some(position) = resolve_index(index, len) else { fail_index(fiber, site, index, len) };
    let mut builder = resume_prefix(fiber, list, position, ty);
    builder.push(value);
    builder.extend_list(list, position, len as usize);
    keep(list);
    builder.finish()
}

/// A builder that continues behind the first `count` elements.
unsafe fn resume_prefix(fiber: *mut Fiber, list: *mut ListObject, count: usize, ty: *const TypeDesc) -> Builder {
    let element = argument(ty, 0);
    let prefix = truncate(fiber, list, (*element).size as usize, count);
    Builder::resume(fiber, prefix, element)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_remove(
    fiber: *mut Fiber,
    list: *mut ListObject,
    index: i64,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ListObject {
    let len = (*list).len;
    let Some(position) = resolve_index(index, len) else { fail_index(fiber, site, index, len) };
    if position + 1 == len as usize {
        return truncate(fiber, list, (*argument(ty, 0)).size as usize, position);
    }
    let mut builder = resume_prefix(fiber, list, position, ty);
    builder.extend_list(list, position + 1, len as usize);
    keep(list);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_pop(
    fiber: *mut Fiber,
    list: *mut ListObject,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ListObject {
    if (*list).len == 0 {
        fail(fiber, site, "pop of empty List");
    }
    truncate(fiber, list, (*argument(ty, 0)).size as usize, (*list).len as usize - 1)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_concat(
    fiber: *mut Fiber,
    left: *mut ListObject,
    right: *mut ListObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    if (*left).len == 0 {
        return right;
    }
    if (*right).len == 0 {
        return left;
    }
    let mut builder = Builder::resume(fiber, left, argument(ty, 0));
    builder.extend_list(right, 0, (*right).len as usize);
    keep(right);
    builder.finish()
}

/// `left` becomes the joined list if it carries the token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_concat_owned(
    fiber: *mut Fiber,
    left: *mut ListObject,
    right: *mut ListObject,
    token: i64,
    ty: *const TypeDesc,
) -> *mut ListObject {
    if (*left).len == 0 {
        return right;
    }
    if (*right).len == 0 {
        return left;
    }
    let mut builder = Builder::resume_owned(fiber, left, argument(ty, 0), token as u64);
    builder.extend_list(right, 0, (*right).len as usize);
    keep(right);
    let (len, tree, tail) = builder.into_parts();
    with_parts(fiber, left, len, tree, tail, token as u64)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_slice(
    fiber: *mut Fiber,
    list: *mut ListObject,
    start: i64,
    end: i64,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let element = argument(ty, 0);
    let (start, end) = resolve_slice(start, end, (*list).len);
    if start == 0 || start == end {
        return truncate(fiber, list, (*element).size as usize, end - start);
    }
    let mut builder = Builder::new(fiber, element);
    builder.extend_list(list, start, end);
    keep(list);
    builder.finish()
}

/// The positions `start..end` are overwritten from the source as far as it goes; the length stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_set_slice(
    fiber: *mut Fiber,
    list: *mut ListObject,
    start: i64,
    end: i64,
    source: *mut ListObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let (start, end) = resolve_slice(start, end, (*list).len);
    let count = (end - start).min((*source).len as usize);
    if count == 0 {
        return list;
    }
    let mut builder = resume_prefix(fiber, list, start, ty);
    builder.extend_list(source, 0, count);
    builder.extend_list(list, start + count, (*list).len as usize);
    keep(list);
    keep(source);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_reverse(
    fiber: *mut Fiber,
    list: *mut ListObject,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let element = argument(ty, 0);
    let mut builder = Builder::new(fiber, element);
    for index in (0..(*list).len as usize).rev() {
        builder.push(slot(list, (*element).size as usize, index));
    }
    keep(list);
    builder.finish()
}
