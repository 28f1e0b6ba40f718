//! Patterns of file names in manifests.
//!
//! In: a pattern and a path with `/`. Out: whether they fit. `*` and `?` do not cross a `/`; `**` as a whole component
//! stands for any number of directories. Deliberately not here: character classes and braces, which no manifest needs.

/// Whether the text can only stand for the file of exactly that name.
pub fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?'])
}

pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    // For each prefix of the path, whether the pattern so far fits it: linear space, and no exponential case.
    let mut fits = vec![false; path.len() + 1];
    fits[0] = true;
    for part in pattern {
        let mut next = vec![false; path.len() + 1];
        if part == "**" {
            let mut reached = false;
            for (index, fit) in fits.iter().enumerate() {
                reached |= fit;
                next[index] = reached;
            }
        } else {
            for (index, component) in path.iter().enumerate() {
                next[index + 1] = fits[index] && part_matches(part.as_bytes(), component.as_bytes());
            }
        }
        fits = next;
    }
    fits[path.len()]
}

/// Wildcards within one component; remembers the last `*` and retries from there.
fn part_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, taken)) = retry else { return false };
                retry = Some((star, taken + 1));
                p = star;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        assert!(matches("*.c", "a.c") && matches("util/*.c", "util/x.c") && matches("?.c", "a.c"));
        assert!(matches("**/*.c", "a.c") && matches("**/*.c", "x/y/a.c") && matches("a/**", "a/b/c"));
        assert!(!matches("*.c", "util/x.c") && !matches("*.c", "a.h") && !matches("util/*.c", "util/y/x.c"));
        assert!(matches("a*b*c", "aXbYc") && !matches("a*b*c", "aXbY"));
    }

    #[test]
    fn many_stars_are_quick() {
        let pattern = "*a".repeat(40);
        assert!(!matches(&pattern, &"a".repeat(39)));
        assert!(!matches(&["**"; 60].join("/"), "") || matches("**", "x"));
    }
}
