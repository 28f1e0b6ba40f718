//! The channel among threads, in every order that loom finds.
//!
//! The code is the channel's own; only waiting is loom's. Threads are switched between operations and around waits, never
//! under a lock, whose holder is not interrupted by what matters here. Memory orders are not examined.

use super::select::{Case, Wish, select};
use super::state::Taken;
use super::tests::channel;
use super::{Ended, Purpose, Waiting, exchange};
use crate::abi::{ChannelObject, Fiber, Site, select_strategy};
use crate::value::fixture::{int, slot};
use core::cell::Cell;
use core::ptr::{from_mut, null, null_mut};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{self, Thread};

/// Stands for a fiber.
struct Person {
    ticket: Cell<u64>,
    is_over: Cell<bool>,
    /// Who waits.
    thread: Thread,
}

impl Person {
    /// The calling thread, which is never freed.
    fn here() -> *mut Fiber {
        let person = Person { ticket: Cell::new(0), is_over: Cell::new(true), thread: thread::current() };
        Box::into_raw(Box::new(person)).cast()
    }

    /// # Safety
    /// `fiber` comes from `Person::here`.
    unsafe fn of<'a>(fiber: *mut Fiber) -> &'a Person {
        // SAFETY: the caller's promise.
        unsafe { &*fiber.cast::<Person>() }
    }
}

struct Loom;

impl Waiting for Loom {
    unsafe fn begin(fiber: *mut Fiber) -> u64 {
        // SAFETY: the tests hand in persons only.
        let person = unsafe { Person::of(fiber) };
        person.ticket.set(person.ticket.get() + 1);
        person.is_over.set(false);
        person.ticket.get()
    }

    /// A time means that it is over at once: loom decides who is faster.
    unsafe fn park(fiber: *mut Fiber, ticket: u64, until: u64, _: Purpose, _: *const Site) -> Ended {
        // SAFETY: as above.
        let person = unsafe { Person::of(fiber) };
        assert_eq!(person.ticket.get(), ticket);
        others();
        if until != 0 && !person.is_over.get() {
            person.is_over.set(true);
            others();
            return Ended::Timeout;
        }
        while !person.is_over.get() {
            thread::park();
        }
        Ended::Woken
    }

    unsafe fn wake(fiber: *mut Fiber, ticket: u64) -> bool {
        // SAFETY: as above.
        let person = unsafe { Person::of(fiber) };
        let won = person.ticket.get() == ticket && !person.is_over.replace(true);
        if won {
            person.thread.unpark();
        }
        won
    }

    unsafe fn cancelled(_: *mut Fiber, _: *const Site) {}

    fn is_alone() -> bool {
        false
    }

    fn relax(_: u32) {
        unreachable!("nobody is interrupted under a lock")
    }
}

loom::lazy_static! {
    static ref STEPS: AtomicUsize = AtomicUsize::new(0);
}

/// Here others may come first: loom sees that all operations depend on each other.
fn others() {
    STEPS.fetch_add(1, Ordering::SeqCst);
}

/// A channel that the threads of one run share. Nothing is freed: the runs are few and small.
#[derive(Clone, Copy)]
struct Shared(*mut ChannelObject);

// SAFETY: the channel's lock guards it.
unsafe impl Send for Shared {}

impl Shared {
    fn new(capacity: u64) -> Shared {
        let shared = Shared(Box::into_raw(channel(capacity, int())));
        if capacity > 0 {
            // The ring, made without a collector.
            assert!(shared.try_send(0));
            // SAFETY: the channel is new.
            unsafe { exchange::try_receive::<Loom>(null_mut(), shared.0, from_mut(&mut 0i64).cast()) };
        }
        shared
    }

    fn send(self, value: i64) -> bool {
        others();
        // SAFETY: the channel is never freed.
        unsafe { exchange::send::<Loom>(Person::here(), self.0, slot(&value), null()) }
    }

    fn try_send(self, value: i64) -> bool {
        others();
        // SAFETY: as above; without waiting nobody needs the fiber.
        unsafe { exchange::try_send::<Loom>(null_mut(), self.0, slot(&value)) }
    }

    fn receive_until(self, until: u64) -> Result<i64, Taken> {
        others();
        let mut out = 0i64;
        // SAFETY: as above.
        let taken =
            unsafe { exchange::receive::<Loom>(Person::here(), self.0, from_mut(&mut out).cast(), until, null()) };
        if taken == Taken::Value { Ok(out) } else { Err(taken) }
    }

    fn receive(self) -> Result<i64, Taken> {
        self.receive_until(0)
    }

    fn close(self) {
        others();
        // SAFETY: as above.
        assert!(unsafe { exchange::close::<Loom>(self.0) });
    }
}

/// The case and what it brought.
fn choose(channels: [Shared; 2], until: u64) -> Option<(usize, Option<i64>)> {
    choose_by(select_strategy::ORDER, channels, until)
}

fn choose_by(strategy: i64, channels: [Shared; 2], until: u64) -> Option<(usize, Option<i64>)> {
    others();
    let mut cases = channels.map(|channel| Case::new(channel.0));
    let wish = Wish { strategy, start: 0, waits: true, until, site: null(), scope: null_mut() };
    // SAFETY: as above.
    let chosen = unsafe { select::<Loom>(Person::here(), &mut cases, &wish) }?;
    Some((chosen.index, chosen.has_value.then(|| cases[chosen.index].buffer[0] as i64)))
}

fn model(run: impl Fn() + Sync + Send + 'static) {
    let builder = loom::model::Builder::new();
    builder.check(run);
}

#[test]
fn every_value_arrives_once_and_in_order() {
    for capacity in [0, 1] {
        model(move || {
            let channel = Shared::new(capacity);
            let sender = thread::spawn(move || assert!(channel.send(1) && channel.send(2)));
            let other = thread::spawn(move || assert!(channel.send(10)));
            let mut got = [0; 3].map(|_| channel.receive().unwrap());
            sender.join().unwrap();
            other.join().unwrap();
            let place = |wanted| got.iter().position(|value| *value == wanted);
            assert!(place(1) < place(2));
            got.sort_unstable();
            assert_eq!(got, [1, 2, 10]);
        });
    }
}

#[test]
fn two_receivers_share_what_comes() {
    model(|| {
        let channel = Shared::new(0);
        let receivers = [0, 1].map(|_| thread::spawn(move || channel.receive().unwrap()));
        assert!(channel.send(1) && channel.send(2));
        let mut got = receivers.map(|receiver| receiver.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn a_value_is_sent_if_and_only_if_it_is_received() {
    model(|| {
        let channel = Shared::new(0);
        let sender = thread::spawn(move || channel.try_send(5));
        let got = channel.receive_until(1);
        assert_eq!(sender.join().unwrap(), got == Ok(5));
        assert!(got == Ok(5) || got == Err(Taken::Empty));
    });
}

#[test]
fn who_gives_up_is_in_no_queue() {
    model(|| {
        let channel = Shared::new(0);
        let sender = thread::spawn(move || channel.send(5));
        let first = channel.receive_until(1);
        let got = first.or_else(|_| channel.receive());
        assert_eq!(got, Ok(5));
        assert!(sender.join().unwrap());
        // SAFETY: nobody else uses the channel any more.
        let ends = unsafe { ((*channel.0).receivers, (*channel.0).senders) };
        assert_eq!(ends, ([null_mut(); 2], [null_mut(); 2]));
    });
}

#[test]
fn close_reaches_everybody() {
    model(|| {
        let channel = Shared::new(0);
        let receiver = thread::spawn(move || channel.receive());
        let other = thread::spawn(move || channel.receive());
        channel.close();
        assert_eq!(receiver.join().unwrap(), Err(Taken::Drained));
        assert_eq!(other.join().unwrap(), Err(Taken::Drained));
    });
    model(|| {
        let channel = Shared::new(0);
        let sender = thread::spawn(move || channel.send(1));
        let closer = thread::spawn(move || channel.close());
        let got = channel.receive();
        closer.join().unwrap();
        assert_eq!(sender.join().unwrap(), got == Ok(1));
    });
}

#[test]
fn a_select_takes_one_value_and_leaves_the_rest() {
    model(|| {
        let (left, right) = (Shared::new(0), Shared::new(0));
        let sender = thread::spawn(move || left.try_send(1));
        let other = thread::spawn(move || right.try_send(2));
        let chosen = choose([left, right], 1);
        let sent = (sender.join().unwrap(), other.join().unwrap());
        match chosen {
            Some((0, value)) => assert_eq!((value, sent), (Some(1), (true, false))),
            Some((_, value)) => assert_eq!((value, sent), (Some(2), (false, true))),
            None => assert_eq!(sent, (false, false)),
        }
    });
    model(|| {
        let (left, right) = (Shared::new(0), Shared::new(1));
        let sender = thread::spawn(move || left.send(1));
        let other = thread::spawn(move || right.send(2));
        let first = choose([left, right], 0).unwrap();
        let second = choose([left, right], 0).unwrap();
        assert!(sender.join().unwrap() && other.join().unwrap());
        let mut got = [first, second];
        got.sort_unstable();
        assert_eq!(got, [(0, Some(1)), (1, Some(2))]);
    });
}

#[test]
fn selects_with_the_same_channels_do_not_stop_each_other() {
    model(|| {
        let (left, right) = (Shared::new(0), Shared::new(0));
        let one = thread::spawn(move || choose([left, right], 0).unwrap());
        let other = thread::spawn(move || choose([right, left], 0).unwrap());
        assert!(left.send(1) && right.send(2));
        let mut got = [one.join().unwrap().1, other.join().unwrap().1];
        got.sort_unstable();
        assert_eq!(got, [Some(1), Some(2)]);
    });
}

#[test]
fn priority_takes_the_earliest_of_what_became_ready() {
    model(|| {
        let channels @ [left, right] = [Shared::new(1), Shared::new(1)];
        let chooser = thread::spawn(move || choose_by(select_strategy::PRIORITY, channels, 0).unwrap());
        // The chooser finds both, whenever it runs.
        let sent = [(right, 2), (left, 1)].map(|(to, value): (Shared, i64)| {
            // SAFETY: the channels are never freed.
            unsafe { exchange::try_send::<Loom>(null_mut(), to.0, slot(&value)) }
        });
        assert_eq!(sent, [true, true]);
        assert_eq!(chooser.join().unwrap(), (0, Some(1)));
        assert_eq!(right.receive(), Ok(2));
    });
    model(|| {
        let channels @ [left, right] = [Shared::new(0), Shared::new(0)];
        let senders = [(right, 2), (left, 1)].map(|(to, value)| thread::spawn(move || assert!(to.send(value))));
        let mut got = [(); 2].map(|()| choose_by(select_strategy::PRIORITY, channels, 0).unwrap().1);
        got.sort_unstable();
        assert_eq!(got, [Some(1), Some(2)]);
        let _ = senders.map(|sender| sender.join().unwrap());
    });
}

#[test]
fn what_priority_leaves_reaches_those_behind_it() {
    model(|| {
        let channels @ [left, right] = [Shared::new(1), Shared::new(1)];
        let chooser = thread::spawn(move || choose_by(select_strategy::PRIORITY, channels, 0).unwrap());
        let receiver = thread::spawn(move || right.receive().unwrap());
        assert!(right.send(2) && left.send(1) && right.send(3));
        let mut got = vec![chooser.join().unwrap().1.unwrap(), receiver.join().unwrap()];
        // One is left: whichever the two have not taken.
        got.push(if got.contains(&1) { right.receive().unwrap() } else { left.receive().unwrap() });
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3]);
    });
}
