//! Archives that honest tools make: accepted, and `unzip`, Python's zipfile and the reader agree about names and contents.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use coexc::cxz::archive;
use coexc::cxz::pack::pack;

use crate::sandbox::{Ran, Sandbox, ran};
use crate::zip_builder::{End, Entry, build, build_with, extra_field, manifest};

type Files = BTreeMap<String, Vec<u8>>;

const MANIFEST: &str = "[library]\nname = \"a\"\nversion = \"1.0.0\"\n";

/// Lists the files of an archive as lines `NAME` TAB `HEX`.
const LIST: &str = "import sys, zipfile
for path in sys.argv[1:]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        print('#', path)
        for entry in archive.infolist():
            if not entry.is_dir():
                print(entry.filename, archive.read(entry).hex(), sep='\\t')
";

/// Archives by name, each with another habit of the library. `sys.argv[1]` is where they go.
const PYTHON: &str = "import io, sys, zipfile
manifest = sys.argv[2]
def info(name, **fields):
    entry = zipfile.ZipInfo(name, (2024, 2, 29, 23, 59, 58))
    for key, value in fields.items():
        setattr(entry, key, value)
    return entry
class Pipe(io.RawIOBase):
    def __init__(self, path): self.file = open(path, 'wb')
    def writable(self): return True
    def write(self, data): return self.file.write(data)
    def close(self): self.file.close(); super().close()
def make(name, *entries, target=None, comment=b'', **options):
    path = sys.argv[1] + '/python-' + name + '.cxz'
    with zipfile.ZipFile(target(path) if target else path, 'w', **options) as archive:
        archive.writestr('manifest.toml', manifest)
        for entry in entries:
            archive.writestr(*entry)
        archive.comment = comment
text = 'func f()\\n~\\n' * 300
for level in range(0, 10):
    make('level-%d' % level, ('src/a.coex', text), ('src/b.coex', ''), compression=zipfile.ZIP_DEFLATED, compresslevel=level)
make('stored', ('src/a.coex', text))
make('mixed', (info('src/a.coex', compress_type=8), text), (info('src/b.coex', compress_type=0), text))
make('empty-files', ('src/a', ''), (info('src/b', compress_type=8), ''))
make('names', ('src/\\u00e4\\u00df.coex', '1'), ('src/\\u65e5\\u672c.coex', '2'), ('src/\\U0001f600', '3'), ('src/a b (c) [d] {e} #%&+~!@$^', '4'))
make('directories', ('src/', ''), ('docs/x/', ''), ('docs/x/y', 'y'))
make('comment', ('src/a.coex', text), comment=b'made by hand')
make('entry-comment', (info('src/a.coex', comment=b'an entry'), text))
make('extra', (info('src/a.coex', extra=b'UT\\x05\\0\\x03\\0\\0\\0\\0ux\\x0b\\0\\x01\\x04\\0\\0\\0\\0\\x04\\0\\0\\0\\0'), text))
make('unknown-extra', (info('src/a.coex', extra=b'CC\\x08\\0whatever\\xfe\\xca\\0\\0'), text))
make('modes', (info('src/a', external_attr=0o100755 << 16), '1'), (info('src/b', external_attr=0o100400 << 16), '2'), (info('src/c', external_attr=0), '3'))
make('dos', (info('src/a', create_system=0, external_attr=0x21), '1'))
make('pipe', ('src/a.coex', text), ('src/b', ''), target=Pipe, compression=zipfile.ZIP_DEFLATED)
make('pipe-stored', ('src/a.coex', text), target=Pipe)
make('binary', ('tests/all', bytes(range(256)) * 40), compression=zipfile.ZIP_DEFLATED)
make('many', *[('src/%d' % index, str(index)) for index in range(1000)], compression=zipfile.ZIP_DEFLATED)
";

/// Lines of shell that make an archive `$out` from the library's directory by Info-ZIP's `zip`.
const ZIP: [(&str, &str); 12] = [
    ("plain", "zip -q -r $out ."),
    ("stored", "zip -q -0 -r $out ."),
    ("best", "zip -q -9 -r $out ."),
    ("no-extra", "zip -q -X -r $out ."),
    ("no-directories", "zip -q -D -r $out ."),
    ("sorted", "find . -type f | LC_ALL=C sort | zip -q -X $out -@"),
    ("streamed", "zip -q -r - . -x ./none | cat >$out"),
    ("descriptors", "zip -q -fd -r $out ."),
    ("grown", "zip -q $out manifest.toml && zip -q -r $out src docs"),
    ("shrunk", "zip -q -r $out . && zip -q -d $out docs/notes.md"),
    ("comment", "echo 'a comment' | zip -q -z -r $out ."),
    ("unicode", "zip -q -UN=UTF8 -r $out ."),
];

fn has(tool: &str, argument: &str) -> bool {
    let found = Command::new(tool).arg(argument).output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: what {tool} makes of the archives; it is not installed");
    }
    found
}

pub(crate) fn of_builder() -> Vec<(&'static str, Vec<u8>)> {
    let entry = || Entry::deflated(b"src/a.coex", &b"func f()\n~\n".repeat(20));
    let with = |change: &dyn Fn(&mut Entry)| {
        let mut entry = entry();
        change(&mut entry);
        build(&[manifest(), entry])
    };
    let name = |name: String| build(&[manifest(), Entry::stored(name.as_bytes(), b"x")]);
    let unicode = [&[1][..], &crate::zip_builder::crc32(b"src/a.coex").to_le_bytes(), b"src/a.coex"].concat();
    let directory = |mode: u32| {
        let mut entry = Entry::stored(b"src/", b"");
        entry.attributes = mode << 16 | 0x10;
        entry
    };
    let exactly = |count: usize| {
        let files = (1..count).map(|index| Entry::stored(format!("src/{index}").as_bytes(), b""));
        std::iter::once(manifest()).chain(files).collect::<Vec<Entry>>()
    };
    let zeros = vec![0; 1 << 20];
    // A little noise keeps it just within 200:1.
    let mut dense = Vec::new();
    let mut state = 1_u32;
    while dense.len() < 16 << 10 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        dense.push((state >> 24) as u8);
    }
    dense.resize(3 << 20, 0);
    let level = |level: u32| build(&[manifest(), Entry::deflated_at(b"src/a", &b"func f()\n~\n".repeat(500), level)]);
    vec![
        ("level-0", level(0)),
        ("level-1", level(1)),
        ("level-3", level(3)),
        ("level-6", level(6)),
        ("manifest-alone", build(&[manifest()])),
        ("order", build(&[entry(), manifest()])),
        ("descriptor", build(&[manifest(), entry().with_descriptor(true)])),
        ("bare-descriptor", build(&[entry().with_descriptor(false), manifest()])),
        ("stored-descriptor", build(&[Entry::stored(b"src/s", b"stored").with_descriptor(true), manifest()])),
        ("its-own-name-in-unicode", with(&|entry| entry.both(|header| header.extra = extra_field(0x7075, &unicode)))),
        ("local-extra-only", with(&|entry| entry.local.extra = extra_field(0xcafe, b""))),
        ("central-extra-only", with(&|entry| entry.central.extra = extra_field(0x5455, &[1, 0, 0, 0, 0]))),
        ("times-of-pkware", with(&|entry| entry.both(|header| header.extra = extra_field(0x000d, &[0; 12])))),
        ("hints-of-the-compressor", with(&|entry| entry.both(|header| header.flags |= 0b110))),
        ("ascii-unmarked", with(&|entry| entry.both(|header| header.flags = 0))),
        ("directories", build(&[directory(0o040_755), manifest(), entry()])),
        ("directory-behind-its-files", build(&[manifest(), entry(), directory(0o040_700)])),
        ("longest-name", name(format!("src/{}", "a".repeat(236)))),
        ("longest-name-in-utf8", name(format!("src/{}", "é".repeat(118)))),
        ("deepest", name(format!("src/{}x", "d/".repeat(14)))),
        ("nearly-reserved", name("src/console.c/com10/nul_/aux-".to_owned())),
        ("dots", name("src/.hidden/..x/...y/a..b".to_owned())),
        ("top-level", build(&[manifest(), Entry::stored(b"LICENSE-MIT", b""), Entry::stored(b"README.de.md", b"x")])),
        ("an-archive-within", build(&[manifest(), Entry::stored(b"tests/inner.zip", &build(&[manifest()]))])),
        (
            "a-mark-in-the-data",
            build(&[manifest(), Entry::stored(b"tests/marks", b"PK\x01\x02PK\x03\x04PK\x05\x06PK\x07\x08")]),
        ),
        ("comment", build_with(&[manifest()], &End { comment: vec![b'c'; usize::from(u16::MAX)], ..End::default() })),
        ("ten-thousand", build(&exactly(10_000))),
        ("a-megabyte-of-zeros", build(&[manifest(), Entry::deflated(b"tests/zeros", &zeros)])),
        ("nearly-too-dense", build(&[manifest(), Entry::deflated(b"tests/dense", &dense)])),
    ]
}

/// Writes all of them; gives their names.
fn write_all(sandbox: &Sandbox) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, bytes) in of_builder() {
        sandbox.write(&format!("made/builder-{name}.cxz"), bytes);
        names.push(format!("builder-{name}"));
    }
    let files: Files = [("manifest.toml", MANIFEST), ("src/é.coex", "é"), ("docs/long.md", "x")]
        .map(|(name, text)| (name.to_owned(), text.repeat(if name.ends_with("md") { 5000 } else { 1 }).into_bytes()))
        .into();
    sandbox.write("made/ours.cxz", pack(&files).expect("packs"));
    names.push("ours".to_owned());
    if has("python3", "--version") {
        let made = sandbox.path("made");
        let run = ran(sandbox.command("python3").args(["-c", PYTHON]).arg(&made).arg(MANIFEST));
        assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    }
    if has("zip", "-v") {
        for (name, text) in
            [("manifest.toml", MANIFEST), ("src/a.coex", "a"), ("src/e.coex", ""), ("docs/notes.md", "n")]
        {
            sandbox.write(&format!("tree/{name}"), text.repeat(50).replace(&MANIFEST.repeat(50), MANIFEST));
        }
        for (name, line) in ZIP {
            let out = sandbox.path(&format!("made/zip-{name}.cxz"));
            let mut command = sandbox.command("sh");
            let run = ran(command.args(["-c", line]).env("out", &out).current_dir(sandbox.path("tree")));
            assert_eq!(run.status, 0, "{line}: {}{}", run.stdout, run.stderr);
        }
    }
    let entries = std::fs::read_dir(sandbox.path("made")).expect("directory");
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("entry").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert!(names.iter().all(|name| found.contains(name)));
    found
}

fn ours(path: &Path) -> Files {
    let bytes = std::fs::read(path).expect("read");
    archive::read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn all_readers_agree_about_honest_archives() {
    let sandbox = Sandbox::new();
    let names = write_all(&sandbox);
    println!("{} archives", names.len());
    let path = |name: &str| sandbox.path(&format!("made/{name}.cxz"));
    let read: BTreeMap<&str, Files> = names.iter().map(|name| (name.as_str(), ours(&path(name)))).collect();
    assert_eq!(read["builder-ten-thousand"].len(), 10_000);
    if has("python3", "--version") {
        let paths: Vec<_> = names.iter().map(|name| path(name)).collect();
        let run = ran(sandbox.command("python3").args(["-c", LIST]).args(&paths).env("PYTHONIOENCODING", "utf-8"));
        assert_eq!((run.status, run.stderr.as_str()), (0, ""));
        let mut listed: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
        let mut current = "";
        for line in run.stdout.lines() {
            if let Some(shown) = line.strip_prefix("# ") {
                current = Path::new(shown).file_stem().and_then(|stem| stem.to_str()).expect("a name");
                continue;
            }
            let (name, hex) = line.split_once('\t').expect("a name and contents");
            listed.entry(current).or_default().insert(name.to_owned(), hex.to_owned());
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (name, files) in &read {
            let files: BTreeMap<String, String> =
                files.iter().map(|(name, bytes)| (name.clone(), hex(bytes))).collect();
            assert!(listed.get(name) == Some(&files), "{name}: Python reads something else");
        }
    }
    if has("unzip", "-v") {
        std::fs::create_dir(sandbox.path("unzipped")).expect("directory");
        for (name, files) in &read {
            // It does not write names of this length on every system, and ten thousand files take long.
            if files.len() > 2000 {
                continue;
            }
            let run = unzip(&sandbox, &path(name), name);
            assert_eq!(run.status, 0, "{name}: {}{}", run.stdout, run.stderr);
            let mut found = Files::new();
            collect(&sandbox.path(&format!("unzipped/{name}")), "", &mut found);
            assert!(found == *files, "{name}: unzip makes {:?}", found.keys());
        }
    }
}

fn unzip(sandbox: &Sandbox, archive: &Path, name: &str) -> Ran {
    let target = sandbox.path(&format!("unzipped/{name}"));
    ran(sandbox.command("unzip").arg("-q").arg(archive).arg("-d").arg(target))
}

fn collect(directory: &Path, prefix: &str, files: &mut Files) {
    for entry in std::fs::read_dir(directory).expect("directory") {
        let entry = entry.expect("entry");
        let name = format!("{prefix}{}", entry.file_name().to_str().expect("a name in UTF-8"));
        if entry.file_type().expect("a kind").is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read(entry.path()).expect("read"));
        }
    }
}

/// What a user gets from the commands is the same.
#[test]
fn commands_accept_them() {
    let sandbox = Sandbox::new();
    let names = write_all(&sandbox);
    assert!(names.len() >= 30, "{}", names.len());
    let paths: Vec<String> = names.iter().map(|name| format!("made/{name}.cxz")).collect();
    let words: Vec<&str> = ["pkg", "verify"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let run = sandbox.coex(&words);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert_eq!(run.stdout.lines().count(), names.len());
    for name in names.iter().filter(|name| name.starts_with("zip-")) {
        let run = sandbox.coex(&["pkg", "unpack", &format!("made/{name}.cxz"), name]);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{name}");
        let mut found = Files::new();
        collect(&sandbox.path(name), "", &mut found);
        assert_eq!(found, ours(&sandbox.path(&format!("made/{name}.cxz"))), "{name}");
    }
}
