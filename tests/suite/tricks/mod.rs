//! What a stranger's library could try while it is built: to read the user's files, to run something, to never end.
//!
//! Each trick is a row: what the library or the environment contains, and what becomes of it. A trick has succeeded when
//! the secret is shown or built in, when a question about the user's files is answered, or when a file appears where none
//! belongs. None may succeed. Rows that are marked succeed with `COEX_SANDBOX=off`, which shows that they would be noticed.

mod around;
mod bombs;
mod kernels;
mod sources;

pub(crate) use kernels::without_landlock;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::{Ran, Sandbox};

const SECRET: &str = "very-secret-word";
/// Built in when a question about the user's files is answered with yes.
const SEEN: &str = "SEEN-BY-A-STRANGER";
/// Far more than any trick takes, and an end.
const PATIENCE: Duration = Duration::from_secs(400);

pub(crate) enum Outcome {
    /// With this status, saying this.
    Refused(i32, &'static str),
    /// A program is built, and it holds nothing.
    Harmless,
}

use Outcome::{Harmless, Refused};

/// In all texts `{HOME}` is a home with secrets, `{ROOT}` a directory beside it.
pub(crate) struct Trick {
    name: &'static str,
    /// `ffi/src/evil.c`.
    c: &'static str,
    /// More lines of its table in the manifest, and more tables.
    unit: &'static str,
    tables: &'static str,
    environment: &'static [(&'static str, &'static str)],
    outcome: Outcome,
    succeeds_without_sandbox: bool,
}

impl Trick {
    pub(crate) const fn new(name: &'static str, c: &'static str, outcome: Outcome) -> Trick {
        let environment: &'static [(&'static str, &'static str)] = &[];
        Trick { name, c, unit: "", tables: "", environment, outcome, succeeds_without_sandbox: false }
    }

    pub(crate) const fn noticed(self) -> Trick {
        Trick { succeeds_without_sandbox: true, ..self }
    }

    pub(crate) const fn with_unit(self, unit: &'static str) -> Trick {
        Trick { unit, ..self }
    }

    pub(crate) const fn with_tables(self, tables: &'static str) -> Trick {
        Trick { tables, ..self }
    }

    pub(crate) const fn with_environment(self, environment: &'static [(&'static str, &'static str)]) -> Trick {
        Trick { environment, ..self }
    }
}

/// A sandbox of its own for a group of tricks, with one cache.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    count: usize,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let sandbox = Sandbox::new();
        sandbox.write("home/secret.h", format!("static const char stolen[] = \"{SECRET}\";\n"));
        sandbox.write("home/secret.txt", SECRET);
        sandbox.write("home/private/x", "");
        sandbox.write("home/include/usual.h", "#define USUAL 1\n");
        Stage { sandbox, count: 0 }
    }

    pub(crate) fn text(&self, text: &str) -> String {
        let show = |path: PathBuf| fs::canonicalize(path).expect("a directory").display().to_string();
        text.replace("{HOME}", &show(self.sandbox.path("home"))).replace("{ROOT}", &show(self.sandbox.path("")))
    }

    /// The directory of the next library; the library in it is whole.
    pub(crate) fn prepare(&mut self, trick: &Trick) -> PathBuf {
        self.count += 1;
        let place = format!("t{}", self.count);
        let manifest = format!(
            "[library]\nname = \"evil\"\nversion = \"1.0.0\"\nsource = [\"evil.coex\"]\n\n[ffi.unit]\n{}{}\n{}\n",
            if trick.unit.contains("source =") { "" } else { "source = [\"evil.c\"]\n" },
            trick.unit,
            trick.tables
        );
        self.sandbox.write(&format!("{place}/evil/manifest.toml"), self.text(&manifest));
        self.sandbox.write(&format!("{place}/evil/src/evil.coex"), "extern probe() -> int\n~\n");
        self.sandbox.write(&format!("{place}/evil/ffi/src/evil.c"), self.text(trick.c));
        let main = "import \"evil\"\n\nfunc main()\n    print(probe())\n~\n";
        self.sandbox.write(&format!("{place}/main.coex"), main);
        self.sandbox.path(&place)
    }

    pub(crate) fn command(&self, trick: &Trick, place: &Path, policy: &str) -> Command {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_coexc"));
        command.args(["build", "-O0", "main.coex"]).current_dir(place);
        // Each with answers of its own.
        let cache = self.sandbox.path(&format!("cache-{policy}"));
        if !cache.exists() {
            self.sandbox.know_tools_in(&cache);
        }
        command.env("COEX_CACHE_DIR", cache).env("COEX_SANDBOX", policy);
        command.envs(trick.environment.iter().map(|(name, value)| (name, self.text(value))));
        command
    }

    /// What gives the trick away, if it succeeded.
    pub(crate) fn loot(&self, place: &Path, run: &Ran) -> Option<String> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut signs = vec![SECRET.to_owned(), SEEN.to_owned()];
        signs.extend(passwd.lines().next().filter(|line| line.len() > 8).map(str::to_owned));
        let program = fs::read(place.join("main")).unwrap_or_default();
        let shown = [run.stdout.as_bytes(), run.stderr.as_bytes(), &program].concat();
        let sign = signs.into_iter().find(|sign| shown.windows(sign.len()).any(|part| part == sign.as_bytes()));
        let planted = self.sandbox.path("pwned");
        sign.or_else(|| fs::remove_file(planted).ok().map(|()| "a file appeared".to_owned()))
    }

    /// Plays one trick, and again without a sandbox when that is to be noticed.
    pub(crate) fn play(&mut self, trick: &Trick) {
        let name = trick.name;
        let place = self.prepare(trick);
        let run = bounded(&mut self.command(trick, &place, "require"));
        assert_eq!(self.loot(&place, &run), None, "{name} succeeded: {}", run.stderr);
        match trick.outcome {
            Refused(status, text) => {
                assert_eq!(run.status, status, "{name}: {}", run.stderr);
                assert!(run.stderr.contains(text) && run.stderr.contains("error["), "{name}: {}", run.stderr);
            }
            Harmless => assert_eq!(run.status, 0, "{name}: {}", run.stderr),
        }
        assert!(run.stderr.len() < 100_000, "{name}: {} bytes of messages", run.stderr.len());
        if trick.succeeds_without_sandbox {
            let run = bounded(&mut self.command(trick, &place, "off"));
            assert!(self.loot(&place, &run).is_some(), "{name} is not noticed: {}", run.stderr);
        }
    }

    pub(crate) fn play_all(tricks: &[Trick]) {
        if coexc::sandbox::Kernel::of_this_machine().lacks().is_some() {
            println!("skipped: no sandbox here");
            return;
        }
        let mut stage = Stage::new();
        tricks.iter().for_each(|trick| stage.play(trick));
    }
}

/// Runs to the end; whoever does not end fails.
pub(crate) fn bounded(command: &mut Command) -> Ran {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("the compiler starts");
    let group = child.id() as i32;
    let start = Instant::now();
    let (done, is_done) = std::sync::mpsc::channel();
    let watch = std::thread::spawn(move || {
        if is_done.recv_timeout(PATIENCE).is_err() {
            // SAFETY: the group is that of the child, which is not waited for before the channel is closed.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
    });
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let read = |stream: Option<Box<dyn std::io::Read + Send>>| {
        let mut bytes = Vec::new();
        stream.map(|mut stream| stream.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let other = std::thread::spawn(move || read(stderr.map(|pipe| Box::new(pipe) as Box<dyn std::io::Read + Send>)));
    let stdout = read(stdout.map(|pipe| Box::new(pipe) as Box<dyn std::io::Read + Send>));
    let stderr = other.join().expect("a reader");
    let status = child.wait().expect("the compiler ends");
    let _ = done.send(());
    watch.join().expect("a watch");
    assert!(start.elapsed() < PATIENCE, "it does not end");
    Ran { status: status.code().unwrap_or(-1), stdout, stderr }
}
