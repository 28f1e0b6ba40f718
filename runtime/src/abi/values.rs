//! Values in slots, and the descriptions that drive type-erased code: equality, hashing, printing, copying.
//!
//! In: nothing. Out: part of [`super`]. Deliberately not here: objects of the heap (`objects`).

use super::MapNode;

// A value occupies a slot (local, field, element):
//   int, float, handle, posix      8 bytes          bool, byte   1 byte          char   4 bytes
//   string, list, array, map, set, function, boxed aggregate      8 bytes, a reference
//   tuple, record of at most INLINE_BYTES, or without references and of at most PLAIN_INLINE_BYTES
//                                  fields in order at natural alignment
//   larger or recursive tuple, record        reference to an object: header, then the same layout from offset 8
//   json                           16 bytes, a scalar word and a reference: [`JsonValue`]
//   enum, Result of at most INLINE_BYTES     word 0: tag (case index); then the reference words; then the scalar words
//   larger or recursive enum                 reference to an object: header, then the same layout from offset 8
//   T? where T is a reference      the reference, null for nil
//   other T? of at most INLINE_BYTES   T, then one byte: 1 present, 0 nil (the T part is zero then)
//   other T?                       reference to an object with the T at offset 8; null for nil
//
// Each payload field of an enum takes one word: reference fields in the reference words, scalars (zero-extended, float
// by its bits) in the scalar words; a field that is an inline aggregate is boxed (`FieldDesc::boxed`) and takes a
// reference word. Unused words are zero. So every word of a type is always a reference or never one.

pub const INLINE_BYTES: u32 = 32;
/// The limit of tuples and records without references: nothing of them concerns the collector, and a list of them is one
/// piece of memory whose fields change in place.
pub const PLAIN_INLINE_BYTES: u32 = 64;
/// No slot is larger.
pub const SLOT_WORDS: usize = PLAIN_INLINE_BYTES as usize / 8;

#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Int = 0,
    Float = 1,
    Bool = 2,
    Byte = 3,
    Char = 4,
    String = 5,
    List = 6,
    Array = 7,
    Map = 8,
    Set = 9,
    Tuple = 10,
    Record = 11,
    Enum = 12,
    /// `args[0]` is T.
    Optional = 13,
    Function = 14,
    Handle = 15,
    Posix = 16,
    Json = 17,
    Channel = 18,
    Atomic = 19,
    /// An array of `args[0]`, row by row.
    Matrix = 20,
}

/// What the runtime must know of a type to copy, compare, hash, order and print its values. Constant data, one per type.
#[repr(C)]
pub struct TypeDesc {
    pub kind: Kind,
    /// Bytes of a slot.
    pub size: u32,
    pub align: u32,
    /// 1: the slot holds a reference to an object that holds the fields (from offset 8).
    pub boxed: u32,
    /// Byte offsets, within a slot, of the references.
    pub pointers: *const u32,
    pub pointer_count: u32,
    /// Type id of the object when `boxed`, of a channel or an atomic cell, else `NONE`.
    pub object_type: u32,
    /// Type id of an `Elements` object that holds slots of this type.
    pub element_type: u32,
    /// Type id of the tree nodes of a Map or Set of this type, else `NONE`.
    pub node_type: u32,
    /// As the language writes the type: `List<int>`, `Point`.
    pub name: Text,
    /// Element, key and value, contained types.
    pub args: *const *const TypeDesc,
    /// Tuple and record fields. A matrix has none; its `field_count` is the number of cells in a row.
    pub fields: *const FieldDesc,
    pub field_count: u32,
    pub case_count: u32,
    /// Enum cases; a Result has `Ok` (0) and `Err` (1).
    pub cases: *const CaseDesc,
}

// SAFETY: constant data.
unsafe impl Sync for TypeDesc {}

#[repr(C)]
pub struct FieldDesc {
    /// Empty for an unnamed tuple item.
    pub name: Text,
    pub desc: *const TypeDesc,
    /// From the start of the inline value; of a boxed aggregate from offset 8 of its object.
    pub offset: u32,
    /// Not 0 (enum payloads only): the word at `offset` refers to an object of this type with the field's slot at offset 8.
    pub boxed: u32,
}

#[repr(C)]
pub struct CaseDesc {
    pub name: Text,
    pub fields: *const FieldDesc,
    pub field_count: u32,
    pub reserved: u32,
}

/// Constant UTF-8 text, not NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub data: *const u8,
    pub len: u64,
}

/// A place in the source, for panics.
#[repr(C)]
pub struct Site {
    pub file: Text,
    pub line: u32,
    pub column: u32,
}

// SAFETY: constant data.
unsafe impl Sync for Site {}

/// State of an iteration over a Map or Set; lives in the caller's frame. `coex_map_iter_next` yields entry addresses.
#[repr(C)]
pub struct MapIter {
    pub depth: u64,
    pub nodes: [*const MapNode; 16],
    pub positions: [u32; 16],
}
