//! Foreign calls: instances of libraries, their roots, memory, handles and failures.

pub(crate) mod crash;

use crate::abi::Fiber;

/// Step 7 of the protocol, when `poll` was set during the call.
///
/// # Safety
/// Called by the thunk, on the system stack.
pub(crate) unsafe extern "C" fn coex_foreign_returned(fiber: *mut Fiber) {
    let _ = fiber;
}

/// Destroys the instances of all roots of the fiber, innermost first.
///
/// # Safety
/// `fiber` is null or the running fiber.
pub(crate) unsafe fn tear_down_all(fiber: *mut Fiber) {
    let _ = fiber;
}

/// Lines about an instance for `gc_dump_handle_table`.
///
/// # Safety
/// `instance` is live.
pub(crate) unsafe fn report(instance: *mut crate::abi::Instance, write: &mut dyn FnMut(&[u8])) {
    let _ = (instance, write);
}
