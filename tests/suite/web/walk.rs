//! The walk in docs/packages.md, from an empty directory to a program whose library came over HTTP.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::sandbox::{Sandbox, ran};

#[test]
fn the_walk_in_the_documentation_works() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3 here");
        return;
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/packages.md");
    let page = std::fs::read_to_string(page).expect("page");
    let script = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("walk");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("address").port();
    assert!(script.contains("8000 &\nsleep 1\n"), "{script}");
    // A loaded machine may need longer than a reader's.
    let wait = format!(
        "\ntrap 'kill $!' EXIT\nfor i in $(seq 300); do (: </dev/tcp/127.0.0.1/{port}) 2>&- && break; sleep 0.1; done\n"
    );
    let script = script.replace("\nsleep 1\n", &wait).replace("8000", &port.to_string());
    let sandbox = Sandbox::new();
    let tools = Path::new(env!("CARGO_BIN_EXE_coex")).parent().expect("directory").display().to_string();
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = sandbox.command("bash");
    let run = ran(command.args(["-e", "-c", &script]).env("PATH", path));
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "+ greet 1.0.0\n+ greet 1.0.0\nHello, world\n");
}
