//! Which entry names are acceptable, alone and together.
//!
//! In: names as the archive has them. Out: nothing, or the rule that is broken. Nothing is ever normalised silently: a
//! name is used as it stands or refused.

use std::collections::HashMap;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::{Fault, limits};

/// The rules for one name; a trailing `/` marks a directory.
pub fn check_name(name: &str) -> Result<(), Fault> {
    check_characters(name)?;
    if name.len() > limits::NAME_BYTES {
        return Err(Fault::NameLong);
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    let mut depth = 0;
    for part in path.split('/') {
        check_part(part)?;
        depth += 1;
    }
    if depth > limits::DEPTH {
        return Err(Fault::NameDeep);
    }
    check_top_level(path, name.ends_with('/'))
}

fn check_characters(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::NameEmpty);
    }
    if name.starts_with("//") || name.starts_with("\\\\") {
        return Err(Fault::NameUnc);
    }
    if name.starts_with('/') {
        return Err(Fault::NameAbsolute);
    }
    if name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic() {
        return Err(Fault::NameDrive);
    }
    for character in name.chars() {
        match character {
            '\\' => return Err(Fault::NameBackslash),
            '\0' => return Err(Fault::NameNul),
            // On Windows it opens an alternate stream of the file.
            ':' => return Err(Fault::NameColon),
            _ if character.is_control() => return Err(Fault::NameControl),
            _ => {}
        }
    }
    Ok(())
}

fn check_part(part: &str) -> Result<(), Fault> {
    match part {
        "" => Err(Fault::NameEmptyPart),
        "." => Err(Fault::NameDot),
        ".." => Err(Fault::NameDotDot),
        _ if part.ends_with(['.', ' ']) => Err(Fault::NameTail),
        _ if is_reserved_on_windows(part) => Err(Fault::NameReserved),
        _ => Ok(()),
    }
}

/// Device names stay devices with any extension and in any case.
fn is_reserved_on_windows(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end_matches(' ').to_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let is_port =
        |rest: &str| rest.chars().count() == 1 && rest.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c));
    number.is_some_and(is_port)
}

fn check_top_level(path: &str, is_directory: bool) -> Result<(), Fault> {
    let (first, is_nested) = match path.split_once('/') {
        Some((first, _)) => (first, true),
        None => (path, is_directory),
    };
    let allowed = match first {
        "manifest.toml" => !is_nested,
        "src" | "ffi" | "docs" | "tests" => is_nested,
        _ => first.starts_with("LICENSE") || first.starts_with("README"),
    };
    if allowed { Ok(()) } else { Err(Fault::TopLevel) }
}

/// Two names with one key are one file on some file system.
fn collision_key(name: &str) -> String {
    name.chars().nfd().default_case_fold().nfc().collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Node {
    File,
    /// Named by an entry of its own.
    Directory,
    /// Named only as the parent of other entries.
    Parent,
}

/// All names of an archive together.
#[derive(Default)]
pub(crate) struct Tree {
    nodes: HashMap<String, Node>,
}

impl Tree {
    pub(crate) fn add(&mut self, name: &str) -> Result<(), Fault> {
        let path = name.strip_suffix('/').unwrap_or(name);
        let node = if path.len() == name.len() { Node::File } else { Node::Directory };
        let key = collision_key(path);
        for (index, _) in key.match_indices('/') {
            let parent = self.nodes.entry(key[..index].to_owned()).or_insert(Node::Parent);
            if *parent == Node::File {
                return Err(Fault::FileAndDirectory);
            }
        }
        match (self.nodes.get(&key), node) {
            (None, _) | (Some(Node::Parent), Node::Directory) => {}
            (Some(Node::Parent), _) => return Err(Fault::FileAndDirectory),
            (Some(known), _) if *known != node => return Err(Fault::FileAndDirectory),
            (Some(_), _) => return Err(Fault::Duplicate),
        }
        self.nodes.insert(key, node);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_and_form() {
        assert_eq!(collision_key("src/Straße"), collision_key("src/STRASSE"));
        assert_eq!(collision_key("src/e\u{301}"), collision_key("src/É"));
        assert_ne!(collision_key("src/a"), collision_key("src/b"));
    }

    #[test]
    fn accepts_ordinary_names() {
        for name in ["manifest.toml", "src/", "src/a.coex", "ffi/src/util/x.c", "LICENSE-MIT", "README.md", "docs/ä.md"]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }
}
