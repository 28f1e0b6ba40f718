//! Resource limits of foreign code, and the panic when one is met (language.md 11.9).
//!
//! In: the environment, read once. Out: yes or no. Deliberately not here: the limits of a library, which its descriptor has.

use core::ffi::CStr;

use super::units::{UNIT_SHIFT, units};
use crate::abi::{Fiber, LibraryDescriptor, Site};
use crate::panic::{self, Line};
use crate::program::Global;

const INSTANCES: u64 = 16_384;
const BYTES: u64 = 1 << 30;
pub(crate) const HANDLES: u64 = 65_536;

struct Limits {
    read: bool,
    instances: u64,
    units: u64,
}

static LIMITS: Global<Limits> = Global::new(Limits { read: false, instances: INSTANCES, units: BYTES >> UNIT_SHIFT });

fn limits() -> &'static Limits {
    // SAFETY: one mutator thread; written once.
    unsafe {
        let limits = LIMITS.get();
        if !(*limits).read {
            (*limits).read = true;
            if let Some(count) = variable(c"COEX_FFI_MAX_INSTANCES") {
                (*limits).instances = count;
            }
            if let Some(bytes) = variable(c"COEX_FFI_MAX_BYTES") {
                (*limits).units = bytes >> UNIT_SHIFT;
            }
        }
        &*limits
    }
}

fn variable(name: &CStr) -> Option<u64> {
    // SAFETY: the result is null or NUL-terminated.
    let value = unsafe {
        let value = libc::getenv(name.as_ptr());
        if value.is_null() {
            return None;
        }
        CStr::from_ptr(value)
    };
    value.to_str().ok()?.parse().ok()
}

/// Whether all instances together may have this many units more.
#[inline]
pub(crate) fn admits_units(count: usize) -> bool {
    units().used as u64 + count as u64 <= limits().units
}

pub(crate) fn max_instances() -> u64 {
    limits().instances
}

/// Why an instance, a handle or memory for arguments is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exhausted {
    Instances,
    LibraryInstances,
    Bytes,
    Handles,
    Arena,
}

impl Exhausted {
    fn text(self) -> &'static [u8] {
        match self {
            Exhausted::Instances => b"too many instances in the process (COEX_FFI_MAX_INSTANCES)",
            Exhausted::LibraryInstances => b"too many instances of the library (limits.instances)",
            Exhausted::Bytes => b"too much instance memory (COEX_FFI_MAX_BYTES, or the system refused)",
            Exhausted::Handles => b"too many open handles",
            Exhausted::Arena => b"too much memory for arguments (limits.arena_bytes, COEX_FFI_MAX_BYTES)",
        }
    }
}

const NOTE: &[u8] = b"
Cannot create FFI instance: system memory pressure.

Handle this with select:

    select
        case result = extern_function(args):
            # success
        ~
        case ResourceExhausted:
            # handle backpressure
        ~
    ~

note: library '";

/// The panic `FFI resource exhausted` with the founding note's text.
///
/// # Safety
/// `fiber` is the running fiber; `library` is null or a descriptor.
pub(crate) unsafe fn raise(
    fiber: *mut Fiber,
    library: *const LibraryDescriptor,
    reason: Exhausted,
    site: *const Site,
) -> ! {
    let mut notes = Line::new();
    // SAFETY: forwarded.
    unsafe {
        notes.push(NOTE).push(super::library_name(library)).push(b"': ").push(reason.text()).push(b"\n");
        panic::raise_with_notes(fiber, b"FFI resource exhausted", site, notes.bytes())
    }
}
