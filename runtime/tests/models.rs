//! Models of the protocols between threads, explored by loom in every order that memory allows.
//!
//! The queue is the source itself, on loom's atomics. The others repeat the steps of `sched::world`, `sched::wait` and of the
//! claim on a foreign call, with a fence where the runtime relies on `membarrier`, which acts as one on every thread.
//! Each model has a twin with one step left out, which must fail: the model can tell.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use loom::thread;

mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    pub(crate) fn full_fence() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}
#[allow(dead_code, reason = "the model needs a part of it")]
#[path = "../src/sched/deque.rs"]
mod deque;

use deque::Deque;

fn explore(body: impl Fn() + Sync + Send + 'static) {
    explore_to(3, body);
}

/// `switches`: how often a thread may have to make room in the middle of its work.
fn explore_to(switches: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches);
    builder.check(body);
}

#[test]
fn a_queue_gives_each_word_once() {
    explore(|| {
        let deque: Arc<Deque<4>> = Arc::new(Deque::new());
        deque.push(1);
        deque.push(2);
        let thief = {
            let deque = Arc::clone(&deque);
            thread::spawn(move || deque.steal())
        };
        let mut taken: Vec<usize> = deque.pop().into_iter().collect();
        deque.push(3);
        taken.extend(deque.pop());
        taken.extend(thief.join().unwrap());
        while let Some(word) = deque.pop() {
            taken.push(word);
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3]);
    });
}

#[test]
fn a_word_is_taken_from_the_middle_once() {
    explore(|| {
        let deque: Arc<Deque<4>> = Arc::new(Deque::new());
        deque.push(1);
        deque.push(2);
        deque.push(3);
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let deque = Arc::clone(&deque);
                thread::spawn(move || deque.steal())
            })
            .collect();
        let mut taken = Vec::new();
        if deque.take(2) {
            taken.push(2);
        }
        while let Some(word) = deque.pop() {
            taken.push(word);
        }
        for thief in thieves {
            taken.extend(thief.join().unwrap());
        }
        while let Some(word) = deque.pop() {
            taken.push(word);
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3]);
    });
}

// ------------------------------------------------------------------------------------------ stopping the world

const MANAGED: u32 = 0;
const FOREIGN: u32 = 1;
const PARKED: u32 = 2;

struct World {
    state: AtomicU32,
    poll: AtomicU32,
    heap: UnsafeCell<u32>,
}

/// A thread comes back from C while another one collects. `fenced`: whether the collector's barrier reaches it.
fn handshake(fenced: bool) {
    let world = Arc::new(World { state: AtomicU32::new(FOREIGN), poll: AtomicU32::new(0), heap: UnsafeCell::new(0) });
    let mutator = {
        let world = Arc::clone(&world);
        thread::spawn(move || {
            loop {
                world.state.store(MANAGED, Ordering::Release);
                if fenced {
                    fence(Ordering::SeqCst);
                }
                if world.poll.load(Ordering::Acquire) == 0 {
                    break;
                }
                world.state.store(PARKED, Ordering::Release);
                while world.poll.load(Ordering::Acquire) != 0 {
                    thread::yield_now();
                }
            }
            // Coex code.
            // SAFETY: that nobody else is here is what the model shows.
            world.heap.with_mut(|heap| unsafe { *heap += 1 });
            world.state.store(PARKED, Ordering::Release);
        })
    };
    world.poll.store(1, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    while world.state.load(Ordering::SeqCst) == MANAGED {
        thread::yield_now();
    }
    // SAFETY: as above.
    world.heap.with_mut(|heap| unsafe { *heap += 1 });
    world.poll.store(0, Ordering::SeqCst);
    mutator.join().unwrap();
}

#[test]
fn nobody_touches_the_heap_of_a_stopped_world() {
    explore(|| handshake(true));
}

#[test]
#[should_panic(expected = "")]
fn without_the_barrier_somebody_does() {
    explore(|| handshake(false));
}

// ------------------------------------------------------------------------------------------ waits

const OPEN: u64 = 4;
const RUNNING: u32 = 0;
const OFF_THREAD: u32 = 1;
const NOTIFIED: u32 = 2;

struct Wait {
    word: AtomicU64,
    park: AtomicU32,
    /// How often the fiber was put into a queue.
    queued: AtomicUsize,
}

fn wake(wait: &Wait, reason: u64) -> bool {
    if wait.word.compare_exchange(OPEN, OPEN | reason, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return false;
    }
    if wait.park.swap(NOTIFIED, Ordering::AcqRel) == OFF_THREAD {
        wait.park.store(RUNNING, Ordering::Release);
        wait.queued.fetch_add(1, Ordering::SeqCst);
    }
    true
}

#[test]
fn a_wait_ends_once() {
    explore(|| {
        let wait =
            Arc::new(Wait { word: AtomicU64::new(OPEN), park: AtomicU32::new(RUNNING), queued: AtomicUsize::new(0) });
        let wakers: Vec<_> = [1, 2]
            .into_iter()
            .map(|reason| {
                let wait = Arc::clone(&wait);
                thread::spawn(move || wake(&wait, reason))
            })
            .collect();
        // The thread that the fiber has left.
        if wait.park.compare_exchange(RUNNING, OFF_THREAD, Ordering::AcqRel, Ordering::Acquire).is_err() {
            wait.park.store(RUNNING, Ordering::Relaxed);
            wait.queued.fetch_add(1, Ordering::SeqCst);
        }
        let winners = wakers.into_iter().map(|waker| waker.join().unwrap()).filter(|won| *won).count();
        assert_eq!(winners, 1);
        assert_eq!(wait.queued.load(Ordering::SeqCst), 1);
        assert_eq!(wait.park.load(Ordering::SeqCst), RUNNING);
    });
}

/// A fiber begins a wait while somebody cancels its task. `fenced`: whether the canceller's barrier reaches the fiber's thread.
fn cancellation(fenced: bool) {
    let poll = Arc::new(AtomicU32::new(0));
    let wait = Arc::new(Wait { word: AtomicU64::new(0), park: AtomicU32::new(RUNNING), queued: AtomicUsize::new(0) });
    let canceller = {
        let (poll, wait) = (Arc::clone(&poll), Arc::clone(&wait));
        thread::spawn(move || {
            poll.store(1, Ordering::SeqCst);
            if fenced {
                fence(Ordering::SeqCst);
            }
            if wait.word.load(Ordering::Acquire) == OPEN {
                wake(&wait, 3);
            }
        })
    };
    wait.word.store(OPEN, Ordering::Release);
    if fenced {
        fence(Ordering::SeqCst);
    }
    let ends_it = |wait: &Wait| wait.word.compare_exchange(OPEN, OPEN | 3, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    let is_parked = poll.load(Ordering::SeqCst) == 0 || !ends_it(&wait);
    if is_parked && wait.park.compare_exchange(RUNNING, OFF_THREAD, Ordering::AcqRel, Ordering::Acquire).is_err() {
        wait.park.store(RUNNING, Ordering::Relaxed);
        wait.queued.fetch_add(1, Ordering::SeqCst);
    }
    canceller.join().unwrap();
    assert_eq!(wait.queued.load(Ordering::SeqCst), usize::from(is_parked));
}

#[test]
fn who_is_cancelled_does_not_wait() {
    explore(|| cancellation(true));
}

#[test]
#[should_panic(expected = "")]
fn without_the_barrier_who_is_cancelled_waits() {
    explore(|| cancellation(false));
}

// ------------------------------------------------------------------------------------------ claims on foreign calls

const KIND: u64 = 3;
const ABANDONED: u64 = 2;
const STEP: u64 = 4;

struct Call {
    state: AtomicU32,
    poll: AtomicU32,
    claim: AtomicU64,
    /// The fiber's next step, taken by one of the two.
    fiber: UnsafeCell<u32>,
}

/// A call returns while the watcher abandons it; then a second call begins. `counted`: whether settled calls are counted.
fn race(counted: bool) {
    let call = Arc::new(Call {
        state: AtomicU32::new(FOREIGN),
        poll: AtomicU32::new(0),
        claim: AtomicU64::new(0),
        fiber: UnsafeCell::new(0),
    });
    let watcher = {
        let call = Arc::clone(&call);
        thread::spawn(move || {
            call.poll.store(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            let seen = call.claim.load(Ordering::Acquire);
            if call.state.load(Ordering::SeqCst) != FOREIGN || seen / STEP != 0 {
                return false;
            }
            let won = call.claim.compare_exchange(seen, seen | ABANDONED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            if won {
                // The fiber goes on elsewhere.
                // SAFETY: that nobody else has it is what the model shows.
                call.fiber.with_mut(|fiber| unsafe { *fiber += 1 });
            }
            won
        })
    };
    let mut mine = true;
    for _ in 0..2 {
        call.state.store(MANAGED, Ordering::Release);
        fence(Ordering::SeqCst);
        if call.poll.load(Ordering::Relaxed) != 0 {
            let seen = call.claim.load(Ordering::Acquire);
            let next = if counted { seen + STEP } else { seen };
            mine = seen & KIND == 0
                && call.claim.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
            if !mine {
                break;
            }
        }
        // SAFETY: as above.
        call.fiber.with_mut(|fiber| unsafe { *fiber += 1 });
        call.state.store(FOREIGN, Ordering::Release);
    }
    let abandoned = watcher.join().unwrap();
    // Still in the second call: abandoned without having noticed, which its return would.
    assert!(!(abandoned && mine) || call.claim.load(Ordering::SeqCst) & KIND == ABANDONED);
}

#[test]
fn a_foreign_call_returns_or_is_abandoned() {
    explore(|| race(true));
}

#[test]
#[should_panic(expected = "")]
fn without_the_count_a_later_call_is_taken_for_the_first() {
    explore(|| {
        race(false);
    });
}

// ------------------------------------------------------------------------------------------ handing a fiber over

const NONE: u64 = 0;
const RETAKEN: u64 = 1;
const HELD: u64 = 3;

/// A thread in a long call, which may lose its worker and then its fiber.
struct LongCall {
    state: AtomicU32,
    poll: AtomicU32,
    claim: AtomicU64,
    has_worker: AtomicU32,
    fiber: UnsafeCell<u32>,
}

impl LongCall {
    fn go_on(&self) {
        // SAFETY: that nobody else has the fiber is what the model shows.
        self.fiber.with_mut(|fiber| unsafe { *fiber += 1 });
    }

    /// `ffi::claim::hold`
    fn hold(&self) -> Option<u64> {
        let seen = self.claim.load(Ordering::Acquire);
        if seen & KIND == ABANDONED {
            return None;
        }
        self.poll.fetch_or(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::SeqCst) != FOREIGN {
            return None;
        }
        let held = seen | HELD;
        self.claim.compare_exchange(seen, held, Ordering::AcqRel, Ordering::Relaxed).ok().map(|_| seen & KIND)
    }

    /// `ffi::claim::release`
    fn release(&self, kind: u64) {
        let held = self.claim.load(Ordering::Relaxed);
        self.claim.store(held & !KIND | kind, Ordering::Release);
    }

    /// `sched::watcher::settle_call`: others wait for the worker, or nobody waits for the call any more.
    fn settle(&self, is_over: bool) {
        let Some(kind) = self.hold() else { return };
        if !is_over && kind != NONE {
            return self.release(kind);
        }
        if kind == NONE {
            assert_eq!(self.has_worker.swap(0, Ordering::AcqRel), 1, "the worker of a call that is no call");
        }
        if is_over {
            self.go_on();
        }
        self.release(if is_over { ABANDONED } else { RETAKEN });
    }

    /// `ffi::claim::finish`
    fn finish(&self) -> u64 {
        let mut seen = self.claim.load(Ordering::Acquire);
        loop {
            match seen & KIND {
                ABANDONED => return ABANDONED,
                HELD => {
                    thread::yield_now();
                    seen = self.claim.load(Ordering::Acquire);
                }
                kind => {
                    let next = (seen & !KIND) + STEP;
                    match self.claim.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => return kind,
                        Err(now) => seen = now,
                    }
                }
            }
        }
    }
}

/// A call returns while the watcher takes first its worker, then its fiber. `between`: the state of a thread that hands
/// its fiber over.
fn hand_over(between: u32) {
    let call = Arc::new(LongCall {
        state: AtomicU32::new(FOREIGN),
        poll: AtomicU32::new(0),
        claim: AtomicU64::new(NONE),
        has_worker: AtomicU32::new(1),
        fiber: UnsafeCell::new(0),
    });
    let watcher = {
        let call = Arc::clone(&call);
        thread::spawn(move || {
            call.settle(false);
            call.settle(true);
        })
    };
    call.state.store(MANAGED, Ordering::Release);
    fence(Ordering::SeqCst);
    let kind = if call.poll.load(Ordering::SeqCst) == 0 { NONE } else { call.finish() };
    match kind {
        NONE => {
            assert_eq!(call.has_worker.load(Ordering::Acquire), 1);
            call.go_on();
        }
        RETAKEN => {
            call.state.store(between, Ordering::Release);
            call.go_on();
        }
        _ => {}
    }
    watcher.join().unwrap();
    // SAFETY: both threads are through.
    call.fiber.with(|fiber| assert_eq!(unsafe { *fiber }, 1));
}

#[test]
fn a_fiber_that_is_handed_over_is_not_abandoned() {
    explore_to(4, || hand_over(PARKED));
}

#[test]
#[should_panic(expected = "")]
fn a_call_that_seems_to_run_while_it_hands_over_is() {
    explore_to(4, || hand_over(FOREIGN));
}
