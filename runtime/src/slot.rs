//! Slots: the raw values that all type-erased functions work on.
//!
//! In: addresses of slots and [`TypeDesc`]s. Out: copying, reading and writing them, allocation of objects, and the
//! answers `T?` and `Result`. Deliberately not here: meaning (equality, order, text), see `value` and `text`.
//!
//! **The contract of every function of the value modules** (`slot`, `value`, `text`, `string`, `list`, `array`, `map`,
//! `set`, `posix`): pointers to objects and slots are valid and of the type that the descriptor says, descriptors are
//! constant, an `out` address has room for a slot of the result. An allocation may start a collection. Objects that a word
//! of the stack points at (into the middle as well) stay where they are, and what is stored into them later is seen; all
//! others may move. So across an allocation no address lives in memory of `malloc`, even if its owner is kept alive. An
//! object that is changed in place after it was read from another object goes through `gc::barrier` first.

#![allow(unsafe_op_in_unsafe_fn, reason = "each function works under the one contract stated above")]

use crate::abi::{
    Fiber, HEADER_AUX_SHIFT, HEADER_TYPE_MASK, HEADER_TYPE_SHIFT, Kind, MIN_OBJECT_BYTES, Site, TypeDesc, header,
};
use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the header in front of the contents of a boxed value.
pub const BOX_OFFSET: usize = 8;

#[cfg(not(test))]
mod outside {
    use crate::abi::{Fiber, Site};
    unsafe extern "C" {
        pub(super) fn coex_alloc_slow(fiber: *mut Fiber, bytes: i64, header: u64) -> *mut u8;
        pub(super) fn coex_panic(fiber: *mut Fiber, what: *mut u8, site: *const Site) -> !;
    }
}

/// Memory of a fresh object with its header set; the rest is not initialised.
#[cfg(not(test))]
#[inline]
pub unsafe fn allocate(fiber: *mut Fiber, bytes: usize, header: u64) -> *mut u8 {
    let bytes = bytes.next_multiple_of(8).max(MIN_OBJECT_BYTES as usize);
    let cursor = (*fiber).cursor;
    if bytes as u64 > crate::abi::LARGE_OBJECT_BYTES || bytes > ((*fiber).limit as usize).wrapping_sub(cursor as usize)
    {
        return outside::coex_alloc_slow(fiber, bytes as i64, header);
    }
    (*fiber).cursor = cursor.add(bytes);
    cursor.cast::<u64>().write(header);
    cursor
}

/// Tests without a fiber have no collector: memory is never given back, and is filled with a pattern to expose missing
/// initialisation.
#[cfg(test)]
pub unsafe fn allocate(fiber: *mut Fiber, bytes: usize, header: u64) -> *mut u8 {
    if !fiber.is_null() {
        return crate::alloc::alloc(fiber, bytes, header);
    }
    let bytes = bytes.next_multiple_of(8).max(MIN_OBJECT_BYTES as usize);
    let memory = libc::malloc(bytes).cast::<u8>();
    ptr::write_bytes(memory, 0xA5, bytes);
    memory.cast::<u64>().write(header);
    memory
}

/// Panics of the language, with the position `site`.
#[cfg(not(test))]
#[cold]
pub unsafe fn fail(fiber: *mut Fiber, site: *const Site, what: &str) -> ! {
    let text = crate::string::from_bytes(fiber, what.as_bytes());
    outside::coex_panic(fiber, text.cast(), site)
}

#[cfg(test)]
pub unsafe fn fail(_fiber: *mut Fiber, _site: *const Site, what: &str) -> ! {
    panic!("{what}")
}

#[cold]
pub unsafe fn fail_index(fiber: *mut Fiber, site: *const Site, index: i64, len: i64) -> ! {
    fail(fiber, site, &format!("index {index} out of range for length {len}"))
}

/// Panics for results that no memory can hold, before their size overflows a header or a Rust allocation.
#[inline]
pub unsafe fn check_size(fiber: *mut Fiber, count: usize) {
    const MOST: usize = u32::MAX as usize;
    if count > MOST {
        fail(fiber, ptr::null(), "out of memory");
    }
}

/// Position that an index means, or `None`: negative ones count from the end.
#[inline]
pub fn resolve_index(index: i64, len: i64) -> Option<usize> {
    let index = if index < 0 { index.wrapping_add(len) } else { index };
    (0..len).contains(&index).then_some(index as usize)
}

/// The bounds of a slice after 5.8: negative ones count from the end, then both are clamped.
pub fn resolve_slice(start: i64, end: i64, len: i64) -> (usize, usize) {
    let resolve = |bound: i64| {
        let bound = if bound < 0 { bound.saturating_add(len) } else { bound };
        bound.clamp(0, len)
    };
    let (start, end) = (resolve(start), resolve(end));
    (start as usize, end.max(start) as usize)
}

/// Keeps `object` visible to the collector up to this point.
#[inline]
pub fn keep<T>(object: *const T) {
    core::hint::black_box(object);
}

/// Token numbers that a thread takes at once.
const TOKENS: u64 = 1024;

/// A number that marks the nodes one builder may change in place; never 0, never used again. Not inlined: the caller may
/// go on in another thread, and must not keep the address of this one's numbers.
#[inline(never)]
pub fn fresh_token() -> u64 {
    // 1 marks strings, see `string::JOINED`.
    static NEXT: AtomicU64 = AtomicU64::new(2);
    thread_local! {
        static OWN: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }
    OWN.with(|own| {
        let (next, end) = own.get();
        let (next, end) = match next < end {
            true => (next, end),
            false => {
                let first = NEXT.fetch_add(TOKENS, Ordering::Relaxed);
                (first, first + TOKENS)
            }
        };
        own.set((next + 1, end));
        next
    })
}

/// Takes the slots `from..to` behind the contents of a shared buffer, whose owner word counts the slots taken. False:
/// another task was first.
#[inline]
pub unsafe fn claim(owner: *mut u64, from: u64, to: u64) -> bool {
    AtomicU64::from_ptr(owner).compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_edit_token() -> i64 {
    fresh_token() as i64
}

/// Has the processor fetch the line of an address that is read soon.
#[inline]
pub fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address as *const i8);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[inline]
pub unsafe fn aux(object: *const u8) -> u32 {
    (object.cast::<u64>().read() >> HEADER_AUX_SHIFT) as u32
}

#[inline]
pub unsafe fn type_id_of(object: *const u8) -> u32 {
    ((object.cast::<u64>().read() >> HEADER_TYPE_SHIFT) & HEADER_TYPE_MASK) as u32
}

/// Copies a slot of `size` bytes. The sizes that nearly all programs use become single moves.
#[inline]
pub unsafe fn copy(size: usize, from: *const u8, to: *mut u8) {
    match size {
        8 => to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned()),
        1 => *to = *from,
        16 => to.cast::<u128>().write_unaligned(from.cast::<u128>().read_unaligned()),
        _ => ptr::copy_nonoverlapping(from, to, size),
    }
}

/// The reference in a slot.
#[inline]
pub unsafe fn reference(slot: *const u8) -> *mut u8 {
    slot.cast::<*mut u8>().read_unaligned()
}

#[inline]
pub unsafe fn write_reference<T>(slot: *mut u8, object: *const T) {
    slot.cast::<*const T>().write_unaligned(object);
}

/// The `index`th contained type.
#[inline]
pub unsafe fn argument(desc: *const TypeDesc, index: usize) -> *const TypeDesc {
    *(*desc).args.add(index)
}

/// Where an optional's value is, or null for nil.
#[inline]
pub unsafe fn optional_value(desc: *const TypeDesc, slot: *const u8) -> *const u8 {
    let inner = argument(desc, 0);
    if (*desc).boxed != 0 {
        let object = reference(slot);
        return if object.is_null() { ptr::null() } else { object.add(BOX_OFFSET) };
    }
    let present = match (*desc).size == (*inner).size {
        true => !reference(slot).is_null(),
        false => *slot.add((*inner).size as usize) != 0,
    };
    if present { slot } else { ptr::null() }
}

pub unsafe fn write_nil(desc: *const TypeDesc, out: *mut u8) {
    ptr::write_bytes(out, 0, (*desc).size as usize);
}

/// Writes the present value `value` into the optional at `out`.
pub unsafe fn write_some(fiber: *mut Fiber, desc: *const TypeDesc, value: *const u8, out: *mut u8) {
    let size = (*argument(desc, 0)).size as usize;
    if (*desc).boxed != 0 {
        let object = allocate(fiber, BOX_OFFSET + size, header((*desc).object_type, 0));
        copy(size, value, object.add(BOX_OFFSET));
        write_reference(out, object);
        return;
    }
    let whole = (*desc).size as usize;
    if (size, whole) == (8, 16) {
        // Numbers: what nearly all programs use.
        out.cast::<u64>().write_unaligned(value.cast::<u64>().read_unaligned());
        out.cast::<u64>().add(1).write_unaligned(1);
        return;
    }
    if whole != size {
        ptr::write_bytes(out, 0, whole);
        *out.add(size) = 1;
    }
    copy(size, value, out);
}

/// Where a `Result` at `out` takes the payload of `case`, after the tag is written. Results of runtime functions are
/// never boxed: their payloads are one word.
unsafe fn write_case(desc: *const TypeDesc, case: usize, out: *mut u8) -> *mut u8 {
    debug_assert!((*desc).kind == Kind::Enum && (*desc).boxed == 0);
    ptr::write_bytes(out, 0, (*desc).size as usize);
    out.cast::<u64>().write_unaligned(case as u64);
    let field = (*(*desc).cases.add(case)).fields;
    out.add((*field).offset as usize)
}

/// `Ok` with the payload's word.
pub unsafe fn write_ok(desc: *const TypeDesc, payload: u64, out: *mut u8) {
    write_case(desc, 0, out).cast::<u64>().write_unaligned(payload);
}

/// `Ok` with the payload in a slot.
pub unsafe fn write_ok_value(fiber: *mut Fiber, desc: *const TypeDesc, payload: *const u8, out: *mut u8) {
    let field = (*(*desc).cases).fields;
    let size = (*(*field).desc).size as usize;
    if (*field).boxed == 0 {
        return copy(size, payload, write_case(desc, 0, out));
    }
    let object = allocate(fiber, BOX_OFFSET + size, header((*field).boxed, 0));
    copy(size, payload, object.add(BOX_OFFSET));
    write_reference(write_case(desc, 0, out), object);
}

/// `Err` with a text.
pub unsafe fn write_err(fiber: *mut Fiber, desc: *const TypeDesc, text: &str, out: *mut u8) {
    let text = crate::string::from_bytes(fiber, text.as_bytes());
    write_reference(write_case(desc, 1, out), text);
}
