//! Signatures: an extern that says something else than its C function is an error, and one that says the same in other
//! words is not.
//!
//! Every part of every extern of one library is changed once: types of parameters and results in the C declaration and in
//! Coex, their number, `...`, and the fields of a struct. A build tries one change of each extern.

use crate::sandbox::{Ran, Sandbox};

/// A C function and its extern. The first type of each list is that of the result; a buffer is two parameters in C.
struct Function {
    name: &'static str,
    c: &'static [&'static str],
    coex: &'static [&'static str],
}

const FUNCTIONS: &[Function] = &[
    Function { name: "narrow", c: &["int8_t", "int8_t", "int16_t", "int32_t"], coex: &["int", "int", "int", "int"] },
    Function { name: "wide", c: &["int64_t", "int64_t", "uint64_t"], coex: &["int", "int", "int"] },
    Function { name: "natural", c: &["uint8_t", "uint16_t", "uint32_t"], coex: &["int", "int", "int"] },
    Function { name: "floating", c: &["double", "double", "float"], coex: &["float", "float", "float"] },
    Function { name: "single", c: &["float", "float"], coex: &["float", "float"] },
    Function { name: "text", c: &["int64_t", "const char *", "size_t"], coex: &["int", "string", "int"] },
    Function { name: "buffer", c: &["int64_t", "const uint8_t *", "int64_t", "int"], coex: &["int", "[byte]", "int"] },
    Function { name: "fill", c: &["int64_t", "uint8_t *", "int64_t"], coex: &["int", "out [byte]"] },
    Function { name: "store", c: &["void", "int64_t *", "double *"], coex: &["", "out int", "out float"] },
    Function { name: "truth", c: &["int", "int", "_Bool"], coex: &["bool", "bool", "bool"] },
    Function { name: "names", c: &["const char *", "long"], coex: &["string", "int"] },
    Function {
        name: "objects",
        c: &["struct object *", "struct object *", "unsigned long long"],
        coex: &["handle", "handle", "int"],
    },
    Function { name: "silent", c: &["void", "short"], coex: &["", "int"] },
    Function { name: "nothing", c: &["unsigned"], coex: &["int"] },
];

const C: &str = "#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct object { int x; };
static struct object object;
int8_t narrow(int8_t a, int16_t b, int32_t c) { return (int8_t)(a + b + c); }
int64_t wide(int64_t a, uint64_t b) { return a + (int64_t)b; }
uint8_t natural(uint16_t a, uint32_t b) { return (uint8_t)(a + b); }
double floating(double a, float b) { return a + b; }
float single(float a) { return a; }
int64_t text(const char *s, size_t n) { return s[0] + (int64_t)n; }
int64_t buffer(const uint8_t *data, int64_t len, int at) { return at < len ? data[at] : 0; }
int64_t fill(uint8_t *data, int64_t len) { return data ? len : 0; }
void store(int64_t *a, double *b) { *a = 1; *b = 2; }
int truth(int a, bool b) { return a && b; }
const char *names(long n) { return n ? \"name\" : \"none\"; }
struct object *objects(struct object *o, unsigned long long n) { object.x += (int)n; return o ? o : &object; }
void silent(short n) { object.x += n; }
unsigned nothing(void) { return 7; }
typedef struct { int32_t width; uint16_t depth; double scale; } extent;
extent mirror(extent e) { return e; }
";

/// What makes two C types one for a caller. Pointers: the size of what they point to, where that is a number.
fn class(c: &str) -> &str {
    match c {
        "int" => "int32_t",
        "unsigned" => "uint32_t",
        "short" => "int16_t",
        "long" => "int64_t",
        "size_t" | "unsigned long long" => "uint64_t",
        "const char *" | "const uint8_t *" | "uint8_t *" => "char *",
        other => other,
    }
}

const C_TYPES: &[&str] = &[
    "int8_t",
    "uint8_t",
    "int16_t",
    "uint16_t",
    "int32_t",
    "uint32_t",
    "int64_t",
    "uint64_t",
    "float",
    "double",
    "char *",
    "int32_t *",
    "int64_t *",
    "double *",
];

/// The same types in other words.
const SPELLINGS: &[(&str, &str)] = &[
    ("int8_t", "signed char"),
    ("uint8_t", "unsigned char"),
    ("int16_t", "short int"),
    ("uint16_t", "unsigned short"),
    ("int32_t", "int"),
    ("uint32_t", "unsigned int"),
    ("int64_t", "long long"),
    ("uint64_t", "unsigned long"),
    ("int", "int32_t"),
    ("long", "int64_t"),
    ("size_t", "uint64_t"),
    ("unsigned long long", "size_t"),
    ("const char *", "char *"),
    ("short", "int16_t"),
    ("unsigned", "uint32_t"),
    ("_Bool", "bool"),
];

/// Coex types that a value of this C type cannot have.
fn foreign_to(coex: &str, c: &str) -> &'static [&'static str] {
    match coex {
        "" => &["int", "float", "string", "handle"],
        "int" if class(c).ends_with("64_t") => &["float", "string", "[byte]", "out int"],
        "int" | "bool" => &["float", "string", "[byte]", "out int", "handle"],
        "float" => &["int", "bool", "string", "[byte]", "out float", "handle"],
        "string" => &["int", "float", "bool", "[byte]"],
        "[byte]" | "out [byte]" => &["int", "float", "string", "handle"],
        "out int" => &["int", "float", "string", "out float"],
        "out float" => &["int", "float", "string", "out int"],
        "handle" => &["int", "float", "bool", "string"],
        _ => unreachable!("no such type above"),
    }
}

fn c_line(name: &str, types: &[&str], dots: &str) -> String {
    let params = if types.len() == 1 && dots.is_empty() { "void".to_owned() } else { types[1..].join(", ") };
    format!("@c(\"{} {name}({params}{dots})\")\n", types[0])
}

fn extern_line(name: &str, types: &[&str]) -> String {
    let params: Vec<String> = types[1..].iter().enumerate().map(|(index, ty)| format!("a{index}: {ty}")).collect();
    let result = if types[0].is_empty() { String::new() } else { format!(" -> {}", types[0]) };
    format!("extern {name}({}){result}\n~\n", params.join(", "))
}

/// The list with one place changed, for all places and all types that `others` gives for one.
fn replaced<'t>(types: &[&'t str], others: impl Fn(usize, &str) -> Vec<&'t str>) -> Vec<Vec<&'t str>> {
    let mut all = Vec::new();
    for (place, ty) in types.iter().enumerate() {
        for other in others(place, ty) {
            let mut changed = types.to_vec();
            changed[place] = other;
            all.push(changed);
        }
    }
    all
}

/// A declaration in Coex: as it should be, the same in other words, and what must be refused.
struct Case {
    right: String,
    also_right: Vec<String>,
    wrong: Vec<String>,
}

fn case(function: &Function) -> Case {
    let Function { name, c, coex } = *function;
    let extern_as_is = extern_line(name, coex);
    let with_c = |types: &[&str]| c_line(name, types, "") + &extern_as_is;
    let same = |_, ty: &str| SPELLINGS.iter().filter(|(one, _)| *one == ty).map(|(_, other)| *other).collect();
    let other = |place: usize, ty: &str| {
        let differs = |other: &&str| class(other) != class(ty);
        let mut others: Vec<&str> = C_TYPES.iter().copied().filter(differs).collect();
        others.extend((place == 0 && ty != "void").then_some("void"));
        others
    };
    let mut wrong: Vec<String> = replaced(c, other).iter().map(|types| with_c(types)).collect();
    wrong.push(c_line(name, c, if c.len() == 1 { "..." } else { ", ..." }) + &extern_as_is);
    wrong.push(with_c(&[c, &["int64_t"]].concat()));
    // In Coex alone, against the prototype in the sources. A buffer is two types in C.
    let c_of = |place: usize| c.get(place).copied().unwrap_or_default();
    let foreign = |place: usize, ty: &str| {
        let outs = |other: &&str| place > 0 || !other.starts_with("out ");
        foreign_to(ty, c_of(place)).iter().copied().filter(outs).collect()
    };
    wrong.extend(replaced(coex, foreign).iter().map(|types| extern_line(name, types)));
    wrong.push(extern_line(name, &[coex, &["int"]].concat()));
    if c.len() > 1 {
        wrong.push(with_c(&c[..c.len() - 1]));
        wrong.push(extern_line(name, &coex[..coex.len() - 1]));
    }
    let also_right = replaced(c, same).iter().map(|types| with_c(types)).chain([extern_as_is.clone()]).collect();
    Case { right: with_c(c), also_right, wrong }
}

/// A struct by value: its fields, and the C type of the extern.
fn struct_case() -> Case {
    let with = |fields: &[(&str, &str, &str)]| {
        let line = |(name, c, coex): &(&str, &str, &str)| {
            let narrowed = if c.is_empty() { String::new() } else { format!("    @c(\"{c}\")\n") };
            format!("{narrowed}    {name}: {coex}\n")
        };
        let fields: String = fields.iter().map(line).collect();
        format!("@c_layout\ntype Extent:\n{fields}~\nextern mirror(e: Extent) -> Extent\n~\n")
    };
    let width = ("width", "int32_t", "int");
    let depth = ("depth", "uint16_t", "int");
    let scale = ("scale", "", "float");
    let mut wrong = vec![
        with(&[width, depth]),
        with(&[depth, scale]),
        with(&[width, depth, scale, ("more", "", "int")]),
        with(&[depth, width, scale]),
        with(&[scale, width, depth]),
        with(&[width, depth, ("scale", "float", "float")]),
        with(&[width, depth, ("scale", "", "int")]),
        with(&[width, depth, ("scale", "", "handle")]),
        with(&[width, ("depth", "", "float"), scale]),
    ];
    for other in ["int8_t", "uint8_t", "int16_t", "uint16_t", "uint32_t", "int64_t", "uint64_t"] {
        wrong.push(with(&[("width", other, "int"), depth, scale]));
    }
    for other in ["int8_t", "uint8_t", "int16_t", "int32_t", "uint32_t", "int64_t"] {
        wrong.push(with(&[width, ("depth", other, "int"), scale]));
    }
    Case {
        right: with(&[width, depth, scale]),
        also_right: vec![with(&[("width", "int", "int"), ("depth", "unsigned short", "int"), scale])],
        wrong,
    }
}

fn build(sandbox: &Sandbox, declarations: &[&str]) -> Ran {
    sandbox.write("library/src/library.coex", declarations.concat());
    sandbox.coexc(&["build", "main.coex"])
}

/// The declarations, by number, that some error points into.
fn accused(run: &Ran, declarations: &[&str]) -> Vec<usize> {
    let mut accused = Vec::new();
    let mut code = "";
    for line in run.stderr.lines() {
        if let Some(rest) = line.strip_prefix("error[") {
            code = &rest[..5];
        }
        let Some((_, place)) = line.split_once("library.coex:") else { continue };
        let Some(line) = place.split(':').next().and_then(|number| number.parse::<usize>().ok()) else { continue };
        assert!(["E1102", "E1103", "E1108"].contains(&code), "{}", run.stderr);
        let mut end = 0;
        let hit = declarations.iter().position(|text| {
            end += text.lines().count();
            line <= end
        });
        accused.extend(hit);
    }
    accused.dedup();
    accused
}

#[test]
fn every_wrong_signature_is_refused_and_no_right_one() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "library/manifest.toml",
        "[library]\nname = \"library\"\nversion = \"1.0.0\"\nsource = [\"library.coex\"]\n[ffi.c]\nsource = [\"*.c\"]\n",
    );
    sandbox.write("library/ffi/src/library.c", C);
    sandbox.write("main.coex", "import \"library\"\n\nfunc main()\n~\n");
    let cases: Vec<Case> = FUNCTIONS.iter().map(case).chain([struct_case()]).collect();
    let right: Vec<&str> = cases.iter().map(|case| case.right.as_str()).collect();
    let run = build(&sandbox, &right);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let mut refused = 0;
    for round in 0.. {
        let mut declarations = right.clone();
        let mut left: Vec<usize> = (0..cases.len()).filter(|&at| round < cases[at].wrong.len()).collect();
        if left.is_empty() {
            break;
        }
        left.iter().for_each(|&at| declarations[at] = &cases[at].wrong[round]);
        // An error of an earlier phase hides those of a later one: what is found is put right, and the rest tried again.
        while !left.is_empty() {
            let run = build(&sandbox, &declarations);
            let accused = accused(&run, &declarations);
            let accepted: Vec<&str> = left.iter().map(|&at| declarations[at]).collect();
            assert!(!accused.is_empty(), "accepted: {accepted:#?}\n{}", run.stderr);
            assert!(accused.iter().all(|at| left.contains(at)), "{}", run.stderr);
            refused += accused.len();
            left.retain(|at| !accused.contains(at));
            accused.iter().for_each(|&at| declarations[at] = right[at]);
        }
    }
    assert!(refused >= 400, "{refused} refused");
    for round in 0..cases.iter().map(|case| case.also_right.len()).max().unwrap_or_default() {
        let nth = |case: &'_ Case| case.also_right.get(round).unwrap_or(&case.right).clone();
        let declarations: Vec<String> = cases.iter().map(nth).collect();
        let run = build(&sandbox, &declarations.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
}
