//! Manifests: what is accepted, and what each fault says and where.

use coexc::cxz::manifest::{self, ErrorRule, Isolation, Manifest, Owns};
use coexc::diagnostics::{Diagnostic, Diagnostics};
use coexc::source::SourceMap;

fn parse(text: &str) -> (Option<Manifest>, Vec<String>) {
    let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    let file = sources.add("a.cxz!/manifest.toml", text);
    let manifest = manifest::parse(file, text, "a", &mut diagnostics);
    let shown = |diagnostic: Diagnostic| {
        let (line, column) = diagnostic.primary.map_or((0, 0), |span| sources.line_column(span));
        format!("{} {line}:{column} {}", diagnostic.code.as_str(), diagnostic.message)
    };
    (manifest, diagnostics.into_sorted().into_iter().map(shown).collect())
}

const HEAD: &str = "[library]\nname = \"regex\"\nversion = \"1.0.0\"\n";

#[track_caller]
fn faults(rest: &str, expected: &[&str]) {
    let (manifest, messages) = parse(&format!("{HEAD}{rest}"));
    assert_eq!(messages, expected);
    assert_eq!(manifest.is_none(), expected.iter().any(|message| message.starts_with('E')));
}

#[test]
fn everything_that_the_format_has() {
    let text = r#"
[library]
name = "regex"
version = "1.2.3-rc.1"
description = "expressions"
authors = ["A", "B"]
license = "MIT"
source = ["regex.coex", "./more/x.coex"]
coex = ">=0.1"
depends = { text = "^1.2" }

[ffi.engine]
source = ["engine.c", "util/*.c"]
headers = [".", "include"]
defines = { NDEBUG = "", BUFSZ = "4096" }
c_standard = "c11"
system_headers = ["zlib.h"]
system_libs = ["z", "-lm"]
isolation = "shared"
threads = true
limits = { instances = 4, handles = 5, arena_bytes = 6 }

[[ffi.engine.symbols]]
name = "coex_regex_compile"
params = ["string", "out [byte]"]
returns = "Result<handle, string>"
release = "coex_regex_free"
owns = "coex_regex_drop"
error = "negative"
error_text = "coex_regex_text"
len_result = true
c = "int64_t f(const char *, int32_t)"

[ffi.system]
headers = ["openssl/ssl.h"]
libs = ["ssl", "crypto"]
pkg_config = ["openssl >= 3.0"]
thread_safe = false
[ffi.system.install]
name = "OpenSSL"
debian = "libssl-dev"
macos = "openssl"
fedora = "openssl-devel"
"#;
    let (manifest, messages) = parse(text);
    assert!(messages.is_empty(), "{messages:?}");
    let manifest = manifest.expect("valid");
    assert_eq!(manifest.source[1].value, "more/x.coex");
    assert_eq!(manifest.version.value.to_string(), "1.2.3-rc.1");
    let unit = &manifest.units[0];
    assert_eq!((unit.id.value.as_str(), unit.isolation.value, unit.threads), ("engine", Isolation::Shared, true));
    assert_eq!(unit.system_libs, ["z", "m"]);
    assert_eq!(unit.limits.arena_bytes, 6);
    let symbol = manifest.symbol("coex_regex_compile").expect("symbol");
    assert_eq!(symbol.error, Some(ErrorRule::Negative));
    assert!(matches!(&symbol.owns, Owns::Function(name) if name.value == "coex_regex_drop"));
    assert!(symbol.len_result);
    let system = manifest.system.expect("system");
    assert_eq!((system.thread_safe, system.install.debian.as_deref()), (Some(false), Some("libssl-dev")));
}

#[test]
fn not_toml() {
    let (manifest, messages) = parse("[library\nname = 1\n");
    assert!(manifest.is_none());
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].starts_with("E1408 1:") && messages[0].contains("Manifest of 'a' is not valid: "),
        "{messages:?}"
    );
    assert!(parse("").1[0].contains("table 'library' is missing"));
    // Nobody asks for this number.
    let (manifest, messages) = parse(&format!("{HEAD}more = 1_0!0\n"));
    assert!(manifest.is_none() && messages.iter().any(|message| message.starts_with("E1408 4:8")), "{messages:?}");
    assert!(parse("\u{0}").1[0].starts_with("E1408"));
    for deep in ["a = ".to_owned() + &"[".repeat(200_000), "[".repeat(200_000), "a.".repeat(100_000)] {
        assert!(parse(&deep).1[0].starts_with("E1408"));
    }
}

#[test]
fn required_keys_and_their_rules() {
    let of = |text: &str| parse(text).1;
    assert_eq!(
        of("[library]\n"),
        [
            "E1408 1:1 Manifest of 'a' is not valid: 'library.name' is missing",
            "E1408 1:1 Manifest of 'a' is not valid: 'library.version' is missing"
        ]
    );
    assert_eq!(
        of("[library]\nname = 3\nversion = \"1.0\"\n"),
        [
            "E1408 2:8 Manifest of 'a' is not valid: 'library.name' must be a string, found integer",
            "E1408 3:11 Manifest of 'a' is not valid: '1.0' is not a semantic version: unexpected end of input while parsing minor version number"
        ]
    );
    for name in ["Regex", "../x", "", "a b", "1a"] {
        let messages = of(&format!("[library]\nname = \"{name}\"\nversion = \"1.0.0\"\n"));
        assert!(messages[0].contains("is not a library name"), "{messages:?}");
    }
    let messages = of("[library]\nname = \"a\"\nversion = \"1.0.0/../../x\"\n");
    assert!(messages[0].contains("is not a semantic version"), "{messages:?}");
}

#[test]
fn unknown_keys_are_warnings_with_a_hint() {
    faults(
        "sources = [\"x\"]\n[ffi.engine]\nheader = [\".\"]\n[zzz]\n",
        &[
            "W1101 4:1 Unknown manifest key 'library.sources'",
            "W1101 6:1 Unknown manifest key 'ffi.engine.header'",
            "W1101 7:2 Unknown manifest key 'zzz'",
        ],
    );
}

#[test]
fn wrong_types() {
    faults(
        "source = \"x.coex\"\nauthors = [1]\n",
        &[
            "E1408 4:10 Manifest of 'regex' is not valid: 'library.source' must be a list of strings, found string",
            "E1408 5:12 Manifest of 'regex' is not valid: 'library.authors' must be a list of strings, found integer",
        ],
    );
    faults(
        "[ffi.e]\nthreads = \"yes\"\nlimits = { handles = -1 }\n",
        &[
            "E1408 5:11 Manifest of 'regex' is not valid: 'ffi.e.threads' must be true or false, found string",
            "E1408 6:22 Manifest of 'regex' is not valid: 'ffi.e.limits.handles' must be a number that is not negative, found integer",
        ],
    );
    faults("ffi = 3\n", &["W1101 4:1 Unknown manifest key 'library.ffi'"]);
}

#[test]
fn values_that_could_do_harm() {
    faults(
        "[ffi.e]\nsystem_libs = [\"z\", \"-Wl,x\"]\n",
        &["E1112 5:21 Library 'regex': invalid system library '-Wl,x'"],
    );
    faults("[ffi.system]\nlibs = [\"-L/tmp\"]\n", &["E1112 5:9 Library 'regex': invalid system library '-L/tmp'"]);
    for (line, what) in [
        ("source = [\"../x.c\"]", "is not a path inside the library"),
        ("source = [\"/etc/x.c\"]", "is not a path inside the library"),
        ("headers = [\"a/../../b\"]", "is not a path inside the library"),
        ("defines = { \"A B\" = \"\" }", "is not a C identifier"),
        ("c_standard = \"c++17\"", "is not a C standard"),
        ("isolation = \"none\"", "is not an isolation (instance, shared, confined, process)"),
        ("system_headers = [\"-x\"]", "is not the name of a header"),
    ] {
        let (_, messages) = parse(&format!("{HEAD}[ffi.e]\n{line}\n"));
        assert!(messages.len() == 1 && messages[0].contains(what), "{line}: {messages:?}");
    }
    let (_, messages) = parse(&format!("{HEAD}[ffi.system]\npkg_config = [\"--libs x\"]\n"));
    assert!(messages[0].contains("is not a pkg-config requirement"), "{messages:?}");
    let (_, messages) = parse(&format!("{HEAD}[ffi.\"a b\"]\n"));
    assert!(messages[0].contains("is not a name for a foreign unit"), "{messages:?}");
}

#[test]
fn symbols() {
    let (_, messages) = parse(&format!("{HEAD}[[ffi.e.symbols]]\nparams = [\"int\"]\n"));
    assert!(messages[0].contains("'ffi.e.symbols.name' is missing"), "{messages:?}");
    let (_, messages) = parse(&format!("{HEAD}[[ffi.e.symbols]]\nname = \"f\"\nerror = \"maybe\"\n"));
    assert!(messages[0].contains("is not an error rule (negative, nonzero, null, errno, fail)"), "{messages:?}");
    let twice = "[[ffi.e.symbols]]\nname = \"f\"\n[[ffi.e.symbols]]\nname = \"f\"\n";
    let (_, messages) = parse(&format!("{HEAD}{twice}"));
    assert_eq!(messages, ["E1408 7:8 Manifest of 'regex' is not valid: symbol 'f' is described twice"]);
}
