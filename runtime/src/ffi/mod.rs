//! Foreign calls: instances of libraries, their memory, handles and failures.
//!
//! In: calls of compiled code around externs, and of C code. Out: what `call-protocol` promises to both. Compiled code does
//! the hot steps inline (look up the instance, install it, the thunk, and back); here is the rest.
//!
//! Map, bottom up: `lock`, `units` (memory) → `heap`, `arena` → `instance` → `root` (who owns instances); `handles`,
//! `failure`, `side` (what a call leaves to its fiber), `crash`, `claim`, `abandon`, `limits`; `shims` and `api` are
//! what C sees. `worker` is the tier whose C code runs in other processes.

pub(crate) mod abandon;
#[cfg(test)]
mod abandon_tests;
pub mod api;
pub(crate) mod arena;
pub(crate) mod blocking;
pub(crate) mod call;
pub(crate) mod claim;
pub(crate) mod crash;
pub mod descriptors;
pub mod environment;
pub mod failure;
pub mod handles;
pub(crate) mod heap;
pub mod hidden;
#[cfg(test)]
mod hidden_tests;
pub(crate) mod instance;
pub mod jumps;
pub(crate) mod limits;
pub(crate) mod lock;
pub mod process;
pub(crate) mod reaper;
pub mod root;
pub mod serial;
pub mod shims;
pub(crate) mod side;
pub mod sort;
#[cfg(test)]
mod tests;
pub(crate) mod units;
pub mod worker;

use core::ffi::CStr;
use core::sync::atomic::{Ordering, fence};

pub(crate) use root::{tear_down_all, tear_down_until};

use crate::abi::{self, Instance, LibraryDescriptor, ThreadSlots, state};
use crate::panic::Line;
use crate::sched::thread::poll;
use crate::sched::{run, world};

/// Step 7 of the protocol, when the thread's `poll` was set during the call.
///
/// # Safety
/// Called by the thunk, on the system stack, with the instance still installed.
pub(crate) unsafe extern "C" fn coex_foreign_returned(thread: *mut ThreadSlots, results: *mut u64) {
    // SAFETY: the running thread.
    unsafe {
        // Without `membarrier` this is where the watcher and the collector are seen.
        fence(Ordering::SeqCst);
        let bits = (*thread).poll.load(Ordering::SeqCst);
        if bits & (poll::FOREIGN | poll::CLAIM) != 0 {
            (*thread).poll.fetch_and(!(poll::FOREIGN | poll::CLAIM), Ordering::SeqCst);
        }
        match claim::finish(thread) {
            abi::claim::ABANDONED => abandon::returned(thread),
            abi::claim::RETAKEN => abandon::hand_over(thread, results),
            _ => side::deliver(thread),
        }
        if bits & poll::WORLD != 0 {
            (*thread).state.store(state::PARKED, Ordering::SeqCst);
            world::wait_until_resumed();
            run::become_managed(thread.cast());
        }
    }
}

/// # Safety
/// `library` is null or a descriptor.
pub(crate) unsafe fn library_name<'a>(library: *const LibraryDescriptor) -> &'a [u8] {
    // SAFETY: names are NUL-terminated constants.
    unsafe {
        if library.is_null() || (*library).name.is_null() {
            return b"program";
        }
        CStr::from_ptr((*library).name).to_bytes()
    }
}

/// Lines about an instance for `gc_dump_handle_table`.
///
/// # Safety
/// `instance` is live.
pub(crate) unsafe fn report(instance: *mut Instance, write: &mut dyn FnMut(&[u8])) {
    // SAFETY: the caller's promise.
    unsafe {
        let full = instance.cast::<instance::FullInstance>();
        let mut line = Line::new();
        line.push(b"[GC:HANDLES] library=").push(library_name((*instance).library));
        line.push(b" instance=").push_int(instance::id(full));
        line.push(b" open=").push_int(i64::from((*full).handles.open));
        line.push(b" heap_units=").push_int(i64::from((*full).heap.unit_count)).push(b"\n");
        write(line.bytes());
    }
}
