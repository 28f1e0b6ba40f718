//! json as values of other types (9.8).
//!
//! In: a json value and a type. Out: a slot of it, or what does not fit: a panic for `as T`, nil for `as T?`. The stack
//! of calls keeps what is being built in place, so this recurses, and panics where a stack ends.

use super::change::fail_kind;
use super::encode::{bytes_of, check_stack, field_name, plain_name};
use super::{JsonKind, JsonValue, member, object};
use crate::abi::{CaseDesc, Fiber, FieldDesc, Kind, SLOT_WORDS, Site, StringObject, TypeDesc, header};
use crate::list::Builder;
use crate::map::MapBuilder;
use crate::slot::{BOX_OFFSET, allocate, argument, copy, keep, write_nil, write_reference, write_some};
use crate::value::SlotBuffer;
use core::ptr;

/// What was found where another type was wanted.
struct Mismatch {
    found: JsonKind,
    wanted: *const TypeDesc,
}

struct Decoder {
    fiber: *mut Fiber,
    site: *const Site,
}

/// The int that a number is.
unsafe fn whole(value: JsonValue) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    match value.kind() {
        JsonKind::Int => Some(value.int()),
        JsonKind::Float => {
            let float = value.float();
            ((-END..END).contains(&float) && float.trunc() == float).then_some(float as i64)
        }
        _ => None,
    }
}

impl Decoder {
    /// Writes the value into `out`, which lies on the stack or in an object that the stack refers to.
    unsafe fn decode(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        let mismatch = Err(Mismatch { found: value.kind(), wanted: desc });
        match ((*desc).kind, value.kind()) {
            (Kind::Json, _) => value.write(out),
            (Kind::Int, _) => match whole(value) {
                Some(int) => out.cast::<i64>().write_unaligned(int),
                None => return mismatch,
            },
            (Kind::Byte, _) => match whole(value).and_then(|int| u8::try_from(int).ok()) {
                Some(byte) => *out = byte,
                None => return mismatch,
            },
            (Kind::Char, _) => {
                let code = whole(value).and_then(|int| u32::try_from(int).ok()).and_then(char::from_u32);
                match code {
                    Some(code) => out.cast::<u32>().write_unaligned(code as u32),
                    None => return mismatch,
                }
            }
            (Kind::Float, JsonKind::Float) => out.cast::<f64>().write_unaligned(value.float()),
            (Kind::Float, JsonKind::Int) => out.cast::<f64>().write_unaligned(value.int() as f64),
            (Kind::Bool, JsonKind::Bool) => *out = value.word as u8,
            (Kind::String, JsonKind::String) => write_reference(out, value.string(self.fiber)),
            (Kind::Optional, JsonKind::Null) => write_nil(desc, out),
            (Kind::Optional, _) => {
                let mut buffer: SlotBuffer = [0; SLOT_WORDS];
                self.decode(value, argument(desc, 0), (&raw mut buffer).cast())?;
                write_some(self.fiber, desc, (&raw mut buffer).cast(), out);
            }
            (Kind::List | Kind::Array | Kind::Set | Kind::Tuple, JsonKind::Array)
            | (Kind::Map | Kind::Record | Kind::Enum, JsonKind::Object) => {
                check_stack(self.fiber, self.site);
                return self.decode_parts(value, desc, out);
            }
            _ => return mismatch,
        }
        Ok(())
    }

    unsafe fn decode_parts(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        let decoded = match (*desc).kind {
            Kind::List => self.list(value, desc, out),
            Kind::Array => self.array(value, desc, out),
            Kind::Set => self.set(value, desc, out),
            Kind::Map => self.map(value, desc, out),
            Kind::Tuple => self.tuple(value, desc, out),
            Kind::Record => self.record(value, desc, out),
            _ => self.variant(value, desc, out),
        };
        keep(value.part);
        decoded
    }

    unsafe fn list(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        let element = argument(desc, 0);
        let (elements, len) = value.elements();
        let mut builder = Builder::new(self.fiber, element);
        for index in 0..len {
            let mut buffer: SlotBuffer = [0; SLOT_WORDS];
            self.decode(*elements.add(index), element, (&raw mut buffer).cast())?;
            builder.push((&raw mut buffer).cast());
        }
        keep(elements);
        write_reference(out, builder.finish());
        Ok(())
    }

    unsafe fn array(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        let element = argument(desc, 0);
        if (*element).kind == Kind::Json {
            write_reference(out, value.array());
            return Ok(());
        }
        let (elements, len) = value.elements();
        let size = (*element).size as usize;
        let array = crate::array::with_len(self.fiber, element, len);
        let data = (*array).data;
        if len > 0 {
            ptr::write_bytes(data, 0, len * size);
        }
        for index in 0..len {
            self.decode(*elements.add(index), element, data.add(index * size))?;
        }
        keep(elements);
        keep(data);
        write_reference(out, array);
        Ok(())
    }

    unsafe fn set(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        let element = argument(desc, 0);
        let (elements, len) = value.elements();
        let mut builder = MapBuilder::new(self.fiber, desc, crate::map::empty());
        for index in 0..len {
            let mut buffer: SlotBuffer = [0; SLOT_WORDS];
            self.decode(*elements.add(index), element, (&raw mut buffer).cast())?;
            builder.insert((&raw mut buffer).cast(), ptr::null());
        }
        keep(elements);
        write_reference(out, builder.finish());
        Ok(())
    }

    unsafe fn map(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        let object = value.object();
        let mut builder = MapBuilder::new(self.fiber, desc, crate::map::empty());
        for index in 0..(*object).len as usize {
            let entry = *object::entries(object).add(index);
            let mut buffer: SlotBuffer = [0; SLOT_WORDS];
            self.decode(entry.value, argument(desc, 1), (&raw mut buffer).cast())?;
            builder.insert((&raw const entry.key).cast(), (&raw mut buffer).cast());
        }
        write_reference(out, builder.finish());
        Ok(())
    }

    unsafe fn tuple(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        let (elements, len) = value.elements();
        if len != (*desc).field_count as usize {
            return Err(Mismatch { found: JsonKind::Array, wanted: desc });
        }
        let base = self.content(desc, (*desc).fields, (*desc).field_count, 0, out);
        for index in 0..len {
            let field = (*desc).fields.add(index);
            self.decode(*elements.add(index), (*field).desc, base.add((*field).offset as usize))?;
        }
        keep(elements);
        keep(base);
        Ok(())
    }

    /// Where the members go: `out` itself, or a zeroed object whose reference is written there.
    unsafe fn content(
        &self,
        desc: *const TypeDesc,
        fields: *const FieldDesc,
        count: u32,
        least: usize,
        out: *mut u8,
    ) -> *mut u8 {
        if (*desc).boxed == 0 {
            ptr::write_bytes(out, 0, (*desc).size as usize);
            return out;
        }
        let end = |index: usize| (*fields.add(index)).offset as usize + (*(*fields.add(index)).desc).size as usize;
        let size = (0..count as usize).map(end).max().unwrap_or(0).max(least).next_multiple_of(8).max(8);
        let object = allocate(self.fiber, BOX_OFFSET + size, header((*desc).object_type, 0));
        ptr::write_bytes(object.add(BOX_OFFSET), 0, size);
        write_reference(out, object);
        object.add(BOX_OFFSET)
    }

    /// `_type`, where there is one, names the type.
    unsafe fn check_type(&self, value: JsonValue, desc: *const TypeDesc) -> Result<(), Mismatch> {
        let Some(position) = object::find(value.object(), b"_type") else { return Ok(()) };
        let named = (*object::entries(value.object()).add(position)).value;
        if named.kind() == JsonKind::String && named.bytes() == plain_name(desc) {
            return Ok(());
        }
        Err(Mismatch { found: JsonKind::Object, wanted: desc })
    }

    unsafe fn record(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        self.check_type(value, desc)?;
        let base = self.content(desc, (*desc).fields, (*desc).field_count, 0, out);
        for index in 0..(*desc).field_count as usize {
            let field = (*desc).fields.add(index);
            let part = member(value, bytes_of((*field).name));
            self.decode(part, (*field).desc, base.add((*field).offset as usize))?;
        }
        keep(base);
        Ok(())
    }

    unsafe fn variant(&self, value: JsonValue, desc: *const TypeDesc, out: *mut u8) -> Result<(), Mismatch> {
        self.check_type(value, desc)?;
        let named = member(value, b"_variant");
        let cases = (*desc).case_count as usize;
        let chosen = (0..cases).find(|&case| {
            named.kind() == JsonKind::String && named.bytes() == bytes_of((*(*desc).cases.add(case)).name)
        });
        let Some(number) = chosen else { return Err(Mismatch { found: JsonKind::Object, wanted: desc }) };
        let words = |case: *const CaseDesc| {
            (0..(*case).field_count as usize).map(|index| (*(*case).fields.add(index)).offset as usize + 8).max()
        };
        let bytes = (0..cases).filter_map(|case| words((*desc).cases.add(case))).max().unwrap_or(8);
        let base = self.content(desc, ptr::null(), 0, bytes, out);
        base.cast::<u64>().write_unaligned(number as u64);
        let case = (*desc).cases.add(number);
        for index in 0..(*case).field_count as usize {
            let field = (*case).fields.add(index);
            let part = member(value, field_name(field, number as u64));
            let mut buffer: SlotBuffer = [0; SLOT_WORDS];
            self.decode(part, (*field).desc, (&raw mut buffer).cast())?;
            let mut word = buffer[0];
            if (*field).boxed != 0 {
                let size = (*(*field).desc).size as usize;
                let object = allocate(self.fiber, BOX_OFFSET + size, header((*field).boxed, 0));
                copy(size, (&raw mut buffer).cast(), object.add(BOX_OFFSET));
                word = object as u64;
            }
            base.add((*field).offset as usize).cast::<u64>().write_unaligned(word);
        }
        keep(base);
        Ok(())
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_to(
    fiber: *mut Fiber,
    value: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    if let Err(Mismatch { found, wanted }) = (Decoder { fiber, site }).decode(JsonValue::read(value), ty, out) {
        fail_kind(fiber, site, found, &String::from_utf8_lossy(bytes_of((*wanted).name)));
    }
}

/// `ty` is an optional: nil where the value does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_to_optional(
    fiber: *mut Fiber,
    value: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    if (Decoder { fiber, site }).decode(JsonValue::read(value), ty, out).is_err() {
        write_nil(ty, out);
    }
}

/// `as string`: the contents of a string, the text of anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_to_string(fiber: *mut Fiber, value: *const u8) -> *mut StringObject {
    let json = JsonValue::read(value);
    match json.kind() {
        JsonKind::String => json.string(fiber),
        _ => super::write::coex_json_text(fiber, value),
    }
}
