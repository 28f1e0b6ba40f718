//! What single values of a manifest may be.
//!
//! In: texts. Out: yes or no, or the typed value. Deliberately not here: reporting (`parse`).

use super::{ErrorRule, Isolation};

/// `[a-z][a-z0-9_-]{0,63}`
pub fn is_library_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(rest)
}

/// The id of a foreign unit; it becomes part of file and symbol names.
pub(super) fn is_unit_id(id: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    id.len() <= 64 && id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && id.chars().all(rest)
}

pub(super) fn is_c_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= 1024 && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(rest)
}

/// A path that stays below the directory it starts from.
pub(super) fn is_inner_path(path: &str) -> bool {
    let is_plain = |part: &str| part != ".." && !part.contains(['\\', ':']) && !part.chars().any(char::is_control);
    !path.is_empty() && !path.starts_with('/') && path.split('/').all(is_plain)
}

/// The name of a system library, its `-l` removed.
pub(super) fn system_library(text: &str) -> Option<&str> {
    let name = text.strip_prefix("-l").unwrap_or(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    let fits = !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(is_plain);
    fits.then_some(name)
}

pub(super) fn is_c_standard(text: &str) -> bool {
    let number = text.strip_prefix("gnu").or_else(|| text.strip_prefix('c'));
    number.is_some_and(|number| matches!(number, "89" | "90" | "99" | "11" | "17" | "18" | "2x" | "23" | "2y"))
}

pub(super) const ISOLATIONS: [(&str, Isolation); 4] = [
    ("instance", Isolation::Instance),
    ("shared", Isolation::Shared),
    ("confined", Isolation::Confined),
    ("process", Isolation::Process),
];

pub(super) const ERROR_RULES: [(&str, ErrorRule); 5] = [
    ("negative", ErrorRule::Negative),
    ("nonzero", ErrorRule::Nonzero),
    ("null", ErrorRule::Null),
    ("errno", ErrorRule::Errno),
    ("fail", ErrorRule::Fail),
];

/// `NAME`, or `NAME OP VERSION` with one of `= == >= <= > < !=`.
pub(super) fn is_pkg_config_requirement(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.starts_with('-')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "._+-~:".contains(c))
    };
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name] => is_word(name),
        [name, operator, version] => {
            is_word(name) && matches!(*operator, "=" | "==" | ">=" | "<=" | ">" | "<" | "!=") && is_word(version)
        }
        _ => false,
    }
}

/// The characters of a Coex type, of `out` before it, and of nothing else.
pub(super) fn is_type_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_ []<>?,().".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_libraries_are_names() {
        assert_eq!(system_library("z"), Some("z"));
        assert_eq!(system_library("-lz"), Some("z"));
        assert_eq!(system_library("stdc++"), Some("stdc++"));
        for bad in ["-Wl,x", "-L/x", "", "-l", "-l-x", "a b", "../x", "/x/libz.a", ":libz.a"] {
            assert_eq!(system_library(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_follow_the_pattern() {
        assert!(is_library_name("a") && is_library_name("regex-2_x"));
        for bad in ["", "Regex", "1a", "-a", "a.b", "a/b", "ä"] {
            assert!(!is_library_name(bad), "{bad}");
        }
        assert!(!is_library_name(&"a".repeat(65)));
    }

    #[test]
    fn pkg_config_requirements_have_no_options() {
        assert!(is_pkg_config_requirement("zlib") && is_pkg_config_requirement("openssl >= 3.0"));
        for bad in ["", "--libs", "zlib --cflags", "zlib >= ", "zlib >= 1 2"] {
            assert!(!is_pkg_config_requirement(bad), "{bad}");
        }
    }
}
