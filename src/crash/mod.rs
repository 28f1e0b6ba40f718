//! What must still be done when the compiler fails or is interrupted.
//!
//! In: while it works, what it reads ([`note_input`]), the stage it is in, and files that are not finished yet
//! ([`interrupt`]). Out: the same facts, for a report ([`signals`] brings them from a process that cannot go on to a new
//! one). Deliberately not here: what a report says and what it looks like (`cli`).
//!
//! Everything that a signal handler reads lies in statics that never move and is written before it is counted.

pub mod interrupt;
pub mod memory;
#[cfg(debug_assertions)]
pub mod rehearsal;
pub mod signals;

use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

/// Strings that are only ever added; they are never freed, so a handler may read them at any moment.
struct Strings<const N: usize> {
    slots: [AtomicPtr<c_char>; N],
    /// Of slots that were given away; the last of them may still be empty.
    count: AtomicUsize,
}

impl<const N: usize> Strings<N> {
    const fn new() -> Strings<N> {
        Strings { slots: [const { AtomicPtr::new(ptr::null_mut()) }; N], count: AtomicUsize::new(0) }
    }

    /// What is beyond the last slot is counted only.
    fn add(&self, text: &[u8]) {
        let Ok(text) = CString::new(text) else { return };
        if let Some(slot) = self.slots.get(self.count.fetch_add(1, Ordering::Relaxed)) {
            slot.store(text.into_raw(), Ordering::Release);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &'static CStr> + '_ {
        let slots = self.slots.iter().map(|slot| slot.load(Ordering::Acquire)).filter(|text| !text.is_null());
        // SAFETY: every pointer in a slot is a C string that was leaked in `add`.
        slots.map(|text| unsafe { CStr::from_ptr(text) })
    }
}

static INPUTS: Strings<4096> = Strings::new();
static WORDS: Strings<256> = Strings::new();
static STAGE: AtomicU8 = AtomicU8::new(0);
static REPORTER: OnceLock<fn(&str) -> u8> = OnceLock::new();

/// Prepares for the worst. `words` is the command line; `report` tells the user of a defect and returns the exit status.
pub fn install(words: impl Iterator<Item = impl AsRef<OsStr>>, report: fn(&str) -> u8) {
    if REPORTER.set(report).is_ok() {
        words.for_each(|word| WORDS.add(word.as_ref().as_bytes()));
        signals::install();
        interrupt::install();
    }
}

/// A file that what is going on depends on.
pub fn note_input(path: &Path) {
    INPUTS.add(path.as_os_str().as_bytes());
}

/// The files so far, and how many there was no room for.
pub fn inputs() -> (Vec<PathBuf>, usize) {
    let paths = INPUTS.iter().map(|path| PathBuf::from(OsStr::from_bytes(path.to_bytes()))).collect();
    (paths, INPUTS.count.load(Ordering::Relaxed).saturating_sub(INPUTS.slots.len()))
}

/// The command line, the tool's name first.
pub fn words() -> Vec<OsString> {
    WORDS.iter().map(|word| OsStr::from_bytes(word.to_bytes()).to_owned()).collect()
}

pub fn set_stage(stage: u8) {
    STAGE.store(stage, Ordering::Relaxed);
    #[cfg(debug_assertions)]
    rehearsal::stage(stage);
}

pub fn stage() -> u8 {
    STAGE.load(Ordering::Relaxed)
}

/// Ends the process after a report, where nothing may unwind: below functions of C++.
pub fn die(what: &str) -> ! {
    let status = REPORTER.get().map_or(70, |report| report(what));
    std::process::exit(i32::from(status))
}
