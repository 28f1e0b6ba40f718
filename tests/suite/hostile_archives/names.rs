//! Names that lead out of a library, mean something else elsewhere, or collide.

use super::table::{Case, of_entry, with};
use crate::zip_builder::{Entry, build, manifest};

/// What is wrong, and the name.
const ALONE: [(&str, &[u8]); 89] = [
    ("name-empty", b""),
    ("name-absolute", b"/"),
    ("name-absolute", b"/etc/passwd"),
    ("name-absolute", b"/src/a"),
    ("name-unc", b"//server/share/x"),
    ("name-unc", b"\\\\server\\share\\x"),
    ("name-unc", b"\\\\?\\C:\\x"),
    ("name-drive", b"C:/x"),
    ("name-drive", b"c:x"),
    ("name-drive", b"C:\\x"),
    ("name-drive", b"z:/src/a"),
    ("name-dotdot", b".."),
    ("name-dotdot", b"../"),
    ("name-dotdot", b"../x"),
    ("name-dotdot", b"../../../../../../etc/cron.d/x"),
    ("name-dotdot", b"src/.."),
    ("name-dotdot", b"src/../x"),
    ("name-dotdot", b"src/a/../../../x"),
    ("name-dotdot", b"src/../../x/"),
    ("name-dotdot", b"src/..//x"),
    ("name-dot", b"."),
    ("name-dot", b"./manifest.toml"),
    ("name-dot", b"src/./x"),
    ("name-dot", b"src/."),
    ("name-dot", b"src/./"),
    ("name-empty-component", b"src//x"),
    ("name-empty-component", b"src/x//"),
    ("name-backslash", b"src\\x"),
    ("name-backslash", b"..\\..\\x"),
    ("name-backslash", b"src/..\\x"),
    ("name-backslash", b"src/a\\"),
    ("name-nul", b"src/a\0b"),
    ("name-nul", b"src/a.coex\0.txt"),
    ("name-nul", b"manifest.toml\0"),
    ("name-control", b"src/a\nb"),
    ("name-control", b"src/a\rb"),
    ("name-control", b"src/a\tb"),
    ("name-control", b"src/\x01"),
    ("name-control", b"src/\x08\x08\x08"),
    ("name-control", b"src/\x1b[2Jx"),
    ("name-control", b"src/a\x7f"),
    ("name-control", "src/a\u{85}b".as_bytes()),
    ("name-control", "src/a\u{9b}2J".as_bytes()),
    ("name-colon", b"src/a.coex:stream"),
    ("name-colon", b"src/a.coex::$DATA"),
    ("name-colon", b"src/c:/x"),
    ("name-trailing", b"src/a."),
    ("name-trailing", b"src/a "),
    ("name-trailing", b"src/..."),
    ("name-trailing", b"src/ "),
    ("name-trailing", b"src/a /b"),
    ("name-trailing", b"src/a./b"),
    ("name-trailing", b"manifest.toml."),
    ("name-trailing", b"src./a"),
    ("name-trailing", b".. /x"),
    ("name-reserved", b"src/CON"),
    ("name-reserved", b"src/con.c"),
    ("name-reserved", b"src/nul.tar.gz"),
    ("name-reserved", b"src/aux.c"),
    ("name-reserved", b"src/PRN/x"),
    ("name-reserved", b"src/prn .c"),
    ("name-reserved", b"src/com1"),
    ("name-reserved", b"src/COM0.h"),
    ("name-reserved", b"src/LPT9.x"),
    ("name-reserved", "src/COM¹".as_bytes()),
    ("name-reserved", b"src/CONIN$"),
    ("name-reserved", b"src/conout$.c"),
    ("name-utf8", b"src/\xff"),
    ("name-utf8", b"src/\xc0\xaf"),
    ("name-utf8", b"src/\xc0\xae\xc0\xae/x"),
    ("name-utf8", b"src/\xed\xa0\x80"),
    ("name-utf8", b"src/\xe2\x82"),
    ("name-utf8", b"src/\xf4\x90\x80\x80"),
    ("name-utf8", b"src/\xe9.coex"),
    ("top-level", b"x"),
    ("top-level", b"bin/x"),
    ("top-level", b"src"),
    ("top-level", b"ffi"),
    ("top-level", b"tests"),
    ("top-level", b"manifest.toml/"),
    ("top-level", b"manifest.toml/x"),
    ("top-level", b"Manifest.toml"),
    ("top-level", b"manifest.toml.bak"),
    ("top-level", b"SRC/a"),
    ("top-level", b"srcx/a"),
    ("top-level", b" src/a"),
    ("top-level", b".git/config"),
    ("top-level", b"readme.md"),
    ("top-level", b"a.cxz"),
];

pub(super) fn alone() -> Vec<Case> {
    let named = |slug, name: &[u8]| {
        let shown: String = String::from_utf8_lossy(name).chars().flat_map(char::escape_debug).take(40).collect();
        let shown = format!("{shown} of {}", name.len());
        // A name with `/` at its end is that of a directory, which has no contents.
        let content: &[u8] = if name.ends_with(b"/") { b"" } else { b"x" };
        with(format!("{slug} {shown}"), slug, Entry::stored(name, content))
    };
    let mut cases: Vec<Case> = ALONE.iter().map(|(slug, name)| named(slug, name)).collect();
    cases.push(named("name-too-long", format!("src/{}", "a".repeat(237)).as_bytes()));
    cases.push(named("name-too-long", format!("src/{}é", "b".repeat(235)).as_bytes()));
    cases.push(named("name-too-long", &b"src/".iter().copied().chain([b'a'; 65531]).collect::<Vec<u8>>()));
    cases.push(named("name-too-deep", format!("src/{}x", "d/".repeat(15)).as_bytes()));
    cases.push(named("name-too-deep", format!("src/{}", "d/".repeat(16)).as_bytes()));
    cases.push(named("name-dotdot", format!("src/{}x", "../".repeat(70)).as_bytes()));
    let mut unmarked = Entry::stored("src/ä".as_bytes(), b"x");
    unmarked.both(|header| header.flags = 0);
    cases.push(with("UTF-8 that is not marked", "name-encoding", unmarked));
    let mut old = Entry::stored(b"src/\x84.coex", b"x");
    old.both(|header| header.flags = 0);
    cases.push(with("a code page of DOS", "name-utf8", old));
    cases
}

/// Names that are one file on some file system; the second entry is to blame.
const TOGETHER: [(&str, &str, &str); 28] = [
    ("duplicate", "src/a", "src/a"),
    ("duplicate", "src/a", "src/A"),
    ("duplicate", "src/a/b", "src/A/B"),
    ("duplicate", "src/straße", "src/STRASSE"),
    ("duplicate", "src/straße", "src/strasse"),
    ("duplicate", "src/ẞ", "src/ss"),
    ("duplicate", "src/é", "src/e\u{301}"),
    ("duplicate", "src/É", "src/e\u{301}"),
    ("duplicate", "src/가", "src/\u{1100}\u{1161}"),
    ("duplicate", "src/ﬁ", "src/FI"),
    ("duplicate", "src/ﬃ", "src/ffi"),
    ("duplicate", "src/\u{212a}", "src/k"),
    ("duplicate", "src/\u{212b}", "src/å"),
    ("duplicate", "src/\u{2126}", "src/ω"),
    ("duplicate", "src/ſ", "src/S"),
    ("duplicate", "src/ς", "src/σ"),
    ("duplicate", "src/İ", "src/i\u{307}"),
    ("duplicate", "src/ᾳ", "src/ΑΙ"),
    ("duplicate", "src/µ", "src/μ"),
    ("duplicate", "src/a\u{323}\u{307}", "src/a\u{307}\u{323}"),
    ("duplicate", "src/a/", "src/a/"),
    ("duplicate", "src/a/", "src/A/"),
    ("file-and-directory", "src/a", "src/a/b"),
    ("file-and-directory", "src/a/b", "src/a"),
    ("file-and-directory", "src/A/b", "src/a"),
    ("file-and-directory", "src/a", "src/A/"),
    ("file-and-directory", "src/a/", "src/a"),
    ("file-and-directory", "src/é/x/y", "src/e\u{301}/X"),
];

pub(super) fn together() -> Vec<Case> {
    let content = |name: &str, text: &str| if name.ends_with('/') { String::new() } else { text.to_owned() };
    let entry = |name: &str, text| Entry::stored(name.as_bytes(), content(name, text).as_bytes());
    let mut cases: Vec<Case> = TOGETHER
        .iter()
        .map(|(slug, first, second)| {
            let bytes = build(&[manifest(), entry(first, "1"), entry(second, "2")]);
            of_entry(format!("{first} and {second}"), slug, second.as_bytes(), bytes)
        })
        .collect();
    let twice = build(&[manifest(), manifest()]);
    cases.push(of_entry("two manifests", "duplicate", b"manifest.toml", twice));
    let far: Vec<Entry> = (0..500).map(|index| Entry::stored(format!("src/{index}").as_bytes(), b"")).collect();
    let far = build(&[&[manifest()][..], &far, &[Entry::stored(b"SRC/0", b"")]].concat());
    cases.push(of_entry("another top level by case", "top-level", b"SRC/0", far));
    cases
}
