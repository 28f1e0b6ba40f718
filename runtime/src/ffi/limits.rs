//! Resource limits of foreign code, and the panic when one is met (language.md 11.9).
//!
//! In: the environment, read once. Out: yes or no. Deliberately not here: the limits of a library, which its descriptor has.

use core::ffi::CStr;
use core::sync::atomic::{AtomicI64, Ordering};
use std::sync::OnceLock;

use super::units::{UNIT_SHIFT, units};
use super::worker::serve;
use crate::abi::{Fiber, LibraryDescriptor, Site};
use crate::panic::{self, Line};

const INSTANCES: u64 = 16_384;
const BYTES: u64 = 1 << 30;
pub(crate) const HANDLES: u64 = 65_536;

struct Limits {
    instances: u64,
    units: u64,
}

static LIMITS: OnceLock<Limits> = OnceLock::new();

#[inline]
fn limits() -> &'static Limits {
    LIMITS.get_or_init(|| {
        // A worker inherits what is meant for its program.
        if let Some(number) = variable(c"COEX_FFI_FAIL_AT").filter(|_| !serve::is_worker()) {
            fail_at(number as i64);
        }
        Limits {
            instances: variable(c"COEX_FFI_MAX_INSTANCES").unwrap_or(INSTANCES),
            units: variable(c"COEX_FFI_MAX_BYTES").unwrap_or(BYTES) >> UNIT_SHIFT,
        }
    })
}

/// Allocations until one fails; 0 and below: none does.
static UNTIL_FAILURE: AtomicI64 = AtomicI64::new(0);

/// The `number`-th allocation of the foreign side from now on fails, as if the system had refused.
pub(crate) fn fail_at(number: i64) {
    UNTIL_FAILURE.store(number, Ordering::Relaxed);
}

/// Asked by each allocation of the foreign side. Tests make one of them fail (`COEX_FFI_FAIL_AT`).
#[inline]
pub(crate) fn injected_failure() -> bool {
    UNTIL_FAILURE.load(Ordering::Relaxed) > 0 && UNTIL_FAILURE.fetch_sub(1, Ordering::Relaxed) == 1
}

/// The number in a variable of the environment.
pub(crate) fn variable(name: &CStr) -> Option<u64> {
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
    units().used() as u64 + count as u64 <= limits().units
}

/// The most that one message to or from a worker may hold.
pub(crate) fn max_bytes() -> usize {
    (limits().units as usize) << UNIT_SHIFT
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
    Worker,
}

impl Exhausted {
    fn text(self) -> &'static [u8] {
        match self {
            Exhausted::Instances => b"too many instances in the process (COEX_FFI_MAX_INSTANCES)",
            Exhausted::LibraryInstances => b"too many instances of the library (limits.instances)",
            Exhausted::Bytes => b"too much instance memory (COEX_FFI_MAX_BYTES, or the system refused)",
            Exhausted::Handles => b"too many open handles",
            Exhausted::Arena => b"too much memory for arguments (limits.arena_bytes, COEX_FFI_MAX_BYTES)",
            Exhausted::Worker => b"no worker process (COEX_FFI_MAX_WORKERS, or the system refused)",
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
