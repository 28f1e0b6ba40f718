//! Functions of the C library that mean the instance, not the process: the libraries' code is redirected to them by name
//! (`coex_shim_malloc` for `malloc`).
//!
//! In: calls of C code, with an instance installed; without one they are the C library's. Out: what the C library would do,
//! within the instance. Memory that the C library itself allocates (`realpath`, `asprintf`) is recognised by its address
//! and goes back there. Here: the heap and the end of it all; the rest in `hidden`, `environment`, `process`, `descriptors`.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::ptr::null_mut;

use super::crash;
use super::hidden::coex_shim_strerror;
use super::instance::{self, FullInstance};
use super::units::units;
use super::{call, heap::Heap, process};
use crate::abi::{Fiber, instance_state};
use crate::panic::Line;

#[repr(C)]
pub(crate) struct ExitFunction {
    next: *mut ExitFunction,
    function: *const u8,
    arguments: [usize; 2],
}

unsafe extern "C" {
    fn malloc_usable_size(pointer: *mut c_void) -> usize;
    fn getdelim(line: *mut *mut u8, capacity: *mut usize, delimiter: c_int, stream: *mut libc::FILE) -> isize;
    fn vasprintf(result: *mut *mut c_char, format: *const c_char, arguments: *mut c_void) -> c_int;
}

pub(crate) fn set_errno(value: c_int) {
    // SAFETY: this thread's errno.
    unsafe { *libc::__errno_location() = value }
}

/// The installed instance, if its state is its own: calls of a shared library may run side by side, so that it has the
/// C library's heap and hidden state.
#[inline]
pub(crate) fn private() -> *mut FullInstance {
    let instance = instance::current();
    // SAFETY: an installed base names a live instance.
    if !instance.is_null() && unsafe { (*instance).is_shared } { null_mut() } else { instance }
}

/// The heap of the installed instance.
#[inline]
fn heap<'a>() -> Option<&'a mut Heap> {
    let instance = private();
    // SAFETY: an installed base names a live instance, whose heap nobody else uses meanwhile.
    if instance.is_null() { None } else { Some(unsafe { &mut (*instance).heap }) }
}

#[inline]
fn checked(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() {
        set_errno(libc::ENOMEM);
    }
    pointer
}

/// # Safety
/// As C's `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_malloc(size: usize) -> *mut u8 {
    match heap() {
        Some(heap) => checked(heap.allocate(size)),
        // SAFETY: forwarded.
        None => unsafe { libc::malloc(size).cast() },
    }
}

/// # Safety
/// As C's `calloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_calloc(count: usize, size: usize) -> *mut u8 {
    let Some(heap) = heap() else {
        // SAFETY: forwarded.
        return unsafe { libc::calloc(count, size).cast() };
    };
    let Some(bytes) = count.checked_mul(size) else { return checked(null_mut()) };
    let pointer = checked(heap.allocate(bytes));
    if !pointer.is_null() {
        // SAFETY: fresh memory of that size.
        unsafe { pointer.write_bytes(0, bytes) };
    }
    pointer
}

/// # Safety
/// As C's `free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_free(pointer: *mut u8) {
    // SAFETY: forwarded; memory outside the pool is the C library's.
    unsafe {
        if units().contains(pointer as usize) {
            if let Some(heap) = heap() {
                heap.free(pointer);
            }
        } else {
            libc::free(pointer.cast());
        }
    }
}

/// # Safety
/// As C's `realloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_realloc(pointer: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: forwarded; memory outside the pool is the C library's.
    unsafe {
        if pointer.is_null() {
            return coex_shim_malloc(size);
        }
        if !units().contains(pointer as usize) {
            return libc::realloc(pointer.cast(), size).cast();
        }
        match heap() {
            Some(heap) if size == 0 => {
                heap.free(pointer);
                null_mut()
            }
            Some(heap) => checked(heap.reallocate(pointer, size)),
            None => checked(null_mut()),
        }
    }
}

/// # Safety
/// As glibc's `reallocarray`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_reallocarray(pointer: *mut u8, count: usize, size: usize) -> *mut u8 {
    match count.checked_mul(size) {
        // SAFETY: forwarded.
        Some(bytes) => unsafe { coex_shim_realloc(pointer, bytes) },
        None => checked(null_mut()),
    }
}

/// # Safety
/// As C's `aligned_alloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_aligned_alloc(alignment: usize, size: usize) -> *mut u8 {
    if !alignment.is_power_of_two() {
        set_errno(libc::EINVAL);
        return null_mut();
    }
    match heap() {
        Some(heap) => checked(heap.allocate_aligned(alignment, size)),
        // SAFETY: forwarded.
        None => unsafe { libc::memalign(alignment.max(16), size).cast() },
    }
}

/// # Safety
/// As glibc's `memalign`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_memalign(alignment: usize, size: usize) -> *mut u8 {
    // SAFETY: forwarded.
    unsafe { coex_shim_aligned_alloc(alignment.max(1).next_power_of_two(), size) }
}

/// # Safety
/// As POSIX' `valloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_valloc(size: usize) -> *mut u8 {
    // SAFETY: forwarded.
    unsafe { coex_shim_aligned_alloc(4096, size) }
}

/// # Safety
/// As glibc's `pvalloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_pvalloc(size: usize) -> *mut u8 {
    // SAFETY: forwarded.
    unsafe { coex_shim_aligned_alloc(4096, size.next_multiple_of(4096)) }
}

/// # Safety
/// As POSIX' `posix_memalign`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_posix_memalign(result: *mut *mut u8, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || !alignment.is_multiple_of(8) {
        return libc::EINVAL;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let saved = *libc::__errno_location();
        let pointer = coex_shim_aligned_alloc(alignment, size);
        set_errno(saved);
        if pointer.is_null() {
            return libc::ENOMEM;
        }
        *result = pointer;
    }
    0
}

/// # Safety
/// As glibc's `malloc_usable_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_malloc_usable_size(pointer: *mut u8) -> usize {
    // SAFETY: forwarded.
    unsafe {
        match heap() {
            Some(heap) if units().contains(pointer as usize) => heap.usable(pointer),
            _ => malloc_usable_size(pointer.cast()),
        }
    }
}

/// # Safety
/// As POSIX' `strdup`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_strdup(text: *const c_char) -> *mut u8 {
    // SAFETY: forwarded.
    unsafe { copy_text(text, libc::strlen(text)) }
}

/// # Safety
/// As POSIX' `strndup`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_strndup(text: *const c_char, max: usize) -> *mut u8 {
    // SAFETY: forwarded.
    unsafe { copy_text(text, libc::strnlen(text, max)) }
}

unsafe fn copy_text(text: *const c_char, len: usize) -> *mut u8 {
    // SAFETY: `text` has `len` bytes.
    unsafe {
        let copy = coex_shim_malloc(len + 1);
        if !copy.is_null() {
            core::ptr::copy_nonoverlapping(text.cast(), copy, len);
            *copy.add(len) = 0;
        }
        copy
    }
}

/// # Safety
/// As POSIX' `getdelim`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_getdelim(
    line: *mut *mut u8,
    capacity: *mut usize,
    delimiter: c_int,
    stream: *mut libc::FILE,
) -> isize {
    // SAFETY: the caller's promise; the C library fills a buffer of its own, which is copied.
    unsafe {
        if line.is_null() || capacity.is_null() {
            set_errno(libc::EINVAL);
            return -1;
        }
        let mut buffer = null_mut();
        let mut size = 0;
        let len = getdelim(&raw mut buffer, &raw mut size, delimiter, stream);
        if len >= 0 {
            let needed = len as usize + 1;
            if (*line).is_null() || *capacity < needed {
                let wanted = needed.max(120).next_power_of_two();
                let grown = coex_shim_realloc(*line, wanted);
                if grown.is_null() {
                    libc::free(buffer.cast());
                    return -1;
                }
                *line = grown;
                *capacity = wanted;
            }
            core::ptr::copy_nonoverlapping(buffer.cast::<u8>(), *line, needed);
        }
        libc::free(buffer.cast());
        len
    }
}

/// # Safety
/// As POSIX' `getline`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_getline(line: *mut *mut u8, capacity: *mut usize, stream: *mut libc::FILE) -> isize {
    // SAFETY: forwarded.
    unsafe { coex_shim_getdelim(line, capacity, c_int::from(b'\n'), stream) }
}

/// # Safety
/// As glibc's `vasprintf`; `arguments` is a `va_list`, which is passed by address here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_vasprintf(
    result: *mut *mut u8,
    format: *const c_char,
    arguments: *mut c_void,
) -> c_int {
    // SAFETY: forwarded; the C library's text is copied into the instance's heap.
    unsafe {
        let mut text = null_mut();
        let len = vasprintf(&raw mut text, format, arguments);
        if len < 0 {
            *result = null_mut();
            return len;
        }
        let copy = copy_text(text, len as usize);
        libc::free(text.cast());
        *result = copy;
        if copy.is_null() { -1 } else { len }
    }
}

// ------------------------------------------------------------------------------------------------ the end of it all

/// # Safety
/// As C's `abort`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_abort() -> ! {
    // SAFETY: below a foreign call, or the process' own.
    unsafe {
        if instance::current().is_null() {
            libc::abort();
        }
        crash::leave_call(b"abort called")
    }
}

/// # Safety
/// As C's `exit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_exit(status: c_int) -> ! {
    // SAFETY: as above.
    unsafe {
        if instance::current().is_null() {
            libc::exit(status);
        }
        let mut line = Line::new();
        line.push(b"exit(").push_int(i64::from(status)).push(b") called");
        crash::leave_call(line.bytes())
    }
}

macro_rules! exits {
    ($($name:ident)*) => {
        $(
            /// # Safety
            /// As C's `exit`.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(status: c_int) -> ! {
                // SAFETY: forwarded.
                unsafe { coex_shim_exit(status) }
            }
        )*
    };
}

exits! { coex_shim__exit coex_shim__Exit coex_shim_quick_exit }

/// # Safety
/// As glibc's `__assert_perror_fail`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim___assert_perror_fail(
    error: c_int,
    file: *const c_char,
    line: c_uint,
    function: *const c_char,
) -> ! {
    // SAFETY: forwarded.
    unsafe { coex_shim___assert_fail(coex_shim_strerror(error), file, line, function) }
}

/// # Safety
/// As glibc's `__assert_fail`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim___assert_fail(
    condition: *const c_char,
    file: *const c_char,
    line_number: c_uint,
    _function: *const c_char,
) -> ! {
    let mut line = Line::new();
    // SAFETY: the texts are NUL-terminated.
    unsafe {
        line.push(b"assertion failed: ").push(CStr::from_ptr(condition).to_bytes()).push(b" (");
        line.push(CStr::from_ptr(file).to_bytes()).push(b":").push_int(i64::from(line_number)).push(b")");
        if instance::current().is_null() {
            crate::panic::write_stderr(line.push(b"\n").bytes());
            libc::abort();
        }
        crash::leave_call(line.bytes())
    }
}

/// # Safety
/// As gcc's `__stack_chk_fail`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim___stack_chk_fail() -> ! {
    // SAFETY: as above.
    unsafe {
        if instance::current().is_null() {
            libc::abort();
        }
        crash::leave_call(b"stack smashing detected")
    }
}

/// # Safety
/// As C's `raise`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_raise(signal: c_int) -> c_int {
    // SAFETY: as above.
    unsafe {
        if instance::current().is_null() {
            return libc::raise(signal);
        }
        if let Some(result) = process::raise_here(signal) {
            return result;
        }
        match signal {
            libc::SIGABRT => crash::leave_call(b"abort called"),
            libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL | libc::SIGTRAP | libc::SIGSYS => {
                let mut line = Line::new();
                line.push(b"raise(").push_int(i64::from(signal)).push(b") called");
                crash::leave_call(line.bytes())
            }
            _ => libc::raise(signal),
        }
    }
}

/// # Safety
/// As C's `atexit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_atexit(function: *const u8) -> c_int {
    // SAFETY: forwarded.
    unsafe { add_exit_function(function, 0, 0) }
}

/// # Safety
/// As the C++ ABI's `__cxa_atexit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim___cxa_atexit(function: *const u8, argument: usize, _handle: *mut u8) -> c_int {
    // SAFETY: forwarded.
    unsafe { add_exit_function(function, argument, 0) }
}

unsafe fn add_exit_function(function: *const u8, first: usize, second: usize) -> c_int {
    let instance = private();
    if instance.is_null() {
        return -1;
    }
    // SAFETY: the instance is live; the record is part of its heap.
    unsafe {
        let record = (*instance).heap.allocate(size_of::<ExitFunction>()).cast::<ExitFunction>();
        if record.is_null() {
            return -1;
        }
        let next = (*instance).hidden.exit_functions;
        *record = ExitFunction { next, function, arguments: [first, second] };
        (*instance).hidden.exit_functions = record;
    }
    0
}

/// `quick_exit` ends the instance like `exit`, so its functions run there as well.
///
/// # Safety
/// As C's `at_quick_exit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_at_quick_exit(function: *const u8) -> c_int {
    // SAFETY: forwarded.
    unsafe { coex_shim_atexit(function) }
}

/// The function gets status 0 and its argument.
///
/// # Safety
/// As glibc's `on_exit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_on_exit(function: *const u8, argument: usize) -> c_int {
    // SAFETY: forwarded.
    unsafe { add_exit_function(function, 0, argument) }
}

/// Whether `atexit` has registered something.
///
/// # Safety
/// The instance is live.
pub(crate) unsafe fn has_atexit(instance: *mut FullInstance) -> bool {
    // SAFETY: forwarded.
    unsafe { !(*instance).hidden.exit_functions.is_null() }
}

/// Runs what `atexit` registered, last first.
///
/// # Safety
/// The fiber is the running one; the instance is live.
pub(crate) unsafe fn run_atexit(fiber: *mut Fiber, instance: *mut FullInstance) {
    // SAFETY: records of the instance's heap.
    unsafe {
        while !(*instance).hidden.exit_functions.is_null() && (*instance).public.state == instance_state::LIVE {
            let ExitFunction { next, function, arguments: [first, second] } = *(*instance).hidden.exit_functions;
            (*instance).hidden.exit_functions = next;
            call::in_instance(fiber, instance, function, first, second);
        }
    }
}

/// The same where the call of the instance was, which has returned.
///
/// # Safety
/// The instance is installed, and nobody else's.
pub(crate) unsafe fn run_atexit_here(instance: *mut FullInstance) {
    // SAFETY: records of the instance's heap; C functions that ignore what they do not take.
    unsafe {
        while !(*instance).hidden.exit_functions.is_null() {
            let ExitFunction { next, function, arguments: [first, second] } = *(*instance).hidden.exit_functions;
            (*instance).hidden.exit_functions = next;
            let function: unsafe extern "C" fn(usize, usize) = core::mem::transmute(function);
            function(first, second);
        }
    }
}
