//! Marking by several threads: the collecting one, and those that wait for the end of the collection.
//!
//! In: marked objects that have not been scanned. Out: everything reachable from them is marked. Objects travel between
//! threads in packets. A thread without work waits for a packet until no thread has work. Only for collections that move
//! nothing: a mark bit then decides who scans an object, and nobody writes to objects.
//! Deliberately not here: minor collections, which are short.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::heap::{BLOCK_SHIFT, Block, LINE_SHIFT, LINES};
use super::object::Types;
use crate::abi::LARGE_OBJECT_BYTES;

/// Objects of a packet.
const PACKET: usize = 256;
/// A thread with more objects than this gives some away.
const PLENTY: usize = 2 * PACKET;

/// Where the marks are, for all threads.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) base: usize,
    pub(crate) bytes: usize,
    pub(crate) marks: *mut u64,
    pub(crate) blocks: *mut Block,
    pub(crate) types: Types,
}

struct Pool {
    tables: Option<Tables>,
    packets: Vec<Vec<usize>>,
}

// SAFETY: the addresses are those of the heap, which lives as long as the process.
unsafe impl Send for Pool {}

static POOL: Mutex<Pool> = Mutex::new(Pool { tables: None, packets: Vec::new() });
/// Threads may join.
static OPEN: AtomicBool = AtomicBool::new(false);
/// Threads that have joined, and those among them that have objects.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
static WORKING: AtomicUsize = AtomicUsize::new(0);
/// Packets in the pool, to be read without the lock.
static WAITING: AtomicUsize = AtomicUsize::new(0);
static OBJECTS: AtomicU64 = AtomicU64::new(0);

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks what is reachable from `objects`, together with the threads that `invite` wakes. The result is the number of objects.
///
/// # Safety
/// The world is stopped; the objects are marked and lie in the heap of the tables, where nothing moves.
pub(crate) unsafe fn mark(tables: Tables, objects: &[usize], invite: fn()) -> u64 {
    OBJECTS.store(0, Ordering::Relaxed);
    {
        let mut pool = pool();
        pool.tables = Some(tables);
        pool.packets.extend(objects.chunks(PACKET).map(<[usize]>::to_vec));
        WAITING.store(pool.packets.len(), Ordering::Relaxed);
    }
    WORKING.store(1, Ordering::SeqCst);
    OPEN.store(true, Ordering::SeqCst);
    invite();
    // SAFETY: forwarded.
    unsafe { Worker { tables, own: Vec::new(), objects: 0 }.work() };
    OPEN.store(false, Ordering::SeqCst);
    while INSIDE.load(Ordering::SeqCst) != 0 {
        std::thread::yield_now();
    }
    OBJECTS.load(Ordering::Relaxed)
}

/// Takes part in a marking, if there is one; false: there is none. Called by threads that wait for the end of a collection.
pub(crate) fn help() -> bool {
    if !OPEN.load(Ordering::SeqCst) {
        return false;
    }
    INSIDE.fetch_add(1, Ordering::SeqCst);
    // Seen open from the inside, it ends only after this thread has left.
    let is_open = OPEN.load(Ordering::SeqCst);
    if is_open && let Some(tables) = { pool().tables } {
        WORKING.fetch_add(1, Ordering::SeqCst);
        // SAFETY: `mark` waits for this thread, and its caller keeps the world stopped.
        unsafe { Worker { tables, own: Vec::new(), objects: 0 }.work() };
    }
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    is_open
}

struct Worker {
    tables: Tables,
    own: Vec<usize>,
    objects: u64,
}

impl Worker {
    /// Until no thread has work. This one counts as working when it is called.
    unsafe fn work(mut self) {
        loop {
            while let Some(object) = self.own.pop() {
                // SAFETY: objects of packets are marked objects of the heap.
                unsafe { self.scan(object) };
                if self.own.len() > PLENTY && WAITING.load(Ordering::Relaxed) == 0 {
                    self.give();
                }
            }
            if !self.take() {
                break;
            }
        }
        OBJECTS.fetch_add(self.objects, Ordering::Relaxed);
    }

    fn give(&mut self) {
        let packet: Vec<usize> = self.own.drain(..PACKET).collect();
        let mut pool = pool();
        pool.packets.push(packet);
        WAITING.store(pool.packets.len(), Ordering::Relaxed);
    }

    /// The next packet; false: nobody has work any more.
    fn take(&mut self) -> bool {
        loop {
            {
                let mut pool = pool();
                if let Some(packet) = pool.packets.pop() {
                    WAITING.store(pool.packets.len(), Ordering::Relaxed);
                    self.own = packet;
                    return true;
                }
                // Under the lock: whoever sees that nobody works also sees that there is no packet.
                WORKING.fetch_sub(1, Ordering::SeqCst);
            }
            loop {
                if WAITING.load(Ordering::Relaxed) > 0 {
                    WORKING.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                if WORKING.load(Ordering::SeqCst) == 0 {
                    return false;
                }
                std::thread::yield_now();
            }
        }
    }

    unsafe fn scan(&mut self, object: usize) {
        self.objects += 1;
        let tables = self.tables;
        // SAFETY: marked objects are complete objects of the heap.
        unsafe {
            let header = *(object as *const u64);
            let size = tables.types.size(object, header);
            if size <= LARGE_OBJECT_BYTES as usize {
                tables.mark_lines(object, size);
            }
            tables.types.for_each_slot(object, header, |slot| {
                let reference = *slot;
                if reference.wrapping_sub(tables.base) < tables.bytes && tables.mark(reference) {
                    self.own.push(reference);
                }
            });
        }
    }
}

/// Sets bits; false if they were set.
#[inline]
unsafe fn set(word: *mut u64, bits: u64) -> bool {
    // SAFETY: a word of a table, which all threads change in this way.
    let word = unsafe { AtomicU64::from_ptr(word) };
    word.load(Ordering::Relaxed) & bits != bits && word.fetch_or(bits, Ordering::Relaxed) & bits != bits
}

impl Tables {
    /// True: this thread was the first.
    #[inline]
    unsafe fn mark(&self, object: usize) -> bool {
        let granule = (object - self.base) >> 3;
        // SAFETY: the table has a bit for every granule.
        unsafe { set(self.marks.add(granule >> 6), 1 << (granule & 63)) }
    }

    #[inline]
    unsafe fn mark_lines(&self, object: usize, size: usize) {
        let offset = object - self.base;
        let first = (offset >> LINE_SHIFT) % LINES;
        let last = ((offset + size - 1) >> LINE_SHIFT) % LINES;
        // SAFETY: a small object lies in one block.
        unsafe {
            let lines = (&raw mut (*self.blocks.add(offset >> BLOCK_SHIFT)).lines).cast::<u64>();
            for line in first..=last {
                set(lines.add(line / 64), 1 << (line % 64));
            }
        }
    }
}
