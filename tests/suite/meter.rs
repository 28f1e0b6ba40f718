//! What a piece of code costs: processor time and memory of its own thread, whatever others do meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

/// The system's allocator; counts per thread.
pub(crate) struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that is ending allocates too; nobody measures it.
    let _ = NOW.try_with(|now| {
        now.set(now.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
    });
}

// SAFETY: everything is the system allocator's; counting neither allocates nor touches what is allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// What it gives, and by how many bytes this thread's memory has grown at most.
pub(crate) fn growth<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.get();
    PEAK.set(before);
    let result = run();
    (result, PEAK.get().saturating_sub(before).max(0) as usize)
}

/// The processor time that this thread has had.
pub(crate) fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills in a structure of ours.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "there is such a clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The shortest processor time of several runs, which end early when one of them is short enough: caches that others have
/// emptied are no property of the code.
pub(crate) fn processor_time(enough: Duration, mut run: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let start = thread_time();
        run();
        best = best.min(thread_time() - start);
        if best <= enough {
            break;
        }
    }
    best
}

#[test]
fn memory_and_time_are_seen() {
    let (_, bytes) = growth(|| std::hint::black_box(vec![1_u8; 5 << 20]).len());
    assert!((5 << 20..6 << 20).contains(&bytes), "{bytes}");
    let time = processor_time(Duration::from_millis(20), || {
        let start = thread_time();
        while thread_time() - start < Duration::from_millis(15) {}
    });
    assert!(time >= Duration::from_millis(15));
    assert!(
        processor_time(Duration::from_millis(20), || std::thread::sleep(Duration::from_millis(30)))
            < Duration::from_millis(20)
    );
}
