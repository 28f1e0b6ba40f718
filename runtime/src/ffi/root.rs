//! Roots: main, tasks and `@isolated` invocations own the instances that their calls create.
//!
//! In: calls of compiled code around tasks, and before the first foreign call of a library. Out: instances, destroyed with
//! their root, newest first. Deliberately not here: the inline look-up `root.instances[index]`.

use core::ptr::null_mut;

use super::instance::{self, FullInstance};
use super::limits::{self, Exhausted};
use super::lock::Lock;
use super::{call, side, worker};
use crate::abi::{Fiber, Instance, LibraryDescriptor, Root, Site, entered, library_flags};
use crate::arch;
use crate::program;
use crate::rust_heap::may_fail;

/// The instances of shared libraries: one for the process. Null before the first call.
static SHARED: Lock<Vec<Shared>> = Lock::new(Vec::new());

#[derive(Clone, Copy)]
struct Shared {
    instance: *mut FullInstance,
    /// Its constructors have run.
    is_ready: bool,
}

// SAFETY: the instance is the process'.
unsafe impl Send for Shared {}

/// The word of the root's table.
///
/// # Safety
/// `root` has more than `index` libraries.
#[inline]
pub(crate) unsafe fn slot(root: *mut Root, index: usize) -> *mut *mut Instance {
    // SAFETY: the table follows the root.
    unsafe { (&raw mut (*root).instances).cast::<*mut Instance>().add(index) }
}

/// Begins a root in the caller's frame: a `Root` and a word for each library.
///
/// # Safety
/// `fiber` is the running fiber; the frame lives until [`coex_root_leave`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_root_enter(fiber: *mut Fiber, root: *mut Root, library_count: i64) {
    // SAFETY: the caller's promise.
    unsafe {
        (*root).parent = (*fiber).root;
        (*root).library_count = library_count as u64;
        slot(root, 0).write_bytes(0, library_count as usize);
        (*fiber).root = root;
        (*fiber).entered = entered::NOTHING;
    }
}

/// Ends the innermost root and its instances.
///
/// # Safety
/// `fiber` is the running fiber, in the root of [`coex_root_enter`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_root_leave(fiber: *mut Fiber) {
    // SAFETY: the caller's promise.
    unsafe {
        let root = (*fiber).root;
        destroy_instances(fiber, root);
        if (*root).parent.is_null() {
            super::handles::release_program_handles(fiber);
        }
        side::reap(fiber);
        (*fiber).root = (*root).parent;
        (*fiber).entered = entered::NOTHING;
    }
}

/// Ends the roots inside `outer`, innermost first: their activations do not go on.
///
/// # Safety
/// `fiber` is the running fiber; `outer` is in its chain of roots, or null.
pub(crate) unsafe fn tear_down_until(fiber: *mut Fiber, outer: *mut Root) {
    // SAFETY: the caller's promise.
    unsafe {
        loop {
            if (*fiber).root == outer {
                return;
            }
            coex_root_leave(fiber);
        }
    }
}

unsafe fn destroy_instances(fiber: *mut Fiber, root: *mut Root) {
    // SAFETY: the root's table has `library_count` words.
    unsafe {
        loop {
            let mut newest: *mut *mut Instance = null_mut();
            for index in 0..(*root).library_count as usize {
                let slot = slot(root, index);
                if (*slot).is_null() {
                    continue;
                }
                if newest.is_null() || (**slot).generation > (**newest).generation {
                    newest = slot;
                }
            }
            if newest.is_null() {
                return;
            }
            // Emptied first: a crash in a destructor must not come here again.
            let instance = core::mem::replace(&mut *newest, null_mut());
            instance::destroy(fiber, instance.cast());
        }
    }
}

/// Destroys the instances of all roots of the fiber, innermost first, then the shared ones: the program ends.
///
/// # Safety
/// `fiber` is null or the running fiber.
pub(crate) unsafe fn tear_down_all(fiber: *mut Fiber) {
    if fiber.is_null() {
        return;
    }
    // SAFETY: the chain of roots ends with null.
    unsafe {
        while !(*fiber).root.is_null() {
            let root = (*fiber).root;
            destroy_instances(fiber, root);
            (*fiber).root = (*root).parent;
            (*fiber).entered = entered::NOTHING;
        }
        side::reap(fiber);
        super::handles::release_program_handles(fiber);
        let shared = core::mem::take(&mut *SHARED.hold());
        for shared in shared.into_iter().filter(|shared| shared.is_ready) {
            instance::destroy(fiber, shared.instance);
        }
        worker::pool::close();
    }
}

/// The instance of a library for the current root, created when there is none.
///
/// # Safety
/// `fiber` is the running fiber; `index` is the library's index.
pub(crate) unsafe fn get(fiber: *mut Fiber, index: usize) -> Result<*mut Instance, Exhausted> {
    // SAFETY: the caller's promise.
    unsafe {
        let root = (*fiber).root;
        let found = *slot(root, index);
        if !found.is_null() {
            return Ok(found);
        }
        // A crash of this fiber's calls must find room for its text.
        side::of(fiber).ok_or(Exhausted::Bytes)?;
        side::reap(fiber);
        let library = library(index);
        if (*library).flags & library_flags::SHARED != 0 {
            let shared = get_shared(fiber, library, index)?;
            let view = instance::create_view(shared, root)?;
            *slot(root, index) = view.cast();
            return Ok(view.cast());
        }
        if worker::is_remote(&*library) {
            return get_remote(fiber, library, index);
        }
        let instance = instance::create(library, index as u32, root)?;
        *slot(root, index) = instance.cast();
        instance::construct(fiber, instance);
        Ok(instance.cast())
    }
}

/// An instance whose code runs in a worker.
unsafe fn get_remote(
    fiber: *mut Fiber,
    library: *const LibraryDescriptor,
    index: usize,
) -> Result<*mut Instance, Exhausted> {
    // SAFETY: forwarded.
    unsafe {
        let process = worker::acquire(fiber)?;
        let root = (*fiber).root;
        match instance::create_remote(library, index as u32, root, process) {
            Ok(instance) => {
                *slot(root, index) = instance.cast();
                Ok(instance.cast())
            }
            Err(reason) => {
                worker::refuse(process);
                Err(reason)
            }
        }
    }
}

/// The one instance of a shared library. Who comes while its constructors run waits for their end.
unsafe fn get_shared(
    fiber: *mut Fiber,
    library: *const LibraryDescriptor,
    index: usize,
) -> Result<*mut FullInstance, Exhausted> {
    // SAFETY: instances of this table live as long as the process.
    unsafe {
        let found = {
            let mut shared = SHARED.hold();
            if shared.len() <= index {
                let missing = index + 1 - shared.len();
                if limits::injected_failure() || may_fail(|| shared.try_reserve(missing)).is_err() {
                    return Err(Exhausted::Bytes);
                }
                shared.resize(index + 1, Shared { instance: null_mut(), is_ready: false });
            }
            if shared[index].is_ready {
                return Ok(shared[index].instance);
            }
            let found = shared[index].instance;
            if found.is_null() {
                shared[index].instance = instance::create_shared(library, index as u32)?;
                Ok(shared[index].instance)
            } else {
                Err(found)
            }
        };
        match found {
            Ok(instance) => {
                call::in_instance(fiber, instance, construct_shared as *const u8, instance as usize, index);
                Ok(instance)
            }
            Err(instance) => {
                arch::coex_call_foreign(fiber, wait_for_shared as *const u8, index, 0);
                Ok(instance)
            }
        }
    }
}

/// One foreign call, which runs to its end even when nobody waits for it any more.
unsafe extern "C" fn construct_shared(instance: *mut FullInstance, index: usize) {
    // SAFETY: the instance is installed.
    unsafe { instance::construct_here((*instance).public.library) };
    SHARED.hold()[index].is_ready = true;
}

/// On the system stack, as a foreign call.
unsafe extern "C" fn wait_for_shared(index: usize) {
    while !SHARED.hold()[index].is_ready {
        std::thread::sleep(std::time::Duration::from_micros(50));
    }
}

pub(crate) fn library(index: usize) -> *const LibraryDescriptor {
    // SAFETY: the program's table has `library_count` rows.
    unsafe { *(*program::info()).libraries.add(index) }
}

/// The instance, or the panic `FFI resource exhausted`.
///
/// # Safety
/// `fiber` is the running fiber; `index` is the library's index; `site` is the call's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_instance_get(fiber: *mut Fiber, index: i64, site: *const Site) -> *mut Instance {
    // SAFETY: forwarded.
    unsafe {
        match get(fiber, index as usize) {
            Ok(instance) => {
                if (*fiber).ffi_failed != 0 {
                    // A constructor crashed.
                    super::failure::coex_panic_ffi_failure(fiber, site);
                }
                instance
            }
            Err(reason) => limits::raise(fiber, library(index as usize), reason, site),
        }
    }
}

/// Installs the instance of a library on this thread, for the call that follows; below 0 none, for functions of the program.
/// What [`coex_instance_get`] says of failures holds here too.
///
/// # Safety
/// As [`coex_instance_get`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_instance_enter(fiber: *mut Fiber, index: i64, site: *const Site) {
    // SAFETY: forwarded; the thread's slots are valid while the fiber runs.
    unsafe {
        if index < 0 {
            *(*(*fiber).thread).base = null_mut();
            (*fiber).entered = entered::PROGRAM;
            return;
        }
        let mut instance = *slot((*fiber).root, index as usize);
        if instance.is_null() {
            instance = coex_instance_get(fiber, index, site);
        }
        *(*(*fiber).thread).base = (*instance).base;
        (*fiber).entered = index as u32 + 1;
    }
}

/// The instance, or null when resources are exhausted.
///
/// # Safety
/// As [`coex_instance_get`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_instance_try_get(fiber: *mut Fiber, index: i64) -> *mut Instance {
    // SAFETY: forwarded.
    unsafe {
        let instance = get(fiber, index as usize).unwrap_or(null_mut());
        // A constructor that crashes has made none.
        if core::mem::take(&mut (*fiber).ffi_failed) == 0 { instance } else { null_mut() }
    }
}

/// Memory for argument copies where the inline part found no room.
///
/// # Safety
/// `fiber` is the running fiber; `instance` is null or live; `site` is the call's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_arena_alloc(
    fiber: *mut Fiber,
    instance: *mut Instance,
    bytes: i64,
    site: *const Site,
) -> *mut u8 {
    // SAFETY: forwarded.
    unsafe {
        let full = side::instance_or_program(fiber, instance);
        if full.is_null() {
            limits::raise(fiber, core::ptr::null(), Exhausted::Arena, site);
        }
        let library = (*full).public.library;
        let max_bytes = if library.is_null() { 0 } else { (*library).max_arena_bytes };
        let FullInstance { public, arguments, .. } = &mut *full;
        let memory = arguments.grow(&mut public.arena_cursor, &mut public.arena_limit, bytes as usize, max_bytes);
        if memory.is_null() {
            limits::raise(fiber, library, Exhausted::Arena, site);
        }
        memory
    }
}

/// Frees the argument copies of a call; `mark` is the cursor before it.
///
/// # Safety
/// `instance` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_arena_reset(instance: *mut Instance, mark: *mut u8) {
    // SAFETY: forwarded.
    unsafe {
        let full = side::instance_or_program(program::running_fiber(), instance);
        if full.is_null() {
            return;
        }
        let FullInstance { public, arguments, .. } = &mut *full;
        arguments.reset(&mut public.arena_cursor, &mut public.arena_limit, mark);
    }
}
