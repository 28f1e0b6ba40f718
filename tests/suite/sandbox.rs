//! A directory and a home of their own for a test that runs the tools.
//!
//! In a new home the compiler reads 200 MB of clang to know it again, asks it four times, and puts the runtime into its
//! cache: most of a second, which says nothing about what a test is about. So a home begins with these three answers, as the
//! compiler has kept them. [`Sandbox::bare`] begins with nothing.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
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
        let sandbox = Sandbox::bare();
        sandbox.know_tools_in(&sandbox.path("home/.coex/cache"));
        sandbox
    }

    /// With a home in which nothing has been built.
    pub(crate) fn bare() -> Sandbox {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("coex-test-{}-{count}", std::process::id()));
        fs::create_dir_all(root.join("home")).expect("temporary directory");
        Sandbox { root }
    }

    /// The same for a cache in another place.
    pub(crate) fn know_tools_in(&self, cache: &Path) {
        give_known_tools(cache).expect("a cache that knows its tools");
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

/// What the compiler keeps of the machine alone: entries that have no bytes, or those of the runtime. They are named by what
/// they were made from, so a compiler that needs others does not see these.
fn give_known_tools(cache: &Path) -> io::Result<()> {
    let (root, paths) = known_tools();
    for path in paths {
        let place = cache.join(path);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(place.parent().expect("directory"))?;
        // No link: what a test does to its cache is its own business.
        fs::copy(root.join(path), place)?;
    }
    Ok(())
}

/// Where these files are, and their names; none where nothing can be built, which other tests say better.
fn known_tools() -> &'static (PathBuf, Vec<PathBuf>) {
    static KNOWN: OnceLock<(PathBuf, Vec<PathBuf>)> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let compiler = fs::metadata(env!("CARGO_BIN_EXE_coexc")).expect("compiler");
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
        let ours = all.join(format!("{}-{}-{}", compiler.ino(), compiler.mtime(), compiler.mtime_nsec()));
        if !ours.exists() {
            // Those of compilers that are gone.
            let _ = fs::remove_dir_all(&all);
            fs::create_dir_all(&all).expect("directory");
            let unfinished = all.join(format!("{}.tmp", std::process::id()));
            ask_tools(&unfinished);
            // Somebody else may have done the same meanwhile.
            let _ = fs::rename(&unfinished, &ours);
        }
        let below = |path: PathBuf| path.strip_prefix(&ours).expect("below").to_owned();
        let paths = files_below(&ours).into_iter().map(below).collect();
        (ours, paths)
    })
}

fn ask_tools(to: &Path) {
    let maker = Sandbox::bare();
    let program = maker.write("program.coex", "func main()\n    print(1)\n~\n");
    maker.coexc(&["build", &program.to_string_lossy()]);
    let made = maker.path("home/.coex/cache");
    for path in files_below(&made).iter().filter(|path| is_of_machine(path)) {
        let place = to.join(path.strip_prefix(&made).expect("below"));
        fs::create_dir_all(place.parent().expect("parent")).expect("directory");
        fs::copy(path, place).expect("copied");
    }
}

fn is_of_machine(path: &Path) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("entry") => {
            let text = fs::read_to_string(path).unwrap_or_default();
            // What a program was made from is a list of hashes.
            let is_hash = |line: &str| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            match text.lines().nth(1).unwrap_or_default().split(' ').next() {
                Some("meta") => !text.lines().nth(2).is_some_and(is_hash),
                _ => text.starts_with("coex-entry 1\nblob libcoex_runtime.a "),
            }
        }
        Some("blob") => fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"!<arch>\n")),
        _ => path.ends_with("CACHEDIR.TAG"),
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let (mut files, mut pending) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { pending.push(path) } else { files.push(path) }
        }
    }
    files
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output: Output = loop {
        match command.output() {
            // A program that this test has just written: a child of another test still holds it open.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            output => break output.expect("runs"),
        }
    };
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
