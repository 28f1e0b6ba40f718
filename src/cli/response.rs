//! `@FILE` in a command line: arguments that stand in a file.
//!
//! In: the arguments. Out: the arguments, each `@FILE` replaced by those in the file. Deliberately not here: what they mean.
//!
//! The rules are those of gcc and clang: arguments are separated by white space; single and double quotes keep white
//! space together; a backslash takes the next character as it is, within quotes too. A file may name others, by paths
//! from the current directory. The arguments of the program that `run` starts are its own: nothing in them is replaced.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use clap::Command;

use super::{exit, output, script};
use crate::diagnostics::io_reason;

/// Files in files; deeper ones name each other.
const MAX_DEPTH: usize = 16;
const MAX_BYTES: u64 = 16 << 20;
/// Files that name others twice grow fast.
const MAX_ARGUMENTS: usize = 1 << 20;

/// `Err` is a status; the fault was told.
pub(super) fn expand(arguments: Vec<OsString>, tool: impl FnOnce() -> Command) -> Result<Vec<OsString>, u8> {
    if !arguments.iter().any(|word| file_of(word).is_some()) {
        return Ok(arguments);
    }
    let mut expansion = Expansion { tool: tool(), words: Vec::new(), state: State::First };
    arguments.into_iter().try_for_each(|word| expansion.add(word, 0)).map_err(|fault| {
        output::talk(&format!("error: {fault}\n"));
        exit::USAGE
    })?;
    Ok(expansion.words)
}

fn file_of(word: &OsStr) -> Option<&Path> {
    let name = word.as_bytes().strip_prefix(b"@").filter(|name| !name.is_empty())?;
    Some(Path::new(OsStr::from_bytes(name)))
}

/// How far the arguments have been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    /// Arguments of the tool.
    Own,
    /// Arguments of `run`, before the program.
    Run,
    /// The value of one of its options.
    RunValue,
    /// Nothing is replaced any more.
    Program,
}

struct Expansion {
    tool: Command,
    words: Vec<OsString>,
    state: State,
}

impl Expansion {
    fn add(&mut self, word: OsString, depth: usize) -> Result<(), String> {
        if let Some(path) = file_of(&word).filter(|_| self.state != State::Program) {
            if depth == MAX_DEPTH {
                return Err(format!("response file '{}' stands {MAX_DEPTH} files deep", path.display()));
            }
            return read(path)?.into_iter().try_for_each(|word| self.add(word, depth + 1));
        }
        self.state = self.after(&word);
        self.words.push(word);
        if self.words.len() > MAX_ARGUMENTS {
            return Err(format!("response files hold more than {MAX_ARGUMENTS} arguments"));
        }
        Ok(())
    }

    fn after(&self, word: &OsStr) -> State {
        match self.state {
            State::First if word == "run" && self.tool.find_subcommand("run").is_some() => State::Run,
            State::First if self.tool.get_name() == "coexc" && script::is_script(word) => State::Program,
            State::First | State::Own if word == "--" => State::Program,
            State::First | State::Own => State::Own,
            State::Run if self.takes_value(word) => State::RunValue,
            State::Run if word.as_bytes().starts_with(b"-") => State::Run,
            State::RunValue => State::Run,
            State::Run | State::Program => State::Program,
        }
    }

    /// Whether an option of `run` has its value in the next argument.
    fn takes_value(&self, word: &OsStr) -> bool {
        let Some(run) = self.tool.find_subcommand("run") else { return false };
        run.get_arguments().filter(|option| option.get_action().takes_values()).any(|option| {
            let short = option.get_short().is_some_and(|short| word == format!("-{short}").as_str());
            short || option.get_long().is_some_and(|long| word == format!("--{long}").as_str())
        })
    }
}

fn read(path: &Path) -> Result<Vec<OsString>, String> {
    let fault = |reason: String| format!("Cannot read response file '{}': {reason}", path.display());
    let plain = |error: std::io::Error| fault(io_reason(&error));
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(plain)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fault("it is larger than 16 MiB".to_owned()));
    }
    split(&bytes).map_err(|reason| fault(reason.to_owned()))
}

fn split(bytes: &[u8]) -> Result<Vec<OsString>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let next = rest.next().ok_or("it ends with a backslash")?;
                word.get_or_insert_default().push(next);
            }
            b'\'' | b'"' if quote.is_none() => {
                word.get_or_insert_default();
                quote = Some(byte);
            }
            _ if quote == Some(byte) => quote = None,
            _ if quote.is_none() && byte.is_ascii_whitespace() => words.extend(word.take()),
            0 => return Err("it holds a zero byte"),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(words.into_iter().map(OsString::from_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_keep_things_together() {
        let words = |text: &str| split(text.as_bytes()).map(|words| words.join(OsStr::new("|")).into_string().unwrap());
        assert_eq!(words("build  a.coex\n\t-o 'x y'\r\n").unwrap(), "build|a.coex|-o|x y");
        assert_eq!(words(r#"a\ b "c\"d" 'e"f' g''h """#).unwrap(), "a b|c\"d|e\"f|gh|");
        assert_eq!(words("").unwrap(), "");
        for (text, fault) in
            [("'a", "a quote is not closed"), ("a\\", "it ends with a backslash"), ("a\0b", "it holds a zero byte")]
        {
            assert_eq!(words(text), Err(fault));
        }
    }
}
