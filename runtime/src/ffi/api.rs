//! The C interface of `coex_ffi.h`: what wrappers may call.
//!
//! In: calls of C code below a foreign call. Out: as cxz.md 4 and language.md 11.10 say; failures are negative numbers or NULL.
//! Deliberately not here: `coex_ffi_fail` itself, which is variadic and lives in the header.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use super::instance::{self, FullInstance};
use super::limits::{self, Exhausted};
use super::lock::Section;
use super::units::UNIT_SHIFT;
use super::{claim, root, shims, side};
use crate::abi::{CoexBytes, state};
use crate::arch;
use crate::program;

const INVALID: i64 = -1;
const NO_MEMORY: i64 = -2;
const IS_NULL: i64 = -3;

/// The instance of the running call. In a shared library that is the calling root's view of it; outside a library the
/// stand-in of the fiber. Null when the call was abandoned in these cases, or when there is no memory.
fn here() -> *mut FullInstance {
    let current = instance::current();
    let fiber = program::running_fiber();
    // SAFETY: an installed base names a live instance; the fiber is this thread's while its call is not abandoned.
    unsafe {
        if !current.is_null() && !(*current).is_shared {
            return current;
        }
        if fiber.is_null() {
            return null_mut();
        }
        if current.is_null() {
            return side::instance_or_program(fiber, null_mut());
        }
        (*root::slot((*fiber).root, (*current).library_index as usize)).cast()
    }
}

/// The current instance, above 0 inside a call of a library.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_instance_id() -> i64 {
    let instance = instance::current();
    if instance.is_null() { 0 } else { instance::id(instance) }
}

/// Older name.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_current_instance() -> i64 {
    coex_ffi_instance_id()
}

/// Scratch memory; it stays readable until the next call that asks for some.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_alloc(bytes: usize) -> *mut u8 {
    let _section = Section::enter();
    let instance = here();
    if instance.is_null() {
        return null_mut();
    }
    // SAFETY: a live instance; the thunk reports the end of this call.
    unsafe {
        let instance = &mut *instance;
        if instance.scratch_is_stale {
            instance.scratch.reset();
            instance.scratch_is_stale = false;
        }
        (*side::notes()).used_scratch = true;
        side::report_end_of_call();
        let library = instance.public.library;
        let max_bytes = if library.is_null() { 0 } else { (*library).max_arena_bytes };
        instance.scratch.allocate(bytes, max_bytes)
    }
}

/// The call that asked for scratch memory is over.
pub(crate) fn scratch_becomes_stale() {
    let instance = here();
    if !instance.is_null() {
        // SAFETY: the instance of the call that is over.
        unsafe { (*instance).scratch_is_stale = true }
    }
}

/// A buffer to return as `[byte]`.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_bytes(bytes: i64) -> *mut CoexBytes {
    if bytes < 0 {
        return null_mut();
    }
    let head = size_of::<CoexBytes>();
    let memory = coex_ffi_alloc(head + bytes as usize).cast::<CoexBytes>();
    if !memory.is_null() {
        // SAFETY: fresh memory with room for head and data.
        unsafe { *memory = CoexBytes { len: bytes, data: memory.cast::<u8>().add(head) } };
    }
    memory
}

/// A handle of the current instance.
///
/// # Safety
/// `free_fn` is null or a C function of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_ffi_handle_new(pointer: *mut u8, free_fn: *const u8) -> i64 {
    let _section = Section::enter();
    let instance = here();
    if instance.is_null() {
        return NO_MEMORY;
    }
    // SAFETY: a live instance.
    unsafe { new_handle(&mut *instance, pointer, free_fn) }
}

unsafe fn new_handle(instance: &mut FullInstance, pointer: *mut u8, free_fn: *const u8) -> i64 {
    if pointer.is_null() {
        return IS_NULL;
    }
    let library = instance.public.library;
    // SAFETY: a descriptor or null.
    let max = if library.is_null() { 0 } else { unsafe { (*library).max_handles } };
    instance.handles.open(&mut instance.heap, pointer, free_fn, max).unwrap_or(NO_MEMORY)
}

/// The pointer, or NULL for a handle that is stale or of another instance.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_handle_ptr(handle: i64) -> *mut u8 {
    let _section = Section::enter();
    let instance = here();
    // SAFETY: a live instance, or none.
    unsafe { if instance.is_null() { None } else { (*instance).handles.pointer(handle) }.unwrap_or(null_mut()) }
}

/// Runs the handle's function and makes the handle stale.
///
/// # Safety
/// The handle's function takes its pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_ffi_handle_close(handle: i64) {
    let closed = {
        let _section = Section::enter();
        let instance = here();
        // SAFETY: a live instance, or none.
        if instance.is_null() { None } else { unsafe { (*instance).handles.close(handle) } }
    };
    // SAFETY: this is C's stack already.
    unsafe {
        if let Some((pointer, release)) = closed
            && !release.is_null()
        {
            let release: unsafe extern "C" fn(*mut u8) = core::mem::transmute(release);
            release(pointer);
        }
    }
}

/// True once the call has been abandoned.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_cancelled() -> c_int {
    let thread = program::running_thread();
    // SAFETY: the slots live as long as their thread.
    c_int::from(!thread.is_null() && unsafe { claim::is_abandoned(thread) })
}

// ------------------------------------------------------------------------------------------------ older wrappers

/// A further instance of a library of the program, by name.
///
/// # Safety
/// `library` is null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_ffi_instance_create(library: *const c_char) -> i64 {
    if library.is_null() {
        return IS_NULL;
    }
    // SAFETY: the program's table; the new instance has no root and lives until it is destroyed.
    unsafe {
        let name = CStr::from_ptr(library).to_bytes();
        for index in 0..(*program::info()).library_count as usize {
            let descriptor = root::library(index);
            if super::library_name(descriptor) != name {
                continue;
            }
            return match instance::create(descriptor, index as u32, null_mut()) {
                Ok(created) => {
                    let previous = arch::install_base((*created).public.base);
                    for number in 0..(*descriptor).constructor_count as usize {
                        (*(*descriptor).constructors.add(number))();
                    }
                    arch::install_base(previous);
                    instance::id(created)
                }
                Err(Exhausted::Bytes) => NO_MEMORY,
                Err(_) => INVALID,
            };
        }
    }
    INVALID
}

/// Ends an instance of [`coex_ffi_instance_create`]. Instances of a root end with it and are left alone.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_instance_destroy(id: i64) {
    if let Some(found) = instance::by_id(id) {
        // SAFETY: a live instance that no root owns and that is not installed; its functions run on this stack.
        unsafe {
            if (*found).root.is_null() && found != instance::current() {
                let previous = arch::install_base((*found).public.base);
                let library = &*(*found).public.library;
                for number in 0..library.destructor_count as usize {
                    (*library.destructors.add(number))();
                }
                arch::install_base(previous);
                instance::discard(found);
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_instance_valid(id: i64) -> c_int {
    c_int::from(instance::by_id(id).is_some())
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_instance_count() -> i64 {
    instance::live_count() as i64
}

/// An opaque token of the arena of [`coex_ffi_arena_alloc`].
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_instance_get_arena(id: i64) -> *mut c_void {
    match instance::by_id(id) {
        // SAFETY: a live instance.
        Some(found) => unsafe { (&raw mut (*found).manual).cast() },
        None => null_mut(),
    }
}

/// Memory that lives until [`coex_ffi_arena_reset`] or the end of the instance.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_arena_alloc(id: i64, bytes: usize) -> *mut u8 {
    match instance::by_id(id) {
        // SAFETY: a live instance.
        Some(found) => unsafe { (*found).manual.allocate(bytes, (*(*found).public.library).max_arena_bytes) },
        None => null_mut(),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_arena_reset(id: i64) {
    if let Some(found) = instance::by_id(id) {
        // SAFETY: a live instance.
        unsafe { (*found).manual.reset() }
    }
}

/// # Safety
/// The pointer is the wrapper's; nobody here follows it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_ffi_handle_alloc(id: i64, pointer: *mut u8) -> i64 {
    match instance::by_id(id) {
        // SAFETY: a live instance.
        Some(found) => unsafe { new_handle(&mut *found, pointer, core::ptr::null()) },
        None => INVALID,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_handle_get(id: i64, handle: i64) -> *mut u8 {
    // SAFETY: a live instance.
    instance::by_id(id).and_then(|found| unsafe { (*found).handles.pointer(handle) }).unwrap_or(null_mut())
}

/// Makes the handle stale; the pointer is the caller's.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_handle_free(id: i64, handle: i64) {
    if let Some(found) = instance::by_id(id) {
        // SAFETY: a live instance.
        unsafe { (*found).handles.close(handle) };
    }
}

/// Makes the handle stale and frees its memory.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_handle_free_ptr(id: i64, handle: i64) {
    if let Some(found) = instance::by_id(id) {
        // SAFETY: a live instance; the pointer came from its `malloc`.
        unsafe {
            if let Some((pointer, _)) = (*found).handles.close(handle) {
                let previous = arch::install_base((*found).public.base);
                shims::coex_shim_free(pointer);
                arch::install_base(previous);
            }
        }
    }
}

/// Installs another instance until [`coex_ffi_exit`]. Calls already have theirs installed.
#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_enter(id: i64) {
    if let Some(found) = instance::by_id(id) {
        // SAFETY: a live instance.
        unsafe { (*found).entered_from = arch::install_base((*found).public.base) }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_exit(id: i64) {
    if let Some(found) = instance::by_id(id) {
        // SAFETY: a live instance.
        unsafe {
            let previous = core::mem::replace(&mut (*found).entered_from, null_mut());
            if !previous.is_null() && found == instance::current() {
                arch::install_base(previous);
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_in_foreign_code() -> c_int {
    let thread = program::running_thread();
    // SAFETY: the slots live as long as their thread.
    c_int::from(!thread.is_null() && unsafe { (*thread).state.load(Ordering::Relaxed) == state::FOREIGN })
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_ffi_can_allocate(bytes: usize) -> c_int {
    c_int::from(limits::admits_units((bytes >> UNIT_SHIFT) + 1))
}
