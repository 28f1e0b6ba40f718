//! The functions that programs call, for fibers.
//!
//! In: channels, slots, descriptors, sites. Out: values as optionals; the panics of channels. Every function that may wait is a
//! cancellation point. Deliberately not here: what happens under a lock (`state`).

use super::select::{Case, Wish, select};
use super::state::{self, Taken};
use super::{Ended, Purpose, Waiting, exchange, foreign};
use crate::abi::{ChannelObject, Fiber, HEADER_PINNED, SLOT_WORDS, SelectCase, Site, TypeDesc, header, select_kind};
use crate::sched::fiber::{What, full};
use crate::sched::wait::{self, Reason, Ticket};
use crate::sched::{clock, timer, worker};
use crate::slot::{allocate, argument, fail, write_nil, write_some};
use crate::task::cancel;
use crate::value::SlotBuffer;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicU64};

struct Fibers;

/// Rounds before a waiting thread lets the system run another one.
const SPINS: u32 = 64;

impl Waiting for Fibers {
    #[inline]
    unsafe fn begin(fiber: *mut Fiber) -> u64 {
        wait::begin(fiber).number()
    }

    unsafe fn park(fiber: *mut Fiber, ticket: u64, until: u64, purpose: Purpose, site: *const Site) -> Ended {
        let ticket = Ticket::of(ticket);
        let what = match purpose {
            Purpose::Send => What::Send,
            Purpose::Receive => What::Receive,
            Purpose::Select => What::Select,
        };
        let timer = (until != 0).then(|| timer::add(until, full(fiber), ticket, Reason::Timeout));
        let reason = wait::park(fiber, ticket, what, site);
        if let Some(timer) = timer {
            timer::remove(timer);
        }
        match reason {
            Reason::Woken => Ended::Woken,
            Reason::Timeout => Ended::Timeout,
            Reason::Cancelled => Ended::Cancelled,
        }
    }

    #[inline]
    unsafe fn wake(fiber: *mut Fiber, ticket: u64) -> bool {
        // This also tells the collector to look into the fiber's frames, where a value may have been put.
        wait::wake(full(fiber), Ticket::of(ticket), Reason::Woken)
    }

    unsafe fn cancelled(fiber: *mut Fiber, site: *const Site) {
        cancel::take(fiber, site);
    }

    #[inline]
    fn is_alone() -> bool {
        worker::is_alone()
    }

    #[cold]
    fn relax(round: u32) {
        if round < SPINS {
            core::hint::spin_loop();
        } else {
            // SAFETY: no more than a hint to the system.
            unsafe { libc::sched_yield() };
        }
    }
}

/// Where a cancellation takes effect, also when there is nothing to wait for.
#[inline]
unsafe fn cancellation_point(fiber: *mut Fiber) {
    if (*fiber).poll.load(Relaxed) != 0 {
        crate::alloc::coex_poll_slow(fiber);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_new(
    fiber: *mut Fiber,
    capacity: i64,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut ChannelObject {
    if capacity < 0 {
        fail(fiber, site, "negative channel buffer");
    }
    let header = header((*ty).object_type, 0) | HEADER_PINNED;
    let channel = allocate(fiber, size_of::<ChannelObject>(), header).cast::<ChannelObject>();
    channel.write(ChannelObject {
        header,
        lock: AtomicU32::new(0),
        closed: AtomicU32::new(0),
        capacity: capacity as u64,
        len: AtomicU64::new(0),
        first: 0,
        ring: null_mut(),
        element: argument(ty, 0),
        receivers: [null_mut(); 2],
        senders: [null_mut(); 2],
    });
    channel
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_send(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    value: *const u8,
    _ty: *const TypeDesc,
    site: *const Site,
) {
    cancellation_point(fiber);
    if !exchange::send::<Fibers>(fiber, channel, value, site) {
        fail(fiber, site, "send on closed channel");
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_try_send(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    value: *const u8,
    _ty: *const TypeDesc,
) -> bool {
    exchange::try_send::<Fibers>(fiber, channel, value)
}

/// What was taken, as a slot of `T?`.
unsafe fn deliver(fiber: *mut Fiber, has_value: bool, value: &SlotBuffer, ty: *const TypeDesc, out: *mut u8) {
    if has_value {
        write_some(fiber, ty, value.as_ptr().cast(), out);
    } else {
        write_nil(ty, out);
    }
}

#[inline(always)]
unsafe fn receive_until(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    until: u64,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    let mut value: SlotBuffer = [0; SLOT_WORDS];
    let taken = exchange::receive::<Fibers>(fiber, channel, value.as_mut_ptr().cast(), until, site);
    deliver(fiber, taken == Taken::Value, &value, ty, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_receive(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    cancellation_point(fiber);
    receive_until(fiber, channel, 0, ty, site, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_receive_timeout(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    ns: i64,
    ty: *const TypeDesc,
    site: *const Site,
    out: *mut u8,
) {
    cancellation_point(fiber);
    if ns <= 0 {
        return coex_channel_try_receive(fiber, channel, ty, out);
    }
    receive_until(fiber, channel, clock::after(ns), ty, site, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_try_receive(
    fiber: *mut Fiber,
    channel: *mut ChannelObject,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    let mut value: SlotBuffer = [0; SLOT_WORDS];
    let taken = exchange::try_receive::<Fibers>(fiber, channel, value.as_mut_ptr().cast());
    deliver(fiber, taken == Taken::Value, &value, ty, out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_close(fiber: *mut Fiber, channel: *mut ChannelObject, site: *const Site) {
    if !exchange::close::<Fibers>(channel) {
        fail(fiber, site, "close of closed channel");
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_is_closed(channel: *const ChannelObject) -> bool {
    state::is_closed(channel)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_channel_len(channel: *const ChannelObject) -> i64 {
    state::len(channel) as i64
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_select(
    fiber: *mut Fiber,
    cases: *mut SelectCase,
    count: i64,
    strategy: i64,
    timeout: i64,
    memory: *mut i64,
    site: *const Site,
) -> i64 {
    cancellation_point(fiber);
    let until = if timeout > 0 { clock::after(timeout) } else { 0 };
    let start = if memory.is_null() { 0 } else { *memory as usize };
    let cases = core::slice::from_raw_parts_mut(cases.cast::<Case>(), count as usize);
    let mut scope = MaybeUninit::uninit();
    let scope = if foreign::prepare(cases) { scope.as_mut_ptr() } else { null_mut() };
    let wish = Wish { strategy, start, waits: timeout != 0, until, site, scope };
    let chosen = select::<Fibers>(fiber, cases, &wish);
    if !scope.is_null() {
        foreign::end(fiber, cases, chosen, scope);
    }
    let Some(chosen) = chosen else { return -1 };
    if !memory.is_null() {
        *memory = chosen.index as i64 + 1;
    }
    let case = &cases[chosen.index];
    if case.kind == select_kind::RECEIVE {
        deliver(fiber, chosen.has_value, &case.buffer, case.desc(), case.out);
    }
    chosen.index as i64
}
