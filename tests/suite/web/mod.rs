//! Registries and archives on web servers: right answers, wrong ones, and what is remembered.

mod answers;
mod memory;
mod proxy;
mod server;
mod trust;
mod walk;

pub(crate) use server::{Answer, Server, response};

use crate::sandbox::Ran;
use crate::world::{TEXT_AND_REGEX, World};

/// A world whose registry is behind a server.
pub(crate) struct Served {
    pub(crate) world: World,
    pub(crate) server: Server,
}

impl Served {
    pub(crate) fn new(list: &[(&str, &str, &str)]) -> Served {
        let mut world = World::published(list);
        let server = Server::of(world.sandbox.path("reg"));
        world.environment.push(("COEX_REGISTRY", server.url()));
        world.environment.push(("COEX_MIN_AGE", "0".to_owned()));
        // A server that is silent on purpose costs this much each time.
        world.environment.push(("COEX_NET_TIMEOUT", "2".to_owned()));
        Served { world, server }
    }

    /// Fails so, and leaves nothing behind.
    pub(crate) fn refused(&self, status: i32, expected: &str) -> Ran {
        let run = self.world.refused(&["install", "text@1.3.0"], status, expected);
        assert!(!self.world.sandbox.path("project/coex.lock").exists(), "{expected}");
        let installed = self.world.sandbox.path("home/.coex/lib/text");
        let left = std::fs::read_dir(installed).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{expected}");
        run
    }

    /// Another machine: nothing is installed or remembered.
    pub(crate) fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.world.sandbox.path("home/.coex"));
        let _ = std::fs::remove_file(self.world.sandbox.path("project/coex.lock"));
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        self.world.sandbox.read(&format!("reg/{path}"))
    }
}

const TEXT: &str = "/dl/text/text-1.3.0.cxz";

#[test]
fn a_registry_on_a_server_is_like_any_other() {
    let served = Served::new(TEXT_AND_REGEX);
    let (world, url) = (&served.world, served.server.url());
    let run = world.version_in_program("regex");
    assert!(run.stderr.contains("To install: coex pkg install regex\n"), "{}", run.stderr);
    world.done(&["install", "regex"], "+ regex 1.1.0\n+ text 1.3.0\n");
    assert!(world.lock().contains(&format!("source = \"registry+{url}\"")), "{}", world.lock());
    assert_eq!(world.version_in_program("regex").stdout, "1.1.0\n");
    world.done(&["search", "PAT"], "regex 1.1.0  Patterns\n");
    assert!(world.pkg(&["info", "regex"]).stdout.contains("  needs text ^1.2\n"));
    let run = world.refused(&["install", "regexp"], 4, "error[E1501]: Package 'regexp' not found\n");
    assert!(run.stderr.contains("a package named 'regex' exists"), "{}", run.stderr);
    world.done(&["vendor"], &{
        let lib = world.sandbox.path("project/lib").canonicalize().unwrap_or(world.sandbox.path("project/lib"));
        format!("{0}/regex.cxz\n{0}/text.cxz\n", lib.display())
    });
    // It is kept where its files lie.
    let run = world.sign(&world.key("first"), "regex", "2.0.0");
    assert!(run.stderr.contains("is on a web server and can only be read"), "{}", run.stderr);
}

#[test]
fn an_archive_comes_from_any_url() {
    let served = Served::new(TEXT_AND_REGEX);
    let (world, url) = (&served.world, format!("{}{TEXT}", served.server.url()));
    world.done(&["install", &url], "+ text 1.3.0\n");
    assert!(world.lock().contains(&format!("source = \"archive+{url}\"")), "{}", world.lock());
    assert_eq!(world.version_in_program("text").stdout, "1.3.0\n");
    std::fs::remove_dir_all(world.sandbox.path("home/.coex/lib/text")).expect("removed");
    world.refused(&["install", "--offline"], 5, "--offline");
    world.done(&["install"], "");
    std::fs::remove_dir_all(world.sandbox.path("home/.coex/lib/text")).expect("removed");
    let other = served.read("dl/text/text-1.0.0.cxz");
    served.server.instead(TEXT, move || Answer::Body(other.clone()));
    world.refused(&["install"], 4, "has changed since it was locked");
    served.server.instead(TEXT, || Answer::Status(404));
    world.refused(&["install"], 5, "error[E1508]: Archive 'http://127.0.0.1:");
    served.server.instead(TEXT, || Answer::Body(b"<html>not found</html>".to_vec()));
    world.refused(&["install"], 4, "error[E1109]");
    for bad in ["ftp://h/x.cxz", "http://", "https://user:word@h/x.cxz", "http://h/a b.cxz"] {
        world.refused(&["install", bad], 5, "error[E1508]: Archive '");
    }
}
