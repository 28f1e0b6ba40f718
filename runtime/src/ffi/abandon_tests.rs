//! Calls that last longer than anybody waits: the fiber goes on, the thread comes back.

use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::tests::{STUCK_INDEX, get, in_root, run, wait_until, with_libraries};
use super::{abandon, instance, root, units};
use crate::abi::{Fiber, LANDED, Landing};
use crate::sched::thread;
use crate::task::within::{coex_within_enter, coex_within_leave};
use crate::{arch, signals};

const MILLISECOND: i64 = 1_000_000;

/// A body as compiled code has it: `within ns  call function  ~`, yields whether it was cancelled, and how long it took.
unsafe fn within(fiber: *mut Fiber, ns: i64, function: *const ()) -> (bool, Duration) {
    unsafe extern "C" fn body(fiber: *mut Fiber, function: *const ()) -> i64 {
        // SAFETY: the running fiber.
        unsafe { run(fiber, get(fiber, STUCK_INDEX), function) as i64 & i64::MAX }
    }
    let mut landing = Landing { previous: null_mut(), sp: null_mut(), words: [0; 10] };
    let begin = Instant::now();
    // SAFETY: the running fiber; the landing lives until it was left or landed at.
    unsafe {
        assert!(coex_within_enter(fiber, &raw mut landing, ns));
        let result =
            arch::coex_land(fiber, &raw mut landing, body as *const u8, fiber.cast(), function.cast_mut().cast());
        if result != LANDED {
            coex_within_leave(fiber, &raw mut landing);
        }
        (result == LANDED, begin.elapsed())
    }
}

/// Until all abandoned calls are over.
fn wait_for_reaper() {
    wait_until("the calls are reclaimed", || {
        let mut count = 0;
        abandon::for_each(|_| count += 1);
        count == 0
    });
}

static SPINS: AtomicI64 = AtomicI64::new(0);

#[unsafe(link_section = "coextext_test")]
#[inline(never)]
unsafe extern "C" fn endless() -> usize {
    loop {
        SPINS.store(SPINS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

#[unsafe(link_section = "coextext_test")]
unsafe extern "C" fn answers() -> usize {
    42
}

/// A blocking system call, whose end the code takes for the end of its work.
unsafe extern "C" fn sleeps() -> usize {
    let time = libc::timespec { tv_sec: 1000, tv_nsec: 0 };
    // SAFETY: a system call.
    unsafe { libc::nanosleep(&raw const time, null_mut()) as usize }
}

unsafe extern "C" fn crashes_late() -> usize {
    std::thread::sleep(Duration::from_millis(30));
    // SAFETY: none: this is the fault under test.
    unsafe { core::ptr::read_volatile(core::hint::black_box(8) as *const usize) }
}

#[test]
fn an_endless_loop_is_left_and_stopped() {
    with_libraries(|fiber| {
        signals::install();
        let (mut threads, mut used) = (0, 0);
        // SAFETY: the running fiber.
        unsafe {
            for round in 0..200 {
                let (is_cancelled, took) = within(fiber, MILLISECOND / 2, endless as *const ());
                assert!(is_cancelled);
                assert!(took < Duration::from_millis(500), "{took:?}");
                assert!((*root::slot((*fiber).root, STUCK_INDEX as usize)).is_null());
                assert_eq!(run(fiber, get(fiber, STUCK_INDEX), answers as *const ()), 42);
                wait_for_reaper();
                wait_until("the instance of the call is free", || instance::live_count() == 1);
                if round == 10 {
                    (threads, used) = (thread::count(), units::units().used());
                }
            }
            assert_eq!(units::units().used(), used);
            // On a loaded machine a thread is sometimes not back when the next call wants one: a few more, not one per call.
            assert!(thread::count() <= threads + 20, "{} after {threads}", thread::count());
        }
    });
}

#[test]
fn a_system_call_is_interrupted_when_nobody_waits() {
    with_libraries(|fiber| {
        signals::install();
        // SAFETY: the running fiber.
        unsafe {
            for _ in 0..20 {
                assert!(within(fiber, MILLISECOND, sleeps as *const ()).0);
                wait_for_reaper();
            }
        }
    });
}

#[test]
fn a_crash_after_the_end_of_interest_concerns_nobody() {
    with_libraries(|fiber| {
        signals::install();
        // SAFETY: the running fiber.
        unsafe {
            assert!(within(fiber, MILLISECOND, crashes_late as *const ()).0);
            assert_eq!((*fiber).ffi_failed, 0);
            wait_for_reaper();
            assert_eq!((*fiber).ffi_failed, 0);
        }
    });
}

#[test]
fn a_call_that_ends_in_time_is_not_disturbed() {
    with_libraries(|fiber| {
        signals::install();
        // SAFETY: the running fiber.
        unsafe {
            in_root(fiber, || {
                for _ in 0..20_000 {
                    assert!(!within(fiber, 1000 * MILLISECOND, answers as *const ()).0);
                }
            });
        }
    });
}

/// The deadline and the end of the call race; whoever wins, each outcome is whole.
#[test]
fn the_race_at_the_deadline_has_one_winner() {
    unsafe extern "C" fn spins(rounds: usize) -> usize {
        for _ in 0..rounds * 10 {
            core::hint::spin_loop();
        }
        rounds
    }
    with_libraries(|fiber| {
        signals::install();
        unsafe extern "C" fn short() -> c_int {
            // SAFETY: a C function.
            unsafe { spins(1_000 + SPINS.fetch_add(1, Ordering::Relaxed) as usize % 3_000) };
            7
        }
        let mut cancelled = 0;
        // SAFETY: the running fiber.
        unsafe {
            for _ in 0..3_000 {
                cancelled += usize::from(within(fiber, 40_000, short as *const ()).0);
            }
            wait_for_reaper();
        }
        println!("{cancelled} of 3000 were abandoned or cancelled");
    });
}

/// A read of the runtime itself: cancelled, it has taken nothing and leaves no thread behind.
#[test]
fn a_blocking_read_can_be_left() {
    static ENDS: [AtomicI64; 2] = [AtomicI64::new(0), AtomicI64::new(0)];
    unsafe extern "C" fn body(fiber: *mut Fiber) -> i64 {
        let end = ENDS[0].load(Ordering::Relaxed) as c_int;
        // SAFETY: the running fiber; nothing in this frame is dropped.
        i64::from(unsafe { super::blocking::run(fiber, move || crate::io::wait_for(end, libc::POLLIN)) })
    }
    with_libraries(|fiber| {
        signals::install();
        let mut ends = [0; 2];
        // SAFETY: the running fiber.
        unsafe {
            libc::pipe(ends.as_mut_ptr());
            ENDS[0].store(i64::from(ends[0]), Ordering::Relaxed);
            for _ in 0..50 {
                let mut landing = Landing { previous: null_mut(), sp: null_mut(), words: [0; 10] };
                assert!(coex_within_enter(fiber, &raw mut landing, MILLISECOND / 2));
                let result = arch::coex_land(fiber, &raw mut landing, body as *const u8, fiber.cast(), null_mut());
                assert_eq!(result, LANDED);
                wait_for_reaper();
            }
            libc::write(ends[1], b"x".as_ptr().cast(), 1);
            assert_eq!(body(fiber), 1);
            libc::close(ends[0]);
            libc::close(ends[1]);
        }
    });
}

/// Others run while C code sleeps on the only worker; the call's result and errno come back.
#[test]
fn a_long_call_lends_its_worker() {
    unsafe extern "C" fn long() -> usize {
        std::thread::sleep(Duration::from_millis(20));
        // SAFETY: this thread's errno.
        unsafe { *libc::__errno_location() = 77 };
        11
    }
    with_libraries(|fiber| {
        signals::install();
        // SAFETY: the running fiber.
        unsafe {
            let instance = get(fiber, STUCK_INDEX);
            for _ in 0..20 {
                crate::sched::tests::with_busy_children(fiber, 4, || {
                    assert_eq!(run(fiber, instance, long as *const ()), 11);
                    assert_eq!((*instance).public.errno, 77);
                });
            }
        }
    });
}
