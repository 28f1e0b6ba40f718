//! One program to run, and what it may do.
//!
//! In: its path and arguments, files that it may read, a directory that it may write. Out: [`Finished`]. Deliberately not
//! here: how rules are put into force (`rules`).
//!
//! Without being told, a program may read and execute itself, its loader and the system's libraries, and nothing else. A
//! script (a wrapper that somebody has put before clang) may use the system's programs too, and start processes: else
//! it could not do its work.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::output::{self, Finished};
use super::rules::Rules;
use super::{Fault, Policy};

/// Where loaders and shared libraries lie, and what clang wants to know of the distribution.
const SYSTEM: [&str; 16] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local/lib",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/clang",
    "/etc/os-release",
    "/etc/lsb-release",
    "/etc/debian_version",
    "/etc/redhat-release",
    "/etc/SuSE-release",
    "/etc/gentoo-release",
];

/// What the kernel runs before a program.
const LOADERS: [&str; 6] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/nix/store",
    "/gnu/store",
];

const SYSTEM_PROGRAMS: [&str; 5] = ["/bin", "/usr/bin", "/usr/local/bin", "/usr/libexec", "/usr/lib"];

/// Never opened, whoever names them: with one of these as include directory a stranger's sources could read everything.
const CLOSED: [&str; 6] = ["/", "/etc", "/proc", "/sys", "/dev", "/run"];

/// How long a program may be open for writing.
const MAX_BUSY: Duration = Duration::from_secs(5);

pub struct Tool {
    command: Command,
    rules: Rules,
    is_script: bool,
}

impl Tool {
    /// A program by its path, with nothing but `PATH` and a fixed locale and time in its environment.
    pub fn new(program: &Path) -> Tool {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // `__DATE__` and `__TIME__` must not differ between builds.
        command.env("LC_ALL", "C").env("SOURCE_DATE_EPOCH", "0");
        let mut tool = Tool { command, rules: Rules::default(), is_script: is_script(program) };
        tool.rules.read.extend(SYSTEM.map(PathBuf::from));
        tool.rules.execute.extend(LOADERS.map(PathBuf::from));
        tool.rules.execute.push(program.to_owned());
        // A toolchain outside of the system's directories has its libraries beside it.
        let real = fs::canonicalize(program).unwrap_or_default();
        if let (false, Some(prefix)) = (tool.is_script, real.parent().and_then(Path::parent)) {
            tool = tool.may_read(&prefix.join("lib"));
        }
        if tool.is_script {
            tool.rules.execute.extend(SYSTEM_PROGRAMS.map(PathBuf::from));
            tool.rules.may_start_processes = true;
        }
        tool.pass(&["PATH"])
    }

    pub fn arguments<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Tool {
        self.command.args(arguments);
        self
    }

    /// Variables of the user that the program may see.
    pub fn pass(mut self, names: &[&str]) -> Tool {
        let set = names.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
        self.command.envs(set.collect::<Vec<_>>());
        self
    }

    pub fn directory(mut self, path: &Path) -> Tool {
        self.command.current_dir(path);
        self
    }

    /// A file, or everything below a directory. What would open a home directory or the whole system is left closed.
    pub fn may_read(mut self, path: &Path) -> Tool {
        if !is_closed(path) {
            self.rules.read.push(path.to_owned());
        }
        self
    }

    pub fn may_execute(mut self, path: &Path) -> Tool {
        self.rules.execute.push(path.to_owned());
        self
    }

    /// The one directory that may be changed; temporary files go there too.
    pub fn may_write(mut self, directory: &Path) -> Tool {
        self.command.env("TMPDIR", directory);
        self.rules.write = Some(directory.to_owned());
        self
    }

    /// Instead of nothing.
    pub fn input(mut self, input: impl Into<Stdio>) -> Tool {
        self.command.stdin(input);
        self
    }

    /// Instead of two minutes.
    pub fn cpu_seconds(mut self, most: u64) -> Tool {
        self.rules.max_cpu_seconds = Some(most);
        self
    }

    /// For our own helpers, which give up what they need no more.
    pub fn may_renounce(mut self) -> Tool {
        self.rules.may_renounce = true;
        self
    }

    /// For linkers that fork to hand back early: the processes are a group that can be ended together.
    pub fn leads_processes(mut self) -> Tool {
        self.command.process_group(0);
        self.rules.may_start_processes = true;
        self
    }

    /// For questions on which no stranger's input has an influence: where a script leads nobody knows before it is asked.
    pub fn trusts_scripts(mut self) -> Tool {
        if self.is_script {
            self.rules.execute.push(PathBuf::from("/"));
        }
        self
    }

    /// Runs to the end, but not for ever.
    pub fn run(self) -> Result<Finished, Fault> {
        self.start()?.finish()
    }

    pub fn start(mut self) -> Result<Running, Fault> {
        let policy = Policy::in_force()?;
        self.rules.put_before(&mut self.command, policy)?;
        let cpu_seconds = self.rules.cpu_seconds();
        let begin = Instant::now();
        let child = loop {
            match self.command.spawn() {
                // It is being installed, or a child of whoever wrote it has not become another program yet.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && begin.elapsed() < MAX_BUSY => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                started => break started.map_err(|error| Fault::start(&error))?,
            }
        };
        Ok(Running { child, cpu_seconds })
    }
}

/// A tool at work.
pub struct Running {
    child: Child,
    cpu_seconds: u64,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn finish(self) -> Result<Finished, Fault> {
        output::collect(self.child, self.cpu_seconds).map_err(|error| Fault::start(&error))
    }
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    fs::File::open(program).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

/// Whether rules for this directory would open the user's own files.
fn is_closed(path: &Path) -> bool {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let homes = [std::env::var_os("HOME").map(PathBuf::from), Some(PathBuf::from("/root")), Some("/home".into())];
    let holds_home = homes.iter().flatten().any(|home| {
        let home = fs::canonicalize(home).unwrap_or_else(|_| home.clone());
        home.is_absolute() && home.starts_with(&real)
    });
    let below = |closed: &Path| closed != Path::new("/") && real.starts_with(closed);
    holds_home || CLOSED.iter().any(|closed| real == Path::new(closed) || below(Path::new(closed)))
}

#[cfg(test)]
mod tests {
    use super::super::Kernel;
    use super::*;

    /// A directory with a secret beside the one that may be used.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let root = std::env::temp_dir().join(format!("coex-tool-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(root.join("own")).unwrap();
            fs::write(root.join("secret"), "secret").unwrap();
            Place(fs::canonicalize(root).unwrap())
        }

        fn shell(&self, script: &str) -> Tool {
            let own = self.0.join("own");
            let shell = Tool::new(Path::new("/bin/sh")).arguments(["-c", script]).leads_processes();
            let programs = SYSTEM_PROGRAMS.iter().fold(shell, |tool, path| tool.may_execute(Path::new(path)));
            programs.directory(&own).may_write(&own)
        }

        fn succeeds(&self, script: &str) -> bool {
            self.shell(script).run().unwrap().status.success()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_confined_command_reads_and_writes_only_where_it_may() {
        if Kernel::of_this_machine().lacks().is_some() {
            println!("skipped: no sandbox here");
            return;
        }
        let place = Place::new("files");
        assert!(place.succeeds("echo x > y && cat y"));
        assert!(!place.succeeds("cat ../secret"));
        assert!(!place.succeeds("echo x > ../z"));
        assert!(!place.succeeds("cat /etc/passwd"));
        assert!(!place.succeeds("cat /proc/self/environ"));
        assert!(!place.0.join("z").exists());
        assert!(!place.succeeds(&format!("cp /bin/true {0}/own/t && {0}/own/t", place.0.display())));
    }

    #[test]
    fn a_confined_command_knows_nobody_else() {
        if Kernel::of_this_machine().lacks().is_some() {
            println!("skipped: no sandbox here");
            return;
        }
        let place = Place::new("others");
        let own = std::process::id();
        assert!(!place.succeeds(&format!("kill -0 {own}")));
        assert!(!place.succeeds("exec 3<>/dev/tcp/127.0.0.1/9"));
        let said = place.shell("env; ls -l /dev/fd/ | wc -l; read line || echo end").run().unwrap().stdout;
        let names: Vec<&str> = said.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let known = ["LC_ALL", "SOURCE_DATE_EPOCH", "PATH", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"];
        assert!(names.iter().all(|name| known.contains(name)), "{said}");
        assert!(said.ends_with("end\n"), "{said}");
    }

    #[test]
    fn a_program_that_is_being_written_is_waited_for() {
        let place = Place::new("busy");
        let program = place.0.join("own/tool");
        fs::copy("/bin/true", &program).unwrap();
        let writer = fs::OpenOptions::new().append(true).open(&program).unwrap();
        let closed = std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            drop(writer);
        });
        assert!(Tool::new(&program).run().unwrap().succeeded());
        closed.join().unwrap();
    }

    #[test]
    fn a_command_ends_and_says_little() {
        let place = Place::new("bounds");
        let loud = place.shell("yes | head -c 3000000 >&2").run().unwrap();
        assert!(loud.stderr.len() <= output::MAX_KEPT, "{}", loud.stderr.len());
        let endless = place.shell("yes >&2").run().unwrap();
        assert_eq!(endless.fault(), "was stopped: it printed more than 64 MiB");
        let missing = Tool::new(&place.0.join("none")).run().unwrap_err();
        assert!(matches!(missing, Fault::Start { kind: std::io::ErrorKind::NotFound, .. }), "{missing:?}");
    }

    #[test]
    fn directories_that_hold_everything_stay_closed() {
        for path in ["/", "/etc", "/etc/ssl", "/proc/self", "/dev", "/home", "/root"] {
            assert!(is_closed(Path::new(path)), "{path}");
        }
        for path in ["/usr/include", "/usr/lib", "/opt/x/include"] {
            assert!(!is_closed(Path::new(path)), "{path}");
        }
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()));
        assert!(is_closed(&home) && !is_closed(&home.join(".local/include")));
    }
}
