//! Handles: what Coex holds instead of C pointers (language.md 11.5).
//!
//! Two forms, told apart by a bit, both never 0 and never negative:
//!
//! ```text
//!   bound to the instance only:   01 | generation of the instance (15) | pointer (47)
//!   slot of the instance's table: 00 | serial (46) | slot (16)
//! ```
//!
//! A serial is used once in a process, so that a stale handle, or one of another instance, never resolves.
//! In: pointers and release functions. Out: numbers, and pointers again. Deliberately not here: compile-time rules.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicU64, Ordering};

use super::instance::FullInstance;
use super::limits::{self, Exhausted};
use super::side::{self, Side};
use super::worker::serve;
use super::{call, heap::Heap};
use crate::abi::{Fiber, Instance, Site, instance_state};
use crate::panic;

const BOUND: u64 = 1 << 62;
const POINTER_BITS: u32 = 47;
const TAG_MASK: u64 = 0x7FFF;
const SLOT_BITS: u32 = 16;
const NOWHERE: u32 = u32::MAX;

#[repr(C)]
#[derive(Clone, Copy)]
struct Slot {
    /// 0: free.
    serial: u64,
    pointer: *mut u8,
    release: *const u8,
    /// Open handles from the newest to the oldest; `older` also links free slots.
    older: u32,
    newer: u32,
}

/// The table of one instance. Its memory is part of the instance's heap.
#[repr(C)]
pub(crate) struct Handles {
    slots: *mut Slot,
    capacity: u32,
    used: u32,
    free: u32,
    newest: u32,
    pub(crate) open: u32,
    /// Open addressing from pointers to slot + 1, for handles that Coex knows; null until the first.
    index: *mut u32,
    index_mask: u32,
    indexed: u32,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Releases what externs of the program itself have left open.
///
/// # Safety
/// The fiber is the running one.
pub(crate) unsafe fn release_program_handles(fiber: *mut Fiber) {
    // SAFETY: the stand-in is the fiber's; its functions run without a base.
    unsafe {
        if (*fiber).foreign.is_null() {
            return;
        }
        let program = (*(*fiber).foreign.cast::<Side>()).program;
        if !program.is_null() {
            (*program).handles.release_all(fiber, null_mut());
        }
    }
}

impl Handles {
    pub(crate) const fn new() -> Handles {
        Handles {
            slots: null_mut(),
            capacity: 0,
            used: 0,
            free: NOWHERE,
            newest: NOWHERE,
            open: 0,
            index: null_mut(),
            index_mask: 0,
            indexed: 0,
        }
    }

    /// A new handle. An error when the table, or memory, is full.
    pub(crate) fn open(
        &mut self,
        heap: &mut Heap,
        pointer: *mut u8,
        release: *const u8,
        max: u64,
    ) -> Result<i64, Exhausted> {
        let max = if max == 0 { limits::HANDLES } else { max.min(limits::HANDLES) };
        if u64::from(self.open) >= max {
            return Err(Exhausted::Handles);
        }
        let at = self.take_slot(heap)?;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed) + 1;
        // SAFETY: `at` is a slot of the table.
        unsafe {
            *self.slots.add(at as usize) = Slot { serial, pointer, release, older: self.newest, newer: NOWHERE };
            if self.newest != NOWHERE {
                (*self.slots.add(self.newest as usize)).newer = at;
            }
            self.newest = at;
            self.open += 1;
            Ok((serial << SLOT_BITS | u64::from(at)) as i64)
        }
    }

    fn take_slot(&mut self, heap: &mut Heap) -> Result<u32, Exhausted> {
        if self.free != NOWHERE {
            let at = self.free;
            // SAFETY: a slot of the table.
            self.free = unsafe { (*self.slots.add(at as usize)).older };
            return Ok(at);
        }
        if self.used == self.capacity {
            let capacity = (self.capacity * 2).max(16);
            let bytes = capacity as usize * size_of::<Slot>();
            // SAFETY: the old table comes from the same heap.
            let slots = unsafe {
                if self.slots.is_null() { heap.allocate(bytes) } else { heap.reallocate(self.slots.cast(), bytes) }
            };
            if slots.is_null() {
                return Err(Exhausted::Bytes);
            }
            self.slots = slots.cast();
            self.capacity = capacity;
        }
        self.used += 1;
        Ok(self.used - 1)
    }

    fn slot(&self, handle: i64) -> Option<*mut Slot> {
        let at = handle as u64 & ((1 << SLOT_BITS) - 1);
        let serial = handle as u64 >> SLOT_BITS;
        if at >= u64::from(self.used) || serial == 0 {
            return None;
        }
        // SAFETY: below `used`.
        unsafe {
            let slot = self.slots.add(at as usize);
            ((*slot).serial == serial).then_some(slot)
        }
    }

    pub(crate) fn pointer(&self, handle: i64) -> Option<*mut u8> {
        // SAFETY: an open slot.
        self.slot(handle).map(|slot| unsafe { (*slot).pointer })
    }

    /// Makes the handle stale: its pointer and release function.
    pub(crate) fn close(&mut self, handle: i64) -> Option<(*mut u8, *const u8)> {
        let slot = self.slot(handle)?;
        // SAFETY: an open slot and its neighbours.
        unsafe {
            let at = (slot as usize - self.slots as usize) / size_of::<Slot>();
            let Slot { pointer, release, older, newer, .. } = *slot;
            if older != NOWHERE {
                (*self.slots.add(older as usize)).newer = newer;
            }
            if newer != NOWHERE {
                (*self.slots.add(newer as usize)).older = older;
            } else {
                self.newest = older;
            }
            self.forget(pointer, at as u32);
            (*slot).serial = 0;
            (*slot).older = self.free;
            self.free = at as u32;
            self.open -= 1;
            Some((pointer, release))
        }
    }

    /// Releases what is open, newest first. A release function may close others, or open new ones.
    ///
    /// # Safety
    /// The fiber is the running one; `instance` is the owner, null for the program.
    pub(crate) unsafe fn release_all(&mut self, fiber: *mut Fiber, instance: *mut FullInstance) {
        while self.newest != NOWHERE {
            // SAFETY: an open slot.
            let serial = unsafe { (*self.slots.add(self.newest as usize)).serial };
            let handle = (serial << SLOT_BITS | u64::from(self.newest)) as i64;
            // SAFETY: the owner lives, or crashed in a release function: then nothing of it runs again.
            let runs = unsafe { instance.is_null() || (*instance).public.state == instance_state::LIVE };
            if let Some((pointer, release)) = self.close(handle)
                && !release.is_null()
                && runs
            {
                // SAFETY: a C function of one pointer.
                unsafe { call::in_instance(fiber, instance, release, pointer as usize, 0) };
            }
        }
    }

    /// The same on the stack of C code, where the instance is installed.
    ///
    /// # Safety
    /// Below an abandoned call of the instance that has returned.
    pub(crate) unsafe fn release_here(&mut self) {
        while self.newest != NOWHERE {
            // SAFETY: an open slot; a C function of one pointer.
            unsafe {
                let serial = (*self.slots.add(self.newest as usize)).serial;
                let handle = (serial << SLOT_BITS | u64::from(self.newest)) as i64;
                if let Some((pointer, release)) = self.close(handle)
                    && !release.is_null()
                {
                    let release: unsafe extern "C" fn(*mut u8) = core::mem::transmute(release);
                    release(pointer);
                }
            }
        }
    }

    fn hash(&self, pointer: *mut u8) -> u32 {
        ((pointer as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32 & self.index_mask
    }

    /// The open handle for this pointer, among those that were remembered.
    fn known(&self, pointer: *mut u8) -> Option<i64> {
        if self.index.is_null() {
            return None;
        }
        let mut at = self.hash(pointer);
        loop {
            // SAFETY: within the index, which has free places.
            unsafe {
                let entry = *self.index.add(at as usize);
                if entry == 0 {
                    return None;
                }
                let slot = self.slots.add(entry as usize - 1);
                if (*slot).serial != 0 && (*slot).pointer == pointer {
                    return Some(((*slot).serial << SLOT_BITS | u64::from(entry - 1)) as i64);
                }
            }
            at = (at + 1) & self.index_mask;
        }
    }

    fn remember(&mut self, heap: &mut Heap, pointer: *mut u8, slot: u32) -> Result<(), Exhausted> {
        let capacity = if self.index.is_null() { 0 } else { self.index_mask + 1 };
        if (self.indexed + 1) * 2 > capacity {
            self.grow_index(heap, (capacity * 2).max(32))?;
        }
        self.place(pointer, slot);
        self.indexed += 1;
        Ok(())
    }

    fn place(&mut self, pointer: *mut u8, slot: u32) {
        let mut at = self.hash(pointer);
        // SAFETY: within the index, which has free places.
        unsafe {
            while *self.index.add(at as usize) != 0 {
                at = (at + 1) & self.index_mask;
            }
            *self.index.add(at as usize) = slot + 1;
        }
    }

    fn grow_index(&mut self, heap: &mut Heap, capacity: u32) -> Result<(), Exhausted> {
        let new = heap.allocate(capacity as usize * 4).cast::<u32>();
        if new.is_null() {
            return Err(Exhausted::Bytes);
        }
        let (old, old_capacity) = (self.index, self.index_mask + 1);
        // SAFETY: the new memory has `capacity` words; the old index comes from the same heap.
        unsafe {
            new.write_bytes(0, capacity as usize);
            self.index = new;
            self.index_mask = capacity - 1;
            if !old.is_null() {
                for at in 0..old_capacity as usize {
                    let entry = *old.add(at);
                    if entry != 0 {
                        self.place((*self.slots.add(entry as usize - 1)).pointer, entry - 1);
                    }
                }
                heap.free(old.cast());
            }
        }
        Ok(())
    }

    /// Removes the pointer's entry, if it has one, and closes the gap.
    fn forget(&mut self, pointer: *mut u8, slot: u32) {
        if self.index.is_null() {
            return;
        }
        let mask = self.index_mask;
        let mut at = self.hash(pointer);
        // SAFETY: within the index; entries name slots below `used`.
        unsafe {
            while *self.index.add(at as usize) != slot + 1 {
                if *self.index.add(at as usize) == 0 {
                    return;
                }
                at = (at + 1) & mask;
            }
            self.indexed -= 1;
            let mut gap = at;
            loop {
                *self.index.add(gap as usize) = 0;
                let mut next = gap;
                loop {
                    next = (next + 1) & mask;
                    let entry = *self.index.add(next as usize);
                    if entry == 0 {
                        return;
                    }
                    let home = self.hash((*self.slots.add(entry as usize - 1)).pointer);
                    // An entry may move into the gap when its home does not lie behind the gap.
                    if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(gap) & mask) {
                        *self.index.add(gap as usize) = entry;
                        gap = next;
                        break;
                    }
                }
            }
        }
    }
}

/// A C pointer becomes a handle; NULL becomes the nil handle.
///
/// # Safety
/// `fiber` is the running fiber; `instance` is null or live; `release` is null or a C function of one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_handle_wrap(
    fiber: *mut Fiber,
    instance: *mut Instance,
    pointer: *mut u8,
    release: *const u8,
) -> i64 {
    if pointer.is_null() {
        return 0;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let full = side::instance_or_program(fiber, instance);
        if full.is_null() {
            limits::raise(fiber, core::ptr::null(), Exhausted::Bytes, (*fiber).ffi_site);
        }
        let FullInstance { handles, heap, public, .. } = &mut *full;
        // First, since a borrowed pointer may be that of an open handle.
        if let Some(handle) = handles.known(pointer) {
            return handle;
        }
        if release.is_null() && (pointer as u64) >> POINTER_BITS == 0 {
            return (BOUND | (public.generation & TAG_MASK) << POINTER_BITS | pointer as u64) as i64;
        }
        let max = if public.library.is_null() { 0 } else { (*public.library).max_handles };
        let opened = handles.open(heap, pointer, release, max).and_then(|handle| {
            handles.remember(heap, pointer, handle as u32 & 0xFFFF)?;
            Ok(handle)
        });
        match opened {
            Ok(handle) => handle,
            Err(reason) => limits::raise(fiber, public.library, reason, (*fiber).ffi_site),
        }
    }
}

/// The C pointer of a handle; panics `stale handle`.
///
/// # Safety
/// As [`coex_handle_wrap`]; `site` is the call's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_handle_unwrap(
    fiber: *mut Fiber,
    instance: *mut Instance,
    handle: i64,
    site: *const Site,
) -> *mut u8 {
    if handle == 0 {
        return null_mut();
    }
    // SAFETY: the caller's promise.
    unsafe {
        let full = side::instance_or_program(fiber, instance);
        if full.is_null() {
            limits::raise(fiber, core::ptr::null(), Exhausted::Bytes, site);
        }
        let found = if handle as u64 & BOUND != 0 {
            let tag = handle as u64 >> POINTER_BITS & TAG_MASK;
            let pointer = handle as u64 & ((1 << POINTER_BITS) - 1);
            (tag == (*full).public.generation & TAG_MASK).then_some(pointer as *mut u8)
        } else {
            (*full).handles.pointer(handle)
        };
        match found {
            Some(pointer) => pointer,
            None => panic::raise(fiber, b"stale handle", site),
        }
    }
}

/// The worker's number for a handle of its instance; `None`: it is stale. In a worker, where there is no instance of the
/// other side, the number itself.
///
/// # Safety
/// `instance` is null, or live with a worker.
pub(crate) unsafe fn to_worker(instance: *mut Instance, handle: i64) -> Option<i64> {
    if instance.is_null() || handle == 0 {
        return Some(handle);
    }
    // SAFETY: the caller's promise.
    unsafe {
        if handle as u64 & BOUND == 0 {
            return (*instance.cast::<FullInstance>()).handles.pointer(handle).map(|number| number as i64);
        }
        let tag = handle as u64 >> POINTER_BITS & TAG_MASK;
        (tag == (*instance).generation & TAG_MASK).then_some(retagged(handle, 0))
    }
}

/// The handle for a worker's number. In a worker: its own handle for what the program has sent. `None`: no handle looks like
/// this.
///
/// # Safety
/// `fiber` is the running fiber; `instance` is null, or live with a worker.
pub(crate) unsafe fn from_worker(fiber: *mut Fiber, instance: *mut Instance, number: i64) -> Option<i64> {
    if number <= 0 {
        return (number == 0).then_some(0);
    }
    // SAFETY: the caller's promise.
    unsafe {
        if instance.is_null() {
            let is_bound = number as u64 & BOUND != 0;
            return Some(if is_bound { retagged(number, serve::generation(fiber)) } else { number });
        }
        if number as u64 & BOUND != 0 {
            return Some(retagged(number, (*instance).generation));
        }
        let FullInstance { handles, heap, public, .. } = &mut *instance.cast::<FullInstance>();
        let number = number as *mut u8;
        if let Some(handle) = handles.known(number) {
            return Some(handle);
        }
        let opened = handles.open(heap, number, core::ptr::null(), (*public.library).max_handles).and_then(|handle| {
            handles.remember(heap, number, handle as u32 & 0xFFFF)?;
            Ok(handle)
        });
        match opened {
            Ok(handle) => Some(handle),
            Err(reason) => limits::raise(fiber, public.library, reason, (*fiber).ffi_site),
        }
    }
}

/// The same pointer, bound to another generation.
fn retagged(handle: i64, generation: u64) -> i64 {
    let pointer = handle as u64 & ((1 << POINTER_BITS) - 1);
    (BOUND | (generation & TAG_MASK) << POINTER_BITS | pointer) as i64
}

/// The program called the release function itself: later uses panic.
///
/// # Safety
/// As [`coex_handle_wrap`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_handle_close(fiber: *mut Fiber, instance: *mut Instance, handle: i64) {
    // SAFETY: the caller's promise.
    unsafe {
        let full = side::instance_or_program(fiber, instance);
        if handle as u64 & BOUND == 0 && !full.is_null() {
            (*full).handles.close(handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::null;

    use super::{Handles, Heap};
    use crate::gc::tests::lock;

    #[test]
    fn closed_handles_never_resolve_again() {
        let _guard = lock();
        let (mut heap, mut handles) = (Heap::new(), Handles::new());
        let mut open: Vec<(i64, usize)> = Vec::new();
        let mut closed = Vec::new();
        let mut random = 88_172_645_463_325_252u64;
        for step in 1..40_000usize {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if random.is_multiple_of(3) && !open.is_empty() {
                let (handle, pointer) = open.swap_remove(random as usize % open.len());
                assert_eq!(handles.close(handle).expect("open").0 as usize, pointer);
                assert!(handles.known(pointer as *mut u8).is_none());
                closed.push(handle);
            } else if open.len() < 5000 {
                let pointer = step * 16;
                let handle = handles.open(&mut heap, pointer as *mut u8, null(), 0).expect("room");
                handles.remember(&mut heap, pointer as *mut u8, handle as u32 & 0xFFFF).expect("room");
                open.push((handle, pointer));
            }
        }
        for &(handle, pointer) in &open {
            assert_eq!(handles.pointer(handle), Some(pointer as *mut u8));
            assert_eq!(handles.known(pointer as *mut u8), Some(handle));
        }
        assert!(closed.iter().all(|&handle| handles.pointer(handle).is_none()));
        assert_eq!(handles.open as usize, open.len());
        heap.free_all();
    }

    #[test]
    fn a_table_has_its_limit() {
        let _guard = lock();
        let (mut heap, mut handles) = (Heap::new(), Handles::new());
        for _ in 0..10 {
            handles.open(&mut heap, 16 as *mut u8, null(), 10).expect("room");
        }
        assert_eq!(handles.open(&mut heap, 16 as *mut u8, null(), 10), Err(super::Exhausted::Handles));
        heap.free_all();
    }
}
