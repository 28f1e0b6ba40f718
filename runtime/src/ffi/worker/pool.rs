//! Worker processes: a few fresh ones wait ahead, each serves one root, then it is killed.
//!
//! In: roots that need one. Out: workers that are ready. One thread, the *nurse*, starts them, so that their parent lives as
//! long as the process does (the system kills a worker with the thread that made it), and buries them: it learns of each
//! end through a descriptor, wakes whoever waits for an answer, and leaves no zombie. It begins with the first root that
//! needs a worker. Deliberately not here: what is said to workers (`call`), what they are (`serve`).

use core::ffi::c_char;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::block::{BLOCK_BYTES, Block, turn};
use super::message::Message;
use super::{BLOCK_DESCRIPTOR, VARIABLE};
use crate::ffi::blocking;
use crate::ffi::limits::{self, Exhausted};
use crate::io::errno;
use crate::program;
use crate::sched::thread::{futex_wait, futex_wake};

/// Fresh workers that are kept ahead, unless `COEX_FFI_POOL` says otherwise.
const AHEAD: u64 = 2;
/// Workers at a time, unless `COEX_FFI_MAX_WORKERS` says otherwise.
const MOST: u64 = 256;
/// How often a waiting root looks whether it is still wanted; it is woken before.
const PATIENCE_NS: u64 = 100_000_000;

/// One worker process, as its parent sees it.
pub(crate) struct Worker {
    block: *mut Block,
    process: OwnedFd,
    is_dead: AtomicBool,
    /// Nobody wants it any more.
    is_released: AtomicBool,
    /// As `waitid` tells it: how it ended, and with what.
    end: [AtomicI32; 2],
    /// Its root has something to do at its end.
    pub(crate) needs_end: AtomicBool,
    message: UnsafeCell<Message>,
}

// SAFETY: the message belongs to the one call that runs; all else is atomic or constant.
unsafe impl Send for Worker {}
// SAFETY: as above.
unsafe impl Sync for Worker {}

impl Worker {
    pub(crate) fn block(&self) -> &Block {
        // SAFETY: mapped as long as the worker is known.
        unsafe { &*self.block }
    }

    /// The message of the call that runs.
    pub(crate) fn message(&self) -> *mut Message {
        self.message.get()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Acquire)
    }

    /// How it ended: `CLD_EXITED` and the status, or another code and the signal.
    pub(crate) fn end(&self) -> (i32, i32) {
        (self.end[0].load(Ordering::Relaxed), self.end[1].load(Ordering::Relaxed))
    }

    /// Ends the process, now. It may have ended by itself.
    pub(crate) fn kill(&self) {
        self.is_released.store(true, Ordering::Relaxed);
        let no_info = null_mut::<libc::siginfo_t>();
        // SAFETY: a system call on a descriptor of ours, which names this process and no later one.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.process.as_raw_fd(), libc::SIGKILL, no_info, 0) };
    }

    /// After the end of the process.
    fn bury(&self) {
        // SAFETY: a structure of ours.
        unsafe {
            let mut info: libc::siginfo_t = core::mem::zeroed();
            let process = self.process.as_raw_fd() as libc::id_t;
            if libc::waitid(libc::P_PIDFD, process, &raw mut info, libc::WEXITED) == 0 {
                self.end[0].store(info.si_code, Ordering::Relaxed);
                self.end[1].store(info.si_status(), Ordering::Relaxed);
            }
        }
        self.is_dead.store(true, Ordering::Release);
        self.block().end();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // SAFETY: nobody knows the mapping any more.
        unsafe { libc::munmap(self.block.cast(), BLOCK_BYTES) };
    }
}

struct Pool {
    fresh: VecDeque<Arc<Worker>>,
    alive: Vec<Arc<Worker>>,
    /// Roots that wait for a worker.
    wanted: usize,
    /// Counts the times that the system, or the limit, refused one.
    refusals: u64,
    has_nurse: bool,
    /// The program ends.
    is_closed: bool,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    fresh: VecDeque::new(),
    alive: Vec::new(),
    wanted: 0,
    refusals: 0,
    has_nurse: false,
    is_closed: false,
});
/// Counts changes of the pool that waiting roots may like.
static CHANGES: AtomicU32 = AtomicU32::new(0);
/// The nurse sleeps on this descriptor, among others.
static BELL: AtomicI32 = AtomicI32::new(-1);

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell_waiting() {
    CHANGES.fetch_add(1, Ordering::Release);
    futex_wake(&CHANGES, i32::MAX);
}

fn ring() {
    let one = 1u64;
    // SAFETY: eight bytes for an event counter.
    unsafe { libc::write(BELL.load(Ordering::Acquire), (&raw const one).cast(), 8) };
}

/// A worker that is ready, for one root.
pub(super) fn acquire() -> Result<Arc<Worker>, Exhausted> {
    if limits::injected_failure() {
        return Err(Exhausted::Worker);
    }
    let worker = take()?;
    let is_over = || worker.is_dead() || blocking::is_abandoned();
    match worker.block().wait(turn::PARENT, is_over) {
        Ok(()) => Ok(worker),
        Err(_) => {
            worker.kill();
            Err(Exhausted::Worker)
        }
    }
}

fn take() -> Result<Arc<Worker>, Exhausted> {
    let mut pool = pool();
    if !pool.has_nurse {
        start_nurse()?;
        pool.has_nurse = true;
    }
    let refusals = pool.refusals;
    pool.wanted += 1;
    let taken = loop {
        if let Some(worker) = pool.fresh.pop_front() {
            break Ok(worker);
        }
        if pool.refusals != refusals || pool.is_closed || blocking::is_abandoned() {
            break Err(Exhausted::Worker);
        }
        let seen = CHANGES.load(Ordering::Acquire);
        drop(pool);
        ring();
        futex_wait(&CHANGES, seen, Some(PATIENCE_NS));
        pool = self::pool();
    };
    pool.wanted -= 1;
    drop(pool);
    ring();
    taken
}

fn start_nurse() -> Result<(), Exhausted> {
    // SAFETY: a fresh descriptor.
    let bell = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if bell < 0 {
        return Err(Exhausted::Worker);
    }
    BELL.store(bell, Ordering::Release);
    let environment = environment();
    let nurse = std::thread::Builder::new().stack_size(256 << 10).spawn(move || nurse(bell, &environment));
    if nurse.is_err() {
        // SAFETY: nobody else knows it.
        unsafe { libc::close(bell) };
        return Err(Exhausted::Worker);
    }
    Ok(())
}

/// The program's own, and the mark.
fn environment() -> Vec<CString> {
    let own = std::env::vars_os().filter(|(name, _)| name != VARIABLE);
    let line = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
    };
    let mark = CString::new(format!("{VARIABLE}={BLOCK_DESCRIPTOR}")).ok();
    own.filter_map(line).chain(mark).collect()
}

// ------------------------------------------------------------------------------------------------- the nurse's thread

/// Events that are no worker's end.
const BELL_EVENT: u64 = u64::MAX;

fn nurse(bell: i32, environment: &[CString]) {
    let environment: Vec<*mut c_char> =
        environment.iter().map(|line| line.as_ptr().cast_mut()).chain([null_mut()]).collect();
    // SAFETY: descriptors and structures of this thread.
    unsafe {
        // Signals that a handler of the program answers are for its other threads.
        let mut all: libc::sigset_t = core::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, null_mut());
    }
    // SAFETY: a fresh descriptor.
    let events = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    watch(events, bell, BELL_EVENT);
    let (ahead, most) = (
        limits::variable(c"COEX_FFI_POOL").unwrap_or(AHEAD) as usize,
        limits::variable(c"COEX_FFI_MAX_WORKERS").unwrap_or(MOST).max(1) as usize,
    );
    loop {
        refill(events, ahead.min(most), most, &environment);
        let mut happened = [libc::epoll_event { events: 0, u64: 0 }; 16];
        // SAFETY: room for 16 events.
        let count = unsafe { libc::epoll_wait(events, happened.as_mut_ptr(), 16, -1) };
        for event in happened.iter().take(count.max(0) as usize) {
            if event.u64 == BELL_EVENT {
                let mut rings = 0u64;
                // SAFETY: eight bytes of an event counter.
                unsafe { libc::read(bell, (&raw mut rings).cast(), 8) };
            } else {
                bury(events, event.u64 as i32);
            }
        }
    }
}

fn watch(events: i32, descriptor: i32, name: u64) -> bool {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: name };
    // SAFETY: descriptors of ours.
    unsafe { libc::epoll_ctl(events, libc::EPOLL_CTL_ADD, descriptor, &raw mut event) == 0 }
}

/// Starts workers until enough wait. A refusal ends the patience of the roots that wait.
fn refill(events: i32, ahead: usize, most: usize, environment: &[*mut c_char]) {
    loop {
        {
            let mut pool = pool();
            if pool.is_closed || pool.fresh.len() >= ahead + pool.wanted {
                return;
            }
            let in_use = pool.alive.iter().filter(|worker| !worker.is_released.load(Ordering::Relaxed)).count();
            if in_use >= most {
                if pool.wanted > 0 && pool.fresh.is_empty() {
                    pool.refusals += 1;
                    drop(pool);
                    tell_waiting();
                }
                return;
            }
        }
        // The descriptor serves as name: it is closed after the last event.
        let worker = spawn(environment).filter(|worker| {
            let process = worker.process.as_raw_fd();
            watch(events, process, process as u64)
        });
        let mut pool = pool();
        let is_refused = match worker {
            Some(worker) => {
                let worker = Arc::new(worker);
                pool.alive.push(worker.clone());
                pool.fresh.push_back(worker);
                false
            }
            None => {
                pool.refusals += 1;
                true
            }
        };
        drop(pool);
        tell_waiting();
        if is_refused {
            return;
        }
    }
}

fn bury(events: i32, process: i32) {
    // It would be reported for as long as an instance holds it.
    // SAFETY: descriptors of ours.
    unsafe { libc::epoll_ctl(events, libc::EPOLL_CTL_DEL, process, null_mut()) };
    let worker = {
        let mut pool = pool();
        let Some(at) = pool.alive.iter().position(|worker| worker.process.as_raw_fd() == process) else { return };
        let worker = pool.alive.swap_remove(at);
        pool.fresh.retain(|fresh| !Arc::ptr_eq(fresh, &worker));
        worker
    };
    worker.bury();
}

/// This executable once more, with the block as its descriptor [`BLOCK_DESCRIPTOR`].
fn spawn(environment: &[*mut c_char]) -> Option<Worker> {
    // SAFETY: descriptors and mappings are ours until somebody gets them; the structures are prepared by their functions.
    unsafe {
        let memory = libc::memfd_create(c"coex-ffi-worker".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
        if memory < 0 {
            return None;
        }
        let memory = OwnedFd::from_raw_fd(memory);
        // A worker that made it smaller would make this process fault.
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        if libc::ftruncate(memory.as_raw_fd(), BLOCK_BYTES as i64) != 0
            || libc::fcntl(memory.as_raw_fd(), libc::F_ADD_SEALS, seals) != 0
        {
            return None;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let block = libc::mmap(null_mut(), BLOCK_BYTES, protection, libc::MAP_SHARED, memory.as_raw_fd(), 0);
        if block == libc::MAP_FAILED {
            return None;
        }
        Block::prepare(block.cast(), libc::getpid() as u32);
        let Some(process) = execute(memory.as_raw_fd(), environment) else {
            libc::munmap(block, BLOCK_BYTES);
            return None;
        };
        Some(Worker {
            block: block.cast(),
            process,
            is_dead: AtomicBool::new(false),
            is_released: AtomicBool::new(false),
            end: [const { AtomicI32::new(0) }; 2],
            needs_end: AtomicBool::new(false),
            message: UnsafeCell::new(Message::new()),
        })
    }
}

unsafe fn execute(memory: i32, environment: &[*mut c_char]) -> Option<OwnedFd> {
    // SAFETY: the structures are prepared and freed by their functions; the vectors end with null.
    unsafe {
        let mut actions: libc::posix_spawn_file_actions_t = core::mem::zeroed();
        let mut attributes: libc::posix_spawnattr_t = core::mem::zeroed();
        if libc::posix_spawn_file_actions_init(&raw mut actions) != 0 {
            return None;
        }
        if libc::posix_spawnattr_init(&raw mut attributes) != 0 {
            libc::posix_spawn_file_actions_destroy(&raw mut actions);
            return None;
        }
        libc::posix_spawn_file_actions_adddup2(&raw mut actions, memory, BLOCK_DESCRIPTOR);
        let mut none: libc::sigset_t = core::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::posix_spawnattr_setsigmask(&raw mut attributes, &raw const none);
        libc::posix_spawnattr_setflags(&raw mut attributes, libc::POSIX_SPAWN_SETSIGMASK as i16);
        let (count, own) = program::arguments();
        let name = if count > 0 { *own } else { c"coex".as_ptr() };
        let arguments = [name.cast_mut(), c"(C library)".as_ptr().cast_mut(), null_mut()];
        let mut pid: libc::pid_t = 0;
        let refused = libc::posix_spawn(
            &raw mut pid,
            c"/proc/self/exe".as_ptr(),
            &raw const actions,
            &raw const attributes,
            arguments.as_ptr(),
            environment.as_ptr(),
        );
        libc::posix_spawnattr_destroy(&raw mut attributes);
        libc::posix_spawn_file_actions_destroy(&raw mut actions);
        if refused != 0 {
            return None;
        }
        let process = libc::syscall(libc::SYS_pidfd_open, pid, 0) as i32;
        if process < 0 {
            libc::kill(pid, libc::SIGKILL);
            while libc::waitpid(pid, null_mut(), 0) < 0 && errno() == libc::EINTR {}
            return None;
        }
        Some(OwnedFd::from_raw_fd(process))
    }
}

/// Ends all workers: the program ends.
pub(crate) fn close() {
    let alive = {
        let mut pool = pool();
        pool.is_closed = true;
        pool.fresh.clear();
        core::mem::take(&mut pool.alive)
    };
    for worker in &alive {
        worker.kill();
    }
    for worker in &alive {
        worker.bury();
    }
}
