//! Values of other types as json (9.8).
//!
//! In: a slot and its type. Out: a json value. The stack of calls keeps what is being walked and what is being built in
//! place, so this recurses, and panics where a stack ends.

use super::{JsonValue, json_type, object};
use crate::abi::{
    ArrayObject, ELEMENTS_OFFSET, Elements, Fiber, FieldDesc, JsonEntry, Kind, ListObject, MapObject, Site,
    StringObject, Text, TypeDesc, header, type_id,
};
use crate::list::{self, slots};
use crate::map::iter;
use crate::map::layout::Layout;
use crate::slot::{allocate, argument, keep, optional_value, reference};
use crate::value::{contents, field_slot};
use core::ptr;

/// Names of fields that are shared by the objects of one conversion.
const NAMES: usize = 32;

struct Encoder {
    fiber: *mut Fiber,
    site: *const Site,
    /// References to strings; null until the first name is needed.
    strings: *mut Elements,
    /// Their texts, which are constants.
    texts: [*const u8; NAMES],
}

pub unsafe fn bytes_of<'a>(text: Text) -> &'a [u8] {
    if text.len == 0 { b"" } else { core::slice::from_raw_parts(text.data, text.len as usize) }
}

/// The name of a type without its arguments.
pub unsafe fn plain_name<'a>(desc: *const TypeDesc) -> &'a [u8] {
    let name = bytes_of((*desc).name);
    &name[..name.iter().position(|&byte| byte == b'<').unwrap_or(name.len())]
}

/// The name of a field; those of Result have none in its description.
pub unsafe fn field_name<'a>(field: *const FieldDesc, case: u64) -> &'a [u8] {
    match bytes_of((*field).name) {
        b"" if case == 0 => b"value",
        b"" => b"error",
        name => name,
    }
}

/// Panics when the stack of the fiber ends soon.
pub unsafe fn check_stack(fiber: *mut Fiber, site: *const Site) {
    let here = 0u8;
    if !fiber.is_null() && (core::ptr::from_ref(&here) as usize) < (*fiber).stack_limit as usize {
        crate::slot::fail(fiber, site, "stack overflow");
    }
}

impl Encoder {
    unsafe fn encode(&mut self, slot: *const u8, desc: *const TypeDesc) -> JsonValue {
        match (*desc).kind {
            Kind::Int => JsonValue::from_int(slot.cast::<i64>().read_unaligned()),
            Kind::Byte => JsonValue::from_int(*slot as i64),
            Kind::Char => JsonValue::from_int(slot.cast::<u32>().read_unaligned() as i64),
            Kind::Float => JsonValue::from_float(slot.cast::<f64>().read_unaligned()),
            Kind::Bool => JsonValue::from_bool(*slot != 0),
            Kind::String => JsonValue::from_string(reference(slot).cast()),
            Kind::Json => JsonValue::read(slot),
            Kind::Optional => match optional_value(desc, slot) {
                value if value.is_null() => JsonValue::NULL,
                value => self.encode(value, argument(desc, 0)),
            },
            _ => {
                check_stack(self.fiber, self.site);
                self.encode_parts(slot, desc)
            }
        }
    }

    unsafe fn encode_parts(&mut self, slot: *const u8, desc: *const TypeDesc) -> JsonValue {
        match (*desc).kind {
            Kind::List => self.list(reference(slot).cast(), argument(desc, 0)),
            Kind::Array => self.array(reference(slot).cast(), argument(desc, 0)),
            Kind::Set => self.set(reference(slot).cast(), desc),
            Kind::Map => self.map(reference(slot).cast(), desc),
            Kind::Tuple => {
                let (base, count) = (contents(desc, slot), (*desc).field_count as usize);
                self.elements(count, |_, index| {
                    let field = (*desc).fields.add(index);
                    (field_slot(base, field), (*field).desc)
                })
            }
            Kind::Record => {
                let base = contents(desc, slot);
                let buffer = object::new_entries(self.fiber, (*desc).field_count as usize + 1, 0);
                self.constant(buffer, 0, b"_type", plain_name(desc));
                self.fields(buffer, 1, base, (*desc).fields, (*desc).field_count, 0)
            }
            Kind::Enum => {
                let base = contents(desc, slot);
                let number = base.cast::<u64>().read_unaligned();
                let case = (*desc).cases.add(number as usize);
                let buffer = object::new_entries(self.fiber, (*case).field_count as usize + 2, 0);
                self.constant(buffer, 0, b"_type", plain_name(desc));
                self.constant(buffer, 1, b"_variant", bytes_of((*case).name));
                self.fields(buffer, 2, base, (*case).fields, (*case).field_count, number)
            }
            // The compiler refuses the others (E0901).
            _ => JsonValue::NULL,
        }
    }

    /// An array of `count` elements, whose places `part` says.
    unsafe fn elements(
        &mut self,
        count: usize,
        mut part: impl FnMut(&mut Self, usize) -> (*const u8, *const TypeDesc),
    ) -> JsonValue {
        let array = crate::array::with_len(self.fiber, json_type(), count);
        let to = (*array).data.cast::<JsonValue>();
        if count > 0 {
            ptr::write_bytes(to, 0, count);
        }
        for index in 0..count {
            let (slot, desc) = part(self, index);
            // The stack refers to the buffer, so it needs no barrier: see `gc::remember`.
            let value = self.encode(slot, desc);
            to.add(index).write(value);
        }
        keep(to);
        JsonValue::from_array(array)
    }

    unsafe fn list(&mut self, list: *mut ListObject, element: *const TypeDesc) -> JsonValue {
        let size = (*element).size as usize;
        let encoded = self.elements((*list).len as usize, |_, index| (list::slot(list, size, index), element));
        keep(list);
        encoded
    }

    unsafe fn array(&mut self, array: *mut ArrayObject, element: *const TypeDesc) -> JsonValue {
        if (*element).kind == Kind::Json {
            return JsonValue::from_array(array);
        }
        let (data, size) = ((*array).data, (*element).size as usize);
        let encoded = self.elements((*array).len as usize, |_, index| (data.add(index * size).cast_const(), element));
        keep(array);
        keep(data);
        encoded
    }

    unsafe fn set(&mut self, set: *mut MapObject, desc: *const TypeDesc) -> JsonValue {
        let layout = Layout::of(desc);
        // On the stack, which keeps the nodes in their places.
        let mut entries = iter::start(set);
        let encoded = self.elements((*set).len as usize, |_, _| (iter::next(&mut entries, &layout), layout.key));
        keep(set);
        keep(&raw const entries);
        encoded
    }

    unsafe fn map(&mut self, map: *mut MapObject, desc: *const TypeDesc) -> JsonValue {
        let len = (*map).len as usize;
        if len == 0 {
            return JsonValue::empty_object();
        }
        let layout = Layout::of(desc);
        let buffer = object::new_entries(self.fiber, len, 0);
        let mut entries = iter::start(map);
        for index in 0..len {
            let entry = iter::next(&mut entries, &layout);
            let value = self.encode(entry.add(layout.value_offset), layout.value);
            put(buffer, index, reference(entry).cast(), value);
        }
        keep(map);
        keep(&raw const entries);
        JsonValue::from_object(object::from_entries(self.fiber, buffer, len))
    }

    unsafe fn constant(&mut self, buffer: *mut Elements, index: usize, name: &[u8], text: &[u8]) {
        let key = self.name(name);
        let text = self.name(text);
        put(buffer, index, key, JsonValue::from_string(text));
        keep(buffer);
    }

    /// Fields behind the `first` entries of the buffer.
    unsafe fn fields(
        &mut self,
        buffer: *mut Elements,
        first: usize,
        base: *const u8,
        fields: *const FieldDesc,
        count: u32,
        case: u64,
    ) -> JsonValue {
        for index in 0..count as usize {
            let field = fields.add(index);
            let key = self.name(field_name(field, case));
            let value = self.encode(field_slot(base, field), (*field).desc);
            put(buffer, first + index, key, value);
        }
        keep(base);
        JsonValue::from_object(object::from_entries(self.fiber, buffer, first + count as usize))
    }

    /// A string of constant text.
    unsafe fn name(&mut self, text: &[u8]) -> *mut StringObject {
        if self.strings.is_null() {
            let bytes = ELEMENTS_OFFSET as usize + 8 * NAMES;
            let strings = allocate(self.fiber, bytes, header(type_id::LIST_NODE, NAMES as u32));
            ptr::write_bytes(strings.add(8), 0, bytes - 8);
            self.strings = strings.cast();
        }
        let place = (text.as_ptr() as usize >> 1 ^ text.as_ptr() as usize >> 6) % NAMES;
        let slot = slots(self.strings).cast::<*mut StringObject>().add(place);
        if self.texts[place] == text.as_ptr() && (**slot).len as usize == text.len() {
            return *slot;
        }
        let string = crate::string::from_bytes(self.fiber, text);
        *slot = string;
        self.texts[place] = text.as_ptr();
        string
    }
}

unsafe fn put(buffer: *mut Elements, index: usize, key: *mut StringObject, value: JsonValue) {
    slots(buffer).cast::<JsonEntry>().add(index).write(JsonEntry { key, value });
}

/// The object of the elements of an `Array<(string, json)>`, which are laid out as entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_from_members(fiber: *mut Fiber, members: *mut ArrayObject, out: *mut u8) {
    let len = (*members).len as usize;
    if len == 0 {
        return JsonValue::empty_object().write(out);
    }
    let buffer = object::new_entries(fiber, len, len);
    ptr::copy_nonoverlapping((*members).data.cast::<JsonEntry>(), slots(buffer).cast(), len);
    keep(members);
    JsonValue::from_object(object::from_entries(fiber, buffer, len)).write(out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_from(
    fiber: *mut Fiber,
    value: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    let mut encoder = Encoder { fiber, site, strings: ptr::null_mut(), texts: [ptr::null(); NAMES] };
    let encoded = encoder.encode(value, ty);
    keep(&raw const encoder);
    encoded.write(out);
}
