//! The pass in a process of its own.
//!
//! In: a [`PassInput`] and a directory with bitcode. Out: what the pass says of it, or an error line. Bitcode is a stranger's
//! program, and LLVM was not made for attackers: some code takes it hours or all memory, and some ends its process. So
//! the compiler starts itself once more, with [`ARGUMENT`] and limits; the helper reads its order, gives up all files but
//! the one for its answer, and works. Deliberately not here: what is in orders and answers (`order`).
//!
//! ```text
//! order    what to make of N.bc    ──▶ helper ──▶  answer
//!                        its standard input: tokens for further threads
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::order::{Answer, Failure, read_answer, read_order, write_answer, write_order};
use super::pass::{self, PassError, PassInput};
use super::tokens;
use super::workers::{STACK_BYTES, Workers, processors};
use crate::diagnostics::io_reason;
use crate::sandbox::{self, Fault, Finished, Tool, renounce_files};

/// Makes the compiler a helper; it is no option for people.
pub const ARGUMENT: &str = "--native-pass";

/// A hundred thousand lines of C take half a minute.
const CPU_SECONDS: u64 = 600;
/// This program, also when another file has its name by now.
const OWN_PROGRAM: &str = "/proc/self/exe";
const ORDER: &str = "order";
const ANSWER: &str = "answer";
/// As of every internal failure.
const INTERNAL: i32 = 70;

/// The name of a C file's bitcode, by its number in link order.
pub(super) fn bitcode_name(number: usize) -> String {
    format!("{number}.bc")
}

/// Has a helper, which is `program` or this one, do the work in a directory that it may change.
pub(super) fn run(
    program: Option<&Path>,
    directory: &Path,
    order: &PassInput,
    workers: &Workers,
) -> Result<Answer, Fault> {
    let (lender, borrower) = match prepare(directory, order) {
        Ok(sockets) => sockets,
        Err(error) => return Ok(Err(own_fault(&io_reason(&error)))),
    };
    let tool = Tool::new(program.unwrap_or(Path::new(OWN_PROGRAM)))
        .arguments([ARGUMENT])
        .pass(&[sandbox::VARIABLE])
        .directory(directory)
        .may_write(directory)
        .input(OwnedFd::from(borrower))
        .cpu_seconds(CPU_SECONDS)
        .may_renounce();
    let finished = std::thread::scope(|scope| {
        // Before the thread: its end is the end of the helper's socket.
        let running = tool.start()?;
        let lending = std::thread::Builder::new().name("tokens".to_owned());
        // Without tokens the helper works on one thread.
        let _ = lending.spawn_scoped(scope, || tokens::lend(workers, lender));
        running.finish()
    });
    match finished {
        Ok(finished) => Ok(answer(&finished, directory)),
        Err(fault) if fault.is_of_sandbox() => Err(fault),
        Err(fault) => Ok(Err(own_fault(&fault.to_string()))),
    }
}

fn own_fault(reason: &str) -> Failure {
    Failure::Errors(vec![format!("error: the compiler cannot run itself as a helper: {reason}")])
}

fn prepare(directory: &Path, order: &PassInput) -> io::Result<(UnixStream, UnixStream)> {
    fs::write(directory.join(ORDER), write_order(order))?;
    let (lender, borrower) = UnixStream::pair()?;
    borrower.set_nonblocking(true)?;
    Ok((lender, borrower))
}

fn answer(finished: &Finished, directory: &Path) -> Answer {
    if finished.succeeded()
        && let Some(answer) = fs::read(directory.join(ANSWER)).ok().and_then(|bytes| read_answer(&bytes))
    {
        return answer;
    }
    let said = finished.stderr.trim_end();
    let last_words: Vec<&str> = said.lines().filter(|line| line.starts_with("LLVM ERROR: ")).collect();
    let fault = format!("error: LLVM {}", finished.fault());
    Err(match finished.status.code() {
        Some(INTERNAL) => panic!("{said}"),
        Some(_) if last_words.is_empty() => own_fault(if said.is_empty() { "it gave no answer" } else { said }),
        _ if finished.ran_out_of_memory() => Failure::Errors(vec![fault]),
        _ => Failure::Errors(last_words.into_iter().map(|line| format!("error: {line}")).chain([fault]).collect()),
    })
}

/// The helper: reads its order from the current directory. Returns the exit status.
pub fn serve() -> u8 {
    match work() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{ARGUMENT} is for the compiler itself: {}", io_reason(&error));
            1
        }
    }
}

fn work() -> io::Result<()> {
    let no_order = || io::Error::other("no order of this version");
    let order = read_order(&fs::read_to_string(ORDER)?).ok_or_else(no_order)?;
    let numbers = 0..order.files.len();
    let bitcode = numbers.map(|number| fs::read(bitcode_name(number))).collect::<io::Result<Vec<_>>>()?;
    let mut file = File::create(ANSWER)?;
    renounce_files().map_err(|fault| io::Error::other(fault.to_string()))?;
    let workers = Workers::borrowed(io::stdin().as_fd().try_clone_to_owned()?, processors());
    let pass = || said(pass::build_objects(&order, &bitcode, &workers));
    let answer = std::thread::scope(|scope| -> io::Result<Answer> {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, pass)?;
        Ok(thread.join().unwrap_or_else(|_| std::process::exit(INTERNAL)))
    })?;
    file.write_all(&write_answer(&answer))
}

fn said(result: Result<pass::PassOutput, PassError>) -> Answer {
    result.map_err(|error| match error {
        PassError::SymbolNotDefined { symbol, is_static } => Failure::SymbolNotDefined { symbol, is_static },
        PassError::Refused(refusals) => Failure::Errors(refusals.iter().map(pass::Refusal::line).collect()),
        PassError::Llvm(text) => Failure::Errors(text.lines().map(str::to_owned).collect()),
    })
}
