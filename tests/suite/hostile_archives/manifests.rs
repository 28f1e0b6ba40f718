//! Manifests that want to do harm, in archives that are otherwise in order.

use std::collections::BTreeSet;

use crate::meter;
use crate::sandbox::Sandbox;
use crate::zip_builder::{Entry, build};

use coexc::cxz::library;
use coexc::diagnostics::Diagnostics;
use coexc::source::SourceMap;

const HEAD: &str = "[library]\nname = \"a\"\nversion = \"1.0.0\"\n";

/// What is wrong with it; every manifest's text.
fn all() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let text = |code, what, text: &str| (code, what, text.as_bytes().to_vec());
    let more = |code, what, rest: &str| (code, what, format!("{HEAD}{rest}").into_bytes());
    vec![
        text("E1408", "nothing", ""),
        ("E1408", "no text", b"\xff\xfe[library]".to_vec()),
        ("E1408", "NUL", b"\0".to_vec()),
        ("E1408", "more than a megabyte", [HEAD.as_bytes(), &vec![b'#'; 1 << 20]].concat()),
        text("E1408", "lists without end", &format!("a = {}", "[".repeat(200_000))),
        text("E1408", "tables without end", &format!("a = {}", "{a=".repeat(100_000))),
        text("E1408", "keys without end", &format!("{} = 1", vec!["a"; 100_000].join("."))),
        text("E1408", "a name that leads out", "[library]\nname = \"../../x\"\nversion = \"1.0.0\"\n"),
        text("E1408", "a name of a terminal", "[library]\nname = \"\\u001b[2J\"\nversion = \"1.0.0\"\n"),
        text(
            "E1408",
            "a name without end",
            &format!("[library]\nname = \"{}\"\nversion = \"1.0.0\"\n", "a".repeat(65)),
        ),
        text("E1408", "a version that leads out", "[library]\nname = \"a\"\nversion = \"1.0.0/../../x\"\n"),
        text(
            "E1408",
            "a version of large numbers",
            "[library]\nname = \"a\"\nversion = \"99999999999999999999.0.0\"\n",
        ),
        more("E1408", "a second name", "name = \"b\"\n"),
        more("E1408", "sources outside", "source = [\"../../../etc/passwd\"]\n"),
        more("E1408", "sources of the system", "source = [\"/etc/passwd\"]\n"),
        more("E1110", "sources that are not there", "source = [\"a.coex\"]\n"),
        more("E1408", "C outside", "[ffi.e]\nsource = [\"/etc/*\"]\n"),
        more("E1110", "a pattern that is slow to match", &format!("[ffi.e]\nsource = [\"{}b\"]\n", "*a".repeat(2000))),
        more("E1408", "headers outside", "[ffi.e]\nheaders = [\"a/../../..\"]\n"),
        more("E1408", "a header that is an option", "[ffi.e]\nsystem_headers = [\"-include/etc/passwd\"]\n"),
        more("E1112", "an option for the linker", "[ffi.e]\nsystem_libs = [\"-Wl,-rpath,/tmp\"]\n"),
        more("E1112", "a library by its path", "[ffi.system]\nlibs = [\"/tmp/libx.a\"]\n"),
        more("E1112", "an argument file", "[ffi.system]\nlibs = [\"@/tmp/x\"]\n"),
        more("E1408", "a define that is an option", "[ffi.e]\ndefines = { \"X -fplugin=/tmp/x.so\" = \"\" }\n"),
        more("E1408", "a standard that is an option", "[ffi.e]\nc_standard = \"c11 -fplugin=x\"\n"),
        more("E1408", "a question to pkg-config", "[ffi.system]\npkg_config = [\"--define-prefix x\"]\n"),
        more("E1408", "a unit's name that leads out", "[ffi.\"../x\"]\nsource = []\n"),
        more("E1408", "limits below nothing", "[ffi.e]\nlimits = { instances = -1 }\n"),
        more("E1408", "limits beyond numbers", "[ffi.e]\nlimits = { instances = 99999999999999999999 }\n"),
        more("E1408", "another compiler", "coex = \">=99\"\n"),
        more("E1408", "no requirement", "coex = \"$(touch /tmp/x)\"\n"),
        more("E1408", "needs with a name that leads out", "depends = { \"../x\" = \"*\" }\n"),
    ]
}

#[test]
fn manifests_get_one_verdict_too() {
    let sandbox = Sandbox::new();
    let codes = |diagnostics: Diagnostics| -> BTreeSet<String> {
        diagnostics.into_sorted().iter().map(|diagnostic| diagnostic.code.as_str().to_owned()).collect()
    };
    for (code, what, text) in all() {
        let filler: Vec<Entry> = (0..50)
            .map(|index| Entry::stored(format!("ffi/src/{}{index}.c", "a".repeat(180)).as_bytes(), b""))
            .collect();
        // What compresses too well would be refused as a bomb.
        let make = if text.len() > 1 << 20 { Entry::stored } else { Entry::deflated };
        let bytes = build(&[&[make(b"manifest.toml", &text)][..], &filler].concat());
        let path = sandbox.write("lib/a.cxz", &bytes);
        let of_file = || {
            let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
            let library = library::load(&path, "a.cxz", None, &mut sources, &mut diagnostics);
            assert!(library.is_none(), "{what}");
            codes(diagnostics)
        };
        let found = of_file();
        assert!(found.contains(code), "{what}: {found:?}");
        let time = meter::processor_time(super::TIME, || drop(of_file()));
        assert!(time <= super::TIME, "{what}: {time:?}");
        let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
        assert!(library::load_stream(&bytes[..], "a.cxz", &mut sources, &mut diagnostics).is_none(), "{what}");
        assert_eq!(codes(diagnostics), found, "{what}: stream");
    }
    // In little memory, all of them.
    let mut words = vec!["pkg".to_owned(), "verify".to_owned()];
    for (index, (_, _, text)) in all().iter().enumerate() {
        let name = format!("m{index}.cxz");
        sandbox.write(&name, build(&[Entry::stored(b"manifest.toml", text)]));
        words.push(name);
    }
    let least = meter::least_memory(&sandbox, &words[..3], 1);
    let run = meter::within_memory(&sandbox, least + (super::MEMORY_BYTES >> 10), &words);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    // Vendored copies, of some.
    let program = "import \"a\"\n\nfunc main() -> int\n    return 0\n~\n";
    sandbox.write("main.coex", program);
    for (code, what, text) in all().into_iter().step_by(4) {
        sandbox.write("lib/a.cxz", build(&[Entry::deflated(b"manifest.toml", &text)]));
        for run in [sandbox.coexc(&["check", "main.coex"]), sandbox.coex(&["pkg", "verify", "lib/a.cxz"])] {
            assert_eq!(run.status, 1, "{what}: {}", run.stderr);
            assert!(run.stderr.contains(&format!("error[{code}]")), "{what}: {}", run.stderr);
            assert!(!run.stderr.contains('\u{1b}'), "{what}: {}", run.stderr);
        }
    }
}
