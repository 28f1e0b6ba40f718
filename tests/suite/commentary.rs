//! `coexc commentary`: notes in files.

use crate::sandbox::Sandbox;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const PROGRAM: &str = "func main()
    xs = [1]
    xs.append(2)
    #@ [HINT:ignore]
    xs.append(3)
    #@ [PERF] something that is not so any more
    match xs.len() > 2
        case true: print(xs) ~
    ~
~
";

fn notes(sandbox: &Sandbox, name: &str) -> String {
    let run = sandbox.coexc(&["commentary", name]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    fs::read_to_string(sandbox.path(name)).expect("file")
}

#[test]
fn notes_come_and_go() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("main.coex", PROGRAM);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("mode");
    let noted = notes(&sandbox, "main.coex");
    let expected = PROGRAM
        .replace("    #@ [PERF] something that is not so any more\n", "    #@ [HINT] match does not cover: false\n")
        .replacen(
            "    xs.append(2)",
            "    #@ [HINT] Result of 'append' is unused; write 'xs = xs.append(...)'\n    xs.append(2)",
            1,
        );
    assert_eq!(noted, expected);
    assert_eq!(notes(&sandbox, "main.coex"), expected);
    assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o640);
    // It means what it meant.
    let run = sandbox.coexc(&["check", "main.coex"]);
    assert_eq!((run.status, run.stderr.matches("warning[").count()), (0, 3));
    // What is repaired has no note.
    sandbox.write("main.coex", noted.replace("    xs.append(2)", "    xs = xs.append(2)"));
    assert!(!notes(&sandbox, "main.coex").contains("Result of"));
}

#[test]
fn some_files_stay_as_they_are() {
    let sandbox = Sandbox::new();
    for text in [
        format!("#@ none\n{PROGRAM}"),
        PROGRAM.replace("    #@ [PERF] something that is not so any more\n", "") + "#@ [HINT:off]\n",
    ] {
        sandbox.write("main.coex", &text);
        assert_eq!(notes(&sandbox, "main.coex"), text);
    }
    // A module has no main; warnings about other files are not for this one.
    sandbox.write("part.coex", "import other\nfunc f()\n    1 + 1\n    other.g()\n~\n");
    sandbox.write("other.coex", "func g()\n    2 + 2\n~\n");
    assert_eq!(
        notes(&sandbox, "part.coex"),
        "import other\nfunc f()\n    #@ [HINT] Result of '+' is unused; write 'x = …'\n    1 + 1\n    other.g()\n~\n"
    );
    let wrong = "func main()\n    1 + 1\n    print(x)\n~\n";
    sandbox.write("wrong.coex", wrong);
    let run = sandbox.coexc(&["commentary", "wrong.coex"]);
    assert!(run.status == 1 && run.stderr.contains("error[E0407]"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(sandbox.path("wrong.coex")).expect("file"), wrong);
    assert_eq!(sandbox.coexc(&["commentary", "nothere.coex"]).status, 2);
    assert_eq!(sandbox.coexc(&["commentary"]).status, 2);
}
