//! Sets: maps whose entries have no value.
//!
//! In: [`MapObject`]s of a Set's type. Out: new sets, lists, arrays.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

use crate::abi::{ArrayObject, Fiber, ListObject, MapObject, TypeDesc};
use crate::list::{Builder, for_each_run};
use crate::map::iter::for_each;
use crate::map::layout::Layout;
use crate::map::{MapBuilder, empty, find, inserted, removed};
use crate::slot::{argument, copy, keep};
use core::ptr;

/// A set of the elements of runs.
unsafe fn insert_run(builder: &mut MapBuilder, run: *const u8, count: usize) {
    let size = builder.editor.layout.key_size;
    for index in 0..count {
        builder.insert(run.add(index * size), ptr::null());
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_from(
    fiber: *mut Fiber,
    elements: *const u8,
    count: i64,
    ty: *const TypeDesc,
) -> *mut MapObject {
    let mut builder = MapBuilder::new(fiber, ty, empty());
    insert_run(&mut builder, elements, count as usize);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_list_to_set(
    fiber: *mut Fiber,
    list: *mut ListObject,
    ty: *const TypeDesc,
    result: *const TypeDesc,
) -> *mut MapObject {
    let mut builder = MapBuilder::new(fiber, result, empty());
    let size = (*argument(ty, 0)).size as usize;
    for_each_run(list, size, 0, (*list).len as usize, |run, count| insert_run(&mut builder, run, count));
    keep(list);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_array_to_set(
    fiber: *mut Fiber,
    array: *mut ArrayObject,
    _ty: *const TypeDesc,
    result: *const TypeDesc,
) -> *mut MapObject {
    let mut builder = MapBuilder::new(fiber, result, empty());
    insert_run(&mut builder, (*array).data, (*array).len as usize);
    keep(array);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_add(
    fiber: *mut Fiber,
    set: *mut MapObject,
    value: *const u8,
    ty: *const TypeDesc,
) -> *mut MapObject {
    inserted(fiber, set, value, ptr::null(), 0, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_add_owned(
    fiber: *mut Fiber,
    set: *mut MapObject,
    value: *const u8,
    token: i64,
    ty: *const TypeDesc,
) -> *mut MapObject {
    inserted(fiber, set, value, ptr::null(), token, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_remove(
    fiber: *mut Fiber,
    set: *mut MapObject,
    value: *const u8,
    ty: *const TypeDesc,
) -> *mut MapObject {
    removed(fiber, set, value, 0, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_remove_owned(
    fiber: *mut Fiber,
    set: *mut MapObject,
    value: *const u8,
    token: i64,
    ty: *const TypeDesc,
) -> *mut MapObject {
    removed(fiber, set, value, token, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_has(set: *const MapObject, value: *const u8, ty: *const TypeDesc) -> bool {
    !find(set, &Layout::of(ty), value).is_null()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_union(
    fiber: *mut Fiber,
    left: *mut MapObject,
    right: *mut MapObject,
    ty: *const TypeDesc,
) -> *mut MapObject {
    let (large, small) = if (*left).len >= (*right).len { (left, right) } else { (right, left) };
    if (*small).len == 0 {
        return large;
    }
    let mut builder = MapBuilder::new(fiber, ty, large);
    for_each(small, &Layout::of(ty), |entry| builder.insert(entry, ptr::null()));
    keep(small);
    builder.finish()
}

/// The elements of `set` whose membership in `other` is `wanted`.
unsafe fn select(
    fiber: *mut Fiber,
    set: *mut MapObject,
    other: *mut MapObject,
    ty: *const TypeDesc,
    wanted: bool,
) -> *mut MapObject {
    let layout = Layout::of(ty);
    let mut builder = MapBuilder::new(fiber, ty, empty());
    for_each(set, &layout, |entry| {
        if find(other, &layout, entry).is_null() != wanted {
            builder.insert(entry, ptr::null());
        }
    });
    keep(set);
    keep(other);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_intersection(
    fiber: *mut Fiber,
    left: *mut MapObject,
    right: *mut MapObject,
    ty: *const TypeDesc,
) -> *mut MapObject {
    let (large, small) = if (*left).len >= (*right).len { (left, right) } else { (right, left) };
    select(fiber, small, large, ty, true)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_difference(
    fiber: *mut Fiber,
    left: *mut MapObject,
    right: *mut MapObject,
    ty: *const TypeDesc,
) -> *mut MapObject {
    select(fiber, left, right, ty, false)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_is_subset(
    left: *const MapObject,
    right: *const MapObject,
    ty: *const TypeDesc,
) -> bool {
    let layout = Layout::of(ty);
    let mut all = (*left).len <= (*right).len;
    if all {
        for_each(left, &layout, |entry| all = all && !find(right, &layout, entry).is_null());
    }
    all
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_to_list(
    fiber: *mut Fiber,
    set: *mut MapObject,
    ty: *const TypeDesc,
    result: *const TypeDesc,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, argument(result, 0));
    for_each(set, &Layout::of(ty), |entry| builder.push(entry));
    keep(set);
    builder.finish()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_set_to_array(
    fiber: *mut Fiber,
    set: *mut MapObject,
    ty: *const TypeDesc,
    result: *const TypeDesc,
) -> *mut ArrayObject {
    let layout = Layout::of(ty);
    let array = crate::array::with_len(fiber, argument(result, 0), (*set).len as usize);
    let mut to = (*array).data;
    for_each(set, &layout, |entry| {
        copy(layout.key_size, entry, to);
        to = to.add(layout.key_size);
    });
    array
}
