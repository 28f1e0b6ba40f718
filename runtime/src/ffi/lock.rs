//! Locks of the foreign side: what all instances share is changed under one of these.
//!
//! In: values. Out: the same, to one thread at a time. C code reaches such a lock through its `malloc`, so the holder also
//! counts itself into the shim depth of its thread: meanwhile no fault is taken for the C code's own, nobody stops the
//! code, and the watcher does not take the fiber away. Deliberately not here: waiting for anything long.

use crate::sync::{Mutex, MutexGuard};
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use crate::program;

/// Counts this thread into a section that must run to its end.
pub(crate) struct Section(*mut u32);

impl Section {
    #[inline]
    pub(crate) fn enter() -> Section {
        let thread = program::running_thread();
        if thread.is_null() {
            return Section(core::ptr::null_mut());
        }
        // SAFETY: the slots live as long as their thread.
        let depth = unsafe { &raw mut (*thread).shim_depth };
        add(depth, 1);
        compiler_fence(Ordering::SeqCst);
        Section(depth)
    }
}

impl Drop for Section {
    #[inline]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        if !self.0.is_null() {
            add(self.0, u32::MAX);
        }
    }
}

/// Only this thread writes; its signal handler and the watcher read.
#[inline]
fn add(depth: *mut u32, change: u32) {
    // SAFETY: a word of the thread's slots, accessed atomically everywhere.
    let depth = unsafe { AtomicU32::from_ptr(depth) };
    depth.store(depth.load(Ordering::Relaxed).wrapping_add(change), Ordering::Relaxed);
}

pub(crate) struct Lock<T>(Mutex<T>);

/// The fields are dropped in this order.
pub(crate) struct Held<'a, T> {
    guard: MutexGuard<'a, T>,
    _section: Section,
}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    #[inline]
    pub(crate) fn hold(&self) -> Held<'_, T> {
        let section = Section::enter();
        Held { guard: self.0.lock(), _section: section }
    }
}

impl<T> core::ops::Deref for Held<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> core::ops::DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
