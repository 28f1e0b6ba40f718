//! What a process prints, in bounds, and how it ends, in time.
//!
//! In: a child with pipes. Out: [`Finished`]. A stranger's sources may make clang print without end, or wait for ever.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use super::rules::MAX_FILE_SIZE;

/// Kept of each stream; what follows is read and dropped.
pub(super) const MAX_KEPT: usize = 1 << 20;
const MAX_PRINTED: usize = 64 << 20;
/// Many times what is left of the processor time on a loaded machine.
const MAX_WAIT: Duration = Duration::from_secs(1800);

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// Why we ended it.
    stopped: Option<String>,
    /// The processor time that it had.
    cpu_seconds: u64,
}

impl Finished {
    pub fn succeeded(&self) -> bool {
        self.status.success() && self.stopped.is_none()
    }

    /// It says so itself, in the words of LLVM, C++ or the system.
    pub fn ran_out_of_memory(&self) -> bool {
        let words = [
            "LLVM ERROR: out of memory",
            "bad_alloc",
            "memory exhausted",
            "memory allocation of",
            "Cannot allocate memory",
        ];
        !self.status.success() && words.iter().any(|text| self.stderr.contains(text))
    }

    /// How it ended, as the rest of a sentence.
    pub fn fault(&self) -> String {
        if let Some(reason) = &self.stopped {
            return format!("was stopped: {reason}");
        }
        match self.status.signal() {
            Some(libc::SIGXCPU) => format!("was stopped: it ran for more than {} seconds", self.cpu_seconds),
            Some(libc::SIGXFSZ) => format!("was stopped: it wrote a file of more than {} MiB", MAX_FILE_SIZE >> 20),
            _ if self.ran_out_of_memory() => "was stopped: it needed more memory than there is for it".to_owned(),
            Some(signal) => format!("was ended by signal {signal}"),
            None => format!("ended with status {}", self.status.code().unwrap_or(-1)),
        }
    }
}

/// One stream: its first bytes, and how many there were.
struct Stream<R> {
    pipe: Option<R>,
    kept: Vec<u8>,
    printed: usize,
}

impl<R: Read + AsRawFd> Stream<R> {
    fn new(pipe: Option<R>) -> Stream<R> {
        Stream { pipe, kept: Vec::new(), printed: 0 }
    }

    fn descriptor(&self) -> RawFd {
        // The kernel ignores negative ones.
        self.pipe.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    fn read(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut buffer = [0; 16 << 10];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(count) => {
                self.printed += count;
                let room = MAX_KEPT - self.kept.len();
                self.kept.extend(&buffer[..count.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn text(self) -> String {
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        // What is no character takes three bytes as text.
        text.truncate(text.floor_char_boundary(MAX_KEPT));
        text
    }
}

pub(super) fn collect(mut child: Child, cpu_seconds: u64) -> io::Result<Finished> {
    let mut streams = (Stream::new(child.stdout.take()), Stream::new(child.stderr.take()));
    let stopped = read_all(&mut streams.0, &mut streams.1, &child);
    if !matches!(stopped, Ok(None)) {
        // It may have ended meanwhile.
        let _ = child.kill();
    }
    let status = child.wait()?;
    Ok(Finished { status, stopped: stopped?, cpu_seconds, stdout: streams.0.text(), stderr: streams.1.text() })
}

/// Until the process has ended and nothing is left to read; `Some`: until there was enough.
fn read_all<A, B>(first: &mut Stream<A>, second: &mut Stream<B>, child: &Child) -> io::Result<Option<String>>
where
    A: Read + AsRawFd,
    B: Read + AsRawFd,
{
    let end = Instant::now() + MAX_WAIT;
    let mut process = Process::of(child);
    while first.pipe.is_some() || second.pipe.is_some() || process.runs() {
        let mut ready = [first.descriptor(), second.descriptor(), process.descriptor()].map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        let left = end.saturating_duration_since(Instant::now()).as_millis() as i32;
        // SAFETY: three valid structures.
        let count = unsafe { libc::poll(ready.as_mut_ptr(), 3, left) };
        if count == 0 {
            return Ok(Some(format!("it did not end within {} minutes", MAX_WAIT.as_secs() / 60)));
        }
        if ready[0].revents != 0 {
            first.read()?;
        }
        if ready[1].revents != 0 {
            second.read()?;
        }
        if ready[2].revents != 0 {
            process = Process(None);
            // Somebody that it has started may hold the pipes: what is there by now is all.
            if ready[0].revents == 0 && ready[1].revents == 0 {
                break;
            }
        }
        if first.printed + second.printed > MAX_PRINTED {
            return Ok(Some(format!("it printed more than {} MiB", MAX_PRINTED >> 20)));
        }
    }
    Ok(None)
}

/// A descriptor that becomes ready when the process ends. Without it (before Linux 5.3) the pipes' end must do.
struct Process(Option<std::os::fd::OwnedFd>);

impl Process {
    fn of(child: &Child) -> Process {
        use std::os::fd::FromRawFd;
        // SAFETY: the process is our child and not waited for; the descriptor is ours.
        unsafe {
            let raw = libc::syscall(libc::SYS_pidfd_open, child.id(), 0u32);
            Process((raw >= 0).then(|| std::os::fd::OwnedFd::from_raw_fd(raw as i32)))
        }
    }

    fn runs(&self) -> bool {
        self.0.is_some()
    }

    fn descriptor(&self) -> RawFd {
        self.0.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }
}
