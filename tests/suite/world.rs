//! A registry, a project and the package tool, for tests.

use std::fs;
use std::process::Command;

use crate::sandbox::{Ran, Sandbox, ran};

/// A sandbox with a registry in `reg`; `project` is where commands run.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    /// What else the tools find in their environment.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl World {
    pub(crate) fn new() -> World {
        World { sandbox: Sandbox::new(), environment: Vec::new() }
    }

    /// Packs and adds a library with one function that gives its version as text.
    pub(crate) fn publish(&self, name: &str, version: &str, more: &str) -> Ran {
        let directory = format!("made/{name}-{version}");
        let manifest =
            format!("[library]\nname = \"{name}\"\nversion = \"{version}\"\nsource = [\"{name}.coex\"]\n{more}");
        self.sandbox.write(&format!("{directory}/manifest.toml"), manifest);
        let body = format!("formula {name}_version() -> string\n    return \"{version}\"\n~\n");
        self.sandbox.write(&format!("{directory}/src/{name}.coex"), body);
        let archive = format!("{directory}.cxz");
        let packed = self.sandbox.coex(&["pkg", "pack", &directory, "-o", &archive]);
        assert_eq!(packed.status, 0, "{}", packed.stderr);
        self.sandbox.coex(&["registry", "add", "reg", &archive])
    }

    pub(crate) fn published(list: &[(&str, &str, &str)]) -> World {
        let world = World::new();
        for (name, version, more) in list {
            let run = world.publish(name, version, more);
            assert_eq!((run.status, run.stdout), (0, format!("+ {name} {version}\n")), "{}", run.stderr);
        }
        fs::create_dir_all(world.sandbox.path("project")).expect("directory");
        world
    }

    pub(crate) fn tool(&self, program: &str, words: &[&str]) -> Ran {
        ran(self.command(program).args(words))
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.sandbox.command(program);
        command.current_dir(self.sandbox.path("project")).env("COEX_REGISTRY", self.sandbox.path("reg"));
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }

    pub(crate) fn pkg(&self, words: &[&str]) -> Ran {
        let words: Vec<&str> = std::iter::once("pkg").chain(words.iter().copied()).collect();
        self.tool(env!("CARGO_BIN_EXE_coex"), &words)
    }

    pub(crate) fn done(&self, words: &[&str], expected: &str) {
        let run = self.pkg(words);
        assert_eq!((run.status, run.stdout.as_str()), (0, expected), "{words:?}: {}", run.stderr);
    }

    pub(crate) fn refused(&self, words: &[&str], status: i32, expected: &str) -> Ran {
        let run = self.pkg(words);
        assert_eq!(run.status, status, "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{words:?}: {}", run.stderr);
        run
    }

    pub(crate) fn lock(&self) -> String {
        String::from_utf8(self.sandbox.read("project/coex.lock")).expect("text")
    }

    /// Compiles a program that imports `name` and prints its version.
    pub(crate) fn version_in_program(&self, name: &str) -> Ran {
        let text = format!("import \"{name}.cxz\"\nfunc main()\n    print({name}_version())\n~\n");
        self.sandbox.write("project/main.coex", text);
        self.tool(env!("CARGO_BIN_EXE_coexc"), &["run", "-O0", "main.coex"])
    }

    pub(crate) fn index(&self, name: &str) -> String {
        format!("reg/index/{}/{}/{name}.jsonl", &name[..2], &name[2..4])
    }

    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.sandbox.read(path)).expect("text");
        assert!(text.contains(from), "{path}: {text}");
        self.sandbox.write(path, text.replace(from, to));
    }

    pub(crate) fn installed(&self, name: &str) -> Vec<std::path::PathBuf> {
        let directory = self.sandbox.path(&format!("home/.coex/lib/{name}"));
        let mut list: Vec<_> =
            fs::read_dir(directory).expect("store").map(|entry| entry.expect("entry").path()).collect();
        list.sort();
        list
    }

    /// An archive of the same name and version with another content.
    pub(crate) fn publish_bytes(&self, name: &str, version: &str) -> Vec<u8> {
        self.publish(name, version, "license = \"none\"\n");
        self.sandbox.read(&format!("reg/dl/{name}/{name}-{version}.cxz"))
    }

    /// A pair of keys; the secret one lies in the file that is returned.
    pub(crate) fn key(&self, name: &str) -> String {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("keys");
        let text = pair.sk.to_box(None).expect("box").to_string();
        self.sandbox.write(&format!("keys/{name}"), text);
        format!("../keys/{name}")
    }

    pub(crate) fn sign(&self, key: &str, name: &str, version: &str) -> Ran {
        let directory = format!("made/{name}-{version}");
        let manifest = format!("[library]\nname = \"{name}\"\nversion = \"{version}\"\nsource = [\"{name}.coex\"]\n");
        self.sandbox.write(&format!("{directory}/manifest.toml"), manifest);
        let body = format!("formula {name}_version() -> string\n    return \"{version}\"\n~\n");
        self.sandbox.write(&format!("{directory}/src/{name}.coex"), body);
        self.pkg(&["publish", &format!("../{directory}"), "--key", key])
    }
}

pub(crate) const TEXT_AND_REGEX: &[(&str, &str, &str)] = &[
    ("text", "1.0.0", ""),
    ("text", "1.3.0", ""),
    ("text", "2.0.0", ""),
    ("regex", "1.0.0", "depends = { text = \"^1\" }\n"),
    ("regex", "1.1.0", "depends = { text = \"^1.2\" }\ndescription = \"Patterns\"\n"),
];
