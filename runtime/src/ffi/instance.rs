//! An instance: one private copy of a library's whole C state.
//!
//! ```text
//!   slot:  | FullInstance (DATA_OFFSET bytes) | private globals: template, then zeros |
//!          ^ instance                         ^ base = instance + DATA_OFFSET
//! ```
//!
//! In: descriptors of libraries. Out: instances from a slab per library; creation is a copy, a fill and relocations. The
//! distance between an instance and its base is fixed, so that the thread-local base names the instance.
//! A shared library has one instance with its globals, and for each root a *view* of it: an instance of its own handles,
//! errno and arenas, whose base is the shared one's. Slabs and ids are locked; an instance itself runs one call at a time.
//! Deliberately not here: roots, which own instances (`root`).

use core::ptr::null_mut;

use super::arena::{Arena, Chunks};
use super::call;
use super::descriptors::Opened;
use super::handles::Handles;
use super::heap::Heap;
use super::hidden::Hidden;
use super::limits::{self, Exhausted};
use super::lock::Lock;
use super::units::{UNIT_BYTES, units};
use super::worker::{self, is_remote, pool::Worker};
use crate::abi::{Fiber, Instance, LibraryDescriptor, Relocation, Root, instance_state, library_flags};
use crate::arch;
use crate::program;
use crate::rust_heap::may_fail;

/// What the runtime keeps of an instance, in front of the private globals.
#[repr(C)]
pub(crate) struct FullInstance {
    pub(crate) public: Instance,
    pub(crate) library_index: u32,
    /// Row of the id table; stays with the slot.
    pub(crate) id_row: u32,
    /// Where the slot's run begins; stays as well.
    pub(crate) first_unit: u32,
    pub(crate) root: *mut Root,
    /// List of free slots, or of dead instances.
    pub(crate) next: *mut FullInstance,
    pub(crate) arguments: Chunks,
    /// Scratch memory holds what a call returned until the next call asks for some.
    pub(crate) scratch: Arena,
    pub(crate) scratch_is_stale: bool,
    /// Being destroyed: a crash now leaves the rest to `destroy`.
    pub(crate) is_ending: bool,
    /// The one instance of a shared library: its memory and hidden state are the process'.
    pub(crate) is_shared: bool,
    /// The base that `coex_ffi_enter` replaced.
    pub(crate) entered_from: *mut u8,
    pub(crate) manual: Arena,
    pub(crate) handles: Handles,
    pub(crate) hidden: Hidden,
    pub(crate) opened: Opened,
    pub(crate) heap: Heap,
    /// The process in which the library's code runs, if not in this one: then there are no globals here.
    pub(crate) worker: *const Worker,
}

impl FullInstance {
    /// An instance without anything in it; its address is not known yet.
    pub(crate) const fn new(library: *const LibraryDescriptor, library_index: u32, root: *mut Root) -> FullInstance {
        FullInstance {
            public: Instance {
                base: null_mut(),
                errno: 0,
                state: instance_state::LIVE,
                generation: 0,
                library,
                arena_cursor: null_mut(),
                arena_limit: null_mut(),
            },
            library_index,
            id_row: 0,
            first_unit: 0,
            root,
            next: null_mut(),
            arguments: Chunks::new(),
            scratch: Arena::new(),
            scratch_is_stale: false,
            is_ending: false,
            is_shared: false,
            entered_from: null_mut(),
            manual: Arena::new(),
            handles: Handles::new(),
            hidden: Hidden::new(),
            opened: Opened::new(),
            heap: Heap::new(),
            worker: core::ptr::null(),
        }
    }

    /// Gives back all memory but the slot.
    pub(crate) fn free_memory(&mut self) {
        self.hidden.free();
        self.heap.free_all();
        self.arguments.free_all();
        self.scratch.free_all();
        self.manual.free_all();
    }
}

pub(crate) const DATA_OFFSET: usize = (size_of::<FullInstance>() + 63) & !63;

/// Slots of one library, which are reused. Slots that fill a run of their own go back to the pool when several are free.
struct Slab {
    library: *const LibraryDescriptor,
    free: *mut FullInstance,
    live: u64,
    /// Free slots, where each has a run of its own of `run_units`; 0 units where slots share runs.
    free_count: u32,
    run_units: u32,
}

const FREE_LARGE_SLOTS: u32 = 4;

impl Slab {
    const fn new(library: *const LibraryDescriptor) -> Slab {
        Slab { library, free: null_mut(), live: 0, free_count: 0, run_units: 0 }
    }
}

struct Instances {
    slabs: Vec<Slab>,
    /// Every slot; ids are row + generation. Null for slots that went back to the pool.
    ids: Vec<*mut FullInstance>,
    free_rows: Vec<u32>,
    generation: u64,
    live: u64,
}

// SAFETY: the pointers name memory of the process, which is no thread's own.
unsafe impl Send for Instances {}

static INSTANCES: Lock<Instances> =
    Lock::new(Instances { slabs: Vec::new(), ids: Vec::new(), free_rows: Vec::new(), generation: 0, live: 0 });

const ID_ROW_BITS: u32 = 24;

/// The number that C code knows an instance by; above 0.
pub(crate) fn id(instance: *mut FullInstance) -> i64 {
    // SAFETY: the caller names a live instance.
    unsafe { ((*instance).public.generation << ID_ROW_BITS | u64::from((*instance).id_row)) as i64 }
}

/// The instance with this id, if it still lives.
pub(crate) fn by_id(id: i64) -> Option<*mut FullInstance> {
    let row = id as u64 & ((1 << ID_ROW_BITS) - 1);
    let instances = INSTANCES.hold();
    let instance = *instances.ids.get(row as usize)?;
    if instance.is_null() {
        return None;
    }
    // SAFETY: a slot of a slab, live or free.
    unsafe {
        let live = (*instance).public.generation == id as u64 >> ID_ROW_BITS
            && (*instance).public.state == instance_state::LIVE;
        live.then_some(instance)
    }
}

/// The instance whose base is installed on this thread; null outside.
#[inline]
pub(crate) fn current() -> *mut FullInstance {
    let base = arch::installed_base();
    if base.is_null() { null_mut() } else { base.wrapping_sub(DATA_OFFSET).cast() }
}

pub(crate) fn live_count() -> u64 {
    INSTANCES.hold().live
}

/// A new instance; constructors have not run yet.
///
/// # Safety
/// `library` is a descriptor with this index in the program, and not that of a shared library.
pub(crate) unsafe fn create(
    library: *const LibraryDescriptor,
    library_index: u32,
    root: *mut Root,
) -> Result<*mut FullInstance, Exhausted> {
    // SAFETY: the slot has room for header and globals; the template and relocations are the descriptor's.
    unsafe {
        let instance = place(library, library_index, root)?;
        fill((*instance).public.base, &*library);
        Ok(instance)
    }
}

/// The instance that all roots of a shared library see. It lives as long as the process.
///
/// # Safety
/// As [`create`], but for a shared library.
pub(crate) unsafe fn create_shared(
    library: *const LibraryDescriptor,
    library_index: u32,
) -> Result<*mut FullInstance, Exhausted> {
    // SAFETY: a fresh run with room for header and globals.
    unsafe {
        let align = ((*library).align as usize).max(64).next_power_of_two();
        let bytes = DATA_OFFSET + align + (*library).total_size as usize;
        let first = units().take(bytes.div_ceil(UNIT_BYTES)).ok_or(Exhausted::Bytes)?;
        let base = (units().address(first) + DATA_OFFSET).next_multiple_of(align) as *mut u8;
        let instance = base.sub(DATA_OFFSET).cast::<FullInstance>();
        instance.write(FullInstance::new(library, library_index, null_mut()));
        (*instance).public.base = base;
        (*instance).is_shared = true;
        fill(base, &*library);
        Ok(instance)
    }
}

/// What a root has of a shared library.
///
/// # Safety
/// `shared` is the library's instance.
pub(crate) unsafe fn create_view(shared: *mut FullInstance, root: *mut Root) -> Result<*mut FullInstance, Exhausted> {
    // SAFETY: forwarded; slots of shared libraries have no room for globals.
    unsafe {
        let view = place((*shared).public.library, (*shared).library_index, root)?;
        (*view).public.base = (*shared).public.base;
        Ok(view)
    }
}

/// What a root has of a library whose code runs in a worker, which the instance owns from here on.
///
/// # Safety
/// As [`create`].
pub(crate) unsafe fn create_remote(
    library: *const LibraryDescriptor,
    library_index: u32,
    root: *mut Root,
    worker: *const Worker,
) -> Result<*mut FullInstance, Exhausted> {
    // SAFETY: forwarded; slots of such libraries have no room for globals.
    unsafe {
        let instance = place(library, library_index, root)?;
        (*instance).worker = worker;
        Ok(instance)
    }
}

/// A slot with a fresh header.
unsafe fn place(
    library: *const LibraryDescriptor,
    library_index: u32,
    root: *mut Root,
) -> Result<*mut FullInstance, Exhausted> {
    // SAFETY: the slot has room for the header.
    unsafe {
        let (instance, generation) = take_slot(library, library_index)?;
        let FullInstance { id_row, first_unit, .. } = *instance;
        let mut fresh = FullInstance::new(library, library_index, root);
        (fresh.id_row, fresh.first_unit) = (id_row, first_unit);
        fresh.public.generation = generation;
        fresh.public.base = instance.cast::<u8>().add(DATA_OFFSET);
        instance.write(fresh);
        Ok(instance)
    }
}

/// The initial state of the private globals.
unsafe fn fill(base: *mut u8, library: &LibraryDescriptor) {
    // SAFETY: the slot has `total_size` bytes from its base; relocations lie within.
    unsafe {
        let data = library.data_size as usize;
        if data > 0 {
            core::ptr::copy_nonoverlapping(library.template, base, data);
        }
        base.add(data).write_bytes(0, library.total_size as usize - data);
        for index in 0..library.relocation_count as usize {
            let Relocation { at, addend } = *library.relocations.add(index);
            base.add(at as usize).cast::<u64>().write_unaligned(base as u64 + addend);
        }
    }
}

/// A free slot and the generation of its next instance.
unsafe fn take_slot(library: *const LibraryDescriptor, index: u32) -> Result<(*mut FullInstance, u64), Exhausted> {
    let mut all = INSTANCES.hold();
    let all = &mut *all;
    if all.live >= limits::max_instances() {
        return Err(Exhausted::Instances);
    }
    // SAFETY: a descriptor.
    let library = unsafe { &*library };
    if all.slabs.len() <= index as usize {
        let missing = index as usize + 1 - all.slabs.len();
        if limits::injected_failure() || may_fail(|| all.slabs.try_reserve(missing)).is_err() {
            return Err(Exhausted::Bytes);
        }
        all.slabs.resize_with(index as usize + 1, || Slab::new(core::ptr::null()));
    }
    let slab = &mut all.slabs[index as usize];
    if !core::ptr::eq(slab.library, library) {
        *slab = Slab::new(library);
    }
    let is_shared = library.flags & library_flags::SHARED != 0;
    if library.max_instances != 0 && !is_shared && slab.live >= library.max_instances {
        return Err(Exhausted::LibraryInstances);
    }
    if slab.free.is_null() {
        // SAFETY: fresh memory of the pool.
        unsafe { carve(slab, &mut all.ids, &mut all.free_rows, library)? };
    }
    let instance = slab.free;
    // SAFETY: a free slot.
    slab.free = unsafe { (*instance).next };
    slab.free_count = slab.free_count.saturating_sub(1);
    slab.live += 1;
    all.live += 1;
    all.generation += 1;
    Ok((instance, all.generation))
}

/// More free slots: as many as fit into a few units, at least one.
unsafe fn carve(
    slab: &mut Slab,
    ids: &mut Vec<*mut FullInstance>,
    free_rows: &mut Vec<u32>,
    library: &LibraryDescriptor,
) -> Result<(), Exhausted> {
    let align = (library.align as usize).max(64).next_power_of_two();
    let is_elsewhere = library.flags & library_flags::SHARED != 0 || is_remote(library);
    let total_size = if is_elsewhere { 0 } else { library.total_size as usize };
    let stride = (DATA_OFFSET + total_size).next_multiple_of(align);
    let count = (stride + align).div_ceil(UNIT_BYTES).max(4);
    let slots = count * UNIT_BYTES / stride;
    let no_rows = may_fail(|| ids.try_reserve(slots).is_err() || free_rows.try_reserve(ids.len() + slots).is_err());
    if no_rows || limits::injected_failure() || ids.len() + slots > 1 << ID_ROW_BITS {
        return Err(Exhausted::Bytes);
    }
    let first = units().take(count).ok_or(Exhausted::Bytes)?;
    let start = units().address(first);
    let end = start + count * UNIT_BYTES;
    let mut base = (start + DATA_OFFSET).next_multiple_of(align);
    let fills_run = base + stride + total_size > end;
    slab.run_units = if fills_run { count as u32 } else { 0 };
    while base + total_size <= end {
        let instance = (base - DATA_OFFSET) as *mut FullInstance;
        let row = free_rows.pop().unwrap_or(ids.len() as u32);
        // SAFETY: within the run; the header of a free slot says that nothing lives here.
        unsafe {
            (*instance).public.generation = 0;
            (*instance).public.state = instance_state::DEAD;
            (*instance).id_row = row;
            (*instance).first_unit = first as u32;
            (*instance).next = slab.free;
        }
        if row as usize == ids.len() {
            ids.push(instance);
        } else {
            ids[row as usize] = instance;
        }
        slab.free_count += 1;
        slab.free = instance;
        base += stride;
    }
    Ok(())
}

/// Runs the constructors, as one foreign call.
///
/// # Safety
/// The fiber is the running one; the instance is new.
pub(crate) unsafe fn construct(fiber: *mut Fiber, instance: *mut FullInstance) {
    // SAFETY: forwarded.
    unsafe {
        let library = (*instance).public.library;
        if (*library).constructor_count > 0 {
            call::in_instance(fiber, instance, construct_here as *const u8, library as usize, 0);
        }
    }
}

/// Runs the constructors, where C code runs.
///
/// # Safety
/// An instance of the library is installed.
pub(crate) unsafe extern "C" fn construct_here(library: *const LibraryDescriptor) {
    // SAFETY: the descriptor's functions.
    unsafe {
        for index in 0..(*library).constructor_count as usize {
            (*(*library).constructors.add(index))();
        }
    }
}

/// Ends an instance: handles are released newest first, then `atexit`, then destructors; memory is freed as a whole.
/// A dead instance runs nothing any more.
///
/// # Safety
/// The fiber is the running one; nobody uses the instance afterwards.
pub(crate) unsafe fn destroy(fiber: *mut Fiber, instance: *mut FullInstance) {
    // SAFETY: the caller's promise.
    unsafe {
        (*instance).is_ending = true;
        if (*(*instance).public.library).flags & library_flags::USES_STDIO != 0 {
            // What the program printed comes before what release functions print.
            program::flush(fiber);
        }
        if !(*instance).worker.is_null() && (*instance).public.state == instance_state::LIVE {
            worker::call::end(fiber, instance);
            (*fiber).ffi_failed = 0;
        } else if (*instance).public.state == instance_state::LIVE {
            (*instance).handles.release_all(fiber, instance);
            let library = &*(*instance).public.library;
            let is_view = library.flags & library_flags::SHARED != 0 && !(*instance).is_shared;
            if !is_view {
                super::shims::run_atexit(fiber, instance);
                for index in 0..library.destructor_count as usize {
                    if (*instance).public.state != instance_state::LIVE {
                        break;
                    }
                    call::in_instance(fiber, instance, *library.destructors.add(index) as *const u8, 0, 0);
                }
            }
            // Nobody is left to hear of a failure.
            (*fiber).ffi_failed = 0;
        }
        if !(*instance).is_shared {
            recycle(instance);
        }
    }
}

/// Memory and slot of an instance whose code never runs again.
///
/// # Safety
/// The caller's promise.
pub(crate) unsafe fn recycle(instance: *mut FullInstance) {
    // SAFETY: the caller's promise.
    unsafe {
        (*instance).public.state = instance_state::DEAD;
        if current() == instance {
            // Compiled code leaves the last base installed.
            arch::install_base(null_mut());
        }
        worker::release(instance);
        (*instance).free_memory();
        let mut all = INSTANCES.hold();
        let all = &mut *all;
        let slab = &mut all.slabs[(*instance).library_index as usize];
        slab.live -= 1;
        all.live -= 1;
        if slab.run_units != 0 && slab.free_count >= FREE_LARGE_SLOTS {
            // `carve` has reserved the room.
            all.ids[(*instance).id_row as usize] = null_mut();
            all.free_rows.push((*instance).id_row);
            units().give((*instance).first_unit as usize, slab.run_units as usize);
            return;
        }
        (*instance).next = slab.free;
        slab.free = instance;
        slab.free_count += 1;
    }
}

/// Frees an instance that no root owns; its destructors have run.
///
/// # Safety
/// Nobody uses the instance afterwards.
pub(crate) unsafe fn discard(instance: *mut FullInstance) {
    // SAFETY: forwarded.
    unsafe { recycle(instance) }
}

/// Takes a crashed instance out of its root's slot. False: it is being destroyed, which goes on.
///
/// # Safety
/// The instance lives; this thread runs its root.
pub(crate) unsafe fn bury(instance: *mut FullInstance, state: u32) -> bool {
    // SAFETY: the caller's promise; the root outlives its instances.
    unsafe {
        (*instance).public.state = state;
        if (*instance).is_ending {
            return false;
        }
        let root = (*instance).root;
        if !root.is_null() {
            let slot = super::root::slot(root, (*instance).library_index as usize);
            if *slot == instance.cast() {
                *slot = null_mut();
            }
        }
        true
    }
}
