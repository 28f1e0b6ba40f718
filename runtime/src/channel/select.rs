//! `select`: the first of several channels that has something.
//!
//! In: cases, a strategy, a time. Out: the number of the chosen case, what was received in its buffer. All channels are
//! locked together, in the order of their addresses, so that "ready" speaks of one moment; while waiting, one node stands in the
//! queue of each, all with one ticket, which decides. Deliberately not here: optionals, how calls of C run (`foreign`).

use super::foreign::{self, Scope};
use super::lock::{lock, unlock};
use super::state::{self, Taken};
use super::waiters::{self, Outcome, Waiter};
use super::{Ended, Purpose, Waiting};
use crate::abi::{ChannelObject, Fiber, SelectCase, Site, TaskInfo, TypeDesc, select_kind, select_strategy};
use crate::task::record::FullTask;
use crate::value::SlotBuffer;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU64, Ordering};

/// `abi::SelectCase` with what its words are for. In the frame: received values are seen by the collector there.
#[repr(C)]
pub(super) struct Case {
    pub(super) kind: u32,
    pub(super) library: u32,
    source: *mut u8,
    pub(super) out: *mut u8,
    about: *const u8,
    pub(super) buffer: SlotBuffer,
    waiter: Waiter,
    /// The call of a foreign case, once it has begun.
    pub(super) task: *mut FullTask,
    /// The case with this number comes n-th when channels are locked, n being this one's number.
    locked: u32,
    /// Found not ready by a random search.
    tried: u32,
}

const _: () = assert!(size_of::<Case>() == size_of::<SelectCase>());

/// What the statement says beside its cases.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub(super) strategy: i64,
    /// Where the search begins.
    pub(super) start: usize,
    /// Whether to wait at all, and until when (0: for ever).
    pub(super) waits: bool,
    pub(super) until: u64,
    pub(super) site: *const Site,
    /// Of the calls of foreign cases; null when there are none.
    pub(super) scope: *mut Scope,
}

/// What is chosen, and whether there is a value in its buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Chosen {
    pub(super) index: usize,
    pub(super) has_value: bool,
}

impl Case {
    /// Null unless the case receives.
    fn channel(&self) -> *mut ChannelObject {
        if self.kind == select_kind::RECEIVE { self.source.cast() } else { null_mut() }
    }

    /// What a case that receives yields.
    pub(super) fn desc(&self) -> *const TypeDesc {
        self.about.cast()
    }

    /// What a foreign case runs, and where it stands.
    pub(super) fn info(&self) -> *const TaskInfo {
        self.source.cast()
    }

    pub(super) fn site(&self) -> *const Site {
        self.about.cast()
    }

    #[cfg(test)]
    pub(super) fn new(channel: *mut ChannelObject) -> Case {
        Case {
            kind: select_kind::RECEIVE,
            library: select_kind::NO_LIBRARY,
            source: channel.cast(),
            out: null_mut(),
            about: core::ptr::null(),
            buffer: [0; crate::abi::SLOT_WORDS],
            waiter: Waiter::new(null_mut(), null_mut()),
            task: null_mut(),
            locked: 0,
            tried: 0,
        }
    }
}

/// Sorts the cases by the addresses of their channels; those without come first.
fn sort(cases: &mut [Case]) {
    for index in 0..cases.len() {
        let channel = cases[index].channel();
        let mut place = index;
        while place > 0 && cases[cases[place - 1].locked as usize].channel() > channel {
            cases[place].locked = cases[place - 1].locked;
            place -= 1;
        }
        cases[place].locked = index as u32;
    }
}

/// Calls `visit` for each channel once, by address.
fn each_channel(cases: &[Case], visit: impl Fn(*mut ChannelObject)) {
    let mut last = null_mut();
    for place in cases {
        let channel = cases[place.locked as usize].channel();
        if channel != last {
            visit(channel);
            last = channel;
        }
    }
}

unsafe fn lock_all<W: Waiting>(cases: &[Case]) {
    each_channel(cases, |channel| lock::<W>(&(*channel).lock));
}

unsafe fn unlock_all(cases: &[Case]) {
    each_channel(cases, |channel| unlock(&(*channel).lock));
}

unsafe fn try_case<W: Waiting>(fiber: *mut Fiber, cases: &mut [Case], index: usize) -> Option<Chosen> {
    let case = &mut cases[index];
    if case.channel().is_null() {
        return foreign::has_returned(case).then_some(Chosen { index, has_value: false });
    }
    match state::take::<W>(fiber, case.channel(), case.buffer.as_mut_ptr().cast()) {
        Taken::Empty => None,
        taken => Some(Chosen { index, has_value: taken == Taken::Value }),
    }
}

/// A ready case. All channels are locked.
unsafe fn search<W: Waiting>(fiber: *mut Fiber, cases: &mut [Case], wish: &Wish) -> Option<Chosen> {
    let count = cases.len();
    if wish.strategy != select_strategy::RANDOM {
        return (0..count).find_map(|round| try_case::<W>(fiber, cases, (wish.start + round) % count));
    }
    // Uniform among those that are ready: one that is not takes no part in the next draw.
    cases.iter_mut().for_each(|case| case.tried = 0);
    for left in (1..=count).rev() {
        let mut open = cases.iter().enumerate().filter(|(_, case)| case.tried == 0);
        let (index, _) = open.nth(random(left))?;
        let chosen = try_case::<W>(fiber, cases, index);
        if chosen.is_some() {
            return chosen;
        }
        cases[index].tried = 1;
    }
    None
}

unsafe fn enqueue(fiber: *mut Fiber, cases: &mut [Case], ticket: u64, looks: bool) {
    for case in cases.iter_mut().filter(|case| !case.channel().is_null()) {
        case.waiter = Waiter::new(fiber, case.buffer.as_mut_ptr().cast());
        case.waiter.ticket = ticket;
        case.waiter.looks = looks;
        waiters::push(&mut (*case.channel()).receivers, &raw mut case.waiter);
    }
}

/// Leaves all queues; what a waker has done. All channels are locked.
unsafe fn dequeue(cases: &mut [Case]) -> Option<Chosen> {
    let mut chosen = None;
    for (index, case) in cases.iter_mut().enumerate().filter(|(_, case)| !case.channel().is_null()) {
        waiters::remove(&mut (*case.channel()).receivers, &raw mut case.waiter);
        if matches!(case.waiter.outcome, Outcome::Moved | Outcome::Closed) {
            chosen = Some(Chosen { index, has_value: case.waiter.outcome == Outcome::Moved });
        }
    }
    chosen
}

/// The chosen case, or none when the time is up.
pub(super) unsafe fn select<W: Waiting>(fiber: *mut Fiber, cases: &mut [Case], wish: &Wish) -> Option<Chosen> {
    sort(cases);
    let mut must_begin = wish.waits && !wish.scope.is_null();
    // Of what becomes ready while it waits, this strategy chooses the earliest in the text: by another search.
    let looks = wish.strategy == select_strategy::PRIORITY;
    loop {
        lock_all::<W>(cases);
        let found = search::<W>(fiber, cases, wish);
        if looks && found.is_some() {
            each_channel(cases, |channel| state::pass_on::<W>(channel));
        }
        if found.is_some() || !wish.waits {
            unlock_all(cases);
            return found;
        }
        if core::mem::take(&mut must_begin) {
            unlock_all(cases);
            if let Some(index) = foreign::begin(fiber, cases, wish) {
                return Some(Chosen { index, has_value: false });
            }
            continue;
        }
        let ticket = W::begin(fiber);
        if !wish.scope.is_null() && !foreign::enqueue(fiber, cases, ticket) {
            unlock_all(cases);
            foreign::raise_failure(fiber, cases);
            continue;
        }
        enqueue(fiber, cases, ticket, looks);
        unlock_all(cases);
        let ended = W::park(fiber, ticket, wish.until, Purpose::Select, wish.site);
        lock_all::<W>(cases);
        let chosen = dequeue(cases);
        unlock_all(cases);
        match ended {
            Ended::Cancelled => W::cancelled(fiber, wish.site),
            Ended::Woken if chosen.is_none() => {
                // By a call that has returned, perhaps not alone.
                let first = cases.iter().position(foreign::has_returned);
                if wish.strategy == select_strategy::ORDER && first.is_some() {
                    return first.map(|index| Chosen { index, has_value: false });
                }
            }
            _ => return chosen,
        }
    }
}

/// Below `bound`, which is not 0.
fn random(bound: usize) -> usize {
    static STATE: AtomicU64 = AtomicU64::new(0);
    let mut state = STATE.load(Ordering::Relaxed);
    if state == 0 {
        // Somewhere else in each run.
        state = crate::posix::system::coex_posix_random_seed() as u64 | 1;
    }
    // splitmix64. Updates that threads lose do no harm.
    state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    STATE.store(state, Ordering::Relaxed);
    let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    ((u128::from(mixed) * bound as u128) >> 64) as usize
}
