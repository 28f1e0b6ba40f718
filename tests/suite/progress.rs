//! Progress bars: on a terminal and nowhere else.

use std::time::Duration;

use crate::sandbox::{Sandbox, ran};
use crate::terminal::on_a_terminal;
use crate::web::{Answer, Served, response};
use crate::world::TEXT_AND_REGEX;

#[test]
fn a_download_is_watched_on_a_terminal_only() {
    let served = Served::new(TEXT_AND_REGEX);
    let honest = response("200 OK", &[], &served.read("dl/text/text-1.3.0.cxz"));
    let pieces: Vec<Vec<u8>> = honest.chunks(honest.len().div_ceil(8)).map(<[u8]>::to_vec).collect();
    served.server.instead("/text-1.3.0.cxz", move || Answer::Slowly(pieces.clone(), Duration::from_millis(150)));
    let install = || {
        served.forget();
        let mut command = served.world.command(env!("CARGO_BIN_EXE_coex"));
        command.args(["pkg", "install", "text@1.3.0"]).env("TERM", "xterm");
        command
    };
    let Some((status, text)) = on_a_terminal(&mut install()) else { return };
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("text-1.3.0.cxz [") && text.contains(" B/"), "{text:?}");
    assert!(text.ends_with("\u{1b}[2K") || text.ends_with("\u{1b}[K") || text.ends_with('\r'), "it is gone: {text:?}");
    for (name, value) in [("CI", "true"), ("TERM", "dumb")] {
        let (status, text) = on_a_terminal(install().env(name, value)).expect("terminal");
        assert_eq!((status, text.as_str()), (0, ""), "{name}");
    }
    let (status, text) = on_a_terminal(install().args(["--message-format", "json"])).expect("terminal");
    assert_eq!((status, text.as_str()), (0, ""));
    let run = ran(&mut install());
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
}

#[test]
fn c_compilation_is_watched_on_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "lib/slow/manifest.toml",
        "[library]\nname = \"slow\"\nversion = \"1.0.0\"\nsource = [\"slow.coex\"]\n[ffi.unit]\nsource = [\"*.c\"]\n",
    );
    sandbox.write("lib/slow/src/slow.coex", "extern many() -> int\n~\n");
    // A hundred thousand elements that nobody needs take their time.
    let mut text = "#include <stdint.h>\n#define A 1,1,1,1,1,1,1,1,1,1\n#define B A,A,A,A,A,A,A,A,A,A\n".to_owned();
    text.push_str("#define C B,B,B,B,B,B,B,B,B,B\n#define D C,C,C,C,C,C,C,C,C,C\n#define E D,D,D,D,D,D,D,D,D,D\n");
    sandbox.write("lib/slow/ffi/src/b.c", text.clone() + "int64_t other(void) { return sizeof((char[]){E,E}); }\n");
    sandbox.write("lib/slow/ffi/src/a.c", text + "int64_t many(void) { return sizeof((char[]){E,E,E,E}); }\n");
    sandbox.write("main.coex", "import \"slow.cxz\"\nfunc main()\n    print(many())\n~\n");
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_coexc"));
    command.args(["build", "-O0", "main.coex"]).env("TERM", "xterm");
    let Some((status, text)) = on_a_terminal(&mut command) else { return };
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("C of slow [") && text.contains("/2"), "{text:?}");
    std::fs::remove_dir_all(sandbox.path("home/.coex")).expect("cache");
    let run = sandbox.coexc(&["build", "-O0", "main.coex"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
}
