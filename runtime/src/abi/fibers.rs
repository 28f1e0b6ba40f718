//! Fibers and the OS threads that run them.
//!
//! In: nothing. Out: part of [`super`]. Deliberately not here: what tasks (`tasks`) and foreign calls (`foreign`) add.

use core::sync::atomic::{AtomicU32, AtomicU64};

use super::{Landing, RangeRunner, Root, Scope, Site};

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

/// One per stack; its address is in r13 (x20) in all Coex code.
#[repr(C)]
pub struct Fiber {
    /// Allocation: next free byte and end of the free run.
    pub cursor: *mut u8,
    pub limit: *mut u8,
    /// Not 0: somebody wants something; look in the slow path.
    pub poll: AtomicU32,
    /// [`super::ffi_failure`] of the last foreign call. Compiled code looks at it after every call of a library, before it looks at
    /// any result: after a crash the thunk returns zeros. Behind `poll`, so that one look serves for both.
    pub ffi_failed: u32,
    /// Innermost activation that may have children.
    pub scope: *mut Scope,
    /// Stack pointer of the task stack while the fiber does not run Coex code.
    pub sp: *mut u8,
    /// The OS thread's system stack, to run C on. The word there is the address of the thread's [`ThreadSlots`], so that
    /// a call that ends by a jump finds them after it was abandoned, when the fiber is another thread's.
    pub sys: *mut u8,
    /// [`super::entered`]: what this thread has installed. The instance is that of the fiber's root, lives, and is in its slot; whoever
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
