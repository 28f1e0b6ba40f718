//! Faults of the compiler that the kernel notices: a process that cannot go on starts another one to tell of it.
//!
//! In: SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT. Out: the tool itself, executed with [`ARGUMENT`], with a file of
//! facts as its standard input; then status 70. Deliberately not here: what is made of the facts (`cli`).
//!
//! A handler may be in the middle of anything, `malloc` included. So it calls the kernel and nothing else, except for the
//! unwinder, which can hang: an alarm ends that. The facts are fields, each a letter, bytes, and NUL:
//!
//! ```text
//! s NAME of the signal    o stack overflow    g stage, a byte    f an address in the chain of calls, in hexadecimal
//! w a word of the command line    i an input    m the rest is /proc/self/maps
//! ```

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use super::{INPUTS, WORDS, memory, stage};

/// Makes a tool read facts and report them; it is no option for people.
pub const ARGUMENT: &str = "--report-crash";
const INTERNAL: c_int = 70;
const SIGNALS: [(c_int, &CStr); 5] = [
    (libc::SIGSEGV, c"SIGSEGV"),
    (libc::SIGBUS, c"SIGBUS"),
    (libc::SIGILL, c"SIGILL"),
    (libc::SIGFPE, c"SIGFPE"),
    (libc::SIGABRT, c"SIGABRT"),
];
const ALTERNATE_STACK_BYTES: usize = 256 << 10;
/// Pages around the stack pointer in which a fault means that the stack has ended.
const OVERFLOW_BYTES: usize = 64 << 10;
const MAX_FRAMES: usize = 64;
const PATIENCE_SECONDS: u32 = 60;

/// The thread that reports; others wait for the end.
static REPORTING: AtomicI32 = AtomicI32::new(0);
/// The name of this program, for the one that is started.
static TOOL_NAME: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

pub(super) fn install() {
    let name = WORDS.iter().next().unwrap_or(c"coexc");
    TOOL_NAME.store(name.as_ptr().cast_mut(), Ordering::Relaxed);
    use_alternate_stack();
    for (signal, _) in SIGNALS {
        // SAFETY: the action is complete, and the handler has the form that SA_SIGINFO asks for.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = on_fault as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }
}

/// Gives the calling thread a stack that is large enough for a handler when its own is used up. It is never given back.
pub fn use_alternate_stack() {
    // SAFETY: the mapping is private and lives as long as the process.
    unsafe {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let memory = libc::mmap(ptr::null_mut(), ALTERNATE_STACK_BYTES, access, flags, -1, 0);
        if memory != libc::MAP_FAILED {
            let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: ALTERNATE_STACK_BYTES };
            libc::sigaltstack(&stack, ptr::null_mut());
        }
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: only calls of the kernel, and memory that was prepared; this never returns to what has failed.
    unsafe {
        let own = libc::gettid();
        match REPORTING.compare_exchange(0, own, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => {}
            Err(other) if other == own => libc::_exit(INTERNAL),
            Err(_) => loop {
                libc::pause();
            },
        }
        libc::signal(libc::SIGALRM, on_alarm as *const () as usize);
        libc::alarm(PATIENCE_SECONDS);
        if signal == libc::SIGABRT && memory::is_short() {
            memory::give_up();
        }
        let facts = libc::memfd_create(c"coex-crash".as_ptr(), 0);
        if facts >= 0 {
            write_facts(facts, signal, is_overflow(signal, info, context));
        }
        if facts < 0 || !report(facts) {
            say(c"internal failure: the compiler has crashed, and cannot even report it\n");
        }
        libc::_exit(INTERNAL)
    }
}

extern "C" fn on_alarm(_: c_int) {
    // SAFETY: ends the process at once, from anywhere.
    unsafe { libc::_exit(INTERNAL) }
}

/// # Safety
/// In a handler, with what the kernel gave to it.
unsafe fn is_overflow(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) -> bool {
    // SAFETY: the kernel fills both structures before it calls a handler.
    unsafe {
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext;
        #[cfg(target_arch = "x86_64")]
        let stack = registers.gregs[libc::REG_RSP as usize] as usize;
        #[cfg(target_arch = "aarch64")]
        let stack = registers.sp as usize;
        signal == libc::SIGSEGV && ((*info).si_addr() as usize).abs_diff(stack) < OVERFLOW_BYTES
    }
}

fn say(text: &CStr) {
    put(libc::STDERR_FILENO, text.to_bytes());
}

fn put(file: c_int, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the slice is readable.
        let written = unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
        if written <= 0 {
            return;
        }
        bytes = &bytes[written as usize..];
    }
}

fn field(file: c_int, letter: u8, bytes: &[u8]) {
    put(file, &[letter]);
    put(file, bytes);
    put(file, &[0]);
}

fn write_facts(file: c_int, signal: c_int, is_overflow: bool) {
    let name = SIGNALS.iter().find(|(number, _)| *number == signal).map_or(c"signal", |(_, name)| name);
    field(file, b's', name.to_bytes());
    if is_overflow {
        field(file, b'o', b"");
    }
    // 0 would end the field; stages are few.
    field(file, b'g', &[b'A' + stage()]);
    WORDS.iter().for_each(|word| field(file, b'w', word.to_bytes()));
    INPUTS.iter().for_each(|path| field(file, b'i', path.to_bytes()));
    let mut frames = Frames { file, left: MAX_FRAMES };
    // SAFETY: the callback takes the pointer for what it is, and lives longer than the call.
    unsafe { _Unwind_Backtrace(on_frame, (&raw mut frames).cast()) };
    put(file, b"m");
    copy_maps(file);
}

/// So that addresses can be named by file and offset, which are the same in every run.
fn copy_maps(file: c_int) {
    // SAFETY: the buffer is as large as is said.
    unsafe {
        let maps = libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let mut buffer = [0_u8; 4096];
        loop {
            let read = libc::read(maps, buffer.as_mut_ptr().cast(), buffer.len());
            if read <= 0 {
                return;
            }
            put(file, &buffer[..read as usize]);
        }
    }
}

struct Frames {
    file: c_int,
    left: usize,
}

extern "C" fn on_frame(context: *mut c_void, frames: *mut c_void) -> c_int {
    // SAFETY: `frames` is what `write_facts` has given, and nobody else has it.
    let (frames, address) = unsafe { (&mut *frames.cast::<Frames>(), _Unwind_GetIP(context)) };
    let mut digits = [0_u8; 16];
    for (index, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[address >> (60 - 4 * index) & 15];
    }
    field(frames.file, b'f', &digits);
    frames.left -= 1;
    // 5 is the end of the stack; any value but 0 ends the walk.
    if frames.left == 0 { 5 } else { 0 }
}

unsafe extern "C" {
    fn _Unwind_Backtrace(callback: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
    static environ: *const *const c_char;
}

/// Starts this program again, with the facts as its standard input, and waits. `fork` of the C library takes locks that
/// may be held; the kernel's call does not.
fn report(facts: c_int) -> bool {
    let name = TOOL_NAME.load(Ordering::Relaxed).cast_const();
    let words = [name, c"--report-crash".as_ptr(), ptr::null()];
    // SAFETY: the child only calls the kernel before it becomes another program.
    unsafe {
        let child = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t;
        if child == 0 {
            let mut none: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
            libc::lseek(facts, 0, libc::SEEK_SET);
            libc::dup2(facts, libc::STDIN_FILENO);
            libc::execve(c"/proc/self/exe".as_ptr(), words.as_ptr(), environ);
            libc::_exit(127);
        }
        let mut status = 0;
        while child > 0 && libc::waitpid(child, &mut status, 0) < 0 {
            if *libc::__errno_location() != libc::EINTR {
                return false;
            }
        }
        child > 0 && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == INTERNAL
    }
}
