//! Who may work at the same time: threads of this process, within what a build tool allows.
//!
//! In: `MAKEFLAGS`, once, and pieces of work. Out: their results, in the order of the pieces. Deliberately not here: what
//! the work is.
//!
//! Every process that make starts has one token without asking; for each further piece of work at the same time it takes
//! one from make and gives it back. Without make there are as many as processors, and a helper asks us (`tokens`). A
//! thread that calls [`Workers::run_all`] lends it its own token, so calls may be nested: libraries at the same time, and
//! in each its files.

use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use jobserver::{Acquired, Client, FromEnvErrorKind};

use super::tokens::Borrower;

/// LLVM recurses over expressions of C code.
pub(super) const STACK_BYTES: usize = 64 << 20;

/// A token that another process gives back wakes nobody here.
pub(super) const NEXT_QUESTION: Duration = Duration::from_millis(10);

/// Tokens beyond the one that the process has. Clones share them.
#[derive(Clone, Debug)]
pub struct Workers {
    source: Arc<Source>,
    /// More threads than processors would only wait for each other.
    most: usize,
}

#[derive(Debug)]
enum Source {
    /// So many are free.
    Local(AtomicUsize),
    Make(Client),
    Parent(Borrower),
}

/// Given back when dropped.
pub(super) enum Token<'w> {
    Local(&'w AtomicUsize),
    Make { _acquired: Acquired },
    Parent(&'w Borrower),
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        match self {
            Token::Local(free) => _ = free.fetch_add(1, Ordering::Release),
            Token::Make { .. } => {}
            Token::Parent(parent) => parent.give_back(),
        }
    }
}

impl Workers {
    /// As the environment says.
    pub fn of_environment() -> Workers {
        let most = processors();
        // SAFETY: descriptors that the environment names are used only if they are pipes, and opened anew. This process
        // keeps none open between two children, so they are make's.
        let found = unsafe { Client::from_env_ext(true) };
        match found.client {
            Ok(client) => Workers { source: Arc::new(Source::Make(client)), most },
            Err(error) if matches!(error.kind(), FromEnvErrorKind::NoEnvVar | FromEnvErrorKind::NoJobserver) => {
                Workers::local(most)
            }
            // There is a limit, and it cannot be asked: the rule lacks its `+`. make itself goes on with one job then.
            Err(_) => Workers::local(1),
        }
    }

    /// `most` at a time, whatever the environment says.
    pub fn local(most: usize) -> Workers {
        Workers { source: Arc::new(Source::Local(AtomicUsize::new(most.max(1) - 1))), most: most.max(1) }
    }

    /// Those of the process that has started this one; `lender` does not block.
    pub(super) fn borrowed(lender: OwnedFd, most: usize) -> Workers {
        Workers { source: Arc::new(Source::Parent(Borrower::new(lender, most - 1))), most }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Nobody waits: what is not free now may be in a moment.
    pub(super) fn token(&self) -> Option<Token<'_>> {
        match &*self.source {
            Source::Local(free) => {
                let taken = free.fetch_update(Ordering::Acquire, Ordering::Relaxed, |free| free.checked_sub(1));
                taken.is_ok().then(|| Token::Local(free))
            }
            // A pipe that has become unusable means no further token, not the end of the build.
            Source::Make(client) => {
                client.try_acquire().ok().flatten().map(|acquired| Token::Make { _acquired: acquired })
            }
            Source::Parent(parent) => parent.borrow().then(|| Token::Parent(parent)),
        }
    }

    pub(super) fn want_no_more(&self) {
        if let Source::Parent(parent) = &*self.source {
            parent.want_no_more();
        }
    }

    /// Does the work of every index below `count`, in this thread and in others while there are tokens. The first
    /// panic goes on in the caller.
    pub fn run_all<T: Send>(&self, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let queue = Queue::new(count);
        let helpers = count.min(self.most).saturating_sub(1);
        let mut done = std::thread::scope(|scope| {
            let help = || {
                let mut done = Vec::new();
                while let Some((index, _token)) = queue.next_with(|| self.token()) {
                    done.push((index, work(index)));
                }
                done
            };
            let builder = || std::thread::Builder::new().name("worker".to_owned()).stack_size(STACK_BYTES);
            // Without a thread for it the work is done here.
            let helpers: Vec<_> = (0..helpers).map_while(|_| builder().spawn_scoped(scope, help).ok()).collect();
            let mut done = Vec::new();
            while let Some(index) = queue.next() {
                done.push((index, work(index)));
            }
            for helper in helpers {
                done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            done
        });
        self.want_no_more();
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

impl Default for Workers {
    fn default() -> Workers {
        Workers::local(processors())
    }
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Indexes that nobody has taken yet.
struct Queue {
    next: Mutex<usize>,
    count: usize,
    emptied: Condvar,
}

impl Queue {
    fn new(count: usize) -> Queue {
        Queue { next: Mutex::new(0), count, emptied: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.next.lock().unwrap_or_else(|error| error.into_inner())
    }

    fn next(&self) -> Option<usize> {
        self.take(&mut self.lock())
    }

    fn take(&self, next: &mut usize) -> Option<usize> {
        let index = (*next < self.count).then_some(*next)?;
        *next += 1;
        if *next == self.count {
            self.emptied.notify_all();
        }
        Some(index)
    }

    /// The next index, as soon as there is a token for it too; `None` as soon as nothing is left.
    fn next_with<T>(&self, token: impl Fn() -> Option<T>) -> Option<(usize, T)> {
        let mut next = self.lock();
        while *next < self.count {
            if let Some(token) = token() {
                return self.take(&mut next).map(|index| (index, token));
            }
            next = match self.emptied.wait_timeout(next, NEXT_QUESTION) {
                Ok((next, _)) => next,
                Err(error) => error.into_inner().0,
            };
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The most that ran at once, and the results.
    pub(in crate::native) fn at_once(workers: &Workers, count: usize) -> (usize, Vec<usize>) {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results = workers.run_all(count, |index| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            running.fetch_sub(1, Ordering::SeqCst);
            index * 2
        });
        (most.into_inner(), results)
    }

    #[test]
    fn results_come_in_order_within_the_limit() {
        for limit in [1, 2, 3] {
            let (most, results) = at_once(&Workers::local(limit), 20);
            assert_eq!(results, (0..20).map(|index| index * 2).collect::<Vec<_>>());
            assert!(most <= limit, "{most} of {limit}");
        }
        assert_eq!(at_once(&Workers::local(2), 0), (0, Vec::new()));
    }

    #[test]
    fn nested_work_shares_the_tokens() {
        let workers = Workers::local(3);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        workers.run_all(4, |_| {
            workers.run_all(4, |_| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                running.fetch_sub(1, Ordering::SeqCst);
            })
        });
        assert!(most.into_inner() <= 3);
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn a_panic_goes_on_in_the_caller() {
        Workers::local(2).run_all(4, |index| assert_ne!(index, 2, "on purpose"));
    }
}
