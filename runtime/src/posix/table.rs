//! The table of open files.
//!
//! In: paths, tokens. Out: bytes, errno values. A token is an index and the generation of its row, so that one kept
//! after `close` never reaches a file opened later. Each file has one input buffer; the position that the program sees
//! is the system's minus what the buffer still holds. A file serves one task at a time; who waits for it, or for the system,
//! does so outside Coex code (`ffi::blocking`), and a read that is cancelled has taken nothing.

use crate::abi::Fiber;
use crate::ffi::blocking;
use crate::io::{errno, wait_for, write_all};
use core::ffi::CStr;
use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// Bytes asked of the system at once.
const CHUNK: usize = 64 * 1024;

/// An open descriptor with what was read ahead.
pub(super) struct File {
    descriptor: i32,
    seekable: bool,
    ahead: Vec<u8>,
    /// Bytes of `ahead` that the program has taken.
    taken: usize,
}

type Shared = Arc<Mutex<File>>;

struct Row {
    generation: u32,
    file: Option<Shared>,
}

static TABLE: Mutex<Vec<Row>> = Mutex::new(Vec::new());

impl File {
    fn new(descriptor: i32) -> File {
        // SAFETY: asking for the position changes nothing.
        let seekable = unsafe { libc::lseek(descriptor, 0, libc::SEEK_CUR) } >= 0;
        File { descriptor, seekable, ahead: Vec::new(), taken: 0 }
    }

    fn buffered(&self) -> usize {
        self.ahead.len() - self.taken
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.ahead[self.taken..self.taken + count].to_vec();
        self.taken += count;
        if self.buffered() == 0 {
            self.discard();
        }
        taken
    }

    fn discard(&mut self) {
        self.ahead.clear();
        self.taken = 0;
    }

    /// Reads up to `count` bytes behind `buffer`; 0 at the end of the file. Of what may block nothing is taken before it is
    /// there.
    fn fill(descriptor: i32, is_seekable: bool, buffer: &mut Vec<u8>, count: usize) -> Result<usize, i32> {
        buffer.reserve(count);
        loop {
            if !is_seekable && !wait_for(descriptor, libc::POLLIN) {
                return Err(libc::ECANCELED);
            }
            // SAFETY: `count` bytes are reserved behind the length.
            let read = unsafe { libc::read(descriptor, buffer.as_mut_ptr().add(buffer.len()).cast(), count) };
            if read >= 0 {
                // SAFETY: the system has written them.
                unsafe { buffer.set_len(buffer.len() + read as usize) };
                return Ok(read as usize);
            }
            match errno() {
                libc::EINTR | libc::EAGAIN => {}
                error => return Err(error),
            }
        }
    }

    /// Up to `count` bytes. Files give as many as they have, others what is there.
    pub(super) fn read(&mut self, count: usize) -> Result<Vec<u8>, i32> {
        let mut bytes = self.take(self.buffered().min(count));
        while bytes.len() < count && (bytes.is_empty() || self.seekable) {
            let missing = (count - bytes.len()).min(CHUNK.max(bytes.len()));
            if File::fill(self.descriptor, self.seekable, &mut bytes, missing)? == 0 {
                break;
            }
        }
        Ok(bytes)
    }

    /// Nobody waits for these bytes any more: the next reader gets them.
    fn put_back(&mut self, bytes: &[u8]) {
        let taken = self.taken;
        self.ahead.splice(..taken, bytes.iter().copied());
        self.taken = 0;
    }

    /// [`File::read`] for a task that may be cancelled.
    pub(super) fn read_for(&mut self, count: usize) -> Result<Vec<u8>, i32> {
        let bytes = self.read(count)?;
        if blocking::is_abandoned() {
            self.put_back(&bytes);
            return Err(libc::ECANCELED);
        }
        Ok(bytes)
    }

    /// The next line, if the buffer has it.
    pub(super) fn line_at_hand(&mut self) -> Option<Vec<u8>> {
        let position = self.ahead[self.taken..].iter().position(|&byte| byte == b'\n')?;
        Some(self.take_line(position))
    }

    fn take_line(&mut self, position: usize) -> Vec<u8> {
        let mut line = self.take(position + 1);
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        line
    }

    pub(super) fn read_all(&mut self) -> Result<Vec<u8>, i32> {
        let mut bytes = self.take(self.buffered());
        while File::fill(self.descriptor, self.seekable, &mut bytes, CHUNK)? > 0 {}
        Ok(bytes)
    }

    /// The next line without its end, or `None` at the end of the file.
    pub(super) fn read_line(&mut self) -> Result<Option<Vec<u8>>, i32> {
        let mut searched = 0;
        loop {
            let fresh = &self.ahead[self.taken + searched..];
            if let Some(position) = fresh.iter().position(|&byte| byte == b'\n') {
                return Ok(Some(self.take_line(searched + position)));
            }
            searched = self.buffered();
            if self.taken > CHUNK {
                self.ahead.drain(..self.taken);
                self.taken = 0;
            }
            if File::fill(self.descriptor, self.seekable, &mut self.ahead, CHUNK)? == 0 {
                let rest = self.take(self.buffered());
                return Ok((!rest.is_empty()).then_some(rest));
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), i32> {
        if self.seekable && self.buffered() > 0 {
            // SAFETY: a system call on a number.
            if unsafe { libc::lseek(self.descriptor, -(self.buffered() as i64), libc::SEEK_CUR) } < 0 {
                return Err(errno());
            }
            self.discard();
        }
        write_all(self.descriptor, bytes)
    }

    pub(super) fn seek(&mut self, offset: i64, whence: i64) -> Result<i64, i32> {
        let (offset, whence) = match whence {
            0 => (offset, libc::SEEK_SET),
            1 => (offset.checked_sub(self.buffered() as i64).ok_or(libc::EINVAL)?, libc::SEEK_CUR),
            2 => (offset, libc::SEEK_END),
            _ => return Err(libc::EINVAL),
        };
        // SAFETY: a system call on numbers.
        let position = unsafe { libc::lseek(self.descriptor, offset, whence) };
        if position < 0 {
            return Err(errno());
        }
        self.discard();
        Ok(position)
    }
}

fn with_rows<T>(act: impl FnOnce(&mut Vec<Row>) -> T) -> T {
    let mut rows = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    if rows.is_empty() {
        rows.extend((0..3).map(|descriptor| Row { generation: 0, file: Some(shared(descriptor)) }));
    }
    act(&mut rows)
}

/// The row that a token means, if its file is still open.
fn find(rows: &mut [Row], token: i64) -> Result<&mut Row, i32> {
    let (index, generation) = ((token & 0xFFFF_FFFF) as usize, (token >> 32) as u32);
    let row = rows.get_mut(index).filter(|row| row.generation == generation && row.file.is_some());
    row.ok_or(libc::EBADF)
}

fn shared(descriptor: i32) -> Shared {
    Arc::new(Mutex::new(File::new(descriptor)))
}

fn file_of(token: i64) -> Result<Shared, i32> {
    with_rows(|rows| find(rows, token)?.file.clone().ok_or(libc::EBADF))
}

/// Works on a file where it may take long.
///
/// # Safety
/// `fiber` is the running fiber, or null in tests; nothing in the caller's frames must be dropped.
pub(super) unsafe fn with_file<T>(
    fiber: *mut Fiber,
    token: i64,
    act: impl FnOnce(&mut File) -> Result<T, i32>,
) -> Result<T, i32> {
    let file = file_of(token)?;
    let work = move || {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if blocking::is_abandoned() { Err(libc::ECANCELED) } else { act(&mut file) }
    };
    // SAFETY: the caller's promise; the closure owns what it uses.
    unsafe { blocking::run(fiber, work) }
}

/// Works on a file at once; `None` when somebody else does.
pub(super) fn with_file_now<T>(token: i64, act: impl FnOnce(&mut File) -> T) -> Option<T> {
    let file = file_of(token).ok()?;
    match file.try_lock() {
        Ok(mut file) => Some(act(&mut file)),
        Err(TryLockError::Poisoned(file)) => Some(act(&mut file.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Opens a file; the token of the new row.
///
/// # Safety
/// As [`with_file`].
pub(super) unsafe fn open(fiber: *mut Fiber, path: CString, mode: &[u8]) -> Result<i64, i32> {
    let create = libc::O_CREAT;
    let flags = match mode {
        b"r" => libc::O_RDONLY,
        b"r+" => libc::O_RDWR,
        b"w" => libc::O_WRONLY | create | libc::O_TRUNC,
        b"w+" => libc::O_RDWR | create | libc::O_TRUNC,
        b"a" => libc::O_WRONLY | create | libc::O_APPEND,
        b"a+" => libc::O_RDWR | create | libc::O_APPEND,
        _ => return Err(libc::EINVAL),
    };
    // SAFETY: forwarded; the closure owns what it uses.
    let descriptor = unsafe { blocking::run(fiber, move || open_now(&path, flags)) }?;
    with_rows(|rows| {
        let file = Some(shared(descriptor));
        // Rows of the standard descriptors keep their tokens; any other free row serves.
        let free = rows.iter().skip(3).position(|row| row.file.is_none()).map(|index| index + 3);
        let index = free.unwrap_or(rows.len());
        match free {
            Some(index) => rows[index] = Row { generation: rows[index].generation.wrapping_add(1) & 0x7FFF_FFFF, file },
            None => rows.push(Row { generation: 0, file }),
        }
        Ok((rows[index].generation as i64) << 32 | index as i64)
    })
}

fn open_now(path: &CStr, flags: i32) -> Result<i32, i32> {
    loop {
        // SAFETY: the path is terminated.
        let descriptor = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o644) };
        if blocking::is_abandoned() {
            if descriptor >= 0 {
                // SAFETY: nobody knows it.
                unsafe { libc::close(descriptor) };
            }
            return Err(libc::ECANCELED);
        }
        if descriptor >= 0 {
            return Ok(descriptor);
        }
        if errno() != libc::EINTR {
            return Err(errno());
        }
    }
}

/// While another task works on the file, its descriptor stays until that is over.
pub(super) fn close(token: i64) -> Result<(), i32> {
    let file = with_rows(|rows| find(rows, token)?.file.take().ok_or(libc::EBADF))?;
    match Arc::try_unwrap(file) {
        Ok(file) => file.into_inner().unwrap_or_else(PoisonError::into_inner).close(),
        Err(_) => Ok(()),
    }
}

impl File {
    fn close(mut self) -> Result<(), i32> {
        // SAFETY: the descriptor belongs to the table. After EINTR it is closed as well.
        match unsafe { libc::close(core::mem::replace(&mut self.descriptor, -1)) } {
            0 => Ok(()),
            _ if errno() == libc::EINTR => Ok(()),
            _ => Err(errno()),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.descriptor >= 0 {
            // SAFETY: as above.
            unsafe { libc::close(self.descriptor) };
        }
    }
}
