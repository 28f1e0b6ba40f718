//! Fast paths that the compiler inlines into programs, as LLVM bitcode.
//!
//! In: layouts from `abi`. Out: type-erased `coex_fast_*` functions whose size and shift arguments are constants at every
//! call, so that LLVM folds them to typed code. A null result means: take the function of `exports`, which also
//! raises the panics. Deliberately not here: anything that can panic in Rust (no `/`, no indexing, no `unwrap`), since
//! its message code would not resolve against the archive; every external function is `llvm.*` or `coex_*`.

#[allow(dead_code, reason = "the layouts are shared with the runtime, which uses the rest")]
#[path = "../src/abi/mod.rs"]
mod abi;

use abi::{
    ArrayObject, ELEMENTS_OFFSET, Elements, Fiber, HEADER_AUX_SHIFT, HEADER_LOGGED, HEADER_OLD, HEADER_TYPE_MASK,
    HEADER_TYPE_SHIFT, LEAF_TAKEN_BITS, ListObject, StringObject, type_id,
};

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
    // SAFETY: the caller's promise.
    unsafe {
        let leaf = leaf_of(list, index, leaf_shift);
        if leaf.is_null() {
            return core::ptr::null();
        }
        slot_in(leaf, index as u64 & mask(leaf_shift), size)
    }
}

/// The leaf with the element, or null when the index is out of range or the tree is deeper than 4 levels.
///
/// # Safety
/// `list` is a list whose leaves have 2^`leaf_shift` elements.
#[inline(always)]
unsafe fn leaf_of(list: *const ListObject, index: i64, leaf_shift: u32) -> *mut Elements {
    // SAFETY: the index is checked against the length, which the tree's shape follows.
    unsafe {
        let len = (*list).len as u64;
        let index = index as u64;
        if index >= len {
            return core::ptr::null_mut();
        }
        let leaf_number = index.wrapping_shr(leaf_shift);
        if leaf_number == len.wrapping_sub(1).wrapping_shr(leaf_shift) {
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
                _ => core::ptr::null_mut(),
            }
        }
    }
}

#[inline(always)]
fn mask(leaf_shift: u32) -> u64 {
    1u64.wrapping_shl(leaf_shift).wrapping_sub(1)
}

#[inline(always)]
fn slot_in(elements: *mut Elements, index: u64, size: u32) -> *mut u8 {
    elements.cast::<u8>().wrapping_add(ELEMENTS_OFFSET as usize).wrapping_add((index as usize).wrapping_mul(size as usize))
}

/// Whether slots of the object may be written without a barrier: it has no references, or is young, or known to refer to
/// young objects.
///
/// # Safety
/// `object` is an object.
#[inline(always)]
unsafe fn is_open(object: *const Elements, references: u32) -> bool {
    // SAFETY: an object starts with its header.
    references == 0 || unsafe { (*object).header } & (HEADER_OLD | HEADER_LOGGED) != HEADER_OLD
}

/// Takes the next slot of a list that carries the token: its address, for the value to be stored at once. Null: another way.
///
/// # Safety
/// As [`coex_fast_list_slot`]; `references` is 0 if elements have none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_list_append(
    list: *mut ListObject,
    token: u64,
    leaf_shift: u32,
    size: u32,
    references: u32,
) -> *mut u8 {
    // SAFETY: what carries the token belongs to one variable alone, which this task has.
    unsafe {
        let (tail, len) = ((*list).tail, (*list).len as u64);
        if (*list).owner != token || tail.is_null() {
            return core::ptr::null_mut();
        }
        let in_use = (len.wrapping_sub(1) & mask(leaf_shift)).wrapping_add(1);
        let owner = (token << LEAF_TAKEN_BITS) | in_use;
        if (*tail).owner != owner || in_use >= (*tail).header >> HEADER_AUX_SHIFT || !is_open(tail, references) {
            return core::ptr::null_mut();
        }
        (*tail).owner = owner.wrapping_add(1);
        (*list).len = len.wrapping_add(1) as i64;
        slot_in(tail, in_use, size)
    }
}

/// The slot of an element, if the list and the leaf carry the token. Null: another way.
///
/// # Safety
/// As [`coex_fast_list_append`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_list_own_slot(
    list: *mut ListObject,
    index: i64,
    token: u64,
    leaf_shift: u32,
    size: u32,
    references: u32,
) -> *mut u8 {
    // SAFETY: as above.
    unsafe {
        if (*list).owner != token {
            return core::ptr::null_mut();
        }
        let leaf = leaf_of(list, index, leaf_shift);
        if leaf.is_null() || (*leaf).owner >> LEAF_TAKEN_BITS != token || !is_open(leaf, references) {
            return core::ptr::null_mut();
        }
        slot_in(leaf, index as u64 & mask(leaf_shift), size)
    }
}

/// Address of the leaf that begins at `index`, a multiple of the leaf's length. Null: another way.
///
/// # Safety
/// As [`coex_fast_list_slot`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_list_leaf(list: *const ListObject, index: i64, leaf_shift: u32) -> *const u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let leaf = leaf_of(list, index, leaf_shift);
        if leaf.is_null() { core::ptr::null() } else { slot_in(leaf, 0, 0) }
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

/// Takes the next slot of an array that carries the token, as [`coex_fast_list_append`].
///
/// # Safety
/// As [`coex_fast_array_slot`]; `references` is 0 if elements have none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_array_append(
    array: *mut ArrayObject,
    token: u64,
    size: u32,
    references: u32,
) -> *mut u8 {
    // SAFETY: as above; the buffer of such an array is its alone.
    unsafe {
        let base = (*array).base;
        if (*array).owner != token || base.is_null() {
            return core::ptr::null_mut();
        }
        if (*base).owner >= (*base).header >> HEADER_AUX_SHIFT || !is_open(base, references) {
            return core::ptr::null_mut();
        }
        let len = (*array).len as u64;
        (*base).owner = (*base).owner.wrapping_add(1);
        (*array).len = len.wrapping_add(1) as i64;
        (*array).data.wrapping_add((len as usize).wrapping_mul(size as usize))
    }
}

/// The slot of an element, if the array carries the token. Null: another way.
///
/// # Safety
/// As [`coex_fast_array_append`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_array_own_slot(
    array: *mut ArrayObject,
    index: i64,
    token: u64,
    size: u32,
    references: u32,
) -> *mut u8 {
    // SAFETY: as above; the index is checked.
    unsafe {
        if (*array).owner != token || index as u64 >= (*array).len as u64 || !is_open((*array).base, references) {
            return core::ptr::null_mut();
        }
        (*array).data.wrapping_add((index as usize).wrapping_mul(size as usize))
    }
}

/// Lengthens a text that carries the token, if its buffer has room. False: another way.
///
/// # Safety
/// Both are strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_fast_string_append(
    left: *mut StringObject,
    right: *const StringObject,
    token: u64,
) -> bool {
    // SAFETY: as above; the end of the buffer of such a text is its alone.
    unsafe {
        let base = (*left).base.cast::<Elements>();
        if (*left).owner != token || base.is_null() {
            return false;
        }
        let (header, more) = ((*base).header, (*right).len as u64);
        if header >> HEADER_TYPE_SHIFT & HEADER_TYPE_MASK != type_id::BYTES as u64 {
            return false;
        }
        let end = ((*left).data as u64).wrapping_sub(slot_in(base, 0, 0) as u64).wrapping_add((*left).len as u64);
        let longer = end.wrapping_add(more);
        if (*base).owner != end || longer > header >> HEADER_AUX_SHIFT {
            return false;
        }
        core::ptr::copy_nonoverlapping((*right).data, slot_in(base, end, 1), more as usize);
        (*base).owner = longer;
        (*left).len = ((*left).len).wrapping_add(more as i64);
        (*left).chars = ((*left).chars).wrapping_add((*right).chars);
        true
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
