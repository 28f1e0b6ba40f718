//! The steps of a channel, one after the other: who gets what.
//!
//! No fiber waits here: a wait is a number, and waking notes who was woken.

use super::select::{Case, Wish, select};
use super::state::{self, Offered, Taken};
use super::waiters::{self, Outcome, Waiter};
use super::{Ended, Purpose, Waiting, exchange};
use crate::abi::{ChannelObject, Fiber, Site, select_strategy};
use crate::value::fixture::{Desc, collection, int, slot};
use core::cell::RefCell;
use core::ptr::{from_mut, null, null_mut};
use core::sync::atomic::{AtomicU32, AtomicU64};
use std::collections::BTreeSet;

thread_local! {
    /// Tickets of the waits that somebody ended.
    static WOKEN: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
}

/// Tickets are given by the tests; who must wait has made a mistake.
struct Notes;

impl Waiting for Notes {
    unsafe fn begin(_: *mut Fiber) -> u64 {
        unreachable!("nobody waits in these tests")
    }

    unsafe fn park(_: *mut Fiber, _: u64, _: u64, _: Purpose, _: *const Site) -> Ended {
        unreachable!("nobody waits in these tests")
    }

    unsafe fn wake(_: *mut Fiber, ticket: u64) -> bool {
        WOKEN.with_borrow_mut(|woken| woken.insert(ticket))
    }

    unsafe fn cancelled(_: *mut Fiber, _: *const Site) {}

    fn is_alone() -> bool {
        false
    }

    fn relax(_: u32) {
        unreachable!("nobody else holds a lock")
    }
}

pub(super) fn channel(capacity: u64, element: Desc) -> Box<ChannelObject> {
    Box::new(ChannelObject {
        header: 0,
        lock: AtomicU32::new(0),
        closed: AtomicU32::new(0),
        capacity,
        len: AtomicU64::new(0),
        first: 0,
        ring: null_mut(),
        element,
        receivers: [null_mut(); 2],
        senders: [null_mut(); 2],
    })
}

struct Fixture {
    channel: Box<ChannelObject>,
}

impl Fixture {
    fn new(capacity: u64) -> Fixture {
        WOKEN.with_borrow_mut(BTreeSet::clear);
        Fixture { channel: channel(capacity, int()) }
    }

    fn at(&mut self) -> *mut ChannelObject {
        from_mut(&mut *self.channel)
    }

    fn offer(&mut self, value: i64) -> Offered {
        // SAFETY: nobody else uses the channel.
        unsafe { state::offer::<Notes>(null_mut(), self.at(), slot(&value), false) }
    }

    fn try_send(&mut self, value: i64) -> bool {
        // SAFETY: as above.
        unsafe { exchange::try_send::<Notes>(null_mut(), self.at(), slot(&value)) }
    }

    fn take(&mut self) -> Option<i64> {
        let mut out = 0i64;
        // SAFETY: as above.
        let taken = unsafe { exchange::try_receive::<Notes>(null_mut(), self.at(), from_mut(&mut out).cast()) };
        (taken == Taken::Value).then_some(out)
    }

    fn close(&mut self) -> bool {
        // SAFETY: as above.
        unsafe { exchange::close::<Notes>(self.at()) }
    }

    fn wait(&mut self, is_sender: bool, ticket: u64, value: &mut i64) -> Box<Waiter> {
        let mut waiter = Box::new(Waiter::new(null_mut(), from_mut(value).cast()));
        waiter.ticket = ticket;
        let ends = if is_sender { &mut self.channel.senders } else { &mut self.channel.receivers };
        // SAFETY: the waiter lives as long as the test's channel.
        unsafe { waiters::push(ends, from_mut(&mut *waiter)) };
        waiter
    }
}

#[test]
fn unbuffered_values_need_a_receiver() {
    let mut fixture = Fixture::new(0);
    assert_eq!(fixture.offer(1), Offered::Full);
    assert_eq!(fixture.take(), None);
    let (mut first, mut second) = (0, 0);
    let one = fixture.wait(false, 1, &mut first);
    let other = fixture.wait(false, 2, &mut second);
    assert_eq!((fixture.offer(7), fixture.offer(8), fixture.offer(9)), (Offered::Sent, Offered::Sent, Offered::Full));
    assert_eq!((one.outcome, other.outcome), (Outcome::Moved, Outcome::Moved));
    assert_eq!((first, second), (7, 8));
}

#[test]
fn a_ring_keeps_the_order_while_it_grows_and_turns() {
    let mut fixture = Fixture::new(100);
    let (mut next, mut wanted) = (0, 0);
    for round in 0..200 {
        for _ in 0..round % 7 {
            if fixture.try_send(next) {
                next += 1;
            }
        }
        for _ in 0..round % 5 {
            if let Some(value) = fixture.take() {
                assert_eq!(value, wanted);
                wanted += 1;
            }
        }
        assert_eq!(fixture.channel.len.load(core::sync::atomic::Ordering::Relaxed) as i64, next - wanted);
    }
    while fixture.try_send(next) {
        next += 1;
    }
    assert_eq!(next - wanted, 100);
    // SAFETY: the fixture's channel.
    assert_eq!(unsafe { state::ring_slots(fixture.at()) }, 100);
    while let Some(value) = fixture.take() {
        assert_eq!(value, wanted);
        wanted += 1;
    }
    assert_eq!(next, wanted);
}

#[test]
fn a_waiting_sender_comes_in_behind_the_values_of_the_ring() {
    let mut fixture = Fixture::new(2);
    assert!(fixture.try_send(1) && fixture.try_send(2) && !fixture.try_send(3));
    let (mut third, mut fourth) = (3, 4);
    let one = fixture.wait(true, 1, &mut third);
    let other = fixture.wait(true, 2, &mut fourth);
    assert_eq!(fixture.take(), Some(1));
    assert_eq!((one.outcome, other.outcome), (Outcome::Moved, Outcome::Nothing));
    assert_eq!([fixture.take(), fixture.take(), fixture.take(), fixture.take()], [Some(2), Some(3), Some(4), None]);
}

#[test]
fn who_waits_no_more_gets_and_gives_nothing() {
    let mut fixture = Fixture::new(0);
    let (mut gone, mut there) = (0, 0);
    WOKEN.with_borrow_mut(|woken| woken.insert(1));
    let late = fixture.wait(false, 1, &mut gone);
    let waiting = fixture.wait(false, 2, &mut there);
    assert_eq!(fixture.offer(5), Offered::Sent);
    assert_eq!((late.outcome, waiting.outcome, there), (Outcome::Nothing, Outcome::Moved, 5));

    let mut fixture = Fixture::new(1);
    assert!(fixture.try_send(1));
    let (mut gone, mut there) = (2, 3);
    WOKEN.with_borrow_mut(|woken| woken.insert(1));
    let late = fixture.wait(true, 1, &mut gone);
    let waiting = fixture.wait(true, 2, &mut there);
    assert_eq!([fixture.take(), fixture.take(), fixture.take()], [Some(1), Some(3), None]);
    assert_eq!((late.outcome, waiting.outcome), (Outcome::Nothing, Outcome::Moved));
}

#[test]
fn close_wakes_all_and_leaves_the_values() {
    let mut fixture = Fixture::new(1);
    assert!(fixture.try_send(1));
    let (mut second, mut third) = (2, 3);
    let one = fixture.wait(true, 1, &mut second);
    let other = fixture.wait(true, 2, &mut third);
    assert!(fixture.close() && !fixture.close());
    assert_eq!((one.outcome, other.outcome), (Outcome::Closed, Outcome::Closed));
    assert_eq!(fixture.offer(4), Offered::Closed);
    assert_eq!([fixture.take(), fixture.take()], [Some(1), None]);

    let mut fixture = Fixture::new(0);
    let mut value = 9;
    let receiver = fixture.wait(false, 1, &mut value);
    assert!(fixture.close());
    assert_eq!((receiver.outcome, value), (Outcome::Closed, 9));
    let mut out = 0i64;
    // SAFETY: the fixture's channel.
    let taken = unsafe { state::take::<Notes>(null_mut(), fixture.at(), from_mut(&mut out).cast()) };
    assert_eq!(taken, Taken::Drained);
}

#[test]
fn taken_slots_of_the_ring_keep_nothing_alive() {
    let mut fixture = Fixture::new(4);
    fixture.channel.element = collection(crate::abi::Kind::Channel, &[int()]);
    assert!(fixture.try_send(-1));
    assert_eq!(fixture.take(), Some(-1));
    // SAFETY: the ring has been made by the send.
    let words = unsafe { core::slice::from_raw_parts(fixture.channel.ring.cast::<i64>().add(2), 4) };
    assert_eq!(words, [0; 4]);
}

fn choose(channels: &mut [Fixture], strategy: i64, start: usize) -> Option<(usize, Option<i64>)> {
    let mut cases: Vec<Case> = channels.iter_mut().map(|fixture| Case::new(fixture.at())).collect();
    let wish = Wish { strategy, start, waits: false, until: 0, site: null(), scope: null_mut() };
    // SAFETY: the fixtures' channels.
    let chosen = unsafe { select::<Notes>(null_mut(), &mut cases, &wish) }?;
    Some((chosen.index, chosen.has_value.then(|| cases[chosen.index].buffer[0] as i64)))
}

#[test]
fn select_takes_the_first_ready_case() {
    let mut channels = [Fixture::new(1), Fixture::new(1), Fixture::new(1)];
    assert_eq!(choose(&mut channels, select_strategy::ORDER, 0), None);
    assert!(channels[1].try_send(1) && channels[2].try_send(2));
    assert_eq!(choose(&mut channels, select_strategy::ORDER, 0), Some((1, Some(1))));
    assert_eq!(choose(&mut channels, select_strategy::PRIORITY, 0), Some((2, Some(2))));
    assert!(channels[0].close());
    assert_eq!(choose(&mut channels, select_strategy::ORDER, 0), Some((0, None)));
}

#[test]
fn a_fair_select_goes_round() {
    let mut channels = [Fixture::new(9), Fixture::new(9), Fixture::new(9)];
    for fixture in &mut channels {
        assert!((0..3).all(|value| fixture.try_send(value)));
    }
    let mut start = 0;
    for round in 0..9 {
        let (index, value) = choose(&mut channels, select_strategy::FAIR, start).unwrap();
        assert_eq!((index, value), (round % 3, Some(round as i64 / 3)));
        start = index + 1;
    }
}

#[test]
fn a_random_select_chooses_among_the_ready_ones() {
    let mut channels: Vec<Fixture> = (0..70).map(|_| Fixture::new(1000)).collect();
    let ready = [3, 20, 64, 69];
    for index in ready {
        assert!((0..1000).all(|value| channels[index].try_send(value)));
    }
    let mut counts = [0; 70];
    for _ in 0..1000 {
        counts[choose(&mut channels, select_strategy::RANDOM, 0).unwrap().0] += 1;
    }
    for (index, count) in counts.into_iter().enumerate() {
        assert!(if ready.contains(&index) { (150..350).contains(&count) } else { count == 0 }, "{index}: {count}");
    }
}

#[test]
fn one_channel_may_stand_in_two_cases() {
    let mut fixture = Fixture::new(1);
    assert!(fixture.try_send(5));
    let mut cases = [Case::new(fixture.at()), Case::new(fixture.at())];
    let wish =
        Wish { strategy: select_strategy::ORDER, start: 0, waits: false, until: 0, site: null(), scope: null_mut() };
    // SAFETY: the fixture's channel.
    let chosen = unsafe { select::<Notes>(null_mut(), &mut cases, &wish) };
    assert_eq!(chosen.map(|chosen| chosen.index), Some(0));
}
