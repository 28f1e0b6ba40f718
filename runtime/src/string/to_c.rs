//! Strings on their way to C.
//!
//! In: a string. Out: its NUL-terminated copy in an instance's arena. Deliberately not here: strings from C (`foreign`).

use crate::abi::{Fiber, Instance, Site, StringObject};

unsafe extern "C" {
    fn coex_arena_alloc(fiber: *mut Fiber, instance: *mut Instance, bytes: i64, site: *const Site) -> *mut u8;
    fn coex_panic_string_nul(fiber: *mut Fiber, site: *const Site) -> !;
}

/// A copy for C, valid until the arena is reset; `instance` is null for externs of the program.
///
/// # Safety
/// `fiber` is the running fiber, `instance` null or live, `string` a string, `site` the call's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_to_c(
    fiber: *mut Fiber,
    instance: *mut Instance,
    string: *const StringObject,
    site: *const Site,
) -> *mut u8 {
    // SAFETY: the text of a string is `len` bytes; the arena gives one more.
    unsafe {
        let (data, len) = ((*string).data, (*string).len as usize);
        if len > 0 && !libc::memchr(data.cast(), 0, len).is_null() {
            coex_panic_string_nul(fiber, site);
        }
        let bytes = (len + 1).next_multiple_of(16);
        let fits = !instance.is_null() && (*instance).arena_limit as usize - (*instance).arena_cursor as usize >= bytes;
        let copy = if fits {
            let cursor = (*instance).arena_cursor;
            (*instance).arena_cursor = cursor.add(bytes);
            cursor
        } else {
            coex_arena_alloc(fiber, instance, bytes as i64, site)
        };
        core::ptr::copy_nonoverlapping(data, copy, len);
        *copy.add(len) = 0;
        copy
    }
}
