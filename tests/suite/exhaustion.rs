//! Stacks and memory that end: each end is a panic with a message and the status 101, wherever it comes.

use crate::sandbox::{Ran, Sandbox, ran};

/// Each function ends in its own way; the first argument says which.
const STACKS: &str = r#"
func down(n: int) -> int
    return down(n + 1) + 1
~
formula pure(n: int) -> int
    return pure(n + 1) * 3 + n
~
func even(n: int) -> bool
    return not odd(n + 1)
~
func odd(n: int) -> bool
    return not even(n + 1)
~
task child(n: int) -> int
    return down(n)
~
func through_lambda(n: int) -> int
    return [1, 2].map(func(x: int) => through_lambda(n + x)).sum()
~
func through_order(n: int) -> bool
    return [2, 1, 3].sort_by(func(x: int, y: int) => through_order(n + x)).len() > 1
~
type Box:
    held: func(Box, int) -> int
~
type Counter:
    n: int
    func next() -> Counter
        return Counter(n + 1).next().next()
    ~
~
func generic<T>(x: T, n: int) -> (T, int)
    (y, m) = generic(x, n + 1)
    return (y, m + n)
~
matrix Grid[4, 4]:
    formula f()
        return pure(cell)
    ~
~
func main(args: [string])
    match args[1]
        case "main": print(down(0)) ~
        case "formula": print(pure(0)) ~
        case "mutual": print(even(0)) ~
        case "task": print(child(0)) ~
        case "tasks"
            xs = for i in 0..4
                child(i)
            ~
            print(xs)
        ~
        case "lambda": print(through_lambda(0)) ~
        case "order": print(through_order(0)) ~
        case "value"
            box = Box(func(b: Box, n: int) => b.held(b, n + 1) + 1)
            print(box.held(box, 0))
        ~
        case "method": print(Counter(0).next()) ~
        case "generic": print(generic("a", 0)) ~
        case "matrix"
            grid = Grid.new()
            grid.f()
            print(grid)
        ~
        case "within"
            within 1000 * time.second
                print(down(0))
            ~
        ~
    ~
~
"#;

const MEMORY: &str = r#"
task grow(n: int) -> int
    xs: [[int]] = []
    while true
        xs = xs.append([n, n, n])
    ~
    return xs.len()
~
func main(args: [string])
    print("before")
    i = 0
    s = "0123456789"
    xs: [int] = []
    match args[1]
        case "list"
            while true
                xs = xs.append(1)
            ~
        ~
        case "string"
            while true
                s = s + s
            ~
        ~
        case "string in place"
            while true
                s += "0123456789"
            ~
        ~
        case "map"
            m: Map<int, string> = {}
            while true
                m = m.set(i, str(i))
                i += 1
            ~
        ~
        case "set"
            set: Set<string> = {}
            while true
                set = set.add("key number " + str(i))
                i += 1
            ~
        ~
        case "json"
            j: json = []
            while true
                j = j.append("an element of some length")
            ~
        ~
        case "channel"
            channel = Channel<string>.new(buffer: 1000000000000)
            while true
                channel.send("a value of some length " + str(i))
            ~
        ~
        case "tasks"
            a = grow(1)
            b = grow(2)
            print(a + b)
        ~
        case "array": print(Array(1000000000000, 7).len()) ~
        case "huge array": print(Array(9223372036854775807, "a").len()) ~
        case "repeat": print(s.repeat(9223372036854775807).len()) ~
        case "range": print(range(9223372036854775807).len()) ~
        case "pad": print(s.pad_left(9223372036854775807, "é").len()) ~
        case "join"
            long = "x".repeat(1000000)
            print([long for n in 0..1000000].join(long).len())
        ~
        case "text"
            ys = [[1]]
            for n in 0..40
                ys = ys + ys
            ~
            print(str(ys).len())
        ~
        case "sort": print([n * 7919 % 100003 for n in 0..60000000].sort()[0]) ~
    ~
~
"#;

/// The arguments that a program's `match` knows.
fn cases(source: &str) -> Vec<&str> {
    source.lines().filter_map(|line| line.trim().strip_prefix("case \"")?.split('"').next()).collect()
}

fn each_case(source: &str, limit: &str, check: impl Fn(&str, &Ran)) {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", source);
    for level in ["-O0", "-O2"] {
        let built = sandbox.coexc(&["build", level, "main.coex"]);
        assert_eq!(built.status, 0, "{}", built.stderr);
        for case in cases(source) {
            let script = format!("{limit}exec timeout 60 ./main \"$1\"");
            let run = ran(sandbox.command("sh").args(["-c", &script, "sh", case]));
            check(&format!("{case} at {level}"), &run);
        }
    }
}

#[test]
fn a_stack_that_ends_is_a_panic() {
    each_case(STACKS, "", |case, run| {
        assert_eq!(run.status, 101, "{case}: {}", run.stderr);
        assert!(run.stderr.starts_with("panic: stack overflow at main.coex:"), "{case}: {}", run.stderr);
    });
}

#[test]
fn memory_that_ends_is_a_panic() {
    each_case(MEMORY, "ulimit -v 1000000; ", |case, run| {
        assert_eq!(run.status, 101, "{case}: {}", run.stderr);
        assert!(run.stderr.starts_with("panic: out of memory"), "{case}: {}", run.stderr);
        assert_eq!(run.stdout, "before\n", "{case}");
    });
}

/// Values nested deeper than any stack are printed, compared, hashed, encoded and dropped all the same.
#[test]
fn deep_values_need_no_stack() {
    let sandbox = Sandbox::new();
    let text = "type Node:\n    value: int\n    next: Node?\n~\n\
        func chain(n: int) -> Node\n    head = Node(0)\n    for i in 0..n\n        head = Node(i, head)\n    ~\n    return head\n~\n\
        func main()\n    a = chain(300000)\n    b = chain(300000)\n    print(a == b)\n    print(str(a).len())\n    \
        print((a as json).text().len())\n    print(((a as json) as Node) == b)\n    print({a, b}.len())\n    \
        print([a, b].sort().len())\n    a = Node(1)\n    gc()\n    print(a)\n~\n";
    sandbox.write("main.coex", text);
    for level in ["-O0", "-O2"] {
        let built = sandbox.coexc(&["build", level, "main.coex"]);
        assert_eq!(built.status, 0, "{}", built.stderr);
        let run = ran(sandbox.command("timeout").arg("60").arg(sandbox.path("main")));
        assert_eq!(run.status, 0, "{}", run.stderr);
        let lines: Vec<&str> = run.stdout.lines().collect();
        assert_eq!((lines[0], lines[3], lines[4], lines[5]), ("true", "true", "1", "2"));
        assert_eq!(lines[6], "Node(value: 1, next: nil)");
    }
}
