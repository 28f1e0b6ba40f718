//! Processes that a build starts, kept to what they need.
//!
//! In: a program, what it may read and write. Out: what it printed and how it ended ([`Tool`]), or a [`Fault`]. Everything
//! that a build starts goes through here: clang, pkg-config, the linker, the compiler's own helper. They work on a
//! stranger's C sources, whose `#include "/home/me/.ssh/id_rsa"` would print the file in a message. Deliberately not here:
//! command lines.
//!
//! Three things hold a process, each where the kernel has it: landlock (files, TCP, signals), a filter of system calls
//! (no sockets, no other processes, nothing of the kernel that a compiler has no use for), and limits of memory, time
//! and file size. The environment is made from nothing. `COEX_SANDBOX` says what happens where the kernel has not both of
//! the first two.
//!
//! Reading order: this file (what is wanted and what there is), `tool` (what a process may do), `rules` (how it is put
//! into force), `output` (what is read of it), `renounce` (what a helper of ours gives up itself).

mod output;
mod renounce;
mod rules;
mod tool;

use std::fmt;
use std::io;

use coex_runtime::restrict::{calls, landlock};

use crate::diagnostics::{Code, Diagnostic, io_reason};

pub use self::output::Finished;
pub use self::renounce::renounce_files;
pub use self::tool::{Running, Tool};

/// What the user wants, by `COEX_SANDBOX`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Policy {
    /// Nothing is run that cannot be confined.
    Require,
    /// As much as the kernel can do; what is missing is said.
    #[default]
    Prefer,
    /// Tools run with the user's rights, in a clean environment.
    Off,
}

pub const VARIABLE: &str = "COEX_SANDBOX";

impl Policy {
    pub fn of_environment() -> Result<Policy, Fault> {
        let value = std::env::var_os(VARIABLE).unwrap_or_default();
        match value.to_str() {
            Some("" | "prefer") => Ok(Policy::Prefer),
            Some("require") => Ok(Policy::Require),
            Some("off") => Ok(Policy::Off),
            _ => Err(Fault::Setting(value.to_string_lossy().into_owned())),
        }
    }

    /// The one by which something is about to run: what is required must be there.
    fn in_force() -> Result<Policy, Fault> {
        let policy = Policy::of_environment()?;
        if policy == Policy::Require
            && let Some(lacking) = Kernel::of_this_machine().lacks()
        {
            return Err(Fault::Required(lacking.to_owned()));
        }
        Ok(policy)
    }
}

/// What the kernel offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kernel {
    /// Landlock's version, 0 for none.
    pub landlock: u32,
    pub has_filters: bool,
}

impl Kernel {
    pub fn of_this_machine() -> Kernel {
        Kernel { landlock: landlock::version(), has_filters: calls::are_available() }
    }

    /// What is missing for a whole sandbox, in words.
    pub fn lacks(self) -> Option<&'static str> {
        match (self.landlock > 0, self.has_filters) {
            (true, true) => None,
            (false, true) => Some("the kernel has no landlock"),
            (true, false) => Some("the kernel has no seccomp filters"),
            (false, false) => Some("the kernel has neither landlock nor seccomp filters"),
        }
    }
}

/// Why a tool was not run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// `COEX_SANDBOX` has a value that means nothing.
    Setting(String),
    /// The sandbox is required, and this is missing.
    Required(String),
    /// The program does not start.
    Start { kind: io::ErrorKind, reason: String },
}

impl Fault {
    fn start(error: &io::Error) -> Fault {
        Fault::Start { kind: error.kind(), reason: io_reason(error) }
    }

    /// Whether it is about the sandbox, not about the program.
    pub fn is_of_sandbox(&self) -> bool {
        !matches!(self, Fault::Start { .. })
    }

    pub fn help(&self) -> &'static str {
        match self {
            Fault::Setting(_) => "it can be 'require', 'prefer' (as without it) or 'off'",
            Fault::Required(_) => {
                "a kernel since 5.13 with landlock in its list of security modules has it; \
                                   COEX_SANDBOX=prefer runs tools without"
            }
            Fault::Start { .. } => "is it installed, and for this machine?",
        }
    }

    pub fn to_diagnostic(&self) -> Diagnostic {
        Diagnostic::without_place(Code::E1409, self.to_string()).help(self.help())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Setting(value) => write!(formatter, "Tools cannot be confined: {VARIABLE} is '{value}'"),
            Fault::Required(lacking) => write!(formatter, "Tools cannot be confined: {lacking}"),
            Fault::Start { reason, .. } => formatter.write_str(reason),
        }
    }
}

/// What is missing of the sandbox that the user has not switched off: the text of a warning.
pub fn lacking() -> Option<&'static str> {
    match Policy::of_environment() {
        Ok(Policy::Off) | Err(_) => None,
        Ok(Policy::Require | Policy::Prefer) => Kernel::of_this_machine().lacks(),
    }
}
