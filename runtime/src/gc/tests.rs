//! The collector on a fiber of its own, with a hand-made type table.

use core::any::Any;
use core::ptr::null;
use std::sync::{Mutex, MutexGuard};

use super::{coex_test_reset, heap, stress};
use crate::abi::{
    ABI_VERSION, Fiber, HEADER_AUX_SHIFT, ProgramInfo, Scope, Shape, StringObject, Task, TaskInfo, Text, TypeInfo,
    header, type_id,
};
use crate::program::{self, Global};
use crate::task::join::coex_task_join;
use crate::task::scope::{coex_scope_enter, coex_scope_leave};
use crate::task::spawn::{coex_task_new, coex_task_release, coex_task_start};
use crate::{alloc, gc, sched, start, task};

const NODE: u32 = type_id::FIRST_PROGRAM;
const REFERENCES: u32 = NODE + 1;
const BYTES: u32 = NODE + 2;
const PAIRS: u32 = NODE + 3;

struct Offsets<const N: usize>([u32; N]);
static NODE_POINTERS: Offsets<2> = Offsets([8, 16]);
static FIRST_WORD: Offsets<1> = Offsets([0]);
static SECOND_WORD: Offsets<1> = Offsets([8]);

const fn row(shape: Shape, size: u32, element_size: u32, pointers: &'static [u32]) -> TypeInfo {
    TypeInfo {
        shape,
        size,
        element_size,
        pointer_count: pointers.len() as u32,
        pointers: pointers.as_ptr(),
        name: c"test".as_ptr(),
    }
}

const EMPTY: TypeInfo = row(Shape::Fixed, 16, 0, &[]);
pub(crate) static TYPES: [TypeInfo; 20] = {
    let mut types = [const { EMPTY }; 20];
    types[type_id::STRING as usize] = row(Shape::String, 0, 0, &[]);
    types[NODE as usize] = row(Shape::Fixed, 32, 0, &NODE_POINTERS.0);
    types[REFERENCES as usize] = row(Shape::Elements, 0, 8, &FIRST_WORD.0);
    types[BYTES as usize] = row(Shape::Elements, 0, 1, &[]);
    types[PAIRS as usize] = row(Shape::Elements, 0, 16, &SECOND_WORD.0);
    types
};

/// A program that has these types and nothing else.
pub(crate) const fn program_of(types: &'static [TypeInfo]) -> ProgramInfo {
    ProgramInfo {
        abi_version: ABI_VERSION,
        type_count: types.len() as u32,
        types: types.as_ptr(),
        library_count: 0,
        libraries: null(),
        entry: null(),
    }
}

static INFO: ProgramInfo = program_of(&TYPES);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

type Body = Box<dyn FnOnce(*mut Fiber)>;

/// For the fiber of the test that holds the lock.
static BODY: Global<Option<Body>> = Global::new(None);

/// What its failed assertion says: the thread of the fiber prints nothing that the test would show.
static FAILURE: Global<Option<Box<dyn Any + Send>>> = Global::new(None);

/// The process' one runtime, for one test at a time.
pub(crate) fn lock() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs `body` on the main fiber with an empty heap. Its failed assertion is the failure of the test.
pub(crate) fn on_fiber(info: &'static ProgramInfo, body: impl FnOnce(*mut Fiber) + 'static) {
    unsafe extern "C" fn run(fiber: *mut Fiber) -> ! {
        // SAFETY: set by the test that waits for this fiber.
        let body = unsafe { (*BODY.get()).take() };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body.expect("set below")(fiber)));
        // SAFETY: the running fiber; `on_fiber` goes on.
        unsafe {
            (*fiber).returned[0] = result.is_err().into();
            *FAILURE.get() = result.err();
            sched::run::leave(fiber, sched::thread::After::Exit);
        }
        unreachable!("the fiber has ended")
    }
    // SAFETY: the lock is held: nobody else uses the process' fiber and heap.
    let (status, failure) = unsafe {
        *BODY.get() = Some(Box::new(body));
        coex_test_reset(info);
        (start::for_tests::run(run), (*FAILURE.get()).take())
    };
    if let Some(failure) = failure {
        let text = failure.downcast_ref::<String>().map(String::as_str);
        panic!("the body failed: {}", text.or(failure.downcast_ref::<&str>().copied()).unwrap_or("without a text"));
    }
    assert_eq!(status, 0, "the status of the main fiber");
}

fn on_heap(body: impl FnOnce(*mut Fiber) + 'static) {
    let _guard = lock();
    on_fiber(&INFO, body);
}

/// A node of two references and a number.
unsafe fn node(fiber: *mut Fiber, left: usize, right: usize, value: usize) -> usize {
    // SAFETY: the running fiber; the layout of NODE.
    unsafe {
        let node = alloc::alloc(fiber, 32, header(NODE, 0)).cast::<usize>();
        *node.add(1) = left;
        *node.add(2) = right;
        *node.add(3) = value;
        node as usize
    }
}

unsafe fn field(object: usize, index: usize) -> usize {
    // SAFETY: the caller names a word of a live object.
    unsafe { *(object as *const usize).add(index) }
}

/// Keeps a reference on this stack beyond its last use.
#[inline(never)]
fn keep(reference: &usize) {
    std::hint::black_box(reference);
}

unsafe fn tree(fiber: *mut Fiber, depth: usize) -> usize {
    if depth == 0 {
        // SAFETY: forwarded.
        return unsafe { node(fiber, 0, 0, 1) };
    }
    // SAFETY: forwarded.
    unsafe {
        let left = tree(fiber, depth - 1);
        let right = tree(fiber, depth - 1);
        node(fiber, left, right, 1 << depth)
    }
}

unsafe fn check_tree(object: usize, depth: usize) -> usize {
    // SAFETY: a tree of nodes.
    unsafe {
        assert_eq!(field(object, 3), 1 << depth);
        if depth == 0 {
            return 1;
        }
        1 + check_tree(field(object, 1), depth - 1) + check_tree(field(object, 2), depth - 1)
    }
}

#[test]
fn gigabytes_of_garbage_need_a_small_heap() {
    on_heap(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let long_lived = tree(fiber, 14);
            for _ in 0..400 {
                let short_lived = tree(fiber, 14);
                assert_eq!(field(short_lived, 3), 1 << 14);
            }
            assert_eq!(check_tree(long_lived, 14), (1 << 15) - 1);
            assert!(heap().statistics.minor > 5);
            assert!(heap().frontier << heap::BLOCK_SHIFT < 128 << 20);
            assert_eq!(gc::report::coex_gc_validate_heap(fiber), 0);
        }
    });
}

#[test]
fn stress_keeps_every_reachable_object() {
    on_heap(|fiber| {
        stress::set_every(3);
        stress::set_verify(true);
        // SAFETY: the running fiber.
        unsafe {
            let kept = tree(fiber, 7);
            for _ in 0..10 {
                let other = tree(fiber, 6);
                assert_eq!(check_tree(other, 6), 127);
            }
            assert_eq!(check_tree(kept, 7), 255);
            keep(&kept);
        }
    });
}

#[test]
fn a_long_chain_is_marked_without_recursion() {
    on_heap(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let mut chain = 0;
            for value in 0..3_000_000 {
                chain = node(fiber, chain, 0, value);
            }
            gc::collect(fiber, gc::Wanted::Full);
            assert!(heap().statistics.live_objects >= 3_000_000);
            let mut expected = 3_000_000;
            let mut at = chain;
            while at != 0 {
                expected -= 1;
                assert_eq!(field(at, 3), expected);
                at = field(at, 1);
            }
            assert_eq!(expected, 0);
        }
    });
}

#[test]
fn an_interior_pointer_keeps_its_object() {
    on_heap(|fiber| {
        #[inline(never)]
        unsafe fn make(fiber: *mut Fiber) -> usize {
            // SAFETY: the running fiber; flat text behind the fixed part.
            unsafe {
                let string = alloc::alloc(fiber, 48 + 1001, header(type_id::STRING, 0)).cast::<StringObject>();
                (*string).len = 1000;
                (*string).chars = 1000;
                let data = string.cast::<u8>().add(48);
                data.write_bytes(b'x', 1000);
                (*string).data = data;
                data as usize + 700
            }
        }
        // SAFETY: the running fiber.
        unsafe {
            stress::set_every(1);
            let inner = std::hint::black_box(make(fiber));
            for _ in 0..2000 {
                node(fiber, 0, 0, 0);
            }
            assert_eq!(*(inner as *const u8).sub(700), b'x');
            assert_eq!(*(inner as *const u8), b'x');
        }
    });
}

#[test]
fn fresh_memory_is_zero() {
    on_heap(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let mut kept = 0;
            for round in 0..200_000usize {
                let count = (round * 7919) % 700;
                let size = 16 + count * 8;
                let object = alloc::alloc(fiber, size, header(REFERENCES, count as u32)) as usize;
                for index in 1..size / 8 {
                    assert_eq!(field(object, index), 0);
                }
                for index in 0..count {
                    *(object as *mut usize).add(2 + index) = kept;
                }
                if round % 1000 == 0 {
                    kept = if round % 50_000 == 0 { 0 } else { object };
                }
            }
            assert_eq!(gc::report::coex_gc_validate_heap(fiber), 0);
        }
    });
}

#[test]
fn large_objects_come_and_go() {
    on_heap(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let keeper = alloc::alloc(fiber, 16 + 8 * 50, header(REFERENCES, 50)).cast::<usize>();
            for round in 0..5_000usize {
                let count = 9_000 + (round * 104_729) % 400_000;
                let object = alloc::alloc(fiber, 16 + count, header(BYTES, count as u32));
                if round % 50 == 0 {
                    // Where the collector looks, there is nothing of what was there before.
                    let words = alloc::alloc(fiber, 16 + 8 * 9_000, header(REFERENCES, 9_000)).cast::<usize>();
                    assert!((2..2 + 9_000).all(|at| *words.add(at) == 0));
                }
                object.add(16).write_bytes((round % 251) as u8, count);
                *keeper.add(2 + round % 50) = object as usize;
                let other = *keeper.add(2 + (round * 31) % 50) as *const u8;
                if !other.is_null() {
                    let length = (*other.cast::<u64>() >> HEADER_AUX_SHIFT) as usize;
                    assert_eq!(*other.add(16), *other.add(15 + length));
                }
            }
            assert!(heap().frontier << heap::BLOCK_SHIFT < 200 << 20);
            assert_eq!(gc::report::coex_gc_validate_heap(fiber), 0);
        }
    });
}

#[test]
fn memory_returns_to_the_system_after_a_peak() {
    on_heap(|fiber| {
        #[inline(never)]
        unsafe fn peak(fiber: *mut Fiber) {
            // SAFETY: the running fiber.
            let all = unsafe { tree(fiber, 21) };
            keep(&all);
        }
        // SAFETY: the running fiber.
        unsafe {
            peak(fiber);
            gc::collect(fiber, gc::Wanted::Full);
            gc::collect(fiber, gc::Wanted::Full);
            assert!(heap().statistics.released_bytes > 50 << 20, "{}", heap().statistics.released_bytes);
            assert!(heap().statistics.live_bytes < 30 << 20, "{}", heap().statistics.live_bytes);
        }
    });
}

#[test]
fn registered_words_and_elements_are_roots_and_edges() {
    on_heap(|fiber| {
        // SAFETY: the running fiber; the layout of PAIRS: a number, a reference.
        unsafe {
            gc::add_root(WORD.get());
            let pairs = alloc::alloc(fiber, 16 + 16 * 100, header(PAIRS, 100)).cast::<usize>();
            *WORD.get() = pairs.cast();
            for index in 0..100 {
                let item = node(fiber, 0, 0, index);
                let pairs = (*WORD.get()).cast::<usize>();
                gc::barrier(fiber, pairs);
                *pairs.add(2 + 2 * index) = 0x1234;
                *pairs.add(3 + 2 * index) = item;
                gc::collect(fiber, gc::Wanted::Full);
            }
            let pairs = (*WORD.get()).cast::<usize>();
            for index in 0..100 {
                assert_eq!(field(*pairs.add(3 + 2 * index), 3), index);
            }
            *WORD.get() = core::ptr::null_mut();
        }
    });
}

#[test]
fn reports_have_the_required_words() {
    on_heap(|fiber| {
        // SAFETY: the running fiber; descriptor 1 is put back.
        let text = unsafe {
            let kept = tree(fiber, 3);
            let mut pipe = [0; 2];
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            let saved = libc::dup(1);
            libc::dup2(pipe[1], 1);
            gc::report::coex_gc_dump_stats(fiber);
            gc::report::coex_gc_dump_heap(fiber);
            gc::report::coex_gc_dump_roots(fiber);
            gc::report::coex_gc_fragmentation_report(fiber);
            libc::dup2(saved, 1);
            libc::close(saved);
            libc::close(pipe[1]);
            let mut text = vec![0u8; 60_000];
            let len = libc::read(pipe[0], text.as_mut_ptr().cast(), text.len());
            libc::close(pipe[0]);
            keep(&kept);
            text.truncate(len as usize);
            String::from_utf8(text).expect("text")
        };
        assert!(text.contains("[GC:STATS] total_allocations: ") && text.contains("[GC:STATS] total_bytes: "));
        assert!(text.contains("[GC:HEAP]") && text.contains("[GC:FRAG]") && text.contains("depth=1 "));
        let objects = text.lines().filter(|line| line.starts_with("obj=0x")).count();
        assert!(text.contains(&format!("Total objects: {objects}\n")) && objects >= 15, "{text}");
    });
}

/// Builds and checks trees; the argument is their depth, the result the number of nodes.
unsafe extern "C" fn grow_trees(task: *mut Task) {
    let fiber = program::running_fiber();
    // SAFETY: the running fiber; the payload is an argument and a result.
    unsafe {
        let payload = task::record::payload(task.cast()).cast::<usize>();
        let (depth, mut nodes) = (*payload, 0);
        let kept = tree(fiber, depth);
        for round in 0..60 {
            nodes += check_tree(tree(fiber, round % (depth + 1)), round % (depth + 1));
            assert_eq!(check_tree(kept, depth), (2 << depth) - 1);
        }
        keep(&kept);
        *payload.add(1) = nodes;
    }
}

static GROW_TREES: TaskInfo = TaskInfo {
    code: grow_trees as *const u8,
    name: Text { data: null(), len: 0 },
    payload_bytes: 16,
    result_offset: 8,
    flags: 1,
    reserved: 0,
};

fn grow_trees_in_tasks(every: u32) {
    on_heap(move |fiber| {
        stress::set_every(every);
        stress::set_verify(true);
        // SAFETY: the running fiber; the scope lives in this frame.
        unsafe {
            let mut scope = Scope { parent: core::ptr::null_mut(), words: [0; 11] };
            coex_scope_enter(fiber, &raw mut scope);
            for _ in 0..4 {
                let tasks: Vec<*mut Task> = (3..8)
                    .map(|depth| {
                        let task = coex_task_new(fiber, &GROW_TREES, null());
                        *task::record::payload(task.cast()).cast::<usize>() = depth;
                        coex_task_start(fiber, task);
                        task
                    })
                    .collect();
                let kept = tree(fiber, 9);
                for (task, depth) in tasks.into_iter().zip(3usize..) {
                    let result = *coex_task_join(fiber, task, null()).add(8).cast::<usize>();
                    coex_task_release(fiber, task);
                    assert_eq!(result, (0..60).map(|round| (2usize << (round % (depth + 1))) - 1).sum());
                }
                assert_eq!(check_tree(kept, 9), 1023);
                keep(&kept);
            }
            coex_scope_leave(fiber, &raw mut scope, null());
            assert!(heap().statistics.relocated_objects > 1000);
        }
    });
}

#[test]
fn tasks_collect_for_each_other() {
    grow_trees_in_tasks(10);
}

#[test]
fn tasks_collect_all_the_time() {
    grow_trees_in_tasks(1);
}

#[test]
fn tasks_mark_together() {
    on_heap(|fiber| {
        // SAFETY: the running fiber; the scope lives in this frame.
        unsafe {
            let mut scope = Scope { parent: core::ptr::null_mut(), words: [0; 11] };
            coex_scope_enter(fiber, &raw mut scope);
            let kept = tree(fiber, 15);
            let chain = (0..20_000).fold(0, |chain, value| node(fiber, chain, 0, value));
            for round in 0..30 {
                let tasks: Vec<*mut Task> = (0..3)
                    .map(|_| {
                        let task = coex_task_new(fiber, &GROW_TREES, null());
                        *task::record::payload(task.cast()).cast::<usize>() = 8;
                        coex_task_start(fiber, task);
                        task
                    })
                    .collect();
                for _ in 0..5 {
                    gc::collect(fiber, gc::Wanted::Full);
                    assert!(heap().statistics.live_objects >= 65_535 + 20_000, "in round {round}");
                    assert_eq!(gc::report::coex_gc_validate_heap(fiber), 0);
                }
                for task in tasks {
                    coex_task_join(fiber, task, null());
                    coex_task_release(fiber, task);
                }
            }
            assert_eq!(check_tree(kept, 15), 65_535);
            assert_eq!(field(chain, 3), 19_999);
            keep(&kept);
            coex_scope_leave(fiber, &raw mut scope, null());
        }
    });
}

#[test]
fn unpinned_objects_move() {
    on_heap(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let kept = tree(fiber, 12);
            let before = heap().statistics;
            gc::collect(fiber, gc::Wanted::Young);
            let after = heap().statistics;
            assert_eq!((after.minor, after.full), (before.minor + 1, before.full));
            // All but what words of the stack happen to name.
            let moved = after.relocated_objects - before.relocated_objects;
            assert!(moved > 8_000 && moved < 8_192, "{moved}");
            assert_eq!(check_tree(kept, 12), 8_191);
            stress::set_every(1_000_000);
            gc::collect(fiber, gc::Wanted::Full);
            assert!(heap().statistics.relocated_objects - after.relocated_objects > 4_000);
            assert_eq!(check_tree(kept, 12), 8_191);
            keep(&kept);
        }
    });
}

#[test]
fn sparse_blocks_are_emptied() {
    const COUNT: usize = 60_000;
    on_heap(|fiber| {
        // SAFETY: the running fiber; the table is reached through a root only.
        unsafe {
            gc::add_root(WORD.get());
            *WORD.get() = alloc::alloc(fiber, 16 + 8 * COUNT, header(REFERENCES, COUNT as u32));
            for index in 0..COUNT {
                let item = node(fiber, 0, 0, index);
                gc::barrier(fiber, *WORD.get());
                *(*WORD.get()).cast::<usize>().add(2 + index) = item;
            }
            gc::collect(fiber, gc::Wanted::Full);
            for index in (0..COUNT).filter(|index| index % 100 != 0) {
                *(*WORD.get()).cast::<usize>().add(2 + index) = 0;
            }
            // The first one finds out how sparse the blocks are.
            gc::collect(fiber, gc::Wanted::Full);
            let before = heap().statistics;
            gc::collect(fiber, gc::Wanted::Full);
            let after = heap().statistics;
            assert!(after.relocated_objects - before.relocated_objects > 300);
            assert!(after.live_bytes < before.live_bytes, "{} {}", after.live_bytes, before.live_bytes);
            for index in (0..COUNT).step_by(100) {
                assert_eq!(field(*(*WORD.get()).cast::<usize>().add(2 + index), 3), index);
            }
            *WORD.get() = core::ptr::null_mut();
        }
    });
}

#[test]
fn views_follow_their_text() {
    on_heap(|fiber| {
        // SAFETY: the running fiber; the pieces are only in the list of references.
        unsafe {
            let pieces = alloc::alloc(fiber, 16 + 8 * 50, header(REFERENCES, 50)).cast::<*mut StringObject>();
            fill_with_views(fiber, pieces);
            for wanted in [gc::Wanted::Young, gc::Wanted::Full, gc::Wanted::Full] {
                stress::set_every(1_000_000);
                gc::collect(fiber, wanted);
                for index in 0..50 {
                    let expected = format!("{index:03} and more text than is worth a copy");
                    assert_eq!(crate::string::text(*pieces.add(2 + index)), expected);
                }
            }
        }
    });
}

#[inline(never)]
unsafe fn fill_with_views(fiber: *mut Fiber, pieces: *mut *mut StringObject) {
    // SAFETY: the caller's objects.
    unsafe {
        for index in 0..50 {
            let whole = format!("front {index:03} and more text than is worth a copy behind");
            let whole = crate::string::from_bytes(fiber, whole.as_bytes());
            let view = crate::string::view(fiber, whole, 6, (*whole).len as usize - 7);
            gc::barrier(fiber, pieces);
            *pieces.add(2 + index) = view;
        }
    }
}

#[test]
fn what_old_objects_are_given_survives() {
    on_heap(|fiber| {
        stress::set_verify(true);
        // SAFETY: the running fiber; the table is reached through a root only.
        unsafe {
            gc::add_root(WORD.get());
            *WORD.get() = alloc::alloc(fiber, 16 + 8 * 500, header(REFERENCES, 500));
            for round in 0..20_000usize {
                if round % 700 == 0 {
                    gc::collect(fiber, if round % 2100 == 0 { gc::Wanted::Full } else { gc::Wanted::Young });
                }
                let item = node(fiber, 0, 0, round);
                let table = (*WORD.get()).cast::<usize>();
                gc::barrier(fiber, table);
                *table.add(2 + round % 500) = item;
                if round >= 500 {
                    assert_eq!(field(*table.add(2 + (round + 1) % 500), 3), round - 499);
                }
            }
            *WORD.get() = core::ptr::null_mut();
        }
    });
}

static WORD: Global<*mut u8> = Global::new(core::ptr::null_mut());

/// Prints the cost of a node in nanoseconds; run with `--ignored --nocapture` and optimisation.
#[test]
#[ignore = "a measurement"]
fn cost_of_binary_trees() {
    on_heap(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let begin = std::time::Instant::now();
            let kept = tree(fiber, 20);
            let mut nodes = 0;
            for _ in 0..64 {
                nodes += check_tree(tree(fiber, 16), 16);
            }
            nodes += check_tree(kept, 20);
            let nanoseconds = begin.elapsed().as_nanos() as f64;
            let statistics = heap().statistics;
            println!(
                "{nodes} nodes, {:.2} ns each, {} collections, {} full",
                nanoseconds / nodes as f64,
                statistics.minor,
                statistics.full
            );
        }
    });
}
