//! Sending and receiving, with waiting.
//!
//! In: a channel, a value or room for one. Out: the value has changed hands, or the reason why not.
//! Deliberately not here: panics, optionals, several channels at once.

use super::lock::{lock, unlock};
use super::state::{self, Offered, Taken};
use super::waiters::{self, Outcome, Waiter};
use super::{Ended, Purpose, Waiting};
use crate::abi::{ChannelObject, ELEMENTS_OFFSET, Elements, Fiber, Site, header};
use crate::slot::allocate;
use core::ptr;

/// The first ring has this many slots, or as many as there may be values.
const FIRST_SLOTS: u64 = 8;

/// Sends, waiting if need be. False: the channel is closed.
pub(super) unsafe fn send<W: Waiting>(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    value: *const u8,
    site: *const Site,
) -> bool {
    loop {
        lock::<W>(&(*channel).lock);
        match state::offer::<W>(fiber, channel, value, true) {
            Offered::Sent => {
                unlock(&(*channel).lock);
                return true;
            }
            Offered::Closed => {
                unlock(&(*channel).lock);
                return false;
            }
            Offered::NoRing => {
                unlock(&(*channel).lock);
                grow::<W>(fiber, channel);
            }
            Offered::Full => {
                let mut waiter = Waiter::new(fiber, value.cast_mut());
                let this = &raw mut waiter;
                (*this).ticket = W::begin(fiber);
                waiters::push(&mut (*channel).senders, this);
                unlock(&(*channel).lock);
                if W::park(fiber, (*this).ticket, 0, Purpose::Send, site) == Ended::Woken {
                    return (*this).outcome == Outcome::Moved;
                }
                lock::<W>(&(*channel).lock);
                waiters::remove(&mut (*channel).senders, this);
                unlock(&(*channel).lock);
                W::cancelled(fiber, site);
            }
        }
    }
}

/// Sends if that needs no waiting.
pub(super) unsafe fn try_send<W: Waiting>(fiber: *mut Fiber, channel: *mut ChannelObject, value: *const u8) -> bool {
    loop {
        lock::<W>(&(*channel).lock);
        let offered = state::offer::<W>(fiber, channel, value, false);
        unlock(&(*channel).lock);
        match offered {
            Offered::Sent => return true,
            Offered::Full | Offered::Closed => return false,
            Offered::NoRing => grow::<W>(fiber, channel),
        }
    }
}

/// Receives into `out` (a slot of T), waiting until the time `until` if need be (0: for ever).
pub(super) unsafe fn receive<W: Waiting>(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    out: *mut u8,
    until: u64,
    site: *const Site,
) -> Taken {
    loop {
        lock::<W>(&(*channel).lock);
        let taken = state::take::<W>(fiber, channel, out);
        if taken != Taken::Empty {
            unlock(&(*channel).lock);
            return taken;
        }
        let mut waiter = Waiter::new(fiber, out);
        let this = &raw mut waiter;
        (*this).ticket = W::begin(fiber);
        waiters::push(&mut (*channel).receivers, this);
        unlock(&(*channel).lock);
        let ended = W::park(fiber, (*this).ticket, until, Purpose::Receive, site);
        if ended == Ended::Woken {
            match (*this).outcome {
                Outcome::Moved => return Taken::Value,
                Outcome::Look => continue,
                Outcome::Closed | Outcome::Nothing => return Taken::Drained,
            }
        }
        lock::<W>(&(*channel).lock);
        waiters::remove(&mut (*channel).receivers, this);
        unlock(&(*channel).lock);
        if ended == Ended::Timeout {
            return Taken::Empty;
        }
        W::cancelled(fiber, site);
    }
}

/// Receives into `out` if that needs no waiting.
pub(super) unsafe fn try_receive<W: Waiting>(fiber: *mut Fiber, channel: *mut ChannelObject, out: *mut u8) -> Taken {
    lock::<W>(&(*channel).lock);
    let taken = state::take::<W>(fiber, channel, out);
    unlock(&(*channel).lock);
    taken
}

/// False: it was closed already.
pub(super) unsafe fn close<W: Waiting>(channel: *mut ChannelObject) -> bool {
    lock::<W>(&(*channel).lock);
    let closed = state::close::<W>(channel);
    unlock(&(*channel).lock);
    closed
}

/// A ring with twice as many slots, as long as there may be so many values. The object comes first, without the lock.
#[cold]
unsafe fn grow<W: Waiting>(fiber: *mut Fiber, channel: *mut ChannelObject) {
    lock::<W>(&(*channel).lock);
    let have = state::ring_slots(channel);
    unlock(&(*channel).lock);
    let slots = (have * 2).max(FIRST_SLOTS).min((*channel).capacity);
    let element = (*channel).element;
    let bytes = slots as usize * (*element).size as usize;
    crate::slot::check_size(fiber, bytes);
    let ring = allocate(fiber, ELEMENTS_OFFSET as usize + bytes, header((*element).element_type, slots as u32));
    (*ring.cast::<Elements>()).owner = 0;
    ptr::write_bytes(ring.add(ELEMENTS_OFFSET as usize), 0, bytes);
    lock::<W>(&(*channel).lock);
    state::replace_ring(fiber, channel, ring.cast());
    unlock(&(*channel).lock);
}
