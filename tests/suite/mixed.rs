//! The mixed load of `make soak`, for a moment: tasks, channels, deadlines, crashes and state in C at once, with different
//! numbers of workers and under collector stress.

use crate::sandbox::{Sandbox, ran};

#[test]
fn everything_at_once() {
    let sandbox = Sandbox::new();
    let benches = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
    let program = sandbox.path("mixed");
    let build = sandbox.coexc(&[
        "build",
        "-L",
        benches,
        &format!("{benches}/mixed.coex"),
        "-o",
        program.to_str().expect("a path of this test"),
    ]);
    assert_eq!(build.status, 0, "{}", build.stderr);
    for (workers, stress, rounds) in [("1", "0", "300"), ("2", "0", "300"), ("8", "0", "300"), ("4", "3", "40")] {
        let mut command = sandbox.command(&program);
        command.arg(rounds).env("COEX_WORKERS", workers);
        if stress != "0" {
            command.env("COEX_GC_STRESS", stress).env("COEX_GC_VERIFY", "1");
        }
        let run = ran(&mut command);
        assert_eq!((run.status, run.stdout.as_str()), (0, "0\n"), "{workers} workers, stress {stress}: {}", run.stderr);
    }
}
