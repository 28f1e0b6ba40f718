//! Runs the pipeline where deep recursion is no danger.
//!
//! In: a session. Out: the pipeline's result. When nothing has changed there is nothing to recurse over, and no thread. Phases recurse over the tree of the program; a stack of 1 GiB costs
//! nothing until it is used, and holds any program that the nesting limit admits.

use super::pipeline::{Failure, Product, Record, Work, find, work};
use super::session::Session;
use crate::crash::interrupt::Elsewhere;
use crate::crash::{memory, signals};

const STACK_BYTES: usize = 1 << 30;
/// Where address space is rationed.
const SMALL_STACK_BYTES: usize = 64 << 20;

pub fn run(session: &Session) -> (Record, Result<Product, Failure>) {
    let mut record = Record::default();
    let left = find(session, &mut record);
    let result = match left {
        Work::Done(result) => result,
        left => on_large_stack(|| work(session, left, &mut record)),
    };
    record.timings.end();
    (record, result)
}

/// Runs something on a thread with a large stack. A panic goes on in the caller.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let elsewhere = Elsewhere::new();
    let work = || {
        elsewhere.here();
        signals::use_alternate_stack();
        work()
    };
    std::thread::scope(|scope| {
        let builder = |bytes| std::thread::Builder::new().name("compiler".to_owned()).stack_size(bytes);
        // `spawn_scoped` takes the closure even when it fails, so the probe is an empty thread.
        let bytes = match builder(STACK_BYTES).spawn_scoped(scope, || ()) {
            Ok(_) => STACK_BYTES,
            Err(_) => SMALL_STACK_BYTES,
        };
        match builder(bytes).spawn_scoped(scope, work) {
            Ok(thread) => match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            },
            Err(_) => memory::give_up(),
        }
    })
}
