//! The system's part of a link line: start files, library directories, the dynamic linker, the C library.
//!
//! In: what `clang -###` prints for an executable. Out: [`StartFiles`], as data that can be kept as text.
//! Deliberately not here: keeping it (`driver`), because only the driver knows the cache.

use std::path::Path;

use super::LinkError;
use crate::sandbox::Tool;

/// Stands in clang's line where the objects go.
const PLACEHOLDER: &str = "coex-inputs";
const OUTPUT: &str = "coex-output";

/// The variable in which clang is told of more directories with libraries.
pub const LIBRARY_DIRECTORIES: &str = "LIBRARY_PATH";

/// Arguments before and after the objects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartFiles {
    pub before: Vec<String>,
    pub after: Vec<String>,
}

/// Runs clang once; nothing is linked.
pub fn ask(clang: &Path) -> Result<StartFiles, LinkError> {
    // The shared libgcc would only cost time at every start.
    let arguments = ["-###", "-pie", "-static-libgcc", "-o", OUTPUT, "-Wl,coex-inputs"];
    let tool = Tool::new(clang).arguments(arguments).pass(&[LIBRARY_DIRECTORIES]).trusts_scripts();
    let text = tool.run().map_err(|fault| LinkError::cannot_run(clang, fault))?.stderr;
    text.lines().rev().find_map(parse_line).ok_or_else(|| LinkError::NoStartFiles {
        clang: clang.to_owned(),
        said: text.lines().last().unwrap_or_default().to_owned(),
    })
}

fn parse_line(line: &str) -> Option<StartFiles> {
    let words = words(line)?;
    let place = words.iter().position(|word| word == PLACEHOLDER)?;
    let mut before = Vec::new();
    let mut rest = words[1..place].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-o" => {
                rest.next();
            }
            // Hashing the output costs time and tells nothing that the cache does not know.
            "--build-id" => {}
            _ => before.push(word.clone()),
        }
    }
    Some(StartFiles { before, after: words[place + 1..].to_vec() })
}

/// The quoted words of a command line as clang prints it.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut characters = line.trim().chars().peekable();
    while let Some(character) = characters.next() {
        if character == ' ' {
            continue;
        }
        if character != '"' {
            return None;
        }
        let mut word = String::new();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => word.push(characters.next()?),
                other => word.push(other),
            }
        }
        words.push(word);
    }
    Some(words)
}

impl StartFiles {
    pub fn to_text(&self) -> String {
        format!("{}\n\n{}\n", self.before.join("\n"), self.after.join("\n"))
    }

    pub fn from_text(text: &str) -> Option<StartFiles> {
        let (before, after) = text.split_once("\n\n")?;
        let list = |text: &str| text.lines().map(str::to_owned).collect();
        Some(StartFiles { before: list(before), after: list(after) })
    }

    /// Whether the start files are still where clang saw them.
    pub fn exist(&self) -> bool {
        let files = self.before.iter().chain(&self.after).filter(|word| word.ends_with(".o"));
        files.map(Path::new).all(Path::is_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_clangs_line_at_the_objects() {
        let line = r#" "/usr/bin/ld" "--build-id" "-pie" "-o" "coex-output" "Scrt1.o" "coex-inputs" "-lc" "a\"b""#;
        let files = parse_line(line).expect("parses");
        assert_eq!(files.before, ["-pie", "Scrt1.o"]);
        assert_eq!(files.after, ["-lc", "a\"b"]);
        assert_eq!(StartFiles::from_text(&files.to_text()), Some(files));
    }
}
