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
        "#@ none\nfunc main()\n    print(unknown)\n~\n".to_owned(),
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

const MOVABLE: &str = "func twice(n: int) -> int
    return n * 2
~
func main()
    xs = [1]
    xs.append(2)
    ys = xs
    print(ys)
    print(twice(1))
~
";

const MOVABLE_NOTED: &str = "#@ [KIND] 'twice' only computes: it can be a formula
func twice(n: int) -> int
    return n * 2
~
func main()
    xs = [1]
    #@ [HINT] Result of 'append' is unused; write 'xs = xs.append(...)'
    xs.append(2)
    #@ [MOVE] 'xs' is not used again: 'ys := xs' moves it
    ys = xs
    print(ys)
    print(twice(1))
~
";

#[test]
fn variables_that_could_move_and_funcs_that_only_compute() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", MOVABLE);
    assert_eq!(notes(&sandbox, "main.coex"), MOVABLE_NOTED);
    assert_eq!(notes(&sandbox, "main.coex"), MOVABLE_NOTED);
    assert_eq!(sandbox.coexc(&["run", "main.coex"]).stdout, "[1]\n2\n");
    // Both hints can be taken.
    let taken = MOVABLE.replace("func twice", "formula twice").replace("ys = xs", "ys := xs");
    sandbox.write("main.coex", &taken);
    let noted = notes(&sandbox, "main.coex");
    assert!(!noted.contains("[KIND]") && !noted.contains("[MOVE]"), "{noted}");
    let silent = format!("#@ [MOVE:off]\n#@ [KIND:ignore]\n{MOVABLE}");
    sandbox.write("main.coex", &silent);
    let noted = notes(&sandbox, "main.coex");
    assert!(!noted.contains("[KIND] ") && !noted.contains("[MOVE] "), "{noted}");
}

#[test]
fn only_what_is_certain_is_noted() {
    let sandbox = Sandbox::new();
    let text = "type T:
    n: int
    func get(i: int) -> int
        print(i)
        return n
    ~
~
func calls(f: func(int) -> int, t: T) -> int
    return f(1)
~
func subscript(t: T) -> int
    return t[0]
~
func method(t: T) -> int
    return t.get(1)
~
func loops(n: int) -> int
    x = n
    for i in 0..3
        y = x
        print(y)
    ~
    return x
~
func main()
    t = T(1)
    a = [t]
    b = a
    print((a, b))
    print(calls(func(k: int) => k, t) + subscript(t) + method(t) + loops(2))
~
";
    sandbox.write("main.coex", text);
    assert_eq!(
        notes(&sandbox, "main.coex"),
        text.replace("    x = n\n", "    #@ [MOVE] 'n' is not used again: 'x := n' moves it\n    x = n\n")
    );
}
