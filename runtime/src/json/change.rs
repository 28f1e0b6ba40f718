//! Changed copies of json values: `set`, `append`, `remove` (9.8).
//!
//! In: values, keys, indexes. Out: new values, or a panic where the value is of another kind.

use super::{JsonKind, JsonValue, array_type, object};
use crate::abi::{Fiber, Site, StringObject};
use crate::array::{coex_array_append, coex_array_set, coex_array_slice, empty, from_slots};
use crate::slot::{fail, fail_index, keep, resolve_index};

/// `json value is K, not T`
pub(super) unsafe fn fail_kind(fiber: *mut Fiber, site: *const Site, found: JsonKind, wanted: &str) -> ! {
    fail(fiber, site, &format!("json value is {}, not {wanted}", found.name()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_set(
    fiber: *mut Fiber,
    value: *const u8,
    key: *mut StringObject,
    part: *const u8,
    site: *const Site,
    out: *mut u8,
) {
    let (value, part) = (JsonValue::read(value), JsonValue::read(part));
    let object = match value.kind() {
        JsonKind::Object => value.object(),
        JsonKind::Null => JsonValue::empty_object().object(),
        other => fail_kind(fiber, site, other, "object"),
    };
    let changed = match object::find(object, crate::string::bytes(key)) {
        Some(position) => object::replaced(fiber, object, position, part),
        None => object::added(fiber, object, key, part),
    };
    JsonValue::from_object(changed).write(out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_set_at(
    fiber: *mut Fiber,
    value: *const u8,
    index: i64,
    part: *const u8,
    site: *const Site,
    out: *mut u8,
) {
    let value = JsonValue::read(value);
    if value.kind() != JsonKind::Array {
        fail_kind(fiber, site, value.kind(), "array");
    }
    JsonValue::from_array(coex_array_set(fiber, value.array(), index, part, array_type(), site)).write(out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_append(
    fiber: *mut Fiber,
    value: *const u8,
    part: *const u8,
    site: *const Site,
    out: *mut u8,
) {
    let value = JsonValue::read(value);
    let array = match value.kind() {
        JsonKind::Array => value.array(),
        JsonKind::Null => empty(),
        other => fail_kind(fiber, site, other, "array"),
    };
    JsonValue::from_array(coex_array_append(fiber, array, part, array_type())).write(out);
}

/// Without a key that is missing the value stays as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_remove(
    fiber: *mut Fiber,
    value: *const u8,
    key: *const StringObject,
    site: *const Site,
    out: *mut u8,
) {
    let value = JsonValue::read(value);
    if value.kind() != JsonKind::Object {
        fail_kind(fiber, site, value.kind(), "object");
    }
    let result = match object::find(value.object(), crate::string::bytes(key)) {
        Some(position) => JsonValue::from_object(object::removed(fiber, value.object(), position)),
        None => value,
    };
    result.write(out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_remove_at(
    fiber: *mut Fiber,
    value: *const u8,
    index: i64,
    site: *const Site,
    out: *mut u8,
) {
    let value = JsonValue::read(value);
    if value.kind() != JsonKind::Array {
        fail_kind(fiber, site, value.kind(), "array");
    }
    let (array, (elements, len)) = (value.array(), value.elements());
    let Some(position) = resolve_index(index, len as i64) else { fail_index(fiber, site, index, len as i64) };
    let changed = match position + 1 == len {
        true => coex_array_slice(fiber, array, 0, position as i64, array_type()),
        false => {
            let copied = from_slots(fiber, super::json_type(), elements.add(1).cast(), len - 1);
            // All but the first lie where they belong; those before the removed one move back.
            core::ptr::copy_nonoverlapping(elements, (*copied).data.cast(), position);
            copied
        }
    };
    keep(array);
    JsonValue::from_array(changed).write(out);
}
