//! Objects of the heap: the header word, the type table, and the layouts that compiled code looks into.
//!
//! In: nothing. Out: part of [`super`], which says what for. Deliberately not here: objects of tasks (`tasks`).

use core::ffi::c_char;

//   63            32 31             8 7      5   4     3      2      1      0
//  +----------------+----------------+--------+-----+------+-------+-----+---------+
//  |  aux (32 bit)  | type id (24)   |   0    | PIN | LARGE| LOGGED| OLD | FORWARD |
//  +----------------+----------------+--------+-----+------+-------+-----+---------+
//
// An object starts with this word, is aligned to 8 bytes, and is at least 16 bytes long. Static objects (literals)
// lie outside the heap and carry OLD; the collector ignores them.

pub const HEADER_FORWARDED: u64 = 1;
pub const HEADER_OLD: u64 = 1 << 1;
pub const HEADER_LOGGED: u64 = 1 << 2;
pub const HEADER_LARGE: u64 = 1 << 3;
pub const HEADER_PINNED: u64 = 1 << 4;
pub const HEADER_TYPE_SHIFT: u32 = 8;
pub const HEADER_TYPE_MASK: u64 = 0xFF_FFFF;
pub const HEADER_AUX_SHIFT: u32 = 32;
pub const MIN_OBJECT_BYTES: u64 = 16;

/// The header word of a fresh object.
pub const fn header(type_id: u32, aux: u32) -> u64 {
    ((aux as u64) << HEADER_AUX_SHIFT) | ((type_id as u64) << HEADER_TYPE_SHIFT)
}

/// Objects larger than this are allocated by the runtime, never inline, and never move.
pub const LARGE_OBJECT_BYTES: u64 = 8 * 1024;

/// How the collector finds the size and the references of an object.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `size` bytes in all; references at `pointers` (byte offsets from the object's start).
    Fixed = 0,
    /// `ELEMENTS_OFFSET` bytes, then `aux` elements of `element_size`; `pointers` are offsets within one element.
    Elements = 1,
    /// [`StringObject`]; flat text follows the fixed part when `base` is null.
    String = 2,
    /// [`MapNode`]: entries of `element_size` (key and value together), then child references.
    MapNode = 3,
}

/// One row of the program's type table, indexed by the type id of an object header.
#[repr(C)]
pub struct TypeInfo {
    pub shape: Shape,
    /// Whole object for `Fixed`, unused otherwise.
    pub size: u32,
    pub element_size: u32,
    pub pointer_count: u32,
    pub pointers: *const u32,
    /// NUL-terminated, for reports only.
    pub name: *const c_char,
}

// SAFETY: a table row is constant data.
unsafe impl Sync for TypeInfo {}

/// Rows that every program has; a program's own types start at `FIRST_PROGRAM`.
pub mod type_id {
    /// Row 0 is never used by an object, so that a zero word is never a valid header.
    pub const NONE: u32 = 0;
    pub const STRING: u32 = 1;
    pub const LIST: u32 = 2;
    /// Inner node of a list: `Elements` of references.
    pub const LIST_NODE: u32 = 3;
    pub const ARRAY: u32 = 4;
    /// Root object of a Map or a Set.
    pub const MAP: u32 = 5;
    /// Raw bytes: `Elements` of size 1 without references. Fresh ones hold anything.
    pub const BYTES: u32 = 6;
    /// `Elements` of [`JsonValue`](super::JsonValue)s.
    pub const JSON_ELEMENTS: u32 = 7;
    pub const JSON_OBJECT: u32 = 8;
    /// `Elements` of [`JsonEntry`](super::JsonEntry)s.
    pub const JSON_ENTRIES: u32 = 9;
    /// Static marks, never in the heap.
    pub const JSON_BOOL: u32 = 10;
    pub const JSON_INT: u32 = 11;
    pub const JSON_FLOAT: u32 = 12;
    pub const FIRST_PROGRAM: u32 = 16;
}

/// Where the elements of an `Elements` object start: after the header and the owner word.
pub const ELEMENTS_OFFSET: u64 = 16;

/// `Elements` object: list leaf, list inner node, array buffer, bytes. `aux` of the header is the number of elements.
#[repr(C)]
pub struct Elements {
    pub header: u64,
    /// Edit token of the owner; 0 for none. Ignored by the collector.
    pub owner: u64,
}

/// UTF-8 text, immutable, with a NUL behind flat text.
#[repr(C)]
pub struct StringObject {
    pub header: u64,
    /// Edit token of the variable that may lengthen the text in place; another number but 0 marks a result of `+`.
    pub owner: u64,
    /// Length in bytes.
    pub len: i64,
    /// Length in code points; equal to `len` for pure ASCII.
    pub chars: i64,
    pub data: *const u8,
    /// Null when the text follows this object, else the string or buffer whose bytes `data` points into.
    pub base: *mut u8,
}

/// Persistent vector: 32-way inner nodes, leaves of [`LIST_LEAF_BYTES`], and a tail leaf.
#[repr(C)]
pub struct ListObject {
    pub header: u64,
    pub owner: u64,
    pub len: i64,
    /// Number of inner levels above the leaves of `root`; 0 when `root` is a leaf or null.
    pub depth: i64,
    pub root: *mut Elements,
    /// The last, possibly partly filled leaf; null only when `len` is 0.
    pub tail: *mut Elements,
}

pub const LIST_FANOUT: usize = 32;
/// Bits of the `owner` of a list's leaf that count the slots taken; the edit token is above them.
pub const LEAF_TAKEN_BITS: u32 = 10;
pub const LIST_LEAF_BYTES: usize = 512;

/// Elements in a full leaf for an element of `size` bytes: the largest power of two that fits, between 4 and 512.
pub const fn list_leaf_len(size: u32) -> u32 {
    let size = if size == 0 { 1 } else { size };
    let fit = LIST_LEAF_BYTES as u32 / size;
    if fit <= 4 {
        return 4;
    }
    1 << (31 - fit.leading_zeros())
}

/// Contiguous sequence: always a view of a buffer.
#[repr(C)]
pub struct ArrayObject {
    pub header: u64,
    pub owner: u64,
    pub len: i64,
    pub data: *mut u8,
    /// `Elements` object that holds the data; null for the empty array.
    pub base: *mut Elements,
}

/// Map or Set (a Set stores entries without a value).
#[repr(C)]
pub struct MapObject {
    pub header: u64,
    pub owner: u64,
    pub len: i64,
    /// Null when empty.
    pub root: *mut MapNode,
}

/// CHAMP node: two bitmaps, then the entries (key then value, each aligned), then the child references.
#[repr(C)]
pub struct MapNode {
    pub header: u64,
    pub owner: u64,
    /// Slots that hold an entry. For a collision node both bitmaps are 0 and `aux` of the header counts the entries; of other
    /// nodes `aux` counts the words behind this part, of which the last ones may be unused.
    pub entry_bitmap: u32,
    pub child_bitmap: u32,
}

/// The slot of a json value; what `part` refers to says what it is.
/// ```text
///   null             part is null, word 0
///   bool, int, float part is the static mark of the kind; word is 0 or 1, the int, the bits of the float
///   string           part is a StringObject; word is 0 for all of it, else VIEW | first byte << 28 | bytes
///   array            part is an ArrayObject of such slots, as of an Array<json>; word 0
///   object           part is a JsonObject; word 0
/// ```
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JsonValue {
    pub word: u64,
    pub part: *mut u8,
}

pub const JSON_VIEW: u64 = 1 << 63;
pub const JSON_VIEW_LEN_BITS: u32 = 28;

/// Members in order. Of `entries`, whose owner word counts those taken, the first `len` are this object's.
#[repr(C)]
pub struct JsonObject {
    pub header: u64,
    pub owner: u64,
    pub len: i64,
    /// Null only when `len` is 0.
    pub entries: *mut Elements,
    /// Bytes: a hash table of the numbers of the entries, each plus one, as `u32`; null for small objects.
    pub index: *mut Elements,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct JsonEntry {
    pub key: *mut StringObject,
    pub value: JsonValue,
}

/// Function value: code pointer, then the captures.
/// The code's parameters: fiber (swiftself), the closure itself, then the arguments.
#[repr(C)]
pub struct ClosureObject {
    pub header: u64,
    pub code: *const u8,
}

/// Where the value starts in an entry of a map node; the entry's size is rounded up to 8 bytes.
pub const fn map_value_offset(key_size: u32, value_align: u32) -> u32 {
    let align = if value_align == 0 { 1 } else { value_align };
    key_size.div_ceil(align) * align
}

/// Bytes of one entry of a map node (a Set has value size 0).
pub const fn map_entry_size(key_size: u32, value_size: u32, value_align: u32) -> u32 {
    (map_value_offset(key_size, value_align) + value_size).div_ceil(8) * 8
}
