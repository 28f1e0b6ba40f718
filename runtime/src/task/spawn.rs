//! Spawning.
//!
//! In: calls of compiled code: a record, then, with its arguments in place, its start. Out: the task is in a queue.

use core::sync::atomic::Ordering;

use super::record::{self, FullTask};
use super::scope::FullScope;
use super::{range, scope};
use crate::abi::{Fiber, Site, Task, TaskInfo, task_state};
use crate::panic;
use crate::sched::thread::After;
use crate::sched::{queue, run, thread, watcher};

/// # Safety
/// `fiber` is the running fiber, in a scope; `info` is constant.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_task_new(
    fiber: *mut Fiber,
    info: *const TaskInfo,
    site: *const Site,
) -> *mut Task {
    // SAFETY: the caller's promise.
    unsafe {
        let task = record::take(fiber, info, site);
        if task.is_null() {
            panic::raise(fiber, b"out of memory", site);
        }
        task.cast()
    }
}

/// # Safety
/// `fiber` is the running fiber, `task` a new record with its arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_task_start(fiber: *mut Fiber, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        let task = task.cast::<FullTask>();
        let scope = (*fiber).scope.cast();
        let is_crowded = scope::add(fiber, scope, task);
        watcher::ensure_started();
        queue::push_task((*thread::of(fiber)).worker.load(Ordering::Relaxed), task);
        if is_crowded {
            let_children_run(fiber, scope);
        }
    }
}

/// Others first, until few children are left or those that are left wait: who spawns faster than the workers run would
/// fill the memory.
#[cold]
unsafe fn let_children_run(fiber: *mut Fiber, scope: *mut FullScope) {
    const TURNS: usize = 64;
    // SAFETY: the caller's promise; the children's arguments are in their records.
    unsafe {
        for _ in 0..TURNS {
            range::give_rest_away(fiber);
            run::leave(fiber, After::Yield);
            if !scope::sweep(fiber, scope) || !queue::is_anything_ready() {
                break;
            }
        }
    }
}

/// Nobody will ask for the value.
///
/// # Safety
/// `fiber` is the running fiber, `task` null or a child of one of its scopes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_task_drop(_fiber: *mut Fiber, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        if !task.is_null() {
            (*task.cast::<FullTask>()).is_dropped = true;
        }
    }
}

/// After a join: the value was copied.
///
/// # Safety
/// `fiber` is the running fiber, `task` a joined child of one of its scopes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_task_release(fiber: *mut Fiber, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        let task = task.cast::<FullTask>();
        debug_assert_eq!(record::phase((*task).public.state.load(Ordering::Relaxed)), task_state::DONE);
        scope::remove((*task).scope, task);
        record::release(fiber, task);
    }
}
