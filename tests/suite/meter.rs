//! What a piece of code costs: the processor time of its own thread, and the memory that a tool needs, whatever others do
//! meanwhile.

use std::time::Duration;

use crate::sandbox::{Ran, Sandbox, ran};

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

/// Runs `coex` with a limit for its data.
pub(crate) fn within_memory(sandbox: &Sandbox, kilobytes: usize, words: &[String]) -> Ran {
    let mut command = sandbox.command("sh");
    command.args(["-c", "ulimit -d \"$1\"; shift; exec \"$@\"", "sh", &kilobytes.to_string()]);
    ran(command.arg(env!("CARGO_BIN_EXE_coex")).args(words))
}

/// The least limit with which a run still ends with this status, to a megabyte.
pub(crate) fn least_memory(sandbox: &Sandbox, words: &[String], status: i32) -> usize {
    let fits = |megabytes: usize| within_memory(sandbox, megabytes << 10, words).status == status;
    let (mut too_little, mut enough) = (0, 4096);
    assert!(fits(enough), "it does not run at all");
    while enough - too_little > 1 {
        let middle = usize::midpoint(too_little, enough);
        *(if fits(middle) { &mut enough } else { &mut too_little }) = middle;
    }
    enough << 10
}

#[test]
fn time_is_that_of_the_thread() {
    let limit = Duration::from_millis(20);
    let busy = processor_time(limit, || {
        let start = thread_time();
        while thread_time() - start < Duration::from_millis(15) {}
    });
    assert!(busy >= Duration::from_millis(15), "{busy:?}");
    assert!(processor_time(limit, || std::thread::sleep(limit * 2)) < limit);
}
