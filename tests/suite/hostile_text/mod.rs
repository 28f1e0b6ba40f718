//! Programs of the corpus, damaged: no text makes the compiler panic, hang, or speak of places that do not exist.
//!
//! `COEX_MUTATIONS=n` tries n texts from the seed `COEX_SEED` on. A text that breaks something is written below
//! `target/tmp`. The same check under a coverage-guided fuzzer is the package `fuzz/`.

mod front_end;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::random_programs::random::Random;

/// For a text of a few pages, in a compiler without optimisation on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// What hurts more often than what a corpus has.
const WORDS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "~",
    "end",
    ":",
    ";",
    ",",
    ".",
    "..",
    "?",
    "??",
    "!",
    "=",
    ":=",
    "+=",
    "->",
    "=>",
    "<-",
    "<",
    ">",
    "==",
    "-",
    "%",
    "@",
    "_",
    "nil",
    "self",
    "cell",
    "await ",
    "const ",
    "not ",
    "case ",
    "else ",
    "if ",
    "for x in ",
    "while true cycle ",
    "match ",
    "select ",
    "within 1 ",
    "return ",
    "break",
    "task ",
    "func ",
    "formula ",
    "type ",
    "trait ",
    "matrix M[2]:",
    "extern ",
    "import ",
    "llvm_ir ",
    "\"\"\"",
    "\"",
    "'",
    "\\",
    "##",
    "#",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "é",
    "😀",
    "\0",
    "0x",
    "0xFFFFFFFFFFFFFFFF",
    "9223372036854775808",
    "1e999",
    "1.",
    " as ",
    " and ",
    "int",
    "float",
    "string",
    "json",
    "[int]",
    "Map<int, string>",
    "Set<",
    "Channel<int>",
    "Result<int, string>",
    "atomic_int",
    "T",
    "int?",
];

fn corpus() -> Vec<String> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("tests can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "coex") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| String::from_utf8_lossy(&fs::read(path).expect("can be read")).into_owned()).collect()
}

/// Pieces that belong together: words, numbers, runs of blanks, single marks.
fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        ' ' => 1,
        _ => 2,
    };
    let mut found = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (index, c) in text.char_indices() {
        if before.is_some_and(|before| before != class(c) || class(c) == 2) {
            found.push(&text[start..index]);
            start = index;
        }
        before = Some(class(c));
    }
    found.push(&text[start..]);
    found
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic())
}

fn damaged(random: &mut Random, corpus: &[String]) -> String {
    let base = &corpus[random.below(corpus.len())];
    let other = &corpus[random.below(corpus.len())];
    let mut pieces: Vec<&str> = match random.below(4) {
        // Lines of two programs, as whole statements.
        0 => {
            let (a, b): (Vec<&str>, Vec<&str>) =
                (base.split_inclusive('\n').collect(), other.split_inclusive('\n').collect());
            let (cut, from) = (random.below(a.len()), random.below(b.len()));
            let length = 1 + random.below(12);
            [&a[..cut], &b[from..(from + length).min(b.len())], &a[cut..]].concat()
        }
        _ => tokens(base),
    };
    let others = tokens(other);
    for _ in 0..1 + random.below(4) {
        let at = random.below(pieces.len());
        let length = (1 + random.below(6)).min(pieces.len() - at);
        match random.below(9) {
            0 => drop(pieces.drain(at..at + length)),
            1 => {
                let copy = pieces[at..at + length].to_vec();
                let to = random.below(pieces.len());
                pieces.splice(to..to, copy);
            }
            2 => pieces[at] = others[random.below(others.len())],
            3 => pieces.insert(at, random.pick(WORDS)),
            4 => pieces[at] = random.pick(WORDS),
            5 => {
                let to = random.below(pieces.len());
                pieces.swap(at, to);
            }
            6 => {
                // One name for another of the same program: well formed, and mostly of another type.
                let words: Vec<usize> = (0..pieces.len()).filter(|&index| is_word(pieces[index])).collect();
                if let [first, ..] = words[..] {
                    let (to, from) = (words[random.below(words.len())], words[random.below(words.len())]);
                    pieces[to.max(first)] = pieces[from];
                }
            }
            7 => pieces.truncate(at),
            _ => {
                let from = random.below(others.len());
                let length = (1 + random.below(20)).min(others.len() - from);
                pieces.splice(at..at, others[from..from + length].iter().copied());
            }
        }
        if pieces.is_empty() {
            pieces.push("\n");
        }
    }
    pieces.concat()
}

#[test]
fn damaged_programs_are_read_like_any_other() {
    let number =
        |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let corpus = corpus();
    let mut wrong = Vec::new();
    let first = number("COEX_SEED", 1);
    for seed in first..first + number("COEX_MUTATIONS", 400) {
        let text = damaged(&mut Random::new(seed), &corpus);
        let begin = Instant::now();
        let panicked = catch_unwind(|| front_end::read(&text)).is_err();
        let took = begin.elapsed();
        if panicked || took > LIMIT {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{seed}.coex"));
            fs::write(&path, &text).expect("the directory for tests can be written");
            wrong.push(format!("{} panicked: {panicked}, after {took:?}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
