//! The classes of faults that caches of compilers have had, one test each, in whole builds.
//!
//! | file | classes |
//! |---|---|
//! | `headers` | stale, shadowing, appearing, vanishing and edited headers of the system |
//! | `inputs` | compilers, environment, packages, equal names, clocks; the name of every reason |
//! | `places` | path independence, hard links, no process in a warm build |
//! | `damage` | flipped, truncated and empty files, read errors, full disks, caches that cannot be written |
//! | `crowd` | killed builds, many builds of one key, waiting |
//! | `care` | limits, statistics, ownership, verified builds |
//!
//! `COEX_SOAK=n` takes n percent of the full counts: 200 kills, 64 builds at once.

mod care;
mod crowd;
mod damage;
mod headers;
mod inputs;
mod places;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::sandbox::{Ran, Sandbox, ran};

/// A program with one library, whose C file sees the directories `early`, `late` and `absent` as the system's.
pub(crate) struct Case {
    pub(crate) sandbox: Sandbox,
    variables: Vec<(&'static str, String)>,
}

impl Case {
    /// `c` defines `int value(void)`.
    pub(crate) fn new(c: &str) -> Case {
        let sandbox = Sandbox::new();
        library(&sandbox, "probe", c, "");
        sandbox.write("main.coex", "import \"probe\"\nfunc main()\n    print(probe.value())\n~\n");
        for directory in ["early", "late"] {
            fs::create_dir_all(sandbox.path(directory)).expect("directory");
        }
        let places = ["early", "absent", "late"].map(|name| sandbox.path(name).display().to_string());
        let variables = vec![("CPATH", places.join(":"))];
        Case { sandbox, variables }
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.retain(|(old, _)| *old != name);
        self.variables.push((name, value.into()));
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_coexc"));
        command.args(words).envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
    }

    pub(crate) fn coexc(&self, words: &[&str]) -> Ran {
        ran(&mut self.command(words))
    }

    /// Quick to make, and it says what came from the cache.
    pub(crate) fn build(&self) -> Ran {
        self.coexc(&["build", "-O0", "--explain-cache", "main.coex"])
    }

    /// What the program says after a build that succeeds, and why it was made anew.
    #[track_caller]
    pub(crate) fn value(&self) -> (String, String) {
        let run = self.build();
        assert_eq!(run.status, 0, "{}", run.stderr);
        (self.program(), run.stderr)
    }

    pub(crate) fn program(&self) -> String {
        ran(&mut self.sandbox.command(self.sandbox.path("main"))).stdout.trim_end().to_owned()
    }

    /// The build makes the library anew for this reason, and then the program says this.
    #[track_caller]
    pub(crate) fn gives(&self, value: &str, reason: &str) {
        let (said, log) = self.value();
        assert_eq!(said, value, "{log}");
        assert!(log.contains(&format!("library probe 1.0.0: miss, {reason}\n")), "{reason} in {log}");
    }

    #[track_caller]
    pub(crate) fn hits(&self, value: &str) {
        let (said, log) = self.value();
        assert_eq!((said.as_str(), log.as_str()), (value, "cache: program main.coex: hit\n"));
    }

    /// The text of a path below the sandbox, as reasons name it.
    pub(crate) fn named(&self, reason: &str, path: &str) -> String {
        format!("{reason}:{}", self.sandbox.path(path).display())
    }

    /// Every file of the cache.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut open) = (Vec::new(), vec![self.sandbox.path("home/.coex/cache")]);
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("directory").flatten() {
                let path = entry.path();
                if path.is_dir() { open.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }

    /// Entries and what they name.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        let is_kept = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "entry" || kind == "blob");
        let mut files = self.files();
        files.retain(|path| is_kept(path) && !path.to_string_lossy().contains("/quarantine/"));
        files
    }
}

/// A clang that can be held.
impl Case {
    /// Compiles, says so in the directory of the build, and ends only when it may: it can read `late` and write nothing
    /// else.
    pub(crate) fn held_clang(&self) -> String {
        let text = format!(
            "#!/bin/sh\nclang-22 \"$@\"\nstatus=$?\ncase \"$*\" in *-emit-llvm*)\n    : >out/held\n    \
             while [ ! -e '{}' ]; do sleep 0.02; done;;\nesac\nexit $status\n",
            self.sandbox.path("late/go").display()
        );
        self.script("held-clang", &text)
    }

    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let path = self.sandbox.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path.display().to_string()
    }

    /// Until the C file is compiled.
    pub(crate) fn wait_until_held(&self) {
        let work = self.sandbox.path("home/.coex/cache/native-v1/work");
        for _ in 0..3000 {
            let builds = fs::read_dir(&work).into_iter().flatten().flatten();
            if builds.into_iter().any(|build| build.path().join("out/held").exists()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("clang was not started within a minute");
    }

    pub(crate) fn release(&self) {
        self.sandbox.write("late/go", "");
    }
}

/// An unpacked library with one C file that defines `int value(void)`; `more` goes into its manifest.
pub(crate) fn library(sandbox: &Sandbox, directory: &str, c: &str, more: &str) {
    let name = directory.rsplit('/').next().unwrap_or(directory);
    sandbox.write(
        &format!("{directory}/manifest.toml"),
        format!(
            "[library]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = [\"{name}.coex\"]\n\
             [ffi.c]\nsource = [\"*.c\"]\n{more}"
        ),
    );
    sandbox.write(&format!("{directory}/src/{name}.coex"), "extern value() -> int\n~\n");
    sandbox.write(&format!("{directory}/ffi/src/value.c"), c);
}

/// `full` under `COEX_SOAK=100`, else `small`.
pub(crate) fn count(full: usize, small: usize) -> usize {
    let percent: Option<usize> = std::env::var("COEX_SOAK").ok().and_then(|text| text.parse().ok());
    percent.map_or(small, |percent| (full * percent / 100).max(1))
}

/// Whether a tool that not every machine has can be used here.
pub(crate) fn works(program: &str, words: &[&str]) -> bool {
    let works = Command::new(program).args(words).output().is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: {program} {} does not work here", words.join(" "));
    }
    works
}
