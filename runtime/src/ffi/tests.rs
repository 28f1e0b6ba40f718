//! Instances on the main fiber, with a library whose "C code" is written here.

use core::ffi::{c_char, c_int};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicU64, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use super::instance::{self, FullInstance};
use super::{api, call, failure, handles, hidden, limits, root, shims, units};
use crate::abi::{ABI_VERSION, Fiber, Instance, LibraryDescriptor, ProgramInfo, Relocation, Root, library_flags};
use crate::arch;
use crate::gc::tests::{TYPES, lock, on_fiber, program_of};
use crate::signals;

const TOTAL: usize = 16 << 10;

#[repr(C, align(16))]
struct Template([u64; 4]);
static TEMPLATE: Template = Template([7, 0, 0x1122_3344, 0]);
/// The second word points at the fourth.
static RELOCATIONS: [Relocation; 1] = [Relocation { at: 8, addend: 24 }];

static LOG: AtomicU64 = AtomicU64::new(0);

/// Appends a decimal digit.
fn log(digit: u64) {
    LOG.store(LOG.load(Ordering::Relaxed) * 10 + digit, Ordering::Relaxed);
}

fn word(index: usize) -> *mut u64 {
    arch::installed_base().cast::<u64>().wrapping_add(index)
}

unsafe extern "C" fn constructor() {
    // SAFETY: the globals of the installed instance.
    unsafe { *word(3) = 40 }
}

unsafe extern "C" fn destructor() {
    log(9);
}

unsafe extern "C" fn release(pointer: *mut u8) {
    log(pointer as u64);
}

unsafe extern "C" fn add(left: i64, right: i64) -> i64 {
    left + right
}

unsafe extern "C" fn count() -> u64 {
    // SAFETY: the globals of the installed instance; word 1 was relocated to word 3.
    unsafe {
        let counter = *word(1) as *mut u64;
        *counter += 1;
        *counter + *word(0)
    }
}

type Functions = [unsafe extern "C" fn(); 1];
static CONSTRUCTORS: Functions = [constructor];
static DESTRUCTORS: Functions = [destructor];

struct Libraries([*const LibraryDescriptor; 4]);
// SAFETY: constant data.
unsafe impl Sync for Libraries {}
struct Descriptor(LibraryDescriptor);
// SAFETY: constant data.
unsafe impl Sync for Descriptor {}

const fn descriptor(name: *const c_char, with_code: bool) -> LibraryDescriptor {
    LibraryDescriptor {
        abi_version: ABI_VERSION,
        flags: library_flags::USES_STDIO,
        name,
        template: (&raw const TEMPLATE).cast(),
        data_size: 32,
        total_size: TOTAL as u64,
        align: 16,
        relocations: RELOCATIONS.as_ptr(),
        relocation_count: 1,
        text_start: null(),
        text_end: null(),
        constructors: CONSTRUCTORS.as_ptr(),
        constructor_count: with_code as u64,
        destructors: DESTRUCTORS.as_ptr(),
        destructor_count: with_code as u64,
        max_instances: 3,
        max_handles: 0,
        max_arena_bytes: 1 << 20,
    }
}

static COUNTER: Descriptor = Descriptor(descriptor(c"counter".as_ptr(), true));
static PLAIN: Descriptor = Descriptor(descriptor(c"plain".as_ptr(), false));
/// Every slot fills a run of its own, behind an unusual alignment.
static HUGE: Descriptor = Descriptor({
    let mut huge = descriptor(c"huge".as_ptr(), false);
    huge.total_size = 1 << 20;
    huge.align = 32 << 10;
    huge.max_instances = 0;
    huge
});
/// The library whose calls are abandoned: the functions in a text section of its own.
static STUCK: Descriptor = Descriptor({
    let mut stuck = descriptor(c"stuck".as_ptr(), false);
    stuck.max_instances = 0;
    stuck.text_start = &raw const text_start;
    stuck.text_end = &raw const text_end;
    stuck
});
unsafe extern "C" {
    #[link_name = "__start_coextext_test"]
    static text_start: u8;
    #[link_name = "__stop_coextext_test"]
    static text_end: u8;
}
pub(super) const STUCK_INDEX: i64 = 3;
static LIBRARIES: Libraries =
    Libraries([&raw const COUNTER.0, &raw const PLAIN.0, &raw const HUGE.0, &raw const STUCK.0]);
static INFO: ProgramInfo = ProgramInfo { library_count: 4, libraries: LIBRARIES.0.as_ptr(), ..program_of(&TYPES) };

pub(super) fn with_libraries(body: impl FnOnce(*mut Fiber) + 'static) {
    let _guard = lock();
    on_fiber(&INFO, |fiber| {
        LOG.store(0, Ordering::Relaxed);
        // Also after a failure: else each later test would find its instances, and fail.
        let result = catch_unwind(AssertUnwindSafe(|| body(fiber)));
        // SAFETY: the running fiber.
        unsafe { root::tear_down_all(fiber) };
        result.unwrap_or_else(|failure| resume_unwind(failure));
        // A thread that was abandoned may still be at it.
        wait_until("no instance is left", || instance::live_count() == 0);
    });
}

pub(super) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[repr(C)]
struct TaskRoot {
    root: Root,
    instances: [*mut Instance; 4],
}

/// A root as compiled code has it in its frame.
pub(super) unsafe fn in_root(fiber: *mut Fiber, body: impl FnOnce()) {
    let mut frame =
        TaskRoot { root: Root { parent: null_mut(), library_count: 77, instances: [] }, instances: [16 as *mut _; 4] };
    // SAFETY: the frame lives until the root ends.
    unsafe {
        root::coex_root_enter(fiber, (&raw mut frame).cast(), 4);
        body();
        root::coex_root_leave(fiber);
    }
}

pub(super) unsafe fn get(fiber: *mut Fiber, index: i64) -> *mut FullInstance {
    // SAFETY: forwarded.
    unsafe { root::coex_instance_get(fiber, index, null()).cast() }
}

pub(super) unsafe fn run(fiber: *mut Fiber, instance: *mut FullInstance, function: *const ()) -> usize {
    // SAFETY: forwarded.
    unsafe { call::in_instance(fiber, instance, function.cast(), 0, 0) }
}

#[test]
fn every_root_has_its_own_globals() {
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let main = get(fiber, 0);
            assert_eq!(get(fiber, 0), main);
            assert_eq!(run(fiber, main, count as *const ()), 48);
            in_root(fiber, || {
                let other = get(fiber, 0);
                assert_ne!(other, main);
                assert_eq!(run(fiber, other, count as *const ()), 48);
                assert_eq!(run(fiber, other, count as *const ()), 49);
            });
            assert_eq!(LOG.load(Ordering::Relaxed), 9);
            assert_eq!(run(fiber, main, count as *const ()), 49);
            assert!(arch::installed_base().is_null());
        }
    });
}

#[test]
fn handles_are_released_newest_first_and_before_destructors() {
    with_libraries(|fiber| {
        // SAFETY: the running fiber; pointers are small numbers that only `release` sees.
        unsafe {
            let mut stale = 0;
            in_root(fiber, || {
                let instance = get(fiber, 0).cast::<Instance>();
                let wrap =
                    |number: usize| handles::coex_handle_wrap(fiber, instance, number as *mut u8, release as *const u8);
                let (first, second, third) = (wrap(1), wrap(2), wrap(3));
                assert_eq!(wrap(2), second);
                assert_eq!(handles::coex_handle_unwrap(fiber, instance, second, null()) as usize, 2);
                handles::coex_handle_close(fiber, instance, second);
                assert!((*instance.cast::<FullInstance>()).handles.pointer(second).is_none());
                assert!(first > 0 && third > 0);
                stale = first;
            });
            assert_eq!(LOG.load(Ordering::Relaxed), 319);
            in_root(fiber, || {
                let instance = get(fiber, 0);
                assert!((*instance).handles.pointer(stale).is_none());
            });
        }
    });
}

#[test]
fn a_crash_ends_the_instance_and_not_the_program() {
    unsafe extern "C" fn wild() -> usize {
        // SAFETY: none: this is the fault under test.
        unsafe { core::ptr::read_volatile(core::hint::black_box(8) as *const usize) }
    }
    unsafe extern "C" fn aborts() -> usize {
        // SAFETY: below a foreign call.
        unsafe { shims::coex_shim_abort() }
    }
    #[expect(unconditional_recursion, reason = "the overflow under test")]
    unsafe extern "C" fn endless(depth: usize) -> usize {
        let mut frame = [depth; 512];
        core::hint::black_box(&mut frame);
        // SAFETY: none: this is the fault under test.
        unsafe { endless(depth + 1) + frame[depth % 512] }
    }
    with_libraries(|fiber| {
        signals::install();
        let cases: [(*const (), &str); 3] = [
            (wild as *const (), "foreign code crashed in 'plain': invalid memory access"),
            (aborts as *const (), "foreign code crashed in 'plain': abort called"),
            (endless as *const (), "foreign code crashed in 'plain': stack overflow"),
        ];
        // SAFETY: the running fiber.
        unsafe {
            let healthy = get(fiber, 0);
            for round in 0..300 {
                // The stack of a test's thread has a guard of its own kind; once is enough.
                let (function, text) = cases[round % if round < 3 { 3 } else { 2 }];
                let instance = get(fiber, 1);
                (*instance).heap.allocate(100);
                run(fiber, instance, function);
                assert_eq!((*fiber).ffi_failed, failure::CRASHED);
                let string = failure::coex_ffi_failure_text(fiber);
                assert_eq!(crate::panic::string_bytes(string), text.as_bytes());
                assert_eq!((*fiber).ffi_failed, 0);
                assert!((*root::slot((*fiber).root, 1)).is_null());
            }
            assert_eq!(run(fiber, healthy, count as *const ()), 48);
        }
    });
}

#[test]
fn memory_of_an_instance_ends_with_it() {
    unsafe extern "C" fn leaks() {
        for round in 0..200usize {
            // SAFETY: the heap of the installed instance.
            unsafe {
                let block = shims::coex_shim_malloc(round * 97);
                block.write_bytes(1, round * 97);
                let text = shims::coex_shim_strdup(c"text".as_ptr());
                assert_eq!(*text, b't');
                assert!(!api::coex_ffi_alloc(4_000).is_null());
            }
        }
    }
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let mut used = 0;
            for round in 0..200 {
                in_root(fiber, || {
                    let instance = get(fiber, 1);
                    run(fiber, instance, leaks as *const ());
                    let argument = root::coex_arena_alloc(fiber, instance.cast(), 100_000, null());
                    argument.write_bytes(2, 100_000);
                    root::coex_arena_reset(instance.cast(), null_mut());
                    assert_eq!((*fiber).poll.load(Ordering::Relaxed), 0);
                });
                if round == 0 {
                    used = units::units().used();
                }
            }
            assert_eq!(units::units().used(), used);
        }
    });
}

#[test]
fn scratch_memory_survives_its_call() {
    unsafe extern "C" fn asks() -> *mut u8 {
        let memory = api::coex_ffi_alloc(40);
        // SAFETY: fresh memory.
        unsafe { memory.write_bytes(5, 40) };
        memory
    }
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let instance = get(fiber, 1);
            let first = run(fiber, instance, asks as *const ()) as *mut u8;
            assert_eq!(*first.add(39), 5);
            assert_eq!(run(fiber, instance, asks as *const ()) as *mut u8, first);
        }
    });
}

#[test]
fn instances_are_limited_and_ids_go_stale() {
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let id = instance::id(get(fiber, 1));
            assert_eq!(api::coex_ffi_instance_valid(id), 1);
            in_root(fiber, || {
                get(fiber, 1);
                in_root(fiber, || {
                    get(fiber, 1);
                    in_root(fiber, || assert!(root::coex_instance_try_get(fiber, 1).is_null()));
                });
            });
            in_root(fiber, || {
                let other = instance::id(get(fiber, 1));
                assert!(other > 0 && other != id);
            });
            assert_eq!(api::coex_ffi_instance_valid(id), 1);
            assert_eq!(api::coex_ffi_instance_count(), 1);
        }
    });
}

#[test]
fn large_slots_go_back_to_the_pool() {
    unsafe fn nest(fiber: *mut Fiber, depth: usize) {
        if depth > 0 {
            // SAFETY: the running fiber.
            unsafe {
                in_root(fiber, || {
                    let instance = get(fiber, 2);
                    assert!(((*instance).public.base as usize).is_multiple_of(32 << 10));
                    let id = instance::id(instance);
                    nest(fiber, depth - 1);
                    assert_eq!(instance::by_id(id), Some(instance));
                });
            }
        }
    }
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let before = units::units().used();
            let id = instance::id(get(fiber, 2));
            for _ in 0..10 {
                nest(fiber, 20);
            }
            let kept = (units::units().used() - before) << units::UNIT_SHIFT;
            assert!(kept < 8 << 20, "{kept}");
            assert!(instance::by_id(id).is_some() && instance::by_id(id + (1 << 24)).is_none());
        }
    });
}

#[test]
fn hidden_state_of_the_c_library_is_private() {
    unsafe extern "C" fn third_random(seed: usize) -> c_int {
        // SAFETY: the generator of the installed instance.
        unsafe {
            if seed != 0 {
                hidden::coex_shim_srand(seed as u32);
            }
            hidden::coex_shim_rand();
            hidden::coex_shim_rand();
            hidden::coex_shim_rand()
        }
    }
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let (first, second) = (get(fiber, 0), get(fiber, 1));
            // What glibc's rand yields third in a fresh process.
            assert_eq!(run(fiber, first, third_random as *const ()) as i32, 1_681_692_777);
            call::in_instance(fiber, second, third_random as *const u8, 99, 0);
            in_root(fiber, || {
                let third = get(fiber, 1);
                assert_eq!(run(fiber, third, third_random as *const ()) as i32, 1_681_692_777);
            });
        }
    });
}

#[test]
fn formatted_text_lies_in_the_private_heap() {
    unsafe extern "C" fn formats() {
        let mut text = null_mut();
        // SAFETY: the arguments fit the format.
        unsafe {
            let format = c"%d %s %.2f %d %d %d %d %g".as_ptr();
            let len =
                arch::coex_shim_asprintf(&raw mut text, format, -5, c"word".as_ptr(), 2.5f64, 1, 2, 3, 4, 0.125f64);
            let written = core::ffi::CStr::from_ptr(text.cast());
            assert_eq!(written.to_bytes(), b"-5 word 2.50 1 2 3 4 0.125");
            assert_eq!(len as usize, written.count_bytes());
            assert!(units::units().contains(text as usize));
            shims::coex_shim_free(text);
        }
    }
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let instance = get(fiber, 1);
            run(fiber, instance, formats as *const ());
        }
    });
}

/// Prints nanoseconds of hot paths; run with `--ignored --nocapture` and optimisation.
#[test]
#[ignore = "a measurement"]
fn cost_of_hot_paths() {
    fn nanoseconds(count: u32, mut body: impl FnMut()) -> f64 {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let begin = std::time::Instant::now();
            for _ in 0..count {
                body();
            }
            best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(count));
        }
        best
    }
    unsafe extern "C" fn allocates(size: usize) {
        // SAFETY: the heap of the installed instance.
        unsafe {
            let private = nanoseconds(2_000_000, || {
                let block = core::hint::black_box(shims::coex_shim_malloc(size));
                shims::coex_shim_free(block);
            });
            let glibc = nanoseconds(2_000_000, || {
                let block = core::hint::black_box(libc::malloc(size));
                libc::free(block);
            });
            println!("malloc+free of {size}: private {private:.2} ns, C library {glibc:.2} ns");
        }
    }
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let life = nanoseconds(100_000, || {
                in_root(fiber, || {
                    core::hint::black_box(get(fiber, 1));
                })
            });
            println!("instance of {TOTAL} bytes, created and destroyed: {life:.1} ns");
            let instance = get(fiber, 1);
            let thunk = nanoseconds(5_000_000, || {
                core::hint::black_box(arch::coex_call_foreign(fiber, add as *const u8, 1, 2));
            });
            let whole = nanoseconds(5_000_000, || {
                core::hint::black_box(call::in_instance(fiber, instance, add as *const u8, 1, 2));
            });
            let target = core::hint::black_box(add as unsafe extern "C" fn(i64, i64) -> i64);
            let plain = nanoseconds(5_000_000, || {
                core::hint::black_box(target(1, 2));
            });
            println!("indirect call {plain:.2} ns, through the thunk {thunk:.2} ns, with its instance {whole:.2} ns");
            for size in [24, 500, 5000] {
                call::in_instance(fiber, instance, allocates as *const u8, size, 0);
            }
            let wrap = nanoseconds(1_000_000, || {
                let handle = handles::coex_handle_wrap(fiber, instance.cast(), 64 as *mut u8, release as *const u8);
                handles::coex_handle_close(fiber, instance.cast(), handle);
            });
            println!("handle opened and closed: {wrap:.2} ns");
        }
    });
}

/// Each allocation of the foreign side fails once: there is an answer, nothing is lost, and afterwards it works again.
#[test]
fn every_refused_allocation_is_an_answer() {
    /// Instances are limited to 3.
    const DEPTH: usize = 2;
    unsafe extern "C" fn allocates() -> usize {
        // SAFETY: the heap of the installed instance; null is an answer.
        unsafe {
            let mut refused = 0;
            for size in [16, 500, 20_000, 300_000] {
                let block = shims::coex_shim_malloc(size);
                refused += usize::from(block.is_null());
                if !block.is_null() {
                    refused += usize::from(shims::coex_shim_realloc(block, size * 3).is_null());
                }
            }
            hidden::coex_shim_rand();
            refused += usize::from(api::coex_ffi_alloc(30_000).is_null());
            refused + usize::from(api::coex_ffi_handle_new(64 as *mut u8, release as *const u8) < 0)
        }
    }
    unsafe fn everything(fiber: *mut Fiber, depth: usize) -> bool {
        let mut is_whole = false;
        LOG.store(0, Ordering::Relaxed);
        // SAFETY: the running fiber.
        unsafe {
            in_root(fiber, || {
                let instances = [0, 1, 2].map(|index| root::coex_instance_try_get(fiber, index));
                is_whole = true;
                for instance in instances {
                    is_whole &= !instance.is_null() && run(fiber, instance.cast(), allocates as *const ()) == 0;
                }
                // More large slots than are kept.
                if depth > 0 {
                    is_whole &= everything(fiber, depth - 1);
                }
            });
        }
        is_whole
    }
    with_libraries(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            assert!(everything(fiber, DEPTH));
            // Slots that an instance has had are reused: only then is every allocation reached.
            let used = units::units().used();
            let mut refusals = 0;
            for number in 1..200 {
                limits::fail_at(number);
                refusals += u32::from(!everything(fiber, DEPTH));
                limits::fail_at(0);
                assert!(everything(fiber, DEPTH), "after refusal {number}");
                assert!(units::units().used() <= used + 64, "after refusal {number}");
            }
            assert!(refusals > 20, "{refusals}");
            assert_eq!(instance::live_count(), 0);
        }
    });
}
