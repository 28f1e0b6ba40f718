//! `gc()` and the collector's reports (language.md 13.3).
//!
//! In: calls of the program. Out: lines on standard output, which a switched-off `print` does not touch.
//! Deliberately not here: formatting for machines; the text beyond the required words is unspecified.

use core::ffi::CStr;

use super::heap::block_state;
use super::{Wanted, collect, heap, object};
use crate::abi::Fiber;
use crate::arch;
use crate::panic::Line;
use crate::program;

/// Writes to standard output, behind everything that the program printed.
fn write(bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: the slice is readable.
        let written = unsafe { libc::write(1, rest.as_ptr().cast(), rest.len()) };
        if written <= 0 {
            return;
        }
        rest = &rest[written as usize..];
    }
}

unsafe fn flush(fiber: *mut Fiber) {
    // SAFETY: the running fiber; C's streams are flushed by the C library.
    unsafe {
        program::flush(fiber);
        libc::fflush(core::ptr::null_mut());
    }
}

fn write_number(head: &[u8], name: &[u8], value: u64) {
    write(Line::new().push(head).push(b" ").push(name).push(b": ").push_int(value as i64).push(b"\n").bytes());
}

/// `gc()`.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe { collect(fiber, Wanted::Full) }
}

/// `gc_async()`: collects at once.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_async(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe { collect(fiber, Wanted::Full) }
}

/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_dump_stats(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe { flush(fiber) };
    let heap = heap();
    // SAFETY: the running fiber.
    let unused = unsafe { (*fiber).limit as usize - (*fiber).cursor as usize };
    let bytes = heap.statistics.total_bytes + heap.young_bytes().saturating_sub(unused) as u64;
    // The inline allocation counts nothing: the mean size of the survivors stands for that of all.
    let mean = heap.statistics.live_bytes.checked_div(heap.statistics.live_objects).unwrap_or(0).clamp(16, 64);
    let head = b"[GC:STATS]";
    write_number(head, b"total_allocations", heap.statistics.large_objects + bytes / mean);
    write_number(head, b"total_bytes", bytes);
    write_number(head, b"collections", heap.statistics.minor);
    write_number(head, b"full_collections", heap.statistics.full);
    write_number(head, b"relocated_bytes", heap.statistics.relocated_bytes);
    write_number(head, b"relocated_objects", heap.statistics.relocated_objects);
    write_number(head, b"live_bytes", heap.statistics.live_bytes);
    write_number(head, b"live_objects", heap.statistics.live_objects);
    write_number(head, b"released_bytes", heap.statistics.released_bytes);
}

/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_dump_heap(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe {
        flush(fiber);
        collect(fiber, Wanted::Full);
    }
    let heap = heap();
    write(b"[GC:HEAP]\n");
    let mut count = 0;
    heap.for_each_bit(heap.starts, |at| {
        count += 1;
        // SAFETY: a bit stands at the start of an object; names are NUL-terminated.
        unsafe {
            let header = *(at as *const u64);
            let mut line = Line::new();
            line.push(b"obj=").push_hex(at).push(b" type=");
            match heap.type_info(header) {
                Some(info) if !info.name.is_null() => line.push(CStr::from_ptr(info.name).to_bytes()),
                _ => line.push_int(i64::from(object::type_of(header))),
            };
            write(line.push(b"\n").bytes());
        }
    });
    write(Line::new().push(b"Total objects: ").push_int(count).push(b"\n").bytes());
}

/// The frames that the collector scans, innermost first.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_dump_roots(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe {
        flush(fiber);
        arch::coex_with_spilled_registers(fiber.cast(), write_frames);
    }
}

/// There are no shadow stacks: the machine stack is scanned.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_dump_shadow_stacks(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe { coex_gc_dump_roots(fiber) }
}

unsafe extern "C" fn write_frames(fiber: *mut u8, stack_pointer: *mut u8) {
    write(b"[GC:ROOTS]\n");
    let fiber = fiber.cast::<Fiber>();
    let mut depth = 0;
    let mut at = stack_pointer.cast::<usize>();
    // SAFETY: the stack is readable up to its base.
    unsafe {
        while at.cast::<u8>() < (*fiber).stack_base {
            if is_return_address(*at) {
                let mut line = Line::new();
                line.push(b"depth=").push_int(depth).push(b" frame=").push_hex(at as usize);
                write(line.push(b" returns=").push_hex(*at).push(b"\n").bytes());
                depth += 1;
            }
            at = at.add(1);
        }
    }
}

/// Whether a word of the stack points behind a call instruction of the program. Frames have no chain: this is as exact
/// as a conservative stack can be, and a left-over return address counts as a frame.
fn is_return_address(word: usize) -> bool {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    let (start, end) = (&raw const __executable_start as usize, &raw const etext as usize);
    if word < start + 8 || word >= end {
        return false;
    }
    // SAFETY: between the bounds of the executable's text, which is mapped as a whole.
    unsafe {
        let byte = |back: usize| *((word - back) as *const u8);
        byte(5) == 0xE8 || (byte(2) == 0xFF && byte(1) & 0xF8 == 0xD0)
    }
}

/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_dump_handle_table(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe {
        flush(fiber);
        write(b"[GC:HANDLES]\n");
        let mut root = (*fiber).root;
        while !root.is_null() {
            for index in 0..(*root).library_count as usize {
                let instance = *(&raw const (*root).instances).cast::<*mut crate::abi::Instance>().add(index);
                if !instance.is_null() {
                    crate::ffi::report(instance, &mut |line| write(line));
                }
            }
            root = (*root).parent;
        }
    }
}

/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_fragmentation_report(fiber: *mut Fiber) {
    // SAFETY: forwarded.
    unsafe { flush(fiber) };
    let heap = heap();
    let mut counts = [0u64; block_state::COUNT];
    for block in 0..heap.frontier {
        counts[heap.state(block) as usize] += 1;
    }
    let names: [&[u8]; block_state::COUNT] =
        [b"unused", b"free_zero", b"free", b"full", b"with_holes", b"large", b"large_rest", b"young", b"large_young"];
    for (name, count) in names.iter().zip(counts).skip(1) {
        let mut line = Line::new();
        line.push(b"[GC:FRAG] blocks ").push(name).push(b": ").push_int(count as i64);
        write(line.push(b"\n").bytes());
    }
}

/// Number of inconsistencies found.
///
/// # Safety
/// `fiber` is the running fiber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_gc_validate_heap(fiber: *mut Fiber) -> i64 {
    // SAFETY: forwarded.
    unsafe { collect(fiber, Wanted::Full) };
    let heap = heap();
    heap.verify(heap.starts) as i64
}

/// Tracing is not built; the level is accepted.
#[unsafe(no_mangle)]
pub extern "C" fn coex_gc_set_trace_level(_fiber: *mut Fiber, _level: i64) {}

/// A hint that this collector does not need.
#[unsafe(no_mangle)]
pub extern "C" fn coex_gc_install_watermark(_fiber: *mut Fiber) {}
