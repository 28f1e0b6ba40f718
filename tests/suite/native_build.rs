//! From sources to a cached object: signatures, hits and misses, and what goes wrong.

use std::fs;

use coexc::diagnostics::Code;
use coexc::native::{CType, CacheOutcome, Install, NativeError, NativeOptions, Store, SystemDependency};

use crate::native_support::{Scratch, TestLibrary};

fn build(scratch: &Scratch, library: &TestLibrary) -> coexc::native::NativeLibrary {
    library.build(&scratch.store(), &NativeOptions::default()).expect("the library builds")
}

fn failure(library: &TestLibrary) -> NativeError {
    let scratch = Scratch::new(&format!("failure-{:?}", std::thread::current().id()).replace(['(', ')'], "-"));
    library.build(&scratch.store(), &NativeOptions::default()).expect_err("the library cannot be built")
}

#[test]
fn signatures_are_read_from_the_compiled_code() {
    let header = "#include <stdint.h>\n#include <stdbool.h>\n#include <stdio.h>\n#include <stddef.h>\n";
    let text = format!(
        "{header}#include <coex_ffi.h>
enum color {{ RED, GREEN }};
typedef struct {{ int32_t width, height; double scale; }} extent;
struct node {{ struct node *next; }};
int64_t a(const char *s, int32_t n, bool b, uint8_t c, enum color e) {{ return n; }}
struct node *b(struct node *p, FILE *f, void **v, const void *k, size_t size) {{ return p; }}
extent c(extent x, float y, double z) {{ return x; }}
void d(int64_t *out, unsigned long u, char **list, int (*call)(int)) {{ }}
int e(const char *format, ...) {{ return 0; }}
coex_bytes *f(void) {{ return coex_ffi_bytes(3); }}
unsigned char g(signed char x, short y, long long z) {{ return 0; }}
"
    );
    let library = TestLibrary::new(&[("sig.c", &text)], &["a", "b", "c", "d", "e", "f", "g"]);
    let built = build(&Scratch::new("signatures"), &library);
    let declaration = |name: &str| built.functions[name].signature.declaration(name);
    assert_eq!(declaration("a"), "int64_t a(const char *, int32_t, _Bool, uint8_t, enum color)");
    assert_eq!(declaration("b"), "struct node *b(struct node *, FILE *, void **, const void *, size_t)");
    assert_eq!(declaration("c"), "extent c(extent, float, double)");
    assert_eq!(declaration("d"), "void d(int64_t *, unsigned long, char **, int (int) *)");
    assert_eq!(declaration("e"), "int e(const char *, ...)");
    assert_eq!(declaration("f"), "coex_bytes *f(void)");
    assert_eq!(declaration("g"), "unsigned char g(signed char, short, long long)");
    let a = &built.functions["a"];
    assert_eq!((a.file.as_str(), a.line), ("ffi/src/sig.c", 9));
    assert!(a.link_name.starts_with("coexlib.probe.") && a.link_name.ends_with(".a"));
    assert!(a.signature.params[0].is_char_pointer());
    assert!(matches!(a.signature.params[1], CType::Int { bits: 32, signed: true, .. }));
    assert!(matches!(a.signature.params[3], CType::Int { bits: 8, signed: false, .. }));
    let CType::Struct { size: 16, fields, .. } = &built.functions["c"].signature.result else { panic!("a struct") };
    let offsets: Vec<(&str, u64)> = fields.iter().map(|field| (field.name.as_str(), field.offset)).collect();
    assert_eq!(offsets, [("width", 0), ("height", 4), ("scale", 8)]);
}

#[test]
fn an_unchanged_library_is_a_hit_and_a_changed_one_says_why() {
    let scratch = Scratch::new("hits");
    let mut library =
        TestLibrary::new(&[("a.c", "#include <string.h>\nint f(int n) { static int s; return s += n; }\n")], &["f"]);
    let first = build(&scratch, &library);
    assert_eq!(first.cache, CacheOutcome::Miss("first-seen".to_owned()));
    let second = build(&scratch, &library);
    assert_eq!(second.cache, CacheOutcome::Hit);
    assert_eq!(coexc::native::NativeLibrary { cache: first.cache.clone(), ..second }, first);
    library.files.insert("unused.h".to_owned(), b"int x;".to_vec());
    assert_eq!(build(&scratch, &library).cache, CacheOutcome::Miss("source-changed:unused.h".to_owned()));
    library.unit.defines.insert("N".to_owned(), "1".to_owned());
    assert_eq!(build(&scratch, &library).cache, CacheOutcome::Miss("flag-changed".to_owned()));
    assert_eq!(build(&scratch, &library).cache, CacheOutcome::Hit);
}

#[test]
fn a_damaged_object_is_set_aside_and_made_again() {
    let scratch = Scratch::new("damage");
    let library = TestLibrary::new(&[("a.c", "int f(int n) { return n + 1; }\n")], &["f"]);
    let first = build(&scratch, &library);
    let good = fs::read(&first.objects[0]).expect("the object");
    let mut bad = good.clone();
    bad[100] ^= 4;
    fs::write(&first.objects[0], bad).expect("the object can be written");
    let again = build(&scratch, &library);
    assert_eq!(again.cache, CacheOutcome::Miss("corrupt".to_owned()));
    assert_eq!(again.notes.len(), 1, "{:?}", again.notes);
    assert_eq!(fs::read(&again.objects[0]).expect("the object"), good);
    assert_eq!(build(&scratch, &library).cache, CacheOutcome::Hit);
}

#[test]
fn builders_at_the_same_time_compile_once() {
    let scratch = Scratch::new("concurrent");
    let library = TestLibrary::new(&[("a.c", "int f(int n) { static int s; return s += n; }\n")], &["f"]);
    coexc::native::find_toolchain(&scratch.store()).expect("clang");
    let outcomes: Vec<CacheOutcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| build(&scratch, &library).cache)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a builder")).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome != CacheOutcome::Hit).count(), 1, "{outcomes:?}");
}

#[test]
fn c_that_does_not_compile_is_told_in_clangs_words() {
    let error =
        failure(&TestLibrary::new(&[("wrapper.c", "#include \"missing.h\"\nint f(void) { return 1; }\n")], &["f"]));
    assert_eq!(error.code(), Code::E1114);
    let text = error.to_string();
    assert!(text.starts_with("FFI compilation failed for 'probe'\n\nCommand: clang-22 "), "{text}");
    assert!(text.contains("\nError: ffi/src/wrapper.c:1:10: fatal error: 'missing.h' file not found\n\n"), "{text}");
    assert!(text.ends_with("Check that all header files are included in the library's src/ directory."), "{text}");
    assert!(!text.contains("/tmp"), "{text}");
}

#[test]
fn symbols_must_be_defined_and_visible() {
    let library =
        TestLibrary::new(&[("a.c", "static int g(void) { return 1; }\nint f(void) { return g(); }\n")], &["f", "h"]);
    assert_eq!(failure(&library).message(), "Library 'probe': symbol 'h' is not defined by its C sources");
    let library = TestLibrary { symbols: vec!["g".to_owned()], ..library };
    let error = failure(&library);
    assert_eq!(error.code(), Code::E1113);
    assert!(error.help().expect("a help").contains("static"));
}

#[test]
fn what_cannot_be_private_is_refused_with_its_place() {
    let refused = |text: &str, words: &[&str]| {
        let error = failure(&TestLibrary::new(&[("a.c", text)], &["f"]));
        assert_eq!(error.code(), Code::E1114);
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "{word} in {text}");
        }
    };
    refused(
        "static int s;\nint f(void) {\n  __asm__ volatile(\"incl s(%%rip)\" ::: \"memory\"); return s++;\n}\n",
        &["ffi/src/a.c:2: error: inline assembly in 'f' names the variable 's'"],
    );
    refused(
        "int s = 1;\n__asm__(\".globl t\\nt = s\");\nint f(void) { return s++; }\n",
        &["file-level assembly names", "'s'"],
    );
    refused("__asm__(\".data\\nx: .long 1\");\nint f(void) { return 1; }\n", &["file-level assembly defines data"]);
    refused(
        "static int g(void) { return 1; }\nstatic void *pick(void) { return g; }\nint h(void) __attribute__((ifunc(\"pick\")));\nint f(void) { return h(); }\n",
        &["'h'", "ifunc"],
    );
    refused("#include <unistd.h>\nint f(void) { return fork(); }\n", &["'fork'"]);
    refused(
        "static int s;\nstatic unsigned cut = 3;\nstatic unsigned short low[1] = {0};\nint f(void) {\n __asm__ volatile(\"lea %c0, %%rax\" :: \"i\"(&s) : \"rax\"); return s++ + cut++ + low[0]++;\n}\n",
        &["names the variable 's'"],
    );
}

#[test]
fn the_same_symbol_in_two_files_is_the_linkers_error() {
    let library =
        TestLibrary::new(&[("a.c", "int f(void) { return 1; }\n"), ("b.c", "int f(void) { return 2; }\n")], &["f"]);
    let error = failure(&library);
    assert_eq!(error.code(), Code::E1114);
    assert!(error.to_string().contains("'f': symbol multiply defined"), "{error}");
}

#[test]
fn files_and_flags_of_the_manifest_are_checked() {
    let mut library = TestLibrary::new(&[("a.c", "int f(void) { return 1; }\n")], &["f"]);
    library.unit.sources.push("b.c".to_owned());
    assert_eq!(failure(&library).message(), "Library 'probe': file 'b.c' not found");
    library.unit.sources.pop();
    library.unit.system_libs.push("-Wl,x".to_owned());
    assert_eq!(failure(&library).message(), "Library 'probe': invalid system library '-Wl,x'");
}

#[test]
fn missing_system_dependencies_have_three_messages_and_the_notes_text() {
    let mut library = TestLibrary::new(&[("a.c", "int f(void) { return 1; }\n")], &["f"]);
    let install = Install { debian: Some("libnope-dev".to_owned()), ..Install::default() };
    let system = |pkg_config: &[&str], headers: &[&str], libs: &[&str]| {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Some(SystemDependency {
            headers: own(headers),
            libs: own(libs),
            pkg_config: own(pkg_config),
            thread_safe: None,
            install: install.clone(),
        })
    };
    library.system = system(&[], &["nope/nope.h"], &[]);
    assert_eq!(
        failure(&library).to_string(),
        "Missing system dependency for library 'probe'\n\nRequired header not found: nope/nope.h\n\n\
         Install the nope development package:\n  Ubuntu/Debian: sudo apt install libnope-dev"
    );
    library.system = system(&[], &[], &["nope"]);
    assert!(failure(&library).to_string().contains("\n\nRequired library not found: nope\n\n"));
    library.system = system(&["nope-package"], &[], &[]);
    let error = failure(&library);
    let known = [Code::E1405, Code::E1406];
    assert!(known.contains(&error.code()), "{error}");
}

#[test]
fn an_unusable_cache_is_told_and_nothing_is_left() {
    let scratch = Scratch::new("unusable");
    let file = scratch.0.join("file");
    fs::write(&file, "").expect("a file");
    let error = NativeError::from(Store::open(&file).expect_err("a file is no directory"));
    assert_eq!(error.code(), Code::E1403);
    assert!(error.message().contains("Not a directory"), "{error}");
}

/// The shims of the table that C headers spell differently, and constructors, are all seen by name.
#[test]
fn libc_functions_with_state_become_the_runtimes() {
    let text = "#include <stdlib.h>\n#include <string.h>\n#include <stdio.h>\n#include <assert.h>\n
char *f(const char *s) { assert(s); char *t = strdup(s); t = realloc(t, 100); if (rand() == 3) abort(); free(t); return calloc(1, 2); }
int g(void) { return puts(\"x\"); }\n";
    let library = TestLibrary::new(&[("a.c", text)], &["f"]);
    let built = build(&Scratch::new("shims"), &library);
    for name in ["strdup", "realloc", "abort", "free", "calloc", "rand", "__assert_fail"] {
        assert!(
            built.report.symbols.contains_key(&format!("coex_shim_{name}")),
            "{name} in {:?}",
            built.report.symbols
        );
    }
}

/// A gigabyte of state is possible, more than two are not.
#[test]
fn more_state_than_an_instance_can_have_is_refused() {
    let error =
        failure(&TestLibrary::new(&[("a.c", "static char s[3LL << 30];\nint f(int n) { return s[n]++; }\n")], &["f"]));
    assert!(error.to_string().contains("bytes of variables are more than an instance can have"), "{error}");
}

/// A stranger's sources must not show the user's files in error messages.
#[test]
fn sources_cannot_read_the_users_files() {
    if coexc::sandbox::Kernel::of_this_machine().lacks().is_some() {
        return;
    }
    let secret = std::env::temp_dir().join(format!("coex-secret-{}", std::process::id()));
    fs::write(&secret, "very secret words\n").expect("a file");
    let text = format!("#include \"{}\"\nint f(void) {{ return 1; }}\n", secret.display());
    let error = failure(&TestLibrary::new(&[("a.c", &text)], &["f"]));
    fs::remove_file(secret).expect("the file");
    assert_eq!(error.code(), Code::E1114);
    assert!(!error.to_string().contains("very secret words"), "{error}");
    assert!(error.to_string().contains("Permission denied"), "{error}");
}
