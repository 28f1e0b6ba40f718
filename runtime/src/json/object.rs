//! Members of json objects: order of insertion, and a hash table beside them when there are many.
//!
//! In: entries. Out: objects, positions of keys. As with arrays, the object that ends at the last taken entry of a
//! buffer may take the next one; the table is that of the buffer, and entries behind the end of an older object are not
//! its own. Deliberately not here: values.

use crate::abi::{ELEMENTS_OFFSET, Elements, Fiber, JsonEntry, JsonObject, JsonValue, StringObject, header, type_id};
use crate::list::slots;
use crate::slot::{allocate, aux, check_size, claim, keep};
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Objects with more members have a table.
pub const SMALL: usize = 12;

#[inline]
pub unsafe fn entries(object: *const JsonObject) -> *mut JsonEntry {
    slots((*object).entries).cast()
}

/// A number that nobody outside of the process knows, so that no text can be made of keys with equal hashes.
fn seed() -> u64 {
    static SEED: AtomicU64 = AtomicU64::new(0);
    match SEED.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: AT_RANDOM is the address of 16 random bytes, or 0.
            let random = unsafe {
                let random = libc::getauxval(libc::AT_RANDOM) as *const u64;
                if random.is_null() { 0 } else { random.add(1).read_unaligned() }
            };
            // The first to come decides.
            let fresh = random | 1;
            match SEED.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => fresh,
                Err(known) => known,
            }
        }
        known => known,
    }
}

/// A hash of the bytes of a key.
#[derive(Clone, Copy)]
pub(super) struct Hasher(u64);

impl Hasher {
    pub(super) fn new() -> Hasher {
        Hasher(seed())
    }

    #[inline]
    pub(super) fn hash(self, bytes: &[u8]) -> u32 {
        let fold = |a: u64, b: u64| {
            let product = a as u128 * b as u128;
            product as u64 ^ (product >> 64) as u64
        };
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let half = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default()) as u64;
        let len = bytes.len();
        let mut state = self.0 ^ (len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (a, b) = match len {
            0 => (0, 0),
            1..4 => (bytes[0] as u64 | (bytes[len / 2] as u64) << 8 | (bytes[len - 1] as u64) << 16, 0),
            4..8 => (half(0), half(len - 4)),
            _ => {
                let mut at = 0;
                while at + 16 < len {
                    state = fold(state ^ word(at), 0xA076_1D64_78BD_642F ^ word(at + 8));
                    at += 16;
                }
                (word(at.min(len - 8)), word(len - 8))
            }
        };
        let folded = fold(state ^ a, 0xE703_7ED1_A0B4_28DB ^ b);
        (folded ^ folded >> 32) as u32
    }
}

#[inline]
pub unsafe fn same_text(string: *const StringObject, bytes: &[u8]) -> bool {
    (*string).len as usize == bytes.len() && crate::string::bytes(string) == bytes
}

#[inline]
unsafe fn table(index: *const Elements) -> (*const AtomicU32, usize) {
    (slots(index).cast(), aux(index.cast()) as usize / 4 - 1)
}

/// The position of a key.
pub unsafe fn find(object: *const JsonObject, key: &[u8]) -> Option<usize> {
    let len = (*object).len as usize;
    if (*object).index.is_null() {
        let first = if len == 0 { return None } else { entries(object) };
        return (0..len).find(|&position| same_text((*first.add(position)).key, key));
    }
    let (table, mask) = table((*object).index);
    let mut place = Hasher::new().hash(key) as usize & mask;
    loop {
        // Another task may add entries that are not this object's.
        let number = (*table.add(place)).load(Ordering::Relaxed) as usize;
        if number == 0 {
            return None;
        }
        if number <= len && same_text((*entries(object).add(number - 1)).key, key) {
            return Some(number - 1);
        }
        place = (place + 1) & mask;
    }
}

/// A buffer with room for `capacity` entries, of which the first `taken` are for the caller to fill at once.
pub unsafe fn new_entries(fiber: *mut Fiber, capacity: usize, taken: usize) -> *mut Elements {
    check_size(fiber, capacity * 24);
    let bytes = capacity * size_of::<JsonEntry>();
    let buffer = allocate(fiber, ELEMENTS_OFFSET as usize + bytes, header(type_id::JSON_ENTRIES, capacity as u32));
    let buffer = buffer.cast::<Elements>();
    (*buffer).owner = taken as u64;
    let first = slots(buffer).cast::<JsonEntry>();
    ptr::write_bytes(first.add(taken), 0, capacity - taken);
    buffer
}

/// Enters an entry into a table that has room; false if it has the key at `Err(position)`.
unsafe fn enter(index: *mut Elements, first: *const JsonEntry, position: usize, hasher: Hasher) -> Result<(), usize> {
    let (table, mask) = table(index);
    let key = crate::string::bytes((*first.add(position)).key);
    let mut place = hasher.hash(key) as usize & mask;
    loop {
        let number = (*table.add(place)).load(Ordering::Relaxed) as usize;
        if number == 0 {
            (*table.add(place)).store(position as u32 + 1, Ordering::Relaxed);
            return Ok(());
        }
        if number <= position && same_text((*first.add(number - 1)).key, key) {
            return Err(number - 1);
        }
        place = (place + 1) & mask;
    }
}

/// A table for `capacity` entries that has none yet.
unsafe fn new_table(fiber: *mut Fiber, capacity: usize) -> *mut Elements {
    let bytes = (2 * capacity).next_power_of_two() * 4;
    let index = allocate(fiber, ELEMENTS_OFFSET as usize + bytes, header(type_id::BYTES, bytes as u32));
    let index = index.cast::<Elements>();
    (*index).owner = 0;
    ptr::write_bytes(slots(index), 0, bytes);
    index
}

/// The object of the first `len` entries of a full or partly taken buffer. Of entries with one key the last counts, at
/// the place of the first.
pub unsafe fn from_entries(fiber: *mut Fiber, buffer: *mut Elements, len: usize) -> *mut JsonObject {
    let header = header(type_id::JSON_OBJECT, 0);
    let object = allocate(fiber, size_of::<JsonObject>(), header).cast::<JsonObject>();
    object.write(JsonObject { header, owner: 0, len: len as i64, entries: buffer, index: ptr::null_mut() });
    if len <= SMALL {
        (*object).len = unite_few(slots(buffer).cast(), len) as i64;
    } else {
        let index = new_table(fiber, aux(buffer.cast()) as usize);
        (*object).len = unite_many(index, slots(buffer).cast(), len) as i64;
        // The object may have become old.
        crate::gc::barrier(fiber, object);
        (*object).index = index;
    }
    // Nobody else has the buffer.
    (*buffer).owner = (*object).len as u64;
    keep(buffer);
    object
}

unsafe fn unite_few(first: *mut JsonEntry, len: usize) -> usize {
    let mut count = 0;
    for position in 0..len {
        let entry = *first.add(position);
        let key = crate::string::bytes(entry.key);
        let known = (0..count).find(|&known| {
            let other = (*first.add(known)).key;
            other == entry.key || same_text(other, key)
        });
        first.add(known.unwrap_or(count)).write(match known {
            Some(known) => JsonEntry { key: (*first.add(known)).key, value: entry.value },
            None => entry,
        });
        count += known.is_none() as usize;
    }
    for rest in count..len {
        first.add(rest).write(JsonEntry { key: ptr::null_mut(), value: JsonValue::NULL });
    }
    count
}

unsafe fn unite_many(index: *mut Elements, first: *mut JsonEntry, len: usize) -> usize {
    let hasher = Hasher::new();
    let mut count = 0;
    for position in 0..len {
        let entry = *first.add(position);
        first.add(count).write(entry);
        match enter(index, first, count, hasher) {
            Ok(()) => count += 1,
            Err(known) => (*first.add(known)).value = entry.value,
        }
    }
    for rest in count..len {
        first.add(rest).write(JsonEntry { key: ptr::null_mut(), value: JsonValue::NULL });
    }
    count
}

/// `object` with the entry at `position` replaced.
pub unsafe fn replaced(
    fiber: *mut Fiber,
    object: *mut JsonObject,
    position: usize,
    value: JsonValue,
) -> *mut JsonObject {
    let copied = copy(fiber, object, (*object).len as usize);
    (*entries(copied).add(position)).value = value;
    copied
}

/// A copy of the entries with room for `capacity`.
unsafe fn copy(fiber: *mut Fiber, object: *mut JsonObject, capacity: usize) -> *mut JsonObject {
    let len = (*object).len as usize;
    let buffer = new_entries(fiber, capacity, len);
    if len > 0 {
        ptr::copy_nonoverlapping(entries(object), slots(buffer).cast::<JsonEntry>(), len);
    }
    keep(object);
    from_entries(fiber, buffer, len)
}

/// `object` with an entry that it has not.
pub unsafe fn added(
    fiber: *mut Fiber,
    object: *mut JsonObject,
    key: *mut StringObject,
    value: JsonValue,
) -> *mut JsonObject {
    let len = (*object).len as usize;
    let buffer = (*object).entries;
    // The table is as large as the buffer; an object that grows out of the small ones gets its table by a copy.
    let fits = !buffer.is_null()
        && len < aux(buffer.cast()) as usize
        && ((*object).index.is_null() == (len < SMALL))
        && claim(&raw mut (*buffer).owner, len as u64, len as u64 + 1);
    if !fits {
        let capacity = if len < 4 { 4 } else { len + len / 2 };
        // The table of the copy has room for the new entry, and its buffer is the copy's alone.
        let copied = copy(fiber, object, capacity.max(if len >= SMALL { 2 * SMALL } else { 0 }));
        if len == SMALL {
            return grown(fiber, copied, key, value);
        }
        return added(fiber, copied, key, value);
    }
    crate::gc::barrier(fiber, buffer);
    entries(object).add(len).write(JsonEntry { key, value });
    if !(*object).index.is_null() {
        // Not known: the caller has looked.
        let _ = enter((*object).index, entries(object), len, Hasher::new());
    }
    view(fiber, object, len + 1)
}

/// The first object that has a table.
unsafe fn grown(
    fiber: *mut Fiber,
    copied: *mut JsonObject,
    key: *mut StringObject,
    value: JsonValue,
) -> *mut JsonObject {
    let (buffer, len) = ((*copied).entries, (*copied).len as usize);
    crate::gc::barrier(fiber, buffer);
    slots(buffer).cast::<JsonEntry>().add(len).write(JsonEntry { key, value });
    from_entries(fiber, buffer, len + 1)
}

/// The first `len` entries of the object's buffer.
unsafe fn view(fiber: *mut Fiber, of: *mut JsonObject, len: usize) -> *mut JsonObject {
    let header = header(type_id::JSON_OBJECT, 0);
    let object = allocate(fiber, size_of::<JsonObject>(), header).cast::<JsonObject>();
    object.write(JsonObject { header, owner: 0, len: len as i64, entries: (*of).entries, index: (*of).index });
    object
}

/// `object` without the entry at `position`.
pub unsafe fn removed(fiber: *mut Fiber, object: *mut JsonObject, position: usize) -> *mut JsonObject {
    let len = (*object).len as usize;
    if len == 1 {
        return JsonValue::empty_object().object();
    }
    let buffer = new_entries(fiber, len - 1, len - 1);
    let (from, to) = (entries(object), slots(buffer).cast::<JsonEntry>());
    ptr::copy_nonoverlapping(from, to, position);
    ptr::copy_nonoverlapping(from.add(position + 1), to.add(position), len - 1 - position);
    keep(object);
    from_entries(fiber, buffer, len - 1)
}
