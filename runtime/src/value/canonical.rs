//! The one form of keys: -0.0 becomes 0.0 and every NaN the same NaN, also inside other values (9.4).
//!
//! In: a key's slot. Out: the slot to store. Nearly always a copy; only a key that holds such a float is rebuilt.

use super::hash::canonical_bits;
use super::{contents, field_slot};
use crate::abi::{ArrayObject, Fiber, FieldDesc, Kind, ListObject, SLOT_WORDS, TypeDesc, header};
use crate::list::{self, Builder};
use crate::slot::{BOX_OFFSET, allocate, argument, copy, keep, optional_value, reference, write_reference};
use core::ptr;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Room for any slot.
pub type SlotBuffer = [u64; SLOT_WORDS];

/// Copies the key in `slot` to `out` in its one form.
#[inline]
pub unsafe fn canonical_key(fiber: *mut Fiber, slot: *const u8, desc: *const TypeDesc, out: *mut u8) {
    copy((*desc).size as usize, slot, out);
    match (*desc).kind {
        Kind::Int | Kind::String | Kind::Bool | Kind::Byte | Kind::Char => {}
        Kind::Float => fix_float(out),
        _ if has_float(desc) && !is_canonical(slot, desc) => rebuild(fiber, out, desc),
        _ => {}
    }
}

unsafe fn fix_float(slot: *mut u8) {
    let bits = canonical_bits(slot.cast::<f64>().read_unaligned());
    slot.cast::<u64>().write_unaligned(bits);
}

/// Whether values of the type may hold a float. Asked for each insertion, so the answers are kept.
unsafe fn has_float(desc: *const TypeDesc) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<usize, bool>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(&answer) = known.get(&(desc as usize)) {
        return answer;
    }
    let mut seen: Vec<*const TypeDesc> = Vec::new();
    let mut open = vec![desc];
    let mut answer = false;
    while let Some(desc) = open.pop() {
        if seen.contains(&desc) {
            continue;
        }
        seen.push(desc);
        answer |= (*desc).kind == Kind::Float;
        if matches!((*desc).kind, Kind::List | Kind::Array | Kind::Matrix | Kind::Optional) {
            open.push(argument(desc, 0));
        }
        let mut push = |fields: *const FieldDesc, count: u32| {
            (0..count as usize).for_each(|index| open.push((*fields.add(index)).desc));
        };
        // The count of a matrix is another one.
        if !(*desc).fields.is_null() {
            push((*desc).fields, (*desc).field_count);
        }
        for case in 0..(*desc).case_count as usize {
            let case = (*desc).cases.add(case);
            push((*case).fields, (*case).field_count);
        }
    }
    known.insert(desc as usize, answer);
    answer
}

unsafe fn fields_of(desc: *const TypeDesc, base: *const u8) -> (*const FieldDesc, usize) {
    if (*desc).kind == Kind::Enum {
        let case = (*desc).cases.add(base.cast::<u64>().read_unaligned() as usize);
        return ((*case).fields, (*case).field_count as usize);
    }
    ((*desc).fields, (*desc).field_count as usize)
}

unsafe fn is_canonical(slot: *const u8, desc: *const TypeDesc) -> bool {
    let mut work = vec![(slot, desc)];
    while let Some((slot, desc)) = work.pop() {
        match (*desc).kind {
            Kind::Float => {
                let value = slot.cast::<f64>().read_unaligned();
                if value.to_bits() != canonical_bits(value) {
                    return false;
                }
            }
            Kind::List => {
                let (list, element) = (reference(slot).cast::<ListObject>(), argument(desc, 0));
                let slots = (0..(*list).len as usize).map(|index| list::slot(list, (*element).size as usize, index));
                work.extend(slots.map(|slot| (slot, element)));
            }
            Kind::Array | Kind::Matrix => {
                let (array, element) = (reference(slot).cast::<ArrayObject>(), argument(desc, 0));
                let slots = (0..(*array).len as usize).map(|index| (*array).data.add(index * (*element).size as usize));
                work.extend(slots.map(|slot| (slot.cast_const(), element)));
            }
            Kind::Optional => {
                let value = optional_value(desc, slot);
                if !value.is_null() {
                    work.push((value, argument(desc, 0)));
                }
            }
            Kind::Tuple | Kind::Record | Kind::Enum => {
                let base = contents(desc, slot);
                let (fields, count) = fields_of(desc, base);
                for index in 0..count {
                    let field = fields.add(index);
                    work.push((field_slot(base, field), (*field).desc));
                }
            }
            _ => {}
        }
    }
    true
}

/// Puts a copy of the object in `slot`, whose contents have `size` bytes, in its place. Yields its contents.
unsafe fn copy_box(fiber: *mut Fiber, slot: *mut u8, object_type: u32, size: usize) -> *mut u8 {
    let old = reference(slot);
    let object = allocate(fiber, BOX_OFFSET + size, header(object_type, 0));
    ptr::copy_nonoverlapping(old.add(BOX_OFFSET), object.add(BOX_OFFSET), size);
    write_reference(slot, object);
    object.add(BOX_OFFSET)
}

/// Bytes of the fields of an aggregate.
unsafe fn contents_size(desc: *const TypeDesc) -> usize {
    let end = |fields: *const FieldDesc, count: u32, word: bool| {
        let ends = (0..count as usize).map(|index| {
            let field = fields.add(index);
            (*field).offset as usize + if word { 8 } else { (*(*field).desc).size as usize }
        });
        ends.max().unwrap_or(0)
    };
    if (*desc).kind != Kind::Enum {
        return end((*desc).fields, (*desc).field_count, false);
    }
    let cases = (0..(*desc).case_count as usize).map(|case| {
        let case = (*desc).cases.add(case);
        end((*case).fields, (*case).field_count, true)
    });
    cases.max().unwrap_or(0).max(8)
}

/// Makes the value in `slot` canonical: every object on the way to a float is copied. The objects are complete all the
/// time, and `slot` is on the stack or inside such a copy. Recursive: such keys are rare and their nesting is small.
unsafe fn rebuild(fiber: *mut Fiber, slot: *mut u8, desc: *const TypeDesc) {
    match (*desc).kind {
        Kind::Float => fix_float(slot),
        Kind::List => {
            let (list, element) = (reference(slot).cast::<ListObject>(), argument(desc, 0));
            let mut builder = Builder::new(fiber, element);
            for index in 0..(*list).len as usize {
                let mut buffer: SlotBuffer = [0; SLOT_WORDS];
                let part = (&raw mut buffer).cast::<u8>();
                copy((*element).size as usize, list::slot(list, (*element).size as usize, index), part);
                rebuild(fiber, part, element);
                builder.push(part);
            }
            keep(list);
            write_reference(slot, builder.finish());
        }
        Kind::Array | Kind::Matrix => {
            let (array, element) = (reference(slot).cast::<ArrayObject>(), argument(desc, 0));
            let fresh = crate::array::from_slots(fiber, element, (*array).data, (*array).len as usize);
            write_reference(slot, fresh);
            for index in 0..(*fresh).len as usize {
                rebuild(fiber, (*fresh).data.add(index * (*element).size as usize), element);
            }
        }
        Kind::Optional => {
            if optional_value(desc, slot).is_null() {
                return;
            }
            let inner = argument(desc, 0);
            let value = match (*desc).boxed != 0 {
                true => copy_box(fiber, slot, (*desc).object_type, (*inner).size as usize),
                false => slot,
            };
            rebuild(fiber, value, inner);
        }
        Kind::Tuple | Kind::Record | Kind::Enum => {
            let base = match (*desc).boxed != 0 {
                true => copy_box(fiber, slot, (*desc).object_type, contents_size(desc)),
                false => slot,
            };
            let (fields, count) = fields_of(desc, base);
            for index in 0..count {
                let field = fields.add(index);
                let at = base.add((*field).offset as usize);
                if (*field).boxed == 0 {
                    rebuild(fiber, at, (*field).desc);
                    continue;
                }
                let object_type = crate::slot::type_id_of(reference(at));
                let part = copy_box(fiber, at, object_type, (*(*field).desc).size as usize);
                rebuild(fiber, part, (*field).desc);
            }
        }
        _ => {}
    }
}
