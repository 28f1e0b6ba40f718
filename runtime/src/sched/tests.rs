//! Queues between threads; fibers, waits and tasks on the real scheduler.

use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use super::deque::Deque;
use crate::abi::{Fiber, ProgramInfo, RangeInfo, RangeRunner, Scope, Task, TaskInfo, Text};
use crate::gc::tests::{TYPES, lock, on_fiber, program_of};
use crate::task::join::coex_task_join;
use crate::task::range::{coex_range_free, coex_range_run};
use crate::task::record;
use crate::task::scope::{coex_scope_enter, coex_scope_leave};
use crate::task::sleep::coex_sleep;
use crate::task::spawn::{coex_task_new, coex_task_release, coex_task_start};

#[test]
fn a_deque_gives_each_word_once() {
    let deque: Deque<64> = Deque::new();
    static TAKEN: [AtomicUsize; 20_000] = [const { AtomicUsize::new(0) }; 20_000];
    let take = |word: usize| TAKEN[word - 1].fetch_add(1, Ordering::Relaxed);
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while count.load(Ordering::Relaxed) < TAKEN.len() {
                    if let Some(word) = deque.steal() {
                        take(word);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for word in 1..=TAKEN.len() {
            while !deque.push(word) {
                std::hint::spin_loop();
            }
            if word % 3 == 0
                && let Some(word) = deque.pop()
            {
                take(word);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    assert!(TAKEN.iter().all(|taken| taken.load(Ordering::Relaxed) == 1));
}

#[test]
fn a_deque_is_a_stack_for_its_owner() {
    const CAPACITY: usize = 16;
    let deque: Deque<CAPACITY> = Deque::new();
    assert_eq!(deque.pop(), None);
    for word in 1..=CAPACITY {
        assert!(deque.push(word));
    }
    assert!(!deque.push(7));
    assert!(!deque.take(77));
    assert!(deque.take(3));
    assert!(deque.take(CAPACITY));
    assert!(deque.take(1));
    assert_eq!(deque.pop(), Some(CAPACITY - 1));
    assert_eq!(deque.steal(), Some(2));
    assert_eq!(deque.steal(), Some(4));
}

static INFO: ProgramInfo = program_of(&TYPES);

fn on_main(body: impl FnOnce(*mut Fiber) + 'static) {
    let _guard = lock();
    on_fiber(&INFO, body);
}

const NO_NAME: Text = Text { data: null(), len: 0 };

const fn info(code: unsafe extern "C" fn(*mut Task)) -> TaskInfo {
    TaskInfo { code: code as *const u8, name: NO_NAME, payload_bytes: 16, result_offset: 8, flags: 1, reserved: 0 }
}

unsafe fn argument(task: *mut Task) -> *mut i64 {
    record::payload(task.cast()).cast()
}

fn fiber_here() -> *mut Fiber {
    crate::program::running_fiber()
}

unsafe fn spawn(fiber: *mut Fiber, info: &'static TaskInfo, value: i64) -> *mut Task {
    // SAFETY: the running fiber, in a scope.
    unsafe {
        let task = coex_task_new(fiber, info, null());
        *argument(task) = value;
        coex_task_start(fiber, task);
        task
    }
}

unsafe fn join(fiber: *mut Fiber, task: *mut Task) -> i64 {
    // SAFETY: a child of the running fiber's scope.
    unsafe {
        let result = *coex_task_join(fiber, task, null()).add(8).cast::<i64>();
        coex_task_release(fiber, task);
        result
    }
}

unsafe fn in_scope<T>(fiber: *mut Fiber, body: impl FnOnce() -> T) -> T {
    let mut scope = Scope { parent: null_mut(), words: [0; 11] };
    // SAFETY: the scope lives in this frame.
    unsafe {
        coex_scope_enter(fiber, &raw mut scope);
        let result = body();
        coex_scope_leave(fiber, &raw mut scope, null());
        result
    }
}

static FIB: TaskInfo = info(fib);

unsafe extern "C" fn fib(task: *mut Task) {
    // SAFETY: spawned by `spawn`.
    unsafe {
        let fiber = fiber_here();
        let n = *argument(task);
        let result = if n < 2 {
            n
        } else {
            in_scope(fiber, || {
                let (left, right) = (spawn(fiber, &FIB, n - 1), spawn(fiber, &FIB, n - 2));
                join(fiber, left) + join(fiber, right)
            })
        };
        *argument(task).add(1) = result;
    }
}

#[test]
fn children_run_and_are_joined() {
    on_main(|fiber| {
        // SAFETY: the running fiber.
        let result = unsafe { in_scope(fiber, || join(fiber, spawn(fiber, &FIB, 20))) };
        assert_eq!(result, 6765);
    });
}

static NAP: TaskInfo = info(nap);
static NAPPED: AtomicI64 = AtomicI64::new(0);

unsafe extern "C" fn nap(task: *mut Task) {
    // SAFETY: as above.
    unsafe {
        coex_sleep(fiber_here(), *argument(task));
        NAPPED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_scope_waits_for_sleeping_children() {
    on_main(|fiber| {
        NAPPED.store(0, Ordering::Relaxed);
        let start = std::time::Instant::now();
        // SAFETY: the running fiber.
        unsafe {
            in_scope(fiber, || {
                for _ in 0..2_000 {
                    spawn(fiber, &NAP, 20_000_000);
                }
            });
        }
        assert_eq!(NAPPED.load(Ordering::Relaxed), 2_000);
        // One after the other they would take 40 seconds.
        assert!(start.elapsed().as_secs() < 10);
    });
}

static SQUARES: RangeInfo = RangeInfo {
    body: squares as *const u8,
    name: NO_NAME,
    result_size: 8,
    result_has_pointers: 0,
    flags: 0,
    reserved: 0,
};

unsafe extern "C" fn squares(env: *mut u8, runner: *mut RangeRunner) {
    // SAFETY: the protocol of `RangeInfo`.
    unsafe {
        while (*runner).next < (*runner).end {
            let round = (*runner).next;
            (*runner).next = round + 1;
            if round % 1000 == 7 {
                coex_sleep(fiber_here(), 1_000_000);
            }
            *(*runner).results.cast::<i64>().add(round as usize) = round * round + *env.cast::<i64>();
        }
    }
}

#[test]
fn rounds_of_a_parallel_loop_all_run() {
    on_main(|fiber| {
        // SAFETY: the running fiber; the environment is a number.
        unsafe {
            let mut add = 5i64;
            let results = coex_range_run(fiber, &SQUARES, (&raw mut add).cast(), 20_000, null());
            for round in 0..20_000i64 {
                assert_eq!(*results.cast::<i64>().add(round as usize), round * round + 5);
            }
            coex_range_free(fiber, results);
        }
    });
}

/// `cargo test -p coex-runtime --release -- --ignored --nocapture cost_of_tasks`, with `COEX_WORKERS=1` for one worker.
#[test]
#[ignore = "a measurement"]
fn cost_of_tasks() {
    on_main(|fiber| {
        // SAFETY: the running fiber.
        unsafe {
            for _ in 0..3 {
                let start = std::time::Instant::now();
                in_scope(fiber, || join(fiber, spawn(fiber, &FIB, 27)));
                let tasks = 832_040.0;
                println!("spawn and join {:6.1} ns", start.elapsed().as_nanos() as f64 / tasks);
                let start = std::time::Instant::now();
                for _ in 0..100_000 {
                    coex_sleep(fiber, 0);
                }
                println!("yield          {:6.1} ns", start.elapsed().as_nanos() as f64 / 1e5);
                let start = std::time::Instant::now();
                let mut add = 0i64;
                let results = coex_range_run(fiber, &PLAIN, (&raw mut add).cast(), 10_000_000, null());
                coex_range_free(fiber, results);
                println!("round          {:6.1} ns", start.elapsed().as_nanos() as f64 / 1e7);
            }
        }
    });
}

static PLAIN: RangeInfo = RangeInfo {
    body: plain as *const u8,
    name: NO_NAME,
    result_size: 8,
    result_has_pointers: 0,
    flags: 0,
    reserved: 0,
};

unsafe extern "C" fn plain(env: *mut u8, runner: *mut RangeRunner) {
    // SAFETY: as above.
    unsafe {
        while (*runner).next < (*runner).end {
            let round = (*runner).next;
            (*runner).next = round + 1;
            *(*runner).results.cast::<i64>().add(round as usize) = round + *env.cast::<i64>();
        }
    }
}

/// Runs `body` while children come and go.
pub(crate) unsafe fn with_busy_children(fiber: *mut Fiber, count: i64, body: impl FnOnce()) {
    unsafe extern "C" fn child(_task: *mut Task) {
        // SAFETY: the running fiber.
        unsafe { coex_sleep(fiber_here(), 1_000_000) };
    }
    static CHILD: TaskInfo = info(child);
    // SAFETY: the running fiber.
    unsafe {
        in_scope(fiber, || {
            for number in 0..count {
                spawn(fiber, &CHILD, number);
            }
            body();
        });
    }
}
