//! `atomic_ref<T>`: a cell with a reference that all tasks share. The other cells need no runtime.
//!
//! In: cells, and slots of type `T?` with their descriptor. Out: cells and slots. A value that takes one reference is in the
//! cell as it is; any other stands in an object of its own, an `Elements` of one T. What was in a cell is never changed, so a
//! load is one instruction and nobody waits. Contents are compared as keys are; a value that came from the cell is the same
//! object, or the same bytes, and is not walked.

#![allow(unsafe_op_in_unsafe_fn, reason = "each function works under the contract stated in `slot`")]

use crate::abi::{AtomicObject, ELEMENTS_OFFSET, Elements, Fiber, SLOT_WORDS, TypeDesc, header};
use crate::gc::barrier;
use crate::slot::{allocate, argument, copy, optional_value, reference, write_nil, write_reference};
use crate::value::{self, SlotBuffer};
use core::slice;
use core::sync::atomic::Ordering::SeqCst;

/// Whether a slot of this optional is one reference.
unsafe fn is_reference(desc: *const TypeDesc) -> bool {
    (*desc).boxed != 0 || (*desc).size == (*argument(desc, 0)).size
}

/// What the cell holds for the value in the slot.
unsafe fn enclose(fiber: *mut Fiber, slot: *const u8, desc: *const TypeDesc) -> u64 {
    if is_reference(desc) {
        return reference(slot) as u64;
    }
    let content = optional_value(desc, slot);
    if content.is_null() {
        return 0;
    }
    let inner = argument(desc, 0);
    let size = (*inner).size as usize;
    let object = allocate(fiber, ELEMENTS_OFFSET as usize + size, header((*inner).element_type, 1));
    (*object.cast::<Elements>()).owner = 0;
    copy(size, content, object.add(ELEMENTS_OFFSET as usize));
    object as u64
}

/// The slot of what the cell held.
unsafe fn disclose(word: u64, desc: *const TypeDesc, out: *mut u8) {
    let object = word as *const u8;
    if is_reference(desc) {
        write_reference(out, object);
        return;
    }
    write_nil(desc, out);
    if !object.is_null() {
        let size = (*argument(desc, 0)).size as usize;
        copy(size, object.add(ELEMENTS_OFFSET as usize), out);
        *out.add(size) = 1;
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_atomic_ref_new(
    fiber: *mut Fiber,
    value: *const u8,
    ty: *const TypeDesc,
    result: *const TypeDesc,
) -> *mut AtomicObject {
    let word = enclose(fiber, value, ty);
    let cell = allocate(fiber, size_of::<AtomicObject>(), header((*result).object_type, 0)).cast::<AtomicObject>();
    (*cell).value.store(word, SeqCst);
    cell
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_atomic_ref_load(cell: *const AtomicObject, ty: *const TypeDesc, out: *mut u8) {
    disclose((*cell).value.load(SeqCst), ty, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_atomic_ref_store(
    fiber: *mut Fiber,
    value: *const u8,
    cell: *mut AtomicObject,
    ty: *const TypeDesc,
) {
    let word = enclose(fiber, value, ty);
    barrier(fiber, cell);
    (*cell).value.store(word, SeqCst);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_atomic_ref_swap(
    fiber: *mut Fiber,
    cell: *mut AtomicObject,
    value: *const u8,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    let word = enclose(fiber, value, ty);
    barrier(fiber, cell);
    let old = (*cell).value.swap(word, SeqCst);
    disclose(old, ty, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_atomic_ref_compare_and_swap(
    fiber: *mut Fiber,
    expected: *const u8,
    new: *const u8,
    cell: *mut AtomicObject,
    ty: *const TypeDesc,
) -> bool {
    let word = enclose(fiber, new, ty);
    barrier(fiber, cell);
    loop {
        let seen = (*cell).value.load(SeqCst);
        let mut held: SlotBuffer = [0; SLOT_WORDS];
        disclose(seen, ty, held.as_mut_ptr().cast());
        if !same(held.as_ptr().cast(), expected, ty) {
            return false;
        }
        // Another value may have come that is equal too.
        if (*cell).value.compare_exchange(seen, word, SeqCst, SeqCst).is_ok() {
            return true;
        }
    }
}

/// Equal bytes are the same value: what a cell holds is never a function, and NaN is one key.
unsafe fn same(left: *const u8, right: *const u8, desc: *const TypeDesc) -> bool {
    let size = (*desc).size as usize;
    slice::from_raw_parts(left, size) == slice::from_raw_parts(right, size) || value::same_key(left, right, desc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::Kind;
    use crate::value::fixture::{Desc, int, list, list_of, new_string, optional, record, scalar, slot, text};
    use core::ptr::null_mut;

    fn cell<T>(value: &T, ty: Desc) -> *mut AtomicObject {
        // SAFETY: the value has the type; tests allocate without a fiber. The cell's own type only gives its type id.
        unsafe { coex_atomic_ref_new(null_mut(), slot(value), ty, ty) }
    }

    fn load<T: Default>(cell: *mut AtomicObject, ty: Desc) -> T {
        let mut out = T::default();
        // SAFETY: `T` is laid out as the type says.
        unsafe { coex_atomic_ref_load(cell, ty, (&raw mut out).cast()) };
        out
    }

    fn exchange<T>(cell: *mut AtomicObject, expected: &T, new: &T, ty: Desc) -> bool {
        // SAFETY: as above.
        unsafe { coex_atomic_ref_compare_and_swap(null_mut(), slot(expected), slot(new), cell, ty) }
    }

    #[repr(C)]
    #[derive(Clone, Copy, Default, PartialEq, Debug)]
    struct Number {
        value: i64,
        present: u64,
    }

    fn some(value: i64) -> Number {
        Number { value, present: 1 }
    }

    #[test]
    fn numbers_come_and_go() {
        let ty = optional(int());
        let cell = cell(&Number::default(), ty);
        assert_eq!(load::<Number>(cell, ty), Number::default());
        assert!(exchange(cell, &Number::default(), &some(7), ty));
        assert!(!exchange(cell, &Number::default(), &some(8), ty));
        assert_eq!(load::<Number>(cell, ty), some(7));
        let mut old = Number::default();
        // SAFETY: the slots are of the type.
        unsafe { coex_atomic_ref_swap(null_mut(), cell, slot(&some(9)), ty, (&raw mut old).cast()) };
        assert_eq!((old, load::<Number>(cell, ty)), (some(7), some(9)));
    }

    #[test]
    fn contents_are_compared_not_addresses() {
        let ty = optional(text());
        let cell = cell(&new_string("one"), ty);
        assert!(exchange(cell, &new_string("one"), &new_string("two"), ty));
        assert!(!exchange(cell, &new_string("one"), &new_string("three"), ty));
        let lists = optional(list(int()));
        let held = list_of(int(), &[1i64, 2, 3]);
        let cell = super::tests::cell(&held, lists);
        assert!(exchange(cell, &list_of(int(), &[1i64, 2, 3]), &held, lists));
        assert!(!exchange(cell, &list_of(int(), &[1i64, 2]), &held, lists));
    }

    #[test]
    fn nan_is_the_same_key() {
        #[repr(C)]
        struct Float(f64, u64);
        let ty = optional(scalar(Kind::Float));
        let cell = cell(&Float(f64::NAN, 1), ty);
        assert!(exchange(cell, &Float(-f64::NAN, 1), &Float(0.0, 1), ty));
        assert!(exchange(cell, &Float(-0.0, 1), &Float(1.0, 1), ty));
    }

    #[test]
    fn large_values_are_references() {
        let wide = record("Wide", &[("a", int()), ("b", int()), ("c", int()), ("d", int())]);
        let ty = optional(wide);
        assert_eq!(ty.boxed, 1);
        let cell = cell(&0u64, ty);
        assert_eq!(load::<u64>(cell, ty), 0);
    }

    #[test]
    fn two_threads_count_with_it() {
        const ROUNDS: i64 = 1000;
        let ty = optional(int());
        let shared = cell(&some(0), ty) as usize;
        let ty = core::ptr::from_ref(ty) as usize;
        let count = move || {
            // SAFETY: descriptors and test objects are leaked.
            let (cell, ty) = (shared as *mut AtomicObject, unsafe { &*(ty as *const TypeDesc) });
            for _ in 0..ROUNDS {
                loop {
                    let old = load::<Number>(cell, ty);
                    if exchange(cell, &old, &some(old.value + 1), ty) {
                        break;
                    }
                }
            }
        };
        let other = std::thread::spawn(count);
        count();
        other.join().unwrap();
        // SAFETY: as above.
        let ty = unsafe { &*(ty as *const TypeDesc) };
        assert_eq!(load::<Number>(shared as *mut AtomicObject, ty), some(2 * ROUNDS));
    }
}
