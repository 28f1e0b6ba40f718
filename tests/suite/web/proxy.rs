//! Registries behind a proxy of the environment: what goes through it, what it gets to see, and what is said of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Answer, Server};
use crate::sandbox::{Ran, ran};
use crate::world::{TEXT_AND_REGEX, World};

struct Behind {
    world: World,
    server: Server,
    proxy: Server,
}

impl Behind {
    fn new(server: impl Fn(std::path::PathBuf) -> Server) -> Behind {
        let world = World::published(TEXT_AND_REGEX);
        let server = server(world.sandbox.path("reg"));
        let proxy = Server::of(world.sandbox.path("nothing"));
        let target = server.address;
        proxy.script(move |request| match request.head.starts_with("CONNECT ") {
            true => Answer::Tunnel(target),
            false => Answer::Status(405),
        });
        Behind { world, server, proxy }
    }

    /// Installs on a machine that knows nothing yet.
    fn install(&self, registry: &str, variables: &[(&str, &str)]) -> Ran {
        for known in ["home/.coex/lib", "home/.coex/cache", "project/coex.lock"] {
            let path = self.world.sandbox.path(known);
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        let mut command = self.world.command(env!("CARGO_BIN_EXE_coex"));
        command.args(["pkg", "install", "--now", "--registry", registry, "text@1.3.0"]).env("COEX_NET_TIMEOUT", "10");
        ran(command.envs(variables.iter().copied()))
    }

    fn installs(&self, registry: &str, variables: &[(&str, &str)]) {
        let run = self.install(registry, variables);
        assert_eq!((run.status, run.stdout.as_str()), (0, "+ text 1.3.0\n"), "{variables:?}: {}", run.stderr);
    }
}

#[test]
fn the_proxy_of_the_environment_is_asked() {
    let behind = Behind::new(Server::of);
    let proxy = behind.proxy.url();
    // Only the proxy knows this host.
    let registry = "http://packages.invalid/";
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        behind.installs(registry, &[(variable, &proxy), ("NO_PROXY", "other.invalid,.example")]);
        assert!(behind.proxy.paths().iter().all(|path| path == "packages.invalid:80"), "{variable}");
        assert!(behind.server.paths().contains(&"/config.json".to_owned()), "{variable}");
    }
    assert!(behind.world.lock().contains("source = \"registry+http://packages.invalid"), "{}", behind.world.lock());
    // Whoever is named in NO_PROXY is reached without it.
    let direct = format!("http://localhost:{}", behind.server.address.port());
    for except in ["localhost", "a.invalid,LOCALHOST", "local*", "*"] {
        behind.installs(&direct, &[("HTTP_PROXY", &proxy), ("NO_PROXY", except)]);
        behind.installs(&direct, &[("HTTP_PROXY", &proxy), ("no_proxy", except)]);
        assert_eq!(behind.proxy.paths(), [""; 0], "{except}");
    }
    behind.installs(&direct, &[("HTTP_PROXY", "")]);
    behind.installs(&direct, &[("HTTP_PROXY", &proxy)]);
    assert_ne!(behind.proxy.paths(), [""; 0]);
}

/// The proxy sees where one goes, and nothing of what is said there; the server sees nothing that is for the proxy.
#[test]
fn a_proxy_learns_only_where_one_goes() {
    let mut behind = Behind::new(Server::encrypted);
    let sandbox = &behind.world.sandbox;
    let ca = sandbox.write("ca.pem", include_str!("tls/ca.pem")).display().to_string();
    let registry = format!("https://localhost:{}", behind.server.address.port());
    let tokens = sandbox.write("home/.coex/tokens", format!("{registry} s3cret\n"));
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).expect("permissions");
    behind.world.environment.push(("COEX_CA_FILE", ca));
    let proxy = format!("http://me:pa55@{}", behind.proxy.address);
    behind.installs(&registry, &[("HTTPS_PROXY", &proxy)]);
    let (seen, answered) = (behind.proxy.requests(), behind.server.requests());
    assert!(!seen.is_empty() && !answered.is_empty());
    for request in seen {
        assert_eq!(request.path, registry.trim_start_matches("https://"));
        assert_eq!(request.header("Proxy-Authorization"), Some("Basic bWU6cGE1NQ=="));
        assert!(!request.head.contains("s3cret") && request.header("Authorization").is_none(), "{}", request.head);
    }
    for request in answered {
        assert_eq!(request.header("Authorization"), Some("Bearer s3cret"));
        assert_eq!(request.header("Proxy-Authorization"), None);
    }
    // Another server at the end of the tunnel is not believed.
    let plain = Server::of(behind.world.sandbox.path("reg"));
    let target = plain.address;
    behind.proxy.script(move |_| Answer::Tunnel(target));
    assert_eq!(behind.install(&registry, &[("HTTPS_PROXY", &proxy)]).status, 5);
    assert_eq!(plain.paths(), [""; 0]);
}

#[test]
fn a_proxy_that_fails_is_named() {
    let behind = Behind::new(Server::of);
    let address = behind.proxy.address;
    let proxy = format!("http://me:pa55@{address}");
    let refused = |variable: &str, value: &str, expected: &str| {
        let run = behind.install("http://packages.invalid/", &[(variable, value)]);
        assert_eq!(run.status, 5, "{expected}: {}", run.stderr);
        assert!(run.stderr.contains("error[E1508]: Registry 'http://packages.invalid"), "{}", run.stderr);
        assert!(run.stderr.contains(expected) && !run.stderr.contains("pa55"), "{expected}: {}", run.stderr);
        assert_eq!(behind.server.paths(), [""; 0], "{expected}");
    };
    for (status, expected) in [
        (407, "the proxy wants a user and a password (407)"),
        (403, "the proxy answers 403"),
        (502, "the proxy answers 502"),
    ] {
        behind.proxy.script(move |_| Answer::Status(status));
        refused("HTTP_PROXY", &proxy, &format!("{expected} (through the proxy {address})"));
    }
    behind.proxy.script(|_| Answer::Raw(b"220 mail.example ESMTP\r\n".to_vec()));
    refused("HTTP_PROXY", &proxy, &format!("(through the proxy {address})"));
    // Nobody listens at its port.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("address");
    refused("HTTP_PROXY", &format!("http://{gone}"), &format!("Connection refused (through the proxy {gone})"));
    refused("ALL_PROXY", &format!("socks5://{address}"), "SOCKS");
}
