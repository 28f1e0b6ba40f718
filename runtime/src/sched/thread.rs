//! OS threads that run Coex code.
//!
//! In: workers without a thread. Out: threads with slots, system stack and signal stack, reused for ever. A thread gives its
//! worker away when its foreign call takes long or was abandoned, and waits here for another one afterwards.
//! Deliberately not here: the loop (`run`).

use crate::sync::Mutex;
use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::fiber::FullFiber;
use super::worker::Worker;
use crate::abi::{Fiber, ThreadSlots, state};
use crate::{arch, signals};

/// Bits of `ThreadSlots::poll`.
pub(crate) mod poll {
    /// A collection stops the world.
    pub(crate) const WORLD: u32 = 1;
    /// Somebody may have claimed the running foreign call.
    pub(crate) const CLAIM: u32 = 2;
    /// The running call has left something behind: a failure, scratch memory.
    pub(crate) const FOREIGN: u32 = 4;
    /// There is no `membarrier`: every return from C looks here, behind a barrier of its own.
    pub(crate) const BARRIER: u32 = 8;
}

/// What a thread does for a fiber right after leaving it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    Nothing,
    /// Until it is woken.
    Park,
    /// Others first.
    Yield,
    /// The fiber has ended.
    Recycle,
    /// Main has ended.
    Exit,
}

#[repr(C)]
pub(crate) struct Thread {
    pub(crate) slots: ThreadSlots,
    /// Null while somebody else has it.
    pub(crate) worker: AtomicPtr<Worker>,
    pub(crate) after: After,
    pub(crate) left: *mut FullFiber,
    /// The place on the system stack where the scheduler goes on.
    pub(crate) sys: *mut u8,
    /// Changes when the thread shall look again.
    pub(crate) futex: AtomicU32,
    /// The worker's switches when the watcher looked last, and when that was.
    pub(crate) seen_switches: u64,
    pub(crate) seen_since: u64,
    /// When the watcher first saw the current foreign call, and its claim word.
    pub(crate) foreign_since: u64,
    pub(crate) foreign_claim: u64,
    /// For signals to this thread.
    pub(crate) handle: AtomicU64,
    /// The system's number of the thread.
    number: AtomicI32,
    /// [`step_back`]
    has_stepped_back: AtomicBool,
    /// List of threads without a worker.
    next: *mut Thread,
}

/// A fiber whose foreign call was abandoned shall go on soon, although the C code still runs.
const SLICE_NS: u64 = 300_000;
/// Of a thread whose foreign call nobody waits for.
const SLICE_BEHIND_OTHERS_NS: u64 = 20_000_000;
const MOST_THREADS: usize = 16 << 10;
/// The C code of libraries runs on it.
const SYSTEM_STACK_BYTES: usize = 8 << 20;

static THREADS: [AtomicPtr<Thread>; MOST_THREADS] = [const { AtomicPtr::new(null_mut()) }; MOST_THREADS];
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Spares {
    first: *mut Thread,
    count: usize,
    /// Records whose threads have ended.
    unused: *mut Thread,
}

/// More waiting threads than this end: there were many long calls at once.
const SPARES_KEPT: usize = 8;

// SAFETY: threads live for ever.
unsafe impl Send for Spares {}

static SPARES: Mutex<Spares> = Mutex::new(Spares { first: null_mut(), count: 0, unused: null_mut() });

fn spares() -> crate::sync::MutexGuard<'static, Spares> {
    SPARES.lock()
}

thread_local! {
    static CURRENT: Cell<*mut Thread> = const { Cell::new(null_mut()) };
}

/// The record of this thread; null on threads that the scheduler did not start. Never cached across a switch.
#[inline(never)]
pub(crate) fn current() -> *mut Thread {
    CURRENT.with(Cell::get)
}

/// The records of all threads, those that have ended included.
pub(crate) fn all() -> impl Iterator<Item = *mut Thread> {
    let count = COUNT.load(Ordering::Acquire);
    THREADS[..count].iter().map(|slot| slot.load(Ordering::Acquire)).filter(|thread| !thread.is_null())
}

pub(crate) fn count() -> usize {
    COUNT.load(Ordering::Acquire)
}

/// The fiber that runs on a thread, as others see it; null for none.
///
/// # Safety
/// Slots of a thread, which live for ever.
#[inline]
pub(crate) unsafe fn fiber_on(slots: *mut ThreadSlots) -> *mut Fiber {
    // SAFETY: others write the word atomically.
    unsafe { AtomicPtr::from_ptr(&raw mut (*slots).fiber).load(Ordering::Acquire) }
}

/// # Safety
/// The calling thread's slots, or those of one whose call is held.
#[inline]
pub(crate) unsafe fn set_fiber(slots: *mut ThreadSlots, fiber: *mut Fiber) {
    // SAFETY: others read the word atomically.
    unsafe { AtomicPtr::from_ptr(&raw mut (*slots).fiber).store(fiber, Ordering::Release) }
}

/// The thread of a running fiber.
#[inline]
pub(crate) unsafe fn of(fiber: *mut Fiber) -> *mut Thread {
    // SAFETY: the caller names the running fiber; the slots begin the record.
    unsafe { (*fiber).thread.cast() }
}

/// Makes a record for the calling thread, or takes that of one that has ended.
pub(crate) fn adopt() -> Option<*mut Thread> {
    let unused = {
        let mut spares = spares();
        let unused = spares.unused;
        if !unused.is_null() {
            // SAFETY: records live for ever.
            spares.unused = unsafe { (*unused).next };
        }
        unused
    };
    if !unused.is_null() {
        // SAFETY: nobody else uses the record; these are this thread's own words.
        unsafe {
            (*unused).slots.base = arch::coex_tls_base_address();
            (*unused).slots.errno = libc::__errno_location();
            (*unused).handle.store(libc::pthread_self() as u64, Ordering::Release);
            (*unused).number.store(libc::gettid(), Ordering::Release);
            (*unused).has_stepped_back.store(false, Ordering::Relaxed);
        }
        CURRENT.with(|current| current.set(unused));
        return Some(unused);
    }
    let poll = if super::barrier::is_missing() { poll::BARRIER } else { 0 };
    let thread = Box::into_raw(Box::new(Thread {
        slots: ThreadSlots {
            // SAFETY: this thread's own words.
            base: unsafe { arch::coex_tls_base_address() },
            // SAFETY: as above.
            errno: unsafe { libc::__errno_location() },
            fiber: null_mut(),
            shim_depth: 0,
            state: AtomicU32::new(state::PARKED),
            poll: AtomicU32::new(poll),
            reserved: 0,
            claim: AtomicU64::new(0),
        },
        worker: AtomicPtr::new(null_mut()),
        after: After::Nothing,
        left: null_mut(),
        sys: null_mut(),
        futex: AtomicU32::new(0),
        seen_switches: 0,
        seen_since: 0,
        foreign_since: 0,
        foreign_claim: 0,
        // SAFETY: the calling thread.
        handle: AtomicU64::new(unsafe { libc::pthread_self() } as u64),
        // SAFETY: as above.
        number: AtomicI32::new(unsafe { libc::gettid() }),
        has_stepped_back: AtomicBool::new(false),
        next: null_mut(),
    }));
    let index = COUNT.fetch_add(1, Ordering::SeqCst);
    if index >= MOST_THREADS {
        COUNT.fetch_sub(1, Ordering::SeqCst);
        return None;
    }
    THREADS[index].store(thread, Ordering::Release);
    CURRENT.with(|current| current.set(thread));
    Some(thread)
}

/// Gives a worker to a spare thread, or to a new one. False: the system has no thread.
pub(crate) fn give(worker: *mut Worker) -> bool {
    let spare = {
        let mut spares = spares();
        let spare = spares.first;
        if !spare.is_null() {
            // SAFETY: records live for ever.
            spares.first = unsafe { (*spare).next };
            spares.count -= 1;
        }
        spare
    };
    if spare.is_null() {
        return start(worker);
    }
    // SAFETY: as above.
    unsafe {
        (*worker).thread.store(spare, Ordering::Release);
        (*spare).worker.store(worker, Ordering::Release);
        wake(spare);
    }
    true
}

fn start(worker: *mut Worker) -> bool {
    let worker = worker as usize;
    let body = move || {
        let Some(thread) = adopt() else { return };
        let worker = worker as *mut Worker;
        signals::install_thread();
        ask_for_slices(SLICE_NS);
        // SAFETY: the worker has no other thread.
        unsafe {
            (*worker).thread.store(thread, Ordering::Release);
            (*thread).worker.store(worker, Ordering::Release);
            super::run::run(thread);
        }
    };
    std::thread::Builder::new().stack_size(SYSTEM_STACK_BYTES).spawn(body).is_ok()
}

/// Until somebody gives this thread a worker. False: there are enough threads that wait, and this one shall end.
///
/// # Safety
/// `thread` is the calling one, has no worker and is in no list.
pub(crate) unsafe fn wait_for_worker(thread: *mut Thread) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if (*thread).has_stepped_back.swap(false, Ordering::Relaxed) {
            ask_for_slices(SLICE_NS);
        }
        {
            let mut spares = spares();
            if spares.count >= SPARES_KEPT && thread != THREADS[0].load(Ordering::Relaxed) {
                signals::remove_thread();
                CURRENT.with(|current| current.set(null_mut()));
                (*thread).next = spares.unused;
                spares.unused = thread;
                return false;
            }
            (*thread).next = spares.first;
            spares.first = thread;
            spares.count += 1;
        }
        loop {
            let word = (*thread).futex.load(Ordering::Acquire);
            if !(*thread).worker.load(Ordering::Acquire).is_null() {
                return true;
            }
            futex_wait(&(*thread).futex, word, None);
        }
    }
}

/// Makes a sleeping thread look again.
///
/// # Safety
/// A record of a thread.
pub(crate) unsafe fn wake(thread: *mut Thread) {
    // SAFETY: threads live for ever.
    unsafe {
        (*thread).futex.fetch_add(1, Ordering::Release);
        futex_wake(&(*thread).futex, 1);
    }
}

/// How long this thread runs at a time while others want its processor: the shorter, the sooner it comes after a wait. A kernel
/// that cannot do that refuses.
pub(crate) fn ask_for_slices(slice_ns: u64) {
    set_slices(0, slice_ns);
}

/// A thread goes on in C, and others shall run at once: with longer slices than theirs it makes room for them when they wake,
/// not at the next tick of the system's clock.
///
/// # Safety
/// A record of a thread, whose call is held.
pub(crate) unsafe fn step_back(thread: *mut Thread) {
    // SAFETY: the caller's promise.
    unsafe {
        (*thread).has_stepped_back.store(true, Ordering::Relaxed);
        set_slices((*thread).number.load(Ordering::Acquire), SLICE_BEHIND_OTHERS_NS);
    }
}

/// 0 is the calling thread.
fn set_slices(number: i32, slice_ns: u64) {
    /// `struct sched_attr`
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        slice_ns: u64,
        deadline_ns: u64,
        period_ns: u64,
    }
    let size = size_of::<Attributes>() as u32;
    let nothing = 0;
    let attributes = Attributes {
        size,
        policy: 0,
        flags: 0,
        nice: 0,
        priority: 0,
        slice_ns,
        deadline_ns: nothing,
        period_ns: nothing,
    };
    // SAFETY: a system call with a structure of the size it names.
    unsafe { libc::syscall(libc::SYS_sched_setattr, number, &raw const attributes, 0) };
}

/// Sleeps while the word has this value, at most `ns`.
pub(crate) fn futex_wait(word: &AtomicU32, value: u32, ns: Option<u64>) {
    let time =
        ns.map(|ns| libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 });
    let time = time.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the word outlives the call; the time is ours.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, value, time);
    }
}

pub(crate) fn futex_wake(word: &AtomicU32, count: i32) {
    // SAFETY: the word outlives the call.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, count);
    }
}
