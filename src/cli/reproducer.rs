//! The archive with which somebody else sees the same failure.
//!
//! In: a command line and the files that were read. Out: these files below `files/`, arranged as they were, and
//! `reproduce.sh`, which runs the command among them. Of the environment only `COEX_LIB_PATH` and the place of the home
//! directory are kept. Deliberately not here: what went wrong (`internal_error`).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::diagnostics::shell::{command_line, quoted};
use crate::driver::session::variable;

/// Larger ones would not travel; what is left out is named in the report.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Default)]
pub(super) struct Reproducer {
    /// By their names in the archive.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) omitted: Vec<String>,
    script: String,
}

pub(super) fn make(words: &[OsString], inputs: &[PathBuf]) -> Reproducer {
    let mut made = Reproducer::default();
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let paths: Vec<PathBuf> = inputs.iter().map(|path| plain(&here.join(path))).filter(|path| is_own(path)).collect();
    let top = paths.iter().fold(here.clone(), |top, path| common(&top, path.parent().unwrap_or(path)));
    let mut left = MAX_BYTES;
    for path in paths {
        let name = name_in_archive(&path, &top);
        let size = fs::metadata(&path).map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { u64::MAX });
        if made.files.contains_key(&name) {
            continue;
        }
        // Reading a pipe might never end.
        if size > left {
            made.omitted.push(format!("{name}: too large, or no file"));
            continue;
        }
        match fs::read(&path) {
            Ok(bytes) => {
                left -= size;
                made.files.insert(name, bytes);
            }
            Err(error) => made.omitted.push(format!("{name}: {error}")),
        }
    }
    made.script = script(words, &here, &top);
    made
}

/// What belongs to the system is there elsewhere too.
fn is_own(path: &Path) -> bool {
    !path.starts_with("/usr") || path.starts_with("/usr/local/lib/coex")
}

/// Without `.` and `..`, as the text of the path says.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn common(one: &Path, other: &Path) -> PathBuf {
    one.components().zip(other.components()).take_while(|(one, other)| one == other).map(|(part, _)| part).collect()
}

fn name_in_archive(path: &Path, top: &Path) -> String {
    format!("files/{}", path.strip_prefix(top).unwrap_or(path).to_string_lossy())
}

/// The command, to be run in the unpacked archive.
fn script(words: &[OsString], here: &Path, top: &Path) -> String {
    let place = |path: &Path| match plain(&here.join(path)).strip_prefix(top) {
        Ok(below) => format!("\"$top\"/{}", quoted(below.as_os_str())),
        // Nothing of it is in the archive, so any place will do.
        Err(_) => "\"$top\"/elsewhere".to_owned(),
    };
    let mut command = String::new();
    for word in words.iter().skip(1) {
        command.push(' ');
        command.push_str(&argument(word, &place));
    }
    let home = variable("HOME").map_or_else(|| "\"$top\"/home".to_owned(), |home| place(Path::new(&home)));
    let mut environment = format!("HOME={home}");
    if let Some(paths) = variable("COEX_LIB_PATH") {
        let paths: Vec<String> = std::env::split_paths(&paths).map(|path| place(&path)).collect();
        environment.push_str(&format!(" COEX_LIB_PATH={}", paths.join(":")));
    }
    let tool = words.first().map_or_else(|| "coexc".to_owned(), |word| word.to_string_lossy().into_owned());
    format!(
        "#!/bin/sh\n# Repeats the failure. The argument is the {tool} to try; without one, that of PATH is taken.\n\
         top=$(cd \"$(dirname \"$0\")/files\" && pwd) || exit 2\n\
         case ${{1:-{tool}}} in /*|{tool}) tool=${{1:-{tool}}} ;; *) tool=$PWD/$1 ;; esac\n\
         mkdir -p {here} && cd {here} || exit 2\n\
         unset COEX_CACHE_DIR XDG_CACHE_HOME COEX_LIB_PATH\n\
         {environment} exec \"$tool\"{command}\n",
        here = place(here),
    )
}

/// Absolute paths, also those behind `-L` and `--option=`, lead into the archive.
fn argument(word: &OsStr, place: &dyn Fn(&Path) -> String) -> String {
    let bytes = word.as_bytes();
    let start = match bytes {
        [b'/', ..] => Some(0),
        [b'-', b'L' | b'o', b'/', ..] => Some(2),
        [b'-', b'-', ..] => bytes.windows(2).position(|pair| pair == b"=/").map(|at| at + 1),
        _ => None,
    };
    match start {
        Some(0) => place(Path::new(word)),
        Some(at) => {
            let (option, path) = bytes.split_at(at);
            format!("{}{}", quoted(OsStr::from_bytes(option)), place(Path::new(OsStr::from_bytes(path))))
        }
        None => quoted(OsStr::new(&without_password(&word.to_string_lossy()))),
    }
}

/// A command line, for a reader.
pub(super) fn shown(words: &[OsString]) -> String {
    command_line(words.iter().map(|word| without_password(&word.to_string_lossy())))
}

/// `https://name:secret@host` has something that must not travel.
fn without_password(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => word.to_owned(),
    }
}

/// The archive as bytes; an archive that cannot be made is empty, since the report matters more.
pub(super) fn pack(made: &Reproducer, report: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let script = ("reproduce.sh".to_owned(), made.script.clone().into_bytes());
    let report = ("report.txt".to_owned(), report.as_bytes().to_vec());
    for (name, bytes) in [script, report].iter().map(|(name, bytes)| (name, bytes)).chain(&made.files) {
        let written = writer.start_file(name.as_str(), SimpleFileOptions::default());
        if written.is_err() || writer.write_all(bytes).is_err() {
            return Vec::new();
        }
    }
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_leads_into_the_archive() {
        let words: Vec<OsString> = ["coexc", "build", "-L/home/a/libs", "-L", "/srv/x", "it's.coex", "--color=never"]
            .iter()
            .map(OsString::from)
            .collect();
        let script = script(&words, Path::new("/home/a/work"), Path::new("/home/a"));
        let wanted = "\"$tool\" build -L\"$top\"/libs -L \"$top\"/elsewhere 'it'\\''s.coex' --color=never\n";
        assert!(script.ends_with(wanted), "{script}");
        assert!(script.contains("cd \"$top\"/work "), "{script}");
    }

    #[test]
    fn passwords_stay_at_home() {
        assert_eq!(without_password("--registry=https://ann:secret@host/a@b"), "--registry=https://host/a@b");
        assert_eq!(without_password("https://host/a@b"), "https://host/a@b");
    }
}
