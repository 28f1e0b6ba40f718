//! The binary contract between compiled programs and the runtime.
//!
//! In: nothing. Out: every layout, offset, bit and limit that both sides must agree on; the compiler imports this file
//! as `coex_runtime::abi`. Deliberately not here: behaviour. A change here changes [`ABI_VERSION`].

use core::mem::offset_of;

/// Checked when a program starts, and part of every cache key.
pub const ABI_VERSION: u32 = 4;

mod fibers;
mod foreign;
mod objects;
mod tasks;
mod values;

pub use fibers::*;
pub use foreign::*;
pub use objects::*;
pub use tasks::*;
pub use values::*;

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
