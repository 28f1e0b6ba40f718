//! The memory that a program shares with one worker, and whose turn it is.
//!
//! ```text
//!   | magic, parent | turn | sleeps | left, len | data … |        one sealed memfd, never larger or smaller
//!
//!   turn:  STARTING --worker--> PARENT --request--> WORKER --answer--> PARENT …
//!          any --the worker has died--> DEAD
//! ```
//!
//! In: messages of any length. Out: the same on the other side, in pieces of [`DATA_BYTES`]; who gets a piece with more to
//! come gives the turn back for the next. Whoever waits spins for a moment, since most calls are short, and sleeps then.
//! The worker's side of it is in the hands of C code that may have gone mad: the parent takes nothing on trust, copies
//! before it looks, and finds at worst a wrong answer. Deliberately not here: what messages mean.

use core::ptr::null;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Also a version: both sides are the same executable, but a descriptor may be anybody's.
const MAGIC: u64 = 0x434f_4558_574b_3031;
pub(crate) const BLOCK_BYTES: usize = 128 << 10;
const DATA_BYTES: usize = BLOCK_BYTES - 64;
/// About ten microseconds: several times what a short call takes.
const SPINS: u32 = 300;

pub(crate) mod turn {
    pub(crate) const STARTING: u32 = 0;
    pub(crate) const PARENT: u32 = 1;
    pub(crate) const WORKER: u32 = 2;
    pub(crate) const DEAD: u32 = 3;
}

#[repr(C)]
pub(crate) struct Block {
    magic: u64,
    parent: u32,
    turn: AtomicU32,
    /// Who waits for its turn in a sleep, by [`turn`].
    sleeps: [AtomicU32; 4],
    /// Bytes of the message behind this piece.
    left: AtomicU64,
    /// Bytes of this piece.
    len: AtomicU64,
    reserved: [u64; 2],
    data: [u8; DATA_BYTES],
}

const _: () = assert!(size_of::<Block>() == BLOCK_BYTES);

/// Why a wait or a message came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// The other side is gone, or was left.
    Gone,
    /// What is there cannot be.
    Damaged,
}

impl Block {
    /// # Safety
    /// `block` is a fresh mapping.
    pub(crate) unsafe fn prepare(block: *mut Block, parent: u32) {
        // SAFETY: the caller's promise; all other words are zero.
        unsafe {
            (*block).magic = MAGIC;
            (*block).parent = parent;
        }
    }

    /// Not just any memory.
    pub(crate) fn is_one(&self) -> bool {
        self.magic == MAGIC
    }

    pub(crate) fn is_for(&self, parent: u32) -> bool {
        self.parent == parent
    }

    /// Gives the other side its turn.
    pub(crate) fn give(&self, to: u32) {
        self.turn.store(to, Ordering::SeqCst);
        if self.sleeps[to as usize].load(Ordering::SeqCst) != 0 {
            futex(&self.turn, libc::FUTEX_WAKE, i32::MAX as u32);
        }
    }

    /// Nobody gives the parent its turn any more.
    pub(crate) fn end(&self) {
        self.turn.store(turn::DEAD, Ordering::SeqCst);
        futex(&self.turn, libc::FUTEX_WAKE, i32::MAX as u32);
    }

    /// Waits until it is this side's turn. `is_over` is asked before each sleep.
    pub(crate) fn wait(&self, mine: u32, is_over: impl Fn() -> bool) -> Result<(), Broken> {
        for _ in 0..spins() {
            if self.turn.load(Ordering::Acquire) == mine {
                return Ok(());
            }
            core::hint::spin_loop();
        }
        let other = if mine == turn::PARENT { turn::WORKER } else { turn::PARENT };
        let sleeps = &self.sleeps[mine as usize];
        loop {
            sleeps.store(1, Ordering::SeqCst);
            let seen = self.turn.load(Ordering::SeqCst);
            let ended = match seen {
                _ if seen == mine => Some(Ok(())),
                turn::DEAD => Some(Err(Broken::Gone)),
                _ if seen != other && seen != turn::STARTING => Some(Err(Broken::Damaged)),
                _ => is_over().then_some(Err(Broken::Gone)),
            };
            if let Some(ended) = ended {
                sleeps.store(0, Ordering::Relaxed);
                return ended;
            }
            futex(&self.turn, libc::FUTEX_WAIT, seen);
        }
    }

    /// Sends a message; it is the other side's turn then.
    pub(crate) fn send(&self, message: &[u8], mine: u32, is_over: impl Fn() -> bool) -> Result<(), Broken> {
        let other = if mine == turn::PARENT { turn::WORKER } else { turn::PARENT };
        let mut rest = message;
        loop {
            let (piece, behind) = rest.split_at(rest.len().min(DATA_BYTES));
            // SAFETY: the piece fits; it is this side's turn.
            unsafe { core::ptr::copy_nonoverlapping(piece.as_ptr(), self.data().cast_mut(), piece.len()) };
            self.len.store(piece.len() as u64, Ordering::Relaxed);
            self.left.store(behind.len() as u64, Ordering::Relaxed);
            self.give(other);
            if behind.is_empty() {
                return Ok(());
            }
            self.wait(mine, &is_over)?;
            rest = behind;
        }
    }

    /// Waits for a message of at most `most` bytes.
    pub(crate) fn receive(
        &self,
        message: &mut Vec<u8>,
        most: usize,
        mine: u32,
        is_over: impl Fn() -> bool,
    ) -> Result<(), Broken> {
        let other = if mine == turn::PARENT { turn::WORKER } else { turn::PARENT };
        message.clear();
        loop {
            self.wait(mine, &is_over)?;
            let (len, left) = (self.len.load(Ordering::Relaxed), self.left.load(Ordering::Relaxed));
            let len = len as usize;
            let room = most.saturating_sub(message.len());
            let wanted = len.saturating_add(usize::try_from(left).unwrap_or(usize::MAX));
            if len > DATA_BYTES || wanted > room || crate::rust_heap::may_fail(|| message.try_reserve(wanted)).is_err()
            {
                return Err(Broken::Damaged);
            }
            // SAFETY: room was made. The other side may still write, so this is a copy that nothing was read from yet.
            unsafe {
                core::ptr::copy_nonoverlapping(self.data(), message.as_mut_ptr().add(message.len()), len);
                message.set_len(message.len() + len);
            }
            fence(Ordering::SeqCst);
            if left == 0 {
                return Ok(());
            }
            self.give(other);
        }
    }

    fn data(&self) -> *const u8 {
        (&raw const self.data).cast()
    }
}

/// Where there is one processor, whoever spins keeps the other side from working.
fn spins() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(u32::MAX);
    let known = COUNT.load(Ordering::Relaxed);
    if known != u32::MAX {
        return known;
    }
    // SAFETY: a structure of ours; where the system knows nothing, nobody spins.
    let processors = unsafe {
        let mut set: libc::cpu_set_t = core::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        libc::CPU_COUNT(&set)
    };
    let count = if processors > 1 { SPINS } else { 0 };
    COUNT.store(count, Ordering::Relaxed);
    count
}

/// Between processes, unlike those of the scheduler.
fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word outlives the call; EINTR and EAGAIN are looked at by the caller's loop.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, null::<libc::timespec>()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> &'static Block {
        // SAFETY: a fresh zeroed mapping, never given back.
        unsafe {
            let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let block = libc::mmap(core::ptr::null_mut(), BLOCK_BYTES, protection, flags, -1, 0).cast::<Block>();
            Block::prepare(block, 7);
            &*block
        }
    }

    /// Sends back what it gets, until the block ends.
    fn echo(block: &'static Block) -> std::thread::JoinHandle<()> {
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while block.receive(&mut message, usize::MAX, turn::WORKER, || false).is_ok() {
                if block.send(&message, turn::WORKER, || false).is_err() {
                    return;
                }
            }
        })
    }

    #[test]
    fn messages_of_every_length_arrive() {
        let block = block();
        assert!(block.is_one() && block.is_for(7) && !block.is_for(8));
        let other = echo(block);
        for len in [0, 1, DATA_BYTES - 1, DATA_BYTES, DATA_BYTES + 1, 3 * DATA_BYTES + 17] {
            let message: Vec<u8> = (0..len).map(|at| (at * 31) as u8).collect();
            let mut answer = Vec::new();
            assert_eq!(block.send(&message, turn::PARENT, || false), Ok(()));
            assert_eq!(block.receive(&mut answer, len, turn::PARENT, || false), Ok(()));
            assert_eq!(answer, message);
        }
        block.end();
        other.join().expect("no panic");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let block = block();
        let mut answer = Vec::new();
        for (len, left, most) in [
            (DATA_BYTES as u64 + 1, 0, usize::MAX),
            (10, 0, 9),
            (10, u64::MAX, usize::MAX),
            (u64::MAX, u64::MAX, usize::MAX),
        ] {
            block.len.store(len, Ordering::Relaxed);
            block.left.store(left, Ordering::Relaxed);
            block.turn.store(turn::PARENT, Ordering::SeqCst);
            assert_eq!(block.receive(&mut answer, most, turn::PARENT, || false), Err(Broken::Damaged));
        }
        block.turn.store(99, Ordering::SeqCst);
        assert_eq!(block.wait(turn::PARENT, || false), Err(Broken::Damaged));
        block.turn.store(turn::WORKER, Ordering::SeqCst);
        assert_eq!(block.wait(turn::PARENT, || true), Err(Broken::Gone));
        block.end();
        assert_eq!(block.wait(turn::PARENT, || false), Err(Broken::Gone));
    }
}
