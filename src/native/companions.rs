//! Variables of the C library that C code names itself: `environ`, `signgam`. A shim can replace a function, no variable.
//!
//! In: a library's sources. Out: the same, with a C file of ours for each such variable that they mention: it defines the
//! variable, and the functions that go with it, as any library would, so that the pass makes them private like all else.
//! Its definitions are weak: those of the library come first. Deliberately not here: libraries whose state is shared,
//! which have the process's.

use std::collections::BTreeMap;

use super::sources::{IsolationTier, LibrarySources, Unit};

struct Companion {
    /// Words in the sources that ask for it.
    words: &'static [&'static str],
    name: &'static str,
    text: &'static str,
}

const COMPANIONS: &[Companion] = &[
    Companion {
        words: &["environ", "__environ"],
        name: "coex-companions/environ.c",
        text: include_str!("companions/environ.c"),
    },
    Companion { words: &["signgam"], name: "coex-companions/signgam.c", text: include_str!("companions/signgam.c") },
];

/// Files by name, and the units that compile them.
type Extended = (BTreeMap<String, Vec<u8>>, Vec<Unit>);

/// The files and units of a library with companions; `None`: it needs none.
pub(super) fn added(sources: &LibrarySources<'_>) -> Option<Extended> {
    if sources.tier() == IsolationTier::Shared {
        return None;
    }
    let mentions = |words: &[&str]| sources.files.values().any(|text| words.iter().any(|word| has_word(text, word)));
    let needed: Vec<_> = COMPANIONS.iter().filter(|companion| mentions(companion.words)).collect();
    if needed.is_empty() {
        return None;
    }
    let mut files = sources.files.clone();
    let mut unit = Unit { name: "coex-companions".to_owned(), isolation: sources.tier(), ..Unit::default() };
    for companion in needed {
        files.insert(companion.name.to_owned(), companion.text.as_bytes().to_vec());
        unit.sources.push(companion.name.to_owned());
    }
    Some((files, sources.units.iter().cloned().chain([unit]).collect()))
}

fn has_word(text: &[u8], word: &str) -> bool {
    let text = String::from_utf8_lossy(text);
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn words_are_whole() {
        assert!(has_word(b"extern char **environ;", "environ"));
        assert!(has_word(b"environ", "environ"));
        assert!(!has_word(b"the environment, __environ, environ_2", "environ"));
    }
}
