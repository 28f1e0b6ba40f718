//! Tasks, scopes, landings, parallel loops, select, channels and atomics.
//!
//! In: nothing. Out: part of [`super`]. Deliberately not here: the fiber a task runs on (`fibers`).

use core::sync::atomic::{AtomicU32, AtomicU64};

use super::{Elements, Text, TypeDesc};

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
    /// Receive: the descriptor of `T?`. Foreign: the [`super::Site`] of the call.
    pub about: *const u8,
    /// The runtime's, until the statement has chosen.
    pub words: [u64; 16],
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
