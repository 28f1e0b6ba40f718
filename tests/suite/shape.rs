//! What code becomes of programs that must be fast: what stands in it and what does not.

use crate::sandbox::Sandbox;

/// The LLVM text of a program, after optimisation.
fn emitted(source: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("program.coex", source);
    let emitted = sandbox.coexc(&["emit", "llvm", "-O2", "program.coex"]);
    assert_eq!(emitted.status, 0, "{}", emitted.stderr);
    emitted.stdout
}

/// Of one function.
fn function(source: &str, name: &str) -> String {
    let text = emitted(source);
    let head = format!("@coex.{name}(");
    let mut lines = text.lines().skip_while(|line| !(line.starts_with("define") && line.contains(&head)));
    let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
    assert!(!body.is_empty(), "no {name} in\n{text}");
    body.join("\n")
}

fn calls(text: &str, callee: &str) -> usize {
    text.lines().filter(|line| line.contains("call ") && line.contains(&format!("@{callee}("))).count()
}

#[test]
fn a_short_recursive_function_stands_in_itself_once() {
    let fib = function(
        "func fib(n: int) -> int\n    if n < 2\n        return n\n    ~\n    return fib(n - 1) + fib(n - 2)\n~\n\n\
         func main(args: [string])\n    print(fib(args.len()))\n    print(fib(args.len() + 1))\n~\n",
        "fib",
    );
    // Two calls, of which each is a body with two; a last one may be a jump.
    assert!((3..=4).contains(&calls(&fib, "coex.fib")), "{fib}");
    assert_eq!(calls(&fib, "coex.fib.stack.slow"), 1, "{fib}");
}

const SUM: &str = "func weighted(xs: Array<int>) -> int\n    sum = 0\n    for i in 0..xs.len()\n        sum += xs[i] * i\n    ~\n    \
     return sum\n~\n\nfunc main(args: [string])\n    xs: Array<int> = []\n    for arg in args\n        xs = xs.append(arg.len())\n    \
     ~\n    print(weighted(xs))\n    print(weighted(xs.append(3)))\n~\n";

#[test]
fn elements_of_an_array_up_to_its_length_need_no_test() {
    let weighted = emitted(SUM);
    assert!(weighted.contains("mul"), "{weighted}");
    assert_eq!(calls(&weighted, "coex_panic_index"), 0, "{weighted}");
    assert_eq!(calls(&weighted, "coex_array_get"), 0, "{weighted}");
}

#[test]
fn fields_of_records_in_a_short_list_change_in_place() {
    let source = "type Body:\n    x: float\n    y: float\n    z: float\n    a: float\n    b: float\n    c: float\n~\n\n\
         func step(start: [Body]) -> [Body]\n    bodies = start\n    for i in 0..bodies.len()\n        \
         bodies[i].x += bodies[i].a\n        bodies[i].y += bodies[i].b\n    ~\n    return bodies\n~\n\n\
         func main(args: [string])\n    bodies: [Body] = []\n    for arg in args\n        \
         bodies = bodies.append(Body(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))\n    ~\n    print(step(bodies)[0].x)\n    \
         print(step(bodies.append(bodies[0]))[1].y)\n~\n";
    let step = function(source, "step");
    // The list of one leaf is copied before the loop. In the loop over a longer one each change may.
    assert_eq!(calls(&step, "coex_list_own"), 1, "{step}");
    assert_eq!(calls(&step, "coex_list_set_owned"), 2, "{step}");
    assert_eq!(calls(&step, "coex_panic_index"), 0, "{step}");
}
