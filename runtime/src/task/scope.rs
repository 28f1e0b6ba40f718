//! The children of an activation.
//!
//! In: the beginning and the end of activations that spawn. Out: at the end all children are joined, in spawn order. The list is
//! the parent's alone; children only report failures. Deliberately not here: what happens at a join.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::failure::Failure;
use super::record::{self, FullTask};
use super::{join, range};
use crate::abi::{Fiber, Scope, Site, task_state};
use crate::sched::fiber::{FullFiber, full};

#[repr(C)]
pub(crate) struct FullScope {
    pub(crate) parent: *mut FullScope,
    /// Youngest child; null for none.
    pub(crate) last: *mut FullTask,
    /// The first panic of a child.
    pub(crate) failure: AtomicPtr<Failure>,
    /// Whose activation it is.
    pub(crate) fiber: *mut FullFiber,
    /// Children in the list, and how many there may be before the ended ones are looked for.
    pub(crate) count: u32,
    pub(crate) sweep_at: u32,
    /// Results of a parallel `for`, freed with the scope.
    pub(crate) results: *mut range::Results,
}

const _: () = assert!(size_of::<FullScope>() <= size_of::<Scope>());

const SWEEP_FROM: u32 = 64;
/// So many children that the parent lets them run first; fewer than a queue holds.
const CROWD: u32 = 256;

/// # Safety
/// `fiber` is the running fiber; the scope lies in its frame until [`coex_scope_leave`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_scope_enter(fiber: *mut Fiber, scope: *mut Scope) {
    // SAFETY: the caller's promise.
    unsafe {
        let scope = scope.cast::<FullScope>();
        scope.write(FullScope {
            parent: (*fiber).scope.cast(),
            last: null_mut(),
            failure: AtomicPtr::new(null_mut()),
            fiber: full(fiber),
            count: 0,
            sweep_at: SWEEP_FROM,
            results: null_mut(),
        });
        (*fiber).scope = scope.cast();
    }
}

/// # Safety
/// `fiber` is the running fiber, the scope its innermost one.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_scope_leave(fiber: *mut Fiber, scope: *mut Scope, site: *const Site) {
    // SAFETY: the caller's promise.
    unsafe {
        let scope = scope.cast::<FullScope>();
        if !(*scope).last.is_null() {
            join_all(fiber, scope, site);
        }
        (*fiber).scope = (*scope).parent.cast();
    }
}

/// The barrier: in spawn order; an unfinished child of its own queue runs here.
#[cold]
unsafe fn join_all(fiber: *mut Fiber, scope: *mut FullScope, site: *const Site) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut task = (*scope).last;
        while !(*task).next.is_null() {
            task = (*task).next;
        }
        while !task.is_null() {
            join::wait_for(fiber, task, site);
            task = (*task).previous;
        }
        // Only now: a panic on the way finds the whole list.
        free_all(fiber, scope);
    }
}

/// Frees the records of children that have ended.
///
/// # Safety
/// `fiber` is the running fiber; all children of the scope have ended.
pub(crate) unsafe fn free_all(fiber: *mut Fiber, scope: *mut FullScope) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut task = core::mem::replace(&mut (*scope).last, null_mut());
        while !task.is_null() {
            let next = (*task).next;
            record::release(fiber, task);
            task = next;
        }
        (*scope).count = 0;
    }
}

/// A new child. From time to time the dropped ones that have ended are freed: a loop that spawns for ever stays small.
/// True: there are many all the same, so they should run before there are more.
///
/// # Safety
/// `fiber` is the running fiber.
#[inline]
pub(crate) unsafe fn add(fiber: *mut Fiber, scope: *mut FullScope, task: *mut FullTask) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let is_crowded = (*scope).count >= (*scope).sweep_at && sweep(fiber, scope);
        (*task).scope = scope;
        (*task).next = (*scope).last;
        (*task).previous = null_mut();
        if !(*scope).last.is_null() {
            (*(*scope).last).previous = task;
        }
        (*scope).last = task;
        (*scope).count += 1;
        is_crowded
    }
}

/// Frees the dropped children that have ended. True: many are left.
///
/// # Safety
/// `fiber` is the running fiber, the scope one of its.
#[cold]
pub(crate) unsafe fn sweep(fiber: *mut Fiber, scope: *mut FullScope) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let mut task = (*scope).last;
        while !task.is_null() {
            let older = (*task).next;
            let is_done = record::phase((*task).public.state.load(Ordering::Acquire)) == task_state::DONE;
            if is_done && (*task).is_dropped {
                remove(scope, task);
                record::release(fiber, task);
            }
            task = older;
        }
        (*scope).sweep_at = ((*scope).count * 2).max(SWEEP_FROM);
        (*scope).count >= CROWD
    }
}

/// Takes a child out of the list: its parent has its value.
///
/// # Safety
/// The task is a child of the scope, which is the running activation's.
#[inline]
pub(crate) unsafe fn remove(scope: *mut FullScope, task: *mut FullTask) {
    // SAFETY: the caller's promise.
    unsafe {
        let (older, younger) = ((*task).next, (*task).previous);
        if younger.is_null() {
            (*scope).last = older;
        } else {
            (*younger).next = older;
        }
        if !older.is_null() {
            (*older).previous = younger;
        }
        (*scope).count -= 1;
    }
}
