//! json values (language reference 9.8): what they are, and looking into them.
//!
//! In: slots of [`JsonValue`]. Out: kinds, parts, members. Submodules: `object` (members), `change`, `parse`, `write`
//! (text), `encode` and `decode` (values of other types), `equal`. Arrays are objects of `array`, whose slots are json.
//! Deliberately not here: which types become json (the compiler's).

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

pub mod change;
pub mod decode;
pub mod encode;
pub mod equal;
pub mod object;
pub mod parse;
pub mod write;

use crate::abi::{
    ArrayObject, Fiber, HEADER_OLD, JSON_VIEW, JSON_VIEW_LEN_BITS, JsonObject, JsonValue, Kind, ListObject,
    StringObject, Text, TypeDesc, header, type_id,
};
use crate::list::{Builder, from_run};
use crate::slot::{argument, keep, resolve_index, type_id_of};
use core::ptr;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum JsonKind {
    Null,
    Bool,
    Int,
    Float,
    String,
    Array,
    Object,
}

impl JsonKind {
    /// As panics name it.
    pub fn name(self) -> &'static str {
        match self {
            JsonKind::Null => "null",
            JsonKind::Bool => "bool",
            JsonKind::Int => "int",
            JsonKind::Float => "float",
            JsonKind::String => "string",
            JsonKind::Array => "array",
            JsonKind::Object => "object",
        }
    }
}

/// What `part` of a bool, an int or a float refers to.
#[repr(C)]
struct Mark {
    header: u64,
    unused: u64,
}

const fn mark(id: u32) -> Mark {
    Mark { header: header(id, 0) | HEADER_OLD, unused: 0 }
}

static BOOL: Mark = mark(type_id::JSON_BOOL);
static INT: Mark = mark(type_id::JSON_INT);
static FLOAT: Mark = mark(type_id::JSON_FLOAT);

struct Constant(JsonObject);

// SAFETY: never written.
unsafe impl Sync for Constant {}

static EMPTY: Constant = Constant(JsonObject {
    header: header(type_id::JSON_OBJECT, 0) | HEADER_OLD,
    owner: 0,
    len: 0,
    entries: ptr::null_mut(),
    index: ptr::null_mut(),
});

struct Offsets<const N: usize>([u32; N]);
static PART: Offsets<1> = Offsets([8]);

struct Described(TypeDesc);

// SAFETY: constant data.
unsafe impl Sync for Described {}

/// The runtime's own description of json, for functions of `array`.
static JSON: Described = Described(TypeDesc {
    kind: Kind::Json,
    size: size_of::<JsonValue>() as u32,
    align: 8,
    boxed: 0,
    pointers: PART.0.as_ptr(),
    pointer_count: 1,
    object_type: type_id::NONE,
    element_type: type_id::JSON_ELEMENTS,
    node_type: type_id::NONE,
    name: Text { data: b"json".as_ptr(), len: 4 },
    args: ptr::null(),
    fields: ptr::null(),
    field_count: 0,
    case_count: 0,
    cases: ptr::null(),
});

struct Arguments([*const TypeDesc; 1]);

// SAFETY: constant data.
unsafe impl Sync for Arguments {}

static ARRAY_ARGUMENTS: Arguments = Arguments([&raw const JSON.0]);
static ARRAY: Described = Described(TypeDesc {
    kind: Kind::Array,
    size: 8,
    align: 8,
    boxed: 0,
    pointers: PART.0.as_ptr(),
    pointer_count: 0,
    object_type: type_id::NONE,
    element_type: type_id::LIST_NODE,
    node_type: type_id::NONE,
    name: Text { data: b"Array<json>".as_ptr(), len: 11 },
    args: ARRAY_ARGUMENTS.0.as_ptr(),
    fields: ptr::null(),
    field_count: 0,
    case_count: 0,
    cases: ptr::null(),
});

/// The type of elements.
fn json_type() -> *const TypeDesc {
    &raw const JSON.0
}

/// The type of arrays.
fn array_type() -> *const TypeDesc {
    &raw const ARRAY.0
}

impl JsonValue {
    pub const NULL: JsonValue = JsonValue { word: 0, part: ptr::null_mut() };

    pub fn from_bool(value: bool) -> JsonValue {
        JsonValue { word: value as u64, part: (&raw const BOOL).cast_mut().cast() }
    }

    pub fn from_int(value: i64) -> JsonValue {
        JsonValue { word: value as u64, part: (&raw const INT).cast_mut().cast() }
    }

    pub fn from_float(value: f64) -> JsonValue {
        JsonValue { word: value.to_bits(), part: (&raw const FLOAT).cast_mut().cast() }
    }

    pub fn from_string(string: *mut StringObject) -> JsonValue {
        JsonValue { word: 0, part: string.cast() }
    }

    pub fn from_array(array: *mut ArrayObject) -> JsonValue {
        JsonValue { word: 0, part: array.cast() }
    }

    pub fn from_object(object: *mut JsonObject) -> JsonValue {
        JsonValue { word: 0, part: object.cast() }
    }

    pub fn empty_object() -> JsonValue {
        JsonValue::from_object((&raw const EMPTY.0).cast_mut())
    }

    /// The value in a slot.
    #[inline]
    pub unsafe fn read(slot: *const u8) -> JsonValue {
        slot.cast::<JsonValue>().read_unaligned()
    }

    #[inline]
    pub unsafe fn write(self, slot: *mut u8) {
        slot.cast::<JsonValue>().write_unaligned(self);
    }

    #[inline]
    pub unsafe fn kind(self) -> JsonKind {
        if self.part.is_null() {
            return JsonKind::Null;
        }
        match type_id_of(self.part) {
            type_id::STRING => JsonKind::String,
            type_id::JSON_INT => JsonKind::Int,
            type_id::JSON_FLOAT => JsonKind::Float,
            type_id::JSON_BOOL => JsonKind::Bool,
            type_id::JSON_OBJECT => JsonKind::Object,
            _ => JsonKind::Array,
        }
    }

    pub fn int(self) -> i64 {
        self.word as i64
    }

    pub fn float(self) -> f64 {
        f64::from_bits(self.word)
    }

    /// The bytes of a string.
    #[inline]
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        let string = self.part.cast::<StringObject>();
        if self.word == 0 {
            return crate::string::bytes(string);
        }
        let (start, len) = self.view();
        core::slice::from_raw_parts((*string).data.add(start), len)
    }

    fn view(self) -> (usize, usize) {
        let word = self.word & !JSON_VIEW;
        ((word >> JSON_VIEW_LEN_BITS) as usize, (word & ((1 << JSON_VIEW_LEN_BITS) - 1)) as usize)
    }

    /// A string as an object of its own.
    pub unsafe fn string(self, fiber: *mut Fiber) -> *mut StringObject {
        let string = self.part.cast::<StringObject>();
        if self.word == 0 {
            return string;
        }
        let (start, len) = self.view();
        crate::string::view(fiber, string, start, start + len)
    }

    pub unsafe fn array(self) -> *mut ArrayObject {
        self.part.cast()
    }

    pub unsafe fn object(self) -> *mut JsonObject {
        self.part.cast()
    }

    /// The elements of an array; they lie in its buffer.
    pub unsafe fn elements(self) -> (*const JsonValue, usize) {
        let array = self.array();
        ((*array).data.cast(), (*array).len as usize)
    }
}

/// Element `index` of an array, negative ones from the end; null for all else.
unsafe fn at(value: JsonValue, index: i64) -> JsonValue {
    if value.kind() != JsonKind::Array {
        return JsonValue::NULL;
    }
    let (elements, len) = value.elements();
    resolve_index(index, len as i64).map_or(JsonValue::NULL, |position| *elements.add(position))
}

/// Member `key` of an object; null for all else.
unsafe fn member(value: JsonValue, key: &[u8]) -> JsonValue {
    if value.kind() != JsonKind::Object {
        return JsonValue::NULL;
    }
    match object::find(value.object(), key) {
        Some(position) => (*object::entries(value.object()).add(position)).value,
        None => JsonValue::NULL,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_get(value: *const u8, key: *const StringObject, out: *mut u8) {
    member(JsonValue::read(value), crate::string::bytes(key)).write(out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_at(value: *const u8, index: i64, out: *mut u8) {
    at(JsonValue::read(value), index).write(out);
}

/// By a json string or int, as a loop over keys gives them; by anything else null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_lookup(value: *const u8, key: *const u8, out: *mut u8) {
    let (value, key) = (JsonValue::read(value), JsonValue::read(key));
    let found = match key.kind() {
        JsonKind::String => member(value, key.bytes()),
        JsonKind::Int => at(value, key.int()),
        _ => JsonValue::NULL,
    };
    found.write(out);
}

/// The number of the [`JsonKind`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_kind(value: *const u8) -> i64 {
    JsonValue::read(value).kind() as i64
}

/// Members, elements, code points of a string; 0 otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_len(value: *const u8) -> i64 {
    let value = JsonValue::read(value);
    match value.kind() {
        JsonKind::Object => (*value.object()).len,
        JsonKind::Array => (*value.array()).len,
        JsonKind::String => crate::string::count_chars(value.bytes()) as i64,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_has(value: *const u8, key: *const StringObject) -> bool {
    let value = JsonValue::read(value);
    value.kind() == JsonKind::Object && object::find(value.object(), crate::string::bytes(key)).is_some()
}

/// Calls `visit` with the address of each entry. The object must be visible to the collector.
unsafe fn for_each_entry(value: JsonValue, mut visit: impl FnMut(*const crate::abi::JsonEntry)) {
    if value.kind() != JsonKind::Object {
        return;
    }
    let object = value.object();
    for index in 0..(*object).len as usize {
        visit(object::entries(object).add(index));
    }
    keep(object);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_keys(fiber: *mut Fiber, value: *const u8, ty: *const TypeDesc) -> *mut ListObject {
    let mut builder = Builder::new(fiber, argument(ty, 0));
    for_each_entry(JsonValue::read(value), |entry| builder.push((&raw const (*entry).key).cast()));
    builder.finish()
}

/// Of an object the members, of an array the elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_values(fiber: *mut Fiber, value: *const u8, ty: *const TypeDesc) -> *mut ListObject {
    let value = JsonValue::read(value);
    if value.kind() == JsonKind::Array {
        let (elements, len) = value.elements();
        let list = from_run(fiber, argument(ty, 0), elements.cast(), len);
        keep(value.part);
        return list;
    }
    let mut builder = Builder::new(fiber, argument(ty, 0));
    for_each_entry(value, |entry| builder.push((&raw const (*entry).value).cast()));
    builder.finish()
}

/// An entry is laid out as a `(string, json)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_entries(
    fiber: *mut Fiber,
    value: *const u8,
    ty: *const TypeDesc,
) -> *mut ListObject {
    let mut builder = Builder::new(fiber, argument(ty, 0));
    for_each_entry(JsonValue::read(value), |entry| builder.push(entry.cast()));
    builder.finish()
}

/// What a loop with one name walks over: elements of an array, keys of an object (as json strings), else nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_items(fiber: *mut Fiber, value: *const u8) -> *mut ArrayObject {
    let value = JsonValue::read(value);
    match value.kind() {
        JsonKind::Array => value.array(),
        JsonKind::Object => {
            let object = value.object();
            let keys = crate::array::with_len(fiber, json_type(), (*object).len as usize);
            let slots = (*keys).data.cast::<JsonValue>();
            for index in 0..(*object).len as usize {
                slots.add(index).write(JsonValue::from_string((*object::entries(object).add(index)).key));
            }
            keys
        }
        _ => crate::array::empty(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_empty(out: *mut u8) {
    JsonValue::empty_object().write(out);
}

#[cfg(test)]
mod tests;
