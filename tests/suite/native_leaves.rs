//! Leaves: which functions are proven to be some, that their code is free of assumptions, and that calls mean the same.

use std::fs;

use coexc::native::{NativeOptions, OptLevel};

use crate::native_support::{Scratch, TestLibrary, fixture};
use crate::sandbox::{Sandbox, ran};

/// The names of all `yes_…` and `no_…` functions of the fixture, each once.
fn candidates(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    let mut names: Vec<String> = words
        .filter(|word| word.len() > 4 && (word.starts_with("yes_") || word.starts_with("no_")))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn no_function_is_a_leaf_that_should_not_be() {
    let scratch = Scratch::new("leaves");
    let text = fs::read_to_string(fixture("leaves.c")).expect("a fixture");
    let names = candidates(&text);
    assert!(names.len() > 70, "{}", names.len());
    let symbols: Vec<&str> = names.iter().map(String::as_str).collect();
    let library = TestLibrary::new(&[("leaves.c", &text)], &symbols);
    for opt_level in [OptLevel::Default, OptLevel::Aggressive, OptLevel::Less] {
        let options = NativeOptions { opt_level, ..NativeOptions::default() };
        let built = library.build(&scratch.store(), &options).expect("the library builds");
        let unsound: Vec<&String> =
            names.iter().filter(|name| name.starts_with("no_") && built.functions[*name].leaf.is_some()).collect();
        assert!(unsound.is_empty(), "{opt_level:?}: {unsound:?}");
        let missed: Vec<&String> =
            names.iter().filter(|name| name.starts_with("yes_") && built.functions[*name].leaf.is_none()).collect();
        // At -O1 loops are not unrolled.
        let expected: &[&str] = if opt_level == OptLevel::Less { &["yes_short_loop"] } else { &[] };
        assert!(missed.iter().all(|name| expected.contains(&name.as_str())), "{opt_level:?}: {missed:?}");
        assert!(built.leaves.is_some());
        let needs = |name: &str| built.functions[name].leaf.is_some_and(|leaf| leaf.needs_instance);
        assert!(needs("yes_state") && needs("yes_thread_local") && !needs("yes_add") && !needs("yes_table"));
    }
}

#[test]
fn unoptimised_code_has_no_leaves() {
    let scratch = Scratch::new("unoptimised");
    let library = TestLibrary::new(&[("a.c", "int f(int n) { return n + 1; }\n")], &["f"]);
    let options = NativeOptions { opt_level: OptLevel::None, ..NativeOptions::default() };
    let built = library.build(&scratch.store(), &options).expect("the library builds");
    assert!(built.leaves.is_none() && built.functions["f"].leaf.is_none());
    // From the cache it comes back the same.
    let again = library.build(&scratch.store(), &NativeOptions::default()).expect("the library builds");
    let hit = library.build(&scratch.store(), &NativeOptions::default()).expect("the library builds");
    assert!(again.leaves.is_some() && again.leaves == hit.leaves && again.functions == hit.functions);
}

const MANIFEST: &str =
    "[library]\nname = \"leafy\"\nversion = \"1.0.0\"\nsource = [\"leafy.coex\"]\n[ffi.c]\nsource = [\"*.c\"]\n";

const EXTERNS: &str = "\
extern yes_add(a: int, b: int) -> int
~
extern yes_shift(a: int, by: int) -> int
~
extern yes_overflow(a: int) -> int
~
extern yes_state(by: int) -> int
~
extern yes_thread_local(by: int) -> int
~
extern yes_clamped(at: int) -> int
~
extern yes_variable_table(at: int) -> int
~
extern yes_bits(n: int) -> int
~
extern yes_float(a: float, b: float) -> float
~
extern yes_multiply_add(a: float, b: float, c: float) -> float
~
extern yes_convert(a: float) -> int
~
extern yes_single(a: float) -> float
~
extern yes_bool(a: bool, b: bool) -> bool
~
extern yes_small(a: int, b: int) -> int
~
extern yes_divide(a: int) -> int
~
extern yes_switch(a: int) -> int
~
extern yes_nothing(a: int)
~
extern no_volatile_store(n: int) -> int
~
";

const PROGRAM: &str = "\
import \"leafy\"

func with_state(by: int) -> int
    leafy.yes_state(by)
    leafy.no_volatile_store(1)
    return leafy.yes_state(by) + leafy.yes_thread_local(1)
~

@isolated
func apart() -> int
    return with_state(100)
~

func main()
    total = 0
    for i in 0..200
        total += leafy.yes_add(i, total) % 1000
        total += leafy.yes_variable_table(i) + leafy.yes_clamped(i) + leafy.yes_bits(i)
    ~
    print(total)
    # What C leaves undefined must not reach the code around the call.
    print(leafy.yes_overflow(2147483647) != 5)
    shifted = leafy.yes_shift(1, 40)
    if shifted == 7
        print(\"no\")
    ~
    converted = leafy.yes_convert(1e300)
    if converted >= -2147483648 and converted <= 2147483647
        print(\"in range\")
    ~
    print((leafy.yes_shift(3, 4), leafy.yes_overflow(5), leafy.yes_float(3.0, 2.0), leafy.yes_convert(-7.9)))
    # Rounded twice.
    print(leafy.yes_multiply_add(0.1, 0.1, -0.01))
    print((leafy.yes_single(1.5), leafy.yes_single(-2.5), leafy.yes_bool(true, false), leafy.yes_bool(true, true)))
    print((leafy.yes_small(-128, 255), leafy.yes_divide(-93), leafy.yes_switch(2), leafy.yes_switch(9)))
    print((with_state(3), apart(), with_state(4), apart()))
    leafy.yes_nothing(50)
    print(leafy.yes_state(0))
    leafy.yes_small(300, 0)
~
";

#[test]
fn calls_of_leaves_mean_what_calls_mean() {
    let sandbox = Sandbox::new();
    sandbox.write("leafy/manifest.toml", MANIFEST);
    sandbox.write("leafy/src/leafy.coex", EXTERNS);
    sandbox.write("leafy/ffi/src/leaves.c", fs::read(fixture("leaves.c")).expect("a fixture"));
    sandbox.write("main.coex", PROGRAM);
    let outputs = ["-O0", "-O1", "-O2", "-O3"].map(|level| {
        let built = sandbox.coexc(&["build", level, "main.coex", "-o", "main"]);
        assert_eq!(built.status, 0, "{}", built.stderr);
        let run = ran(&mut sandbox.command(sandbox.path("main")));
        assert_eq!(run.status, 101, "{level}: {}", run.stderr);
        assert!(run.stderr.contains("out of range for int8_t"), "{}", run.stderr);
        (run.stdout, run.stderr)
    });
    assert!(outputs[0].0.contains("in range\n"), "{}", outputs[0].0);
    for output in &outputs[1..] {
        assert_eq!(output, &outputs[0]);
    }
    let code = sandbox.coexc(&["emit", "llvm", "main.coex"]).stdout;
    assert!(code.contains("no_volatile_store"), "{code}");
    assert!(!code.contains("yes_add") && !code.contains("yes_bits"), "leaves are inlined");
}
