//! What a program was made from, in the form that make and ninja read.
//!
//! In: the output's name and the inputs. Out: the text of a depfile. Deliberately not here: where it goes (`cli`).
//!
//! ```text
//! main: main.coex \
//!   lib/regex.cxz
//!
//! main.coex:
//!
//! lib/regex.cxz:
//! ```
//!
//! The empty rules let make go on when a file is gone that the program no longer needs. What is absent cannot stand here:
//! make and ninja would find it missing, and build each time.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::inputs::Inputs;

/// The text, or the first path that the format cannot express. `directory` is where this process runs: the names of a
/// program that was named by a relative path are relative too.
pub fn text(output: &Path, root: &Path, directory: &Path, inputs: &Inputs) -> Result<Vec<u8>, PathBuf> {
    let (mut paths, mut seen) = (Vec::new(), HashSet::new());
    for path in inputs.watched() {
        let path = if root.is_relative() { path.strip_prefix(directory).unwrap_or(path) } else { path };
        if seen.insert(path) {
            paths.push(path);
        }
    }
    let mut text = name(output)?;
    text.push(b':');
    for path in &paths {
        text.extend_from_slice(if path == &paths[0] { b" " } else { b" \\\n  " });
        text.extend(name(path)?);
    }
    text.push(b'\n');
    for path in paths.iter().filter(|path| !path.as_os_str().as_bytes().ends_with(b"\\")) {
        text.push(b'\n');
        text.extend(name(path)?);
        text.extend_from_slice(b":\n");
    }
    Ok(text)
}

/// Spaces and `#` get a backslash, and the backslashes before them are doubled; `$` is doubled.
fn name(path: &Path) -> Result<Vec<u8>, PathBuf> {
    let mut text = Vec::new();
    let mut backslashes = 0;
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b' ' | b'\t' | b'#' => {
                text.extend(std::iter::repeat_n(b'\\', backslashes + 1));
                text.push(byte);
            }
            b'$' => text.extend_from_slice(b"$$"),
            b'\n' | b'\r' => return Err(path.to_owned()),
            _ => text.push(byte),
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_for_make() {
        let quoted = |path: &str| name(Path::new(path)).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(quoted("plain/x.coex").unwrap(), "plain/x.coex");
        assert_eq!(quoted("a b#c$d").unwrap(), "a\\ b\\#c$$d");
        assert_eq!(quoted("a\\b").unwrap(), "a\\b");
        assert_eq!(quoted("a\\ b").unwrap(), "a\\\\\\ b");
        assert_eq!(quoted("a\nb"), Err(PathBuf::from("a\nb")));
    }

    #[test]
    fn names_are_relative_as_the_program_is() {
        let mut inputs = Inputs::default();
        inputs.note_searched(Path::new("/home/user/project/lib"));
        inputs.note_searched(Path::new("x.coex"));
        inputs.note_absent(Path::new("gone"));
        let text = |root: &str| {
            let text = text(Path::new("x"), Path::new(root), Path::new("/home/user/project"), &inputs).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert_eq!(text("x.coex"), "x: lib \\\n  x.coex\n\nlib:\n\nx.coex:\n");
        assert!(text("/home/user/project/x.coex").starts_with("x: /home/user/project/lib "));
    }
}
