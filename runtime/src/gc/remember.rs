//! The remembered set: old objects that may refer to young ones.
//!
//! In: objects that are about to be changed in place. Out: a list of those among them that are old, for the next
//! collection. An object is listed once; its LOGGED bit says so. Objects that stacks point at enter the list at every
//! collection by themselves (`minor`): whoever is still filling one need not care whether it became old meanwhile.
//! Deliberately not here: who must call the barrier (rule B, see `slot`).

use crate::sync::{Mutex, MutexGuard};
use core::sync::atomic::{AtomicU64, Ordering};

use super::heap;
use crate::abi::{Fiber, HEADER_LOGGED, HEADER_OLD};

/// No holder of the lock allocates objects or looks for polls.
static REMEMBERED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

pub(crate) fn remembered() -> MutexGuard<'static, Vec<usize>> {
    REMEMBERED.lock()
}

/// Before or after a reference is stored into an existing object, with no allocation between.
///
/// # Safety
/// `object` is an object; `fiber` is the running fiber.
#[inline]
pub unsafe fn barrier<T>(_fiber: *mut Fiber, object: *mut T) {
    // SAFETY: an object starts with its header.
    let header = unsafe { AtomicU64::from_ptr(object.cast()) };
    if header.load(Ordering::Relaxed) & (HEADER_OLD | HEADER_LOGGED) == HEADER_OLD {
        log(object as usize, header);
    }
}

#[cold]
fn log(object: usize, header: &AtomicU64) {
    // Static objects are in memory that cannot be written, and refer to static objects only.
    let in_heap = heap().contains(object);
    if in_heap && header.fetch_or(HEADER_LOGGED, Ordering::Relaxed) & HEADER_LOGGED == 0 {
        remembered().push(object);
    }
}
