//! Tokens of a build tool for a helper process, which can ask nobody but us.
//!
//! In: the two ends of a pair of sockets. Out: on our side [`lend`], which hands out tokens of our [`Workers`]; on the
//! helper's side a [`Borrower`]. A byte is a message; all that the helper has comes back when it hangs up:
//!
//! ```text
//! helper ? ──▶ one more, when there is one    helper - ──▶ given back    helper 0 ──▶ no more wanted
//! helper ◀── + one
//! ```

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::workers::{NEXT_QUESTION, Workers};

const WANTED: u8 = b'?';
const LENT: u8 = b'+';
const RETURNED: u8 = b'-';
const NONE_WANTED: u8 = b'0';

/// The answer of a process that waits for the question takes less.
const PATIENCE_MS: i32 = 1;

/// Until the helper hangs up.
pub(super) fn lend(workers: &Workers, mut helper: UnixStream) {
    let (mut wanted, mut lent, mut messages) = (0, Vec::new(), [0; 64]);
    loop {
        // A token that another process gives back wakes nobody here.
        let patience = (wanted > 0).then_some(NEXT_QUESTION);
        let read = helper.set_read_timeout(patience).and_then(|()| helper.read(&mut messages));
        let count = match read {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(_) => return,
        };
        for message in &messages[..count] {
            match *message {
                WANTED => wanted = workers.most().min(wanted + 1),
                RETURNED => drop(lent.pop()),
                _ => wanted = 0,
            }
        }
        while wanted > 0
            && let Some(token) = workers.token()
        {
            lent.push(token);
            wanted -= 1;
            if helper.write_all(&[LENT]).is_err() {
                return;
            }
        }
    }
}

/// The helper's end. Only `read`, `write` and `poll` are used: sockets have calls of their own, which it may not make.
#[derive(Debug)]
pub(super) struct Borrower {
    /// Does not block.
    lender: File,
    /// Questions without an answer.
    asked: AtomicUsize,
    most: usize,
}

impl Borrower {
    /// Asks for up to `most` at a time. `lender` does not block.
    pub(super) fn new(lender: OwnedFd, most: usize) -> Borrower {
        Borrower { lender: File::from(lender), asked: AtomicUsize::new(0), most }
    }

    /// A lender that is gone lends nothing.
    fn say(&self, message: u8) -> bool {
        (&self.lender).write(&[message]).is_ok_and(|count| count == 1)
    }

    fn take(&self) -> bool {
        let mut message = [0];
        let came = (&self.lender).read(&mut message).is_ok_and(|count| count == 1);
        if came {
            let less = |asked: usize| Some(asked.saturating_sub(1));
            let _ = self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
        came
    }

    /// Whether there is a token now.
    pub(super) fn borrow(&self) -> bool {
        let more = |asked: usize| (asked < self.most).then_some(asked + 1);
        self.take()
            || self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
                && self.say(WANTED)
                && self.wait()
                && self.take()
    }

    fn wait(&self) -> bool {
        let mut ready = libc::pollfd { fd: self.lender.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid structure.
        unsafe { libc::poll(&raw mut ready, 1, PATIENCE_MS) == 1 }
    }

    pub(super) fn give_back(&self) {
        self.say(RETURNED);
    }

    /// Nothing is left to do for those that were asked for. One that is on its way serves the next time.
    pub(super) fn want_no_more(&self) {
        if self.asked.swap(0, Ordering::Relaxed) > 0 {
            self.say(NONE_WANTED);
        }
        while self.take() {
            self.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::workers::tests::at_once;
    use super::*;

    /// Our tokens, lent to the workers of a helper while `work` runs.
    fn with_helper(own: &Workers, work: impl FnOnce(Workers)) {
        let (lender, borrower) = UnixStream::pair().unwrap();
        borrower.set_nonblocking(true).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| lend(own, lender));
            work(Workers::borrowed(borrower.into(), 3));
        });
    }

    fn wait_until(what: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !what() {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn tokens_are_lent_and_come_back() {
        let own = Workers::local(3);
        with_helper(&own, |workers| {
            let borrow = || std::iter::repeat_with(|| workers.token()).take(500).flatten().next();
            let both = (borrow().unwrap(), borrow().unwrap());
            assert!(own.token().is_none());
            drop(both);
            workers.want_no_more();
            wait_until(|| {
                let tokens = (own.token(), own.token());
                tokens.0.is_some() && tokens.1.is_some()
            });
            // Kept: the helper ends with it.
            std::mem::forget(borrow().unwrap());
        });
        let all = (own.token(), own.token(), own.token());
        assert!(all.0.is_some() && all.1.is_some() && all.2.is_none());
    }

    #[test]
    fn a_helper_works_on_more_threads_while_there_are_tokens() {
        let own = Workers::local(2);
        with_helper(&own, |workers| {
            for _ in 0..20 {
                assert!(at_once(&workers, 20).0 <= 2);
            }
        });
    }

    #[test]
    fn without_a_lender_one_thread_works() {
        let (lender, borrower) = UnixStream::pair().unwrap();
        borrower.set_nonblocking(true).unwrap();
        drop(lender);
        let workers = Workers::borrowed(borrower.into(), 3);
        assert!(workers.token().is_none());
        assert_eq!(workers.run_all(3, |index| index), [0, 1, 2]);
    }
}
