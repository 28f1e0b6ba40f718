//! Parallel `for`: rounds that are tasks, run in chunks as direct calls (language.md 7.5 rule 6).
//!
//! ```text
//!   job: rounds not taken yet ── chunk ──→ runner on the parent's fiber
//!                             ── chunk ──→ runner on a helper task, one for each other worker
//!   a runner whose fiber parks gives the rest of its chunk back, and starts a helper in its place
//! ```
//!
//! In: a body, the number of rounds. Out: memory with the results. Helpers are ordinary children of a scope, so panics
//! and cancellations travel as with any task.

use crate::sync::Mutex;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI64, Ordering};

use super::record::{self, FullTask};
use super::scope::{self, FullScope, coex_scope_enter, coex_scope_leave};
use crate::abi::{Fiber, RangeInfo, RangeRunner, Site, TaskInfo, Text, task_flags};
use crate::sched::fiber::full;
use crate::sched::{queue, thread, watcher, worker};
use crate::{arch, panic};

/// Results of one loop; the memory for them follows.
#[repr(C, align(16))]
pub(crate) struct Results {
    bytes: usize,
    has_pointers: bool,
    /// Parts of chunks that runners gave back. Here, since a loop that is left early leaves its frame without a word.
    returned: Mutex<Vec<(i64, i64)>>,
}

struct Job {
    info: *const RangeInfo,
    env: *mut u8,
    results: *mut Results,
    next: AtomicI64,
    count: i64,
    site: *const Site,
}

#[repr(C)]
struct FullRunner {
    next: i64,
    end: i64,
    results: *mut u8,
    previous: *mut RangeRunner,
    job: *const Job,
    scope: *mut FullScope,
}

const _: () = assert!(size_of::<FullRunner>() <= size_of::<RangeRunner>());

/// Rounds of one chunk at most.
const MOST_ROUNDS: i64 = 4096;

static HELPERS: [TaskInfo; 2] = [helper_info(0), helper_info(task_flags::RECURSIVE)];

const fn helper_info(flags: u32) -> TaskInfo {
    const NAME: &str = "parallel for";
    TaskInfo {
        code: run_helper as *const u8,
        name: Text { data: NAME.as_ptr(), len: NAME.len() as u64 },
        payload_bytes: 8,
        result_offset: 8,
        flags,
        reserved: 0,
    }
}

impl Job {
    fn has_more(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.count || !self.returned().lock().is_empty()
    }

    fn returned(&self) -> &Mutex<Vec<(i64, i64)>> {
        // SAFETY: the results outlive the loop.
        unsafe { &(*self.results).returned }
    }

    fn take(&self) -> Option<(i64, i64)> {
        let mut next = self.next.load(Ordering::Relaxed);
        while next < self.count {
            let share = (self.count - next) / (4 * worker::started().max(1) as i64);
            let end = next + share.clamp(1, MOST_ROUNDS);
            match self.next.compare_exchange_weak(next, end, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some((next, end)),
                Err(now) => next = now,
            }
        }
        self.returned().lock().pop()
    }
}

/// # Safety
/// `fiber` is the running fiber; `env` is what the body of `info` expects.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_range_run(
    fiber: *mut Fiber,
    info: *const RangeInfo,
    env: *mut u8,
    count: i64,
    site: *const Site,
) -> *mut u8 {
    // SAFETY: the caller's promise; job and scope outlive all helpers, which the end of the scope joins.
    unsafe {
        let this = full(fiber);
        if (*this).task.is_null() && (*fiber).range.is_null() {
            (*this).main_site = site;
        }
        let results = allocate(fiber, &*info, count.max(0) as usize, site);
        let job = Job { info, env, results, next: AtomicI64::new(0), count, site };
        let mut scope = core::mem::MaybeUninit::<FullScope>::uninit();
        coex_scope_enter(fiber, scope.as_mut_ptr().cast());
        let scope = scope.as_mut_ptr();
        (*scope).results = results;
        watcher::ensure_started();
        for _ in 1..(worker::wanted() as i64).min(count) {
            start_helper(fiber, scope, &job);
        }
        work(fiber, scope, &job);
        coex_scope_leave(fiber, scope.cast(), site);
        results.add(1).cast()
    }
}

/// Runs chunks until there are none.
unsafe fn work(fiber: *mut Fiber, scope: *mut FullScope, job: *const Job) {
    // SAFETY: the caller's promise; the runner stays in this frame while it is in the chain.
    unsafe {
        let mut runner =
            FullRunner { next: 0, end: 0, results: (*job).results.add(1).cast(), previous: (*fiber).range, job, scope };
        let address = &raw mut runner;
        (*fiber).range = address.cast();
        while let Some((next, end)) = (*job).take() {
            (*address).next = next;
            (*address).end = end;
            arch::coex_call_task(fiber, (*(*job).info).body, (*job).env, address.cast());
        }
        (*fiber).range = (*address).previous;
    }
}

unsafe fn start_helper(fiber: *mut Fiber, scope: *mut FullScope, job: *const Job) {
    // SAFETY: the scope is one of the running fiber's.
    unsafe {
        let is_recursive = (*(*job).info).flags & task_flags::RECURSIVE != 0;
        let task = record::take(fiber, &HELPERS[usize::from(is_recursive)], (*job).site);
        if task.is_null() {
            panic::raise(fiber, b"out of memory", (*job).site);
        }
        record::payload(task).cast::<*const Job>().write(job);
        scope::add(fiber, scope, task);
        queue::push_task((*thread::of(fiber)).worker.load(Ordering::Relaxed), task);
    }
}

/// The code of a helper.
unsafe extern "C" fn run_helper(task: *mut FullTask) {
    // SAFETY: called by `task::run` on the fiber that it has noted; the job outlives its helpers.
    unsafe {
        let fiber = &raw mut (*(*thread::current()).slots.fiber);
        let job = *record::payload(task).cast::<*const Job>();
        let mut scope = core::mem::MaybeUninit::<FullScope>::uninit();
        coex_scope_enter(fiber, scope.as_mut_ptr().cast());
        work(fiber, scope.as_mut_ptr(), job);
        coex_scope_leave(fiber, scope.as_mut_ptr().cast(), (*job).site);
    }
}

/// The fiber is about to park: others run the rest of its chunks.
///
/// # Safety
/// `fiber` is the running fiber.
#[inline]
pub(crate) unsafe fn give_rest_away(fiber: *mut Fiber) {
    // SAFETY: the caller's promise.
    unsafe {
        if !(*fiber).range.is_null() {
            give_chunks_away(fiber);
        }
    }
}

#[inline(never)]
unsafe fn give_chunks_away(fiber: *mut Fiber) {
    // SAFETY: runners of the chain lie in live frames of this fiber.
    unsafe {
        // The chunks inside what ends are nobody's any more, and a helper would outlive the frames that it works for.
        if (*full(fiber)).is_unwinding {
            return;
        }
        let mut runner = (*fiber).range.cast::<FullRunner>();
        while !runner.is_null() {
            let (next, end) = ((*runner).next, (*runner).end);
            let job = (*runner).job;
            if next < end {
                (*runner).end = next;
                (*job).returned().lock().push((next, end));
            }
            // Somebody must take the chunks that this runner would have taken.
            if (*job).has_more() {
                start_helper(fiber, (*runner).scope, job);
            }
            runner = (*runner).previous.cast();
        }
    }
}

struct Registered(Vec<*mut Results>);

// SAFETY: the memory belongs to no thread.
unsafe impl Send for Registered {}

/// What the collector must look at.
static REGISTERED: Mutex<Registered> = Mutex::new(Registered(Vec::new()));

fn registered() -> crate::sync::MutexGuard<'static, Registered> {
    REGISTERED.lock()
}

unsafe fn allocate(fiber: *mut Fiber, info: &RangeInfo, count: usize, site: *const Site) -> *mut Results {
    // SAFETY: fresh zeroed memory.
    unsafe {
        let bytes =
            count.checked_mul(info.result_size as usize).and_then(|bytes| bytes.checked_add(size_of::<Results>()));
        let results = bytes.map_or(null_mut(), |bytes| libc::calloc(1, bytes)).cast::<Results>();
        if results.is_null() {
            panic::raise(fiber, b"out of memory", site);
        }
        results.write(Results {
            bytes: count * info.result_size as usize,
            has_pointers: info.result_has_pointers != 0,
            returned: Mutex::new(Vec::new()),
        });
        if (*results).has_pointers {
            registered().0.push(results);
        }
        results
    }
}

unsafe fn free(results: *mut Results) {
    // SAFETY: the caller has the memory from `allocate`.
    unsafe {
        if (*results).has_pointers {
            registered().0.retain(|&other| other != results);
        }
        results.drop_in_place();
        libc::free(results.cast());
    }
}

/// Results that nobody will copy: the loop has ended early.
///
/// # Safety
/// The scope is the running activation's, and ends.
pub(crate) unsafe fn free_results(scope: *mut FullScope) {
    // SAFETY: the caller's promise.
    unsafe {
        let results = core::mem::replace(&mut (*scope).results, null_mut());
        if !results.is_null() {
            free(results);
        }
    }
}

/// # Safety
/// `results` is what [`coex_range_run`] returned.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn coex_range_free(_fiber: *mut Fiber, results: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { free(results.cast::<Results>().sub(1)) }
}

/// Memory of results that may hold references. The world is stopped.
pub(crate) fn for_each_result(mut visit: impl FnMut(usize, usize)) {
    for &results in &registered().0 {
        // SAFETY: registered memory is live.
        unsafe {
            let low = results.add(1) as usize;
            visit(low, low + (*results).bytes);
        }
    }
}
