//! `isolation = "process"`: the C code of a library runs in a process of its own, one for each root.
//!
//! In: calls of externs of such libraries. Out: what the tier `instance` would give, from a process that may break in
//! any way without harm to this one. A worker is the program itself, executed again, which serves calls instead of running
//! `main`: there the library is an ordinary library of the tier `instance`. Only values travel, as bytes in shared memory.
//!
//! ```text
//!   the program                                   a worker (serve)
//!   extern: values → message (call, message)  →   values again → the extern's ordinary body → C
//!           values ← message (block)          ←   result, out variables, or the panic
//! ```
//!
//! Map: `block` (shared memory, turns), `message` (values as bytes), `pool` (processes), `call` (the program's side),
//! `serve` and `confine` (the worker's side). Deliberately not here: instances and handles of the program's side, which
//! are the ordinary ones without state (`instance`, `handles`).

pub(crate) mod block;
pub mod call;
mod confine;
mod message;
pub(crate) mod pool;
pub mod serve;

use core::ptr::null;
use std::sync::Arc;

use super::instance::FullInstance;
use super::limits::Exhausted;
use crate::abi::{Fiber, LibraryDescriptor, library_flags};
use pool::Worker;

/// Marks the environment of a worker: the number of its descriptor of the shared memory.
const VARIABLE: &str = "COEX_FFI_WORKER";
const BLOCK_DESCRIPTOR: i32 = 3;

/// Whether the library's code runs in other processes, seen from this one.
#[inline]
pub(crate) fn is_remote(library: &LibraryDescriptor) -> bool {
    library.flags & library_flags::PROCESS != 0 && !serve::is_worker()
}

/// A worker for a new instance. The fiber may wait, and may be cancelled meanwhile.
///
/// # Safety
/// `fiber` is the running fiber; nothing in the caller's frames must be dropped.
pub(crate) unsafe fn acquire(fiber: *mut Fiber) -> Result<*const Worker, Exhausted> {
    // SAFETY: forwarded; the closure owns what it makes.
    unsafe { super::blocking::run(fiber, || pool::acquire().map(|worker| Lease(Some(worker)))).map(Lease::into_raw) }
}

/// Nobody takes the worker after all.
///
/// # Safety
/// From [`acquire`], and nobody else's.
pub(crate) unsafe fn refuse(worker: *const Worker) {
    // SAFETY: the count that `acquire` has given.
    unsafe { Arc::from_raw(worker).kill() };
}

/// Kills its worker when nobody takes it: the root that wanted it may be gone.
struct Lease(Option<Arc<Worker>>);

impl Lease {
    fn into_raw(mut self) -> *const Worker {
        self.0.take().map_or(null(), Arc::into_raw)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(worker) = &self.0 {
            worker.kill();
        }
    }
}

/// The instance is over, and so is its process.
///
/// # Safety
/// Nobody calls into the instance any more.
pub(crate) unsafe fn release(instance: *mut FullInstance) {
    // SAFETY: the count that `acquire` has given to the instance.
    unsafe {
        let worker = core::mem::replace(&mut (*instance).worker, null());
        if !worker.is_null() {
            Arc::from_raw(worker).kill();
        }
    }
}
