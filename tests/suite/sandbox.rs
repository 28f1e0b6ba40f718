//! A directory and a home of their own for a test that runs the tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Sandbox {
    root: PathBuf,
}

/// What a run of a tool gave.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Sandbox {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("coex-test-{}-{count}", std::process::id()));
        fs::create_dir_all(root.join("home")).expect("temporary directory");
        Sandbox { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        fs::write(&path, content).expect("file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.root).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).env("LC_ALL", "C.UTF-8");
        command
    }

    pub(crate) fn coexc(&self, words: &[&str]) -> Ran {
        ran(self.command(env!("CARGO_BIN_EXE_coexc")).args(words))
    }

    pub(crate) fn coex(&self, words: &[&str]) -> Ran {
        ran(self.command(env!("CARGO_BIN_EXE_coex")).args(words))
    }

    /// An unpacked library directory.
    pub(crate) fn library(&self, directory: &str, name: &str) {
        self.write(
            &format!("{directory}/manifest.toml"),
            format!("[library]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = [\"{name}.coex\"]\n"),
        );
        self.write(&format!("{directory}/src/{name}.coex"), "formula one() -> int\n    return 1\n~\n");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output: Output = command.output().expect("runs");
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
