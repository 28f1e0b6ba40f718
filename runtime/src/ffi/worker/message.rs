//! Values as bytes, for the other process.
//!
//! In: slots and their descriptors. Out: bytes, and slots again: fixed widths, texts and bytes with their length in front,
//! records field by field, optionals and results behind one byte. All types that may cross to C (language.md 11.3) and no
//! others. Reading distrusts what it reads: what is missing or cannot be is `None`, never a bad value.
//! Deliberately not here: building a `Result`, which compiled code does, and what a handle's number means (`call`).

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

use crate::abi::{ArrayObject, Fiber, FieldDesc, Kind, ListObject, SLOT_WORDS, StringObject, TypeDesc, header};
use crate::list::convert::{coex_list_copy_bytes, coex_list_from_bytes};
use crate::program;
use crate::rust_heap::may_fail;
use crate::slot::{self, BOX_OFFSET, keep};
use crate::value::{contents, field_slot};
use crate::{array, string};

/// A message under construction, or half read.
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    at: usize,
}

/// No memory for the message.
pub(crate) struct NoMemory;

/// Messages up to this size keep their memory for the next.
const KEPT_BYTES: usize = 1 << 20;

impl Message {
    pub(crate) const fn new() -> Message {
        Message { bytes: Vec::new(), at: 0 }
    }

    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.at = 0;
    }

    /// From the first byte on.
    pub(crate) fn rewind(&mut self) {
        self.at = 0;
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        may_fail(|| self.bytes.try_reserve(bytes.len())).map_err(|_| NoMemory)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn put_word(&mut self, word: u64) -> Result<(), NoMemory> {
        self.put(&word.to_le_bytes())
    }

    /// Length and bytes.
    pub(crate) fn put_text(&mut self, text: &[u8]) -> Result<(), NoMemory> {
        self.put_word(text.len() as u64)?;
        self.put(text)
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    pub(crate) fn take_word(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(crate) fn take_text(&mut self) -> Option<&[u8]> {
        let len = usize::try_from(self.take_word()?).ok()?;
        self.take(len)
    }

    fn take_byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// A byte that says which of two.
    pub(crate) fn take_choice(&mut self) -> Option<bool> {
        match self.take_byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// How the number of a handle changes on the way; `None`: it names nothing here.
pub(crate) type Handles<'a> = &'a mut dyn FnMut(i64) -> Option<i64>;

/// Why a value did not get into a message.
pub(crate) enum NotPut {
    Memory,
    StaleHandle,
}

impl From<NoMemory> for NotPut {
    fn from(_: NoMemory) -> NotPut {
        NotPut::Memory
    }
}

/// Appends the value of a slot.
pub(crate) unsafe fn put(
    message: &mut Message,
    desc: *const TypeDesc,
    value: *const u8,
    handles: Handles<'_>,
) -> Result<(), NotPut> {
    match (*desc).kind {
        Kind::Int | Kind::Float => message.put_word(value.cast::<u64>().read_unaligned())?,
        Kind::Bool | Kind::Byte => message.put(&[*value])?,
        Kind::Char => message.put(&value.cast::<u32>().read_unaligned().to_le_bytes())?,
        Kind::Handle => {
            let number = handles(value.cast::<i64>().read_unaligned()).ok_or(NotPut::StaleHandle)?;
            message.put_word(number as u64)?;
        }
        Kind::String => message.put_text(string::bytes(slot::reference(value).cast::<StringObject>()))?,
        Kind::List => {
            let list = slot::reference(value).cast::<ListObject>();
            let len = (*list).len as usize;
            message.put_word(len as u64)?;
            may_fail(|| message.bytes.try_reserve(len)).map_err(|_| NotPut::Memory)?;
            coex_list_copy_bytes(list, message.bytes.as_mut_ptr().add(message.bytes.len()));
            message.bytes.set_len(message.bytes.len() + len);
        }
        Kind::Array => {
            let array = slot::reference(value).cast::<ArrayObject>();
            // An empty array has no buffer.
            let len = (*array).len as usize;
            let bytes: &[u8] = if len == 0 { &[] } else { core::slice::from_raw_parts((*array).data, len) };
            message.put_text(bytes)?;
        }
        Kind::Optional => {
            let present = slot::optional_value(desc, value);
            message.put(&[u8::from(!present.is_null())])?;
            if !present.is_null() {
                put(message, slot::argument(desc, 0), present, handles)?;
            }
        }
        Kind::Record => {
            put_fields(message, (*desc).fields, (*desc).field_count, contents(desc, value), handles)?;
        }
        Kind::Enum => {
            let base = contents(desc, value);
            let case = base.cast::<u64>().read_unaligned();
            message.put(&[case as u8])?;
            let case = &*(*desc).cases.add(case as usize);
            put_fields(message, case.fields, case.field_count, base, handles)?;
        }
        _ => unreachable!("a type that cannot cross"),
    }
    Ok(())
}

unsafe fn put_fields(
    message: &mut Message,
    fields: *const FieldDesc,
    count: u32,
    base: *const u8,
    handles: Handles<'_>,
) -> Result<(), NotPut> {
    for index in 0..count as usize {
        let field = fields.add(index);
        put(message, (*field).desc, field_slot(base, field), handles)?;
    }
    Ok(())
}

/// Reads a value into a slot, which is zero before. `None`: the message is damaged, and the slot holds nothing that is used.
pub(crate) unsafe fn take(
    message: &mut Message,
    fiber: *mut Fiber,
    desc: *const TypeDesc,
    out: *mut u8,
    handles: Handles<'_>,
) -> Option<()> {
    match (*desc).kind {
        Kind::Int | Kind::Float => out.cast::<u64>().write_unaligned(message.take_word()?),
        Kind::Bool => *out = u8::from(message.take_choice()?),
        Kind::Byte => *out = message.take_byte()?,
        Kind::Char => {
            let code = u32::from_le_bytes(message.take(4)?.try_into().ok()?);
            out.cast::<u32>().write_unaligned(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).into());
        }
        Kind::Handle => {
            let number = handles(message.take_word()? as i64)?;
            out.cast::<i64>().write_unaligned(number);
        }
        Kind::String => slot::write_reference(out, string::from_bytes_lossy(fiber, message.take_text()?)),
        Kind::List => {
            let bytes = message.take_text()?;
            let list = coex_list_from_bytes(fiber, bytes.as_ptr(), bytes.len() as i64, desc);
            slot::write_reference(out, list);
        }
        Kind::Array => {
            let bytes = message.take_text()?;
            let array = array::coex_array_from_bytes(fiber, bytes.as_ptr(), bytes.len() as i64, desc);
            slot::write_reference(out, array);
        }
        Kind::Optional => {
            if !message.take_choice()? {
                slot::write_nil(desc, out);
                return Some(());
            }
            // What may be absent is a string or a handle.
            let mut inner = [0u64; SLOT_WORDS];
            let place = (&raw mut inner).cast::<u8>();
            take(message, fiber, slot::argument(desc, 0), place, handles)?;
            slot::write_some(fiber, desc, place, out);
            keep(place);
        }
        Kind::Record => take_record(message, fiber, desc, out, handles)?,
        _ => unreachable!("a type that cannot cross"),
    }
    Some(())
}

unsafe fn take_record(
    message: &mut Message,
    fiber: *mut Fiber,
    desc: *const TypeDesc,
    out: *mut u8,
    handles: Handles<'_>,
) -> Option<()> {
    let mut base = out;
    if (*desc).boxed != 0 {
        let type_id = (*desc).object_type;
        let bytes = (*(*program::info()).types.add(type_id as usize)).size as usize;
        let object = slot::allocate(fiber, bytes, header(type_id, 0));
        base = object.add(BOX_OFFSET);
        base.write_bytes(0, bytes - BOX_OFFSET);
        // The stack refers to the object while its fields are made.
        slot::write_reference(out, object);
    }
    for index in 0..(*desc).field_count as usize {
        let field = (*desc).fields.add(index);
        take(message, fiber, (*field).desc, base.add((*field).offset as usize), handles)?;
    }
    keep(base);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;
    use crate::value::fixture::{Desc, int, list, list_of, new_string, optional, record, scalar, text};
    use core::ptr::null_mut;

    fn sent(desc: Desc, value: *const u8) -> Message {
        let mut message = Message::new();
        // SAFETY: the value has the type.
        assert!(unsafe { put(&mut message, desc, value, &mut Some) }.is_ok());
        message
    }

    /// The value arrives, and no part of its bytes is a value.
    fn arrives<T: Copy>(desc: Desc, value: T) {
        let value = (&raw const value).cast::<u8>();
        let mut message = sent(desc, value);
        let mut slot = [0u64; SLOT_WORDS];
        let place = (&raw mut slot).cast::<u8>();
        // SAFETY: slots of the type.
        unsafe {
            assert!(take(&mut message, null_mut(), desc, place, &mut Some).is_some());
            assert!(value::equal(place, value, desc));
            assert!(message.take(1).is_none());
            let all = core::mem::take(&mut message.bytes);
            for len in 0..all.len() {
                let mut part = Message { bytes: all[..len].to_vec(), at: 0 };
                let mut slot = [0u64; SLOT_WORDS];
                assert!(take(&mut part, null_mut(), desc, (&raw mut slot).cast(), &mut Some).is_none(), "{len}");
            }
        }
    }

    #[test]
    fn values_arrive_whole_or_not_at_all() {
        for number in [0, 1, -1, i64::MAX, i64::MIN] {
            arrives(int(), number);
        }
        arrives(scalar(Kind::Float), -0.125f64);
        arrives(scalar(Kind::Bool), true);
        arrives(scalar(Kind::Byte), 200u8);
        arrives(scalar(Kind::Char), 'ß');
        for content in ["", "a", "grün\0ß", &"x".repeat(100_000)[..1000]] {
            arrives(text(), new_string(content));
            arrives(optional(text()), new_string(content));
        }
        arrives(optional(text()), null_mut::<StringObject>());
        let bytes: Vec<u8> = (0..1500).map(|at| at as u8).collect();
        for len in [0, 1, 511, 513, 1500] {
            arrives(list(scalar(Kind::Byte)), list_of(scalar(Kind::Byte), &bytes[..len]));
        }
        let point = record("Point", &[("x", int()), ("on", scalar(Kind::Bool)), ("y", scalar(Kind::Float))]);
        arrives(point, [7, 1, 2.5f64.to_bits()]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut slot = [0u64; SLOT_WORDS];
        let place = (&raw mut slot).cast::<u8>();
        for (desc, bytes) in [
            (scalar(Kind::Bool), vec![2]),
            (optional(text()), vec![7]),
            (text(), u64::MAX.to_le_bytes().to_vec()),
            (list(scalar(Kind::Byte)), [&(1u64 << 62).to_le_bytes()[..], b"abc"].concat()),
        ] {
            let mut message = Message { bytes, at: 0 };
            // SAFETY: a slot of the type.
            assert!(unsafe { take(&mut message, null_mut(), desc, place, &mut Some) }.is_none());
        }
        let mut message = Message { bytes: 0xD800u32.to_le_bytes().to_vec(), at: 0 };
        // SAFETY: as above.
        assert!(unsafe { take(&mut message, null_mut(), scalar(Kind::Char), place, &mut Some) }.is_some());
        assert_eq!(slot[0] as u32, u32::from(char::REPLACEMENT_CHARACTER));
    }
}
