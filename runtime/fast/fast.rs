//! Fast paths that the compiler inlines into programs, as LLVM bitcode.
//!
//! In: layouts from `abi`. Out: type-erased `coex_fast_*` functions whose size and shift arguments are constants at every
//! call, so that LLVM folds them to typed code. A null result means: take the function of `exports`, which also
//! raises the panics. Deliberately not here: anything that can panic in Rust (no `/`, no indexing, no `unwrap`), since
//! its message code would not resolve against the archive; every external function is `llvm.*` or `coex_*`.

#[allow(dead_code, reason = "the layouts are shared with the runtime, which uses the rest")]
#[path = "../src/abi.rs"]
mod abi;

use abi::{ArrayObject, ELEMENTS_OFFSET, Elements, Fiber, ListObject, StringObject};

unsafe extern "C" {
    fn coex_alloc_slow(fiber: *mut Fiber, size: i64, header: i64) -> *mut u8;
    fn coex_string_equal(left: *const StringObject, right: *const StringObject) -> bool;
}

/// Bump allocation; `size` is a multiple of 8, at least 16.
///
/// # Safety
/// `fiber` is the running one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_alloc(fiber: *mut Fiber, size: u64, header: u64) -> *mut u8 {
    // SAFETY: cursor and limit bound the free run; `coex_alloc_slow` takes over when it is too short.
    unsafe {
        let object = (*fiber).cursor;
        let end = object.wrapping_add(size as usize);
        if end > (*fiber).limit {
            return coex_alloc_slow(fiber, size as i64, header as i64);
        }
        (*fiber).cursor = end;
        *object.cast::<u64>() = header;
        object
    }
}

/// Address of an element, or null when the index is out of range or the tree is deeper than 4 levels.
/// `leaf_shift` is log2 of `list_leaf_len(size)`.
///
/// # Safety
/// `list` is a list whose elements have `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_list_slot(
    list: *const ListObject,
    index: i64,
    leaf_shift: u32,
    size: u32,
) -> *const u8 {
    // SAFETY: the index is checked against the length, which the tree's shape follows.
    unsafe {
        let len = (*list).len as u64;
        let index = index as u64;
        if index >= len {
            return core::ptr::null();
        }
        let leaf_number = index.wrapping_shr(leaf_shift);
        let within = index & (1u64.wrapping_shl(leaf_shift).wrapping_sub(1));
        let leaf = if leaf_number == len.wrapping_sub(1).wrapping_shr(leaf_shift) {
            (*list).tail
        } else {
            let root = (*list).root;
            match (*list).depth {
                0 => root,
                1 => child(root, leaf_number),
                2 => child(child(root, leaf_number >> 5), leaf_number),
                3 => child(child(child(root, leaf_number >> 10), leaf_number >> 5), leaf_number),
                4 => child(
                    child(child(child(root, leaf_number >> 15), leaf_number >> 10), leaf_number >> 5),
                    leaf_number,
                ),
                _ => return core::ptr::null(),
            }
        };
        leaf.cast::<u8>().wrapping_add(ELEMENTS_OFFSET as usize).wrapping_add((within as usize).wrapping_mul(size as usize))
    }
}

/// Child of an inner node; the low 5 bits of `position` select it.
///
/// # Safety
/// `node` is an inner node that has this child.
#[inline(always)]
unsafe fn child(node: *mut Elements, position: u64) -> *mut Elements {
    let slot = node.cast::<u8>().wrapping_add(ELEMENTS_OFFSET as usize).wrapping_add(((position & 31) as usize) << 3);
    // SAFETY: the slot lies within the node.
    unsafe { *slot.cast::<*mut Elements>() }
}

/// Address of an element, or null when the index is out of range.
///
/// # Safety
/// `array` is an array whose elements have `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_array_slot(array: *const ArrayObject, index: i64, size: u32) -> *const u8 {
    // SAFETY: the index is checked against the length.
    unsafe {
        if index as u64 >= (*array).len as u64 {
            return core::ptr::null();
        }
        (*array).data.wrapping_add((index as usize).wrapping_mul(size as usize))
    }
}

/// Equality of texts: the same object and different lengths are decided here.
///
/// # Safety
/// Both are strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_string_equal(left: *const StringObject, right: *const StringObject) -> bool {
    // SAFETY: both are live strings.
    unsafe {
        if left == right {
            return true;
        }
        if (*left).len != (*right).len {
            return false;
        }
        coex_string_equal(left, right)
    }
}
