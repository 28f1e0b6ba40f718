//! Kernels that cannot confine: what is said, what is refused, and what `COEX_SANDBOX` changes.

use std::os::unix::process::CommandExt;
use std::process::Command;

use coex_runtime::restrict::calls::{ALLOW, Filter, refuse};
use coex_runtime::restrict::renounce_new_rights;

use super::Outcome::Harmless;
use super::{Stage, Trick, bounded};
use crate::sandbox::Ran;

const PROBE: &str = "int probe(void) { return 1; }\n";
const WARNING: &str = "warning[W1401]: C code is compiled without a whole sandbox: the kernel has no landlock";

/// The command sees a kernel that knows nothing of landlock.
pub(crate) fn without_landlock(command: &mut Command) -> &mut Command {
    let mut filter = Filter::default();
    filter.when(libc::SYS_landlock_create_ruleset, refuse(libc::ENOSYS));
    filter.otherwise(ALLOW);
    let restrict = move || {
        if renounce_new_rights() && filter.enforce() { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(restrict) }
}

/// One library, built in any way.
struct Case {
    stage: Stage,
    trick: Trick,
    place: std::path::PathBuf,
}

impl Case {
    fn new() -> Option<Case> {
        if !coexc::sandbox::Kernel::of_this_machine().has_filters {
            println!("skipped: no seccomp filters here");
            return None;
        }
        let (mut stage, trick) = (Stage::new(), Trick::new("", PROBE, Harmless));
        let place = stage.prepare(&trick);
        Some(Case { stage, trick, place })
    }

    fn command(&self, policy: &str) -> Command {
        let mut command = self.stage.command(&self.trick, &self.place, policy);
        command.env("COEX_CACHE_DIR", self.stage.sandbox.path("cache"));
        command
    }

    fn built(&self, policy: &str) -> Ran {
        bounded(without_landlock(&mut self.command(policy)))
    }
}

#[test]
fn a_build_that_compiles_c_says_it_once() {
    let Some(case) = Case::new() else { return };
    let first = case.built("prefer");
    assert_eq!((first.status, first.stderr.matches("W1401").count()), (0, 1), "{}", first.stderr);
    assert!(first.stderr.contains(WARNING), "{}", first.stderr);
    // Neither from the cache of programs, nor with another program around the same C.
    assert_eq!(case.built("prefer").stderr, "");
    std::fs::write(case.place.join("main.coex"), "import \"evil\"\n\nfunc main()\n    print(probe() + 1)\n~\n")
        .expect("a program");
    let other = case.built("prefer");
    assert_eq!((other.status, other.stderr.as_str()), (0, ""));
}

#[test]
fn whoever_requires_it_is_refused() {
    let Some(case) = Case::new() else { return };
    let run = case.built("require");
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("error[E1409]: Tools cannot be confined: the kernel has no landlock\n"),
        "{}",
        run.stderr
    );
    assert!(!case.place.join("main").exists());
    // What is there already needs no tools.
    assert_eq!(case.built("prefer").status, 0);
    std::fs::remove_file(case.place.join("main")).expect("the program");
    let again = case.built("require");
    assert_eq!((again.status, again.stderr.as_str()), (0, ""));
}

#[test]
fn off_is_silent_and_nonsense_is_refused() {
    let Some(case) = Case::new() else { return };
    let run = case.built("off");
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    let Some(case) = Case::new() else { return };
    let run = bounded(&mut case.command("sometimes"));
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("error[E1409]: Tools cannot be confined: COEX_SANDBOX is 'sometimes'\n"),
        "{}",
        run.stderr
    );
}

/// The filter of system calls holds also where there is no landlock: no sockets, no other processes.
#[test]
fn half_a_sandbox_is_used() {
    let Some(case) = Case::new() else { return };
    let script = "#!/bin/sh\nkill -0 $PPID 2>/dev/null && { echo 'error: SEEN-BY-A-STRANGER' >&2; exit 1; }\nexec clang-22 \"$@\"\n";
    let wrapper = case.stage.sandbox.write("wrapper", script);
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a script");
    let mut command = case.command("prefer");
    command.env("COEX_CLANG", &wrapper);
    let run = bounded(without_landlock(&mut command));
    assert_eq!((run.status, case.stage.loot(&case.place, &run)), (0, None), "{}", run.stderr);
    let mut command = case.command("off");
    command.env("COEX_CLANG", &wrapper).env("COEX_CACHE_DIR", case.stage.sandbox.path("other"));
    // Unconfined it reaches its parent, and says that it is of no use as a compiler.
    let run = bounded(&mut command);
    assert_eq!(run.status, 3, "{}", run.stderr);
}
