//! Defects of the compiler itself: one report, one archive to repeat it with, exit status 70.
//!
//! In: a panic anywhere, or the facts of a process that crashed (`crash`). Out: two files with names that the same defect
//! always gives, and a text that says where they are and who wants them. Nothing is sent. Deliberately not here: what
//! is in the archive (`reproducer`), and faults of programs.

use std::backtrace::Backtrace;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::reproducer::{self, Reproducer};
use super::{exit, output};
use crate::crash::{self, signals};
use crate::driver::timing::Stage;
use crate::files::write_private;

/// A second panic must not hide the first.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// What is known of a defect.
struct Defect {
    what: String,
    /// What two reports of one defect have in common.
    identity: String,
    stage: Stage,
    words: Vec<OsString>,
    inputs: Vec<PathBuf>,
    calls: String,
}

/// Runs a command; whatever panics or crashes becomes a report and status 70.
pub(super) fn guard(tool: &str, arguments: &[OsString], work: impl FnOnce() -> u8 + panic::UnwindSafe) -> u8 {
    if arguments.len() == 1 && arguments[0] == signals::ARGUMENT {
        return report_crash();
    }
    crash::install(std::iter::once(OsStr::new(tool)).chain(arguments.iter().map(OsString::as_os_str)), |what| {
        report_here(what.to_owned(), what.to_owned())
    });
    panic::set_hook(Box::new(|info| {
        let (what, place) = (text(info), place(info));
        report_here(format!("{what}{place}"), place);
    }));
    panic::catch_unwind(work).map_or(exit::INTERNAL, output::status_with_writes)
}

fn text(info: &PanicHookInfo) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

fn place(info: &PanicHookInfo) -> String {
    info.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()))
}

/// In a process that can still do everything.
fn report_here(what: String, identity: String) -> u8 {
    if !REPORTED.swap(true, Ordering::SeqCst) {
        let calls = Backtrace::force_capture().to_string();
        let (words, inputs) = (crash::words(), crash::inputs().0);
        tell(&Defect { what, identity, stage: stage(crash::stage()), words, inputs, calls });
    }
    exit::INTERNAL
}

fn stage(number: u8) -> Stage {
    Stage::ALL[usize::from(number).min(Stage::ALL.len() - 1)]
}

/// In a process that a crashed one has started: the facts come through standard input.
fn report_crash() -> u8 {
    let mut facts = Vec::new();
    let _ = io::stdin().lock().read_to_end(&mut facts);
    let (mut signal, mut is_overflow, mut at_stage) = (String::new(), false, 0);
    let (mut words, mut inputs, mut addresses, mut rest) = (Vec::new(), Vec::new(), Vec::new(), facts.as_slice());
    let maps = loop {
        let Some((letter, after)) = rest.split_first() else { break String::new() };
        if *letter == b'm' {
            break String::from_utf8_lossy(after).into_owned();
        }
        let end = after.iter().position(|byte| *byte == 0).unwrap_or(after.len());
        let (bytes, next) = (&after[..end], after.get(end + 1..).unwrap_or_default());
        match letter {
            b's' => signal = String::from_utf8_lossy(bytes).into_owned(),
            b'o' => is_overflow = true,
            b'g' => at_stage = bytes.first().map_or(0, |byte| byte.wrapping_sub(b'A')),
            b'w' => words.push(OsStr::from_bytes(bytes).to_owned()),
            b'i' => inputs.push(PathBuf::from(OsStr::from_bytes(bytes))),
            _ => addresses.extend(u64::from_str_radix(&String::from_utf8_lossy(bytes), 16)),
        }
        rest = next;
    };
    let calls: Vec<String> = addresses.iter().map(|address| named(*address, &maps)).collect();
    let stage = stage(at_stage);
    // Where a stack ends is chance; the functions on top of it are none otherwise. The first frames are the handler's own.
    let top = if is_overflow { String::new() } else { calls.iter().skip(3).take(6).cloned().collect() };
    let what = if is_overflow { "stack overflow".to_owned() } else { signal };
    let calls = format!("addresses are those of the files, as addr2line takes them\n{}\n", calls.join("\n"));
    tell(&Defect { identity: format!("{what} {} {top}", stage.name()), what, stage, words, inputs, calls });
    exit::INTERNAL
}

/// `coexc+0x1234`: the file that an address lies in and the place there, which is the same in every run.
fn named(address: u64, maps: &str) -> String {
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
    let mapping = maps.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
        let (offset, path) = (hexadecimal(fields.nth(1)?)?, fields.nth(2).unwrap_or("memory"));
        (start..end).contains(&address).then(|| format!("{path}+{:#x}", address - start + offset))
    });
    mapping.unwrap_or_else(|| format!("{address:#x}"))
}

/// Writes both files and says so.
fn tell(defect: &Defect) {
    let mut hasher = blake3::Hasher::new();
    for part in [env!("COEX_BUILD_ID"), defect.stage.name(), &defect.identity] {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    let name = format!("coex-ice-{}", &hasher.finalize().to_hex()[..12]);
    let made = reproducer::make(&defect.words, &defect.inputs);
    let text = text_of(defect, &name, &made);
    let archive = reproducer::pack(&made, &text);
    let directories = [PathBuf::from("."), std::env::temp_dir(), PathBuf::from("/tmp")];
    let place = |directory: &&PathBuf| {
        let file = |ending: &str| directory.join(format!("{name}.{ending}"));
        // Sources may be private.
        write_private(&file("txt"), text.as_bytes()).is_ok() && write_private(&file("zip"), &archive).is_ok()
    };
    let written = directories.iter().find(place);
    output::talk(&said(defect, &name, written.map(PathBuf::as_path), &made, &text));
}

fn version() -> String {
    format!("{} (build {})", env!("CARGO_PKG_VERSION"), &env!("COEX_BUILD_ID")[..12])
}

/// The report: what somebody needs who was not there.
fn text_of(defect: &Defect, name: &str, made: &Reproducer) -> String {
    let directory = std::env::current_dir().map_or_else(|error| error.to_string(), |path| path.display().to_string());
    let files: BTreeSet<String> =
        made.files.iter().map(|(name, bytes)| format!("  {name}  {} bytes\n", bytes.len())).collect();
    let omitted: String = made.omitted.iter().map(|reason| format!("  left out: {reason}\n")).collect();
    format!(
        "{}\n\ncoexc {}\nbuild      {}\nmachine    {}-{}\nstage      {}\ncommand    {}\ndirectory  {directory}\n\n\
         inputs, in {name}.zip\n{}{omitted}\n\
         to repeat it, unpack {name}.zip and run there\n  sh reproduce.sh\n\nchain of calls\n{}",
        defect.what,
        version(),
        env!("COEX_BUILD_ID"),
        std::env::consts::ARCH,
        std::env::consts::OS,
        defect.stage.name(),
        reproducer::shown(&defect.words),
        files.into_iter().collect::<String>(),
        defect.calls,
    )
}

/// What the user is told.
fn said(defect: &Defect, name: &str, directory: Option<&Path>, made: &Reproducer, report: &str) -> String {
    let head = format!(
        "internal failure of coexc {} in stage '{}'\n\n  {}\n  command: {}\n\n\
         This is a defect of the compiler, not of the program.\n",
        version(),
        defect.stage.name(),
        defect.what.replace('\n', "\n  "),
        reproducer::shown(&defect.words),
    );
    let Some(directory) = directory else {
        return format!("{head}No report could be written; it follows.\n\n{report}");
    };
    let shown = |ending: &str| directory.join(format!("{name}.{ending}")).display().to_string();
    let files = match made.files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    let repository = env!("CARGO_PKG_REPOSITORY");
    let receiver = if repository.is_empty() {
        "to the maintainers of the distribution that you have coexc from".to_owned()
    } else {
        format!("to {repository}/issues")
    };
    format!(
        "{head}  report:     {}\n  reproducer: {} ({files})\n\
         Please send both {receiver}.\nNothing was sent. The archive holds what was compiled: look into it first.\n",
        shown("txt"),
        shown("zip"),
    )
}
