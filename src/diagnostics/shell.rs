//! Command lines, for people and scripts.
//!
//! In: the words of a command. Out: text that a shell takes apart into the same words; bytes that are no text become the
//! sign for that. Deliberately not here: running anything.

use std::ffi::OsStr;

/// A command as a user would type it.
pub fn command_line<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// One word of it.
pub fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=+,:@%".contains(c));
    if is_plain { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted_into_a_shell() {
        let words = ["clang-22", "-DA=\"x y\"", "-DQ='", "", "~/\u{e4}.c", "-Iffi/src"];
        assert_eq!(command_line(words), "clang-22 '-DA=\"x y\"' '-DQ='\\''' '' '~/\u{e4}.c' -Iffi/src");
    }
}
