//! Archives, manifests, lock files and indexes, damaged: whatever a byte becomes, the readers keep their word.
//!
//! `COEX_MUTATIONS=n` tries n inputs of each kind from the seed `COEX_SEED` on. The same checks under a coverage-guided
//! fuzzer are targets of `fuzz/`, whose corpus is where mutations begin here.

mod archive;
mod index;
mod lock;
mod manifest;

use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::time::Duration;

use crate::honest_archives;
use crate::hostile_archives::table;
use crate::meter;
use crate::random_programs::random::Random;

/// For an input of a few kilobytes, in tools that are not optimised.
const LIMIT: Duration = Duration::from_secs(1);

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(corpus(target)).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 20, "{target}: {} inputs", paths.len());
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

/// One to four changes: bits, bytes, numbers at the edge, words, pieces left out, doubled, moved or taken from another.
fn mutated(random: &mut Random, seeds: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let len = random.below((bytes.len() - at).min(40));
        match random.below(9) {
            _ if bytes.is_empty() => bytes.push(random.next() as u8),
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => {
                bytes[at] =
                    *random.pick(&[&[0][..], &[0xff], b"\n", b"\"", b"/", b".", b"\\", b"\x7f"]).first().unwrap_or(&0)
            }
            3 => drop(bytes.drain(at..at + len)),
            4 => {
                let piece = bytes[at..at + len].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend(&other[from.min(other.len())..]);
            }
            6 => bytes.truncate(at),
            7 => {
                let word = random.pick(words);
                bytes.splice(at..at, word.iter().copied());
            }
            _ => {
                let edge =
                    [0, 1, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, u32::MAX][random.below(8)].to_le_bytes();
                let len = [1, 2, 4][random.below(3)].min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&edge[..len]);
            }
        }
    }
    bytes
}

fn damage(target: &str, count: u64, words: &[&[u8]], read: fn(&[u8])) {
    let seeds = seeds(target);
    let first = number("COEX_SEED", 1);
    let keeps_its_word = |bytes: &[u8], what: &str| {
        let mut ran = Ok(());
        let time = meter::processor_time(LIMIT, || ran = catch_unwind(|| read(bytes)));
        if ran.is_err() || time > LIMIT {
            let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{target}-{what}"));
            fs::write(&path, bytes).expect("written");
            panic!("{target}, {what}: {time:?}; the input is '{}'", path.display());
        }
    };
    for (index, bytes) in seeds.iter().enumerate() {
        keeps_its_word(bytes, &format!("input-{index}"));
    }
    for seed in first..first + number("COEX_MUTATIONS", count) {
        keeps_its_word(&mutated(&mut Random::new(seed), &seeds, words), &format!("seed-{seed}"));
    }
}

#[test]
fn damaged_archives() {
    damage(
        "archive",
        4000,
        &[b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"../", b"src/a"],
        archive::read,
    );
}

#[test]
fn damaged_manifests() {
    const WORDS: &[&[u8]] =
        &[b"[ffi.e]\n", b"[[ffi.e.symbols]]\n", b"\"\"\"", b"[", b"{ ", b" = ", b"\\u001b", b"\xc3\xa9"];
    damage("manifest", 10_000, WORDS, manifest::read);
}

#[test]
fn damaged_lock_files() {
    const WORDS: &[&[u8]] = &[b"[[package]]\n", b"[[registry]]\n", b"+", b"://", b"^1", b"\\u0000", b"..", b"\"\"\""];
    damage("lock", 10_000, WORDS, lock::read);
}

#[test]
fn damaged_indexes() {
    damage("index", 10_000, &[b"\"yank\":\"\"", b"{}", b"\n", b"\\u0000", b"..", b"1e400", b"[[[["], index::read);
}

/// The corpus of archives is made, not kept by hand: small ones of the table of tricks, and honest ones.
/// `COEX_BLESS=1` writes it.
#[test]
fn the_corpus_of_archives_is_the_generators() {
    let small = |bytes: &Vec<u8>| bytes.len() <= 700;
    let tricks = table::all().into_iter().filter(|case| small(&case.bytes)).step_by(8);
    let honest = honest_archives::of_builder().into_iter().filter(|(_, bytes)| small(bytes));
    let wanted: Vec<(String, Vec<u8>)> = tricks
        .enumerate()
        .map(|(index, case)| (format!("{}-{index}", case.slug), case.bytes))
        .chain(honest.map(|(name, bytes)| (format!("honest-{name}"), bytes)))
        .collect();
    let folder = corpus("archive");
    if std::env::var_os("COEX_BLESS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("directory");
        wanted.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).expect("written"));
    }
    for (name, bytes) in &wanted {
        assert!(fs::read(folder.join(name)).is_ok_and(|found| found == *bytes), "{name}: run with COEX_BLESS=1");
    }
    assert_eq!(fs::read_dir(folder).expect("directory").count(), wanted.len(), "there are other files");
}
