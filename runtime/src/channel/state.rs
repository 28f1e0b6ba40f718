//! What happens to a channel under its lock: each function is one step.
//!
//! In: a locked channel. Out: what the step did. At any time between steps: values in the ring only when no receiver waits, or
//! when one was woken to look for itself; a waiting sender only when the ring is full. Deliberately not here: taking the lock,
//! waiting, allocation.

use super::Waiting;
use super::waiters::{Outcome, Waiter, pop};
use crate::abi::{ChannelObject, ELEMENTS_OFFSET, Elements, Fiber};
use crate::gc::barrier;
use crate::slot::{aux, copy};
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offered {
    Sent,
    /// The sender must wait.
    Full,
    Closed,
    /// There may be more values than the ring has slots: see [`replace_ring`].
    NoRing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    Value,
    Empty,
    /// Closed, and no value is left.
    Drained,
}

unsafe fn element_size(channel: *mut ChannelObject) -> usize {
    (*(*channel).element).size as usize
}

/// Slots of the ring.
pub(super) unsafe fn ring_slots(channel: *mut ChannelObject) -> u64 {
    let ring = (*channel).ring;
    if ring.is_null() { 0 } else { u64::from(aux(ring.cast())) }
}

/// Address of the slot `index` behind the oldest value.
unsafe fn ring_slot(channel: *mut ChannelObject, index: u64) -> *mut u8 {
    let (slots, mut at) = (ring_slots(channel), (*channel).first + index);
    if at >= slots {
        at -= slots;
    }
    (*channel).ring.cast::<u8>().add(ELEMENTS_OFFSET as usize + at as usize * element_size(channel))
}

/// The ring keeps nothing alive that is gone.
unsafe fn forget(channel: *mut ChannelObject, slot: *mut u8) {
    let element = (*channel).element;
    if (*element).pointer_count != 0 {
        ptr::write_bytes(slot, 0, (*element).size as usize);
    }
}

/// Ends the waiter's wait; it takes what `outcome` says. False: it waits no more, and was taken out for nothing.
unsafe fn finish<W: Waiting>(waiter: *mut Waiter, outcome: Outcome) -> bool {
    // Before the wake: afterwards the frame may be gone.
    (*waiter).outcome = outcome;
    let won = W::wake((*waiter).fiber, (*waiter).ticket);
    if !won {
        // It waits for the lock to find out.
        (*waiter).outcome = Outcome::Nothing;
    }
    won
}

/// Whether there is something to receive.
unsafe fn has_values(channel: *mut ChannelObject) -> bool {
    (*channel).len.load(Relaxed) > 0 || !(*channel).senders[0].is_null()
}

/// Sends the value if that needs no waiting. `fiber` is the running one, which will wait if `can_wait`.
pub(super) unsafe fn offer<W: Waiting>(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    value: *const u8,
    can_wait: bool,
) -> Offered {
    if (*channel).closed.load(Relaxed) != 0 {
        return Offered::Closed;
    }
    let size = element_size(channel);
    loop {
        let receiver = pop(&mut (*channel).receivers);
        if receiver.is_null() {
            break;
        }
        // Older values come first. A value that can wait nowhere decides for a receiver that wants to choose.
        let can_look = (*receiver).looks && (can_wait || (*channel).capacity > 0);
        if can_look || has_values(channel) {
            if finish::<W>(receiver, Outcome::Look) {
                break;
            }
            continue;
        }
        copy(size, value, (*receiver).slot);
        if finish::<W>(receiver, Outcome::Moved) {
            return Offered::Sent;
        }
    }
    let len = (*channel).len.load(Relaxed);
    if len >= (*channel).capacity {
        return Offered::Full;
    }
    if len == ring_slots(channel) {
        return Offered::NoRing;
    }
    append(fiber, channel, value);
    Offered::Sent
}

/// The ring has a free slot.
unsafe fn append(fiber: *mut Fiber, channel: *mut ChannelObject, value: *const u8) {
    let len = (*channel).len.load(Relaxed);
    barrier(fiber, (*channel).ring);
    copy(element_size(channel), value, ring_slot(channel, len));
    (*channel).len.store(len + 1, Release);
}

/// Receives a value into `out` if that needs no waiting. Without one, `out` may have been written all the same.
#[inline]
pub(super) unsafe fn take<W: Waiting>(fiber: *mut Fiber, channel: *mut ChannelObject, out: *mut u8) -> Taken {
    let is_open = (*channel).closed.load(Relaxed) == 0;
    if is_open && (*channel).len.load(Relaxed) == 0 && (*channel).senders[0].is_null() {
        return Taken::Empty;
    }
    take_some::<W>(fiber, channel, out)
}

#[inline(never)]
unsafe fn take_some<W: Waiting>(fiber: *mut Fiber, channel: *mut ChannelObject, out: *mut u8) -> Taken {
    let size = element_size(channel);
    let len = (*channel).len.load(Relaxed);
    if len > 0 {
        let slot = ring_slot(channel, 0);
        copy(size, slot, out);
        forget(channel, slot);
        let next = (*channel).first + 1;
        (*channel).first = if next == ring_slots(channel) { 0 } else { next };
        (*channel).len.store(len - 1, Release);
        move_up::<W>(fiber, channel);
        return Taken::Value;
    }
    loop {
        let sender = pop(&mut (*channel).senders);
        if sender.is_null() {
            break;
        }
        copy(size, (*sender).slot, out);
        if finish::<W>(sender, Outcome::Moved) {
            return Taken::Value;
        }
    }
    if (*channel).closed.load(Relaxed) != 0 { Taken::Drained } else { Taken::Empty }
}

/// The ring has a free slot: the value of the oldest waiting sender comes in.
unsafe fn move_up<W: Waiting>(fiber: *mut Fiber, channel: *mut ChannelObject) {
    loop {
        let sender = pop(&mut (*channel).senders);
        if sender.is_null() {
            return;
        }
        // Copied before the wake, and forgotten again if it was for nothing.
        let slot = ring_slot(channel, (*channel).len.load(Relaxed));
        barrier(fiber, (*channel).ring);
        copy(element_size(channel), (*sender).slot, slot);
        if finish::<W>(sender, Outcome::Moved) {
            (*channel).len.fetch_add(1, Release);
            return;
        }
        forget(channel, slot);
    }
}

/// No further sends; all who wait go on. False: it was closed already.
pub(super) unsafe fn close<W: Waiting>(channel: *mut ChannelObject) -> bool {
    if (*channel).closed.swap(1, Release) != 0 {
        return false;
    }
    for ends in [&raw mut (*channel).receivers, &raw mut (*channel).senders] {
        loop {
            let waiter = pop(&mut *ends);
            if waiter.is_null() {
                break;
            }
            finish::<W>(waiter, if (*waiter).looks { Outcome::Look } else { Outcome::Closed });
        }
    }
    true
}

/// Who was woken to look has taken something else: the others look.
pub(super) unsafe fn pass_on<W: Waiting>(channel: *mut ChannelObject) {
    while has_values(channel) {
        let receiver = pop(&mut (*channel).receivers);
        if receiver.is_null() {
            return;
        }
        finish::<W>(receiver, Outcome::Look);
    }
}

pub(super) unsafe fn is_closed(channel: *const ChannelObject) -> bool {
    (*channel).closed.load(Acquire) != 0
}

pub(super) unsafe fn len(channel: *const ChannelObject) -> u64 {
    (*channel).len.load(Acquire)
}

/// Moves the values into a ring with more slots, all of them zero; a ring that has no more is dropped.
pub(super) unsafe fn replace_ring(fiber: *mut Fiber, channel: *mut ChannelObject, ring: *mut Elements) {
    if u64::from(aux(ring.cast())) <= ring_slots(channel) {
        return;
    }
    let size = element_size(channel);
    let to = ring.cast::<u8>().add(ELEMENTS_OFFSET as usize);
    for index in 0..(*channel).len.load(Relaxed) {
        copy(size, ring_slot(channel, index), to.add(index as usize * size));
    }
    barrier(fiber, channel);
    (*channel).ring = ring;
    (*channel).first = 0;
}
