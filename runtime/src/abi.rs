//! The binary contract between compiled programs and the runtime.
//!
//! In: nothing. Out: every layout, offset, bit and limit that both sides must agree on; the compiler imports this file
//! as `coex_runtime::abi`. Deliberately not here: behaviour. A change here changes [`ABI_VERSION`].

use core::ffi::c_char;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Checked when a program starts, and part of every cache key.
pub const ABI_VERSION: u32 = 4;

// ---------------------------------------------------------------------------------------------------------------
// Objects
// ---------------------------------------------------------------------------------------------------------------
//
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

// ---------------------------------------------------------------------------------------------------------------
// Values and their descriptions
// ---------------------------------------------------------------------------------------------------------------
//
// A value occupies a slot (local, field, element):
//   int, float, handle, posix      8 bytes          bool, byte   1 byte          char   4 bytes
//   string, list, array, map, set, function, boxed aggregate      8 bytes, a reference
//   tuple, record of at most INLINE_BYTES    fields in order at natural alignment
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

// ---------------------------------------------------------------------------------------------------------------
// Fibers, roots, instances
// ---------------------------------------------------------------------------------------------------------------

/// `ThreadSlots::state`: what the collector must know of an OS thread.
pub mod state {
    /// Runs Coex code: a collection waits until it looks.
    pub const MANAGED: u32 = 0;
    /// Runs C below a foreign call; the fiber's `sp` is valid.
    pub const FOREIGN: u32 = 1;
    /// Runs no Coex code: in the scheduler, or waiting for the end of a collection.
    pub const PARKED: u32 = 2;
}

/// `ThreadSlots::claim`: low bits; the rest counts calls whose end was contended, so that a late claim misses.
pub mod claim {
    pub const NONE: u64 = 0;
    /// The thread's worker went to another thread; the fiber waits for the call's end.
    pub const RETAKEN: u64 = 1;
    /// The fiber has gone on without the call.
    pub const ABANDONED: u64 = 2;
    /// The watcher looks at the fiber; the call cannot end meanwhile.
    pub const HELD: u64 = 3;
    pub const MASK: u64 = 3;
    /// The call ends by a jump, and nobody may claim it any more.
    pub const SETTLED: u64 = 4;
    /// One more settled call.
    pub const STEP: u64 = 8;
}

/// `Fiber::ffi_failed`. Cleared by `FfiFailureText` and `FfiFailureCode` (ask for one of them).
pub mod ffi_failure {
    pub const NONE: u32 = 0;
    /// `coex_ffi_fail`: an error for `Result` externs, else `PanicFfiFailure`.
    pub const FAILED: u32 = 1;
    /// Faults, `abort`, `exit`: an error for externs with string errors, else `PanicFfiFailure`. The instance is dead and
    /// already out of its root's slot; its record stays readable until the next `InstanceGet`.
    pub const CRASHED: u32 = 2;
}

/// `Fiber::entered`: above 0 the library whose instance is installed, plus 1.
pub mod entered {
    /// Ask `InstanceEnter`.
    pub const NOTHING: u32 = 0;
    /// No instance, for functions of the program.
    pub const PROGRAM: u32 = u32::MAX;
}

/// One per stack; its address is in r13 (x20) in all Coex code.
#[repr(C)]
pub struct Fiber {
    /// Allocation: next free byte and end of the free run.
    pub cursor: *mut u8,
    pub limit: *mut u8,
    /// Not 0: somebody wants something; look in the slow path.
    pub poll: AtomicU32,
    /// [`ffi_failure`] of the last foreign call. Compiled code looks at it after every call of a library, before it looks at
    /// any result: after a crash the thunk returns zeros. Behind `poll`, so that one look serves for both.
    pub ffi_failed: u32,
    /// Innermost activation that may have children.
    pub scope: *mut Scope,
    /// Stack pointer of the task stack while the fiber does not run Coex code.
    pub sp: *mut u8,
    /// The OS thread's system stack, to run C on. The word there is the address of the thread's [`ThreadSlots`], so that
    /// a call that ends by a jump finds them after it was abandoned, when the fiber is another thread's.
    pub sys: *mut u8,
    /// [`entered`]: what this thread has installed. The instance is that of the fiber's root, lives, and is in its slot; whoever
    /// changes one of these, or the thread, writes NOTHING.
    pub entered: u32,
    pub reserved: u32,
    pub thread: *mut ThreadSlots,
    pub root: *mut Root,
    /// Reserved: slots of live references at foreign calls.
    pub ffi_roots: *mut *mut u8,
    /// The earliest deadline of the open `within` statements, as `task::deadline` writes it; 0 for none.
    pub deadline: AtomicU64,
    /// Recursion panics below this address.
    pub stack_limit: *mut u8,
    /// Highest address of the task stack: the conservative scan ends here.
    pub stack_base: *mut u8,
    /// Not 0: prints of this fiber may be unwritten; foreign calls that use stdio flush then.
    pub print_pending: u64,
    /// Place of the current foreign call, for faults in it. Calls that can only fail behind the call do not write it.
    pub ffi_site: *const Site,
    /// Innermost place where a cancellation may end: a `within` or the start of a task.
    pub landing: *mut Landing,
    /// Innermost chunk of a parallel `for` that runs here.
    pub range: *mut RangeRunner,
    /// rax, rdx, xmm0, xmm1 for the moment when the fiber goes on behind a switch or a foreign call.
    pub returned: [u64; 6],
    /// The runtime's record of the fiber's foreign side; null until it is needed.
    pub foreign: *mut u8,
    /// Functions that may recurse go into the slow path below this address: `stack_limit`, or the highest address there is
    /// while `poll` may be set, since recursion may run long without any loop.
    pub stack_check: AtomicU64,
}

/// One per OS thread that runs Coex code.
#[repr(C)]
pub struct ThreadSlots {
    /// Address of this thread's `coex_inst_base`.
    pub base: *mut *mut u8,
    /// Address of this thread's C `errno`.
    pub errno: *mut i32,
    /// The fiber that runs here, null in the scheduler.
    pub fiber: *mut Fiber,
    /// Above 0 inside one of our C library shims.
    pub shim_depth: u32,
    /// [`state`]
    pub state: AtomicU32,
    /// Not 0: whoever becomes MANAGED here looks in the slow path first.
    pub poll: AtomicU32,
    pub reserved: u32,
    /// [`claim`] on the running foreign call.
    pub claim: AtomicU64,
}

// ---------------------------------------------------------------------------------------------------------------
// Tasks
// ---------------------------------------------------------------------------------------------------------------

/// Constant data, one for each function (or signature of function values) that is spawned.
#[repr(C)]
pub struct TaskInfo {
    /// `void stub(fiber in r13, task: *mut Task)`: reads the arguments from the payload, calls the function, stores the
    /// result at `result_offset` of the payload.
    pub code: *const u8,
    /// The function, for reports.
    pub name: Text,
    /// Arguments, then the result. Zeroed when the task is made; the collector scans it conservatively.
    pub payload_bytes: u32,
    pub result_offset: u32,
    /// [`task_flags`]
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: constant data.
unsafe impl Sync for TaskInfo {}

pub mod task_flags {
    /// A cycle of the call graph can be reached: the task needs a deep stack.
    pub const RECURSIVE: u32 = 1;
}

/// A spawned child. Owned by the scope that it was spawned in, until `TaskRelease`, `TaskDrop`, or the scope's end.
/// The payload follows at [`TASK_PAYLOAD`]; the runtime keeps more in front of it.
#[repr(C)]
pub struct Task {
    pub info: *const TaskInfo,
    /// [`task_state`]
    pub state: AtomicU32,
    pub reserved: u32,
}

pub const TASK_PAYLOAD: u64 = 128;

pub mod task_state {
    /// In the low byte of `Task::state`; the other bits are the runtime's.
    pub const MASK: u32 = 0xFF;
    pub const NEW: u32 = 0;
    pub const RUNNING: u32 = 1;
    /// The result is in the payload.
    pub const DONE: u32 = 2;
    /// Panicked or cancelled: there is no result.
    pub const ENDED: u32 = 3;
}

/// An activation that spawns children: a func, a task, a lambda, the body of a `within`. In the frame, 8-aligned,
/// from `ScopeEnter` to `ScopeLeave`. The runtime's words follow.
#[repr(C)]
pub struct Scope {
    pub parent: *mut Scope,
    pub words: [u64; 11],
}

/// Where a cancelled activation goes on. In the frame of a `within`, from `WithinEnter` to `WithinLeave`.
#[repr(C)]
pub struct Landing {
    pub previous: *mut Landing,
    /// Stack pointer with the callee-saved registers on top, as `coex_land` leaves it.
    pub sp: *mut u8,
    pub words: [u64; 10],
}

/// What `coex_land` returns when the body was cancelled; bodies return 0 and above.
pub const LANDED: i64 = -1;

/// Constant data, one for each parallel `for`.
#[repr(C)]
pub struct RangeInfo {
    /// `void body(fiber in r13, env: *mut u8, runner: *mut RangeRunner)`: while `next < end` of the runner: takes
    /// `i = next`, stores `next = i + 1`, calls the task for i, stores its result at `results + i * result_size`.
    /// Both words are read anew for each round: the runtime may give the rest of a chunk away when the fiber parks.
    pub body: *const u8,
    pub name: Text,
    pub result_size: u32,
    /// 1: results hold references.
    pub result_has_pointers: u32,
    /// [`task_flags`]
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: constant data.
unsafe impl Sync for RangeInfo {}

/// A chunk of a parallel `for`; in the frame of the runtime's caller of `body`.
#[repr(C)]
pub struct RangeRunner {
    pub next: i64,
    pub end: i64,
    pub results: *mut u8,
    pub words: [u64; 13],
}

/// One case of a `select`, in the frame.
#[repr(C)]
pub struct SelectCase {
    /// [`select_kind`]
    pub kind: u32,
    /// Foreign: index of the library, or [`select_kind::NO_LIBRARY`].
    pub library: u32,
    /// Receive: the channel object. Foreign: the [`TaskInfo`] of the call.
    pub source: *mut u8,
    /// Receive: a slot of type `T?`, written when the case is chosen. Foreign: the payload of the task, with arguments;
    /// written when the case is chosen.
    pub out: *mut u8,
    /// Receive: the descriptor of `T?`. Foreign: the [`Site`] of the call.
    pub about: *const u8,
    /// The runtime's, until the statement has chosen.
    pub words: [u64; 12],
}

pub mod select_kind {
    pub const RECEIVE: u32 = 0;
    pub const FOREIGN: u32 = 1;
    /// A foreign case finds no resources.
    pub const EXHAUSTED: u32 = 2;
    pub const NO_LIBRARY: u32 = u32::MAX;
}

pub mod select_strategy {
    pub const ORDER: i64 = 0;
    pub const PRIORITY: i64 = 1;
    pub const FAIR: i64 = 2;
    pub const RANDOM: i64 = 3;
}

/// `Channel<T>`. Pinned: waiting fibers name it by its address. All but `header`, `capacity` and `element` are guarded
/// by `lock`; `closed` and `len` may be read without it.
#[repr(C)]
pub struct ChannelObject {
    pub header: u64,
    pub lock: AtomicU32,
    pub closed: AtomicU32,
    pub capacity: u64,
    /// Values in the ring.
    pub len: AtomicU64,
    /// Slot of the oldest one.
    pub first: u64,
    /// Slots of T; null at first, grows up to `capacity`.
    pub ring: *mut Elements,
    /// T
    pub element: *const TypeDesc,
    /// First and last waiter that wants a value, and that wants to get rid of one: nodes in the waiters' frames.
    pub receivers: [*mut u8; 2],
    pub senders: [*mut u8; 2],
}

/// Cell of `atomic_int`, `atomic_float` (its bits), `atomic_bool` (0 or 1) and `atomic_ref<T>`: what a slot of type `T?`
/// holds when that is one reference, else null or an `Elements` object with the one T.
#[repr(C)]
pub struct AtomicObject {
    pub header: u64,
    pub value: AtomicU64,
}

/// Root of a chain of calls: main, a task, an `@isolated` invocation. The instance table follows, one word a library,
/// null until first use; libraries are numbered when the program is compiled.
#[repr(C)]
pub struct Root {
    pub parent: *mut Root,
    pub library_count: u64,
    pub instances: [*mut Instance; 0],
}

pub mod instance_state {
    pub const LIVE: u32 = 0;
    pub const DEAD: u32 = 1;
    pub const ABANDONED: u32 = 2;
}

/// The part of an instance that compiled code reads; the runtime keeps more behind it.
#[repr(C)]
pub struct Instance {
    /// Start of the library's private globals.
    pub base: *mut u8,
    pub errno: i32,
    pub state: u32,
    pub generation: u64,
    pub library: *const LibraryDescriptor,
    /// Argument copies of the current call: next free byte and end.
    pub arena_cursor: *mut u8,
    pub arena_limit: *mut u8,
}

/// Emitted into each library's object by the privatising pass, under [`library_descriptor_symbol`].
#[repr(C)]
pub struct LibraryDescriptor {
    pub abi_version: u32,
    /// [`library_flags`].
    pub flags: u32,
    pub name: *const c_char,
    /// Initial bytes of the private globals: `data_size` bytes, the rest up to `total_size` is zero.
    pub template: *const u8,
    pub data_size: u64,
    pub total_size: u64,
    pub align: u64,
    pub relocations: *const Relocation,
    pub relocation_count: u64,
    /// Bounds of the library's own text section.
    pub text_start: *const u8,
    pub text_end: *const u8,
    /// Run in order when an instance is created, with its base installed.
    pub constructors: *const unsafe extern "C" fn(),
    pub constructor_count: u64,
    pub destructors: *const unsafe extern "C" fn(),
    pub destructor_count: u64,
    /// Limits of the manifest; 0 for the runtime's own.
    pub max_instances: u64,
    pub max_handles: u64,
    pub max_arena_bytes: u64,
}

pub mod library_flags {
    /// The C code refers to functions that read or write streams or descriptors.
    pub const USES_STDIO: u32 = 1;
    /// `isolation = "shared"`: one instance for the whole process.
    pub const SHARED: u32 = 2;
    /// `thread_safe = false`: one call at a time in the whole process.
    pub const SERIAL: u32 = 4;
    /// `isolation = "process"`: its code runs in worker processes.
    pub const PROCESS: u32 = 8;
}

/// At instance creation the word at `base + at` becomes `base + addend`.
#[repr(C)]
pub struct Relocation {
    pub at: u64,
    pub addend: u64,
}

/// What C code returns for `[byte]` results, from `coex_ffi_bytes(n)`.
#[repr(C)]
pub struct CoexBytes {
    pub len: i64,
    pub data: *mut u8,
}

/// What a compiled program hands to `coex_start(argc, argv, &program)`.
#[repr(C)]
pub struct ProgramInfo {
    pub abi_version: u32,
    pub type_count: u32,
    pub types: *const TypeInfo,
    pub library_count: u64,
    pub libraries: *const *const LibraryDescriptor,
    /// `i64 entry(fiber in r13)`: runs `main`, yields its status.
    pub entry: *const u8,
}

// SAFETY: constant data.
unsafe impl Sync for ProgramInfo {}

/// The thread-local that holds the current instance's base (initial-exec in libraries).
pub const INSTANCE_BASE_SYMBOL: &str = "coex_inst_base";

/// Name prefix of a library's symbols in its object, so that libraries never clash: `name` and the first 16 hex digits
/// of the library's content key.
pub fn library_symbol(library: &str, key: &str, symbol: &str) -> String {
    format!("coexlib.{library}.{key}.{symbol}")
}

pub fn library_descriptor_symbol(library: &str, key: &str) -> String {
    library_symbol(library, key, "descriptor")
}

/// Offsets used by hand-written code.
pub mod offset {
    use super::{Fiber, Instance, Landing, Root, ThreadSlots, offset_of};
    pub const FIBER_CURSOR: usize = offset_of!(Fiber, cursor);
    pub const FIBER_LIMIT: usize = offset_of!(Fiber, limit);
    pub const FIBER_POLL: usize = offset_of!(Fiber, poll);
    pub const FIBER_SP: usize = offset_of!(Fiber, sp);
    pub const FIBER_SYS: usize = offset_of!(Fiber, sys);
    pub const FIBER_STACK_CHECK: usize = offset_of!(Fiber, stack_check);
    pub const FIBER_ENTERED: usize = offset_of!(Fiber, entered);
    pub const FIBER_THREAD: usize = offset_of!(Fiber, thread);
    pub const FIBER_ROOT: usize = offset_of!(Fiber, root);
    pub const FIBER_PRINT_PENDING: usize = offset_of!(Fiber, print_pending);
    pub const FIBER_FFI_FAILED: usize = offset_of!(Fiber, ffi_failed);
    pub const FIBER_FFI_SITE: usize = offset_of!(Fiber, ffi_site);
    pub const FIBER_RETURNED: usize = offset_of!(Fiber, returned);
    pub const LANDING_SP: usize = offset_of!(Landing, sp);
    pub const THREAD_STATE: usize = offset_of!(ThreadSlots, state);
    pub const THREAD_POLL: usize = offset_of!(ThreadSlots, poll);
    pub const THREAD_BASE: usize = offset_of!(ThreadSlots, base);
    pub const THREAD_ERRNO: usize = offset_of!(ThreadSlots, errno);
    pub const ROOT_INSTANCES: usize = offset_of!(Root, instances);
    pub const INSTANCE_BASE: usize = offset_of!(Instance, base);
    pub const INSTANCE_ERRNO: usize = offset_of!(Instance, errno);
    pub const INSTANCE_ARENA_CURSOR: usize = offset_of!(Instance, arena_cursor);
    pub const INSTANCE_ARENA_LIMIT: usize = offset_of!(Instance, arena_limit);
}

// The frozen part of the contract: a moved field is an ABI break and must be noticed here.
const _: () = {
    assert!(offset_of!(Fiber, cursor) == 0);
    assert!(offset_of!(Fiber, limit) == 8);
    assert!(offset_of!(Fiber, poll) == 16);
    assert!(offset_of!(Fiber, ffi_failed) == 20);
    assert!(offset_of!(Fiber, sp) == 32);
    assert!(offset_of!(Fiber, sys) == 40);
    assert!(offset_of!(Fiber, entered) == 48);
    assert!(offset_of!(Fiber, thread) == 56);
    assert!(offset_of!(Fiber, root) == 64);
    assert!(offset_of!(Root, instances) == 16);
    assert!(offset_of!(Instance, base) == 0);
    assert!(size_of::<StringObject>() == 48);
    assert!(size_of::<ListObject>() == 48);
};

/// Where the value starts in an entry of a map node; the entry's size is rounded up to 8 bytes.
pub const fn map_value_offset(key_size: u32, value_align: u32) -> u32 {
    let align = if value_align == 0 { 1 } else { value_align };
    key_size.div_ceil(align) * align
}

/// Bytes of one entry of a map node (a Set has value size 0).
pub const fn map_entry_size(key_size: u32, value_size: u32, value_align: u32) -> u32 {
    (map_value_offset(key_size, value_align) + value_size).div_ceil(8) * 8
}
